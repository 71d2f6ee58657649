"""The learning rate of an update, where a schedule changes it from epoch to epoch.

A run without a schedule has the empty tuple in place of a Schedule: a kernel for those is compiled from code that has
no schedule in it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from numba import config
from numba.extending import overload

from runner.kernels.absent import NONE, is_none


class Schedule(NamedTuple):
    """What the learning rates are multiplied by.

    Attributes
    ----------
    factors : float64 array (n,)
        Of each epoch; that of the last one holds for all that follow.
    updates_per_epoch : int
    """

    factors: Any
    updates_per_epoch: int


def scheduled(rate: Any, schedule: Any, made: int) -> Any:
    """A learning rate for the update after `made` others."""
    if schedule == NONE:
        return rate
    return rate * schedule.factors[min(made // schedule.updates_per_epoch, len(schedule.factors) - 1)]


def _scheduled(rate: Any, schedule: Any, made: int) -> Any:
    """The two forms of `scheduled`, by the type of the schedule."""

    def unchanged(rate: Any, schedule: Any, made: int) -> Any:
        return rate

    def at_epoch(rate: Any, schedule: Any, made: int) -> Any:
        epoch = min(made // schedule.updates_per_epoch, schedule.factors.size - 1)
        return rate * schedule.factors[epoch]

    return unchanged if is_none(schedule) else at_epoch


if not config.DISABLE_JIT:
    overload(scheduled, inline="always")(_scheduled)
