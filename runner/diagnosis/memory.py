"""What an update remembers of the one before: momentum and its sign, gradients never zeroed, sums kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from runner.diagnosis.formula import gradient, stacked
from runner.diagnosis.forward import Layers
from runner.diagnosis.functions import Floats
from runner.diagnosis.match import OPERATIONS, STORED
from runner.diagnosis.probes import Asked, Call
from runner.diagnosis.process import Pair, Process, agreement, simulate
from runner.diagnosis.rules import Momentum, Nesterov, Rule, Sgd

CALLS, STARTS = 5, 4


@dataclass(frozen=True, eq=False)
class Runs:
    """Sequences of calls, several networks at once: the states before and after every call."""

    states: tuple[Pair, ...]
    calls: tuple[tuple[Floats, Floats], ...]

    def agrees(self, process: Process, unit: float) -> bool:
        """Whether a process gives the same weights after every call, to rounding."""
        return matches(process, self, unit)


def together(calls: Sequence[Call]) -> Runs:
    """Calls of several starts as one."""
    n = len(calls[0].samples)
    states: list[Pair] = []
    for i in range(n + 1):
        networks = [call.start if i == 0 else call.states[i - 1] for call in calls]
        states.append((stacked([w for w, _ in networks]), stacked([b for _, b in networks])))
    samples = [
        (np.stack([call.samples[i][0] for call in calls]), np.stack([call.samples[i][1] for call in calls]))
        for i in range(n)
    ]
    return Runs(tuple(states), tuple(samples))


def matches(process: Process, runs: Runs, unit: float) -> bool:
    """Whether a process gives these states; each call adds the rounding of one update."""
    found = list(simulate(process, *runs.states[0], runs.calls))
    off = agreement(found, runs.states[1:])
    sizes = [max(float(np.abs(part).max(initial=0.0)) for part in (*W, *b)) for W, b in runs.states[1:]]
    # An error made in one call is carried by the next ones, which have steps of the size of the weights at most.
    return all(
        o <= unit * (STORED + OPERATIONS) * (i + 1) * max(s, 1.0)
        for i, (o, s) in enumerate(zip(off, sizes, strict=True))
    )


def sequences(asked: Asked, seed: int = 2) -> Runs:
    """What the program makes of several calls, one sample each."""
    rng = np.random.default_rng(seed)
    plans = [(asked.network(rng), [asked.single(rng) for _ in range(CALLS)]) for _ in range(STARTS)]
    return together(asked.updates(plans))


def find_rule(process: Process, runs: Runs, unit: float) -> Process | None:
    """The process with what it remembers; None where that is not known."""
    if matches(process, runs, unit):
        return process
    if isinstance(process.rule, Momentum) and process.rule.late:
        return next((found for found in _late(process, runs) if matches(found, runs, unit)), None)
    if not isinstance(process.rule, Sgd):
        return None
    carrying = replace(
        process, formula=replace(process.formula, forward=replace(process.formula.forward, carries=True))
    )
    if matches(carrying, runs, unit):
        return carrying
    for candidate in _momenta(process, runs):
        if matches(candidate, runs, unit):
            return candidate
    return None


def _momenta(process: Process, runs: Runs) -> list[Process]:
    """Processes with the momentum that fits the second call."""
    steps = [_steps(process, runs, i) for i in (0, 1)]
    of_weights = _fitted(steps, 0)
    of_biases = _fitted(steps, 1)
    of_weights = of_weights or of_biases
    if of_weights is None:
        return []
    # The step of the second call is alpha g + beta times the gradient of the first, in units of the first step's rate.
    alpha, beta = of_weights
    bias_beta = of_biases[1] if of_biases is not None else beta
    short, bias_short = _short(beta), _short(bias_beta)
    found = [replace(process, rule=Momentum(short, bias_short, _short(1 - alpha)))]
    # Nesterov: beta = m^2 / (1 + m), and the first step is already 1 + m times the rate.
    if beta > 0:
        m = _short((beta + np.sqrt(beta * beta + 4 * beta)) / 2)
        layers = tuple(
            replace(layer, rate=_short(layer.rate / (1 + m)), bias_rate=_short(layer.bias_rate / (1 + m)))
            for layer in process.formula.layers
        )
        found.append(Process(replace(process.formula, layers=layers), process.batch, Nesterov(m)))
    return found


def _late(process: Process, runs: Runs) -> list[Process]:
    """The third step is that of the velocity after the second gradient."""
    steps = [_steps(process, runs, i) for i in (0, 1, 2)]
    fitted = [_fitted([steps[0], [(steps[2][g][0], steps[1][g][1]) for g in (0, 1)]], group) for group in (0, 1)]
    if fitted[0] is None:
        return []
    m = _short(fitted[0][1])
    return [replace(process, rule=Momentum(m, m if fitted[1] is None else _short(fitted[1][1]), late=True))]


def _short(number: float) -> float:
    if abs(number) < 1e-7:
        return 0.0
    short = float(f"{number:.6g}")
    return short if abs(number - short) < 1e-7 else float(number)


def _steps(process: Process, runs: Runs, i: int) -> list[tuple[Layers, Layers]]:
    """For weights and biases: what call i moved in units of the rate, and its gradient there."""
    (W, b), (new_W, new_b) = runs.states[i], runs.states[i + 1]
    x, t = runs.calls[i]
    g = gradient(process.formula, W, b, x, t, moved=new_W)
    layers = process.formula.layers
    with np.errstate(all="ignore"):
        moved_W = tuple((f.keep * w - n) / f.rate for f, w, n in zip(layers, W, new_W, strict=True) if f.rate)
        moved_b = tuple(
            (f.bias_keep * w - n) / f.bias_rate for f, w, n in zip(layers, b, new_b, strict=True) if f.bias_rate
        )
    return [
        (moved_W, tuple(g for g, f in zip(g.weights, layers, strict=True) if f.rate)),
        (moved_b, tuple(g for g, f in zip(g.biases, layers, strict=True) if f.bias_rate)),
    ]


def _fitted(steps: list[list[tuple[Layers, Layers]]], group: int) -> tuple[float, float] | None:
    """Shares of the second and of the first gradient in the second step."""
    moved = [part.ravel() for part in steps[1][group][0]]
    if not moved:
        return None
    first = np.concatenate([part.ravel() for part in steps[0][group][1]])
    second = np.concatenate([part.ravel() for part in steps[1][group][1]])
    A = np.stack([second, first], 1)
    if not np.isfinite(A).all():
        return None
    alpha, beta = np.linalg.lstsq(A, np.concatenate(moved), rcond=None)[0]
    return float(alpha), float(beta)


def describe(rule: Rule) -> str:
    """The rule in words, for a note."""
    match rule:
        case Momentum(momentum=m):
            return f"momentum {m:g}"
        case Nesterov(momentum=m):
            return f"Nesterov momentum {m:g}"
        case Sgd():
            return "plain gradient descent"
    return f"{type(rule).__name__.lower()} ({', '.join(f'{k} {v:g}' for k, v in vars(rule).items())})"
