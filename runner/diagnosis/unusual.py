"""Formulas that are not linear in one gradient: optimizers that scale, rounding, a pass for every weight."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import product

import numpy as np

from runner.diagnosis.constants import settle
from runner.diagnosis.formula import Formula, LayerFormula
from runner.diagnosis.forward import Forward, run_forward
from runner.diagnosis.identify import WRONG_FORWARD, Identified, Observed, identify, output_errors
from runner.diagnosis.match import fit
from runner.diagnosis.memory import CALLS, sequences
from runner.diagnosis.probes import Asked, observed
from runner.diagnosis.process import Process, agreement, simulate
from runner.diagnosis.rules import ADAPTIVE, Rule
from runner.diagnosis.terms import BIAS_STEPS, FACTORS, right

DECIMALS = range(10, 0, -1)
# First steps of an optimizer that divides by the gradient's size are as large for every weight, but for its epsilon.
_ALIKE = 1e-2


def adaptive(asked: Asked, seen: Observed, hows: Sequence[Forward]) -> tuple[Identified, Rule] | None:
    """The formula under an optimizer that divides every gradient by its size; None where steps are not alike."""
    steps = np.concatenate([np.abs(p - q).ravel() for p, q in zip(seen.W, seen.W_after, strict=True)])
    steps = steps[steps > 0]
    if not len(steps) or np.median(np.abs(steps / np.median(steps) - 1)) > _ALIKE:
        return None
    runs = sequences(asked, seed=4)
    before, after, samples = [], [], []
    starts = len(runs.states[0][0][0])
    for s, c in product(range(starts), range(2)):
        (W, b), (new_W, new_b) = runs.states[c], runs.states[c + 1]
        before.append(([w[s] for w in W], [w[s] for w in b]))
        after.append(([w[s] for w in new_W], [w[s] for w in new_b]))
        samples.append((runs.calls[c][0][s], runs.calls[c][1][s]))
    assert CALLS >= 2
    twice = observed(asked, before, after, samples)
    outputs = asked.sizes[-1]
    scales = dict.fromkeys((1.0, 2.0, 2.0 / outputs, 1.0 / outputs, 0.5))
    for how in _plain(hows):
        for rule, scale in product(ADAPTIVE, scales):
            scaled = replace(rule, scale=scale)
            found = identify(replace(twice, rule=scaled, calls=2), [how], keeps=((1.0,),), partly=False)
            if found.known:
                return found, scaled
    return None


def _plain(hows: Sequence[Forward], n: int = 20) -> list[Forward]:
    return [how for how in hows if not how.outside and not any(name in WRONG_FORWARD for name in how.functions)][:n]


def rounded(seen: Observed, hows: Sequence[Forward]) -> Formula | None:
    """The formula with weights, sums, outputs or errors rounded to some decimals."""
    numbers = np.concatenate([part.ravel() for part in (*seen.W_after, *seen.b_after)])
    for n in reversed(DECIMALS):
        if (np.round(numbers, n) == numbers).all():
            found = identify(replace(seen, slack=3 * 10.0**-n), _plain(hows), keeps=((1.0,),), partly=False)
            if found.known:
                return replace(found.formula(), round_weights=n)
            break
    for how, n in product(_plain(hows, 12), DECIMALS):
        for rounding in (replace(how, round_sums=n), replace(how, round_outputs=n)):
            found = identify(seen, [rounding], keeps=((1.0,),), partly=False)
            if found.known:
                return found.formula()
        found = identify(seen, [how], n, keeps=((1.0,),), partly=False)
        if found.known:
            return replace(found.formula(), round_errors=n)
    return None


def weight_by_weight(seen: Observed, asked: Asked, hows: Sequence[Forward], learning_rate: float) -> Process | None:
    """One layer whose weights are updated one after the other, the bias with each of them.

    The first weight of all moves as in an ordinary update: it says which terms may stand there.
    """
    if len(seen.W) > 1:
        return None
    rounded_outputs = (replace(how, round_outputs=n) for n in DECIMALS for how in _plain(hows, 4))
    for how in (*_plain(hows), *rounded_outputs):
        p = run_forward(how, seen.W, seen.b, seen.x, seen.t)
        errors = output_errors(p, None)
        for factor in FACTORS:
            if factor.applies(p, 0):
                G = factor.value(p, 0, errors.d)[..., :1, :1]
                fitted = fit(G, seen.W[0][:, :1, :1], seen.W_after[0][:, :1, :1], seen.unit)
                for i in sorted(np.flatnonzero(fitted.matches).tolist(), key=lambda i: float(errors.costs[i])):
                    rate = float(fitted.rate[i])
                    step = BIAS_STEPS[1] if asked.layout.biases == "single" else right("bias_step")
                    signal, slope = errors.terms[i]
                    layer = LayerFormula(slope, factor, step, rate=rate, bias_rate=rate)
                    formula = settle(Formula(how, signal, (layer,)), learning_rate, asked.sizes, asked.unit)
                    process = Process(formula, "weight_by_weight")
                    made = list(simulate(process, seen.W, seen.b, [(seen.x, seen.t)]))
                    if agreement(made, [(seen.W_after, seen.b_after)])[0] < 1e4 * seen.unit * asked.sizes[0]:
                        return process
    return None
