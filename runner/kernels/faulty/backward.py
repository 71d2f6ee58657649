"""The backward pass of one sample with faults: error of the outputs, errors of hidden units, gradient."""

from __future__ import annotations

from typing import Any

from runner.kernels import perceptron
from runner.kernels.faults import SIGNALS, round_span, times_activation, wrong_signal
from runner.kernels.faulty.forward import negate
from runner.kernels.faulty.table import (
    ACTIVATION,
    ALL_PAIRS,
    AT_ERROR,
    AT_SUM,
    BIAS,
    DIAGONAL,
    EARLY,
    ERROR_BELOW,
    ERROR_SCALE,
    EXTRA,
    FACTOR,
    HARD_THRESHOLD,
    IS_ACTIVATION,
    LATE,
    MIRRORED,
    MOVED,
    NONE,
    OF,
    OF_ACTIVATION,
    ONE,
    OUTER_TRANSPOSED,
    OUTPUTS,
    OUTSIDE,
    OWN,
    ROUNDED_ERROR,
    SENT_BACK,
    SIGNAL,
    SLOPE,
    SLOPE_OF,
    SUM_OF_WEIGHTS,
    SUMMED,
    TARGET,
    TRANSPOSED,
    TWICE,
    UNSLOPED,
    UNWEIGHTED,
    WAY_BACK,
    WEIGHT,
    WEIGHTED_SUM,
    WRONG_SAMPLE,
    formula,
    number,
)
from runner.kernels.lanes.elementary import exp, sigmoid
from runner.kernels.lanes.functions import inlined, kernel
from runner.kernels.lanes.operations import advanced, fill, fma, load, maximum, not_inlined, store
from runner.kernels.lanes.switch import choose
from runner.kernels.network import softmax_slope
from runner.kernels.samples import numbers_at


@inlined
def output_error(net: Any, job: Any, buf: Any, wrong: Any, width: Any, factor: float, samples: int, holds: int) -> None:
    """dE/dz of the outputs into buf.D, and dE/dy into wrong.errors.

    Parameters
    ----------
    factor : float
        The loss's for this batch.
    samples : int
        Of the batch.
    holds : int
        0 for the right gradient of a network with faults in its forward pass, which is what is measured.
    """
    L, lanes = width.lanes.n, width.lanes
    last = net.layers
    here, end = net.units[last] * L, (net.units[last] + net.sizes[last]) * L
    signal = formula(wrong, SIGNAL, 0) * holds
    total = fill(buf.T, 1.0, lanes)
    if job.residual and job.softmax:
        total = fill(buf.T, 0.0, lanes)
        for out in range(0, end - here, L):
            total = total + load(buf.T, out, lanes)
    again = buf.A
    if signal == TWICE:
        again = wrong.slopes
        _outputs_again(job, buf, wrong, here, end, lanes)
    for out in range(here, end, L):
        y, t = load(again, out, lanes), load(buf.T, out - here, lanes)
        if signal == TARGET:
            y = y * 0.0
        elif signal == ALL_PAIRS:
            t = load(wrong.sums, 2 * (end - here) + out - here, lanes)
        d = perceptron.signal(job.band, y, t, total) if job.residual else choose(job.loss_slope, job.loss, (y, t))
        d = d * factor
        if signal == ALL_PAIRS and job.per < 2:
            # A sum over N x N pairs, or their sum divided by N; a mean over all of them has this factor already.
            d = d * float(samples)
        if job.faults & SIGNALS and holds:
            d = wrong_signal(job, buf, width, job.faults, d, samples)
        store(buf.D, out, d)
        store(wrong.errors, out, d)
    if job.softmax:
        if signal == TWICE or not (job.residual or formula(wrong, SLOPE, last) * holds == NONE):
            softmax_slope(net, buf, lanes)
    elif signal == TWICE:
        choose(net.slope, net.codes[last], (buf.Z, buf.F, buf.D, here, end, lanes))
    elif not job.residual:
        _apply_slope(net, buf, wrong, last, holds, lanes)
    if formula(wrong, ROUNDED_ERROR, last) * holds:
        round_span(buf.D, here, end, number(wrong, ERROR_SCALE, last), lanes)
    if not holds:
        _true_slope(buf, wrong, last, here, end, lanes)


