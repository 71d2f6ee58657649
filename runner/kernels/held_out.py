"""Samples that are not trained on: what is measured on them at every evaluation, and early stopping by it.

An evaluation of these samples comes before that of the training data with the same weights. A run without any has the
empty tuple in place of a HeldOut: a kernel for those is compiled from code that has nothing of this in it. The
functions with two forms, by the type of the HeldOut, stand at the end.

Stopping, with E the loss of the held-out samples after an evaluation t = 0, 1, 2, ..., and E_opt the smallest so far
(Prechelt 1998, Early Stopping - But When?, in Neural Networks: Tricks of the Trade, LNCS 1524, section 2.2):

- PATIENCE: n evaluations without a new E_opt.
- LOST: the generalization loss GL = 100 (E / E_opt - 1) is above alpha.
- QUOTIENT: GL / P is above alpha at the end of a training strip of k evaluations, where the training progress is
  P = 1000 (sum of the strip / (k times the smallest of the strip) - 1), of the losses of the training data. Of an epoch
  it is the loss before its update, as full batches meet it while they train: a strip that ends at t has the losses of
  the evaluations t - k to t - 1.
- RISING: at the end of so many strips in succession E is larger than at their beginning.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from runner.kernels.codes import (
    A_CORRECT,
    A_LOSS,
    A_MAX_ERROR,
    A_SSE,
    C_MADE,
    R_PREVIOUS,
    TEST_ACCURACY,
    TEST_LOSS,
    TEST_MAX_ERROR,
    TEST_MSE,
)
from runner.kernels.lanes.functions import inlined, kernel, where_given
from runner.kernels.lanes.operations import advanced, fill, load, not_inlined, pointer, store, where_le, where_lt
from runner.kernels.samples import of_group

# HeldOut.rule: when a run stops.
NEVER, PATIENCE, LOST, QUOTIENT, RISING = 0, 1, 2, 3, 4
# Rows of HeldOut.values: what is measured after an event. The first four are rows of HeldOut.state too: as of now.
H_LOSS, H_MSE, H_ACCURACY, H_MAX_ERROR, H_BEST_LOSS, H_BEST_ACCURACY = range(6)
H_VALUES = 6
# More rows of HeldOut.state: of the strip so far the sum and the smallest of the training losses, or for RISING in how
# many strips in succession E has risen, and what it was at the end of the last one; 1 where a run stops.
H_SUM, H_LEAST, H_STOPS = 6, 7, 8
H_STATE = 9


class HeldOut(NamedTuple):
    """Samples that are held out, as the caller gives them, and what is kept of them.

    Within the kernel the arrays are pointers to the numbers of one group.

    Attributes
    ----------
    samples : Data or LaneData
    loss_factor : float
        From the loss values, summed over all these samples and their outputs, to the loss.
    rule : int
        NEVER, PATIENCE, LOST, QUOTIENT or RISING.
    limit : float
        The n, the alpha or the s of the rule.
    strip : int
        The k of the rule; 1 where it has none.
    state : float array (G, H_STATE, L)
        What runs carry from evaluation to evaluation, and from call to call.
    best : int64 array (G, 1, L)
        Likewise, the updates made before the evaluation with the smallest loss.
    values : float array (G, E, H_VALUES, L)
        Measurements after each event.
    at : int64 array (G, E, 1, L)
        As of each event, `best`.
    """

    samples: Any
    loss_factor: float
    rule: int
    limit: float
    strip: int
    state: Any
    best: Any
    values: Any
    at: Any


@where_given("held", otherwise=lambda held, g, n_events, L: ())
def held_of_group(held: Any, g: int, n_events: int, L: int) -> Any:
    """Group number `g`, with pointers in place of arrays, or NONE."""
    return HeldOut(
        of_group(held.samples, g, L),
        held.loss_factor,
        held.rule,
        held.limit,
        held.strip,
        advanced(pointer(held.state), g * H_STATE * L),
        advanced(pointer(held.best), g * L),
        advanced(pointer(held.values), g * n_events * H_VALUES * L),
        advanced(pointer(held.at), g * n_events * L),
    )


@where_given("held")
def begin_held(held: Any, lanes: Any) -> None:
    """Begin: nothing has been evaluated."""
    L = lanes.n
    for row in range(H_STATE):
        begins = np.inf if row in (H_BEST_LOSS, H_LEAST) else 0.0
        store(held.state, row * L, fill(held.state, begins, lanes))
    store(held.state, H_BEST_ACCURACY * L, fill(held.state, np.nan, lanes))
    for lane in range(L):
        held.best[lane] = -1


@kernel
def conclude(net: Any, job: Any, held: Any, buf: Any, made: int, width: Any) -> bool:
    """Take account of an evaluation of the held-out samples, whose sums are in buf.acc.

    One that is made for an event between two evaluations is measured, and changes nothing else.

    Returns
    -------
    bool
        Whether a run of the group stops here by its rule.
    """
    not_inlined()
    L, lanes, state, n = width.lanes.n, width.lanes, held.state, held.samples.n
    store(state, H_LOSS * L, load(buf.acc, A_LOSS * L, lanes) * held.loss_factor)
    store(state, H_MSE * L, load(buf.acc, A_SSE * L, lanes) / float(n * net.sizes[net.layers]))
    store(state, H_ACCURACY * L, load(buf.acc, A_CORRECT * L, lanes) / float(n))
    store(state, H_MAX_ERROR * L, load(buf.acc, A_MAX_ERROR * L, lanes))
    stopping = False
    if made % job.every:
        return stopping
    # What follows is decided run by run: it is little beside a pass over samples.
    for lane in range(L):
        loss = state[H_LOSS * L + lane]
        if loss < state[H_BEST_LOSS * L + lane]:
            state[H_BEST_LOSS * L + lane] = loss
            state[H_BEST_ACCURACY * L + lane] = state[H_ACCURACY * L + lane]
            held.best[lane] = made
        stops = held.rule != NEVER and _stops(held, buf.running[R_PREVIOUS * L + lane], made, job.every, lane, L)
        # A lane goes on computing after its run has stopped.
        stops = stops and buf.counts[C_MADE * L + lane] < 0
        state[H_STOPS * L + lane] = 1.0 if stops else 0.0
        stopping = stopping or stops
    return stopping


@inlined
def _stops(held: Any, trained: float, made: int, every: int, lane: int, L: int) -> Any:
    """Whether the rule ends a run at an evaluation; `trained` is the loss of the training data at the one before."""
    state, t = held.state, made // every
    if held.rule == PATIENCE:
        return t - max(held.best[lane], 0) // every >= held.limit
    if held.rule == RISING:
        if t % held.strip:
            return False
        now = state[H_LOSS * L + lane]
        rises = state[H_SUM * L + lane] + 1.0 if now > state[H_LEAST * L + lane] else 0.0
        state[H_SUM * L + lane] = rises
        state[H_LEAST * L + lane] = now
        return rises >= held.limit
    lost = 100.0 * (state[H_LOSS * L + lane] / state[H_BEST_LOSS * L + lane] - 1.0)
    if held.rule == LOST:
        return lost > held.limit
    if t == 0:
        return False
    total, least = state[H_SUM * L + lane] + trained, state[H_LEAST * L + lane]
    least = trained if trained < least else least
    if t % held.strip:
        state[H_SUM * L + lane] = total
        state[H_LEAST * L + lane] = least
        return False
    state[H_SUM * L + lane] = 0.0
    state[H_LEAST * L + lane] = np.inf
    return lost / (1000.0 * (total / (held.strip * least) - 1.0)) > held.limit


@where_given("held", otherwise=lambda job, held, limits, holds, lanes: holds)
def meets_held(job: Any, held: Any, limits: Any, holds: Any, lanes: Any) -> Any:
    """`holds` (L,), but 0 in the lanes whose held-out samples do not meet the criterion."""
    L, state = lanes.n, held.state
    if job.watch & (1 << TEST_LOSS):
        holds = where_lt(load(state, H_LOSS * L, lanes), load(limits, TEST_LOSS * L, lanes), holds, 0.0)
    if job.watch & (1 << TEST_MSE):
        holds = where_lt(load(state, H_MSE * L, lanes), load(limits, TEST_MSE * L, lanes), holds, 0.0)
    if job.watch & (1 << TEST_ACCURACY):
        holds = where_le(load(limits, TEST_ACCURACY * L, lanes), load(state, H_ACCURACY * L, lanes), holds, 0.0)
    if job.watch & (1 << TEST_MAX_ERROR):
        holds = where_lt(load(state, H_MAX_ERROR * L, lanes), load(limits, TEST_MAX_ERROR * L, lanes), holds, 0.0)
    return holds


@where_given("held")
def write_held(held: Any, event: int, lane: int, made: int, L: int) -> None:
    """Write the measurements of one lane after `made` updates for an event, which is one more evaluation."""
    not_inlined()
    state = held.state
    values = event * H_VALUES * L + lane
    for row in range(H_VALUES):
        held.values[values + row * L] = state[row * L + lane]
    held.at[event * L + lane] = held.best[lane]
    if state[H_LOSS * L + lane] < state[H_BEST_LOSS * L + lane]:
        held.values[values + H_BEST_LOSS * L] = state[H_LOSS * L + lane]
        held.values[values + H_BEST_ACCURACY * L] = state[H_ACCURACY * L + lane]
        held.at[event * L + lane] = made


@where_given("held", otherwise=lambda held, every, made, until: until)
def until_next(held: Any, every: int, made: int, until: Any) -> Any:
    """`until`, or where samples are held out the next evaluation after `made` updates, if that is before."""
    return min(until, (made // every + 1) * every)


@where_given("held", otherwise=lambda held, row, like, lanes: fill(like, 0.0, lanes))
def held_measure(held: Any, row: int, like: Any, lanes: Any) -> Any:
    """A row of HeldOut.state, of the type of numbers in the array `like`; without held-out samples zeros."""
    return load(held.state, row * lanes.n, lanes)
