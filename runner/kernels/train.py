"""The training loop: one function trains a block of runs from initial weights to measurements.

Performance shape: one call handles G groups of L runs, so that the cost of the call is spread; within a group nothing
branches on a lane. With a full batch, loss and criterion come from the forward pass that training makes anyway;
otherwise each evaluation is a forward pass of its own. Everything else (gradient norm, spread of the outputs, ...) is
measured only after the updates listed in `runs.events`, which is how runs that differ in their budget only share one
trajectory.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from runner.kernels.faulty import SIGNALS, round_span
from runner.kernels.lane_ops import (
    absolute,
    any_lt,
    fill,
    inlined,
    kernel,
    load,
    not_inlined,
    pointer,
    step,
    store,
    where_lt,
)
from runner.kernels.layout import (
    A_LOSS,
    ACCURACY,
    BIAS_PER_WEIGHT,
    C_DIVERGED,
    C_FIRST,
    C_MADE,
    COUNTS,
    EPOCH_SLICE,
    GRAD_NORM,
    R_BEST,
    R_FINITE,
    R_INITIAL,
    R_OPEN,
    R_PREVIOUS,
    R_VARIATION,
    ROUND_OUTPUTS,
    ROUND_SUMS,
    ROUND_WEIGHTS,
    RUNNING,
    SEQUENTIAL,
    SHARED,
    V_BEST,
    V_INITIAL,
    V_LOSS,
    V_MEETS,
    V_VARIATION,
    VALUES,
    Data,
    buffers,
    group,
    group_out,
    opened,
)
from runner.kernels.measure import (
    INFINITY,
    clear,
    clear_sums,
    count_correct,
    inspect,
    meets,
    observe,
    write_live,
)
from runner.kernels.network import backward, forward, output_error
from runner.kernels.optimize import share_biases, update
from runner.kernels.samples import draw_order, fill_tile

# What a pass over samples does beside the forward pass. All numbers handed to an inner function are typed int64: for
# a literal, Numba would compile the function once more.
LEARN, OBSERVE, CORRECT, INSPECT = np.int64(1), np.int64(2), np.int64(4), np.int64(8)
# ... and what it leaves out: the samples are in the buffers already.
FILLED = np.int64(16)
ZERO, NO, YES = np.int64(0), np.int64(0), np.int64(1)
# What a pass is for.
TRAIN, EVALUATE, MEASURE, COST = np.int64(0), np.int64(1), np.int64(2), np.int64(3)
# Faults that keep evaluation and training from sharing a pass, and those that change the network as it is.
APART = EPOCH_SLICE | BIAS_PER_WEIGHT | SIGNALS
FORWARD = ROUND_SUMS | ROUND_OUTPUTS


class Part(NamedTuple):
    """Samples `first` to `last` - 1, of the data set or of each lane's own order."""

    first: Any
    last: Any
    ordered: Any


@kernel
def train_block(network: Any, samples: Any, job: Any, lanes: Any, results: Any, scratch: Any, width: Any) -> None:
    """Train G groups of L runs and write their measurements after every event.

    Parameters
    ----------
    network, samples, job, lanes, results, scratch, width
        Network, Data, Job, LaneArrays, Out, Scratch and Width of layout.py; shapes and types are the caller's to check.
    """
    net = opened(network)
    data = Data(samples.n, pointer(samples.inputs), pointer(samples.targets))
    buf = buffers(net, scratch, width)
    for g in range(lanes.groups):
        runs = group(net, lanes, g, width.lanes.n)
        out = group_out(net, results, runs.n_events, g, width.lanes.n)
        _start(net, runs, buf, width)
        _train_group(net, data, job, runs, out, buf, width)


@kernel
def _fill(array: Any, n: int, value: float, width: Any) -> None:
    """Set n rows of lanes."""
    for at in range(0, n * width.lanes.n, width.lanes.n):
        store(array, at, fill(array, value, width.lanes))


@step
def _start(net: Any, runs: Any, buf: Any, width: Any) -> None:
    """Initial weights and empty books."""
    L, lanes = width.lanes.n, width.lanes
    for at in range(0, net.parameters * L, L):
        store(buf.W, at, load(runs.weights, at, lanes))
    _fill(buf.G, net.parameters, 0.0, width)
    _fill(buf.S0, net.parameters, 0.0, width)
    _fill(buf.S1, net.parameters, 0.0, width)
    _fill(buf.running, np.int64(RUNNING), 0.0, width)
    store(buf.running, R_BEST * L, fill(buf.running, INFINITY, lanes))
    store(buf.running, R_OPEN * L, fill(buf.running, 1.0, lanes))
    store(buf.running, R_FINITE * L, fill(buf.running, 1.0, lanes))
    store(buf.clock, 0, fill(buf.clock, runs.clock0, lanes))
    store(buf.clock, L, fill(buf.clock, runs.clock1, lanes))
    for at in range(COUNTS * L):
        buf.counts[at] = -1


