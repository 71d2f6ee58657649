"""Runs of a table that need not fit into memory, read by whatever evaluates a table in memory.

`LargeRows` stands where a DataFrame of runs does: its rows are kinds of runs (`runner.results.large`), so that what is
selected, grouped or listed by texts is so without reading a run. Numbers are read when a statistic asks for them, as
pieces of the DataFrame that the table would be, by the function that makes values of such a DataFrame.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias, overload

import numpy as np
import pandas as pd

from runner.results.large import LargeTable
from runner.statistics.estimate import Bools, Ints, Values
from runner.statistics.passes import PassedValues


class LargeRows:
    """Runs of a table in parts, or some of them.

    Parameters
    ----------
    table : LargeTable
    kinds : int array (n,), optional
        Numbers of their kinds, ascending; default all.
    only : bool array, optional
        Which of the table's seeds count; default all.
    """

    def __init__(self, table: LargeTable, kinds: Ints | None = None, only: Bools | None = None) -> None:
        self._table = table
        self._kinds: Ints = np.arange(len(table.kinds)) if kinds is None else kinds
        self._only = only
        self._texts = table.kinds if kinds is None else table.kinds.take(list(kinds))

    def __len__(self) -> int:
        """How many kinds there are."""
        return len(self._kinds)

    def __contains__(self, name: object) -> bool:
        return name in self._texts

    @overload
    def __getitem__(self, what: str) -> pd.Series[Any]: ...
    @overload
    def __getitem__(self, what: Bools) -> LargeRows: ...
    def __getitem__(self, what: str | Bools) -> pd.Series[Any] | LargeRows:
        """A column of the kinds, by its name; or the runs of some kinds, by a mask."""
        return self._texts[what] if isinstance(what, str) else self.take(np.flatnonzero(what))

    def take(self, kinds: Ints) -> LargeRows:
        """The runs of some kinds, by their places among these."""
        return LargeRows(self._table, self._kinds[kinds], self._only)

    @property
    def table_seeds(self) -> Ints:
        """All seeds of the table, ascending."""
        return self._table.seeds

    @property
    def runs(self) -> int:
        """How many runs there are."""
        if self._only is None:
            return int(self._table.counts[self._kinds].sum())
        return sum(len(frame) for _, frame in self.frames([]))

    def frames(self, columns: Iterable[str], kinds: Ints | None = None) -> Iterator[tuple[Ints, pd.DataFrame]]:
        """The runs, some at a time.

        Parameters
        ----------
        columns : iterable of str
            Beside `seed`.
        kinds : int array, optional
            Places of the kinds that are read; default all.

        Yields
        ------
        places : int array (m,)
            The place of each run's kind.
        frame : DataFrame
            Of m runs, of which there is at least one.
        """
        numbers = self._kinds if kinds is None else self._kinds[kinds]
        chosen = np.zeros(len(self._table.kinds), np.bool_)
        chosen[numbers] = True
        for found, frame in self._table.frames(chosen, columns):
            if self._only is not None:
                rows = np.flatnonzero(self._only[np.searchsorted(self._table.seeds, frame["seed"].to_numpy())])
                found, frame = found[rows], frame.take(list(rows))
            if len(frame):
                yield np.searchsorted(self._kinds, found), frame

    def frame(self, columns: Iterable[str]) -> pd.DataFrame:
        """All runs in memory, with some columns beside `seed`."""
        names = list(columns)
        parts = [frame for _, frame in self.frames(names)]
        if not parts:
            return pd.DataFrame({"seed": np.empty(0, np.int64), **{name: self._texts[name][:0] for name in names}})
        return pd.concat(parts, ignore_index=True)

    def values(self, make: Callable[[pd.DataFrame], Values], columns: Iterable[str], exact: bool) -> PassedValues:
        """Values of the runs, read in passes; an entry is a kind.

        Parameters
        ----------
        make : callable
            From a part of the runs to their values.
        columns : iterable of str
            That it needs beside `seed`.
        exact : bool
            Whether the seed makes no difference.
        """
        names = list(columns)

        def read(kinds: Ints) -> Iterator[Values]:
            return (make(frame) for _, frame in self.frames(names, kinds))

        return PassedValues(read, self._table.seeds, np.arange(len(self)), exact)

    def seeds(self) -> Ints:
        """All different seeds of these runs, ascending."""
        there = np.zeros(len(self._table.seeds), np.bool_)
        for _, frame in self.frames([]):
            there[np.searchsorted(self._table.seeds, frame["seed"].to_numpy())] = True
        return self._table.seeds[there]

    def of_seeds(self, seeds: Ints) -> LargeRows:
        """The runs of some seeds, which are all among these, and the kinds that they have."""
        only = np.zeros(len(self._table.seeds), np.bool_)
        only[np.searchsorted(self._table.seeds, seeds)] = True
        some = LargeRows(self._table, self._kinds, only)
        there = np.zeros(len(self), np.bool_)
        for places, _ in some.frames([]):
            there[places] = True
        return some[there]


RunTable: TypeAlias = pd.DataFrame | LargeRows
"""Runs of a table, in memory or not."""


def read_large(path: Path, texts: Iterable[str], named: Mapping[str, Iterable[Any]]) -> LargeRows:
    """The runs of a table in parts.

    Parameters
    ----------
    path : Path
        Folder of the parts.
    texts : iterable of str
        Columns of texts that are needed.
    named : mapping of str to collection
        Columns of numbers of which some values are selected, and these values.
    """
    return LargeRows(LargeTable(path, list(texts), named))
