"""Formulas that are not linear in one gradient: optimizers that scale it, and a pass for every weight."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import product

import numpy as np

from runner.diagnosis.candidates import Layer
from runner.diagnosis.constants import settle
from runner.diagnosis.formula import Formula, LayerFormula
from runner.diagnosis.forward import Forward, run_forward
from runner.diagnosis.identify import Identified, identify
from runner.diagnosis.match import fit
from runner.diagnosis.memory import sequences
from runner.diagnosis.observed import Observed
from runner.diagnosis.passes import plain_passes
from runner.diagnosis.probes import Asked, observed
from runner.diagnosis.process import Process, agreement, simulate
from runner.diagnosis.rules import ALIKE, Rule, UncorrectedAdam, registered
from runner.diagnosis.terms import BIAS_STEPS, FACTORS, right

DECIMALS = range(10, 0, -1)
# Forward passes that are tried with optimizers.
_PASSES = 20


def adaptive(
    asked: Asked, seen: Observed, forwards: Sequence[Forward], learning_rate: float
) -> tuple[Identified, Rule] | None:
    """The formula under an optimizer that divides every gradient by its size; None where steps are not alike."""
    steps = np.concatenate([np.abs(p - q).ravel() for p, q in zip(seen.W, seen.W_after, strict=True)])
    steps = steps[steps > 0]
    if not len(steps) or np.median(np.abs(steps / np.median(steps) - 1)) > ALIKE:
        return None
    runs = sequences(asked, seed=4)
    before, after, samples = [], [], []
    starts = len(runs.states[0][0][0])
    for s, c in product(range(starts), range(2)):
        (W, b), (new_W, new_b) = runs.states[c], runs.states[c + 1]
        before.append(([w[s] for w in W], [w[s] for w in b]))
        after.append(([w[s] for w in new_W], [w[s] for w in new_b]))
        samples.append((runs.calls[c][0][s], runs.calls[c][1][s]))
    twice = replace(observed(asked, before, after, samples), calls=2, rate=learning_rate)
    outputs = asked.sizes[-1]
    scales = dict.fromkeys((1.0, 2.0, 2.0 / outputs, 1.0 / outputs, 0.5))
    rules = [rule for rule in registered() if rule.rescales]
    plain = plain_passes(forwards, _PASSES)
    for keeps in (((1.0,),), ((None,),)):
        for how in plain:
            for rule, scale in product((*rules, UncorrectedAdam()), scales):
                scaled = replace(rule, scale=scale)
                found = identify(replace(twice, rule=scaled), [how], keeps=keeps, partly=False)
                if found.known:
                    return found, scaled
    return None


def weight_by_weight(seen: Observed, asked: Asked, forwards: Sequence[Forward], learning_rate: float) -> Process | None:
    """One layer whose weights are updated one after the other, the bias with each of them.

    The first weight of all moves as in an ordinary update: it says which terms may stand there.
    """
    if len(seen.W) > 1:
        return None
    few = plain_passes(forwards, 4)
    coarse = [how.rounding(what, {0: n}) for what in ("outputs", "sums") for n in DECIMALS for how in few]
    for how in (*forwards, *coarse):
        layer = Layer(run_forward(how, seen.W, seen.b, seen.x, seen.t), 0)
        terms, d = layer.candidates()
        for factor in FACTORS:
            if factor.applies(layer.p, 0):
                G = factor.value(layer.p, 0, d)[..., :1, :1]
                fitted = fit(G, seen.W[0][:, :1, :1], seen.W_after[0][:, :1, :1], seen.unit)
                for i in sorted(np.flatnonzero(fitted.matches).tolist(), key=lambda i: layer.cost(terms[i])):
                    rate = float(fitted.rate[i])
                    step = BIAS_STEPS[1] if asked.layout.biases == "single" else right("bias_step")
                    signal, slope, _ = terms[i]
                    one = LayerFormula(slope, factor, step, rate=rate, bias_rate=rate)
                    formula = settle(Formula(how, signal, (one,)), learning_rate, asked.sizes, asked.unit)
                    process = Process(formula, "weight_by_weight")
                    made = list(simulate(process, seen.W, seen.b, [(seen.x, seen.t)]))
                    if agreement(made, [(seen.W_after, seen.b_after)])[0] < 1e4 * seen.unit * asked.sizes[0]:
                        return process
    return None
