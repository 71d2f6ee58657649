"""The levels of a summary from a table in parts that need not fit into memory: read in passes, some columns at a time.

Of a share only hits and runs by seed are kept. A median is found among all numbers without sorting them: a pass counts
them by their highest bits, the next ones, among those that can still be the median, by the bits below. The numbers are
those that a table in memory gives, to the last bit.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runner.analysis.tally import NUMBERS, OF_ALL, Group, Tally
from runner.registry import column_of, element
from runner.results.columns import key_columns
from runner.results.part_file import coded, numbers_in
from runner.results.part_reader import PartReader
from runner.statistics.intervals import quantile, quantile_interval
from runner.statistics.passes import Keys, numbers_of_keys, ordered_keys
from runner.statistics.shares import (
    CHANCE,
    CONFIDENCE,
    Median,
    Share,
    effective_runs,
    is_deterministic,
    share_over_seeds,
)

Ints = NDArray[np.int64]
Counts = NDArray[np.int32]
# Counts by the next digit that one division may hold; with more groups, digits are shorter.
_MOST_COUNTS = 1 << 22


class Division:
    """The rows of a table by the values of one column, or by ranges of neighbouring values.

    Parameters
    ----------
    tally : Tally
        The column, all values of which were seen.
    groups : sequence of Group
        No value is in two of them.
    """

    def __init__(self, tally: Tally, groups: Sequence[Group]) -> None:
        self.tally = tally
        self.groups = groups
        codes = [code for group in groups for code in group.codes]
        self._slot = np.full(max(codes, default=0) + 1, -1)
        for slot, group in enumerate(groups):
            self._slot[list(group.codes)] = slot

    def __len__(self) -> int:
        return len(self.groups)

    def slots(self, codes: Ints, texts: Sequence[str]) -> Ints:
        """The group of each row; -1 of rows that are in none."""
        numbers = np.array([self.tally.code(text) for text in texts], np.int64)
        slots: Ints = np.where(numbers < len(self._slot), self._slot[np.minimum(numbers, len(self._slot) - 1)], -1)
        return slots[codes]


@dataclass(frozen=True)
class Rows:
    """Some rows as they are read.

    Attributes
    ----------
    slots : tuple of int array (n,)
        The group of each row in each division.
    seeds : int array (n,)
    converged : bool array (n,)
    numbers : dict of str to float array (n,)
        What is no number is infinite.
    measured : dict of str to bool array (n,)
        Where there is a number.
    """

    slots: tuple[Ints, ...]
    seeds: Ints
    converged: NDArray[np.bool_]
    numbers: dict[str, NDArray[np.float64]]
    measured: dict[str, NDArray[np.bool_]]


@dataclass(frozen=True)
class Counted:
    """What became of the runs of one group.

    Attributes
    ----------
    share : Share
    medians : dict of str to Median
    """

    share: Share
    medians: dict[str, Median]


class StreamedTable:
    """A table in parts, read as often as it takes.

    Parameters
    ----------
    path : Path
        Folder of the parts.
    axes : sequence of str or None
        Columns; None for all keys.

    Attributes
    ----------
    outcomes : Tally
    axes : list of Tally
        Of the keys.
    exact : bool
        Whether no chance is involved: every seed gives the same run.
    """

    def __init__(self, path: Path, axes: Sequence[str] | None) -> None:
        self._reader = PartReader(path)
        names = self._reader.names
        keys = key_columns(names)
        self.axes = [Tally(key) for key in (keys if axes is None else axes) if column_of(key) in keys]
        self.outcomes = Tally("outcome")
        of_all = {name: True for name in OF_ALL if name in names}
        chance = [Tally(name) for name in CHANCE if name in names]
        self._seeds = np.empty(0, np.int64)
        tallies = [self.outcomes, *self.axes, *chance]
        for group in self._reader.groups(["seed", *of_all, *(column_of(tally.name) for tally in tallies)]):
            for name in of_all:
                of_all[name] = of_all[name] and not np.isnan(numbers_in(group[name])).any()
            self._seeds = np.union1d(self._seeds, group["seed"].to_numpy())
            for tally in tallies:
                tally.see(_texts(tally.name, coded(group[column_of(tally.name)])[1]))
        self._numbers = [name for name in (*NUMBERS, *OF_ALL) if of_all.get(name, name in names)]
        self.exact = len(chance) == len(CHANCE) and is_deterministic(*(list(tally.numbers) for tally in chance))

    def count(self, divisions: Sequence[Division]) -> list[list[Counted]]:
        """What became of the runs of each group of some divisions, which may have no groups."""
        n_seeds = len(self._seeds)
        runs = [np.zeros((len(each), n_seeds), np.int32) for each in divisions]
        hits = [np.zeros_like(each) for each in runs]
        measured = {name: [np.zeros(len(each), np.int64) for each in divisions] for name in self._numbers}
        for rows in self._rows(divisions):
            for at, slots in enumerate(rows.slots):
                place = slots * n_seeds + rows.seeds
                _tally(runs[at], place)
                _tally(hits[at], place[rows.converged])
                for name, there in rows.measured.items():
                    _tally(measured[name][at], slots[there])
        wanted = [(at, name) for at in range(len(divisions)) if len(divisions[at]) for name in self._numbers]
        found = self._medians(divisions, wanted, runs)
        return [
            [
                Counted(
                    share_over_seeds(hits[at][slot].astype(float), runs[at][slot].astype(float), self.exact),
                    {name: found[at, name][slot] for name in self._numbers if measured[name][at][slot]},
                )
                for slot in range(len(division))
            ]
            for at, division in enumerate(divisions)
        ]

    def _rows(self, divisions: Sequence[Division]) -> Iterator[Rows]:
        """All rows, some at a time."""
        columns = [column_of(division.tally.name) for division in divisions]
        for group in self._reader.groups(["seed", "converged", *self._numbers, *(c for c in columns if c)]):
            slots = []
            for division, column in zip(divisions, columns, strict=True):
                codes, texts = coded(group[column]) if column else (np.zeros(group.num_rows, np.int64), [""])
                slots.append(division.slots(np.asarray(codes, np.int64), _texts(division.tally.name, texts)))
            numbers = {name: numbers_in(group[name]) for name in self._numbers}
            there = {name: ~np.isnan(values) for name, values in numbers.items()}
            yield Rows(
                tuple(slots),
                np.searchsorted(self._seeds, group["seed"].to_numpy()),
                numbers_in(group["converged"]) == 1,
                {name: np.where(there[name], values, np.inf) for name, values in numbers.items()},
                there,
            )

    def _medians(
        self, divisions: Sequence[Division], wanted: Sequence[tuple[int, str]], runs: Sequence[Counts]
    ) -> dict[tuple[int, str], list[Median]]:
        """The medians of all groups, with their intervals."""
        sizes = [each.sum(axis=1) for each in runs]
        ranks = {
            (at, name): [_asked(lambda o: quantile(o, 0.5), int(n)) if n else [] for n in sizes[at]]
            for at, name in wanted
        }
        values = self._order_statistics(divisions, ranks)
        middles = {
            key: np.array([_middle(int(n), known) for n, known in zip(sizes[key[0]], each, strict=True)])
            for key, each in values.items()
        }
        below = {key: np.zeros_like(runs[key[0]]) for key in wanted}
        for rows in self._rows(divisions) if not self.exact else ():
            for at, name in wanted:
                slots = rows.slots[at]
                low = (slots >= 0) & (rows.numbers[name] <= middles[at, name][slots])
                _tally(below[at, name], (slots * len(self._seeds) + rows.seeds)[low])
        intervals: dict[tuple[int, str], list[Any]] = {}
        ranks = {}
        for at, name in wanted:
            worths = [
                effective_runs(b.astype(float), r.astype(float), CONFIDENCE)
                for b, r in zip(below[at, name], runs[at], strict=True)
            ]
            intervals[at, name] = worths
            ranks[at, name] = [
                _asked(lambda o, w=w: quantile_interval(o, 0.5, w, CONFIDENCE), int(n)) if n and not self.exact else []
                for n, w in zip(sizes[at], worths, strict=True)
            ]
        values = self._order_statistics(divisions, ranks)
        found: dict[tuple[int, str], list[Median]] = {}
        for (at, name), each in values.items():
            found[at, name] = []
            for n, middle, known, worth in zip(sizes[at], middles[at, name], each, intervals[at, name], strict=True):
                if self.exact or not n:
                    found[at, name].append(Median(float(middle), float(middle), float(middle)))
                else:
                    ordered: Any = _Ordered(int(n), known)
                    found[at, name].append(Median(float(middle), *quantile_interval(ordered, 0.5, worth, CONFIDENCE)))
        return found

    def _order_statistics(
        self, divisions: Sequence[Division], ranks: dict[tuple[int, str], list[list[int]]]
    ) -> dict[tuple[int, str], list[dict[int, float]]]:
        """The numbers at some ranks, counted from 0, of each group in ascending order."""
        searches = {key: _Search(len(divisions[key[0]]), each) for key, each in ranks.items() if any(each)}
        for step in itertools.count():
            going = {key: search for key, search in searches.items() if search.begin(step)}
            if not going:
                break
            for rows in self._rows(divisions):
                keys = {name: ordered_keys(rows.numbers[name]) for name in {name for _, name in going}}
                for (at, name), search in going.items():
                    search.add(rows.slots[at], keys[name])
            for search in going.values():
                search.end()
        return {key: searches[key].found() if key in searches else [{} for _ in each] for key, each in ranks.items()}


class _Search:
    """Finds the numbers at some ranks of some groups, a digit in each pass.

    Parameters
    ----------
    n : int
        How many groups.
    ranks : list of list of int
        Of each group.
    """

    def __init__(self, n: int, ranks: list[list[int]]) -> None:
        self._ranks = ranks
        self._k = max(map(len, ranks))
        self._bits = 16 if n * self._k << 16 <= _MOST_COUNTS else 8
        self._prefix = np.zeros((n, self._k), np.uint64)
        # A group with fewer ranks looks for its last one several times; one without any looks for nothing.
        padded = [[*each, *[each[-1] if each else -1] * (self._k - len(each))] for each in ranks]
        self._left = np.array(padded, np.int64)
        self._shift = 64

    def begin(self, step: int) -> bool:
        """Begin a pass; False when all is found."""
        self._shift = 64 - self._bits * (step + 1)
        if self._shift < 0:
            return False
        # In the first pass all numbers are counted, once for all ranks.
        self._counts = np.zeros((len(self._left), 1 if step == 0 else self._k, 1 << self._bits), np.int64)
        return True

    def add(self, slots: Ints, keys: Keys) -> None:
        """Count some numbers by their next digit."""
        inside = slots >= 0
        if not inside.all():
            slots, keys = slots[inside], keys[inside]
        k, size = self._counts.shape[1:]
        digits = (keys >> np.uint64(self._shift)).astype(np.int64) & (size - 1)
        if self._shift + self._bits == 64:
            _tally(self._counts, slots * size + digits)
            return
        above = keys >> np.uint64(self._shift + self._bits)
        for j in range(k):
            rows = np.flatnonzero(above == self._prefix[slots, j])
            _tally(self._counts, (slots[rows] * k + j) * size + digits[rows])

    def end(self) -> None:
        """Choose the digit in which each rank lies."""
        until = np.cumsum(self._counts, axis=2)
        until = np.broadcast_to(until, (*self._left.shape, until.shape[2]))
        digit = (until <= self._left[:, :, None]).sum(axis=2)
        before = np.take_along_axis(until, np.maximum(digit - 1, 0)[:, :, None], axis=2)[:, :, 0]
        self._left = np.where(digit > 0, self._left - before, self._left)
        self._prefix = (self._prefix << np.uint64(self._bits)) | digit.astype(np.uint64)

    def found(self) -> list[dict[int, float]]:
        """The number at each rank of each group."""
        numbers = numbers_of_keys(self._prefix)
        return [dict(zip(each, row, strict=False)) for each, row in zip(self._ranks, numbers.tolist(), strict=True)]


class _Ordered:
    """Numbers in ascending order of which only some are known."""

    def __init__(self, n: int, known: dict[int, float]) -> None:
        self._n = n
        self._known = known
        self.asked: list[int] = []

    def __len__(self) -> int:
        return self._n

    def __getitem__(self, rank: int) -> float:
        self.asked.append(rank)
        return self._known.get(rank, 0.0)


def _middle(n: int, known: dict[int, float]) -> float:
    """The median of n numbers; NaN of none."""
    ordered: Any = _Ordered(n, known)
    return quantile(ordered, 0.5) if n else float("nan")


def _asked(question: Any, n: int) -> list[int]:
    """Which of n ordered numbers a question looks at."""
    ordered = _Ordered(n, {})
    question(ordered)
    return ordered.asked


def _tally(counts: NDArray[Any], places: Ints) -> None:
    """Count places in an array, as if it were flat; negative ones are none."""
    inside = places >= 0
    np.add.at(counts.reshape(-1), places if inside.all() else places[inside], 1)


def _texts(name: str, texts: Sequence[str]) -> Sequence[str]:
    """The fields of a column, or the number of each list that is meant."""
    return texts if (one := element(name)) is None else [*map(one.text, texts)]
