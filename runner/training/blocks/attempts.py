"""Attempts of runs that start again where they have not met their criterion.

An attempt is trained as a run of its own, from its own initial weights on: what a kernel sees of it begins with its
first update. What it is in the whole run is told here. So all that is measured of a run is of its last attempt, as if
that were a run by itself, but for its epochs and updates, which are counted from the start of the first one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from runner.keys.definitions import MOST_SEED
from runner.keys.restarts import Restarts

SEED_STEP = 10**12
"""What is added to the seed of a run for each time that it has started again."""


@dataclass(frozen=True)
class Attempt:
    """One attempt of runs that share it; the first and only one of runs that do not start again.

    Attributes
    ----------
    number : int
        How many times the runs have started again before it.
    origin : int
        Updates made before it.
    length : int or None
        Updates after which runs that have not met their criterion start again; None where they do not.
    """

    number: int = 0
    origin: int = 0
    length: int | None = None

    @classmethod
    def of(cls, restarts: Restarts | None, number: int, updates_per_epoch: int) -> Attempt:
        """Attempt `number`, counted from 0."""
        if restarts is None:
            return ONLY
        length = restarts.after * updates_per_epoch
        is_last = restarts.most is not None and number >= restarts.most
        return cls(number, number * length, None if is_last else length)

    def ends(self, totals: tuple[int, ...]) -> tuple[int, ...]:
        """After how many of its updates each of the budgets of whole runs ends it."""
        if self.length is None:
            return tuple([total - self.origin for total in totals]) if self.origin else totals
        return tuple([min(total - self.origin, self.length) for total in totals])

    def n_over(self, totals: tuple[int, ...]) -> int:
        """How many of the ascending budgets are over with it, whether a run has met its criterion or not."""
        if self.length is None:
            return len(totals)
        return sum(total - self.origin <= self.length for total in totals)

    def points(self, updates: tuple[int, ...]) -> tuple[int, ...]:
        """Those of some updates of whole runs that belong to it; its very start belongs to the attempt before."""
        if self is ONLY:
            return updates
        first = self.origin + (self.number > 0)
        last = math.inf if self.length is None else self.origin + self.length
        return tuple([at - self.origin for at in updates if first <= at <= last])

    def seeds(self, seeds: NDArray[np.uint64]) -> NDArray[np.uint64]:
        """The seeds that it starts with, of runs with these: it begins as a run with such a seed would."""
        if not self.number:
            return seeds
        step = np.uint64(self.number * SEED_STEP % (MOST_SEED + 1))
        return (seeds + step) & np.uint64(MOST_SEED)


ONLY = Attempt()
"""The only attempt of runs that do not start again."""