@inlined
def _outputs_again(job: Any, buf: Any, wrong: Any, here: int, end: int, lanes: Any) -> None:
    """The output activation once more, of the outputs themselves."""
    L = lanes.n
    if job.softmax:
        top = load(buf.A, here, lanes)
        for out in range(here, end, L):
            top = maximum(load(buf.A, out, lanes), top)
        total = top * 0.0
        for out in range(here, end, L):
            total = total + exp(load(buf.A, out, lanes) - top)
        for out in range(here, end, L):
            store(wrong.slopes, out, exp(load(buf.A, out, lanes) - top) / total)
    else:
        for out in range(here, end, L):
            store(wrong.slopes, out, sigmoid(load(buf.A, out, lanes)))


@kernel
def _apply_slope(net: Any, buf: Any, wrong: Any, layer: int, holds: int, lanes: Any) -> None:
    """From dE/da to dE/dz in buf.D, by the slope that stands in this layer."""
    not_inlined()
    L = lanes.n
    here, end = net.units[layer] * L, (net.units[layer] + net.sizes[layer]) * L
    kind, code = formula(wrong, SLOPE, layer) * holds, net.codes[layer]
    if kind == NONE:
        return
    if kind == IS_ACTIVATION:
        times_activation(buf, here, end, lanes)
        return
    sums, activations, target = buf.Z, buf.F, buf.D
    if kind == OF:
        code = formula(wrong, SLOPE_OF, layer)
    elif kind == AT_SUM:
        activations = buf.Z
    elif kind == LATE:
        activations = buf.A
    elif kind == OF_ACTIVATION:
        sums, activations = buf.A, wrong.slopes
    elif kind == AT_ERROR:
        sums, activations = wrong.errors, wrong.slopes
    elif kind == EARLY:
        # The inputs have no weighted sum: 0 stands there.
        shift = (net.units[layer - 1] - net.units[layer]) * L
        sums, activations = advanced(buf.Z, shift), wrong.slopes
    elif kind == SUMMED:
        target = wrong.slopes
        for at in range(here, end, L):
            store(target, at, fill(buf.D, 1.0, lanes))
    if kind in (OF_ACTIVATION, AT_ERROR, EARLY):
        choose(net.activate, code, (sums, activations, here, end, lanes))
    choose(net.slope, code, (sums, activations, target, here, end, lanes))
    if kind == SUMMED:
        total = fill(buf.D, 0.0, lanes)
        for at in range(here, end, L):
            total = total + load(target, at, lanes)
        for at in range(here, end, L):
            store(buf.D, at, load(buf.D, at, lanes) * total)


@inlined
def hidden_errors(net: Any, buf: Any, wrong: Any, width: Any, weights: Any, holds: int) -> None:
    """dE/dz of the hidden layers, from the last one down, into buf.D."""
    L, lanes = width.lanes.n, width.lanes
    for layer in range(net.layers, 1, -1):
        hidden = layer - 1
        here, end = net.units[hidden] * L, (net.units[hidden] + net.sizes[hidden]) * L
        _send_back(net, buf, wrong, width, weights, layer, holds)
        for at in range(here, end, L):
            store(wrong.errors, at, load(buf.D, at, lanes))
        _apply_slope(net, buf, wrong, hidden, holds, lanes)
        if formula(wrong, EXTRA, hidden) * holds:
            times_activation(buf, here, end, lanes)
        if formula(wrong, ROUNDED_ERROR, hidden) * holds:
            round_span(buf.D, here, end, number(wrong, ERROR_SCALE, hidden), lanes)
        if not holds:
            _true_slope(buf, wrong, hidden, here, end, lanes)


