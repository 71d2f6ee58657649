"""Parts of a study, for machines that know nothing of each other: each trains its part of the same plan."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from runner.studies.plan import Plan

MOST_SHARDS = 1_000_000
_TEXT = re.compile(r"([0-9]{1,7})/([0-9]{1,7})")


@dataclass(frozen=True)
class Shard:
    """One of so many parts of a study.

    Parts are alike in cost and in what they cover: the seeds of every trajectory are dealt out like cards, each time
    beginning with another part.

    Attributes
    ----------
    number : int
        From 1.
    of : int
        How many there are.

    Examples
    --------
    >>> str(Shard.parse("2/3")), Shard(2, 3).folder("xor_sweep")
    ('2/3', 'xor_sweep.2-of-3')
    """

    number: int
    of: int

    @classmethod
    def parse(cls, text: str) -> Shard:
        """`2/3`, as it is written on a command line.

        Raises
        ------
        ValueError
            When it is something else, or there is no such part.
        """
        found = _TEXT.fullmatch(text)
        number, of = map(int, found.groups()) if found else (0, 0)
        if not 1 <= number <= of <= MOST_SHARDS:
            raise ValueError(f"expected I/N, such as 1/3, 2/3 and 3/3 for the parts of three, not {text!r}")
        return cls(number, of)

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"

    def folder(self, name: str) -> str:
        """Name of the folder of this part's results."""
        return f"{name}.{self.number}-of-{self.of}"

    def runs(self, plan: Plan) -> NDArray[np.bool_]:
        """Which runs of a plan this part has; shape (n_runs,)."""
        schedule = plan.schedule()
        places = np.arange(len(plan.seeds))
        mine = np.zeros((plan.n_cells, len(plan.seeds)), np.bool_)
        for cells, first in zip(schedule, _first_parts(len(schedule), self.of).tolist(), strict=True):
            # Runs that differ only in their budget are one training: they stay together.
            mine[list(cells)] = (places + first) % self.of == self.number - 1
        return mine.ravel()


def _first_parts(n: int, of: int) -> NDArray[np.int64]:
    """With which part each of n trajectories begins.

    Multiples of the golden ratio, without their whole part, lie evenly between 0 and 1, and so do those of every n-th
    trajectory: whatever value an axis has, all parts get it alike. In whole numbers, which are the same everywhere.
    """
    fractions = np.arange(n, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15) >> np.uint64(32)
    return (fractions * np.uint64(of) >> np.uint64(32)).astype(np.int64)
