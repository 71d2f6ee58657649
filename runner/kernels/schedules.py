"""The learning rate and the settings of an update, where a schedule changes them from epoch to epoch.

A run without a schedule has the empty tuple in place of a Schedule: a kernel for those is compiled from code that has
no schedule in it. The functions with two forms, by the type of the Schedule, stand at the end.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from numba import config
from numba.extending import overload

from runner.kernels.absent import NONE, is_none
from runner.kernels.codes import SLOTS
from runner.kernels.lanes.operations import BY_TYPE, advanced, inlined, kernel, load, pointer, store


class Schedule(NamedTuple):
    """What changes from epoch to epoch.

    Attributes
    ----------
    rates : float64 array (n,) or ()
        What the learning rates are multiplied by in each epoch; the last number holds for all that follow. An empty
        tuple where they stay as they are.
    momenta : Momenta or ()
        The same of the momentum.
    updates_per_epoch : int
    """

    rates: Any
    momenta: Any
    updates_per_epoch: int


class Momenta(NamedTuple):
    """How the momentum changes.

    Attributes
    ----------
    factors : float64 array (n,)
        As `Schedule.rates`.
    row : int
        The place of the momentum among the settings of the optimizer.
    settings : float array (G, SLOTS, L)
        A copy of the settings, in which the momentum is that of the update. Within the kernel a pointer to those of one
        group.
    """

    factors: Any
    row: int
    settings: Any


@inlined
def _factor(factors: Any, updates_per_epoch: int, made: int) -> Any:
    """The number of the epoch in which the update after `made` others is."""
    return factors[min(made // updates_per_epoch, factors.size - 1)]


@kernel
def _of_group(momenta: Any, g: int, L: int) -> Any:
    """Group number `g`, with a pointer in place of the array."""
    return Momenta(momenta.factors, momenta.row, advanced(pointer(momenta.settings), g * SLOTS * L))


@inlined
def _with_momentum(settings: Any, schedule: Any, made: int, lanes: Any) -> Any:
    """The settings of the update after `made` others."""
    momenta, at = schedule.momenta, schedule.momenta.row * lanes.n
    factor = _factor(momenta.factors, schedule.updates_per_epoch, made)
    store(momenta.settings, at, load(settings, at, lanes) * factor)
    return momenta.settings


def schedule_of_group(schedule: Any, g: int, L: int) -> Any:
    """Group number `g`, with pointers in place of arrays that differ from group to group, or NONE."""
    if schedule == NONE or schedule.momenta == NONE:
        return schedule
    return schedule._replace(momenta=_of_group(schedule.momenta, g, L))


def _schedule_of_group(schedule: Any, g: int, L: int) -> Any:
    def same(schedule: Any, g: int, L: int) -> Any:
        return schedule

    def some(schedule: Any, g: int, L: int) -> Any:
        return Schedule(schedule.rates, _of_group(schedule.momenta, g, L), schedule.updates_per_epoch)

    return same if _has_none(schedule, "momenta") else some


def scheduled(rate: Any, schedule: Any, made: int) -> Any:
    """A learning rate for the update after `made` others."""
    if schedule == NONE or isinstance(schedule.rates, tuple):
        return rate
    return rate * _factor(schedule.rates, schedule.updates_per_epoch, made)


def _scheduled(rate: Any, schedule: Any, made: int) -> Any:
    def same(rate: Any, schedule: Any, made: int) -> Any:
        return rate

    def at_epoch(rate: Any, schedule: Any, made: int) -> Any:
        return rate * _factor(schedule.rates, schedule.updates_per_epoch, made)

    return same if _has_none(schedule, "rates") else at_epoch


def scheduled_settings(settings: Any, schedule: Any, made: int, lanes: Any) -> Any:
    """The optimizer's settings (SLOTS, L) for the update after `made` others."""
    if schedule == NONE or schedule.momenta == NONE:
        return settings
    return _with_momentum(settings, schedule, made, lanes)


def _scheduled_settings(settings: Any, schedule: Any, made: int, lanes: Any) -> Any:
    def same(settings: Any, schedule: Any, made: int, lanes: Any) -> Any:
        return settings

    def at_epoch(settings: Any, schedule: Any, made: int, lanes: Any) -> Any:
        return _with_momentum(settings, schedule, made, lanes)

    return same if _has_none(schedule, "momenta") else at_epoch


def _has_none(schedule: Any, field: str) -> bool:
    """Whether the type of a schedule is that of one that leaves this as it is."""
    return is_none(schedule) or is_none(schedule.types[Schedule._fields.index(field)])


if not config.DISABLE_JIT:
    for plain, by_type in (
        (schedule_of_group, _schedule_of_group),
        (scheduled, _scheduled),
        (scheduled_settings, _scheduled_settings),
    ):
        overload(plain, jit_options=BY_TYPE)(by_type)