@inlined
def _pass(net: Any, data: Any, job: Any, buf: Any, width: Any, faults: int, what: int, part: Any) -> None:
    """Samples of a Part, tile by tile: forward, and what else is asked for; `faults` are those that hold here.

    Called at one place only, so that it is inlined there: as a function of its own it would take sixty arguments.
    """
    samples = width.tile.n // width.lanes.n
    n = part.last - part.first
    factor = job.factor
    if job.per == 1:
        factor = factor / n
    elif job.per == 2:
        factor = factor / (n * net.sizes[net.layers])
    for at in range(part.first, part.last, samples):
        if not what & FILLED:
            fill_tile(net, data, buf, width, at, min(samples, part.last - at), part.ordered)
        forward(net, job, buf, width, faults)
        if what & OBSERVE:
            observe(net, job, buf, width)
        if what & CORRECT:
            count_correct(net, job, buf, width)
        if what & INSPECT:
            inspect(net, buf, width, at)
        if what & LEARN:
            output_error(net, job, buf, width, faults, factor, n)
            backward(net, data, buf, width, faults)


@inlined
def _judge(net: Any, data: Any, job: Any, runs: Any, made: int, buf: Any, width: Any) -> bool:
    """Book an evaluation after `made` updates; whether a run has newly stopped."""
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
    holds = meets(net, job, data, runs, buf, width) * load(running, R_OPEN * L, lanes)
    lost = where_lt(absolute(loss), INFINITY, 0.0, load(running, R_FINITE * L, lanes))
    # Nearly always nothing has happened, and the lanes need not be looked at one by one.
    if not any_lt(0.0, holds + lost):
        return False
    store(buf.live, 0, holds)
    store(buf.live, L, lost)
    stopped = False
    for lane in range(L):
        if buf.live[lane] > 0.0:
            buf.counts[C_FIRST * L + lane] = made
            running[R_OPEN * L + lane] = 0.0
            stopped = stopped or job.stop == 1
        if buf.live[L + lane] > 0.0:
            running[R_FINITE * L + lane] = 0.0
            # What becomes of a run after it has stopped is nobody's business.
            if buf.counts[C_MADE * L + lane] < 0:
                buf.counts[C_DIVERGED * L + lane] = made
    return stopped


@kernel
def _close_live(made: int, buf: Any, width: Any) -> None:
    """Complete buf.live by what was kept from evaluation to evaluation, this measurement being the last one."""
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
def _freeze(net: Any, made: int, buf: Any, width: Any) -> bool:
    """Keep the measurements of the runs that met their criterion just now; whether all runs have stopped."""
    L = width.lanes.n
    _close_live(made, buf, width)
    finished = True
    for lane in range(L):
        if buf.counts[C_FIRST * L + lane] == made:
            buf.counts[C_MADE * L + lane] = made
            for row in range(VALUES):
                buf.frozen[row * L + lane] = buf.live[row * L + lane]
            for at in range(lane, net.parameters * L, L):
                buf.kept[at] = buf.W[at]
        finished = finished and buf.counts[C_MADE * L + lane] >= 0
    return finished


@kernel
def _record(net: Any, event: int, made: int, out: Any, buf: Any, width: Any) -> None:
    """Write the measurements after an event: of the network now, or of a stopped run when it stopped."""
    not_inlined()
    L = width.lanes.n
    _close_live(made, buf, width)
    values, counts, kept = event * VALUES * L, event * COUNTS * L, event * net.parameters * L
    for lane in range(L):
        stopped = buf.counts[C_MADE * L + lane] >= 0
        for at in range(lane, VALUES * L, L):
            out.values[values + at] = buf.frozen[at] if stopped else buf.live[at]
        for at in range(lane, COUNTS * L, L):
            out.counts[counts + at] = buf.counts[at]
        if not stopped:
            out.counts[counts + C_MADE * L + lane] = made
            # This measurement is an evaluation too, the last one of a run whose budget ends here.
            if buf.live[V_MEETS * L + lane] > 0.0 and buf.counts[C_FIRST * L + lane] < 0:
                out.counts[counts + C_FIRST * L + lane] = made
            if not abs(buf.live[V_LOSS * L + lane]) < INFINITY and buf.counts[C_DIVERGED * L + lane] < 0:
                out.counts[counts + C_DIVERGED * L + lane] = made
        if out.keep_weights:
            for at in range(lane, net.parameters * L, L):
                out.weights[kept + at] = buf.kept[at] if stopped else buf.W[at]


@step
def _batch(net: Any, data: Any, job: Any, runs: Any, buf: Any, width: Any, made: int) -> Any:
    """The samples of update number `made`; at the start of an epoch its order is drawn."""
    if job.batch >= data.n and job.order == SEQUENTIAL and not job.faults & EPOCH_SLICE:
        return Part(ZERO, data.n, NO)
    per_epoch = (data.n + job.batch - 1) // job.batch
    epoch, place = made // per_epoch, made % per_epoch
    if job.faults & EPOCH_SLICE:
        # data[epoch : epoch + batch + 1], which is empty once there have been more epochs than samples
        first = min(epoch, data.n)
        return Part(first, min(first + job.batch + 1, data.n), NO)
    if job.order == SEQUENTIAL:
        first = place * job.batch
        return Part(first, min(first + job.batch, data.n), NO)
    if place == 0:
        draw_order(job, data.n, runs.seeds, epoch, width.lanes, buf.n_order, buf.order)
    first = place * job.batch
    return Part(first, min(first + job.batch, buf.n_order), YES)


