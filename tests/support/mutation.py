"""Random pairs of faults in random networks, and whether a diagnosis names them.

Everything is drawn from one seed, so that a measurement can be repeated. Whether two faults can stand together in a
network is for the study's own checks to say. A diagnosis that names other faults than those of the pair is held against
it by training: `same_updates` restates the study that it makes of the program in plain NumPy.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from runner.diagnosis.diagnose import likeliest, told
from runner.diagnosis.result import Diagnosis
from runner.diagnosis.twin import make_twin
from runner.keys.faults import FAULT_LIST
from runner.keys.issues import Invalid
from runner.ops.faults import FAULTS, arguments_of, layer_of, of_layer
from runner.registry import Call
from runner.studies.checks import CHECKS
from support import authors, mistakes

# Which samples come next is no matter of one update.
OF_LOOPS = {"epoch_slice", "until_right", "first_batch", "inputs_shuffled_apart"}
SLOPES = ("tanh", "sigmoid", "relu", "softplus")
HIDDEN = ("sigmoid", "sigmoid", "tanh", "relu", "leaky_relu", "softplus", "softsign")
OUTPUTS = ("sigmoid", "sigmoid", "tanh", "identity", "softmax")
LOSSES = ("half_sse", "sse", "half_mse", "mse")


@dataclass(frozen=True)
class Judged:
    """What a diagnosis of a pair is worth.

    Attributes
    ----------
    kind : str
        `exact`: the faults of the pair and no other; `same`: others, with which every update is the same, and not more
        of them; `not known`: some term is said not to be known, and what is named is of the pair; `wrong`: anything
        else.
    named : tuple of str
    """

    kind: str
    named: tuple[str, ...]


def pairs(n: int, seed: int = 0) -> Iterator[Any]:
    """Cells with two faults each, of random shapes."""
    rng = random.Random(seed)
    while n:
        cell = _draw(rng)
        if cell is not None:
            n -= 1
            yield cell


def _draw(rng: random.Random) -> Any | None:
    names = [name for name in FAULTS if name not in OF_LOOPS]
    layers = rng.choice((1, 2, 2, 2, 3, 3))
    sizes = (*(rng.randint(2, 5) for _ in range(layers)), rng.randint(1, 4))
    if rng.random() < 0.3:
        sizes = (rng.randint(2, 4),) * (layers + 1)
    faults = [_fault(rng, rng.choice(names), layers) for _ in range(2)]
    if faults[0].name == faults[1].name or "biases_not_trained" in {str(fault) for fault in faults}:
        # Biases that never move in any layer are a setting (`bias`).
        return None
    optimizer = "momentum" if any(FAULTS[fault.name].optimizer for fault in faults) else "sgd"
    output = rng.choice(OUTPUTS)
    fused = {"sigmoid": "binary_cross_entropy", "softmax": "cross_entropy"}
    loss = fused[output] if output in fused and rng.random() < 0.5 else rng.choice(LOSSES)
    keys = {"activation": rng.choice(HIDDEN), "output": output, "loss": loss, "optimizer": optimizer}
    cell = authors.cell(sizes, faults, **keys)
    return cell if _possible(cell) else None


def _fault(rng: random.Random, name: str, layers: int) -> Call:
    record = FAULTS[name]
    arguments: list[Any] = []
    if record.parameters == ("activation",):
        arguments = [rng.choice(SLOPES)]
    elif record.parameters:
        arguments = [rng.randint(3, 6)]
    possible = record.layers(None, layers)
    single = record.by_layer and possible and rng.random() < 0.5
    return of_layer(name, arguments, rng.choice(possible) if single else None)


def _possible(cell: Any) -> bool:
    try:
        FAULT_LIST.read([written(fault) for fault in cell.faults])
    except Invalid:
        return False
    usual = {"order": "sequential", "rule": "backprop", "init": "normal(0, 1)", "criterion": (), "stop": "budget"}
    usual |= {"learning_rate_schedule": Call("constant")}
    for check in CHECKS:
        values = [check.reduced(key, usual.get(key, getattr(cell, key, None))) for key in check.keys]
        if check.message(*values):
            return False
    return True


def written(fault: Call) -> str:
    """A fault as a study has it."""
    return f"{fault.name}({', '.join(map(str, fault.args))})" if fault.args else fault.name


def diagnosed(cell: Any) -> Diagnosis:
    """What is found in a network with the faults of a cell."""
    author: Any = authors.mistaken(cell)
    return told(Path("author.py"), likeliest(author, cell.architecture, author.keys), author.keys)


def judged(cell: Any, found: Diagnosis) -> Judged:
    """Whether a diagnosis is right."""
    named = tuple(finding.fault or f"no name: {finding.is_}" for finding in found.findings)
    layers = len(cell.architecture) - 1
    true = _places(cell.faults, layers, cell)
    places = _places([_call(finding.fault) for finding in found.findings if finding.fault], layers, cell)
    nameless = any(finding.fault is None for finding in found.findings)
    if found.unknown:
        return Judged("wrong" if nameless or not places <= true else "not known", named)
    if places == true and not nameless:
        return Judged("exact", named)
    same = len(named) <= len(cell.faults) and same_updates(cell, found)
    return Judged("same" if same else "wrong", named)


def _call(name: str) -> Call:
    return next(iter(FAULT_LIST.read([name])))


def _places(faults: Collection[Call], layers: int, cell: Any) -> set[tuple[str, tuple[Any, ...], int]]:
    """Every layer in which a fault stands; where the loss has the slope of the outputs in itself, no other is there."""
    fused = cell.output == "softmax" or cell.loss in ("binary_cross_entropy", "cross_entropy")
    return {
        (fault.name, arguments_of(fault), at)
        for fault in faults
        for at in FAULTS[fault.name].layers(layer_of(fault), layers)
        if at < layers or not fused or FAULTS[fault.name].replaces != "slope"
    }


def same_updates(cell: Any, found: Diagnosis, calls: int = 4) -> bool:
    """Whether the study that a diagnosis makes of a program trains the same weights, of one and of several samples."""
    assert found.found is not None
    rng, sizes = np.random.default_rng(11), cell.architecture
    n = sum((i + 1) * o for i, o in pairwise(sizes))
    for samples in (1, 1, 1, len(found.found.asked.program.array("inputs"))):
        twin = make_twin(found.found, found.findings, samples)
        if twin.says:
            return False
        start = rng.uniform(0.2, 1.2, n) * rng.choice((-1, 1), n)
        one, two = mistakes.Program(cell, start), mistakes.Program(_restated(cell, twin.keys), start)
        for _ in range(calls):
            x, t = rng.uniform(-1.5, 1.5, (samples, sizes[0])), rng.uniform(0.1, 0.9, (samples, sizes[-1]))
            for program in (one, two):
                program.cell.data_set = SimpleNamespace(inputs=x, targets=t)
                with np.errstate(all="ignore"):
                    (mistakes._weight_by_weight if program.has("bias_per_weight") else mistakes.Program.learn)(
                        program, x, t
                    )
            for p, q in zip((*one.W, *one.b), (*two.W, *two.b), strict=True):
                if not np.allclose(p, q, rtol=1e-10, atol=1e-11, equal_nan=True):
                    return False
    return True


def _restated(cell: Any, keys: Mapping[str, Any]) -> Any:
    """The cell of a twin."""
    settings = {"momentum": 0.0, "dampening": 0.0} | {k: keys[k] for k in ("momentum", "dampening") if k in keys}
    faults = tuple(FAULT_LIST.read(list(keys.get("faults", ()))))
    plain = {k: v for k, v in keys.items() if hasattr(cell, k)} | {"faults": faults, "architecture": cell.architecture}
    if keys.get("rule") == "perceptron":
        plain["faults"] = (*faults, Call("no_output_slope"))
    usual = {"activation": "identity", "optimizer": "sgd", "weight_decay": 0.0}
    usual["bias_learning_rate"] = keys["learning_rate"]
    return SimpleNamespace(**{**vars(cell), **usual, **plain, "setting": settings.__getitem__})
