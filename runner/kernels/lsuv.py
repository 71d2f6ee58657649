"""Layer-sequential unit-variance initialisation: initial weights that depend on the data.

Mishkin and Matas, All You Need Is a Good Init (ICLR 2016), algorithm 1: beginning with orthonormal matrices, layer by
layer, the weights are divided by the standard deviation of the layer's weighted sums, until their variance is within
0.1 of 1, or ten times. The variance is that over all units of the layer and all samples. Biases, which are 0 in the
paper, are left out of it where they are not: to divide weights would not change theirs.

It is computed as the network computes in training, with everything that is random or wrong in that left out; sums are
those of each unit over the samples in their order, so that no lane, tile or batch changes a bit.
"""

from __future__ import annotations

from typing import Any

from runner.kernels.buffers import buffers, copy_rows, fill_rows, opened
from runner.kernels.lanes.entry import entry
from runner.kernels.lanes.functions import kernel
from runner.kernels.lanes.operations import (
    absolute,
    advanced,
    any_lt,
    fill,
    fma,
    load,
    not_inlined,
    pointer,
    sqrt,
    store,
    where_lt,
)
from runner.kernels.lanes.switch import choose
from runner.kernels.lanes.tiles import fold_add, fold_fma, repeat
from runner.kernels.network import times, weighted_sums
from runner.kernels.samples import fill_tile, group_samples

TOLERANCE, MOST = 0.1, 10
INFINITY = float("inf")


@entry
def make_unit_variance(network: Any, samples: Any, weights: Any, chosen: Any, scratch: Any, width: Any) -> None:
    """Divide the weights of every layer, so that its weighted sums have variance 1.

    Weights of a layer whose weighted sums are all the same, or not all finite, stay as they are.

    Parameters
    ----------
    network, samples, scratch, width
        As for `train_block`.
    weights : float array (G, P, L), changed in place
        Weights and biases of the runs of G groups.
    chosen : float array (G, L)
        1 for the lanes whose weights are divided, 0 for those that stay as they are.
    """
    net, L = opened(network), width.lanes.n
    buf = buffers(net, scratch, width)
    for g in range(weights.shape[0]):
        data = group_samples(samples, g, L)
        own, divided = advanced(pointer(weights), g * net.parameters * L), load(pointer(chosen), g * L, width.lanes)
        copy_rows(buf.W, own, net.parameters, width)
        for layer in range(1, net.layers + 1):
            for _ in range(MOST):
                variance = _variance(net, data, buf, width, layer)
                # 1 where it is near enough to 1, 0, infinite or NaN.
                by = where_lt(0.0, variance, where_lt(variance, INFINITY, sqrt(variance), 1.0), 1.0)
                by = where_lt(absolute(variance - 1.0), TOLERANCE, 1.0, where_lt(0.0, divided, by, 1.0))
                if not (any_lt(by, fill(buf.W, 1.0, width.lanes)) or any_lt(fill(buf.W, 1.0, width.lanes), by)):
                    break
                for at in range(net.weights[layer] * L, net.biases[layer] * L, L):
                    store(buf.W, at, load(buf.W, at, width.lanes) / by)
        copy_rows(own, buf.W, net.parameters, width)


@kernel
def _variance(net: Any, data: Any, buf: Any, width: Any, layer: int) -> Any:
    """The variance of a layer's weighted sums, without biases, over units and all samples: a vector (L,)."""
    not_inlined()
    L, S, lanes, tile, size = width.lanes.n, width.tile.n, width.lanes, width.tile, net.sizes[layer]
    here, bias = net.units[layer] * S, net.biases[layer] * L
    # Two sums for each unit, in memory that training needs for gradients.
    fill_rows(buf.G, 2 * size, 0.0, width)
    first = fill(buf.G, 0.0, lanes)
    for at in range(0, data.n, S // L):
        fill_tile(net, data, buf, width, at, min(S // L, data.n - at), 0)
        for below in range(1, layer):
            start, end = net.units[below] * S, (net.units[below] + net.sizes[below]) * S
            weighted_sums(net, buf, width, below)
            if net.gain != 1.0:
                times(buf.Z, net.gain, start, end, tile)
            choose(net.activate, net.codes[below], (buf.Z, buf.A, start, end, tile))
        weighted_sums(net, buf, width, layer)
        if at == 0:
            # Differences from one of them: equal ones have the variance 0 exactly (see `measure.inspect`).
            first = load(buf.Z, here, lanes) - load(buf.W, bias, lanes)
        mask = load(buf.mask, 0, tile)
        for unit in range(size):
            z = load(buf.Z, here + unit * S, tile) - repeat(load(buf.W, bias + unit * L, lanes), tile)
            centred = where_lt(0.0, mask, z - repeat(first, tile), mask)
            store(buf.G, 2 * unit * L, fold_add(centred, load(buf.G, 2 * unit * L, lanes)))
            store(buf.G, (2 * unit + 1) * L, fold_fma(centred, centred, load(buf.G, (2 * unit + 1) * L, lanes)))
    mean, squares = fill(buf.G, 0.0, lanes), fill(buf.G, 0.0, lanes)
    for unit in range(size):
        mean = mean + load(buf.G, 2 * unit * L, lanes)
        squares = squares + load(buf.G, (2 * unit + 1) * L, lanes)
    n = float(data.n * size)
    mean = mean / n
    return fma(-mean, mean, squares / n)
