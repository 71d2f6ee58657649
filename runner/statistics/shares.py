"""Shares and medians over runs that have their seeds in common.

Two runs with the same seed start from the same weights, so that a pool of many cells and few seeds holds less
evidence than its rows: 300 cells on 100 seeds are 100 independent draws, not 30,000. The seeds are what is drawn by
chance, the cells are chosen. An interval of a pool therefore counts with an effective number of runs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runner.statistics.intervals import quantile, quantile_interval, student_t, wilson

Floats = NDArray[np.float64]
CHANCE = ("init", "bias_init", "order")
"""The keys whose values tell whether a seed makes a difference."""
CONFIDENCE = 0.95
"""Of the intervals."""
_PIECE = 1 << 18


@dataclass(frozen=True)
class Share:
    """How many of how many runs, and how sure that is.

    Attributes
    ----------
    hits, runs : float
        Counts.
    low, high : float
        95% interval.
    """

    hits: float
    runs: float
    low: float
    high: float

    @property
    def rate(self) -> float:
        """The share; nan of nothing."""
        return self.hits / self.runs if self.runs else float("nan")

    def as_json(self) -> dict[str, Any]:
        """For another program."""
        return {
            "hits": int(self.hits),
            "runs": int(self.runs),
            "rate": self.rate if self.runs else None,
            "low": self.low,
            "high": self.high,
        }


@dataclass(frozen=True)
class Median:
    """The median of a measurement, and its 95% interval; where runs are too few for a bound, that one is infinite."""

    value: float
    low: float
    high: float

    def as_json(self) -> dict[str, float | None]:
        """For another program: what is infinite is none."""
        return {name: value if math.isfinite(value) else None for name, value in vars(self).items()}


def totals(codes: NDArray[np.signedinteger[Any]], n: int, values: NDArray[Any] | None = None) -> Floats:
    """Sums of some values, or counts, by a number below n."""
    if values is not None and values.dtype != np.bool_:
        return np.asarray(np.bincount(codes, np.asarray(values, np.float64), n), np.float64)
    # NumPy would make 16 bytes of each entry: counts are the same in pieces.
    counts = np.zeros(n)
    for at in range(0, len(codes), _PIECE):
        piece = codes[at : at + _PIECE]
        counts += np.bincount(piece if values is None else piece[values[at : at + _PIECE]], minlength=n)
    return counts


def effective_runs(hits: Floats, runs: Floats, confidence: float) -> float:
    """How many independent runs a share over seeds is worth (Korn and Graubard, 1998, Survey Methodology 24).

    Parameters
    ----------
    hits, runs : float array
        Of each seed.
    confidence : float
        Of the interval that is to be made of it.

    Returns
    -------
    float
        Between the number of seeds and the number of runs.
    """
    runs, hits = runs[runs > 0], hits[runs > 0]
    n, seeds = float(runs.sum()), len(runs)
    # One run per seed: nothing to correct. One seed: nothing to estimate the correction from.
    if n == seeds or seeds < 2:
        return float(seeds)
    share = hits.sum() / n
    if share <= 0.0 or share >= 1.0:
        return float(seeds)
    variance = seeds / (seeds - 1) * float(np.square(hits - share * runs).sum()) / n**2
    # Seeds that fare more alike than independent runs would are worth no more than these.
    if not variance:
        return n
    worth = share * (1 - share) / variance * (student_t(confidence, n - 1) / student_t(confidence, seeds - 1)) ** 2
    return min(max(float(worth), float(seeds)), n)


def share_over_seeds(hits: Floats, runs: Floats, exact: bool = False, confidence: float = CONFIDENCE) -> Share:
    """Share with a Wilson interval that knows about common seeds.

    Parameters
    ----------
    hits, runs : float array
        Of each seed.
    exact : bool
        Whether no chance is involved: the interval is the share itself.
    confidence : float
        Of the interval.
    """
    total, hit = float(runs.sum()), float(hits.sum())
    if exact and total:
        return Share(hit, total, hit / total, hit / total)
    worth = effective_runs(hits, runs, confidence)
    # Not by a product where all are hits: rounding must not leave one out.
    low, high = wilson(worth if hit == total else hit * worth / total, worth, confidence) if total else (0.0, 1.0)
    return Share(hit, total, float(low), float(high))


def median_over_seeds(values: Floats, seeds: NDArray[np.signedinteger[Any]], exact: bool = False) -> Median:
    """The median, and between which values it would lie with other seeds.

    Parameters
    ----------
    values : float array (n,)
        At least one. What is no number counts as the greatest: a loss that overflowed.
    seeds : int array (n,)
        Number of the seed of each.
    exact : bool
        Whether no chance is involved: the interval is the median itself.
    """
    if (unknown := np.isnan(values)).any():
        values = np.where(unknown, np.inf, values)
    ordered = np.sort(values)
    middle = quantile(ordered, 0.5)
    if exact:
        return Median(middle, middle, middle)
    n = int(seeds.max()) + 1
    worth = effective_runs(totals(seeds, n, values <= middle), totals(seeds, n), CONFIDENCE)
    return Median(middle, *quantile_interval(ordered, 0.5, worth, CONFIDENCE))


def is_deterministic(inits: Sequence[str], bias_inits: Sequence[str], orders: Sequence[str]) -> bool:
    """Whether runs with these texts of `init`, `bias_init` and `order` are the same for every seed.

    Examples
    --------
    >>> is_deterministic(["[0.3, -0.1]"], ["zeros"], ["sequential"])
    True
    >>> is_deterministic(["normal(0, 1)"], ["zeros"], ["sequential"])
    False
    """
    fixed = all(text.startswith(("[", "zeros", "constant(")) for text in (*inits, *bias_inits))
    return fixed and all(order == "sequential" for order in orders)
