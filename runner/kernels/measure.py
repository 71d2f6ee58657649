"""What is measured on the whole data set: loss and criterion at every evaluation, everything after an event.

The functions `observe`, `count_correct` and `inspect` add the samples of one tile to the sums in buf.acc (rows A_ of
`codes`); `write_live` turns the sums of a whole pass into measurements.
"""

from __future__ import annotations

from typing import Any

from runner.kernels.codes import (
    A_CORRECT,
    A_LOSS,
    A_MAX,
    A_MAX_ERROR,
    A_MIN,
    A_SATURATED,
    A_SSE,
    ACCUMULATORS,
    LIGHT,
    V_ACCURACY,
    V_GRAD_NORM,
    V_LOSS,
    V_MAX_ERROR,
    V_MEETS,
    V_MSE,
    V_OUTPUT_MAX,
    V_OUTPUT_MIN,
    V_SATURATION,
    V_SPREAD,
    V_WEIGHT_NORM,
)
from runner.kernels.criterion import judge, norm_of_trained
from runner.kernels.labels import target_of_loss, weighed
from runner.kernels.lanes.functions import inlined, kernel
from runner.kernels.lanes.operations import (
    absolute,
    fill,
    fma,
    load,
    max_nonnegative,
    maximum,
    minimum,
    not_inlined,
    sqrt,
    store,
    where_le,
    where_lt,
)
from runner.kernels.lanes.switch import choose
from runner.kernels.lanes.tiles import fold_add, fold_max, fold_max_nonnegative, fold_min, repeat
from runner.kernels.pairwise import compared, own_output

INFINITY = float("inf")


@kernel
def clear(net: Any, buf: Any, width: Any) -> None:
    """Clear all of buf.acc for a full measurement."""
    not_inlined()
    L = width.lanes.n
    clear_sums(buf, width)
    for at in range(LIGHT * L, (ACCUMULATORS + 3 * net.sizes[net.layers]) * L, L):
        store(buf.acc, at, fill(buf.acc, 0.0, width.lanes))
    store(buf.acc, A_MIN * L, fill(buf.acc, INFINITY, width.lanes))
    store(buf.acc, A_MAX * L, fill(buf.acc, -INFINITY, width.lanes))


@inlined
def clear_sums(buf: Any, width: Any) -> None:
    """Clear the rows of buf.acc that an evaluation of loss and criterion needs."""
    for at in range(0, LIGHT * width.lanes.n, width.lanes.n):
        store(buf.acc, at, fill(buf.acc, 0.0, width.lanes))


@inlined
def observe(net: Any, job: Any, buf: Any, width: Any, partial: bool) -> None:
    """Add a tile's outputs to the sums that loss and criterion need; `partial` says that some only fill the tile."""
    L, S, lanes, tile = width.lanes.n, width.tile.n, width.lanes, width.tile
    last = net.layers
    here, end = net.units[last] * S, (net.units[last] + net.sizes[last]) * S
    squares = fill(buf.A, 0.0, tile)
    worst = squares
    # What fills a tile repeats a sample of it: that changes sums, but not the largest error.
    for out in range(here, end, S):
        error = load(buf.A, out, tile) - load(buf.T, out - here, tile)
        squares = fma(error, error, squares)
        worst = max_nonnegative(absolute(error), worst)
    if partial:
        mask = load(buf.mask, 0, tile)
        squares = where_lt(0.0, mask, squares, mask)
    total = fold_add(squares, load(buf.acc, A_SSE * L, lanes))
    store(buf.acc, A_SSE * L, total)
    if not job.squares:
        total = _losses(net, job, buf, width, partial)
    store(buf.acc, A_LOSS * L, total)
    store(buf.acc, A_MAX_ERROR * L, fold_max_nonnegative(worst, load(buf.acc, A_MAX_ERROR * L, lanes)))


@inlined
def _losses(net: Any, job: Any, buf: Any, width: Any, partial: bool) -> Any:
    """The sum of the loss values of the pass so far and of a tile, in a loop that has all registers to itself."""
    S, tile = width.tile.n, width.tile
    last = net.layers
    here, end = net.units[last] * S, (net.units[last] + net.sizes[last]) * S
    value = fill(buf.A, 0.0, tile)
    own = own_output(job, buf, here, end, tile)
    for out in range(here, end, S):
        given = load(buf.T, out - here, tile)
        y, t = compared(job, own, load(buf.A, out, tile), given), target_of_loss(job, out - here, given, tile)
        value = value + weighed(job, given, choose(job.loss_value, job.loss, (load(buf.Z, out, tile), y, t)))
    if partial:
        mask = load(buf.mask, 0, tile)
        value = where_lt(0.0, mask, value, mask)
    return fold_add(value, load(buf.acc, A_LOSS * width.lanes.n, width.lanes))


