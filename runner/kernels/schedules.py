"""The learning rate and the settings of an update, where a schedule changes them, by the epoch or by a loss.

A run without a schedule has the empty tuple in place of a Schedule: a kernel for those is compiled from code that has
no schedule in it. The functions with two forms, by the type of the Schedule, stand at the end.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import config, types
from numba.extending import overload

from runner.kernels.absent import NONE, is_none
from runner.kernels.codes import R_PREVIOUS, SLOTS
from runner.kernels.held_out import H_LOSS, held_measure
from runner.kernels.lanes.operations import (
    BY_TYPE,
    advanced,
    fill,
    inlined,
    kernel,
    load,
    not_inlined,
    pointer,
    store,
    where_lt,
)

# Rows of Plateau.state: the factor of the learning rates, the best loss so far, and how many evaluations have gone by
# since the last one with a better loss or the last change of the factor.
P_FACTOR, P_BEST, P_BAD = range(3)
P_STATE = 3
# A loss is a better one below so much of the best one: the `threshold` of torch.optim.lr_scheduler.ReduceLROnPlateau.
_BETTER = 1.0 - 1e-4


class Schedule(NamedTuple):
    """What changes.

    Attributes
    ----------
    rates : float64 array (n,), Plateau or ()
        What the learning rates are multiplied by in each epoch, of which the last number holds for all that follow, or
        what that depends on; an empty tuple where they stay as they are.
    momenta : Momenta or ()
        How the momentum changes; an empty tuple where it stays as it is.
    updates_per_epoch : int
    """

    rates: Any
    momenta: Any
    updates_per_epoch: int


class Plateau(NamedTuple):
    """Learning rates that fall where a loss does not, as torch.optim.lr_scheduler.ReduceLROnPlateau has it.

    Attributes
    ----------
    factor : float
        What the rates are multiplied by then.
    patience : int
        How many evaluations may go by without a better loss.
    tested : int
        1 where it is the loss of the held-out samples, 0 where it is that of the training data.
    state : float array (G, P_STATE, L)
        What runs carry from evaluation to evaluation, and from call to call. Within the kernel a pointer to the numbers
        of one group.
    """

    factor: float
    patience: int
    tested: int
    state: Any


class Momenta(NamedTuple):
    """How the momentum changes from epoch to epoch.

    Attributes
    ----------
    factors : float64 array (n,)
        What it is multiplied by in each epoch; the last number holds for all that follow.
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
    """That of the epoch in which the update after `made` others is."""
    return factors[min(made // updates_per_epoch, factors.size - 1)]


@kernel
def _momenta_of_group(momenta: Any, g: int, L: int) -> Any:
    """Group number `g`, with a pointer in place of the array."""
    return Momenta(momenta.factors, momenta.row, advanced(pointer(momenta.settings), g * SLOTS * L))


@kernel
def _plateau_of_group(plateau: Any, g: int, L: int) -> Any:
    """Group number `g`, with a pointer in place of the array."""
    state = advanced(pointer(plateau.state), g * P_STATE * L)
    return Plateau(plateau.factor, plateau.patience, plateau.tested, state)


@kernel
def _clear(plateau: Any, lanes: Any) -> None:
    """Begin: nothing has been evaluated."""
    store(plateau.state, P_FACTOR * lanes.n, fill(plateau.state, 1.0, lanes))
    store(plateau.state, P_BEST * lanes.n, fill(plateau.state, np.inf, lanes))
    store(plateau.state, P_BAD * lanes.n, fill(plateau.state, 0.0, lanes))


@kernel
def _follow(plateau: Any, held: Any, buf: Any, made: int, lanes: Any) -> None:
    """Take account of an evaluation, whose loss is buf.running's last one."""
    not_inlined()
    # PyTorch's is told the loss at the end of an epoch: that of the initial weights is none of these.
    if made == 0:
        return
    L, state = lanes.n, plateau.state
    loss = load(buf.running, R_PREVIOUS * L, lanes)
    if plateau.tested:
        loss = held_measure(held, H_LOSS, buf.running, lanes)
    best, factor = load(state, P_BEST * L, lanes), load(state, P_FACTOR * L, lanes)
    limit = best * _BETTER
    bad = where_lt(loss, limit, 0.0, load(state, P_BAD * L, lanes) + 1.0)
    most = float(plateau.patience)
    store(state, P_BEST * L, where_lt(loss, limit, loss, best))
    store(state, P_FACTOR * L, where_lt(most, bad, factor * plateau.factor, factor))
    store(state, P_BAD * L, where_lt(most, bad, 0.0, bad))


@inlined
def _with_momentum(settings: Any, schedule: Any, made: int, lanes: Any) -> Any:
    """The settings of the update after `made` others."""
    momenta, at = schedule.momenta, schedule.momenta.row * lanes.n
    factor = _factor(momenta.factors, schedule.updates_per_epoch, made)
    store(momenta.settings, at, load(settings, at, lanes) * factor)
    return momenta.settings


def rates_of_group(rates: Any, g: int, L: int) -> Any:
    """Schedule.rates of group number `g`."""
    return _plateau_of_group(rates, g, L) if isinstance(rates, Plateau) else rates


def _rates_of_group(rates: Any, g: int, L: int) -> Any:
    def same(rates: Any, g: int, L: int) -> Any:
        return rates

    def some(rates: Any, g: int, L: int) -> Any:
        return _plateau_of_group(rates, g, L)

    return some if _is_plateau(rates) else same


def momenta_of_group(momenta: Any, g: int, L: int) -> Any:
    """Schedule.momenta of group number `g`."""
    return NONE if momenta == NONE else _momenta_of_group(momenta, g, L)


def _momenta_of_group_by_type(momenta: Any, g: int, L: int) -> Any:
    def none(momenta: Any, g: int, L: int) -> Any:
        return ()

    def some(momenta: Any, g: int, L: int) -> Any:
        return _momenta_of_group(momenta, g, L)

    return none if is_none(momenta) else some


def schedule_of_group(schedule: Any, g: int, L: int) -> Any:
    """Group number `g`, with pointers in place of arrays that differ from group to group, or NONE."""
    if schedule == NONE:
        return NONE
    rates, momenta = rates_of_group(schedule.rates, g, L), momenta_of_group(schedule.momenta, g, L)
    return Schedule(rates, momenta, schedule.updates_per_epoch)


def _schedule_of_group(schedule: Any, g: int, L: int) -> Any:
    def none(schedule: Any, g: int, L: int) -> Any:
        return ()

    def some(schedule: Any, g: int, L: int) -> Any:
        rates, momenta = rates_of_group(schedule.rates, g, L), momenta_of_group(schedule.momenta, g, L)
        return Schedule(rates, momenta, schedule.updates_per_epoch)

    return none if is_none(schedule) else some


def begin_schedule(schedule: Any, lanes: Any) -> None:
    """Begin a run, where something is kept for its schedule."""
    if schedule != NONE and isinstance(schedule.rates, Plateau):
        _clear(schedule.rates, lanes)


def _begin_schedule(schedule: Any, lanes: Any) -> Any:
    def none(schedule: Any, lanes: Any) -> None:
        pass

    def some(schedule: Any, lanes: Any) -> None:
        _clear(schedule.rates, lanes)

    return some if _is_plateau(_part(schedule, "rates")) else none


def follow(schedule: Any, held: Any, buf: Any, made: int, lanes: Any) -> None:
    """Take account of an evaluation after `made` updates, where learning rates depend on it."""
    if schedule != NONE and isinstance(schedule.rates, Plateau):
        _follow(schedule.rates, held, buf, made, lanes)


def _follow_by_type(schedule: Any, held: Any, buf: Any, made: int, lanes: Any) -> Any:
    def none(schedule: Any, held: Any, buf: Any, made: int, lanes: Any) -> None:
        pass

    def some(schedule: Any, held: Any, buf: Any, made: int, lanes: Any) -> None:
        _follow(schedule.rates, held, buf, made, lanes)

    return some if _is_plateau(_part(schedule, "rates")) else none


def scheduled(rate: Any, schedule: Any, made: int, lanes: Any) -> Any:
    """A learning rate for the update after `made` others."""
    if schedule == NONE or schedule.rates is NONE:
        return rate
    if isinstance(schedule.rates, Plateau):
        return rate * load(schedule.rates.state, P_FACTOR * lanes.n, lanes)
    return rate * _factor(schedule.rates, schedule.updates_per_epoch, made)


def _scheduled(rate: Any, schedule: Any, made: int, lanes: Any) -> Any:
    def same(rate: Any, schedule: Any, made: int, lanes: Any) -> Any:
        return rate

    def by_loss(rate: Any, schedule: Any, made: int, lanes: Any) -> Any:
        return rate * load(schedule.rates.state, P_FACTOR * lanes.n, lanes)

    def by_epoch(rate: Any, schedule: Any, made: int, lanes: Any) -> Any:
        return rate * _factor(schedule.rates, schedule.updates_per_epoch, made)

    rates = _part(schedule, "rates")
    return same if is_none(rates) else by_loss if _is_plateau(rates) else by_epoch


def scheduled_settings(settings: Any, schedule: Any, made: int, lanes: Any) -> Any:
    """The optimizer's settings (SLOTS, L) for the update after `made` others."""
    if schedule == NONE or schedule.momenta == NONE:
        return settings
    return _with_momentum(settings, schedule, made, lanes)


def _scheduled_settings(settings: Any, schedule: Any, made: int, lanes: Any) -> Any:
    def same(settings: Any, schedule: Any, made: int, lanes: Any) -> Any:
        return settings

    def by_epoch(settings: Any, schedule: Any, made: int, lanes: Any) -> Any:
        return _with_momentum(settings, schedule, made, lanes)

    return same if is_none(_part(schedule, "momenta")) else by_epoch


def _part(schedule: Any, field: str) -> Any:
    """The type of a field of a schedule, by the type of that; that of NONE where there is no schedule."""
    return schedule if is_none(schedule) else schedule.types[Schedule._fields.index(field)]


def _is_plateau(kind: Any) -> bool:
    """Whether a Numba type is that of a Plateau."""
    return isinstance(kind, types.NamedTuple) and kind.instance_class is Plateau


if not config.DISABLE_JIT:
    for plain, by_type in (
        (rates_of_group, _rates_of_group),
        (momenta_of_group, _momenta_of_group_by_type),
        (schedule_of_group, _schedule_of_group),
        (begin_schedule, _begin_schedule),
        (follow, _follow_by_type),
        (scheduled, _scheduled),
        (scheduled_settings, _scheduled_settings),
    ):
        overload(plain, jit_options=BY_TYPE)(by_type)
