"""Statistics of one column: shares, quantiles, means, extremes, and the effort that a success takes.

A verdict on a claim must not be wrong more than once in a hundred times, whatever the true rate, and rates of claims
lie near 0 and 1: there Wilson's interval holds less than it says, so intervals of rates are Clopper and Pearson's,
which never do. Runs with a common seed are not independent; where several runs have one, a statistic counts with an
effective number of runs (`runner.statistics.shares`), or with the scatter between the seeds.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from runner.statistics.combine import correlation, ratio_interval, triple
from runner.statistics.estimate import (
    Estimate,
    Floats,
    Influence,
    Sample,
    Values,
    error_of,
    half_width,
    numbers,
    standard_error,
)
from runner.statistics.intervals import clopper_pearson, quantile, quantile_interval
from runner.statistics.record import STATISTICS, Member
from runner.statistics.shares import effective_runs

_SKEWED = "approximate where values are skewed"
_MOST_LOG = 700.0  # whose exponential is still a number


# ---- shares


def _rate(values: Sample, q: float, confidence: float) -> Estimate:
    seeds, hits, runs = values.by_seed(numbers)
    n, total = len(values), float(hits.sum())
    share, influence = total / n, Influence(seeds, hits / runs)
    worth = effective_runs(hits, runs, confidence)
    low, high = clopper_pearson(worth if total == n else share * worth, worth, confidence)
    if values.exact:
        low = high = share
    return Estimate(share, low, high, n, len(seeds), worth, influence, values.notes, values.exact)


STATISTICS.add(
    Member(
        "rate",
        _rate,
        "share of the runs with this outcome; `rate(converged)`: whose criterion holds at the end",
        "exact: Clopper and Pearson",
        "share of runs: {}",
        of="OUTCOME",
        limits=(0.0, 1.0),
        as_share=lambda values, q, bound: (values.count(lambda v: v.numbers > 0) / len(values), bound),
    )
)


# ---- quantiles


def _quantile(values: Sample, q: float, confidence: float) -> Estimate:
    ordered = values.ordered()
    n = len(ordered)
    value = quantile(ordered, q)
    seeds, hits, runs = values.by_seed(lambda v: v.numbers <= value)
    worth = effective_runs(hits, runs, confidence)
    low, high = quantile_interval(ordered, q, worth, confidence)
    if values.exact:
        low = high = value
    return Estimate(value, low, high, n, len(seeds), worth, Influence(seeds, -hits / runs), values.notes, values.exact)


def _below(values: Sample, q: float, bound: float) -> tuple[float, float]:
    # The quantile is below the bound when more than a share q of the values is.
    return values.count(lambda v: v.numbers < bound) / len(values), q


_RANKS = "exact: between two of the sorted values, by the binomial distribution"
STATISTICS.add(Member("median", _quantile, "below it lies half of the values", _RANKS, "median {}", as_share=_below))
STATISTICS.add(
    Member(
        "quantile",
        _quantile,
        "below it lies a share Q of the values",
        _RANKS,
        "{q:g} quantile of {}",
        takes_q=True,
        as_share=_below,
    )
)


# ---- means


def _mean(values: Sample, q: float, confidence: float) -> Estimate:
    n = len(values)
    seeds, sums, runs = values.by_seed(numbers)
    if not all(map(math.isfinite, values.ends)):
        # One infinite value makes the mean infinite, whatever the others are.
        value = float(sums.sum())
        return Estimate(value, math.nan, math.nan, n, 0, 0.0, Influence(), values.notes)
    value, error, influence = error_of(seeds, sums, runs)
    k = len(seeds)
    half = 0.0 if values.exact else half_width(error, k, confidence)
    notes = values.unless_exact(f"a t interval: {_SKEWED}")
    return Estimate(value, value - half, value + half, n, k, float(k), influence, notes, values.exact)


STATISTICS.add(Member("mean", _mean, "the mean", f"Student's t over the seeds: {_SKEWED}", "mean {}", left_out=True))


def _std(values: Sample, q: float, confidence: float) -> Estimate:
    n = len(values)
    middle = float(values.by_seed(numbers)[1].sum()) / n

    def squares(some: Values) -> Floats:
        with np.errstate(invalid="ignore", over="ignore"):
            return np.asarray(np.square(some.numbers - middle), np.float64)

    if n < 2 or values.count(lambda v: ~np.isfinite(squares(v))):
        note = "a standard deviation needs two values" if n < 2 else "an infinite value has no distance from a mean"
        return Estimate(math.nan, math.nan, math.nan, n, 0, 0.0, Influence(), (*values.notes, note))
    mean, error, influence = standard_error(values, squares)
    value, k = math.sqrt(mean * n / (n - 1)), len(influence.seeds)
    # On logarithms, where it is closer to normal; half of what the variance has, for the square root.
    half = half_width(error / (2 * mean), k, confidence) if mean else math.inf
    factor = math.exp(half) if half < _MOST_LOG else math.inf
    low, high = (value, value) if values.exact else (value / factor, value * factor if value else math.inf)
    notes = values.unless_exact(f"by the delta method: {_SKEWED}")
    return Estimate(value, low, high, n, k, float(k), influence, notes, values.exact)


STATISTICS.add(
    Member(
        "std",
        _std,
        "the standard deviation, with n - 1 below the sum of squares",
        f"delta method on its logarithm, Student's t over the seeds: {_SKEWED}",
        "standard deviation of {}",
        left_out=True,
    )
)


def _harmonic_mean(values: Sample, q: float, confidence: float) -> Estimate:
    n, (least, _) = len(values), values.ends
    if least <= 0:
        value = 0.0 if least == 0 else math.nan
        note = "a run whose number is 0 makes it 0" if value == 0.0 else "a negative number has no place in it"
        return Estimate(value, math.nan, math.nan, n, 0, 0.0, Influence(), (*values.notes, note))
    rate, error, influence = standard_error(values, lambda v: 1 / v.numbers)
    k = len(influence.seeds)
    half = 0.0 if values.exact else half_width(error, k, confidence)

    def inverse(x: float) -> float:
        return 1 / x if x > 0 else math.inf

    notes = values.unless_exact("the inverse of a t interval of the mean of 1 / t")
    falling = replace(influence, values=-influence.values)
    low, high = inverse(rate + half), inverse(rate - half)
    return Estimate(inverse(rate), low, high, n, k, float(k), falling, notes, values.exact)


STATISTICS.add(
    Member(
        "harmonic_mean",
        _harmonic_mean,
        "N / sum(1 / t) over all N runs: a run that never gets there counts as infinite and adds nothing to the sum "
        "(Tesauro and Janssens, 1988)",
        "inverse of the interval that Student's t over the seeds gives the mean of 1 / t",
        "harmonic mean of {}",
    )
)


# ---- extremes


def _extreme(least: bool) -> Callable[[Sample, float, float], Estimate]:
    def estimate(values: Sample, q: float, confidence: float) -> Estimate:
        value = values.ends[0 if least else 1]
        low = high = value if values.exact else math.nan
        notes = values.unless_exact("of the runs there are: other seeds may go beyond")
        n, seeds = len(values), values.n_seeds
        return Estimate(value, low, high, n, seeds, float(n), Influence(), notes, values.exact)

    return estimate


_NONE = "none: other seeds may go beyond"
STATISTICS.add(Member("min", _extreme(True), "the least, of the runs that there are", _NONE, "smallest {}"))
STATISTICS.add(Member("max", _extreme(False), "the greatest, of the runs that there are", _NONE, "largest {}"))


# ---- effort


def _per_success(values: Sample, q: float, confidence: float) -> Estimate:
    spent = _mean(values.renewed(notes=()), q, confidence)
    rate = _rate(values.successes().renewed(notes=()), q, confidence)
    value = spent.value / rate.value if rate.value else math.inf
    low, high = ratio_interval(triple(spent), triple(rate), correlation(spent.influence, rate.influence))
    notes = values.unless_exact("from the intervals of the mean and of the rate (MOVER)")
    if values.exact:
        low = high = value
    n, k = len(values), spent.seeds
    influence = Influence()
    if rate.value:
        # To first order the ratio moves with what a seed spent beyond its share of the successes.
        _, _, influence = standard_error(values, lambda v: v.numbers - value * v.successes().numbers)
    return Estimate(value, low, high, n, k, float(k), influence, notes, values.exact)


STATISTICS.add(
    Member(
        "per_success",
        _per_success,
        "all epochs spent, those of failures too, divided by the number of runs that converged",
        "from the intervals of the mean and of the rate, which vary together over the seeds (MOVER)",
        "{} per success",
        columns=("epochs_run",),
        needs=("converged",),
        left_out=True,
    )
)
