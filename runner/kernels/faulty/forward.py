"""The forward pass of one sample with faults: weighted sums, activations, softmax over the wrong axis."""

from __future__ import annotations

from typing import Any

from runner.kernels.faults import round_span
from runner.kernels.faulty.table import (
    ACTIVATION,
    AXIS,
    BIAS,
    FROM_LAST_OUTPUT,
    HARD_THRESHOLD,
    MIRRORED,
    OUTPUT_SCALE,
    OUTSIDE,
    OVER_ALL,
    ROUNDED_OUTPUT,
    ROUNDED_SUM,
    SUM,
    SUM_SCALE,
    formula,
    number,
)
from runner.kernels.lanes.elementary import exp, log
from runner.kernels.lanes.functions import inlined, kernel
from runner.kernels.lanes.operations import fill, fma, load, maximum, not_inlined, store, where_lt
from runner.kernels.lanes.switch import choose
from runner.kernels.network import softmax
from runner.kernels.perceptron import settle_undecided


@inlined
def forward(net: Any, job: Any, buf: Any, wrong: Any, width: Any, weights: Any, normalised: bool) -> None:
    """Weighted sums in buf.Z, f(z) in buf.F, and what the units put out in buf.A.

    Parameters
    ----------
    weights : pointer
        buf.W, or the weights before the update.
    normalised : bool
        Whether softmax is done; without it the outputs are the weighted sums.
    """
    L, lanes = width.lanes.n, width.lanes
    for layer in range(1, net.layers + 1):
        here, end = net.units[layer] * L, (net.units[layer] + net.sizes[layer]) * L
        _sums(net, buf, wrong, width, weights, layer)
        if formula(wrong, ROUNDED_SUM, layer):
            round_span(buf.Z, here, end, number(wrong, SUM_SCALE, layer), lanes)
        settle_undecided(job.band, buf.Z, here, end, lanes)
        mirrored = formula(wrong, ACTIVATION, layer) == MIRRORED
        if mirrored:
            negate(buf.Z, here, end, lanes)
        choose(net.activate, net.codes[layer], (buf.Z, buf.F, here, end, lanes))
        if mirrored:
            negate(buf.Z, here, end, lanes)
        threshold = formula(wrong, ACTIVATION, layer) == HARD_THRESHOLD
        outside = formula(wrong, BIAS, layer) == OUTSIDE
        bias = net.biases[layer] * L
        for out in range(here, end, L):
            z, a = load(buf.Z, out, lanes), load(buf.F, out, lanes)
            if threshold:
                a = where_lt(z, 0.0, 0.0, where_lt(z, z, z, 1.0))
            if outside:
                a = a + load(weights, bias, lanes)
            store(buf.A, out, a)
            bias += L
        if formula(wrong, ROUNDED_OUTPUT, layer):
            round_span(buf.A, here, end, number(wrong, OUTPUT_SCALE, layer), lanes)
            round_span(buf.F, here, end, number(wrong, OUTPUT_SCALE, layer), lanes)
        for out in range(here, end, L):
            store(wrong.now, out, load(buf.A, out, lanes))
    if job.softmax and normalised:
        if formula(wrong, AXIS, 0):
            _softmax_over_samples(net, buf, wrong, lanes)
        else:
            softmax(net, buf, lanes)


@inlined
def _sums(net: Any, buf: Any, wrong: Any, width: Any, weights: Any, layer: int) -> None:
    """Weighted sums of a layer, in the order of the inputs."""
    L, lanes = width.lanes.n, width.lanes
    fan_in, below, scale = net.sizes[layer - 1], net.units[layer - 1] * L, net.scales[layer]
    at, bias = net.weights[layer] * L, net.biases[layer] * L
    outside = formula(wrong, BIAS, layer) == OUTSIDE
    goes_on = formula(wrong, SUM, layer) == FROM_LAST_OUTPUT
    for out in range(net.units[layer] * L, (net.units[layer] + net.sizes[layer]) * L, L):
        b = fill(buf.W, 0.0, lanes) if outside else load(weights, bias, lanes)
        z = b if scale == 1.0 else b * 0.0
        for unit in range(fan_in):
            z = fma(load(weights, at, lanes), load(buf.A, below + unit * L, lanes), z)
            at += L
        z = z if scale == 1.0 else fma(z, scale, b)
        store(buf.Z, out, z + load(wrong.now, out, lanes) if goes_on else z)
        bias += L


@inlined
def negate(array: Any, first: int, end: int, lanes: Any) -> None:
    """Change the sign of the numbers from `first` to `end`."""
    for at in range(first, end, lanes.n):
        store(array, at, -load(array, at, lanes))


@kernel
def _softmax_over_samples(net: Any, buf: Any, wrong: Any, lanes: Any) -> None:
    """Outputs exp(z) divided by the sum over the batch in buf.A, and their logarithms in buf.Z."""
    L = lanes.n
    here, outputs = net.units[net.layers] * L, net.sizes[net.layers] * L
    for out in range(0, outputs, L):
        z = load(buf.Z, here + out, lanes) - load(wrong.sums, out, lanes) - log(load(wrong.sums, outputs + out, lanes))
        store(buf.Z, here + out, z)
        store(buf.A, here + out, exp(z))


@kernel
def find_largest(net: Any, buf: Any, wrong: Any, lanes: Any) -> None:
    """Take a sample's outputs into the largest weighted sums of the batch."""
    not_inlined()
    L = lanes.n
    here, outputs = net.units[net.layers] * L, net.sizes[net.layers] * L
    top = load(wrong.sums, 0, lanes)
    for out in range(0, outputs, L):
        top = maximum(load(buf.Z, here + out, lanes), top)
    for out in range(0, outputs, L):
        own = maximum(load(buf.Z, here + out, lanes), load(wrong.sums, out, lanes))
        store(wrong.sums, out, top if formula(wrong, AXIS, 0) == OVER_ALL else own)


@kernel
def add_exponentials(net: Any, buf: Any, wrong: Any, lanes: Any) -> None:
    """Take a sample's outputs into the sums of exponentials."""
    not_inlined()
    L = lanes.n
    here, outputs = net.units[net.layers] * L, net.sizes[net.layers] * L
    for out in range(0, outputs, L):
        e = exp(load(buf.Z, here + out, lanes) - load(wrong.sums, out, lanes))
        if formula(wrong, AXIS, 0) == OVER_ALL:
            for other in range(0, outputs, L):
                store(wrong.sums, outputs + other, load(wrong.sums, outputs + other, lanes) + e)
        else:
            store(wrong.sums, outputs + out, load(wrong.sums, outputs + out, lanes) + e)
