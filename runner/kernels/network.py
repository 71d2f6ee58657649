"""Forward and backward pass of one tile of samples: back-propagation in a single network, with vectors for numbers.

The formulas are those of Rumelhart, Hinton and Williams (1986), as in Bishop, Pattern Recognition and Machine Learning
(2006), section 5.3 (eq. 5.53 and 5.56). For a layer with weights W (fan_out, fan_in), biases b, activation f and
factor s (1, or that of the mean-field parameterisation), above a layer with activations A', and with @ for the product
of matrices:

    Z = s W @ A' + b              A = f(Z)
    D = dE/dA * f'(Z) = dE/dZ     dE/dA' = s W^T @ D
    dE/dW = s D @ A'^T            dE/db = D summed over the samples

With a gain g, A = f(g Z): buf.Z holds g Z, and D is g dE/dA * f'(g Z). With shortcuts A' are all units that the layer
sees, and dE/dA' is the sum over the layers that see A'.

A, Z, D and the gradient G are the arrays of `structs.Buffers` with these names.

Performance shape: all arrays are flat with the lanes innermost, so every access is one aligned vector. A tile holds T
samples of L runs; each weight is loaded once for T samples, and each element of the gradient is loaded and stored once
for T samples. Units are taken in rows of several, whose sums stay in registers: each activation and each error signal
is loaded once for all of them. Functions of a layer's units (activation, slope) run in loops of their own over
contiguous memory, so that their long dependency chains overlap. Every sum runs in one fixed order (inputs, outputs,
samples ascending), so that no tile size, row or block changes a bit.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from runner.kernels.codes import ACTIVATION_FACTOR, EARLY_DERIVATIVE, NO_OUTPUT_DERIVATIVE, ROUND_OUTPUTS, ROUND_SUMS
from runner.kernels.faults import (
    FACTORS,
    SIGNALS,
    early_slope,
    round_span,
    times_activation,
    wrong_factor,
    wrong_signal,
)
from runner.kernels.labels import target_of_loss, weighed
from runner.kernels.lanes.elementary import exp, log
from runner.kernels.lanes.functions import inlined, kernel, step
from runner.kernels.lanes.operations import fill, fma, load, maximum, store, where_lt
from runner.kernels.lanes.rows import across, add_products, load_rows, load_tiles
from runner.kernels.lanes.switch import choose
from runner.kernels.lanes.tiles import fold_add, fold_fma
from runner.kernels.lanes.vector import Lanes
from runner.kernels.noise import drop, restore
from runner.kernels.pairwise import balance, compared, own_output
from runner.kernels.perceptron import settle_undecided, signal

# Units that are left over when a layer is cut into rows are taken one by one.
ONE = Lanes(1)
ZERO = np.int64(0)


@inlined
def forward(net: Any, job: Any, buf: Any, width: Any, faults: int, noise: Any, trains: Any) -> None:
    """Compute weighted sums buf.Z and activations buf.A of all layers, from the inputs in buf.A.

    In a pass that trains, units of hidden layers are dropped as `noise` has it.
    """
    S, tile = width.tile.n, width.tile
    for layer in range(1, net.layers + 1):
        here, end = net.units[layer] * S, (net.units[layer] + net.sizes[layer]) * S
        weighted_sums(net, buf, width, layer)
        if net.gain != 1.0:
            times(buf.Z, net.gain, here, end, tile)
        if faults & ROUND_SUMS:
            round_span(buf.Z, here, end, job.sum_scale, tile)
        settle_undecided(job.band, buf.Z, here, end, tile)
        choose(net.activate, net.codes[layer], (buf.Z, buf.A, here, end, tile))
        if faults & ROUND_OUTPUTS:
            round_span(buf.A, here, end, job.output_scale, tile)
        if layer < net.layers:
            drop(noise, buf, trains, here, end, tile)
    if job.softmax:
        softmax(net, buf, tile)


@inlined
def weighted_sums(net: Any, buf: Any, width: Any, layer: int) -> None:
    """Compute the weighted sums of a layer in buf.Z, from the activations below it in buf.A."""
    whole = net.sizes[layer] - net.sizes[layer] % width.rows.n
    _sums(net, buf, width, layer, ZERO, whole, width.rows)
    _sums(net, buf, width, layer, whole, net.sizes[layer], ONE)


@inlined
def times(array: Any, factor: float, first: int, end: int, tile: Any) -> None:
    """Multiply the numbers from `first` to `end` by a factor."""
    for at in range(first, end, tile.n):
        store(array, at, load(array, at, tile) * factor)


@inlined
def _sums(net: Any, buf: Any, width: Any, layer: int, first: int, last: int, rows: Any) -> None:
    """Compute the weighted sums of units `first` to `last` - 1 of a layer, several units (`rows`) at a time."""
    L, S, R, lanes, tile = width.lanes.n, width.tile.n, rows.n, width.lanes, width.tile
    fan_in, seen, scale = net.fan_ins[layer], net.seen[layer] * S, net.scales[layer]
    here, stride = net.units[layer] * S, fan_in * L
    at, bias = net.weights[layer] * L + first * stride, (net.biases[layer] + first) * L
    for out in range(here + first * S, here + last * S, R * S):
        b = load_rows(buf.W, bias, L, rows, lanes, tile)
        z = b if scale == 1.0 else b * 0.0
        for unit in range(fan_in):
            a = across(load(buf.A, seen + unit * S, tile), rows)
            z = fma(load_rows(buf.W, at + unit * L, stride, rows, lanes, tile), a, z)
        store(buf.Z, out, z if scale == 1.0 else fma(z, scale, b))
        at += R * stride
        bias += R * L


@kernel
def softmax(net: Any, buf: Any, tile: Any) -> None:
    """Put the outputs y_j = exp(z_j) / sum_k exp(z_k) into buf.A, and log y_j into buf.Z in the place of z_j.

    The largest z is subtracted first (Goodfellow, Bengio and Courville, Deep Learning, 2016, section 4.1): nothing
    overflows.
    """
    S = tile.n
    here = net.units[net.layers] * S
    end = here + net.sizes[net.layers] * S
    top = load(buf.Z, here, tile)
    for out in range(here + S, end, S):
        top = maximum(top, load(buf.Z, out, tile))
    total = top * 0.0
    for out in range(here, end, S):
        total = total + exp(load(buf.Z, out, tile) - top)
    log_total = log(total)
    for out in range(here, end, S):
        z = load(buf.Z, out, tile) - top - log_total
        store(buf.Z, out, z)
        store(buf.A, out, exp(z))


@inlined
def output_error(
    net: Any, job: Any, buf: Any, width: Any, faults: int, factor: float, samples: int, partial: bool
) -> None:
    """Put dE/dz of the output layer into buf.D, 0 for what only fills a tile.

    Parameters
    ----------
    factor : float
        Of the error signal, for a batch of `samples` samples (see Job.factor and Job.per).
    samples : int
        Samples of the batch.
    partial : bool
        Whether the tile has fewer samples than it holds.
    """
    S, tile = width.tile.n, width.tile
    last = net.layers
    here, end = net.units[last] * S, (net.units[last] + net.sizes[last]) * S
    mask = load(buf.mask, 0, tile)
    # Softmax and cross-entropy: dE/dz_j = y_j sum_k t_k - t_j, which is the residual where the targets of a sample add
    # up to 1 (Bishop 2006, eq. 4.109).
    total = fill(buf.T, 1.0, tile)
    if job.residual and job.softmax:
        total = fill(buf.T, 0.0, tile)
        for out in range(0, end - here, S):
            total = total + target_of_loss(job, out, load(buf.T, out, tile), tile)
    own = own_output(job, buf, here, end, tile)
    for out in range(here, end, S):
        y, given = load(buf.A, out, tile), load(buf.T, out - here, tile)
        t = target_of_loss(job, out - here, given, tile)
        seen = compared(job, own, y, given)
        d = signal(job.band, y, t, total) if job.residual else choose(job.loss_slope, job.loss, (seen, t))
        d = weighed(job, given, d)
        d = d * factor
        if faults & SIGNALS:
            d = wrong_signal(job, buf, width, faults, d, samples)
        store(buf.D, out, where_lt(0.0, mask, d, mask) if partial else d)
    if not job.residual:
        balance(job, buf, here, end, tile)
    if faults & NO_OUTPUT_DERIVATIVE:
        for out in range(here, end, S):
            store(buf.E, out - here, load(buf.D, out, tile))
    if job.residual:
        return
    if job.softmax:
        softmax_slope(net, buf, tile)
    else:
        choose(net.slope, net.codes[last], (buf.Z, buf.A, buf.D, here, end, tile))


@step
def softmax_slope(net: Any, buf: Any, tile: Any) -> None:
    """Change dE/dy of softmax outputs in buf.D to dE/dz.

    dE/dz_j = y_j (dE/dy_j - sum_k y_k dE/dy_k), from dy_k/dz_j = y_k (1[j = k] - y_j) (Bishop 2006, eq. 4.106).
    """
    S = tile.n
    here = net.units[net.layers] * S
    end = here + net.sizes[net.layers] * S
    mean = load(buf.D, here, tile) * 0.0
    for out in range(here, end, S):
        mean = fma(load(buf.D, out, tile), load(buf.A, out, tile), mean)
    for out in range(here, end, S):
        store(buf.D, out, load(buf.A, out, tile) * (load(buf.D, out, tile) - mean))


@inlined
def backward(net: Any, data: Any, buf: Any, width: Any, faults: int, noise: Any, trains: Any) -> None:
    """Add the gradient of this tile's samples to buf.G, from dE/dz of the outputs in buf.D."""
    L, S, tile = width.lanes.n, width.tile.n, width.tile
    for layer in range(net.layers, 0, -1):
        here, end = net.units[layer] * S, (net.units[layer] + net.sizes[layer]) * S
        at, bias = net.weights[layer] * L, net.biases[layer] * L
        scale = net.scales[layer]
        if net.gain != 1.0:
            # The slopes were taken by gain z.
            times(buf.D, net.gain, here, end, tile)
        for out in range(here, end, S):
            d = load(buf.D, out, tile)
            store(buf.G, bias, fold_add(d, load(buf.G, bias, width.lanes)))
            bias += L
        if faults & FACTORS:
            for out in range(here, end, S):
                d = load(buf.D, out, tile) * scale
                for unit in range(net.fan_ins[layer]):
                    a = wrong_factor(net, data, buf, width, faults, at, out, unit)
                    store(buf.G, at, fold_fma(d, a, load(buf.G, at, width.lanes)))
                    at += L
        else:
            whole = net.sizes[layer] - net.sizes[layer] % width.rows.n
            _gradients(net, buf, width, layer, ZERO, whole, width.rows)
            _gradients(net, buf, width, layer, whole, net.sizes[layer], ONE)
        if layer == net.layers and faults & NO_OUTPUT_DERIVATIVE:
            for out in range(here, end, S):
                store(buf.D, out, load(buf.E, out - here, tile))
        if layer > 1:
            size, below = net.sizes[layer - 1], net.units[layer - 1] * S
            whole = size - size % width.rows.n
            _errors(net, buf, width, layer, ZERO, whole, width.rows)
            _errors(net, buf, width, layer, whole, size, ONE)
            restore(noise, buf, trains, below, below + size * S, tile)
            if faults & EARLY_DERIVATIVE:
                code = net.codes[layer - 1]
                early_slope(net, buf, code, below, below + size * S, net.units[layer - 2] * S, tile)
            else:
                choose(net.slope, net.codes[layer - 1], (buf.Z, buf.A, buf.D, below, below + size * S, tile))
            if faults & ACTIVATION_FACTOR:
                times_activation(buf, below, below + size * S, tile)


