"""The cells of a product by their number, without listing them.

The cells below each state of each level are counted from the last level back; then the i-th cell is found by walking
down the levels and subtracting counts, and the number of a cell by adding them.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from runner.sweep.product import Product, check_steps

Indices = NDArray[np.int64]


class Expansion:
    """The cells of a product by their number.

    Parameters
    ----------
    product : Product
        With fewer than 2^63 cells.
    """

    def __init__(self, product: Product) -> None:
        self.product = product
        self._states, self._nexts = self._reachable()
        self._counts = self._count_back()
        self._tables = [self._table(at) for at in range(len(product.levels))]

    def __len__(self) -> int:
        return self._counts[0][0] if self._counts[0] else 0

    def _reachable(self) -> tuple[list[list[int]], list[list[list[int]]]]:
        """The states before each level, and for each of them the number of the next state by class, or -1."""
        start = self.product.start
        states: list[list[int]] = [[] if start is None else [start]]
        nexts: list[list[list[int]]] = []
        steps = 0
        for at in range(len(self.product.levels)):
            numbers: dict[int, int] = {}
            nexts.append([])
            for state in states[at]:
                after = self.product.next_states(at, state)
                nexts[at].append([-1 if s is None else numbers.setdefault(s, len(numbers)) for s in after])
                steps += len(after)
            check_steps(steps)
            states.append(list(numbers))
        return states, nexts

    def _count_back(self) -> list[list[int]]:
        """For each level, the cells below each state."""
        counts = [[1] * len(self._states[-1])]
        for at in reversed(range(len(self.product.levels))):
            rows = self.product.class_counts(at)
            below = [*counts[0], 0]  # -1 finds the 0
            counts.insert(0, [sum(n * below[s] for n, s in zip(rows, nexts, strict=True)) for nexts in self._nexts[at]])
        return counts

    def _table(self, at: int) -> _Table:
        size = len(self.product.levels[at].rows)
        classes = np.zeros(size, np.int32)
        for row, number in self.product.rows_of_classes(at).items():
            classes[row] = number
        below = np.array([*self._counts[at + 1], 0], np.int64)
        nexts = np.array(self._nexts[at], np.int64).reshape(len(self._states[at]), -1 if self._states[at] else 1)
        strides: list[int] = []
        offsets: list[Indices | None] = []
        for after in nexts:
            widths = below[after]
            same = bool(widths[0] > 0 and (widths == widths[0]).all())
            strides.append(int(widths[0]) if same else 0)
            offsets.append(None if same else np.concatenate([[0], np.cumsum(widths[classes])]))
        return _Table(classes, nexts, strides, offsets)

    def rows(self, number: int) -> list[int]:
        """The row of each level in one cell."""
        state, found = 0, []
        for table in self._tables:
            stride = table.strides[state]
            if stride:
                row, number = divmod(number, stride)
            else:
                offsets = table.offsets[state]
                assert offsets is not None
                row = bisect_right(offsets, number) - 1
                number -= int(offsets[row])
            found.append(row)
            state = int(table.nexts[state, table.classes[row]])
        return found

    def rows_of(self, numbers: Indices) -> Indices:
        """The row of each level (column) in many cells."""
        rest = numbers.copy()
        states = np.zeros(len(numbers), np.int64)
        found = np.empty((len(numbers), len(self._tables)), np.int64)
        for at, table in enumerate(self._tables):
            for state in np.flatnonzero(np.bincount(states)):
                here = np.flatnonzero(states == state)
                found[here, at], rest[here] = table.split(int(state), rest[here])
            states = table.nexts[states, table.classes[found[:, at]]]
        return found

    def numbers_of(self, rows: Indices) -> Indices:
        """The cells with these rows, one cell a line; -1 where there is none."""
        numbers = np.zeros(len(rows), np.int64)
        states = np.zeros(len(rows), np.int64)
        if not len(self):
            return numbers - 1
        for at, table in enumerate(self._tables):
            for state in np.flatnonzero(np.bincount(states[states >= 0])):
                here = np.flatnonzero(states == state)
                numbers[here] += table.before(int(state), rows[here, at])
            nexts = table.nexts[states, table.classes[rows[:, at]]]
            states = np.where(states < 0, -1, nexts)
        return np.where(states < 0, -1, numbers)


@dataclass(frozen=True)
class _Table:
    """What lies below each row of a level, for each state before it: what finding a cell goes by.

    Attributes
    ----------
    classes : array
        Class of each row.
    nexts : array (states, classes)
        State after it, -1 where there are no cells.
    strides : list of int
        For each state, the cells below each row where that is the same for all rows; else 0.
    offsets : list of arrays or None
        Where it is not, how many cells lie before each row, and last how many there are.
    """

    classes: NDArray[np.int32]
    nexts: Indices
    strides: list[int]
    offsets: list[Indices | None]

    def split(self, state: int, numbers: Indices) -> tuple[Indices, Indices]:
        """The row in which each number lies, and what is left of the number."""
        if stride := self.strides[state]:
            return np.divmod(numbers, stride)
        offsets = self.offsets[state]
        assert offsets is not None
        rows = np.searchsorted(offsets, numbers, side="right") - 1
        return rows, numbers - offsets[rows]

    def before(self, state: int, rows: Indices) -> Indices:
        """How many cells lie before each row."""
        if stride := self.strides[state]:
            return rows * stride
        offsets = self.offsets[state]
        assert offsets is not None
        return offsets[rows]
