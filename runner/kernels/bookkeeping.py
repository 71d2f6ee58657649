"""What a run keeps from evaluation to evaluation, when it stopped, and what is written after its events."""

from __future__ import annotations

import math
from typing import Any

from runner.kernels.codes import (
    A_LOSS,
    C_DIVERGED,
    C_FIRST,
    C_MADE,
    COUNTS,
    R_BEST,
    R_FINITE,
    R_INITIAL,
    R_OPEN,
    R_PREVIOUS,
    R_VARIATION,
    V_BEST,
    V_INITIAL,
    V_LOSS,
    V_MEETS,
    V_VARIATION,
    VALUES,
)
from runner.kernels.criterion import judge, write_judged
from runner.kernels.held_out import H_STOPS, write_held
from runner.kernels.lanes.functions import inlined, kernel
from runner.kernels.lanes.operations import absolute, any_lt, load, not_inlined, store, where_lt
from runner.kernels.measure import INFINITY
from runner.kernels.schedules import follow


@inlined
def evaluate(net: Any, data: Any, job: Any, runs: Any, made: int, buf: Any, width: Any) -> bool:
    """Take account of an evaluation after `made` updates: its loss, and where the criterion or divergence came first.

    Returns
    -------
    bool
        Whether a run of the group has met its criterion just now, and so stops, or the last one has diverged.
    """
    L, lanes = width.lanes.n, width.lanes
    running = buf.running
    loss = load(buf.acc, A_LOSS * L, lanes) * job.loss_factor
    best = load(running, R_BEST * L, lanes)
    store(running, R_BEST * L, where_lt(loss, best, loss, best))
    if made == 0:
        store(running, R_INITIAL * L, loss)
    else:
        change = absolute(loss - load(running, R_PREVIOUS * L, lanes))
        store(running, R_VARIATION * L, load(running, R_VARIATION * L, lanes) + change)
    store(running, R_PREVIOUS * L, loss)
    follow(runs.schedule, runs.held, buf, made, lanes)
    holds = judge(net, job, data, runs, buf, width, made, True) * load(running, R_OPEN * L, lanes)
    lost = where_lt(absolute(loss), INFINITY, 0.0, load(running, R_FINITE * L, lanes))
    # Nearly always nothing has happened, and the lanes need not be looked at one by one.
    if not any_lt(0.0, holds + lost):
        return False
    store(buf.live, 0, holds)
    store(buf.live, L, lost)
    stopped, diverged = False, True
    for lane in range(L):
        if buf.live[lane] > 0.0:
            buf.counts[C_FIRST * L + lane] = made
            running[R_OPEN * L + lane] = 0.0
            stopped = stopped or job.stop == 1
        if buf.live[L + lane] > 0.0:
            running[R_FINITE * L + lane] = 0.0
            # A lane goes on computing after its run has stopped; that it diverges then says nothing of the run.
            if buf.counts[C_MADE * L + lane] < 0:
                buf.counts[C_DIVERGED * L + lane] = made
        diverged = diverged and running[R_FINITE * L + lane] == 0.0
    return stopped or diverged


@kernel
def close_live(made: int, buf: Any, width: Any) -> None:
    """Add to buf.live what was kept from evaluation to evaluation, with this measurement as one more evaluation."""
    L, lanes = width.lanes.n, width.lanes
    running, live = buf.running, buf.live
    loss, best = load(live, V_LOSS * L, lanes), load(running, R_BEST * L, lanes)
    initial, variation = load(running, R_INITIAL * L, lanes), load(running, R_VARIATION * L, lanes)
    if made == 0:
        initial = loss
    else:
        variation = variation + absolute(loss - load(running, R_PREVIOUS * L, lanes))
    store(live, V_INITIAL * L, initial)
    store(live, V_BEST * L, where_lt(loss, best, loss, best))
    store(live, V_VARIATION * L, variation)


@kernel
def have_diverged(buf: Any, width: Any) -> bool:
    """Whether every run of the group has had a loss that is not finite."""
    L = width.lanes.n
    return not any_lt(0.0, load(buf.running, R_FINITE * L, width.lanes))


@kernel
def find_fixed(net: Any, buf: Any, width: Any) -> bool:
    """Find the runs whose parameters are those that were kept in buf.S0 before an update: the same, or NaN as before.

    Returns
    -------
    bool
        Whether there are any, among those that have not stopped; buf.S0 then begins with 1 for each of them, else 0.
    """
    not_inlined()
    L, found = width.lanes.n, False
    for lane in range(L):
        fixed = buf.counts[C_MADE * L + lane] < 0
        at = lane
        while fixed and at < net.parameters * L:
            now, before = buf.W[at], buf.S0[at]
            # Zeros of different signs may have different quotients, and count as a change.
            same = now == before and (now != 0.0 or math.copysign(1.0, now) == math.copysign(1.0, before))
            fixed = same or (now != now and before != before)
            at += L
        buf.S0[lane] = 1.0 if fixed else 0.0
        found = found or fixed
    return found


