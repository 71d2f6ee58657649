"""The training loop: one function trains a block of runs from initial weights to measurements.

An evaluation computes loss and criterion, every `Job.every` updates. An event is a number of updates after which
everything else is measured too (gradient norm, spread of the outputs, ...): the end of a budget, or a point of a curve.
As one trajectory may have many events, runs that differ only in their budget are trained once.

Performance shape: one call handles G groups of L runs, so that the cost of the call is spread; within a group nothing
branches on a lane. With a full batch, loss and criterion come from the forward pass that training makes anyway;
otherwise each evaluation is a forward pass of its own.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from runner.kernels.absent import NONE
from runner.kernels.bookkeeping import evaluate, find_fixed, freeze, freeze_early, have_diverged, record, settle
from runner.kernels.buffers import buffers, carried_rows, copy_rows, fill_rows, group, group_out, opened
from runner.kernels.codes import (
    ACCURACY,
    BIAS_PER_WEIGHT,
    COUNTS,
    EPOCH_SLICE,
    GRAD_NORM,
    R_BEST,
    R_FINITE,
    R_OPEN,
    ROUND_OUTPUTS,
    ROUND_SUMS,
    ROUND_WEIGHTS,
    RUNNING,
    SEQUENTIAL,
    SHARED,
)
from runner.kernels.criterion import begin_judged, see
from runner.kernels.faults import SIGNALS, round_span
from runner.kernels.gradients import adjust
from runner.kernels.held_out import begin_held, conclude, until_next
from runner.kernels.labels import add_weights, divide_by_weights
from runner.kernels.lanes.entry import entry
from runner.kernels.lanes.functions import inlined, kernel, step, where_given
from runner.kernels.lanes.operations import address_of, call_at, fill, load, not_inlined, store
from runner.kernels.measure import INFINITY, clear, clear_sums, count_correct, inspect, observe, write_live
from runner.kernels.network import backward, forward, output_error
from runner.kernels.noise import disturb
from runner.kernels.samples import draw_order, fill_tile, group_samples
from runner.kernels.schedules import begin_schedule
from runner.kernels.update import share_biases, update

# Bits of what a pass over samples does beside the forward pass. All numbers handed to an inner function are typed
# int64: for a literal, Numba would compile the function once more.
LEARN, OBSERVE, CORRECT, INSPECT = np.int64(1), np.int64(2), np.int64(4), np.int64(8)
# The bit of what it leaves out: the samples are in the buffers already.
FILLED = np.int64(16)
# The bit of a pass whose gradient an update is made of: what is random holds in no other.
TRAINS = np.int64(32)
ZERO, NO, YES = np.int64(0), np.int64(0), np.int64(1)
NEVER = np.int64(1 << 62)
# What a pass is for.
TRAIN, EVALUATE, MEASURE, COST = np.int64(0), np.int64(1), np.int64(2), np.int64(3)
# Faults that keep evaluation and training from sharing a pass, and those that are part of the network's outputs, so
# that evaluations have them too.
APART = EPOCH_SLICE | BIAS_PER_WEIGHT | SIGNALS
FORWARD = ROUND_SUMS | ROUND_OUTPUTS


class Part(NamedTuple):
    """Samples `first` to `last` - 1, of the data set (`ordered` 0) or of each lane's own order (1)."""

    first: Any
    last: Any
    ordered: Any


class Code(NamedTuple):
    """The machine code of `stretch` that `train_block` calls.

    Attributes
    ----------
    general : int or ()
        Address of the general one, as `stretch_for` gives it; with an empty tuple, it is compiled into the kernel.
    special : int
        Address of one that was made for this network, these samples and this job (see `special`), or 0.
    """

    general: Any
    special: int


