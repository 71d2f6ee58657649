"""A table by the values of its axes: read once, and kept as a few small numbers a row.

Of every row there stay a number for its outcome, its seed and its value on each axis, and two measurements, some forty
bytes in all: a table of a million rows is counted without pandas, and in any way that the summary asks for.
"""

from __future__ import annotations

import csv
import zlib
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from runner.analysis.fields import read_fields
from runner.errors import RunnerError
from runner.registry import column_of, element
from runner.results.columns import key_columns, truth
from runner.results.files import io_errors
from runner.results.growing import Growing
from runner.statistics.shares import CHANCE, is_deterministic

Codes = NDArray[np.int32]
Floats = NDArray[np.float64]
NUMBERS = ("accuracy", "final_loss")
"""Measurements whose medians a summary shows."""
OF_ALL = ("test_accuracy",)
"""Those that it shows only where every run has them: the runs of a study may have held-out samples or not."""
_MOST_VALUES = 4096  # an axis with more is counted by ranges: every value of a random sample may be different
_RANGES = 256
_LONGEST_FIELD = 1 << 26


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
        self._before = 0  # rows with value number 0 before any other, which have no number yet
        self._codes = Growing(np.empty(0, np.int32))
        self._ranges: list[Group] = []
        self._bounds: list[float] = []

    def add(self, values: Sequence[str], counts: NDArray[np.int64]) -> None:
        """Take the column of some rows: its values, and in how many rows in succession each of them stands."""
        for value in dict.fromkeys(values):
            if value not in self.numbers:
                self.numbers[value] = self._range_of(value) if self._ranges else len(self.numbers)
        if len(self.numbers) == 1 and not self._ranges:
            # Most columns never have a second value, and need no number for each row.
            self._before += int(counts.sum())
        else:
            codes = np.fromiter(map(self.numbers.__getitem__, values), np.int32, len(values))
            self._number_first()
            self._codes.extend(np.repeat(codes, counts))
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
        self._number_first()
        return self._codes.array

    def groups(self) -> list[Group]:
        """Every value, numbers in ascending order and others as they came; ranges when there are many."""
        if self._ranges:
            return self._ranges
        values = [Group(value, value, (code,)) for value, code in self.numbers.items()]
        return sorted(values, key=lambda group: number(group.first)) if are_numbers(self.numbers) else values

    def _number_first(self) -> None:
        """Give their number to the rows that came before there was a second value."""
        self._codes.extend(np.zeros(self._before, np.int32))
        self._before = 0

    def _coarsen(self) -> None:
        """Make a fixed set of ranges of the numbers that there are."""
        merged_groups = merged(self.groups(), _RANGES)
        new = np.empty(len(self.numbers), np.int32)
        for code, group in enumerate(merged_groups):
            new[list(group.codes)] = code
        self._number_first()
        self._codes = Growing(new[self._codes.array])
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
    with io_errors(path, "read"), path.open("rb") as file:
        csv.field_size_limit(_LONGEST_FIELD)
        names = next(csv.reader([file.readline().decode("utf-8-sig")]), [])
        if not {"run_id", "outcome", "converged"} <= set(names):
            raise RunnerError(f"{path} is not a table of results: it has no columns run_id, outcome and converged")
        keys = key_columns(names)
        varied = [Tally(key) for key in (keys if axes is None else axes) if column_of(key) in keys]
        outcomes, seeds = Tally("outcome"), Growing(np.empty(0, np.int64))
        chance = [Tally(name) for name in CHANCE if name in names]
        texts = [outcomes, *varied, *chance]
        numbers = {name: Growing(np.empty(0)) for name in (*NUMBERS, *OF_ALL) if name in names}
        lacking: set[str] = set()
        converged = Growing(np.empty(0, np.bool_))
        wanted = ["converged", *numbers, *(tally.name for tally in texts), *({"seed"} & set(names))]
        places = [names.index(column_of(name)) for name in wanted]
        for columns in read_fields(file, len(names), places):
            converged.extend(np.repeat(np.array(truth(columns[0].texts)) == "True", columns[0].counts))
            for name, column in zip(numbers, columns[1:], strict=False):
                values = column.made(lambda text: float(text or "nan"), np.float64)
                if name in OF_ALL and np.isnan(values).any():
                    lacking.add(name)
                # Most studies have no held-out samples.
                if name not in lacking:
                    numbers[name].extend(values)
            if "seed" in names:
                seeds.extend(columns.pop().made(_seed, np.int64))
            for tally, column in zip(texts, columns[1 + len(numbers) :], strict=True):
                one = element(tally.name)
                tally.add(column.texts if one is None else [*map(one.text, column.texts)], column.counts)
    n = len(outcomes.codes)
    return Tallied(
        outcomes,
        converged.array,
        _numbered(seeds.array) if "seed" in names else np.arange(n, dtype=np.int32),
        {name: values.array for name, values in numbers.items() if name not in lacking},
        varied,
        len(chance) == len(CHANCE) and is_deterministic(*(list(tally.numbers) for tally in chance)),
    )


def _seed(text: str) -> int:
    """A seed; any other text, of a table made elsewhere, stands for a number as well."""
    return int(text) if text.isdecimal() and len(text) < 19 else -zlib.crc32(text.encode())


def _numbered(seeds: NDArray[np.int64]) -> Codes:
    """A number for each seed, without gaps."""
    least, most = int(seeds.min(initial=0)), int(seeds.max(initial=0))
    if least < 0 or most > 4 * len(seeds):
        return np.unique(seeds, return_inverse=True)[1].astype(np.int32)
    there = np.zeros(most + 1, np.int32)
    there[seeds] = 1
    return (np.cumsum(there, dtype=np.int32) - 1)[seeds]
