"""The values of a key in many cells: which there are, and which of them each cell has.

A study may have a million cells of two swept keys. Each value, and its text, is then made once for all cells that have
it, and what follows from other keys is found column by column.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.int64]
Mask = NDArray[np.bool_] | bool
"""Some of the cells: a bool array (n,), or one bool for all of them."""
_LARGEST = 2**62


class Column(NamedTuple):
    """The values of a key in n cells.

    Attributes
    ----------
    values : sequence
        Those that occur; some may stand there twice.
    texts : sequence of str
        The canonical text of each.
    which : int64 array (n,) or None
        The number of each cell's value; None where all cells have the only value that there is.
    """

    values: Sequence[Any]
    texts: Sequence[str]
    which: Indices | None = None

    @classmethod
    def one(cls, value: Any, text: str) -> Column:
        """The same value in all cells, however many there are."""
        return cls((value,), (text,))

    @classmethod
    def of(cls, values: NDArray[Any]) -> Column:
        """The value of each cell, one by one; without texts."""
        each, which = np.unique(values, return_inverse=True)
        return cls(each.tolist(), [""] * len(each), which if len(each) > 1 else None)

    def at(self, cell: int) -> Any:
        """The value of one cell."""
        return self.values[0 if self.which is None else self.which[cell]]

    def part(self, cells: Any) -> Column:
        """The column of some of the cells."""
        return self if self.which is None else self._replace(which=self.which[cells])

    def found(self) -> set[str]:
        """The texts of these cells."""
        return {self.texts[k] for k in self._used().tolist()}

    def _used(self) -> Indices:
        """The numbers of the values that these cells have."""
        if self.which is None:
            return np.zeros(1, np.int64)
        return np.flatnonzero(np.bincount(self.which, minlength=len(self.values)))

    def accepted(self, accepts: Callable[[Any], bool]) -> Mask:
        """The cells whose value is accepted."""
        if self.which is None:
            return bool(accepts(self.values[0]))
        return np.fromiter(map(accepts, self.values), np.bool_, len(self.values))[self.which]

    def replaced(self, where: Mask, by: Column) -> Column:
        """The column with the values of another one in some cells."""
        some, everywhere = (where, where) if isinstance(where, bool) else (where.any(), where.all())
        if everywhere or not some:
            return by if some else self
        n = len(self.values)
        which = np.where(where, n + (0 if by.which is None else by.which), 0 if self.which is None else self.which)
        return Column([*self.values, *by.values], [*self.texts, *by.texts], which)

    def reduced(self, make: Callable[[Any], Any]) -> Column:
        """The column of what follows from each value, each of these once; without texts."""
        known: dict[Any, int] = {}
        numbers = np.array([known.setdefault(make(value), len(known)) for value in self.values])
        some = self.which is not None and len(known) > 1
        return Column(list(known), [""] * len(known), numbers[self.which] if some else None)

    def made(self, n: int, make: Callable[[Any], Any], dtype: Any = np.float64) -> NDArray[Any]:
        """What is made of the value of each of n cells: once for all cells that have the same.

        Parameters
        ----------
        n : int
        make : callable
            From a value to a number, or to as many of them for every value.
        dtype : dtype
            Of these numbers.

        Returns
        -------
        array (n, ...)
        """
        used = self._used()
        each = [make(self.values[k]) for k in used.tolist()]
        made = np.fromiter(each, object, len(each)) if dtype is object else np.array(each, dtype)
        if self.which is None:
            return np.broadcast_to(made, (n, *made.shape[1:]))
        place = np.empty(len(self.values), np.int64)
        place[used] = np.arange(len(used))
        return made[place[self.which]]


def alike(columns: Iterable[Column], n: int) -> tuple[Indices, Indices]:
    """Group n cells by their values.

    Returns
    -------
    firsts : int64 array (groups,)
        The first cell of each group.
    groups : int64 array (n,)
        The group of each cell.
    """
    codes, size = np.zeros(n, np.int64), 1
    for values, _, which in columns:
        if which is None:
            continue
        if size * len(values) > _LARGEST:
            codes, size = np.unique(codes, return_inverse=True)[1], n
        codes, size = codes * len(values) + which, size * len(values)
    _, firsts, groups = np.unique(codes, return_index=True, return_inverse=True)
    return firsts, groups


def grouped(columns: Iterable[Column], n: int) -> list[Indices]:
    """The numbers of n cells in groups of those that have the same values."""
    firsts, groups = alike(columns, n)
    order = np.argsort(groups, kind="stable")
    return np.split(order, np.cumsum(np.bincount(groups, minlength=len(firsts)))[:-1])


def combined(columns: Sequence[Column], make: Callable[[tuple[Any, ...]], tuple[Any, str]]) -> Column:
    """The column of what is made of the values of several columns: a value and its text."""
    n = next((len(column.which) for column in columns if column.which is not None), None)
    if n is None:
        return Column.one(*make(tuple(column.values[0] for column in columns)))
    firsts, groups = alike(columns, n)
    made = [make(tuple(column.at(first) for column in columns)) for first in firsts.tolist()]
    return Column([value for value, _ in made], [text for _, text in made], groups)


def stacked(rows: Sequence[Sequence[Column]]) -> list[Column]:
    """From the columns of single cells to those of all these cells, in this order."""
    which = np.arange(len(rows))
    return [
        Column([column.values[0] for column in each], [column.texts[0] for column in each], which)
        for each in zip(*rows, strict=True)
    ]


def merged(where: NDArray[np.bool_], others: Sequence[Column], columns: Sequence[Column]) -> list[Column]:
    """The columns of cells of two kinds: of those chosen by `where`, in their order, and of the others."""
    at = np.where(where, np.cumsum(where), np.cumsum(~where)) - 1

    def spread(column: Column) -> Column:
        return column if column.which is None else column.part(np.minimum(at, len(column.which) - 1))

    return [spread(other).replaced(where, spread(column)) for other, column in zip(others, columns, strict=True)]
