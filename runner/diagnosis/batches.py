"""How the samples of one call are put together: summed, averaged, one after the other, or only some of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import product

import numpy as np

from runner.diagnosis.formula import Formula
from runner.diagnosis.memory import Runs, matches, together
from runner.diagnosis.probes import Asked
from runner.diagnosis.process import BATCHES, Process
from runner.diagnosis.rules import signs_alone
from runner.diagnosis.terms import CROSSED, FACTORS, NO_SLOPE, RESIDUAL, SIGNALS, Term
from runner.errors import StudyError

STARTS = 4


def batches(asked: Asked, calls: int = 1, seed: int = 3) -> list[Runs]:
    """Calls with several samples: as many as the author has, and three."""
    rng = np.random.default_rng(seed)
    rows = len(asked.program.array("inputs"))
    found = []
    for n in sorted({rows, max(3, asked.sizes[0])} - {1}, reverse=True):
        plans = [(asked.network(rng), [asked.samples(rng, n) for _ in range(calls)]) for _ in range(STARTS)]
        try:
            found.append(together(asked.updates(plans)))
        except StudyError:
            # It takes only so many samples as it is made for.
            continue
    return found


def find_batch(process: Process, runs: list[Runs], unit: float) -> Process | None:
    """The process with what it does to the samples of a call; None where that is not known."""
    formulas = list(_variants(process.formula))
    if signs_alone(process.rule):
        formulas += _without_slope(process.formula)
    for batch, formula in product(BATCHES, formulas):
        # A pass for every weight is no matter of the batch.
        if (batch == "weight_by_weight") != (process.batch == "weight_by_weight"):
            continue
        # A cost divided by the number of samples once more is that of a loss that is a mean.
        if formula.signal.loss in ("mse", "mean of cross_entropy") and batch not in ("mean", "mean_loss"):
            continue
        wrong_sample = formula.layers[0].factor.batch
        alone = batch in ("one_by_one", "backwards", "first", "last")
        if wrong_sample and (alone or not runs):
            continue
        if wrong_sample and any(each.calls[0][0].shape[1] < each.calls[0][0].shape[2] for each in runs):
            continue
        candidate = replace(process, formula=formula, batch=batch)
        if all(matches(candidate, each, unit) for each in runs):
            return candidate
    return None


def _variants(formula: Formula) -> Iterator[Formula]:
    """The formula, and those that are the same for one sample."""
    for over in _axes(formula):
        yield over
        for signal in _alike(over.signal):
            yield replace(over, signal=signal)
    if not formula.layers[0].factor.wrong:
        for factor in FACTORS:
            if factor.batch:
                layers = (replace(formula.layers[0], factor=factor), *formula.layers[1:])
                yield replace(formula, layers=layers)


def _without_slope(formula: Formula) -> list[Formula]:
    """Without the slope of the outputs, which is never negative: it does not show in the sign of a single sample."""
    top = formula.layers[-1]
    if formula.forward.functions[-1] != "sigmoid" or top.slope.wrong or top.slope is NO_SLOPE or formula.signal.wrong:
        return []
    return [replace(formula, layers=(*formula.layers[:-1], replace(top, slope=NO_SLOPE)))]


def _axes(formula: Formula) -> Iterator[Formula]:
    """With softmax along every axis."""
    yield formula
    if formula.forward.functions[-1] != "softmax":
        return
    for axis in ("softmax_over_all", "softmax_over_batch"):
        functions = (*formula.forward.functions[:-1], axis)
        over = replace(formula, forward=replace(formula.forward, functions=functions))
        yield over
        if not formula.signal.wrong:
            # The slope of the cross-entropy by the weighted sums is often written out, and then knows no axis.
            top = replace(formula.layers[-1], slope=NO_SLOPE)
            yield replace(over, signal=CROSSED, layers=(*formula.layers[:-1], top))


def _alike(signal: Term) -> list[Term]:
    if signal is RESIDUAL:
        return [term for term in SIGNALS if term.fault == "all_pairs"]
    if signal.fault == "cost_times_residual":
        crossed = "cross_entropy" in signal.loss
        means = [term for term in SIGNALS if term.fault == "mean_cost_times_residual"]
        return [term for term in means if ("cross_entropy" in term.loss) == crossed]
    return []
