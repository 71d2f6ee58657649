"""One number of several estimates on common seeds: their ratio, difference, or any weighted sum.

The interval is recovered from theirs and from how much they vary together over the seeds: MOVER, for two numbers Zou
and Donner (2008, Statistics in Medicine 27), for a weighted sum Zou, Huang and Zhang (2009, Computational Statistics
and Data Analysis 53). A ratio is combined by logarithms.
"""

from __future__ import annotations

import math

import numpy as np

from runner.statistics.estimate import Estimate, Influence
from runner.statistics.intervals import Triple, difference

_FEWEST = 3  # seeds in common from which a correlation can be told


def combine(a: Estimate, b: Estimate, comparison: str) -> Estimate:
    """The ratio or the difference of two estimates.

    Parameters
    ----------
    a, b : Estimate
    comparison : {"ratio", "difference"}
    """
    r = correlation(a.influence, b.influence)
    ratio = comparison == "ratio"
    with np.errstate(all="ignore"):
        value = float(np.float64(a.value) / b.value) if ratio else a.value - b.value
    if math.isnan(a.low) or math.isnan(b.low):
        low = high = math.nan
    elif ratio:
        low, high = ratio_interval(triple(a), triple(b), r)
    else:
        low, high = difference(triple(a), triple(b), r)
    notes = [f"where: {note}" for note in a.notes] + [f"versus: {note}" for note in b.notes]
    if exact := a.exact and b.exact:
        low = high = value
    runs, seeds, worth = a.runs + b.runs, min(a.seeds, b.seeds), min(a.worth, b.worth)
    return Estimate(value, low, high, runs, seeds, worth, a.influence, tuple(notes), exact)


def triple(estimate: Estimate) -> Triple:
    """The number and the ends of its interval."""
    return estimate.value, estimate.low, estimate.high


def correlation(a: Influence, b: Influence) -> float:
    """How much two estimates vary together over the seeds that both have."""
    _, here, there = np.intersect1d(a.seeds, b.seeds, assume_unique=True, return_indices=True)
    x, y = a.values[here], b.values[there]
    if len(x) < _FEWEST or np.ptp(x) == 0 or np.ptp(y) == 0:
        return 0.0
    # Together they are surer than apart; that they vary against each other is more often chance, and is heeded too.
    return float(np.clip(np.corrcoef(x, y)[0, 1], -1.0, 1.0))


def ratio_interval(a: Triple, b: Triple, r: float) -> tuple[float, float]:
    """Interval of the ratio of two numbers that have intervals.

    Parameters
    ----------
    a, b : tuple of three floats
        Each number, and the lower and the upper end of its interval.
    r : float
        Their correlation.
    """
    (_, a_low, a_high), (_, b_low, b_high) = a, b
    if min(a_low, b_low) > 0 and all(map(math.isfinite, (*a, *b))):
        logs = [math.log(number) for number in (*a, *b)]
        low, high = difference((logs[0], logs[1], logs[2]), (logs[3], logs[4], logs[5]), r)
        return math.exp(low), math.exp(high)
    if min(a_low, b_low) < 0:
        return -math.inf, math.inf
    # At an end of what can be, the two least favourable ends: wide, and never too narrow.
    low = 0.0 if math.isinf(b_high) or not b_high else a_low / b_high
    return low, (a_high / b_low if b_low else math.inf)
