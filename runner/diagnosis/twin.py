"""The twin: a study file that trains exactly the author's program."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from runner.diagnosis.find import Found
from runner.diagnosis.findings import Finding
from runner.diagnosis.formula import Formula
from runner.diagnosis.functions import Floats
from runner.diagnosis.layouts import Network
from runner.diagnosis.order import Order
from runner.diagnosis.process import Process
from runner.diagnosis.rules import WITH_DECAY, Momentum, Registered, Sgd, shows_constant
from runner.diagnosis.terms import CROSS_ENTROPY, NO_SLOPE
from runner.ops.faults import FAULTS
from runner.results.files import io_errors, write_file
from runner.studies.writer import study_text

UPDATES = 100
DATA = "twin.csv"
_HARD = "hard_"
_BESIDE_EPSILON = "the constant of the loss, which counts beside the optimizer's epsilon"


@dataclass(frozen=True)
class Twin:
    """A study of one run.

    Attributes
    ----------
    keys : mapping
        Of the study, but for `init` and its budget.
    says : str
        Why there is none; "" where there is one.
    trained_biases : bool
    """

    keys: Mapping[str, Any]
    says: str
    trained_biases: bool = True


class _NoTwinError(Exception):
    """What a study can not say."""


def batch_size(found: Found, order: Order | None, keys: Mapping[str, Any]) -> int:
    """Samples of one update: as the author's loop has them, else as he says, else all of them."""
    rows = len(found.asked.program.array("inputs"))
    said = keys.get("batch")
    if found.process is not None and found.process.batch == "one_by_one":
        return 1
    if order is not None and any(order.batches):
        return rows if order.name == "full" else min(max(len(batch.inputs) for batch in order.batches if batch), rows)
    return min(said, rows) if isinstance(said, int) and said > 0 else rows


def with_order_of(twin: Twin, order: Order | None) -> Twin:
    """The twin, with its samples in the author's order."""
    if order is not None and order.name in ("shuffled", "with_replacement"):
        return replace(twin, keys={**twin.keys, "order": order.name})
    if order is not None and order.fault:
        keys = {**twin.keys, "faults": [*twin.keys.get("faults", ()), order.fault]}
        return replace(twin, keys=keys | ({"order": "shuffled"} if order.name == "apart" else {}))
    return twin


def make_twin(found: Found, findings: Sequence[Finding], size: int) -> Twin:
    """The author's training step as keys of a study.

    Parameters
    ----------
    size : int
        Samples of one update.
    """
    assert found.process is not None
    try:
        return Twin(_keys(found, found.process, findings, size), "", _trains_biases(found.process))
    except _NoTwinError as error:
        return Twin({}, str(error))


def _keys(found: Found, process: Process, findings: Sequence[Finding], size: int) -> dict[str, Any]:
    formula, sizes = process.formula, found.asked.sizes
    rows = len(found.asked.program.array("inputs"))
    columns = _columns(sizes)
    keys: dict[str, Any] = {
        "data": {"csv": DATA, "inputs": columns[: sizes[0]], "targets": columns[sizes[0] :]},
        "architecture": "-".join(map(str, sizes)),
        **_activations(formula),
        "batch": "full" if size == rows else size,
    }
    loss, factor = _loss(process, findings, size, sizes[-1], shows_constant(process.rule, found.asked.unit))
    if rows % size and factor not in (1.0, 0.5, float(sizes[-1])):
        raise _NoTwinError("the sum over a batch, where the last batch of an epoch is a smaller one")
    keys["loss"] = loss
    keys |= _optimizer(process)
    # With these the direction of a step is not in its rate.
    factors = [factor / constant for constant in _constants(formula, sizes[-1])]
    rates = [abs(layer.rate) * own for layer, own in zip(formula.layers, factors, strict=True)]
    bias_rates = [abs(layer.bias_rate) * own for layer, own in zip(formula.layers, factors, strict=True)]
    rates = [rate or max(rates) for rate in rates]
    keys["learning_rate"] = _one_or_all(rates)
    keys["bias"] = "trained"
    if found.asked.layout.biases == "single":
        keys["bias"] = "shared"
    elif found.asked.layout.biases == "none":
        keys["bias"] = "none"
    elif not _trains_biases(process):
        keys["bias_learning_rate"] = 0.0
    if _trains_biases(process):
        keys["bias_learning_rate"] = _one_or_all([rate or max(bias_rates) for rate in bias_rates])
        if keys["bias_learning_rate"] == keys["learning_rate"]:
            keys.pop("bias_learning_rate")
    if formula.forward.functions[-1] == "step":
        keys["rule"] = "perceptron"
    groups = [(layer.keep, layer.rate) for layer in formula.layers]
    groups += [(layer.bias_keep, layer.bias_rate) for layer in formula.layers]
    decays = {round((1 - keep) / abs(rate * factor), 9) for keep, rate in groups if rate and keep}
    if decays - {0.0}:
        if len(decays) > 1:
            raise _NoTwinError("some weights shrink and others do not, or by other shares")
        keys["weight_decay"] = float(f"{decays.pop():.9g}")
    faults = [_fault(finding) for finding in findings]
    if faults:
        keys["faults"] = faults
    if found.asked.layout.dtype == "float32":
        keys["precision"] = "float32"
    return keys