@kernel
def _isolate(net: Any, weight: int, buf: Any, width: Any) -> None:
    """Leave nothing of the gradient of one layer but that of one weight and of its unit's bias."""
    not_inlined()
    L, lanes = width.lanes.n, width.lanes
    bias = (net.biases[1] + weight // net.sizes[0]) * L
    of_weight, of_bias = load(buf.G, weight * L, lanes), load(buf.G, bias, lanes)
    _fill(buf.G, net.parameters, 0.0, width)
    store(buf.G, weight * L, of_weight)
    store(buf.G, bias, of_bias)


@step
def _train_group(net: Any, data: Any, job: Any, runs: Any, out: Any, buf: Any, width: Any) -> None:
    """Updates, evaluations and events of one group of lanes, until the last event or until every run has stopped.

    A sequence of passes over samples, each for one purpose: to MEASURE everything (an event, or runs that stop), to
    EVALUATE apart from training, to sum the COST of a batch for a fault that needs it, or to TRAIN. With a full batch
    the pass that trains evaluates as well: it shows the weights before its update.
    """
    L = width.lanes.n
    full = job.batch >= data.n and job.order == SEQUENTIAL and not job.faults & APART
    # A faulty gradient is not the one that grad_norm is about.
    full = full and not (job.faults and job.watch & (1 << GRAD_NORM))
    look = OBSERVE | (CORRECT if job.watch & (1 << ACCURACY) else ZERO)
    look_apart = look | (LEARN if job.watch & (1 << GRAD_NORM) else ZERO)
    # A data set that fits in one tile is filled in once for all updates.
    held = FILLED if full and data.n <= width.tile.n // L else ZERO
    everything = Part(ZERO, data.n, NO)
    made, event, weight, filled = ZERO, ZERO, ZERO, ZERO
    next_event, next_look = runs.events[0], ZERO
    stopping = False
    purpose = MEASURE if next_event == 0 else TRAIN if full else EVALUATE
    part = everything
    while True:
        faults, what = job.faults & FORWARD, filled
        if purpose == TRAIN:
            faults, what = job.faults, filled | LEARN
            if full and made == next_look:
                what |= look
                clear_sums(buf, width)
        elif purpose == MEASURE:
            what |= LEARN | OBSERVE | CORRECT | INSPECT
            _fill(buf.G, net.parameters, 0.0, width)
            clear(net, buf, width)
        else:
            what |= look_apart if purpose == EVALUATE else OBSERVE
            clear_sums(buf, width)
        _pass(net, data, job, buf, width, faults, what, part)
        filled = held
        if job.bias == SHARED and what & LEARN and not faults & BIAS_PER_WEIGHT:
            share_biases(net, buf, width)

        if purpose == MEASURE:
            write_live(net, job, data, runs, buf, width)
            _fill(buf.G, net.parameters, 0.0, width)
            if stopping:
                stopping = False
                if _freeze(net, made, buf, width):
                    for e in range(event, runs.n_events):
                        _record(net, e, made, out, buf, width)
                    return
            else:
                _record(net, event, made, out, buf, width)
                event += 1
                if event == runs.n_events:
                    return
                next_event = runs.events[event]
            purpose = EVALUATE if made == next_look and not full else TRAIN
        elif purpose == EVALUATE:
            stopping = _judge(net, data, job, runs, made, buf, width)
            next_look += job.every
            _fill(buf.G, net.parameters, 0.0, width)
            purpose = MEASURE if stopping else TRAIN
        elif purpose == COST:
            purpose = TRAIN
            continue
        else:
            if made == next_look:
                next_look += job.every
                if _judge(net, data, job, runs, made, buf, width):
                    stopping, purpose, part = True, MEASURE, everything
                    continue
            if faults & BIAS_PER_WEIGHT:
                _isolate(net, weight, buf, width)
                if job.bias == SHARED:
                    share_biases(net, buf, width)
            update(net, job, runs, buf, width)
            if faults & ROUND_WEIGHTS:
                round_span(buf.W, ZERO, net.parameters * L, job.weight_scale, width.lanes)
            weight += 1
            if faults & BIAS_PER_WEIGHT and weight < net.biases[1]:
                continue
            weight = ZERO
            made += 1
            purpose = MEASURE if made == next_event else EVALUATE if made == next_look and not full else TRAIN
        if purpose == TRAIN:
            part = _batch(net, data, job, runs, buf, width, made)
            purpose = COST if job.faults & SIGNALS else TRAIN
        else:
            part = everything
