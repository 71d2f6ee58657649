"""One update composed of terms: the reference, in plain NumPy, that a program is held against."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from runner.diagnosis.forward import Decimals, Forward, Layers, Pass, rounded, run_forward
from runner.diagnosis.functions import Floats
from runner.diagnosis.terms import ERROR_BELOW, Term, right


@dataclass(frozen=True)
class LayerFormula:
    """The terms of one layer of weights.

    Attributes
    ----------
    slope, factor, bias_step : Term
        Of its own gradient.
    sent, way : Term
        What goes back from it to the layer below, and through which weights.
    extra : Term
        What a hidden error is multiplied with beside its slope.
    rate, bias_rate : float
        What the gradient of one sample is multiplied with: the step size with all constants.
    keep, bias_keep : float
        Share of a weight that an update leaves: 1; 0 where it is set to its step; between with weight decay.
    """

    slope: Term = field(default_factory=lambda: right("slope"))
    factor: Term = field(default_factory=lambda: right("factor"))
    bias_step: Term = field(default_factory=lambda: right("bias_step"))
    sent: Term = field(default_factory=lambda: right("sent_back"))
    way: Term = field(default_factory=lambda: right("way_back"))
    rate: float = 1.0
    bias_rate: float = 1.0
    keep: float = 1.0
    bias_keep: float = 1.0
    extra: Term = field(default_factory=lambda: right("extra"))


@dataclass(frozen=True)
class Formula:
    """All terms of an update.

    Attributes
    ----------
    forward : Forward
    signal : Term
    layers : tuple of LayerFormula
    round_errors, round_weights : mapping of int to int
        Decimals to which the errors dE/dz, and the weights after an update, of layers are rounded.
    constant : float
        Of the loss, in the error signal, where it can not stand in the rates.
    """

    forward: Forward
    signal: Term
    layers: tuple[LayerFormula, ...]
    round_errors: Decimals = field(default_factory=dict)
    round_weights: Decimals = field(default_factory=dict)
    constant: float = 1.0


@dataclass(frozen=True, eq=False)
class Gradient:
    """What an update is made of, and the pass it came from.

    Attributes
    ----------
    weights, biases : tuples of array (probes, fan_out, fan_in) and (probes, fan_out)
    passed : Pass
    e, d : tuples of array (probes, samples, units)
        dE/da and dE/dz of every layer of weights.
    """

    weights: Layers
    biases: Layers
    passed: Pass
    e: Layers
    d: Layers


def gradient(
    formula: Formula,
    W: Layers,
    b: Layers,
    x: Floats,
    t: Floats,
    move: Callable[[int, Floats], Floats] | None = None,
    before: Layers = (),
    of_loss: float = 1.0,
) -> Gradient:
    """Gradients of all layers, each before it is multiplied with its rate.

    Parameters
    ----------
    W, b : tuples of array (probes, fan_out, fan_in) and (probes, fan_out)
    x, t : arrays (probes, samples, units)
    move : callable or None
        From a layer and the gradient of its weights to where they are after this update: the way back may lead through
        them. None for a plain step.
    before : tuple of array
        Activations of the call before.
    of_loss : float
        Factor of the error signal, as 1 / N where the loss is the mean of a batch.
    """
    p = run_forward(formula.forward, W, b, x, t, W, before)
    of_weights, of_biases, new = list(W), list(b), list(W)
    e = of_loss * formula.constant * formula.signal.value(p)
    of_a, of_z = list(p.a[1:]), list(p.z)
    for k in range(p.last, -1, -1):
        layer = formula.layers[k]
        d = rounded(layer.extra.value(p, k, layer.slope.value(p, k, e)), formula.round_errors, k)
        of_a[k], of_z[k] = e, d
        if layer.factor is not ERROR_BELOW:
            of_weights[k] = layer.factor.value(p, k, d)
        if k < p.last and formula.layers[k + 1].factor is ERROR_BELOW:
            of_weights[k + 1] = ERROR_BELOW.value(p, k + 1, d)
        of_biases[k] = layer.bias_step.value(p, k, d)
        if k:
            if layer.way.fault == "moved_weights":
                new[k] = move(k, of_weights[k]) if move else layer.keep * W[k] - layer.rate * of_weights[k]
            e = layer.way.value(replace(p, moved=new), k, layer.sent.value(p, k, e, d))
    return Gradient(tuple(of_weights), tuple(of_biases), p, tuple(of_a), tuple(of_z))


def stacked(parts: Sequence[Sequence[Floats]]) -> Layers:
    """Layers of several networks, one above the other: probes along a new first axis."""
    return tuple(np.stack(layer).astype(float) for layer in zip(*parts, strict=True))
