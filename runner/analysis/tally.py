"""A table by the values of its axes: read once, and kept as a few small numbers a row.

Of every row there stay a number for its outcome, its seed and its value on each axis, and two measurements, some forty
bytes in all: a table of a million rows is counted without pandas, and in any way that the summary asks for.
"""

from __future__ import annotations

import csv
import math
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, islice, pairwise
from operator import itemgetter
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from runner.errors import RunnerError
from runner.registry import column_of, element
from runner.results.columns import key_columns, truth
from runner.results.files import io_errors
from runner.statistics.shares import CHANCE, is_deterministic

Codes = NDArray[np.int32]
Floats = NDArray[np.float64]
NUMBERS = ("accuracy", "final_loss")
"""Measurements whose medians a summary shows."""
OF_ALL = ("test_accuracy",)
"""Those that it shows only where every run has them: the runs of a study may have held-out samples or not."""
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
    codes : tuple of int
        The numbers that stand for these values in `Tally.codes`.
    """

    first: str
    last: str
    codes: tuple[int, ...]

    def __add__(self, other: Group) -> Group:
        return Group(self.first, other.last, self.codes + other.codes)


class Tally:
    """One column, its values numbered as they come: ranges of values where there are thousands.

    Parameters
    ----------
    name : str
        Of the column.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.numbers: dict[str, int] = {}
        self._before = 0  # rows with value number 0 before any other
        self._chunks: list[Codes] = []
        self._ranges: list[Group] = []
        self._bounds: list[float] = []

    def add(self, values: Sequence[str]) -> None:
        """Take the column of some rows."""
        for value in dict.fromkeys(values):
            if value not in self.numbers:
                self.numbers[value] = self._range_of(value) if self._ranges else len(self.numbers)
        if len(self.numbers) == 1 and not self._ranges:
            # Most columns never have a second value, and need no number for each row.
            self._before += len(values)
        else:
            self._chunks.append(np.fromiter(map(self.numbers.__getitem__, values), np.int32, len(values)))
        if self._ranges:
            self.numbers.clear()
        elif len(self.numbers) > 2 * _MOST_VALUES and are_numbers(self.numbers):
            self._coarsen()

    def see(self, values: Sequence[str]) -> None:
        """Take note of some values, of rows that are not kept."""
        for value in values:
            if value not in self.numbers:
                self.numbers[value] = self._range_of(value) if self._ranges else len(self.numbers)
        if self._ranges:
            self.numbers.clear()
        elif len(self.numbers) > 2 * _MOST_VALUES and are_numbers(self.numbers):
            self._coarsen()

    def code(self, value: str) -> int:
        """The number of a value that was seen."""
        return self._range_of(value) if self._ranges else self.numbers[value]

    @cached_property
    def codes(self) -> Codes:
        """The number of each row's value; asked for once all rows are there."""
        return np.concatenate([np.zeros(self._before, np.int32), *self._chunks])

    def groups(self) -> list[Group]:
        """Every value, numbers in ascending order and others as they came; ranges when there are many."""
        if self._ranges:
            return self._ranges
        values = [Group(value, value, (code,)) for value, code in self.numbers.items()]
        return sorted(values, key=lambda group: number(group.first)) if are_numbers(self.numbers) else values

    def _coarsen(self) -> None:
        """Make a fixed set of ranges of the numbers that there are."""
        merged_groups = merged(self.groups(), _RANGES)
        new = np.empty(len(self.numbers), np.int32)
        for code, group in enumerate(merged_groups):
            new[list(group.codes)] = code
        self._chunks = [new[chunk] for chunk in (np.zeros(self._before, np.int32), *self._chunks)]
        self._before = 0
        self._ranges = [Group(group.first, group.last, (code,)) for code, group in enumerate(merged_groups)]
        # A range reaches to where the next one starts.
        self._bounds = [number(group.first) for group in self._ranges[1:]]
        self.numbers.clear()

    def _range_of(self, value: str) -> int:
        """The range of a number, which grows to reach it where it lies beyond both ends."""
        code = bisect_right(self._bounds, number(value))
        held = self._ranges[code]
        first, last = min(held.first, value, key=number), max(held.last, value, key=number)
        self._ranges[code] = Group(first, last, held.codes)
        return code


