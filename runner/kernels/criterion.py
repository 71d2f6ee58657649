"""Whether the criterion of a run holds: by an evaluation alone, by means of several, or by what training has seen.

A criterion that is judged by each evaluation alone has the empty tuple in place of a Judged: a kernel for those is
compiled from code that has nothing of the rest in it.

An entry is what one evaluation has found of a measure that the criterion names. A measurement between two evaluations,
or before the one that is due, is judged as one more evaluation, and leaves no entry.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from runner.kernels.codes import (
    A_CORRECT,
    A_LOSS,
    A_MAX_ERROR,
    A_SSE,
    ACCURACY,
    CRITERIA,
    FROZEN,
    GRAD_NORM,
    LIGHT,
    LOSS,
    MAX_ERROR,
    MSE,
    SHARED,
    TEST_ACCURACY,
    TEST_LOSS,
)
from runner.kernels.held_out import held_measure, meets_held
from runner.kernels.lanes.functions import inlined, kernel, where_given
from runner.kernels.lanes.operations import (
    advanced,
    fill,
    fma,
    load,
    max_nonnegative,
    not_inlined,
    pointer,
    sqrt,
    store,
    where_le,
    where_lt,
)

# Rows of Judged.state: the first rows of Buffers.acc, added up since the last evaluation, and the loss that these sums
# were at the last evaluation or measurement. Entries follow, `window` of them for each measure of the criterion.
J_LOSS = LIGHT
J_ENTRIES = LIGHT + 1
# Rows of Judged.counts, the same in all lanes: entries so far; updates made before the last of them, -1 before the
# first; samples seen since then.
J_N, J_AT, J_SEEN = 0, 1, 2
J_COUNTS = 3


class Judged(NamedTuple):
    """How a criterion is judged, as the caller gives it, and what is kept for it.

    Within the kernel the arrays are pointers to the numbers of one group.

    Attributes
    ----------
    window : int
        Of how many evaluations the means are compared with the limits.
    training : int
        1 where an evaluation is about the outputs that training has seen since the one before, each before its update.
    is_mean : int
        1 where the loss is a mean over samples, 0 where it is a sum.
    rows : int
        R, of `state`.
    state : float array (G, R, L)
        What runs carry from evaluation to evaluation, and from call to call.
    counts : int64 array (G, J_COUNTS, L)
        Likewise.
    losses : float array (G, E, 1, L)
        J_LOSS as of each event.
    """

    window: int
    training: int
    is_mean: int
    rows: int
    state: Any
    counts: Any
    losses: Any


@kernel
def norm_of_trained(net: Any, job: Any, array: Any, width: Any) -> Any:
    """Euclidean norm of the trained parameters, or of their gradient, from `array` (P, L): a vector (L,).

    Of biases that are shared, the first one of each layer counts; of biases that are frozen, none.
    """
    L, lanes = width.lanes.n, width.lanes
    total = fill(array, 0.0, lanes)
    for layer in range(1, net.layers + 1):
        first, end = net.weights[layer] * L, net.biases[layer] * L
        for at in range(first, end, L):
            x = load(array, at, lanes)
            total = fma(x, x, total)
        n = 0 if job.bias == FROZEN else 1 if job.bias == SHARED else net.sizes[layer]
        for at in range(end, end + n * L, L):
            x = load(array, at, lanes)
            total = fma(x, x, total)
    return sqrt(total)


@kernel
def meets(net: Any, job: Any, data: Any, runs: Any, buf: Any, width: Any) -> Any:
    """1 in every lane whose criterion holds, by the sums of the last pass, and 0 in all others: a vector (L,).

    A measure that is NaN meets no criterion.
    """
    L, lanes = width.lanes.n, width.lanes
    n_samples, outputs = data.n, net.sizes[net.layers]
    limits = runs.thresholds
    holds = fill(buf.acc, 1.0, lanes)
    if job.watch & (1 << MAX_ERROR):
        x = load(buf.acc, A_MAX_ERROR * L, lanes)
        holds = where_lt(x, load(limits, MAX_ERROR * L, lanes), holds, 0.0)
    if job.watch & (1 << LOSS):
        x = load(buf.acc, A_LOSS * L, lanes) * job.loss_factor
        holds = where_lt(x, load(limits, LOSS * L, lanes), holds, 0.0)
    if job.watch & (1 << MSE):
        x = load(buf.acc, A_SSE * L, lanes) / float(n_samples * outputs)
        holds = where_lt(x, load(limits, MSE * L, lanes), holds, 0.0)
    if job.watch & (1 << ACCURACY):
        x = load(buf.acc, A_CORRECT * L, lanes) / float(n_samples)
        holds = where_le(load(limits, ACCURACY * L, lanes), x, holds, 0.0)
    if job.watch & (1 << GRAD_NORM):
        x = norm_of_trained(net, job, buf.G, width)
        holds = where_lt(x, load(limits, GRAD_NORM * L, lanes), holds, 0.0)
    return meets_held(job, runs.held, limits, holds, lanes)


@where_given("judged", otherwise=lambda judged, g, n_events, L: ())
def judged_of_group(judged: Any, g: int, n_events: int, L: int) -> Any:
    """Group number `g`, with pointers in place of arrays, or NONE."""
    return Judged(
        judged.window,
        judged.training,
        judged.is_mean,
        judged.rows,
        advanced(pointer(judged.state), g * judged.rows * L),
        advanced(pointer(judged.counts), g * J_COUNTS * L),
        advanced(pointer(judged.losses), g * n_events * L),
    )


@where_given("judged")
def begin_judged(judged: Any, lanes: Any) -> None:
    """Begin: nothing has been evaluated or seen."""
    L = lanes.n
    for row in range(judged.rows):
        store(judged.state, row * L, fill(judged.state, 0.0, lanes))
    store(judged.state, J_LOSS * L, fill(judged.state, np.nan, lanes))
    for lane in range(L):
        judged.counts[J_N * L + lane] = 0
        judged.counts[J_AT * L + lane] = -1
        judged.counts[J_SEEN * L + lane] = 0


@where_given("judged")
def see(judged: Any, buf: Any, width: Any, samples: int) -> None:
    """Add the sums of a pass that trains, over so many samples, to those since the last evaluation, if need be."""
    not_inlined()
    if not judged.training:
        return
    L, lanes, state = width.lanes.n, width.lanes, judged.state
    for row in range(LIGHT):
        before, now = load(state, row * L, lanes), load(buf.acc, row * L, lanes)
        store(state, row * L, max_nonnegative(now, before) if row == A_MAX_ERROR else before + now)
    for lane in range(L):
        judged.counts[J_SEEN * L + lane] += samples


@inlined
def _measure(net: Any, job: Any, data: Any, runs: Any, buf: Any, width: Any, which: int) -> Any:
    """What an evaluation finds of a measure: a vector (L,)."""
    L, lanes, judged = width.lanes.n, width.lanes, runs.judged
    if which == GRAD_NORM:
        return norm_of_trained(net, job, buf.G, width)
    if which >= TEST_LOSS:
        return held_measure(runs.held, which - TEST_LOSS, buf.acc, lanes)
    sums, n, scale = buf.acc, data.n, job.loss_factor
    if judged.training:
        sums, n = judged.state, judged.counts[J_SEEN * L]
        scale = scale * (data.n / n) if judged.is_mean else scale
    if which == MAX_ERROR:
        return load(sums, A_MAX_ERROR * L, lanes)
    if which == LOSS:
        return load(sums, A_LOSS * L, lanes) * scale
    if which == MSE:
        return load(sums, A_SSE * L, lanes) / float(n * net.sizes[net.layers])
    return load(sums, A_CORRECT * L, lanes) / float(n)


@where_given(
    "runs.judged",
    otherwise=lambda net, job, data, runs, buf, width, made, evaluating: meets(net, job, data, runs, buf, width),
)
def judge(net: Any, job: Any, data: Any, runs: Any, buf: Any, width: Any, made: int, evaluating: bool) -> Any:
    """1 in every lane whose criterion holds after `made` updates, and 0 in all others: a vector (L,).

    By the means of the last evaluations, where that is asked for; `evaluating` leaves an entry.

    It holds nowhere before there are as many evaluations as it is about. A measurement after an evaluation of the same
    weights, as of a run that stops there, finds what that has found.
    """
    not_inlined()
    L, lanes, judged = width.lanes.n, width.lanes, runs.judged
    state, counts, n = judged.state, judged.counts, judged.window
    holds = fill(buf.acc, 1.0, lanes)
    again, seen = counts[J_AT * L] == made, counts[J_SEEN * L]
    if judged.training and not again:
        if seen == 0:
            return holds * 0.0
        store(state, J_LOSS * L, _measure(net, job, data, runs, buf, width, LOSS))
    # Entries before this one.
    before = counts[J_N * L] - (1 if again else 0)
    place = J_ENTRIES
    for which in range(CRITERIA):
        if job.watch & (1 << which):
            if again:
                x = load(state, (place + before % n) * L, lanes)
            else:
                x = _measure(net, job, data, runs, buf, width, which)
            if evaluating:
                store(state, (place + before % n) * L, x)
            total = fill(buf.acc, 0.0, lanes)
            for entry in range(max(before - n + 1, 0), before):
                total = total + load(state, (place + entry % n) * L, lanes)
            mean, limit = (total + x) / float(n), load(runs.thresholds, which * L, lanes)
            if which in (ACCURACY, TEST_ACCURACY):
                holds = where_le(limit, mean, holds, 0.0)
            else:
                holds = where_lt(mean, limit, holds, 0.0)
            place += n
    if evaluating:
        for lane in range(L):
            counts[J_N * L + lane] += 1
            counts[J_AT * L + lane] = made
            counts[J_SEEN * L + lane] = 0
        for row in range(LIGHT):
            store(state, row * L, fill(state, 0.0, lanes))
    return holds if before >= n - 1 else holds * 0.0


@where_given("judged")
def write_judged(judged: Any, event: int, lane: int, L: int) -> None:
    """Write the loss that training has seen, of one lane for an event."""
    judged.losses[event * L + lane] = judged.state[J_LOSS * L + lane]
