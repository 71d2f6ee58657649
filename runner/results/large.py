"""A table in parts that need not fit into memory: its kinds of runs, and the numbers of these, some at a time.

Runs of one kind have the same texts in all columns of texts that somebody wants to know. There are few kinds, as few as
cells where the columns are keys, so that whatever is said about texts is said about kinds. What differs from run to run
is read from the parts whenever it is asked for; of each row group it is kept which kinds it has.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from runner.errors import RunnerError, nearest
from runner.registry import column_of
from runner.results.columns import Indices
from runner.results.manifest import in_parts
from runner.results.part_file import coded, numbers_in
from runner.results.part_reader import PartReader
from runner.results.reader import canonical

if TYPE_CHECKING:
    import pyarrow as pa

MOST_ROWS = 1 << 21
"""Rows that are read into memory all at once."""
_MOST_SEEDS = 1 << 27
Codes = NDArray[np.integer[Any]]


def is_large(table: Path) -> bool:
    """Whether a table is one in parts with more rows than are read into memory at once."""
    return in_parts(table) and PartReader(table).manifest.rows > MOST_ROWS


@dataclass(frozen=True)
class SomeSeeds:
    """As many seeds of a table as have runs enough for memory.

    Attributes
    ----------
    seeds : int array
        Ascending.
    n_seeds, n_rows : int
        Of the whole table.
    """

    seeds: NDArray[np.int64]
    n_seeds: int
    n_rows: int

    def place(self, table: Path, number: int) -> int:
        """How many rows with these seeds stand before a row."""
        before = first = 0
        for group in PartReader(table).groups(["seed"]):
            rows = group["seed"].to_numpy()[: number - first]
            before += int(np.count_nonzero(np.isin(rows, self.seeds)))
            first += group.num_rows
            if first >= number:
                break
        return before


def seeds_in_memory(table: Path, also: Iterable[int] = ()) -> SomeSeeds | None:
    """The first seeds of a table, as many as have about as many runs as are read into memory at once.

    Parameters
    ----------
    table : Path
    also : iterable of int
        Seeds that are taken whatever they are.

    Returns
    -------
    SomeSeeds or None
        None where all runs are read at once.
    """
    if not is_large(table):
        return None
    seeds, n = _Seeds(), 0
    for group in PartReader(table).groups(["seed"]):
        seeds.see(group["seed"].to_numpy())
        n += group.num_rows
    every = seeds.found()
    first = every[: max(MOST_ROWS * len(every) // n, 1)]
    return SomeSeeds(np.union1d(first, np.intersect1d([*also], every)).astype(np.int64), len(every), n)


class LargeTable:
    """A table in parts by kinds of runs.

    Parameters
    ----------
    path : Path
        Folder of the parts.
    texts : sequence of str
        Columns that are texts; a number of a column of lists, such as `init[3]`, is one too.
    named : mapping of str to collection of float
        Columns of numbers in which some values are asked for: they tell kinds apart, and all others are one, NaN.

    Attributes
    ----------
    kinds : DataFrame
        A row for each kind, in the order in which they come: the texts as categories, and the named columns.
    counts : int array (kinds,)
        Runs of each.
    seeds : int array
        All different seeds, ascending.
    """

    def __init__(self, path: Path, texts: Sequence[str], named: Mapping[str, Iterable[float]]) -> None:
        self._reader = PartReader(path)
        for name in map(column_of, (*texts, *named)):
            if name not in self._reader.names:
                raise RunnerError(f"{path} has no column {name}{nearest(name, self._reader.names)}")
        self._texts = {name: _Known(name) for name in dict.fromkeys(texts)}
        self._named = {name: np.unique(np.array([*values], float)) for name, values in named.items()}
        self._numbers: dict[tuple[int, ...], int] = {}
        # Of each row group: the kind of its rows, or of its stretches and how long these are.
        self._groups: list[tuple[Codes, NDArray[np.int32] | None]] = []
        seeds = _Seeds()
        columns = ["seed", *map(column_of, self._texts), *self._named]
        for group in self._reader.groups(columns):
            seeds.see(group["seed"].to_numpy())
            self._groups.append(self._kinds_in(group))
        self.seeds = seeds.found()
        self.kinds = self._frame()
        self.counts: Indices = np.zeros(len(self.kinds), np.int64)
        for codes, lengths in self._groups:
            np.add.at(self.counts, codes, 1 if lengths is None else lengths)

    def frames(self, chosen: NDArray[np.bool_], columns: Iterable[str]) -> Iterator[tuple[Indices, pd.DataFrame]]:
        """The runs of some kinds, some at a time.

        Parameters
        ----------
        chosen : bool array (kinds,)
        columns : iterable of str
            Of those of the kinds, and any that are numbers.

        Yields
        ------
        kinds : int array (n,)
            The kind of each run.
        frame : DataFrame
            `seed` and the columns, as `runner.results.reader.read_columns` has them.
        """
        wanted = dict.fromkeys(columns)
        texts = [name for name in wanted if name in self._texts]
        numbers = [name for name in wanted if name not in texts and name != "seed"]
        which = [n for n, (codes, _) in enumerate(self._groups) if chosen[codes].any()]
        for n, group in zip(which, self._reader.groups(["seed", *numbers], which), strict=True):
            codes, lengths = self._groups[n]
            kinds: Indices = np.asarray(codes if lengths is None else np.repeat(codes, lengths), np.int64)
            rows = slice(None) if chosen[codes].all() else np.flatnonzero(chosen[kinds])
            kinds = kinds[rows]
            found: dict[str, Any] = {"seed": group["seed"].to_numpy()[rows]}
            for name in texts:
                column = self.kinds[name].cat
                found[name] = pd.Categorical.from_codes(column.codes.to_numpy()[kinds], column.categories)
            for name in numbers:
                found[name] = numbers_in(group[name])[rows]
            yield kinds, pd.DataFrame(found)

    def _kinds_in(self, group: pa.Table) -> tuple[Codes, NDArray[np.int32] | None]:
        """The kinds of a row group; new ones get their numbers."""
        columns = [known.numbers(*coded(group[column_of(name)])) for name, known in self._texts.items()] + [
            _places(numbers_in(group[name]), values) for name, values in self._named.items()
        ]
        n = group.num_rows
        if not n:
            return np.empty(0, np.int8), None
        starts = np.zeros(n, np.bool_)
        starts[0] = True
        for column in columns:
            starts[1:] |= column[1:] != column[:-1]
        firsts = np.flatnonzero(starts)
        rows = np.stack([column[firsts] for column in columns], axis=1) if columns else np.zeros((len(firsts), 0), int)
        whole = np.zeros(len(firsts), np.int64)
        for column in rows.T:
            whole = whole * (int(column.max()) + 1) + column
            _, whole = np.unique(whole, return_inverse=True)
        _, first, place = np.unique(whole, return_index=True, return_inverse=True)
        numbers = np.empty(len(first), np.int64)
        for at in np.argsort(first).tolist():
            numbers[at] = self._numbers.setdefault(tuple(rows[first[at]].tolist()), len(self._numbers))
        small = numbers.astype(np.min_scalar_type(len(self._numbers)))[place]
        if len(firsts) > n // 8:
            return small[np.cumsum(starts) - 1], None
        return small, np.diff(firsts, append=n).astype(np.int32)

    def _frame(self) -> pd.DataFrame:
        found: dict[str, Any] = {}
        columns = [*zip(*self._numbers, strict=True)] or [()] * (len(self._texts) + len(self._named))
        for (name, known), codes in zip(self._texts.items(), columns, strict=False):
            found[name] = pd.Categorical.from_codes(np.array(codes, np.int64), pd.Index(known.texts, dtype=object))
        for (name, values), codes in zip(self._named.items(), columns[len(self._texts) :], strict=True):
            found[name] = np.append(values, np.nan)[np.array(codes, np.int64)]
        return pd.DataFrame(found, index=range(len(self._numbers)))


class _Known:
    """The texts of a column, numbered as they come."""

    def __init__(self, name: str) -> None:
        self._canonical = canonical(name)
        self._numbers: dict[str, int] = {}

    @property
    def texts(self) -> list[str]:
        return list(self._numbers)

    def numbers(self, codes: NDArray[np.int32], texts: Sequence[str]) -> Indices:
        """The number of each row's text."""
        known = self._numbers
        return np.array([known.setdefault(text, len(known)) for text in self._canonical(texts)], np.int64)[codes]


def _places(numbers: NDArray[np.float64], values: NDArray[np.float64]) -> Indices:
    """Where each number stands among some values; behind them where it is none of them."""
    place = np.minimum(np.searchsorted(values, numbers), max(len(values) - 1, 0))
    found = values[place] == numbers if len(values) else np.zeros(len(numbers), bool)
    return np.where(found, place, len(values))


class _Seeds:
    """Collects all different seeds."""

    def __init__(self) -> None:
        # Nearly always they are small: a mark for each.
        self._marks = np.zeros(1 << 16, np.bool_)
        self._others: NDArray[np.int64] = np.empty(0, np.int64)

    def see(self, seeds: NDArray[np.int64]) -> None:
        """Take note of some."""
        small = (seeds >= 0) & (seeds < _MOST_SEEDS)
        if not small.all():
            self._others = np.union1d(self._others, seeds[~small])
            seeds = seeds[small]
        most = int(seeds.max(initial=0))
        if most >= len(self._marks):
            self._marks = np.append(self._marks, np.zeros(2 * most - len(self._marks) + 2, np.bool_))
        self._marks[seeds] = True

    def found(self) -> NDArray[np.int64]:
        """All of them, ascending."""
        return np.union1d(np.flatnonzero(self._marks), self._others)