def _columns(sizes: Sequence[int]) -> list[str]:
    return [f"x{i + 1}" for i in range(sizes[0])] + [f"t{k + 1}" for k in range(sizes[-1])]


def _activations(formula: Formula) -> dict[str, Any]:
    names = [name.removeprefix(_HARD).replace("falling_sigmoid", "sigmoid") for name in formula.forward.functions]
    for layer, name in zip(formula.layers, formula.forward.functions, strict=True):
        if name == "falling_sigmoid" and not layer.slope.wrong:
            raise _NoTwinError("the runner has no activation 1 / (1 + exp(z)) with its right slope")
    names = ["softmax" if name.startswith("softmax") else name for name in names]
    found: dict[str, Any] = {"output": names[-1]}
    if hidden := names[:-1]:
        found["activation"] = _one_or_all(hidden)
    if any(name.endswith("_twice") for name in names):
        raise _NoTwinError("the runner has no activation that is applied twice")
    return found


def _trains_biases(process: Process) -> bool:
    return any(layer.bias_rate for layer in process.formula.layers)


def _loss(
    process: Process, findings: Sequence[Finding], samples: int, outputs: int, constant_shows: bool
) -> tuple[str, float]:
    """The loss, and what a rate is to be multiplied with: the runner's rate multiplies the loss's own constants.

    Under an optimizer that rescales every gradient, no rate makes up for another constant.
    """
    formula = process.formula
    mean = process.averages
    names = {(finding.fault or "").split("(")[0] for finding in findings}
    if formula.signal.fault in ("scalar_cost", "cost_times_residual", "mean_cost_times_residual"):
        return _loss_with_cost(process, names, samples, outputs)
    residual = formula.layers[-1].slope is NO_SLOPE and "no_output_slope" not in names
    plain = formula.forward.functions[-1]
    crossed = formula.signal is CROSS_ENTROPY or formula.signal.fault == "output_twice"
    rescales = process.rule.rescales
    if (residual or crossed) and (plain.startswith("softmax") or plain == "sigmoid"):
        loss, outputs = ("binary_cross_entropy", outputs) if plain == "sigmoid" else ("cross_entropy", 1)
        if rescales and constant_shows and not (mean and getattr(process.rule, "scale", 1.0) == 1.0 / outputs):
            raise _NoTwinError(_BESIDE_EPSILON)
        return loss, 1.0 if rescales else float(outputs) if mean else float(samples * outputs)
    if isinstance(process.rule, Registered) and process.rule.name != "nesterov":
        known = {(1.0, False): "half_sse", (2.0, False): "sse", (1.0, True): "half_mse", (2.0 / outputs, True): "mse"}
        if (process.rule.scale, mean) not in known:
            if rescales and not constant_shows:
                return "half_mse", 1.0
            raise _NoTwinError(_BESIDE_EPSILON)
        return known[process.rule.scale, mean], 1.0
    constant = _constant(formula, outputs)
    if constant != 1.0:
        known = {(2.0, False): "sse", (1.0 / outputs, True): "binary_cross_entropy", (2.0 / outputs, True): "mse"}
        if (constant, mean) not in known:
            raise _NoTwinError("the constant of the loss, which counts where a formula is not linear in the error")
        return known[constant, mean], 1.0
    if formula.signal.fault == "all_pairs" and formula.signal.loss:
        return ("mse", outputs / 2) if mean else ("half_sse", 1.0 / samples)
    return ("half_mse" if mean else "half_sse"), 1.0