@inlined
def _gradients(net: Any, buf: Any, width: Any, layer: int, first: int, last: int, rows: Any) -> None:
    """Add the gradients of the weights that lead to units `first` to `last` - 1 of a layer, several units at a time."""
    L, S, R, lanes, tile = width.lanes.n, width.tile.n, rows.n, width.lanes, width.tile
    fan_in, seen, scale = net.fan_ins[layer], net.seen[layer] * S, net.scales[layer]
    here, stride = net.units[layer] * S, fan_in * L
    at = net.weights[layer] * L + first * stride
    for out in range(here + first * S, here + last * S, R * S):
        d = load_tiles(buf.D, out, rows, tile) * scale
        for unit in range(fan_in):
            add_products(buf.G, at + unit * L, stride, d, load(buf.A, seen + unit * S, tile), lanes)
        at += R * stride


@inlined
def _errors(net: Any, buf: Any, width: Any, layer: int, first: int, last: int, rows: Any) -> None:
    """Put dE/da of units `first` to `last` - 1 of the layer below into buf.D, several units at a time."""
    L, S, R, lanes, tile = width.lanes.n, width.tile.n, rows.n, width.lanes, width.tile
    below = net.units[layer - 1]
    for unit in range(first, last, R):
        e = across(fill(buf.D, 0.0, tile), rows)
        # The layer above, and with shortcuts all others that see these units, in ascending order.
        for reader in range(layer, net.readers[layer - 1] + 1):
            at, stride = (net.weights[reader] + below - net.seen[reader] + unit) * L, net.fan_ins[reader] * L
            here, scale = net.units[reader] * S, net.scales[reader]
            for out in range(here, here + net.sizes[reader] * S, S):
                d = across(load(buf.D, out, tile) * scale, rows)
                e = fma(load_rows(buf.W, at, L, rows, lanes, tile), d, e)
                at += stride
        store(buf.D, (below + unit) * S, e)
