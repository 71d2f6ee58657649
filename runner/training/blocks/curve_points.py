"""At which updates, and so at which epochs, the curve of a run has its points."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from runner.studies.plan import Plan


@lru_cache(maxsize=256)
def curve_updates(n: int, budget: int, per_epoch: int) -> tuple[int, ...]:
    """Updates at which a curve has a point: up to n epochs, evenly spaced in their logarithm, and both ends.

    Parameters
    ----------
    n : int
        About how many points are asked for.
    budget : int
        Updates of the whole run.
    per_epoch : int
        Updates of an epoch.
    """
    last = max(1, budget // per_epoch)
    # There may be far more epochs than points: nothing here takes time or memory for each of them.
    steps = max(min(n, last) - 1, 1)
    epochs = range(1, last + 1) if n >= last else [round(last ** (k / steps)) for k in range(n)]
    return tuple(sorted({0, budget} | {epoch * per_epoch for epoch in epochs if epoch * per_epoch <= budget}))


class CurveEpochs:
    """What a whole curve of a cell's runs looks like.

    Parameters
    ----------
    plan : Plan
        Its study records curves.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._n = plan.study.record.curves or 0
        # The runs of a cell mostly come one behind the other.
        self._of = lru_cache(maxsize=1024)(self._make)

    def __call__(self, cell: int) -> tuple[NDArray[np.float64], bool]:
        """Epochs of the points, and whether a curve may end before the last of them because its run stops."""
        return self._of(cell)

    def _make(self, cell: int) -> tuple[NDArray[np.float64], bool]:
        of = self._plan.cell(cell)
        per_epoch = of.updates_per_epoch
        return np.array(curve_updates(self._n, of.budget, per_epoch)) / float(per_epoch), of.stop != "budget"
