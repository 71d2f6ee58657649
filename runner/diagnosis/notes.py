"""What is no mistake and worth knowing: settings, conventions, and right things that are often accused."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from runner.diagnosis.candidates import FUSED
from runner.diagnosis.constants import constant
from runner.diagnosis.find import Found
from runner.diagnosis.match import close
from runner.diagnosis.process import BATCHES, Process
from runner.diagnosis.rules import Momentum, Sgd, describe
from runner.diagnosis.terms import NO_SLOPE

_RIGHT_SLOPES = {
    "sigmoid": "your a(1 - a) is right: a is the activation already",
    "tanh": "your 1 - a^2 is right: a is the activation already",
}


def notes(found: Found, keys: Mapping[str, Any]) -> list[str]:
    """Sentences without a full stop, in the order of an update."""
    told = list(_layout(found))
    for other in dict.fromkeys(found.identified.same):
        told.append(f"on this network the same formula has another name as well: {other}")
    if found.process is not None:
        told += [*_right(found.process), *_loss(found.process), *_constants(found, found.process, keys)]
        told += _biases(found, found.process)
    told += _data(found, keys)
    if 2 in found.asked.sizes[1:-1]:
        told.append("with two hidden units a right program does not learn XOR and its like from all initial weights")
    return told


def _layout(found: Found) -> Iterator[str]:
    layout = found.asked.layout
    if layout.transposed:
        yield "weights are (fan_in, fan_out): transposed to what the runner has, which is no mistake"
    if layout.biases in ("first", "last"):
        yield f"biases are the weights of an extra input, the {layout.biases} column of the weights"
    if layout.sign < 0:
        yield "biases are thresholds: they are subtracted from the weighted sum"
    if layout.dtype == "float32":
        yield "arithmetic is in float32: a match is one to 7 digits"


def _right(process: Process) -> Iterator[str]:
    """Slopes that are right, as they are accused most often."""
    names = {
        name
        for name, layer in zip(process.formula.forward.functions, process.formula.layers, strict=True)
        if not layer.slope.wrong
    }
    for name in sorted(names & _RIGHT_SLOPES.keys()):
        yield _RIGHT_SLOPES[name]


def _loss(process: Process) -> Iterator[str]:
    formula = process.formula
    last, top = formula.forward.functions[-1], formula.layers[-1]
    if top.slope is NO_SLOPE and not formula.signal.wrong and last in FUSED and not formula.forward.outside:
        if last == "step":
            yield "outputs are thresholds and the residual moves the weights: the perceptron rule"
        else:
            yield "the residual is the error of the outputs without a slope: right for the cross-entropy alone"
    for layer, name in enumerate(formula.forward.functions, start=1):
        if name == "falling_sigmoid" and not formula.layers[layer - 1].slope.wrong:
            yield f"layer {layer} has 1 / (1 + exp(z)) and its right slope -a(1 - a): it is 1 minus the sigmoid"


def _constants(found: Found, process: Process, keys: Mapping[str, Any]) -> Iterator[str]:
    asked = found.asked
    rate = float(np.ravel(np.asarray(keys["learning_rate"], float))[0])
    layers = process.formula.layers
    texts = {
        constant(value, rate, asked.sizes, asked.unit, len(keys["inputs"])).text
        for layer in layers
        for value in (layer.rate, layer.bias_rate)
        if value
    }
    for text in sorted(texts - {""}):
        if text == "?":
            shown = ", ".join(f"{layer.rate:g}" for layer in layers)
            yield f"steps are {shown} times the gradient of a sample: no simple multiple of the learning rate {rate:g}"
        elif text == "2":
            yield "the step is 2 times the learning rate: the 2 of (y - t)^2, as with loss: sse"
        elif text.endswith(" alone"):
            yield f"some steps are {text.removesuffix(' alone')} times the gradient, without the learning rate"
        else:
            yield f"the step is {text} times the learning rate"
    for number, layer in enumerate(layers, start=1):
        if layer.rate and layer.bias_rate and not close(abs(layer.rate), abs(layer.bias_rate)):
            ratio = abs(layer.bias_rate / layer.rate)
            yield f"biases of layer {number} move {ratio:g} times as fast as its weights (bias_learning_rate)"
        if layer.keep not in (0.0, 1.0):
            yield f"weights of layer {number} shrink by {1 - layer.keep:g} of themselves in every update (weight_decay)"
    if found.batches_seen:
        yield f"when update is given several samples, {BATCHES[process.batch]}"
    ordinary = not isinstance(process.rule, Momentum) or process.rule.momentum > 0
    if ordinary and not isinstance(process.rule, Sgd):
        yield f"the optimizer is {describe(process.rule, not process.remembered_decay)}"


def _biases(found: Found, process: Process) -> Iterator[str]:
    if found.asked.layout.biases == "none":
        yield "there are no biases (bias: none)"
    elif not any(layer.bias_rate for layer in process.formula.layers):
        yield "biases are never moved: they stay as they begin"
    if found.asked.layout.biases == "single":
        yield "all units of a layer share one bias (bias: shared)"


def _data(found: Found, keys: Mapping[str, Any]) -> Iterator[str]:
    targets = np.asarray(keys["targets"], float)
    process = found.process
    last = process.formula.forward.functions[-1] if process is not None else keys.get("output", "")
    low, high = {"sigmoid": (0.0, 1.0), "softmax": (0.0, 1.0), "tanh": (-1.0, 1.0)}.get(str(last), (-np.inf, np.inf))
    if targets.size and (np.nanmin(targets) < low or np.nanmax(targets) > high):
        yield f"targets lie outside of what the outputs can be: {last} gives {low:g} to {high:g}"
    if targets.size and not np.isfinite(targets).all():
        yield "some targets are not numbers"
    inputs = np.asarray(keys["inputs"], float)
    if inputs.size and not np.isfinite(inputs).all():
        yield "some inputs are not numbers: one is enough to make every weight one"
