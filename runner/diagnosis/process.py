"""A whole training step: the formula of an update, how samples are put together, and what is remembered."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from runner.diagnosis.formula import Formula, Gradient, gradient, step
from runner.diagnosis.forward import Layers
from runner.diagnosis.functions import Floats
from runner.diagnosis.rules import Rule, Sgd
from runner.diagnosis.terms import right

Samples = tuple[Floats, Floats]
Pair = tuple[Layers, Layers]

# How the samples of one call become updates, and what divides their sum.
BATCHES = {
    "sum": "their gradients are summed",
    "mean": "their gradients are averaged",
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
    """

    formula: Formula
    batch: str = "sum"
    rule: Rule = field(default_factory=Sgd)


@dataclass(eq=False)
class _State:
    W: Layers
    b: Layers
    memory: list[object]
    activations: Layers = ()
    made: int = 0


def simulate(process: Process, W: Layers, b: Layers, calls: Iterable[Samples]) -> Iterator[Pair]:
    """Weights and biases after every call, of several networks at once.

    Parameters
    ----------
    W, b : tuples of array (probes, ...)
    calls : iterable of (x, t), arrays (probes, samples, units)
    """
    state = _State(W, b, [None] * (2 * len(W)))
    with np.errstate(all="ignore"):
        for x, t in calls:
            _call(process, state, x, t)
            yield state.W, state.b


def _call(process: Process, state: _State, x: Floats, t: Floats) -> None:
    n = x.shape[1]
    match process.batch:
        case "one_by_one" | "backwards":
            for i in range(n) if process.batch == "one_by_one" else reversed(range(n)):
                _update(process, state, x[:, i : i + 1], t[:, i : i + 1], 1.0)
        case "first":
            _update(process, state, x[:, :1], t[:, :1], 1.0)
        case "last":
            _update(process, state, x[:, -1:], t[:, -1:], 1.0)
        case "weight_by_weight":
            _weight_by_weight(process, state, x, t)
        case _:
            _update(process, state, x, t, 1.0 / n if process.batch == "mean" else 1.0)


def _update(process: Process, state: _State, x: Floats, t: Floats, scale: float) -> None:
    g = gradient(process.formula, state.W, state.b, x, t, scale, state.activations)
    if process.formula.forward.carries:
        state.activations = g.passed.a
    if not isinstance(process.rule, Sgd):
        state.made += 1
        g = Gradient(
            tuple(
                process.rule.advance(state.memory, 2 * k, scale * part, state.made, 0)
                for k, part in enumerate(g.weights)
            ),
            tuple(
                process.rule.advance(state.memory, 2 * k + 1, scale * part, state.made, 1)
                for k, part in enumerate(g.biases)
            ),
            g.passed,
        )
        scale = 1.0
    state.W, state.b = step(process.formula, state.W, state.b, g, scale)


def _weight_by_weight(process: Process, state: _State, x: Floats, t: Floats) -> None:
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
