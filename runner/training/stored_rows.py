"""Rows of a table turned back into runs: their keys, and a study that has just their cells."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from runner.errors import RunnerError, StudyError
from runner.results.columns import Header
from runner.results.provenance import study_folders

if TYPE_CHECKING:
    from runner.studies.load import Study


# Cells of one such study: enough to fill blocks, few enough that YAML is read in a moment.
_CELLS = 200
_BUDGETS = ("epochs", "updates", "samples")


@dataclass(frozen=True)
class Row:
    """A row of the table: as it stands there, and its keys by name."""

    line: bytes
    fields: tuple[str, ...]
    keys: tuple[tuple[str, str], ...]

    @classmethod
    def read(cls, header: Header, line: bytes) -> Row:
        """A line of the table."""
        fields = tuple(next(csv.reader([line.decode(errors="replace")])))
        return cls(line, fields, tuple(zip(header.keys, fields[2:], strict=False)))

    @property
    def run_id(self) -> int:
        """The identity as a number."""
        return int(self.fields[0], 16)

    @property
    def seed(self) -> str:
        """The replicate, as text."""
        return dict(self.keys)["seed"]

    @property
    def cell(self) -> tuple[tuple[str, str], ...]:
        """All keys but the seed, the budget last: cells in this order are neighbours when they share a trajectory."""
        given = [(key, text) for key, text in self.keys if text and key != "seed"]
        return tuple(sorted(given, key=lambda item: item[0] in _BUDGETS))


def parts(rows: Sequence[Row]) -> Iterator[list[Row]]:
    """The rows of a few cells at a time."""
    by_cell: dict[tuple[tuple[str, str], ...], list[Row]] = {}
    for row in rows:
        by_cell.setdefault(row.cell, []).append(row)
    cells = sorted(by_cell)
    for first in range(0, len(cells), _CELLS):
        yield [row for cell in cells[first : first + _CELLS] for row in by_cell[cell]]


def study_of(rows: Sequence[Row], table: Path, name: str = "replay", record: str = "") -> Study:
    """A study whose cells are those of some rows: the first at the top, the others included.

    Data is looked for where the study that made the table found it, and where that would be if both were moved.
    """
    from runner.data.memory import look_in
    from runner.keys.definitions import KEYS
    from runner.studies.load import read_study

    first, *others = dict.fromkeys(row.cell for row in rows)
    lines = [f"name: {name}", *(f"{key}: {text}" for key, text in first)]
    lines.append(f"seeds: [{', '.join(dict.fromkeys(row.seed for row in rows))}]")
    if record:
        lines.append(f"record: {record}")
    if others:
        lines += ["sweep:", "  include:"]
        for cell in others:
            # What the first has and another has not must not be taken over from the top.
            left_out = [(key, "none") for key, _ in first if key not in dict(cell) and KEYS[key].kind.none]
            lines += [f"  {'-' if k == 0 else ' '} {key}: {text}" for k, (key, text) in enumerate((*cell, *left_out))]
    look_in(table.parent)
    folders = study_folders(table.parent)
    for place in folders:
        try:
            return read_study("\n".join(lines) + "\n", place / "rows.yaml")
        except StudyError as error:
            # Without line and column: nobody has written this study, so nobody could look there.
            reasons = "; ".join(dict.fromkeys(problem.message for problem in error.problems))
    looked = (
        f" (looked for in {' and '.join(map(str, folders))})" if dict(first).get("data", "").startswith("{") else ""
    )
    raise RunnerError(f"{table}: rows can not be trained from their keys: {reasons}{looked}")
