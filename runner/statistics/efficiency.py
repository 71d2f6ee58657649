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

from runner.statistics.estimate import Bools, Estimate, Floats, Influence, Values, half_width, standard_error
from runner.statistics.record import STATISTICS, Member

_MOST_LIMITS = 400
_TIMES = ("epochs_to_converge", "updates_to_converge")


@dataclass(frozen=True)
class _Curve:
    """The efficiency of some runs over the limit.

    Attributes
    ----------
    values : Values
        Times, infinite for runs that do not converge.
    limits : float array (m,)
        Ascending: times at which runs converge, where the efficiency jumps up.
    efficiency : float array (m,)
    best : int
        Number of the best limit, the first one of several.
    """

    values: Values
    limits: Floats
    efficiency: Floats
    best: int

    def at(self, limit: float) -> float:
        """The efficiency of any limit."""
        times = self.values.numbers
        spent = float(np.minimum(times, limit).sum())
        return float((times <= limit).sum()) / spent

    def score(self, limit: float) -> Floats:
        """What each run adds to the logarithm of the efficiency, to first order: of mean 0."""
        times = self.values.numbers
        hits, spent = (times <= limit).astype(float), np.minimum(times, limit)
        return np.asarray(hits / hits.mean() - spent / spent.mean(), np.float64)


def _curve(values: Values) -> _Curve | None:
    """None where nothing converges, or a run is right before its first update."""
    times = np.sort(values.numbers)
    found = int(np.isfinite(times).sum())
    if not found or times[0] <= 0:
        return None
    done = np.arange(1, found + 1)
    spent = np.cumsum(times[:found]) + (len(times) - done) * times[:found]
    # Of equal times the last one, by which all of them are done.
    last = np.append(times[1:found] != times[: found - 1], True)
    limits, efficiency = times[:found][last], (done / spent)[last]
    return _Curve(values, limits, efficiency, int(np.argmax(efficiency)))


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
    peak, top = curve.score(curve.limits[curve.best]), float(curve.efficiency[curve.best])
    accepted = np.zeros(len(limits), bool)
    for k, limit in enumerate(limits):
        _, error, influence = standard_error(curve.values, peak - curve.score(limit))
        reach = half_width(error, len(influence.seeds), confidence)
        below = math.log(share * top / curve.at(limit))
        # Of the peak itself: all that are not surely lower.
        accepted[k] = below <= reach if share == 1.0 else abs(below) <= reach
    return limits, accepted


def _estimate(values: Values, value: float, interval: tuple[float, float], influence: Influence, note: str) -> Estimate:
    low, high = (value, value) if values.exact else interval
    k = len(np.unique(values.seeds))
    notes = values.unless_exact(note)
    return Estimate(value, low, high, len(values.numbers), k, float(k), influence, notes, values.exact)


def _nothing(values: Values, value: float) -> Estimate:
    why = "no run converges" if not np.isfinite(values.numbers).any() else "a run is right before its first update"
    return Estimate(value, math.nan, math.nan, len(values.numbers), 0, 0.0, Influence(), (*values.notes, why))


def _peak(values: Values, q: float, confidence: float) -> Estimate:
    curve = _curve(values)
    if curve is None:
        return _nothing(values, math.inf if np.isfinite(values.numbers).any() else 0.0)
    value = float(curve.efficiency[curve.best])
    _, error, influence = standard_error(values, curve.score(curve.limits[curve.best]))
    half = half_width(error, len(influence.seeds), confidence)
    ends = (value * math.exp(-half), value * math.exp(half)) if half < math.inf else (0.0, math.inf)
    return _estimate(values, value, ends, influence, "by the delta method on its logarithm")


_TOLD = "the limits that the runs can not tell from it"
_Side = Callable[[_Curve, Floats], tuple[float, Bools]]
"""From the curve and candidates to the limit that is looked for, and which candidates are on its side of the peak."""


def _limit(share: float, side: _Side) -> Callable[[Values, float, float], Estimate]:
    def estimate(values: Values, q: float, confidence: float) -> Estimate:
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
    times = curve.values.numbers
    done = times <= curve.limits[last]
    left = int((~done).sum())
    # From there on only the epochs of the others grow.
    value = (float(done.sum()) / half - float(times[done].sum())) / left if left else math.inf
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