@inlined
def _true_slope(buf: Any, wrong: Any, layer: int, here: int, end: int, lanes: Any) -> None:
    """The error signal of a layer whose activation is faulty, by the slope that it really has."""
    if formula(wrong, ACTIVATION, layer) == MIRRORED:
        negate(buf.D, here, end, lanes)
    elif formula(wrong, ACTIVATION, layer) == HARD_THRESHOLD:
        for at in range(here, end, lanes.n):
            store(buf.D, at, load(buf.D, at, lanes) * 0.0)


@inlined
def _send_back(net: Any, buf: Any, wrong: Any, width: Any, weights: Any, layer: int, holds: int) -> None:
    """dE/da of the units below a layer, into buf.D."""
    L, lanes = width.lanes.n, width.lanes
    below, here, scale = net.units[layer - 1] * L, net.units[layer] * L, net.scales[layer]
    fan_in, fan_out = net.sizes[layer - 1], net.sizes[layer]
    way = formula(wrong, WAY_BACK, layer - 1) * holds
    source = buf.D
    if formula(wrong, UNSLOPED, layer) * holds:
        source = wrong.errors
    elif formula(wrong, SENT_BACK, layer - 1) * holds == OUTPUTS:
        source = buf.A
    W = buf.W if way == MOVED else weights
    # From one weight of a sum to the next, and from the weights of one sum to those of the next.
    along, across = fan_in * L, L
    if way == TRANSPOSED:
        along, across = L, fan_in * L
    elif way == DIAGONAL:
        along, across = (fan_in + 1) * L, 0
    first = net.weights[layer] * L
    for unit in range(fan_in):
        e = fill(buf.D, 0.0, lanes)
        for k in range(fan_out):
            d = load(source, here + k * L, lanes) * scale
            if way == UNWEIGHTED:
                e = e + d
            elif way == SUM_OF_WEIGHTS:
                w = fill(buf.D, 0.0, lanes)
                for i in range(fan_in):
                    w = w + load(W, first + (k * fan_in + i) * L, lanes)
                e = fma(w, d, e)
            else:
                e = fma(load(W, first + unit * across + k * along, lanes), d, e)
        store(buf.D, below + unit * L, e)


@inlined
def add_gradient(
    net: Any, data: Any, buf: Any, wrong: Any, width: Any, weights: Any, first: int, last: int, holds: int
) -> None:
    """Add the gradient of this sample for the layers from `first` to `last` to buf.G."""
    L, lanes = width.lanes.n, width.lanes
    for layer in range(first, last + 1):
        here, below = net.units[layer] * L, net.units[layer - 1] * L
        fan_in, scale = net.sizes[layer - 1], net.scales[layer]
        kind = formula(wrong, FACTOR, layer) * holds
        of_bias = buf.D
        if not holds and formula(wrong, BIAS, layer) == OUTSIDE:
            of_bias = wrong.errors
        at = net.weights[layer] * L
        for unit in range(net.sizes[layer]):
            out, bias = here + unit * L, (net.biases[layer] + unit) * L
            store(buf.G, bias, load(buf.G, bias, lanes) + load(of_bias, out, lanes))
            d = load(buf.D, out, lanes) * scale
            for i in range(fan_in):
                a = load(buf.A, below + i * L, lanes)
                if kind == WEIGHT:
                    a = load(weights, at, lanes)
                elif kind == OWN:
                    a = load(buf.A, out, lanes)
                elif kind == ONE:
                    a = fill(buf.A, 1.0, lanes)
                elif kind == WRONG_SAMPLE:
                    a = numbers_at(data, data.inputs, i * fan_in + i, lanes)
                elif kind == WEIGHTED_SUM:
                    a = load(buf.Z, below + i * L, lanes)
                elif kind == OUTER_TRANSPOSED:
                    d = load(buf.D, here + i * L, lanes) * scale
                    a = load(buf.A, below + unit * L, lanes)
                elif kind == ERROR_BELOW:
                    d = load(buf.D, below + i * L, lanes) * scale
                store(buf.G, at, fma(d, a, load(buf.G, at, lanes)))
                at += L
