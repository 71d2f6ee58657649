"""What is no mistake and worth knowing: settings, conventions, and right things that are often accused."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from runner.diagnosis.candidates import FUSED
from runner.diagnosis.constants import constant
from runner.diagnosis.find import Found
from runner.diagnosis.layouts import Network
from runner.diagnosis.match import close
from runner.diagnosis.process import BATCHES, Process
from runner.diagnosis.rules import Momentum, Sgd, describe, shows_constant
from runner.diagnosis.terms import CROSS_ENTROPY, CROSSED, NO_SLOPE
from runner.diagnosis.twin import UPDATES
from runner.diagnosis.wrong import is_fused
from runner.terminal import listed

_RIGHT_SLOPES = {
    "sigmoid": "your a(1 - a) is right: a is the activation already",
    "tanh": "your 1 - a^2 is right: a is the activation already",
}


def notes(found: Found, keys: Mapping[str, Any], mistakes: bool = False) -> list[str]:
    """Sentences without a full stop, in the order of an update.

    Parameters
    ----------
    found : Found
    keys : mapping
        What the author's file says.
    mistakes : bool
        Whether there are any.
    """
    told = list(_layout(found))
    for other in dict.fromkeys(found.identified.same):
        told.append(f"on this network the same formula has another name as well: {other}")
    if found.process is not None:
        told += [*_right(found.process), *_loss(found.process), *_rates(found, found.process, keys)]
        told += [*_loss_of(found, found.process, keys, mistakes), *_constants(found, found.process)]
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


def _loss_of(found: Found, process: Process, keys: Mapping[str, Any], mistakes: bool) -> Iterator[str]:
    """Of which loss the gradient is, and whether it is summed or averaged over samples."""
    formula, outputs = process.formula, found.asked.sizes[-1]
    texts = _texts(found, process, keys)
    if formula.signal.wrong or formula.forward.functions[-1] == "step" or process.batch not in _REDUCED:
        if found.batches_seen:
            yield f"when update is given several samples, {BATCHES[process.batch]}"
        return
    believed = keys.get("loss")
    residual = formula.layers[-1].slope is NO_SLOPE and is_fused(process, believed)
    crossed = residual or formula.signal in (CROSS_ENTROPY, CROSSED)
    # A factor of the step that is none of the loss's own constants may be anything.
    text = next(iter(texts)) if len(texts) == 1 else ""
    known = {"2": (2.0, False), "1 / samples": (1.0, True), "2 / samples": (2.0, True)}
    factor, divided = known.get(text, (1.0, False))
    if text in ("2 / outputs", "1 / outputs"):
        factor = float(text[0]) / outputs
    # Under an optimizer that rescales, the constant is not in the rate.
    factor *= getattr(process.rule, "scale", 1.0)
    name = "the cross-entropy" if crossed else "the squared error" if factor == 2 else "half the squared error"
    but = "but for its mistakes, " if mistakes else ""
    if not shows_constant(process.rule, found.asked.unit):
        if not found.batch_known:
            return
        name = "the cross-entropy" if crossed else "the squared error"
        optimizer = describe(process.rule).split(" (")[0]
        yield f"{but}your gradient is that of {name}, but for a constant factor, which does not show under {optimizer}"
        return
    how = _REDUCED[process.batch]
    if divided:
        how = f"summed and divided by {len(keys['inputs'])}, the number of your samples"
    mean = process.averages or divided
    key = _LOSSES.get((factor, mean)) or ("mse" if mean and factor == 2 / outputs else "")
    if key == "mse" and outputs > 1 and not crossed:
        name, how = "the squared error", f"{how} and over the outputs"
    if crossed:
        key = "cross_entropy" if formula.forward.functions[-1].startswith("softmax") else "binary_cross_entropy"
    told = f"{but}your gradient is that of {name}"
    told += f", {how}" if found.batches_seen else ""
    if believed and crossed != (believed in ("cross_entropy", "binary_cross_entropy")):
        yield f"{told}, and not that of the {believed} of your file"
    elif crossed and not mean:
        yield f"{told}: in a study, loss: {key} is the mean over the samples"
    else:
        yield f"{told}{f' (loss: {key})' if key else ''}"


# How the samples of a call are put together, said of a loss.
_REDUCED = {
    "sum": "summed over the samples of a call",
    "mean": "averaged over the samples of a call",
    "mean_loss": "averaged over the samples of a call",
    "one_by_one": "with an update for every sample of a call, one after the other",
    "backwards": "with an update for every sample of a call, from the last to the first",
}
_LOSSES = {(1.0, False): "half_sse", (2.0, False): "sse", (1.0, True): "half_mse"}


def _texts(found: Found, process: Process, keys: Mapping[str, Any]) -> dict[str, list[tuple[str, float]]]:
    """What the groups of weights move at, beside the learning rate: the groups of each, with their rates."""
    asked, rate = found.asked, _learning_rate(keys)
    texts: dict[str, list[tuple[str, float]]] = {}
    for number, layer in enumerate(process.formula.layers, start=1):
        for group, value in (("weights", layer.rate), ("biases", layer.bias_rate)):
            if value:
                text = constant(value, rate, asked.sizes, asked.unit, len(keys["inputs"])).text
                texts.setdefault(text, []).append((f"{group} of layer {number}", abs(value)))
    return texts


def _learning_rate(keys: Mapping[str, Any]) -> float:
    return float(np.ravel(np.asarray(keys["learning_rate"], float))[0])


def _rates(found: Found, process: Process, keys: Mapping[str, Any]) -> Iterator[str]:
    """The rate at which weights move, where it is not the one that the file says."""
    texts, rate = _texts(found, process, keys), _learning_rate(keys)
    for text, groups in sorted(texts.items()):
        if not text or text.endswith("/ samples"):
            continue
        if text == "2":
            yield "the step is 2 times the learning rate: the 2 of (y - t)^2, as with loss: sse"
            continue
        if text == "2 / outputs" and process.averages:
            continue
        values = listed([f"{value:g}" for value in dict.fromkeys(value for _, value in groups)])
        whose = "your learning rate"
        if len(texts) > 1:
            whose = f"the learning rate of the {listed([name for name, _ in groups])}"
        if text == "?" or text == "1 alone":
            reason = ""
        elif text.endswith(" alone"):
            reason = f", {text.removesuffix(' alone')}"
        elif "times the learning rate" in text:
            reason = ", as it is a factor of the step twice"
        else:
            reason = f", as the step is {text} times the learning rate"
        yield f"{whose} is {values}{reason}, and not the {rate:g} of your file"


def _constants(found: Found, process: Process) -> Iterator[str]:
    layers = process.formula.layers
    for number, layer in enumerate(layers, start=1):
        if layer.rate and layer.bias_rate and not close(abs(layer.rate), abs(layer.bias_rate)):
            ratio = abs(layer.bias_rate / layer.rate)
            yield f"biases of layer {number} move {ratio:g} times as fast as its weights (bias_learning_rate)"
        if layer.keep not in (0.0, 1.0):
            yield f"weights of layer {number} shrink by {1 - layer.keep:g} of themselves in every update (weight_decay)"
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


def alike_units(start: Network, end: Network) -> Iterator[str]:
    """Hidden layers all of whose units have the same weights, at the start of a training and at its end.

    Units that begin alike have the same gradient, and no update can tell them apart.
    """
    layers = len(start[0]) - 1
    for k in range(layers):
        units = start[0][k].shape[0]
        if units > 1 and all(_alike(network, k) for network in (start, end)):
            where = f" of layer {k + 1}" if layers > 1 else ""
            yield (
                f"all {units} hidden units{where} begin with the same weights, and so they still have the same ones "
                f"after {UPDATES} updates: together they do no more than one unit can. Draw every weight at random"
            )


def _alike(network: Network, k: int) -> bool:
    """Whether all units of a layer have the same weights, to rounding: those of their inputs, and those above them."""
    W, b = network
    parts = (W[k], b[k], W[k + 1].T)
    return all(np.allclose(part, part[0], rtol=1e-6, atol=1e-9) for part in parts)


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
