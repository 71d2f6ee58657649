"""Counting a table by the values of its axes, in one pass and in bounded memory."""

from __future__ import annotations

import csv
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice, pairwise
from operator import itemgetter
from pathlib import Path

from runner.errors import RunnerError
from runner.results.columns import key_columns, truth
from runner.results.files import io_errors

_CHUNK = 1 << 15
_MOST_VALUES = 4096  # an axis with more is counted by ranges: every value of a random sample may be different
_RANGES = 256
_LONGEST_FIELD = 1 << 26
_COMMA = "\0"  # no field of a table has it


@dataclass(frozen=True)
class Group:
    """The runs with one value of an axis, or with neighbouring values.

    Attributes
    ----------
    first, last : str
        The values, as in the table; the same for a single one.
    runs, converged : int
        How many.
    """

    first: str
    last: str
    runs: int
    converged: int

    def __add__(self, other: Group) -> Group:
        return Group(self.first, other.last, self.runs + other.runs, self.converged + other.converged)


class Tally:
    """Runs and converged runs by the value of one column.

    Parameters
    ----------
    name : str
        Of the column.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._counts: Counter[tuple[str, str]] = Counter()
        self._ranges: list[Group] = []
        self._bounds: list[float] = []
        self._numeric = True

    def add(self, values: Sequence[str], converged: Sequence[str]) -> None:
        """Count some rows."""
        self._counts.update(zip(values, converged, strict=True))
        if len(self._counts) > 2 * _MOST_VALUES:
            self._coarsen()

    def groups(self) -> list[Group]:
        """Every value, numbers in ascending order and others as they came; ranges when there are many."""
        if self._ranges:
            self._coarsen()
            return self._ranges
        return self._single()

    def _single(self) -> list[Group]:
        values = dict.fromkeys(value for value, _ in self._counts)
        counts = self._counts
        groups = [
            Group(value, value, counts[value, "True"] + counts[value, "False"], counts[value, "True"])
            for value in values
        ]
        return sorted(groups, key=lambda group: number(group.first)) if are_numbers(values) else groups

    def _coarsen(self) -> None:
        """Fold what has been counted into a fixed set of ranges of numbers."""
        singles = self._single()
        if not are_numbers([group.first for group in singles]):
            return
        self._counts.clear()
        if not self._ranges:
            self._ranges = merged(singles, _RANGES)
            # A range reaches to where the next one starts.
            self._bounds = [number(group.first) for group in self._ranges[1:]]
            return
        for group in singles:
            i = bisect_right(self._bounds, number(group.first))
            held = self._ranges[i]
            first = min(held.first, group.first, key=number)
            last = max(held.last, group.first, key=number)
            self._ranges[i] = Group(first, last, held.runs + group.runs, held.converged + group.converged)


def number(text: str) -> float:
    """The number a field shows; an empty one stands before all others."""
    return float(text) if text else float("-inf")


def are_numbers(texts: Sequence[str] | dict[str, None]) -> bool:
    """Whether all fields show numbers, or nothing."""
    try:
        for text in texts:
            number(text)
    except ValueError:
        return False
    return True


def merged(groups: Sequence[Group], n: int) -> list[Group]:
    """At most n groups: neighbours added up, as evenly as can be."""
    cuts = [len(groups) * i // n for i in range(n + 1)]
    parts = [groups[a:b] for a, b in pairwise(cuts) if b > a]
    return [sum(part[1:], part[0]) for part in parts]


def count(path: Path, axes: Sequence[str] | None) -> tuple[Counter[str], int, list[Tally]]:
    """Outcomes of a table, and its convergence by each axis.

    Parameters
    ----------
    path : Path
        The table.
    axes : sequence of str or None
        Columns; None for all keys (those with a single value are to be left out by the caller).

    Returns
    -------
    outcomes : Counter
        Runs by outcome.
    converged : int
        Runs that converged.
    tallies : list of Tally
        One for each axis.
    """
    outcomes: Counter[str] = Counter()
    converged = 0
    with io_errors(path, "read"), path.open(encoding="utf-8-sig", newline="") as file:
        csv.field_size_limit(_LONGEST_FIELD)
        names = next(csv.reader(file), [])
        if not {"run_id", "outcome", "converged"} <= set(names):
            raise RunnerError(f"{path} is not a table of results: it has no columns run_id, outcome and converged")
        keys = key_columns(names)
        tallies = [Tally(key) for key in (keys if axes is None else axes) if key in keys]
        wanted = [names.index(name) for name in ("outcome", "converged", *(tally.name for tally in tallies))]
        rows = _rows(file, len(names), max(wanted))
        for columns in _columns(map(itemgetter(*wanted), rows)):
            flags = truth(columns[1])
            outcomes.update(columns[0])
            converged += flags.count("True")
            for tally, column in zip(tallies, columns[2:], strict=True):
                tally.add(_with_commas(column), flags)
    return outcomes, converged, tallies


def _rows(lines: Iterator[str], n: int, last: int) -> Iterator[list[str]]:
    """The fields up to number `last` of all rows of n columns; commas within them stand as _COMMA.

    Python splits a line four times as fast as the csv module does. That is left with what quotes can do beyond
    holding commas: quotes and line ends within a field.
    """
    for line in lines:
        if '"' in line:
            parts = line.split('"')
            if len(parts) % 2 == 0 or not all(parts[2:-1:2]):
                row = next(csv.reader(chain([line], lines)))
                if len(row) == n:
                    yield row
                continue
            parts[1::2] = [part.replace(",", _COMMA) for part in parts[1::2]]
            line = "".join(parts)
        if line.count(",") == n - 1:
            yield line.rstrip("\r\n").split(",", last + 1)


def _with_commas(column: tuple[str, ...]) -> Sequence[str]:
    """A column with its commas back: of the texts in it, few differ."""
    changed = {text: text.replace(_COMMA, ",") for text in set(column) if _COMMA in text}
    return [changed.get(text, text) for text in column] if changed else column


def _columns(rows: Iterator[tuple[str, ...]]) -> Iterator[list[tuple[str, ...]]]:
    while chunk := list(islice(rows, _CHUNK)):
        yield list(zip(*chunk, strict=True))