@entry
def train_block(
    network: Any, samples: Any, job: Any, lanes: Any, results: Any, scratch: Any, width: Any, code: Any
) -> None:
    """Train groups of L runs from update `start` to update `until` and write their measurements after every event.

    Parameters
    ----------
    network, samples, job, lanes, results, scratch, width
        Network, Data or LaneData, Job, LaneArrays, Out, Scratch and Width of `structs`, which says what shapes and
        types they have.
        Nothing is checked here: a wrong shape reads or writes beyond the memory.
    code : Code
    """
    net = opened(network)
    buf = buffers(net, scratch, width)
    for g in range(lanes.first, lanes.end):
        data = group_samples(samples, g, width.lanes.n)
        runs = group(net, lanes, g, width.lanes.n)
        out = group_out(net, results, runs.n_events, g, width.lanes.n)
        start(net, runs, buf, width)
        _train_group(net, data, job, runs, out, buf, width, code)
        leave(net, runs, buf, width)


@step
def leave(net: Any, runs: Any, buf: Any, width: Any) -> None:
    """Hand out what runs carry, where this call is not their last one."""
    if runs.until < runs.events[runs.n_events - 1]:
        copy_rows(runs.state, buf.W, carried_rows(net.parameters), width)
        for at in range(COUNTS * width.lanes.n):
            runs.counts[at] = buf.counts[at]


@step
def start(net: Any, runs: Any, buf: Any, width: Any) -> None:
    """Fill what runs carry from call to call: anew, with the initial weights, or as the call before left it."""
    L, lanes = width.lanes.n, width.lanes
    fill_rows(buf.G, net.parameters, 0.0, width)
    if runs.start > 0:
        copy_rows(buf.W, runs.state, carried_rows(net.parameters), width)
        for at in range(COUNTS * L):
            buf.counts[at] = runs.counts[at]
        return
    begin_held(runs.held, lanes)
    begin_judged(runs.judged, lanes)
    begin_schedule(runs.schedule, lanes)
    copy_rows(buf.W, runs.weights, net.parameters, width)
    fill_rows(buf.S0, net.parameters, 0.0, width)
    fill_rows(buf.S1, net.parameters, 0.0, width)
    fill_rows(buf.running, np.int64(RUNNING), 0.0, width)
    store(buf.running, R_BEST * L, fill(buf.running, INFINITY, lanes))
    store(buf.running, R_OPEN * L, fill(buf.running, 1.0, lanes))
    store(buf.running, R_FINITE * L, fill(buf.running, 1.0, lanes))
    store(buf.clock, 0, fill(buf.clock, runs.clock0, lanes))
    store(buf.clock, L, fill(buf.clock, runs.clock1, lanes))
    for at in range(COUNTS * L):
        buf.counts[at] = -1


@inlined
def _pass(
    net: Any, data: Any, job: Any, noise: Any, buf: Any, width: Any, faults: int, what: int, part: Any, made: Any
) -> None:
    """Take the samples of a Part, tile by tile, through the network, and do what the bits of `what` ask for.

    `faults` are the bits of the faults that hold in this pass. Called at one place only, so that it is inlined there:
    as a function of its own it would take sixty arguments.
    """
    samples = width.tile.n // width.lanes.n
    n = part.last - part.first
    factor = job.factor
    if job.per == 1:
        factor = factor / n
    elif job.per == 2:
        factor = factor / (n * net.sizes[net.layers])
    for at in range(part.first, part.last, samples):
        # Most tiles are full, and what only fills one need not be left out of their sums.
        partial = part.last - at < samples
        if not what & FILLED:
            fill_tile(net, data, buf, width, at, min(samples, part.last - at), part.ordered)
        add_weights(net, job, buf, width, at == part.first)
        trains = what & TRAINS
        disturb(net, noise, buf, width, trains, at - part.first, min(samples, part.last - at), made)
        forward(net, job, buf, width, faults, noise, trains)
        if what & OBSERVE:
            observe(net, job, buf, width, partial)
        if what & CORRECT:
            count_correct(net, job, buf, width)
        if what & INSPECT:
            inspect(net, buf, width, at)
        if what & LEARN:
            output_error(net, job, buf, width, faults, factor, n, partial)
            backward(net, data, buf, width, faults, noise, trains)
    divide_by_weights(net, job, buf, width, what & OBSERVE != 0, what & LEARN != 0)