@kernel
def settle(net: Any, event: int, made: int, out: Any, runs: Any, buf: Any, width: Any) -> bool:
    """Finish the runs of `find_fixed` after `made` updates: what they are now they are after all later events.

    Returns
    -------
    bool
        Whether all runs of the group are finished.
    """
    not_inlined()
    L, finished = width.lanes.n, True
    close_live(made, buf, width)
    for lane in range(L):
        if buf.S0[lane] == 1.0:
            for later in range(event, runs.n_events):
                _write(net, later, lane, out, buf, L)
                out.counts[later * COUNTS * L + C_MADE * L + lane] = runs.events[later]
            buf.counts[C_MADE * L + lane] = runs.events[runs.n_events - 1]
        finished = finished and buf.counts[C_MADE * L + lane] >= 0
    return finished


@kernel
def freeze(net: Any, job: Any, event: int, made: int, out: Any, runs: Any, buf: Any, width: Any) -> bool:
    """Stop the runs that met their criterion after `made` updates: what they are now is the result of all later events.

    Parameters
    ----------
    event : int
        Number of the next event.
    out, runs : Out, Runs
        Of this group.

    Returns
    -------
    bool
        Whether all runs of the group have stopped.
    """
    L = width.lanes.n
    close_live(made, buf, width)
    finished = True
    for lane in range(L):
        if job.stop == 1 and buf.counts[C_FIRST * L + lane] == made:
            _stop(net, event, made, lane, out, runs, buf, L)
        finished = finished and buf.counts[C_MADE * L + lane] >= 0
    return finished


@kernel
def freeze_early(net: Any, event: int, made: int, out: Any, runs: Any, buf: Any, width: Any) -> bool:
    """Stop the runs whose held-out samples say so after `made` updates; arguments and result as of `freeze`."""
    L = width.lanes.n
    close_live(made, buf, width)
    finished = True
    for lane in range(L):
        if runs.held.state[H_STOPS * L + lane] > 0.0:
            # The training data have not been evaluated here: this measurement is that.
            if buf.live[V_MEETS * L + lane] > 0.0 and buf.counts[C_FIRST * L + lane] < 0:
                buf.counts[C_FIRST * L + lane] = made
            if not abs(buf.live[V_LOSS * L + lane]) < INFINITY and buf.counts[C_DIVERGED * L + lane] < 0:
                buf.counts[C_DIVERGED * L + lane] = made
            _stop(net, event, made, lane, out, runs, buf, L)
        finished = finished and buf.counts[C_MADE * L + lane] >= 0
    return finished


@kernel
def _stop(net: Any, event: int, made: int, lane: int, out: Any, runs: Any, buf: Any, L: int) -> None:
    """Stop the run of a lane after `made` updates: what it is now is written for all events from `event` on."""
    not_inlined()
    buf.counts[C_MADE * L + lane] = made
    for later in range(event, runs.n_events):
        _write(net, later, lane, out, buf, L)
        write_held(runs.held, later, lane, made, L)
        write_judged(runs.judged, later, lane, L)


@kernel
def record(net: Any, event: int, made: int, out: Any, runs: Any, buf: Any, width: Any) -> None:
    """Write the measurements of event number `event` for the runs that have not stopped; `freeze` wrote the others'."""
    not_inlined()
    L = width.lanes.n
    close_live(made, buf, width)
    counts = event * COUNTS * L
    for lane in range(L):
        if buf.counts[C_MADE * L + lane] >= 0:
            continue
        _write(net, event, lane, out, buf, L)
        write_held(runs.held, event, lane, made, L)
        write_judged(runs.judged, event, lane, L)
        out.counts[counts + C_MADE * L + lane] = made
        # This measurement is an evaluation too, the last one of a run whose budget ends here.
        if buf.live[V_MEETS * L + lane] > 0.0 and buf.counts[C_FIRST * L + lane] < 0:
            out.counts[counts + C_FIRST * L + lane] = made
        if not abs(buf.live[V_LOSS * L + lane]) < INFINITY and buf.counts[C_DIVERGED * L + lane] < 0:
            out.counts[counts + C_DIVERGED * L + lane] = made


@kernel
def _write(net: Any, event: int, lane: int, out: Any, buf: Any, L: int) -> None:
    """Write the measurements of one lane for an event, and its weights where Out.kept asks for them."""
    not_inlined()
    values, counts = event * VALUES * L, event * COUNTS * L
    for at in range(lane, VALUES * L, L):
        out.values[values + at] = buf.live[at]
    for at in range(lane, COUNTS * L, L):
        out.counts[counts + at] = buf.counts[at]
    if out.kept[event] >= 0:
        weights = out.kept[event] * net.parameters * L
        for at in range(lane, net.parameters * L, L):
            out.weights[weights + at] = buf.W[at]