def number(text: str) -> float:
    """The number a field shows; an empty one stands before all others."""
    return float(text) if text else float("-inf")


def are_numbers(texts: Sequence[str] | dict[str, int]) -> bool:
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


@dataclass(frozen=True, eq=False)
class Tallied:
    """A table in numbers; every array has one entry a row.

    Attributes
    ----------
    outcomes : Tally
    converged : bool array (n,)
    seeds : int32 array (n,)
        A number for each seed.
    numbers : dict of str to float64 array (n,)
        Those of NUMBERS that the table has, NaN where a run has none; those of OF_ALL that every run has.
    axes : list of Tally
    exact : bool
        Whether no chance is involved: every seed gives the same run.
    """

    outcomes: Tally
    converged: NDArray[np.bool_]
    seeds: Codes
    numbers: dict[str, Floats]
    axes: list[Tally]
    exact: bool


def tally_table(path: Path, axes: Sequence[str] | None) -> Tallied:
    """Read a table.

    Parameters
    ----------
    path : Path
        The table.
    axes : sequence of str or None
        Columns, or numbers of a column of lists, such as `init[3]`; None for all keys (those with a single value are to
        be left out by the caller).

    Raises
    ------
    RunnerError
        When it is no table of results.
    """
    with io_errors(path, "read"), path.open(encoding="utf-8-sig", newline="") as file:
        csv.field_size_limit(_LONGEST_FIELD)
        names = next(csv.reader(file), [])
        if not {"run_id", "outcome", "converged"} <= set(names):
            raise RunnerError(f"{path} is not a table of results: it has no columns run_id, outcome and converged")
        keys = key_columns(names)
        varied = [Tally(key) for key in (keys if axes is None else axes) if column_of(key) in keys]
        outcomes, seeds = Tally("outcome"), Tally("seed")
        chance = [Tally(name) for name in CHANCE if name in names]
        texts = [outcomes, *varied, *chance, *([seeds] if "seed" in names else [])]
        numbers: dict[str, list[Floats]] = {name: [] for name in (*NUMBERS, *OF_ALL) if name in names}
        converged: list[NDArray[np.bool_]] = []
        wanted = ["converged", *numbers, *(tally.name for tally in texts)]
        places = [names.index(column_of(name)) for name in wanted]
        for columns in _columns(map(itemgetter(*places), _rows(file, len(names), max(places)))):
            converged.append(np.array(truth(columns[0])) == "True")
            for name, column in zip(numbers, columns[1:], strict=False):
                # Most studies have no held-out samples.
                texts_there = any(column)
                values = [text or "nan" for text in column] if texts_there else math.nan
                numbers[name].append(np.full(len(column), values, np.float64))
            for tally, column in zip(texts, columns[1 + len(numbers) :], strict=True):
                tally.add(_texts(tally.name, _with_commas(column)))
    n = len(outcomes.codes)
    measured = {name: np.concatenate([np.empty(0), *chunks]) for name, chunks in numbers.items()}
    return Tallied(
        outcomes,
        np.concatenate([np.empty(0, np.bool_), *converged]),
        seeds.codes if "seed" in names else np.arange(n, dtype=np.int32),
        {name: values for name, values in measured.items() if name not in OF_ALL or not np.isnan(values).any()},
        varied,
        len(chance) == len(CHANCE) and is_deterministic(*(list(tally.numbers) for tally in chance)),
    )


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


def _texts(name: str, column: Sequence[str]) -> Sequence[str]:
    """The fields of a column, or the number of each list that is meant."""
    return column if (one := element(name)) is None else [*map(one.text, column)]


def _columns(rows: Iterator[tuple[str, ...]]) -> Iterator[list[tuple[str, ...]]]:
    while chunk := list(islice(rows, _CHUNK)):
        yield list(zip(*chunk, strict=True))