def _constant(formula: Formula, outputs: int) -> float:
    """The constant of the loss, where it stands in the error itself."""
    losses = {layer.slope.loss for layer in formula.layers}
    of_slope = {"sse": 2.0, "mse": 2.0 / outputs, "binary_cross_entropy": 1.0 / outputs}
    return next((of_slope[loss] for loss in sorted(losses) if loss), formula.constant)


def _constants(formula: Formula, outputs: int) -> list[float]:
    """What of each layer's rate is the constant of the loss, as long as none of its terms has it.

    The layers below one that has it in its error have it, too.
    """
    constant = _constant(formula, outputs)
    found: list[float] = []
    within = formula.constant != 1.0
    for layer in reversed(formula.layers):
        within = within or bool(layer.slope.loss)
        found.insert(0, 1.0 if within else constant)
    return found


def _loss_with_cost(process: Process, names: set[str], samples: int, outputs: int) -> tuple[str, float]:
    """Where the cost itself stands in the error: the loss, and the ratio of our coefficient to the runner's."""
    signal, n = process.formula.signal, float(samples)
    crossed = "cross_entropy" in signal.loss
    softmax = process.formula.forward.functions[-1].startswith("softmax")
    if crossed:
        loss = "cross_entropy" if softmax else "binary_cross_entropy"
        share, residual = 1 / (n if softmax else n * outputs), 1.0
    else:
        loss = "mse" if process.averages else "sse"
        share, residual = 1 / (n * outputs) if process.averages else 1.0, 2.0
    theirs = share if "scalar_cost" in names else residual * share**2
    theirs /= n if "mean_cost_times_residual" in names else 1.0
    divided = int(process.averages)
    if signal.fault == "mean_cost_times_residual":
        divided += 1 if signal.loss in ("sse", "cross_entropy") else 2
    return loss, n**-divided / theirs


def _optimizer(process: Process) -> dict[str, Any]:
    decays = any(layer.keep not in (0.0, 1.0) for layer in process.formula.layers)
    match process.rule:
        case Sgd():
            return {}
        case Momentum(momentum=0):
            return {}
        case Momentum(momentum=m, dampening=dampening) if process.remembered_decay:
            return {"optimizer": "momentum", "momentum": abs(m)} | ({"dampening": dampening} if dampening else {})
        case Registered(name=name, settings=settings) if process.remembered_decay or not decays:
            return {"optimizer": name, **dict(settings)}
        case Registered(name=name, settings=settings) if name in WITH_DECAY:
            return {"optimizer": WITH_DECAY[name], **dict(settings)}
    raise _NoTwinError("the runner has no such optimizer")


def _one_or_all(of_layers: Sequence[Any]) -> Any:
    return of_layers[0] if len(set(of_layers)) == 1 else list(of_layers)


def _fault(finding: Finding) -> str:
    name = finding.fault
    if name is None or not finding.exact or name.split("(")[0] not in set(FAULTS):
        raise _NoTwinError(f"a study can not say: {finding.says}")
    # Said of its layer alone, where it has one: two slopes of two layers do not exclude each other then.
    if finding.layer is not None and FAULTS[name.split("(")[0]].by_layer and "layer=" not in name:
        return f"{name[:-1]}, layer={finding.layer})" if name.endswith(")") else f"{name}(layer={finding.layer})"
    return name


def flat(network: Network, bias: Any) -> list[float]:
    """Weights as `init` takes them: layer by layer W row by row, then the biases that are trained."""
    numbers: list[float] = []
    for W, b in zip(*network, strict=True):
        numbers += np.ravel(W).tolist()
        numbers += {"trained": b.tolist(), "shared": b[:1].tolist()}.get(bias, [])
    return numbers


def write_data(folder: Path, sizes: Sequence[int], inputs: Floats, targets: Floats) -> None:
    """The author's samples, as columns of a CSV file."""
    with io_errors(folder / DATA), (folder / DATA).open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(_columns(sizes))
        writer.writerows([[repr(float(v)) for v in row] for row in np.hstack([inputs, targets])])


def study_name(program: Path, what: str) -> str:
    """The name of a study that is made from a program: that of its file, as a study may have it, and what it is."""
    return f"{re.sub('[^A-Za-z0-9_.-]', '_', program.stem).lstrip('.-')[:80]}_{what}"


def write_study(path: Path, content: Mapping[str, Any]) -> None:
    """A study file, its keys in the order in which they are given."""
    write_file(path, study_text(content).encode())