@step
def choose_batch(net: Any, data: Any, job: Any, runs: Any, buf: Any, width: Any, made: int) -> Any:
    """The samples that the next update sees, after `made` updates; at the start of an epoch its order is drawn."""
    if job.batch >= data.n and job.order == SEQUENTIAL and not job.faults & EPOCH_SLICE:
        return Part(ZERO, data.n, NO)
    per_epoch = (data.n + job.batch - 1) // job.batch
    epoch, place = made // per_epoch, made % per_epoch
    if job.faults & EPOCH_SLICE:
        # data[epoch : epoch + batch + 1], which is empty once there have been more epochs than samples.
        first = min(epoch, data.n)
        return Part(first, min(first + job.batch + 1, data.n), NO)
    if job.order == SEQUENTIAL:
        first = place * job.batch
        return Part(first, min(first + job.batch, data.n), NO)
    if place == 0 or made == runs.start:
        draw_order(job, data.n, runs.seeds, epoch, width.lanes, buf.n_order, buf.order)
    first = place * job.batch
    return Part(first, min(first + job.batch, buf.n_order), YES)


@kernel
def isolate(net: Any, weight: int, buf: Any, width: Any) -> None:
    """Set the gradient to zero but for that of one weight of a single layer and of its unit's bias."""
    not_inlined()
    L, lanes = width.lanes.n, width.lanes
    bias = (net.biases[1] + weight // net.sizes[0]) * L
    of_weight, of_bias = load(buf.G, weight * L, lanes), load(buf.G, bias, lanes)
    fill_rows(buf.G, net.parameters, 0.0, width)
    store(buf.G, weight * L, of_weight)
    store(buf.G, bias, of_bias)


@step
def _begin(net: Any, job: Any, buf: Any, width: Any, purpose: Any, looking: Any, filled: Any) -> Any:
    """The faults that hold in a pass and what it does, by its purpose; clears the sums that it adds to.

    Returns
    -------
    faults, what : int
        Bits, as `_pass` takes them.
    """
    look = OBSERVE | (CORRECT if job.watch & (1 << ACCURACY) else ZERO)
    faults, what = job.faults & FORWARD, filled
    if purpose == MEASURE:
        what |= LEARN | OBSERVE | CORRECT | INSPECT
        fill_rows(buf.G, net.parameters, 0.0, width)
        clear(net, buf, width)
    elif purpose == TRAIN:
        faults = job.faults
        what |= LEARN | TRAINS | (look if looking or job.sum_losses else ZERO)
    elif purpose == EVALUATE:
        what |= look | (LEARN if job.watch & (1 << GRAD_NORM) else ZERO)
    else:
        what |= OBSERVE
    if purpose != MEASURE and what & OBSERVE:
        clear_sums(buf, width)
    return faults, what


@step
def _learn(net: Any, job: Any, runs: Any, buf: Any, width: Any, made: int, weight: int) -> None:
    """Make the update after `made` others from the gradient of a pass.

    With the fault `bias_per_weight` it is that of weight number `weight` only.
    """
    if job.faults & BIAS_PER_WEIGHT:
        isolate(net, weight, buf, width)
        if job.bias == SHARED:
            share_biases(net, buf, width)
    adjust(net, job, runs.adjustment, buf, width)
    update(net, job, runs, buf, width, made)
    if job.faults & ROUND_WEIGHTS:
        round_span(buf.W, ZERO, net.parameters * width.lanes.n, job.weight_scale, width.lanes)


@step
def _shares_passes(job: Any, data: Any) -> bool:
    """Whether the pass that trains evaluates as well: it shows all samples, and the weights before its update."""
    full = job.batch >= data.n and job.order == SEQUENTIAL and not job.faults & APART
    # The criterion grad_norm is about the true gradient, which a pass that trains with faults does not compute.
    return full and not (job.faults and job.watch & (1 << GRAD_NORM))


@kernel
def stretch(
    net: Any, data: Any, job: Any, runs: Any, buf: Any, width: Any, made: int, until: int, looked: Any, measuring: int
) -> int:
    """Make the updates from `made` to `until` of one group, with the evaluations on the way; or measure everything.

    A sequence of passes over samples, each for one purpose: to MEASURE everything, to EVALUATE apart from training, to
    sum the COST of a batch for a fault that needs it, or to TRAIN.

    Parameters
    ----------
    made, until : int
        Updates that have been made, and those after which it ends: at an event, or before.
    looked : int
        1 where the evaluation after `made` updates has been done already.
    measuring : int
        1 for one pass that measures everything, with the gradient in buf.G, instead of updates.

    Returns
    -------
    int
        How many updates have been made in all; or, where the evaluation after so many ends a run, -1 minus that.
    """
    not_inlined()
    shared = _shares_passes(job, data) and len(runs.noise) == 0
    # A data set that fits in one tile is filled in once for all updates.
    held = FILLED if shared and data.n <= width.tile.n // width.lanes.n else ZERO
    everything = Part(ZERO, data.n, NO)
    next_look = (made + looked + job.every - 1) // job.every * job.every
    purpose, part = TRAIN, everything
    weight, filled = ZERO, ZERO
    while True:
        # Where every update is evaluated, the loop has no branch for it once a compiler knows that.
        due = not looked and (job.every == 1 or made == next_look)
        if purpose == COST:
            purpose = TRAIN
        elif weight == 0:
            part = everything
            if measuring:
                purpose = MEASURE
            elif made == until:
                return made
            elif due and not shared:
                purpose = EVALUATE
            else:
                part = choose_batch(net, data, job, runs, buf, width, made)
                purpose = COST if job.faults & SIGNALS else TRAIN
        looking = due and purpose != MEASURE and purpose != COST
        faults, what = _begin(net, job, buf, width, purpose, looking, filled)
        _pass(net, data, job, runs.noise, buf, width, faults, what, part, made)
        filled = held
        if job.bias == SHARED and what & LEARN and not faults & BIAS_PER_WEIGHT:
            share_biases(net, buf, width)
        if purpose == MEASURE:
            return made
        if looking:
            looked = YES
            next_look += job.every
            if evaluate(net, data, job, runs, made, buf, width):
                return -1 - made
        if purpose == EVALUATE:
            fill_rows(buf.G, net.parameters, 0.0, width)
        elif purpose == TRAIN:
            if weight == 0:
                see(runs.judged, buf, width, part.last - part.first)
            _learn(net, job, runs, buf, width, made, weight)
            weight += 1
            if not faults & BIAS_PER_WEIGHT or weight == net.biases[1]:
                weight, looked = ZERO, NO
                made += 1


@entry
def stretch_for(network: Any, samples: Any, job: Any, lanes: Any, scratch: Any, width: Any) -> Any:
    """The address of the machine code of `stretch` for arguments of these types, which are those of `train_block`.

    A kernel apart, which another process can compile while this one compiles `train_block`.
    """
    net = opened(network)
    data, runs = group_samples(samples, ZERO, width.lanes.n), group(net, lanes, ZERO, width.lanes.n)
    return address_of(stretch, (net, data, job, runs, buffers(net, scratch, width), width, ZERO, ZERO, NO, NO))


@where_given("code.general", otherwise=lambda code, given: stretch(*given))
def _call(code: Any, given: Any) -> Any:
    """Call the general `stretch` with these arguments: within this kernel, or where it has been compiled apart."""
    return call_at(code.general, given)


@kernel
def _measure(code: Any, net: Any, data: Any, job: Any, runs: Any, buf: Any, width: Any, made: int) -> None:
    """Measure everything after `made` updates, into buf.live."""
    not_inlined()
    _call(code, (net, data, job, runs, buf, width, made, made, NO, YES))
    write_live(net, job, data, runs, buf, width, made)
    fill_rows(buf.G, net.parameters, 0.0, width)


@kernel
def examine(net: Any, job: Any, runs: Any, buf: Any, width: Any, made: Any) -> Any:
    """Evaluate the held-out samples after `made` updates; whether a run of the group stops by it."""
    not_inlined()
    samples, data = width.tile.n // width.lanes.n, runs.held.samples
    clear_sums(buf, width)
    for at in range(0, data.n, samples):
        fill_tile(net, data, buf, width, at, min(samples, data.n - at), NO)
        add_weights(net, job, buf, width, at == 0)
        forward(net, job, buf, width, job.faults & FORWARD, NONE, NO)
        observe(net, job, buf, width, data.n - at < samples)
        count_correct(net, job, buf, width)
    divide_by_weights(net, job, buf, width, True, False)
    return conclude(net, job, runs.held, buf, made, width)


@where_given("runs.held", otherwise=lambda code, net, data, job, runs, out, buf, width, made, event: False)
def _is_over(
    code: Any, net: Any, data: Any, job: Any, runs: Any, out: Any, buf: Any, width: Any, made: Any, event: Any
) -> Any:
    """Evaluate the held-out samples, and measure the runs that stop by it; whether all runs of the group have."""
    not_inlined()
    if not examine(net, job, runs, buf, width, made):
        return False
    _measure(code, net, data, job, runs, buf, width, made)
    return freeze_early(net, event, made, out, runs, buf, width)


@step
def _repeats(job: Any, data: Any, runs: Any) -> bool:
    """Whether every update is the same function of the weights and of nothing else, and no rule may end a run."""
    full = job.batch >= data.n and job.order == SEQUENTIAL
    plain = not job.states and not job.faults and len(runs.noise) == 0
    return full and plain and len(runs.schedule) == 0 and len(runs.held) == 0 and len(runs.judged) == 0


@step
def _train_group(net: Any, data: Any, job: Any, runs: Any, out: Any, buf: Any, width: Any, code: Any) -> None:
    """Stretches and events of one group of lanes, until the end of the call or until every run is finished.

    Before the call ends, and where the loss of every run has diverged, it is looked whether an update still changes the
    weights of a run. If it does not (they are all NaN, or the gradient is zero), and updates are a function of the
    weights alone, no later one will: what is measured then is what training to the end would give.
    """
    # A call begins where an evaluation is due: at 0, or at a multiple of Job.every.
    made, event, stopping = runs.start, ZERO, NO
    last = runs.events[runs.n_events - 1]
    repeats = _repeats(job, data, runs)
    # When to look, and updates until it is looked again.
    look, pause = NEVER, job.every
    if repeats and have_diverged(buf, width):
        look = made
    elif repeats and runs.until < last:
        look = runs.until - job.every
    while runs.events[event] < made:
        event += 1
    while True:
        # After a stop the held-out samples have been evaluated with these weights already.
        if not stopping and _is_over(code, net, data, job, runs, out, buf, width, made, event):
            return
        if stopping or runs.events[event] == made:
            _measure(code, net, data, job, runs, buf, width, made)
            if stopping:
                if freeze(net, job, event, made, out, runs, buf, width):
                    return
                if repeats and have_diverged(buf, width):
                    look = made
            else:
                record(net, event, made, out, runs, buf, width)
                event += 1
                if event == runs.n_events:
                    return
        looking = made == look
        if looking:
            # An optimizer without state leaves its memory free.
            copy_rows(buf.S0, buf.W, net.parameters, width)
        until = until_next(runs.held, job.every, made, min(runs.events[event], runs.until))
        if made < look:
            until = min(until, look)
        # One that is made for this network knows that the evaluation of its first update is still to be done.
        if code.special and not stopping and not looking:
            made = call_at(code.special, (net, data, job, runs, buf, width, made, until, NO, NO))
        else:
            until = made + 1 if code.special or looking else until
            made = _call(code, (net, data, job, runs, buf, width, made, until, stopping, NO))
        stopping = YES if made < 0 else NO
        if stopping:
            made = -1 - made
        elif looking:
            if find_fixed(net, buf, width):
                _measure(code, net, data, job, runs, buf, width, made)
                if settle(net, event, made, out, runs, buf, width):
                    return
            look, pause = look + pause, 2 * pause
        if made == runs.until and made < last:
            return
