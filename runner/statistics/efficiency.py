"""Hamey's efficiency of training: what is the best number of epochs after which to begin anew?

With a limit t a run is stopped at t or when it is right, whichever comes first. The efficiency of the limit is the
number of successes divided by all epochs spent, E(t) = sum[T <= t] / sum(min(T, t)) over the times T to convergence,
infinite for those that never do: it does not depend on the budget of a study, as a mean over successes does (Hamey,
1991, Benchmarking feed-forward neural networks: models and measures, NIPS 4). The inverse of its peak is the least
number of epochs that a correct network costs on average.

The intervals are those of the delta method, from what every seed adds to successes and to epochs. That of the peak is
on its logarithm. Those of limits hold all limits whose efficiency can not be told from the one that is looked for: the
place at which a curve is highest is far from normally distributed, a difference of its heights is nearly so.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from runner.statistics.estimate import (
    Bools,
    Estimate,
    Floats,
    Influence,
    Ints,
    Sample,
    Score,
    error_of,
    half_width,
    standard_error,
)
from runner.statistics.record import STATISTICS, Member

_MOST_LIMITS = 400
_MOST_SUMS = 1 << 24  # by limit and seed, that are held in memory at once
_TIMES = ("epochs_to_converge", "updates_to_converge")


@dataclass(frozen=True)
class _Curve:
    """The efficiency of some runs over the limit.

    Attributes
    ----------
    values : Sample
        Times, infinite for runs that do not converge.
    times : float array (k,)
        The different ones, ascending.
    counts : int array (k,)
        How many runs have each.
    limits : float array (m,)
        Those that are finite: times at which runs converge, where the efficiency jumps up.
    efficiency : float array (m,)
    best : int
        Number of the best limit, the first one of several.
    """

    values: Sample
    times: Floats
    counts: Ints
    limits: Floats
    efficiency: Floats
    best: int

    def spent(self, limit: float) -> float:
        """All epochs with a limit."""
        return float((np.minimum(self.times, limit) * self.counts).sum())

    def done(self, limit: float) -> float:
        """How many runs are right by then."""
        return float(self.counts[self.times <= limit].sum())

    def at(self, limit: float) -> float:
        """The efficiency of any limit."""
        return self.done(limit) / self.spent(limit)

    def score(self, limit: float) -> Score:
        """What each run adds to the logarithm of the efficiency, to first order: of mean 0."""
        n = len(self.values)
        hits, spent = self.done(limit) / n, self.spent(limit) / n
        return lambda v: (v.numbers <= limit) / hits - np.minimum(v.numbers, limit) / spent


def _curve(values: Sample) -> _Curve | None:
    """None where nothing converges, or a run is right before its first update."""
    times, counts = values.different()
    limits = times[np.isfinite(times)]
    if not len(limits) or times[0] <= 0:
        return None
    here = counts[: len(limits)]
    done = np.cumsum(here)
    efficiency = done / (np.cumsum(limits * here) + (len(values) - done) * limits)
    return _Curve(values, times, counts, limits, efficiency, int(np.argmax(efficiency)))


def _candidates(curve: _Curve) -> Floats:
    """Limits that an interval is made of: those of the curve, or so many of them, and some beyond its end."""
    limits = curve.limits
    if len(limits) > _MOST_LIMITS:
        chosen = np.linspace(0, len(limits) - 1, _MOST_LIMITS).round().astype(np.int64)
        limits = limits[np.union1d(chosen, [curve.best])]
    return np.concatenate([limits, limits[-1] * np.geomspace(1.02, 100, 100)])


def _like(curve: _Curve, share: float, confidence: float) -> tuple[Floats, Bools]:
    """Limits, and whether the efficiency of each may be that share of the peak."""
    limits = _candidates(curve)
    top = float(curve.efficiency[curve.best])
    scores = [curve.score(limit) for limit in (curve.limits[curve.best], *limits.tolist())]
    accepted = np.zeros(len(limits), bool)
    step = max(_MOST_SUMS // curve.values.n_seeds, 1)
    for first in range(0, len(limits), step):
        seeds, (peak, *sums), runs = curve.values.sums_by_seed([scores[0], *scores[1 + first : 1 + first + step]])
        for k, own in enumerate(sums, first):
            _, error, influence = error_of(seeds, peak - own, runs)
            reach = half_width(error, len(influence.seeds), confidence)
            below = math.log(share * top / curve.at(limits[k]))
            # Of the peak itself: all that are not surely lower.
            accepted[k] = below <= reach if share == 1.0 else abs(below) <= reach
    return limits, accepted


def _estimate(values: Sample, value: float, interval: tuple[float, float], influence: Influence, note: str) -> Estimate:
    low, high = (value, value) if values.exact else interval
    k = values.n_seeds
    notes = values.unless_exact(note)
    return Estimate(value, low, high, len(values), k, float(k), influence, notes, values.exact)


def _none_converge(values: Sample) -> bool:
    return math.isinf(values.ends[0])


def _nothing(values: Sample, value: float) -> Estimate:
    why = "no run converges" if _none_converge(values) else "a run is right before its first update"
    return Estimate(value, math.nan, math.nan, len(values), 0, 0.0, Influence(), (*values.notes, why))


def _peak(values: Sample, q: float, confidence: float) -> Estimate:
    curve = _curve(values)
    if curve is None:
        return _nothing(values, 0.0 if _none_converge(values) else math.inf)
    value = float(curve.efficiency[curve.best])
    _, error, influence = standard_error(values, curve.score(curve.limits[curve.best]))
    half = half_width(error, len(influence.seeds), confidence)
    ends = (value * math.exp(-half), value * math.exp(half)) if half < math.inf else (0.0, math.inf)
    return _estimate(values, value, ends, influence, "by the delta method on its logarithm")


_TOLD = "the limits that the runs can not tell from it"
_Side = Callable[[_Curve, Floats], tuple[float, Bools]]
"""From the curve and candidates to the limit that is looked for, and which candidates are on its side of the peak."""


def _limit(share: float, side: _Side) -> Callable[[Sample, float, float], Estimate]:
    def estimate(values: Sample, q: float, confidence: float) -> Estimate:
        curve = _curve(values)
        if curve is None:
            return _nothing(values, math.nan)
        limits, accepted = _like(curve, share, confidence)
        value, here = side(curve, limits)
        if math.isinf(value):
            # All converge: how many of other seeds would not is not known.
            return _estimate(values, value, (float(curve.limits[-1]), value), Influence(), _TOLD)
        if share == 1.0:
            first, last = np.flatnonzero(accepted)[[0, -1]].tolist()
        else:
            # Outwards to the first that is told from it: of early successes, which are few, little is known.
            refused = np.flatnonzero(~(accepted & here))
            first = int(refused[limits[refused] < value].max(initial=-1)) + 1
            last = int(refused[limits[refused] > value].min(initial=len(limits))) - 1
        low = min(float(limits[first]), value) if first or share == 1.0 else 0.0
        high = max(float(limits[last]), value) if last < len(limits) - 1 else math.inf
        return _estimate(values, value, (low, high), Influence(), _TOLD)

    return estimate


def _best(curve: _Curve, limits: Floats) -> tuple[float, Bools]:
    return float(curve.limits[curve.best]), np.ones(len(limits), bool)


def _from(curve: _Curve, limits: Floats) -> tuple[float, Bools]:
    first = int(np.argmax(curve.efficiency >= curve.efficiency[curve.best] / 2))
    return float(curve.limits[first]), limits <= curve.limits[curve.best]


def _to(curve: _Curve, limits: Floats) -> tuple[float, Bools]:
    half = curve.efficiency[curve.best] / 2
    last = int(np.flatnonzero(curve.efficiency >= half)[-1])
    times, counts = curve.limits[: last + 1], curve.counts[: last + 1]
    left = len(curve.values) - int(counts.sum())
    # From there on only the epochs of the others grow.
    value = (float(counts.sum()) / half - float((times * counts).sum())) / left if left else math.inf
    if last + 1 < len(curve.limits):
        value = min(value, float(curve.limits[last + 1]))
    return value, limits >= curve.limits[curve.best]


_HALF = "all limits on this side of the peak whose efficiency may be half of it, by the delta method"
STATISTICS.add(
    Member(
        "peak_efficiency",
        _peak,
        "successes per epoch with the best limit, after which a run is given up and another begun (Hamey, 1991)",
        "delta method on its logarithm, Student's t over the seeds",
        "peak efficiency by {}",
        columns=_TIMES,
    )
)
STATISTICS.add(
    Member(
        "best_limit",
        _limit(1.0, _best),
        "the limit at which the efficiency is greatest",
        "all limits whose efficiency is not surely smaller, by the delta method",
        "best limit of {}",
        columns=_TIMES,
    )
)
STATISTICS.add(
    Member(
        "efficient_from",
        _limit(0.5, _from),
        "the least limit whose efficiency is at least half of the peak",
        _HALF,
        "least efficient limit of {}",
        columns=_TIMES,
    )
)
STATISTICS.add(
    Member(
        "efficient_to",
        _limit(0.5, _to),
        "the greatest limit whose efficiency is at least half of the peak, if nothing converges after the budget",
        _HALF,
        "greatest efficient limit of {}",
        columns=_TIMES,
    )
)