@kernel
def count_correct(net: Any, job: Any, buf: Any, width: Any) -> None:
    """Add the number of a tile's samples that are classified correctly.

    With one-hot targets, these are the samples whose output for their class is larger than their other outputs.
    Otherwise, they are those whose outputs are all on their target's side of the middle, and not on the middle itself
    or within the margin around it.
    """
    L, S, tile = width.lanes.n, width.tile.n, width.tile
    last = net.layers
    here, end = net.units[last] * S, (net.units[last] + net.sizes[last]) * S
    margin = fill(buf.A, INFINITY, tile)
    own, other = -margin, -margin
    for out in range(here, end, S):
        y, t = load(buf.A, out, tile), load(buf.T, out - here, tile)
        if job.one_hot:
            own = where_lt(job.middle, t, y, own)
            other = where_lt(t, job.middle, maximum(y, other), other)
        else:
            margin = minimum((y - job.middle) * (t - job.middle), margin)
    mask = load(buf.mask, 0, tile)
    right = where_lt(other, own, mask, 0.0) if job.one_hot else where_lt(job.margin, margin, mask, 0.0)
    store(buf.acc, A_CORRECT * L, fold_add(right, load(buf.acc, A_CORRECT * L, width.lanes)))


@kernel
def inspect(net: Any, buf: Any, width: Any, at_sample: int) -> None:
    """Add what only a full measurement needs: range and spread of the outputs, saturated hidden activations.

    `at_sample` is the number of the tile's first sample in the data set.
    """
    L, S, lanes, tile = width.lanes.n, width.tile.n, width.lanes, width.tile
    last = net.layers
    here = net.units[last] * S
    mask = load(buf.mask, 0, tile)
    for out in range(net.sizes[last]):
        y = load(buf.A, here + out * S, tile)
        store(buf.acc, A_MIN * L, fold_min(y, load(buf.acc, A_MIN * L, lanes)))
        store(buf.acc, A_MAX * L, fold_max(y, load(buf.acc, A_MAX * L, lanes)))
        # Differences from the output for the first sample ("shifted data", Chan, Golub and LeVeque 1983, The American
        # Statistician 37): the sums hardly cancel, and a constant output has spread 0 exactly.
        at = (ACCUMULATORS + 3 * out) * L
        if at_sample == 0:
            store(buf.acc, at, load(buf.A, here + out * S, lanes))
        centred = where_lt(0.0, mask, y - repeat(load(buf.acc, at, lanes), tile), mask)
        store(buf.acc, at + L, fold_add(centred, load(buf.acc, at + L, lanes)))
        store(buf.acc, at + 2 * L, fold_add(centred * centred, load(buf.acc, at + 2 * L, lanes)))
    for layer in range(1, last):
        low, high = net.lows[layer], net.highs[layer]
        for unit in range(net.units[layer] * S, (net.units[layer] + net.sizes[layer]) * S, S):
            a = load(buf.A, unit, tile)
            pinned = where_le(a, low, mask, where_le(high, a, mask, 0.0))
            store(buf.acc, A_SATURATED * L, fold_add(pinned, load(buf.acc, A_SATURATED * L, lanes)))


@kernel
def write_live(net: Any, job: Any, data: Any, runs: Any, buf: Any, width: Any, made: int) -> None:
    """Turn the sums of a full pass after `made` updates into measurements, and put them into buf.live."""
    L, lanes = width.lanes.n, width.lanes
    n_samples, outputs = data.n, net.sizes[net.layers]
    live = buf.live
    store(live, V_LOSS * L, load(buf.acc, A_LOSS * L, lanes) * job.loss_factor)
    store(live, V_MSE * L, load(buf.acc, A_SSE * L, lanes) / float(n_samples * outputs))
    store(live, V_ACCURACY * L, load(buf.acc, A_CORRECT * L, lanes) / float(n_samples))
    store(live, V_MAX_ERROR * L, load(buf.acc, A_MAX_ERROR * L, lanes))
    store(live, V_GRAD_NORM * L, norm_of_trained(net, job, buf.G, width))
    store(live, V_OUTPUT_MIN * L, load(buf.acc, A_MIN * L, lanes))
    store(live, V_OUTPUT_MAX * L, load(buf.acc, A_MAX * L, lanes))
    spread = fill(live, 0.0, lanes)
    for out in range(outputs):
        at = (ACCUMULATORS + 3 * out) * L
        mean = load(buf.acc, at + L, lanes) / float(n_samples)
        variance = fma(-mean, mean, load(buf.acc, at + 2 * L, lanes) / float(n_samples))
        spread = maximum(sqrt(where_lt(variance, 0.0, 0.0, variance)), spread)
    store(live, V_SPREAD * L, spread)
    # NaN in a network without hidden units.
    hidden = net.units[net.layers] - net.sizes[0]
    store(live, V_SATURATION * L, load(buf.acc, A_SATURATED * L, lanes) / float(n_samples * hidden))
    store(live, V_WEIGHT_NORM * L, norm_of_trained(net, job, buf.W, width))
    store(live, V_MEETS * L, judge(net, job, data, runs, buf, width, made, False))
