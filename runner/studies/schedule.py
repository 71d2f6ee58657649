"""In which order networks are trained: whenever a study is stopped, what is done by then covers all of its axes.

Two levels. Seeds come in rounds that double, so that every cell has its first 64 seeds before any has its second 64.
Within a round, trajectories come in steps of the golden ratio around the plan: by the three-distance theorem (Sos 1958)
the numbers visited lie evenly at every moment, and so do the values of every axis, slow or fast.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import gcd

import numpy as np
from numpy.typing import NDArray

_GOLDEN = 0.6180339887498949  # (sqrt(5) - 1) / 2
_FIRST_ROUND = 64  # a multiple of the lanes of every kernel


class Schedule(Sequence[tuple[int, ...]]):
    """The cells of a plan by trajectory, in the plan's order.

    Parameters
    ----------
    cells : int64 array (n_cells,)
        Numbers of the cells; those of a trajectory are neighbours, their budgets ascending.
    starts : int64 array (trajectories + 1,)
        Where each trajectory's cells begin, and last where they end.
    """

    def __init__(self, cells: NDArray[np.int64], starts: NDArray[np.int64]) -> None:
        self._cells = cells
        self._starts = starts

    def __len__(self) -> int:
        return len(self._starts) - 1

    def __getitem__(self, k: int) -> tuple[int, ...]:  # type: ignore[override]
        """The cells of trajectory number `k`."""
        if not 0 <= k < len(self):
            raise IndexError(f"trajectory {k} of {len(self)}")
        return tuple(self._cells[self._starts[k] : self._starts[k + 1]].tolist())

    def of_size(self, trajectories: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
        """The cells of some trajectories: an array (trajectories, budgets) for each number of budgets."""
        starts = self._starts[trajectories]
        sizes = self._starts[trajectories + 1] - starts
        for size in np.flatnonzero(np.bincount(sizes)).tolist():
            yield self._cells[starts[sizes == size][:, None] + np.arange(size)]


def spread(n: int, together: int = 1) -> Iterator[NDArray[np.int64]]:
    """All numbers below n, once each, in an order whose every beginning is evenly spread; so many of them at a time."""
    step = max(1, round(n * _GOLDEN))
    while gcd(step, n) != 1:
        step += 1
    return (np.arange(first, min(first + together, n)) * step % n for first in range(0, n, together))


def rounds(n_seeds: int) -> Iterator[slice]:
    """The places of all seeds in rounds: 64, then each time as many as there have been."""
    first = 0
    while first < n_seeds:
        last = min(max(2 * first, _FIRST_ROUND), n_seeds)
        yield slice(first, last)
        first = last
