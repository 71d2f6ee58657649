"""The learning rate and the settings of an update, where a schedule changes them, by the epoch or by a loss.

A run without a schedule has the empty tuple in place of a Schedule: a kernel for those is compiled from code that has
no schedule in it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from runner.kernels.codes import R_PREVIOUS, SLOTS
from runner.kernels.held_out import H_LOSS, held_measure
from runner.kernels.lanes.functions import by_type, field, inlined, is_a, is_none, where_a, where_given
from runner.kernels.lanes.operations import advanced, fill, load, not_inlined, pointer, store, where_lt

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


@where_a(Plateau, "rates", otherwise=lambda rates, g, L: rates)
def rates_of_group(rates: Any, g: int, L: int) -> Any:
    """Schedule.rates of group number `g`, with a pointer in place of an array that differs from group to group."""
    return Plateau(rates.factor, rates.patience, rates.tested, advanced(pointer(rates.state), g * P_STATE * L))


@where_given("momenta", otherwise=lambda momenta, g, L: ())
def momenta_of_group(momenta: Any, g: int, L: int) -> Any:
    """Schedule.momenta of group number `g`, with a pointer in place of the array."""
    return Momenta(momenta.factors, momenta.row, advanced(pointer(momenta.settings), g * SLOTS * L))


@where_given("schedule", otherwise=lambda schedule, g, L: ())
def schedule_of_group(schedule: Any, g: int, L: int) -> Any:
    """Group number `g`, with pointers in place of arrays that differ from group to group, or NONE."""
    rates, momenta = rates_of_group(schedule.rates, g, L), momenta_of_group(schedule.momenta, g, L)
    return Schedule(rates, momenta, schedule.updates_per_epoch)


@where_a(Plateau, "schedule.rates")
def begin_schedule(schedule: Any, lanes: Any) -> None:
    """Begin a run, where something is kept for its schedule: nothing has been evaluated."""
    plateau = schedule.rates
    store(plateau.state, P_FACTOR * lanes.n, fill(plateau.state, 1.0, lanes))
    store(plateau.state, P_BEST * lanes.n, fill(plateau.state, np.inf, lanes))
    store(plateau.state, P_BAD * lanes.n, fill(plateau.state, 0.0, lanes))


@where_a(Plateau, "schedule.rates")
def follow(schedule: Any, held: Any, buf: Any, made: int, lanes: Any) -> None:
    """Take account of an evaluation after `made` updates, where learning rates depend on it.

    Its loss is buf.running's last one.
    """
    not_inlined()
    # PyTorch's is told the loss at the end of an epoch: that of the initial weights is none of these.
    if made == 0:
        return
    plateau = schedule.rates
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
def _same(rate: Any, schedule: Any, made: int, lanes: Any) -> Any:
    return rate


@inlined
def _by_loss(rate: Any, schedule: Any, made: int, lanes: Any) -> Any:
    return rate * load(schedule.rates.state, P_FACTOR * lanes.n, lanes)


@inlined
def _by_epoch(rate: Any, schedule: Any, made: int, lanes: Any) -> Any:
    return rate * _factor(schedule.rates, schedule.updates_per_epoch, made)


def _which(rate: Any, schedule: Any, made: int, lanes: Any) -> Any:
    if is_none(schedule) or is_none(rates := field(schedule, "rates")):
        return _same
    return _by_loss if is_a(rates, Plateau) else _by_epoch


@by_type(_which)
def scheduled(rate: Any, schedule: Any, made: int, lanes: Any) -> Any:
    """A learning rate for the update after `made` others."""


@where_given("schedule.momenta", otherwise=lambda settings, schedule, made, lanes: settings)
def scheduled_settings(settings: Any, schedule: Any, made: int, lanes: Any) -> Any:
    """The optimizer's settings (SLOTS, L) for the update after `made` others."""
    momenta, at = schedule.momenta, schedule.momenta.row * lanes.n
    factor = _factor(momenta.factors, schedule.updates_per_epoch, made)
    store(momenta.settings, at, load(settings, at, lanes) * factor)
    return momenta.settings
