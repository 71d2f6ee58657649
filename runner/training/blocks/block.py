"""Blocks: runs that share their arguments, side by side in lanes, trained by one call of the kernel.

A study whose runs stop at their criterion trains in stages: what has not stopped after the first thousand updates goes
on in a block with others that have not either, so that one slow run does not hold the lanes of fifteen that are done.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from runner.measurements import window
from runner.training.blocks.arguments import Shared
from runner.training.blocks.segments import Segment

Floats = NDArray[np.float64]


def events_of(budgets: tuple[int, ...], points: tuple[tuple[int, ...], ...]) -> NDArray[np.int64]:
    """Updates after which everything is measured: both ends of each budget's window, and the points of its curve."""
    wanted = {budget - window(budget) for budget in budgets} | set(budgets)
    return np.array(sorted(wanted.union(*points)), np.int64)


@dataclass(frozen=True, eq=False)
class Block:
    """Runs that one call of the kernel trains.

    Attributes
    ----------
    shared : Shared
    budgets : tuple of int
        In updates, ascending; one row per run and budget.
    segments : sequence of Segment
    n_seeds : int
        Replicates of a cell, from which run indices follow.
    start, until : int
        Updates made before this block, and after which it ends: at the last budget, or before.
    points : tuple of int, one tuple per budget
        Numbers of updates at which curves have a point; empty when they are not recorded.
    weights : NDArray or None
        Places of the parameters that weights.npz holds; None when they are not recorded.
    """

    shared: Shared
    budgets: tuple[int, ...]
    segments: Sequence[Segment]
    n_seeds: int
    start: int
    until: int
    points: tuple[tuple[int, ...], ...] = ()
    weights: NDArray[np.int64] | None = None

    @cached_property
    def n(self) -> int:
        """Trajectories."""
        return sum(len(segment.seeds) for segment in self.segments)

    @cached_property
    def seeds(self) -> list[int]:
        """Of each trajectory."""
        return [int(seed) for segment in self.segments for seed in segment.seeds.tolist()]

    @cached_property
    def events(self) -> NDArray[np.int64]:
        """After which updates everything is measured."""
        return events_of(self.budgets, self.points)

    @property
    def groups(self) -> int:
        """Groups of lanes that hold its runs."""
        return -(-self.n // int(self.shared.width.lanes.n))

    @property
    def is_last(self) -> bool:
        """Whether its runs are done after it, stopped or not."""
        return self.until == self.budgets[-1]

    def updates(self, done: NDArray[np.bool_]) -> int:
        """Changes of weights that are not to be made any more after this block: of a run that has stopped, all."""
        n_done = int(done.sum())
        return n_done * (self.budgets[-1] - self.start) + (self.n - n_done) * (self.until - self.start)

    def runs(self, which: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Indices of the runs of some trajectories, budget by budget, trajectories within."""
        return np.concatenate(
            [
                np.concatenate([segment.cells[k] * self.n_seeds + segment.places for segment in self.segments])[which]
                for k in range(len(self.budgets))
            ]
        )
