"""Blocks: runs that share their arguments, side by side in lanes, trained by one call of the kernel.

A study whose runs stop at their criterion trains in stages: what has not stopped after the first thousand updates goes
on in a block with others that have not either, so that one slow run does not hold the lanes of fifteen that are done.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runner.measurements import window
from runner.training.blocks.arguments import Shared
from runner.training.blocks.attempts import ONLY, Attempt
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
    totals : tuple of int
        The budgets in updates of a whole run, ascending; one row per run and budget.
    segments : sequence of Segment
    n_seeds : int
        Replicates of a cell, from which run indices follow.
    start, until : int
        Updates of its attempt made before this block, and after which it ends: at the last budget, or before.
    points : tuple of int, one tuple per budget
        Numbers of updates at which curves have a point; empty when they are not recorded.
    weights : NDArray or None
        Places of the parameters that weights.npz holds; None when they are not recorded.
    attempt : Attempt
        Of these runs; `start`, `until`, `points` and `budgets` are counted from its start.
    """

    shared: Shared
    totals: tuple[int, ...]
    segments: Sequence[Segment]
    n_seeds: int
    start: int
    until: int
    points: tuple[tuple[int, ...], ...] = ()
    weights: NDArray[np.int64] | None = None
    attempt: Attempt = ONLY

    @cached_property
    def budgets(self) -> tuple[int, ...]:
        """After how many updates of its attempt each budget ends it, ascending."""
        return self.attempt.ends(self.totals)

    @property
    def n_over(self) -> int:
        """How many budgets are over with its attempt, whether a run has met its criterion or not."""
        return self.attempt.n_over(self.totals)

    @cached_property
    def past(self) -> tuple[Floats, ...]:
        """Points of its runs' curves in earlier attempts, arrays (points, columns, n) by budget; empty without any."""
        return tuple(np.concatenate(each, axis=-1) for each in zip(*(one.past for one in self.segments), strict=True))

    @cached_property
    def n(self) -> int:
        """Trajectories."""
        return sum(segment.n for segment in self.segments)

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
        """Whether its attempt is done after it, whether the runs have stopped or not."""
        return self.until == self.budgets[-1]

    def updates(self, done: NDArray[np.bool_], n_again: int = 0) -> int:
        """Changes of weights that are not to be made any more after this block: of a run that is done, all.

        Parameters
        ----------
        done : bool array (n,)
            The trajectories that are.
        n_again : int
            How many of the others start again: what is left of their attempt is not to be made either.
        """
        n_done = int(done.sum())
        left = self.totals[-1] - self.attempt.origin - self.start
        to_the_end, in_the_block = self.budgets[-1] - self.start, self.until - self.start
        return n_done * left + n_again * to_the_end + (self.n - n_done - n_again) * in_the_block

    def runs(self, which: NDArray[np.bool_], n_budgets: int | None = None) -> NDArray[np.int64]:
        """Indices of the runs of some trajectories, budget by budget (the first ones, or all), trajectories within."""
        runs = np.concatenate([segment.cells * self.n_seeds + segment.places for segment in self.segments], axis=1)
        return runs[:n_budgets, which].ravel()

    def by_run(self, field: str) -> NDArray[Any]:
        """What the cell of each trajectory has for a field of `LaneValues`; shape (n, ...)."""
        return np.concatenate([getattr(segment.numbers, field)[segment.of] for segment in self.segments])
