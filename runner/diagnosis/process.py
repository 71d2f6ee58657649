"""A whole training step: the formula of an update, how samples are put together, and what is remembered."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from runner.diagnosis.formula import Formula, gradient
from runner.diagnosis.forward import Layers, rounded
from runner.diagnosis.functions import Floats
from runner.diagnosis.rules import Rule, Sgd
from runner.diagnosis.terms import right

Samples = tuple[Floats, Floats]
Pair = tuple[Layers, Layers]

# How the samples of one call become updates, and what divides their sum.
BATCHES = {
    "sum": "their gradients are summed",
    "mean": "their gradients are averaged",
    "mean_loss": "its loss is the mean over them",
    "mean_of_weights": "their gradients are averaged for the weights, and summed for the biases",
    "mean_of_biases": "their gradients are averaged for the biases, and summed for the weights",
    "one_by_one": "it makes an update for every one of them, one after the other",
    "first": "it uses the first of its samples only",
    "last": "it uses the last of its samples only",
    "backwards": "it makes an update for every one of them, from the last to the first",
    "weight_by_weight": "every weight is updated in a pass of its own, its unit's bias with each of them",
}


@dataclass(frozen=True)
class Process:
    """A training step.

    Attributes
    ----------
    formula : Formula
    batch : str
        One of BATCHES.
    rule : Rule
        What becomes of a gradient, with what it remembers.
    remembered_decay : bool
        Whether weight decay is a part of the gradient that the rule is given; otherwise weights shrink beside it.
    """

    formula: Formula
    batch: str = "sum"
    rule: Rule = field(default_factory=Sgd)
    remembered_decay: bool = True

    @property
    def averages(self) -> bool:
        """Whether an update is that of the mean over the samples of a call."""
        return self.batch in ("mean", "mean_loss")


@dataclass(eq=False)
class State:
    """Where a training is: weights of several networks, what its rule remembers, and the updates made so far."""

    W: Layers
    b: Layers
    memory: list[Any]
    activations: Layers = ()
    made: int = 0

    @classmethod
    def begin(cls, W: Layers, b: Layers) -> State:
        """Before the first update."""
        return cls(W, b, [None] * (2 * len(W)))


def simulate(process: Process, W: Layers, b: Layers, calls: Iterable[Samples]) -> Iterator[Pair]:
    """Weights and biases after every call, of several networks at once.

    Parameters
    ----------
    W, b : tuples of array (probes, ...)
    calls : iterable of (x, t), arrays (probes, samples, units)
    """
    state = State.begin(W, b)
    with np.errstate(all="ignore"):
        for x, t in calls:
            call(process, state, x, t)
            yield state.W, state.b


def call(process: Process, state: State, x: Floats, t: Floats) -> None:
    """One call of a program's update: the state moves on."""
    n = x.shape[1]
    match process.batch:
        case "one_by_one" | "backwards":
            for i in range(n) if process.batch == "one_by_one" else reversed(range(n)):
                _update(process, state, x[:, i : i + 1], t[:, i : i + 1])
        case "first":
            _update(process, state, x[:, :1], t[:, :1])
        case "last":
            _update(process, state, x[:, -1:], t[:, -1:])
        case "weight_by_weight":
            _weight_by_weight(process, state, x, t)
        case _:
            _update(process, state, x, t)


def shares(process: Process, samples: int) -> tuple[float, float, float]:
    """Factors of the error signal, and of the gradients of weights and of biases, in an update of so many samples."""
    each = 1.0 / samples
    return {
        "mean": (1.0, each, each),
        "mean_loss": (each, 1.0, 1.0),
        "mean_of_weights": (1.0, each, 1.0),
        "mean_of_biases": (1.0, 1.0, each),
    }.get(process.batch, (1.0, 1.0, 1.0))


def _update(process: Process, state: State, x: Floats, t: Floats) -> None:
    of_loss, of_weights, of_biases = shares(process, x.shape[1])
    formula = process.formula
    state.made += 1
    moved: dict[int, Floats] = {}

    def move(k: int, g: Floats) -> Floats:
        """Weights of a layer after this update."""
        layer = formula.layers[k]
        new = _moved(process, state, 2 * k, state.W[k], of_weights * g, layer.rate, layer.keep)
        moved[k] = rounded(new, formula.round_weights, k)
        return moved[k]

    g = gradient(formula, state.W, state.b, x, t, move, state.activations, of_loss)
    b = []
    for k, layer in enumerate(formula.layers):
        if k not in moved:
            move(k, g.weights[k])
        new = _moved(process, state, 2 * k + 1, state.b[k], of_biases * g.biases[k], layer.bias_rate, layer.bias_keep)
        b.append(rounded(new, formula.round_weights, k))
    if formula.forward.carries:
        state.activations = g.passed.a
    state.W, state.b = tuple(moved[k] for k in range(len(moved))), tuple(b)


def _moved(process: Process, state: State, place: int, w: Floats, g: Floats, rate: float, keep: float) -> Floats:
    """A group of weights after an update with this gradient."""
    if not rate:
        return w
    if process.remembered_decay and keep not in (0.0, 1.0):
        g, keep = g + (1 - keep) / rate * w, 1.0
    return np.asarray(keep * w - rate * process.rule.advance(state.memory, place, g, state.made, rate))


def _weight_by_weight(process: Process, state: State, x: Floats, t: Floats) -> None:
    """One layer: a pass for every weight, which moves it and the bias of its unit, or the one bias of all."""
    layer = process.formula.layers[0]
    shared = layer.bias_step.wrong
    own = replace(process.formula, layers=(replace(layer, bias_step=right("bias_step")),))
    for unit in range(state.W[0].shape[1]):
        for i in range(state.W[0].shape[2]):
            g = gradient(own, state.W, state.b, x, t)
            W, b = state.W[0].copy(), state.b[0].copy()
            W[:, unit, i] -= layer.rate * g.weights[0][:, unit, i]
            b[:, slice(None) if shared else slice(unit, unit + 1)] -= layer.bias_rate * g.biases[0][:, unit, None]
            state.W, state.b = (W,), (b,)


def agreement(found: Sequence[Pair], states: Sequence[Pair]) -> list[float]:
    """Largest difference of any weight after each call; infinite where one of two is not a number and the other is."""
    differences = []
    for one, other in zip(found, states, strict=True):
        largest = 0.0
        for p, q in zip((*one[0], *one[1]), (*other[0], *other[1]), strict=True):
            both = np.isnan(p) & np.isnan(q) | (p == q)
            with np.errstate(all="ignore"):
                off = np.where(both, 0.0, np.abs(p - q))
            largest = max(largest, float(np.where(np.isnan(off), np.inf, off).max(initial=0.0)))
        differences.append(largest)
    return differences
