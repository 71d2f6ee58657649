"""The training loop with faults of single terms and layers, for a block of runs.

Every purpose has a pass of its own over the samples, one sample at a time: to measure, to evaluate, to sum up what a
fault needs of the whole batch, and to train. The passes that evaluate and measure have the faults of the forward pass,
for these change the network as it is, and else the right formulas.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from runner.kernels.bookkeeping import evaluate, freeze, freeze_early, record
from runner.kernels.buffers import buffers, copy_rows, fill_rows, group, group_out, opened
from runner.kernels.codes import ACCURACY, BIAS_PER_WEIGHT, GRAD_NORM, SHARED
from runner.kernels.criterion import see
from runner.kernels.faults import SIGNALS
from runner.kernels.faulty.backward import add_gradient, hidden_errors, output_error
from runner.kernels.faulty.forward import add_exponentials, find_largest, forward, negate
from runner.kernels.faulty.table import (
    ACTIVATION,
    ALL_PAIRS,
    APART,
    AXIS,
    FIRST_BATCH,
    MIRRORED,
    MOVED,
    ORDER,
    PAIRS,
    SIGNAL,
    TOLERANCE,
    UNTIL_RIGHT,
    WAY_BACK,
    formula,
    number,
    opened_faults,
)
from runner.kernels.faulty.update import update_layers
from runner.kernels.held_out import conclude
from runner.kernels.lanes.entry import entry
from runner.kernels.lanes.functions import inlined, kernel, where_given
from runner.kernels.lanes.operations import absolute, fill, fma, load, maximum, not_inlined, store, where_le, where_lt
from runner.kernels.measure import INFINITY, clear, clear_sums, count_correct, inspect, observe, write_live
from runner.kernels.samples import fill_tile, numbers_at, of_group
from runner.kernels.schedules import scheduled_settings
from runner.kernels.train import NO, YES, ZERO, Part, choose_batch, isolate, start
from runner.kernels.update import share_biases, tick

# What a pass over samples does beside the forward pass.
LEARN, OBSERVE, CORRECT, INSPECT, LARGEST, EXPONENTIALS, MEAN_TARGET = (np.int64(1 << bit) for bit in range(7))


@entry
def train_faulty_block(
    network: Any,
    samples: Any,
    job: Any,
    faults: Any,
    lanes: Any,
    results: Any,
    scratch: Any,
    memory: Any,
    current: Any,
    width: Any,
) -> None:
    """Train G groups of L runs to the end of their budget and write their measurements after every event.

    Parameters
    ----------
    network, samples, job, lanes, results, scratch, width
        As for `train_block`; a tile is one sample.
    faults : Faults
    memory : array (memory_rows(...) * L,), aligned to 64 bytes
    current : int64 array (L,)
    """
    net = opened(network)
    buf = buffers(net, scratch, width)
    wrong = opened_faults(net, faults, memory, current, width)
    for g in range(lanes.first, lanes.end):
        data = of_group(samples, g, width.lanes.n)
        runs = group(net, lanes, g, width.lanes.n)
        out = group_out(net, results, runs.n_events, g, width.lanes.n)
        start(net, runs, buf, width)
        fill_rows(wrong.total, net.parameters, 0.0, width)
        fill_rows(wrong.last, net.n_units, 0.0, width)
        fill_rows(wrong.idle, YES, 0.0, width)
        for lane in range(width.lanes.n):
            wrong.current[lane] = 0
        _train_group(net, data, job, runs, out, buf, wrong, width)


@kernel
def _examine(net: Any, job: Any, runs: Any, buf: Any, wrong: Any, width: Any, made: Any) -> Any:
    """Evaluate the held-out samples after `made` updates; whether a run of the group stops by it."""
    not_inlined()
    data = runs.held.samples
    clear_sums(buf, width)
    everything = Part(ZERO, data.n, NO)
    _sum_up(net, data, job, buf, wrong, width, everything, NO)
    _pass(net, data, job, buf, wrong, width, everything, OBSERVE | CORRECT, YES, net.layers, NO)
    return conclude(net, job, runs.held, buf, made, width)


@where_given("runs.held", otherwise=lambda net, data, job, runs, out, buf, wrong, width, made, event: False)
def _is_over(
    net: Any, data: Any, job: Any, runs: Any, out: Any, buf: Any, wrong: Any, width: Any, made: Any, event: Any
) -> Any:
    """Evaluate the held-out samples, and measure the runs that stop by it; whether all runs of the group have."""
    not_inlined()
    if not _examine(net, job, runs, buf, wrong, width, made):
        return False
    _measure(net, data, job, runs, buf, wrong, width, Part(ZERO, data.n, NO), made)
    return freeze_early(net, event, made, out, runs, buf, width)


@kernel
def _train_group(net: Any, data: Any, job: Any, runs: Any, out: Any, buf: Any, wrong: Any, width: Any) -> None:
    """Updates, evaluations and events of one group of lanes, until every run has stopped or come to its budget."""
    not_inlined()
    made, next_look, event = ZERO, ZERO, ZERO
    everything = Part(ZERO, data.n, NO)
    look = OBSERVE
    if job.watch & (1 << ACCURACY):
        look |= CORRECT
    if job.watch & (1 << GRAD_NORM):
        look |= LEARN
    while True:
        at_event = runs.events[event] == made
        if (at_event or made == next_look) and _is_over(net, data, job, runs, out, buf, wrong, width, made, event):
            return
        if at_event:
            _measure(net, data, job, runs, buf, wrong, width, everything, made)
            record(net, event, made, out, runs, buf, width)
            event += 1
            if event == runs.n_events:
                return
        if made == next_look:
            next_look += job.every
            clear_sums(buf, width)
            fill_rows(buf.G, net.parameters, 0.0, width)
            _sum_up(net, data, job, buf, wrong, width, everything, NO)
            _pass(net, data, job, buf, wrong, width, everything, look, YES, net.layers, NO)
            _share(net, job, buf, width)
            if evaluate(net, data, job, runs, made, buf, width):
                _measure(net, data, job, runs, buf, wrong, width, everything, made)
                if freeze(net, job, event, made, out, runs, buf, width):
                    return
        _learn(net, data, job, runs, buf, wrong, width, made)
        made += 1


@kernel
def _measure(
    net: Any, data: Any, job: Any, runs: Any, buf: Any, wrong: Any, width: Any, everything: Any, made: int
) -> None:
    """Measure everything after `made` updates, into buf.live."""
    not_inlined()
    fill_rows(buf.G, net.parameters, 0.0, width)
    _sum_up(net, data, job, buf, wrong, width, everything, NO)
    clear(net, buf, width)
    _pass(net, data, job, buf, wrong, width, everything, LEARN | OBSERVE | CORRECT | INSPECT, YES, net.layers, NO)
    _share(net, job, buf, width)
    write_live(net, job, data, runs, buf, width, made)


@inlined
def _share(net: Any, job: Any, buf: Any, width: Any) -> None:
    if job.bias == SHARED:
        share_biases(net, buf, width)


@kernel
def _learn(net: Any, data: Any, job: Any, runs: Any, buf: Any, wrong: Any, width: Any, made: int) -> None:
    """One update, by as many passes over its samples as its faults need."""
    not_inlined()
    part = _part(net, data, job, runs, buf, wrong, width, made)
    if wrong.keeps_weights:
        copy_rows(wrong.old, buf.W, net.parameters, width)
    _sum_up(net, data, job, buf, wrong, width, part, YES)
    see(runs.judged, buf, width, part.last - part.first)
    in_turn = ZERO
    for hidden in range(1, net.layers):
        if formula(wrong, WAY_BACK, hidden) == MOVED:
            in_turn = YES
    # One pass, or one for every layer from the last on, or one for every weight.
    passes = net.layers if in_turn else net.biases[1] if job.faults & BIAS_PER_WEIGHT else YES
    for k in range(passes):
        lowest, highest = (net.layers - k, net.layers - k) if in_turn else (YES, net.layers)
        fill_rows(buf.G, net.parameters, 0.0, width)
        _pass(net, data, job, buf, wrong, width, part, LEARN, lowest, highest, YES)
        if job.faults & BIAS_PER_WEIGHT:
            isolate(net, k, buf, width)
        _share(net, job, buf, width)
        if job.states and (k == 0 or job.faults & BIAS_PER_WEIGHT):
            tick(job, scheduled_settings(runs.settings, runs.schedule, made, width.lanes), buf, width)
        update_layers(net, job, runs, buf, wrong, width, lowest, highest, made)
    copy_rows(wrong.last, wrong.now, net.n_units, width)
    if formula(wrong, ORDER, 0) == UNTIL_RIGHT:
        idle = load(wrong.idle, 0, width.lanes)
        for at in range(0, net.parameters * width.lanes.n, width.lanes.n):
            w = where_lt(0.5, idle, load(wrong.old, at, width.lanes), load(buf.W, at, width.lanes))
            store(buf.W, at, w)


@inlined
def _part(net: Any, data: Any, job: Any, runs: Any, buf: Any, wrong: Any, width: Any, made: int) -> Any:
    """The samples of update number `made`."""
    order = formula(wrong, ORDER, 0)
    if order == FIRST_BATCH:
        return Part(ZERO, min(job.batch, data.n), NO)
    if order == UNTIL_RIGHT:
        _find_wrong(net, data, job, buf, wrong, width)
        return Part(ZERO, YES, YES)
    return choose_batch(net, data, job, runs, buf, width, made)


@kernel
def _find_wrong(net: Any, data: Any, job: Any, buf: Any, wrong: Any, width: Any) -> None:
    """In every lane the next sample, from the current one on, that is not right; idle where all of them are."""
    not_inlined()
    L, lanes = width.lanes.n, width.lanes
    here = net.units[net.layers] * L
    limit = number(wrong, TOLERANCE, 0)
    store(wrong.idle, 0, fill(wrong.idle, 1.0, lanes))
    for _tried in range(data.n):
        for lane in range(L):
            buf.order[lane * buf.n_order] = wrong.current[lane]
        fill_tile(net, data, buf, width, ZERO, YES, YES)
        forward(net, job, buf, wrong, width, buf.W, True)
        worst = fill(buf.A, 0.0, lanes)
        for out in range(0, net.sizes[net.layers] * L, L):
            worst = maximum(absolute(load(buf.A, here + out, lanes) - load(buf.T, out, lanes)), worst)
        # A sample whose error is not a number is not right either.
        right = where_le(worst, limit, 1.0, 0.0)
        store(wrong.idle, 0, load(wrong.idle, 0, lanes) * right)
        for lane in range(L):
            if wrong.idle[lane] > 0.5:
                wrong.current[lane] = (wrong.current[lane] + 1) % data.n
    for lane in range(L):
        buf.order[lane * buf.n_order] = wrong.current[lane]


@inlined
def _sum_up(net: Any, data: Any, job: Any, buf: Any, wrong: Any, width: Any, part: Any, learning: int) -> None:
    """What a fault needs of the whole batch, in passes before the one that uses it."""
    L, lanes = width.lanes.n, width.lanes
    outputs = net.sizes[net.layers]
    for row in range(3 * outputs):
        store(wrong.sums, row * L, fill(wrong.sums, -INFINITY if row < outputs else 0.0, lanes))
    if formula(wrong, AXIS, 0):
        _pass(net, data, job, buf, wrong, width, part, LARGEST, YES, YES, learning)
        _pass(net, data, job, buf, wrong, width, part, EXPONENTIALS, YES, YES, learning)
    if learning and (job.faults & SIGNALS or job.sum_losses):
        clear_sums(buf, width)
        _pass(net, data, job, buf, wrong, width, part, OBSERVE | CORRECT, YES, YES, learning)
    if learning and formula(wrong, SIGNAL, 0) == ALL_PAIRS:
        _pass(net, data, job, buf, wrong, width, part, MEAN_TARGET, YES, YES, learning)


@kernel
def _pass(
    net: Any,
    data: Any,
    job: Any,
    buf: Any,
    wrong: Any,
    width: Any,
    part: Any,
    what: int,
    lowest: int,
    highest: int,
    learning: int,
) -> None:
    """Samples of a Part, one by one: forward, and what else is asked for.

    Parameters
    ----------
    lowest, highest : int
        The layers whose gradient is wanted.
    learning : int
        Whether the faults of training hold.
    """
    not_inlined()
    L, lanes = width.lanes.n, width.lanes
    n = part.last - part.first
    here, outputs = net.units[net.layers] * L, net.sizes[net.layers]
    factor = job.factor
    if job.per == 1:
        factor = factor / n
    elif job.per == 2:
        factor = factor / (n * outputs)
    weights = wrong.old if learning and wrong.keeps_weights else buf.W
    mirrored = formula(wrong, ACTIVATION, net.layers) == MIRRORED
    copy_rows(wrong.now, wrong.last, net.n_units, width)
    for at in range(part.first, part.last):
        fill_tile(net, data, buf, width, at, YES, part.ordered)
        if learning and formula(wrong, PAIRS, 0) == APART:
            for o in range(outputs):
                store(buf.T, o * L, numbers_at(data, data.targets, at % data.n * outputs + o, lanes))
        forward(net, job, buf, wrong, width, weights, not what & (LARGEST | EXPONENTIALS))
        if what & LARGEST:
            find_largest(net, buf, wrong, lanes)
        if what & EXPONENTIALS:
            add_exponentials(net, buf, wrong, lanes)
        if what & MEAN_TARGET:
            for o in range(outputs):
                mean = load(wrong.sums, (2 * outputs + o) * L, lanes)
                store(wrong.sums, (2 * outputs + o) * L, fma(load(buf.T, o * L, lanes), 1.0 / n, mean))
        if what & OBSERVE:
            # The loss of mirrored units is that of the sum which they make their output of.
            if mirrored:
                negate(buf.Z, here, here + outputs * L, lanes)
            observe(net, job, buf, width, False)
            if mirrored:
                negate(buf.Z, here, here + outputs * L, lanes)
        if what & CORRECT:
            count_correct(net, job, buf, width)
        if what & INSPECT:
            inspect(net, buf, width, at)
        if what & LEARN:
            output_error(net, job, buf, wrong, width, factor, n, learning)
            hidden_errors(net, buf, wrong, width, weights, learning)
            add_gradient(net, data, buf, wrong, width, weights, lowest, highest, learning)
