"""What an update remembers of the one before: momentum and its sign, gradients never zeroed, sums kept, optimizers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import product

import numpy as np

from runner.diagnosis.formula import gradient, stacked
from runner.diagnosis.forward import Layers
from runner.diagnosis.functions import Floats
from runner.diagnosis.match import OPERATIONS, STORED
from runner.diagnosis.probes import Asked, Call
from runner.diagnosis.process import Pair, Process, State, agreement, call
from runner.diagnosis.rules import FallingRate, Momentum, Registered, Sgd, registered

CALLS, STARTS = 5, 4
# So many calls must agree, and so large a weight is one that diverges.
_SEEN, _DIVERGED = 2, 1e3
# To this error momentum is known where weights are rounded to some decimals.
_COARSE = 1e-2


@dataclass(frozen=True, eq=False)
class Runs:
    """Sequences of calls, several networks at once: the states before and after every call."""

    states: tuple[Pair, ...]
    calls: tuple[tuple[Floats, Floats], ...]


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
    """Whether a process gives these states, each from the one before; what is remembered carries its rounding over."""
    state = State.begin(*runs.states[0])
    for i, (x, t) in enumerate(runs.calls):
        state.W, state.b = runs.states[i]
        with np.errstate(all="ignore"):
            call(process, state, x, t)
        after = runs.states[i + 1]
        largest = max(float(np.abs(part).max(initial=0.0)) for part in (*after[0], *after[1]))
        if i >= _SEEN and not largest < _DIVERGED:
            # Weights that fly away overflow in one way of writing a formula and not in another.
            break
        bound = unit * (STORED + OPERATIONS) * (i + 1) * max(largest, 1.0)
        if not agreement([(state.W, state.b)], [after])[0] <= (bound if np.isfinite(bound) else np.inf):
            return False
    return True


def sequences(asked: Asked, seed: int = 2) -> Runs:
    """What the program makes of several calls, one sample each."""
    rng = np.random.default_rng(seed)
    plans = [(asked.network(rng), [asked.single(rng) for _ in range(CALLS)]) for _ in range(STARTS)]
    return together(asked.updates(plans))


def find_rule(process: Process, runs: Runs, unit: float) -> Process | None:
    """The process with what it remembers; None where that is not known."""
    return next((found for found in _candidates(process, runs, unit) if matches(found, runs, unit)), None)


def _candidates(process: Process, runs: Runs, unit: float) -> Iterator[Process]:
    """What the process may be, the simplest first."""
    yield process
    error = _COARSE if process.formula.round_weights else 1e-7 if unit < 1e-12 else 1e-3
    shrinks = any(layer.keep not in (0.0, 1.0) or layer.bias_keep not in (0.0, 1.0) for layer in process.formula.layers)
    for carrying in _carrying(process):
        if carrying is not process:
            yield carrying
        for decayed in (True, False) if shrinks else (True,):
            each = replace(carrying, remembered_decay=decayed)
            if isinstance(process.rule, Sgd | Momentum):
                shares = _shares(each, runs)
                yield from _momenta(each, shares, error)
                yield from _nesterov(each, shares, error)
    if isinstance(process.rule, Sgd):
        yield from _falling(process, runs)
        for rule, decayed in ((rule, decayed) for rule in registered() for decayed in ((True, False)[: 1 + shrinks])):
            yield replace(process, rule=rule, remembered_decay=decayed)
    elif isinstance(process.rule, Registered):
        yield replace(process, remembered_decay=False)
        # Where two updates leave an epsilon and the constant of the loss open, as in float32, more of them may not.
        for rule, scale in product(registered(), dict.fromkeys((process.rule.scale, 1.0, 2.0))):
            if rule.name == process.rule.name:
                yield replace(process, rule=replace(rule, scale=scale))


def _carrying(process: Process) -> Iterator[Process]:
    """Without a sum that starts from the last output, and with it in all layers or in one."""
    yield process
    every = range(len(process.formula.layers))
    for layers in dict.fromkeys((frozenset(every), *(frozenset([k]) for k in every))):
        forward = replace(process.formula.forward, carries=layers)
        yield replace(process, formula=replace(process.formula, forward=forward))


def _shares(process: Process, runs: Runs) -> dict[int, tuple[float, float]]:
    """Shares of the second and of the first gradient in the step that follows the first, for every place that moves."""
    late = process.rule.late if isinstance(process.rule, Momentum) else frozenset()
    moved, gradients = _steps(process, runs)
    found = {}
    for place in moved[0]:
        step = moved[2 if place in late else 1][place]
        A = np.stack([gradients[1][place].ravel(), gradients[0][place].ravel()], 1)
        if np.isfinite(A).all() and np.isfinite(step).all():
            alpha, beta = np.linalg.lstsq(A, step.ravel(), rcond=None)[0]
            found[place] = float(alpha), float(beta)
    return found


_Places = dict[int, Floats]


def _known(new_W: Layers, k: int, g: Floats) -> Floats:
    """Weights that have moved already are known."""
    return new_W[k]


def _steps(process: Process, runs: Runs) -> tuple[list[_Places], list[_Places]]:
    """For each of the first three calls and every place: what moved, in units of the rate, and the gradient there."""
    steps, gradients = [], []
    activations: Layers = ()
    for (W, b), (new_W, new_b), (x, t) in zip(runs.states[:3], runs.states[1:4], runs.calls[:3], strict=True):
        g = gradient(process.formula, W, b, x, t, partial(_known, new_W), activations)
        activations = g.passed.a if process.formula.forward.carries else ()
        step, slope = {}, {}
        for k, layer in enumerate(process.formula.layers):
            groups = (
                (2 * k, layer.rate, layer.keep, W[k], new_W[k], g.weights[k]),
                (2 * k + 1, layer.bias_rate, layer.bias_keep, b[k], new_b[k], g.biases[k]),
            )
            for place, rate, keep, w, new, part in groups:
                if rate and keep not in (0.0, 1.0) and process.remembered_decay:
                    step[place], slope[place] = (w - new) / rate, part + (1 - keep) / rate * w
                elif rate:
                    step[place], slope[place] = (keep * w - new) / rate, part
        steps.append(step)
        gradients.append(slope)
    return steps, gradients


def _momenta(process: Process, shares: dict[int, tuple[float, float]], error: float) -> Iterator[Process]:
    """Processes with one momentum, in all places or in some, and with sums that are never zeroed in all or in some.

    After a first step along g1, the second is alpha g2 + beta g1: with momentum m and dampening d, alpha is 1 - d and
    beta is m; where gradients are added up, beta is larger by alpha.
    """
    rule = process.rule if isinstance(process.rule, Momentum) else None
    fits = 1e-5 if error < 1e-5 else 1e-2
    possible = dict.fromkeys(
        _short(m, error) for alpha, beta in shares.values() for m in (beta, beta - alpha) if abs(m) < 1
    )
    for m in sorted(possible, key=lambda m: (m != 0, m < 0, abs(m - 0.9))):
        momenta, summed = [0.0] * (2 * len(process.formula.layers)), set()
        dampening = 0.0
        for place, (alpha, beta) in shares.items():
            choices = [(0.0, 0), (m, 0), (0.0, 1), (m, 1)]
            fitting = [(own, adds) for own, adds in choices if abs(own + adds * alpha - beta) < fits]
            if not fitting:
                break
            momenta[place], adds = fitting[0]
            dampening = _short(1 - alpha, error) if momenta[place] else dampening
            summed |= {place} if adds else set()
        else:
            late = rule.late if rule else frozenset()
            yield replace(process, rule=Momentum(tuple(momenta), dampening, frozenset(summed), late))


def _nesterov(process: Process, shares: dict[int, tuple[float, float]], error: float) -> Iterator[Process]:
    """beta = m^2 / (1 + m), and the first step is already 1 + m times the rate."""
    for beta in {round(beta, 7) for _, beta in shares.values()}:
        if beta > 0:
            m = _short((beta + np.sqrt(beta * beta + 4 * beta)) / 2, error)
            layers = tuple(
                replace(layer, rate=_short(layer.rate / (1 + m)), bias_rate=_short(layer.bias_rate / (1 + m)))
                for layer in process.formula.layers
            )
            formula = replace(process.formula, layers=layers)
            yield replace(process, formula=formula, rule=Registered("nesterov", (("momentum", m),)))


def _falling(process: Process, runs: Runs) -> Iterator[Process]:
    """Steps along every gradient, of a length that falls from call to call."""
    moved, gradients = _steps(process, runs)
    lengths = []
    for step, slope in zip(moved, gradients, strict=True):
        g = np.concatenate([slope[place].ravel() for place in sorted(slope)])
        s = np.concatenate([step[place].ravel() for place in sorted(slope)])
        with np.errstate(all="ignore"):
            lengths.append(float(g @ s / (g @ g)))
    first, second = lengths[:2]
    if not np.isfinite(lengths).all() or not 0 < second / first < 1:
        return
    ratio = second / first
    for kind, amount in (("power", ratio), ("inverse", 1 / ratio - 1), ("root", 1 / ratio**2 - 1)):
        yield replace(process, rule=FallingRate(kind, _short(amount)))


def _short(number: float, error: float = 1e-7) -> float:
    """The number that a person has written, where one is within the error to which it is known.

    With the error of float32, it is the one with the fewest digits: 0.9 for 0.90004. A momentum of 0.999 is not 1.
    """
    if error == _COARSE:
        return round(float(number), 2)
    if abs(number) < error:
        return 0.0
    for digits in range(1 if error > 1e-7 else 6, 7):
        short = float(f"{number:.{digits}g}")
        if abs(number - short) < error and (abs(number) < 1) == (abs(short) < 1):
            return short
    return float(number)
