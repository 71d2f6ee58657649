"""From selected rows to a number with its interval: 99% for claims, any other for who draws or tabulates.

A verdict must not be wrong more than once in a hundred times, whatever the true rate, and rates of claims lie near 0
and 1: there Wilson's interval holds less than it says, so intervals of rates are Clopper and Pearson's, which never do.
Those of quantiles are between two of the sorted values. Runs with a common seed are not independent; where a claim
pools several runs per seed, it counts with an effective number of runs (see `runner.analysis.shares`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from runner.analysis.claims.verdict import CONFIDENCE
from runner.analysis.intervals import clopper_pearson, quantile, quantile_interval, student_t
from runner.analysis.shares import CHANCE, effective_runs, is_deterministic, totals
from runner.studies.claims.statistic import UNBOUNDED, Statistic
from runner.terminal import counted

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """A number and how sure it is.

    Attributes
    ----------
    value, low, high : float
        Low and high are NaN where there is no interval.
    runs, seeds : int
        How many it is made from.
    worth : float
        How many independent runs that is.
    influence : Series
        By seed: what the number is, to first order, the mean of. Tells how much two estimates vary together.
    notes : tuple of str
    exact : bool
        Whether no chance is involved: low and high are the value itself.
    """

    value: float
    low: float
    high: float
    runs: int
    seeds: int
    worth: float
    influence: pd.Series[Any] = field(compare=False)
    notes: tuple[str, ...] = ()
    exact: bool = False


@dataclass(frozen=True)
class Values:
    """Numbers and the seeds that they belong to; `exact` when no chance is in them."""

    numbers: Floats
    seeds: NDArray[np.int64]
    exact: bool
    notes: tuple[str, ...] = ()

    def by_seed(self, numbers: Floats) -> tuple[pd.Index[Any], Floats, Floats]:
        """Seeds, the sum over each of numbers that belong to the values, and how many those are."""
        codes, seeds = pd.factorize(self.seeds)
        n = len(seeds)
        codes = np.asarray(codes, np.int64)
        return pd.Index(seeds), totals(codes, n, numbers), totals(codes, n)


def values_of(rows: pd.DataFrame, statistic: Statistic) -> Values:
    """What a statistic is made from: hits as 0 and 1, or the numbers of a column."""
    exact = exact_rows(rows)
    seeds = rows["seed"].to_numpy()
    if statistic.name == "rate":
        wanted = "True" if statistic.column == "converged" else statistic.subject
        return Values((rows[statistic.column] == wanted).to_numpy().astype(float), seeds, exact)
    return numbers_of(rows[statistic.column].to_numpy(), seeds, statistic, exact)


def exact_rows(rows: pd.DataFrame) -> bool:
    """Whether the seed makes no difference to these runs."""
    texts = [[str(text) for text in rows[name].unique()] for name in CHANCE if name in rows]
    return len(texts) == len(CHANCE) and all(texts) and is_deterministic(*texts)


def numbers_of(numbers: Floats, seeds: NDArray[np.int64], statistic: Statistic, exact: bool) -> Values:
    """Numbers of a column; what is no number is infinite where it means "never" or "overflowed", else left out."""
    without = np.isnan(numbers)
    count = int(without.sum())
    if not count:
        return Values(numbers, seeds, exact)
    runs = counted(count, "run")
    if statistic.subject in UNBOUNDED and statistic.name != "mean":
        note = f"{statistic.subject} is missing in {runs}, which count as infinite"
        return Values(np.where(without, np.inf, numbers), seeds, exact, (note,))
    note = f"{statistic.subject} is missing in {runs}, which are left out"
    return Values(numbers[~without], seeds[~without], exact, (note,))


def pair_values(x: Values, y: Values, comparison: str, exact: bool) -> Values:
    """The ratio or difference of every pair of numbers; pairs that say nothing are left out.

    Parameters
    ----------
    x, y : Values
        Partners at the same places.
    comparison : {"ratio", "difference"}
    exact : bool
        Whether no chance is in them.
    """
    with np.errstate(all="ignore"):
        found = x.numbers / y.numbers if comparison == "ratio" else x.numbers - y.numbers
    said = ~np.isnan(found)
    notes = [f"where: {note}" for note in x.notes] + [f"versus: {note}" for note in y.notes]
    if silent := int(np.count_nonzero(~said)):
        why = "infinite or zero" if comparison == "ratio" else "infinite"
        notes.append(f"{silent:,} pairs in which both are {why} say nothing and are left out")
    return Values(found[said], x.seeds[said], exact, tuple(notes))


def estimate(values: Values, statistic: Statistic, confidence: float = CONFIDENCE) -> Estimate:
    """The statistic of some values, of which there is at least one, with its interval."""
    makers = {"rate": _rate, "mean": _mean, "min": _extreme, "max": _extreme}
    return makers.get(statistic.name, _quantile)(values, statistic, confidence)


def _rate(values: Values, statistic: Statistic, confidence: float) -> Estimate:
    seeds, hits, runs = values.by_seed(values.numbers)
    n, total = len(values.numbers), float(hits.sum())
    share, influence = total / n, pd.Series(hits / runs, seeds)
    worth = effective_runs(hits, runs, confidence)
    low, high = clopper_pearson(worth if total == n else share * worth, worth, confidence)
    if values.exact:
        low = high = share
    return Estimate(share, low, high, n, len(seeds), worth, influence, values.notes, values.exact)


def _quantile(values: Values, statistic: Statistic, confidence: float) -> Estimate:
    ordered = np.sort(values.numbers)
    n, q = len(ordered), statistic.q
    value = quantile(ordered, q)
    below = (values.numbers <= value).astype(float)
    seeds, hits, runs = values.by_seed(below)
    worth = effective_runs(hits, runs, confidence)
    low, high = quantile_interval(ordered, q, worth, confidence)
    if values.exact:
        low = high = value
    influence = pd.Series(-hits / runs, seeds)
    return Estimate(value, low, high, n, len(seeds), worth, influence, values.notes, values.exact)


def _mean(values: Values, statistic: Statistic, confidence: float) -> Estimate:
    finite = values.numbers[np.isfinite(values.numbers)]
    if len(finite) < len(values.numbers):
        # One infinite value makes the mean infinite, whatever the others are.
        value = float(np.sum(values.numbers))
        nothing = pd.Series(dtype=float)
        return Estimate(value, math.nan, math.nan, len(values.numbers), 0, 0.0, nothing, values.notes)
    seeds, sums, runs = values.by_seed(values.numbers)
    n, k = len(values.numbers), len(seeds)
    value = float(sums.sum()) / n
    half = math.inf
    if values.exact:
        half = 0.0
    elif k > 1:
        variance = k / (k - 1) * float(np.square(sums - value * runs).sum()) / n**2
        half = student_t(confidence, k - 1) * math.sqrt(variance)
    notes = _unless_exact(values, "a t interval: approximate where values are skewed")
    influence = pd.Series(sums / runs, seeds)
    return Estimate(value, value - half, value + half, n, k, float(k), influence, notes, values.exact)


def _extreme(values: Values, statistic: Statistic, confidence: float) -> Estimate:
    value = float(values.numbers.min() if statistic.name == "min" else values.numbers.max())
    seeds, _, _ = values.by_seed(values.numbers)
    low = high = value if values.exact else math.nan
    notes = _unless_exact(values, "of the runs there are: other seeds may go beyond")
    n = len(values.numbers)
    return Estimate(value, low, high, n, len(seeds), float(n), pd.Series(dtype=float), notes, values.exact)


def _unless_exact(values: Values, note: str) -> tuple[str, ...]:
    return values.notes if values.exact else (*values.notes, note)
