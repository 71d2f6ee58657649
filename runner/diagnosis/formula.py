"""One update composed of terms: the reference, in plain NumPy, that a program is held against."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from runner.diagnosis.forward import Forward, Layers, Pass, run_forward
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
    round_errors, round_weights : int or None
        Decimals to which the errors dE/dz, and weights after an update, are rounded.
    """

    forward: Forward
    signal: Term
    layers: tuple[LayerFormula, ...]
    round_errors: int | None = None
    round_weights: int | None = None


@dataclass(frozen=True, eq=False)
class Gradient:
    """What an update is made of, and the pass it came from."""

    weights: Layers
    biases: Layers
    passed: Pass


def gradient(
    formula: Formula,
    W: Layers,
    b: Layers,
    x: Floats,
    t: Floats,
    scale: float = 1.0,
    before: Layers = (),
    moved: Layers = (),
) -> Gradient:
    """Gradients of all layers, each before it is multiplied with its rate.

    Parameters
    ----------
    W, b : tuples of array (probes, fan_out, fan_in) and (probes, fan_out)
    x, t : arrays (probes, samples, units)
    scale : float
        Factor of all rates, as 1 / N for the mean of a batch: it tells where weights are that have moved already.
    before : tuple of array
        Activations of the call before.
    moved : tuple of array
        Weights after the update, where they are known; otherwise those of a plain step.
    """
    p = run_forward(formula.forward, W, b, x, t, W, before)
    known, new = bool(moved), list(moved or W)
    of_weights, of_biases = list(W), list(b)
    e = formula.signal.value(p)
    for k in range(p.last, -1, -1):
        layer = formula.layers[k]
        d = layer.extra.value(p, k, layer.slope.value(p, k, e))
        if formula.round_errors is not None:
            d = np.round(d, formula.round_errors)
        if layer.factor is not ERROR_BELOW:
            of_weights[k] = layer.factor.value(p, k, d)
        if k < p.last and formula.layers[k + 1].factor is ERROR_BELOW:
            of_weights[k + 1] = ERROR_BELOW.value(p, k + 1, d)
        of_biases[k] = layer.bias_step.value(p, k, d)
        if k:
            if not known:
                new[k] = layer.keep * W[k] - layer.rate * scale * of_weights[k]
            e = layer.way.value(replace(p, moved=new), k, layer.sent.value(p, k, e, d))
    return Gradient(tuple(of_weights), tuple(of_biases), p)


def step(formula: Formula, W: Layers, b: Layers, g: Gradient, scale: float = 1.0) -> tuple[Layers, Layers]:
    """Weights and biases after one plain step along a gradient."""
    new_W, new_b = [], []
    for k, layer in enumerate(formula.layers):
        new_W.append(_rounded(layer.keep * W[k] - layer.rate * scale * g.weights[k], formula.round_weights))
        new_b.append(_rounded(layer.bias_keep * b[k] - layer.bias_rate * scale * g.biases[k], formula.round_weights))
    return tuple(new_W), tuple(new_b)


def _rounded(w: Floats, decimals: int | None) -> Floats:
    return w if decimals is None else np.round(w, decimals)


def stacked(parts: Sequence[Sequence[Floats]]) -> Layers:
    """Layers of several networks, one above the other: probes along a new first axis."""
    return tuple(np.stack(layer).astype(float) for layer in zip(*parts, strict=True))
