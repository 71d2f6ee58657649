"""Cells that share one trajectory: those that differ only in epochs, only in updates, or only in samples.

The axes that hold the budget are moved to the end and their rows sorted, so that the cells of a trajectory are
neighbours with ascending budgets.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runner.keys.definitions import BUDGETS
from runner.sweep.numbering import Expansion
from runner.sweep.space import SweepSpace

_CHUNK = 1 << 15
Indices = NDArray[np.int64]
Budget = tuple[str, int]
"""`epochs`, `updates` or `samples`, and how many."""


class Trajectories:
    """The cells of a space by trajectory, those of `include` apart.

    Parameters
    ----------
    space : SweepSpace
    updates_of : callable
        How many updates a budget is, from what the axes and the top give for `keys`.
    keys : tuple of str
        The keys that decide it.
    """

    def __init__(
        self, space: SweepSpace, updates_of: Callable[[tuple[Any, ...], Budget], int], keys: tuple[str, ...]
    ) -> None:
        self._space = space
        self._updates_of = updates_of
        self._keys = keys
        holders = {at for key in BUDGETS for at in space.axes_of(key)}
        others = [at for at in range(len(space.axes)) if at not in holders]
        self._order = [*others, *sorted(holders)]
        self._fixed = len(others)
        self._classes = {at: self._classes_of(at) for at in holders}
        self._rows = {at: self._sorted_rows(at) for at in holders}
        self._product = space.product.rearranged(self._order, self._rows)

    def _budget(self, at: int, row: int) -> Budget | None:
        """What a row of an axis gives as budget; None for "absent"."""
        axis = self._space.axes[at]
        if row == len(axis.rows):
            return None
        given = dict(zip(axis.keys, axis.rows[row], strict=True))
        return next((key, int(given[key])) for key in BUDGETS if key in given)

    def _classes_of(self, at: int) -> list[int]:
        """A number for every row of an axis, "absent" last: equal where the rows differ only in the budget."""
        axis = self._space.axes[at]
        rests = [
            tuple(value for key, value in zip(axis.keys, row, strict=True) if key not in BUDGETS) for row in axis.rows
        ]
        numbers = {rest: number for number, rest in enumerate(dict.fromkeys(rests))}
        return [*(numbers[rest] for rest in rests), len(numbers)]

    def _sorted_rows(self, at: int) -> list[int]:
        def rank(row: int) -> tuple[int, int]:
            budget = self._budget(at, row)
            return self._classes[at][row], budget[1] if budget else 0

        return sorted(range(len(self._space.axes[at].rows)), key=rank)

    @cached_property
    def _labels(self) -> dict[int, list[Hashable]]:
        """For every level that matters, a label for each row: its class, what it gives for `keys`, its budget."""
        labels: dict[int, list[Hashable]] = {}
        for new, at in enumerate(self._order):
            axis = self._space.axes[at]
            held = [(key, axis.keys.index(key)) for key in self._keys if key in axis.keys]
            if not held and new < self._fixed:
                continue
            order = self._rows.get(at, range(len(axis.rows)))
            labels[new] = [
                (
                    self._classes[at][row] if at in self._classes else None,
                    tuple((key, axis.rows[row][j]) for key, j in held),
                    self._budget(at, row) if at in self._classes else None,
                )
                for row in order
            ]
            labels[new].append((self._classes[at][-1] if at in self._classes else None, (), None))
        return labels

    @cached_property
    def totals(self) -> tuple[int, int]:
        """How many trajectories there are, and how many updates they make, each to its longest budget."""
        common = {key: self._space.common(key) for key in self._keys}
        base = next(((key, self._space.base[key]) for key in BUDGETS if key in self._space.base), None)
        tails: dict[int, list[tuple[tuple[Any, ...], Budget | None]]] = {}
        known: dict[tuple[tuple[Any, ...], Budget], int] = {}
        count = updates = 0
        for (state, path), ways in self._product.totals(self._labels, last=self._fixed).items():
            if state not in tails:
                tails[state] = self._tails(state)
            for held, longest in tails[state]:
                given = dict(common)
                for label in (*path, *held):
                    given.update(label[1])
                budget = longest or base
                assert budget is not None, "every cell has a budget"
                asked = tuple(given.values()), budget
                if asked not in known:
                    known[asked] = self._updates_of(*asked)
                count += ways
                updates += ways * known[asked]
        return count, updates

    def _tails(self, state: int) -> list[tuple[tuple[Any, ...], Budget | None]]:
        """The trajectories below a state of the levels without budget, each with its longest budget."""
        longest: dict[tuple[Any, ...], Budget | None] = {}
        for _, path in self._product.totals(self._labels, first=self._fixed, state=state):
            rest = tuple(label[:2] for label in path)  # type: ignore[index]
            budget = next((label[2] for label in path if label[2]), None)  # type: ignore[index]
            best = longest.get(rest)
            longest[rest] = budget if best is None or budget is None or budget[1] > best[1] else best
        return list(longest.items())

    def cells(self, numbers: Callable[[Indices], Indices]) -> tuple[Indices, Indices]:
        """The cells of every trajectory, budgets ascending.

        Parameters
        ----------
        numbers : callable
            From the rows of cells to their numbers in the plan.

        Returns
        -------
        cells : int64 array (n_cells,)
            Those of a trajectory side by side.
        starts : int64 array (trajectories,)
            Where each trajectory's cells begin.
        """
        n = self._space.product.count()
        if self._fixed == len(self._order):
            return np.arange(n), np.arange(n)
        cells = np.empty(n, np.int64)
        begins = np.empty(n, np.bool_)
        at, last = 0, None
        for where, found in self._chunks(numbers):
            here = slice(at, at + len(found))
            cells[here] = found
            begins[at] = last is None or bool(np.any(last != where[0]))
            begins[at + 1 : here.stop] = np.any(where[1:] != where[:-1], axis=1)
            at, last = here.stop, where[-1]
        return cells, np.flatnonzero(begins)

    def _chunks(self, numbers: Callable[[Indices], Indices]) -> Iterator[tuple[Indices, Indices]]:
        """Cells in the rearranged order: what tells their trajectories apart, and their numbers in the plan."""
        expansion = Expansion(self._product)
        for start in range(0, len(expansion), _CHUNK):
            moved = expansion.rows_of(np.arange(start, min(start + _CHUNK, len(expansion))))
            rows = np.empty_like(moved)
            where = moved.copy()
            for new, at in enumerate(self._order):
                if at in self._rows:
                    back = np.array([*self._rows[at], len(self._rows[at])])
                    rows[:, at] = back[moved[:, new]]
                    where[:, new] = np.array(self._classes[at])[rows[:, at]]
                else:
                    rows[:, at] = moved[:, new]
            yield where, numbers(rows)
