"""Whether rows are such that this runner could have written them: a table is added to only while all of them are.

A row whose checksum is known (`sums`) is compared with that. One without, from an earlier version of the runner or
after a loss of power, is written once more from its numbers and from the keys of its run in the plan: the bytes must be
the same. Where they are not, or the plan has no such run, it is read field by field: its keys must hash to its
identities, and every text must be the one that the runner writes for that value.
"""

from __future__ import annotations

import csv
from functools import lru_cache

import numpy as np

from runner.errors import Refused
from runner.keys.identity import Identity
from runner.results.columns import Header, Indices, PlanLike
from runner.results.row_file import RowFile
from runner.results.row_text import RowText, field, record_of
from runner.results.sums import Sums

_MOST_SHOWN = 60
_LARGEST_SEED = 2**63
_ROWS = 1 << 12


def check_rows(file: RowFile, runs: Indices, plan: PlanLike, header: Header, sums: Sums) -> Indices:
    """Refuse a table in which a row has been changed.

    Parameters
    ----------
    file : RowFile
        The table, or the rows set aside.
    runs : array of int
        The run of the plan that each row belongs to; -1 for none.
    plan : Plan
    header : Header
        Columns of the file.
    sums : Sums
        The checksums that are known.

    Returns
    -------
    array of int
        Numbers of the rows of which no checksum is known.

    Raises
    ------
    Refused
        When a row is not as it was written; the first such row is named, with the field where that can be told.
    """
    known, there = sums.find(file.rows.ids)
    changed = there & (known != file.sums)
    unknown = np.flatnonzero(~there)
    suspects = [np.flatnonzero(changed)]
    text = RowText(plan, header)
    for first in range(0, len(unknown), _ROWS):
        numbers = unknown[first : first + _ROWS]
        if not _written_again(file, numbers, runs[numbers], header, text):
            suspects.append(numbers)
    form = _Form(plan, header)
    for number in np.sort(np.concatenate(suspects)).tolist():
        found = form.wrong(file.row(number), int(runs[number]))
        if found or changed[number]:
            raise Refused(
                f"{file.path}: row {number + 1}{found or ' is not the row that was written'}; another program, a "
                "spreadsheet perhaps, has changed the file, and can have changed other rows too; bring back the file "
                "as it was, remove the row, which is then trained again, or pass --fresh to move the file aside"
            )
    return unknown


def _written_again(file: RowFile, numbers: Indices, runs: Indices, header: Header, text: RowText) -> bool:
    """Whether rows of runs of the plan are what the runner writes for the numbers that stand in them."""
    if (runs < 0).any():
        return False
    before = b"".join(file.segments(numbers))
    ends = np.cumsum(file.rows.starts[numbers + 1] - file.rows.starts[numbers]).tolist()
    try:
        starts = [0, *ends[:-1]]
        records = np.array([record_of(before[start:end], header) for start, end in zip(starts, ends, strict=True)])
    except ValueError:
        return False
    order = np.argsort(runs, kind="stable")
    _, written, ends_written = text.rows(runs[order], records[order])
    if (np.diff(order) == 1).all():
        return written == before
    starts_written = [0, *ends_written[:-1].tolist()]
    pieces = [written[start:end] for start, end in zip(starts_written, ends_written.tolist(), strict=True)]
    return b"".join(pieces[i] for i in np.argsort(order).tolist()) == before


class _Form:
    """Says what is wrong with the text of a row."""

    def __init__(self, plan: PlanLike, header: Header) -> None:
        self._plan = plan
        self._header = header
        self._first = 2 + len(header.keys)  # column of the outcome
        self._identity = lru_cache(maxsize=1024)(self._identify)

    def wrong(self, line: bytes, run: int) -> str:
        """What is wrong with a row of a run of the plan, or of none (-1), as the end of a sentence; "" for nothing."""
        names = self._header.names
        try:
            text = line.removesuffix(b"\n").decode()
            fields = next(csv.reader([text], strict=True))
        except (UnicodeDecodeError, csv.Error, StopIteration):
            return " is not text that can be read as CSV"
        if len(fields) != len(names):
            return f" has {len(fields)} fields in place of {len(names)}"
        return self._keys(fields, run) or self._measured(fields) or self._quoted(fields, text)

    def _keys(self, fields: list[str], run: int) -> str:
        """Whether the keys are those of the identities."""
        run_id, cell_id, *keys = fields[: self._first]
        if not _is_seed(keys[-1]):
            return _odd("seed", keys[-1], "a whole number")
        identity, its_cell_id = self._identity(tuple(keys[:-1]))
        if cell_id == its_cell_id and f"{identity.run_ids([int(keys[-1])])[0]:016x}" == run_id:
            return ""
        if run < 0:
            return f": its keys are not those of the run {run_id}"
        place, number = divmod(run, len(self._plan.seeds))
        expected = (*self._plan.cell(place).texts, str(self._plan.seeds[number]))
        odd = (item for item in zip(self._header.keys, keys, expected, strict=True) if item[1] != item[2])
        name, found, wanted = next(odd, ("cell_id", cell_id, its_cell_id))
        return _odd(name, found, wanted)

    def _identify(self, keys: tuple[str, ...]) -> tuple[Identity, str]:
        identity = Identity(self._header.keys[:-1], keys)
        return identity, identity.cell_id

    def _measured(self, fields: list[str]) -> str:
        """Whether outcome and measurements are texts that the runner writes."""
        outcome, *measured = fields[self._first :]
        if outcome not in self._header.outcomes:
            return _odd("outcome", outcome, f"one of {', '.join(self._header.outcomes)}")
        for (name, kind), text in zip(self._header.measurements, measured, strict=True):
            if text and (expected := _EXPECTED[kind](text)):
                return _odd(name, text, expected)
        return ""

    def _quoted(self, fields: list[str], text: str) -> str:
        """Whether fields stand in quotes where they must, and only there."""
        return "" if ",".join(map(field, fields)) == text else " has quotes that the runner does not write"


def _odd(column: str, found: str, expected: str) -> str:
    """What to say about a field."""
    found = found if len(found) <= _MOST_SHOWN else f"{found[:_MOST_SHOWN]}..."
    return f", {column}: found {found!r}, where the runner writes {expected}"


def _is_seed(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 20 and str(int(text)) == text and int(text) < _LARGEST_SEED


def _as_float(text: str) -> str:
    try:
        written = repr(float(text))
    except ValueError:
        return "a number, or nothing"
    return "" if written == text else written


def _as_int(text: str) -> str:
    try:
        return "" if len(text) < 20 and str(int(text)) == text else "a whole number, or nothing"
    except ValueError:
        return "a whole number, or nothing"


def _as_bool(text: str) -> str:
    return "" if text in ("True", "False") else "True or False"


# What the runner would write in place of a text; nothing when it is such a text.
_EXPECTED = {"float": _as_float, "int": _as_int, "bool": _as_bool}
