"""The share of runs that have converged by some time, where the runs differ in how long they were trained.

Kaplan and Meier's product-limit estimate (1958, Journal of the American Statistical Association 53): a run that never
met its criterion is censored at the end of its budget, since nothing is known of it beyond.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from runner.statistics.estimate import Sample, Values
from runner.statistics.intervals import student_t

Floats = NDArray[np.float64]
_MOST_POINTS = 400
_MOST_NUMBERS = 10_000_000  # of the table of seeds and points that is held in memory


@dataclass(frozen=True)
class Converged:
    """A step function of time.

    Attributes
    ----------
    times : array of shape (n,)
        Where the share changes, ascending: times at which runs met their criterion.
    share : array of shape (n,)
        Of the runs, that have met it by then, this time included.
    low, high : array of shape (n,)
        Interval; NaN where there is none: where no run has converged yet, or all have.
    end : float
        The longest time for which a run was watched: beyond it nothing is known.
    """

    times: Floats
    share: Floats
    low: Floats
    high: Floats
    end: float


def converged_by(values: Sample, confidence: float = 0.95) -> Converged:
    """Kaplan and Meier's estimate, with an interval that knows about common seeds.

    Parameters
    ----------
    values : Sample
        When each run met its criterion, or how long it was trained in vain, and as `converged` whether it met it. Runs
        with the same seed are not independent.
    confidence : float
        Of the two-sided interval.

    Returns
    -------
    Converged
        With at most 400 of the times, evenly chosen.

    Notes
    -----
    The interval is that of log(-log(1 - share)), which stays between 0 and 1 (Kalbfleisch and Prentice, 1980, The
    Statistical Analysis of Failure Time Data). The variance is Greenwood's (1926) where every seed occurs once. Where
    seeds recur, it is the sum of squares over the seeds of what their runs contribute to the estimate, to first order
    (Ying and Wei, 1994, Journal of Multivariate Analysis 50), with as many degrees of freedom as seeds but one.
    """
    grid, events = values.different(lambda v: v.numbers[v.successes().numbers > 0])
    end = values.ends[1]
    if not len(grid):
        nothing = np.empty(0)
        return Converged(nothing, nothing, nothing, nothing, end)
    times, counts = values.different()
    # A run is still watched at the very time at which it is censored.
    before = np.concatenate([[0], np.cumsum(counts)])[np.searchsorted(times, grid, "left")]
    watched = len(values) - before
    left = np.cumprod(1 - events / watched)
    with np.errstate(divide="ignore"):
        greenwood = np.cumsum(events / (watched * (watched - events)))
        weight = 1 / (watched - events)
    n = values.n_seeds
    most = max(min(_MOST_POINTS, _MOST_NUMBERS // n), 2)
    kept = np.arange(len(grid))
    if len(kept) > most:
        kept = np.unique(np.linspace(0, len(grid) - 1, most).round().astype(np.int64))
    if n == len(values):
        reach, variance = NormalDist().inv_cdf((1 + confidence) / 2), greenwood[kept]
    elif n > 1:
        reach = student_t(confidence, n - 1)
        variance = n / (n - 1) * _squares(values, grid, kept, weight, greenwood)
    else:
        reach, variance = np.nan, np.full(len(kept), np.nan)
    left = left[kept]
    low, high = np.full(len(kept), np.nan), np.full(len(kept), np.nan)
    inner = (left > 0) & (left < 1) & np.isfinite(variance)
    # Of log(-log(left)): the standard error of log(left) divided by log(left).
    factor = np.exp(reach * np.sqrt(variance[inner]) / -np.log(left[inner]))
    low[inner], high[inner] = 1 - left[inner] ** (1 / factor), 1 - left[inner] ** factor
    return Converged(grid[kept], np.asarray(1 - left, np.float64), low, high, end)


def _squares(values: Sample, grid: Floats, kept: NDArray[np.int64], weight: Floats, greenwood: Floats) -> Floats:
    """Of what the runs of each seed contribute to -log(left) at a kept time, to first order, the sum of squares.

    A run contributes its own event, `weight` there, less what was expected of it while it was watched, `greenwood`.
    """

    def contributed(v: Values) -> Floats:
        at = np.searchsorted(grid, v.numbers, "right") - 1
        expected = np.where(at >= 0, greenwood[np.maximum(at, 0)], 0.0)
        own = np.where(v.successes().numbers > 0, weight[np.maximum(at, 0)], 0.0)
        with np.errstate(invalid="ignore"):
            return np.asarray(own - expected, np.float64)

    def place(v: Values) -> NDArray[np.int64]:
        return np.searchsorted(grid[kept], v.numbers, "left")

    sums, counts = values.tables_by_seed(place, len(kept) + 1, contributed)
    runs = counts.sum(axis=1)
    # In place: of a large table each of them is as large as may be.
    np.cumsum(sums, axis=1, out=sums)
    np.cumsum(counts, axis=1, out=counts)
    squares = np.empty(len(kept))
    for k, expected in enumerate(greenwood[kept].tolist()):
        with np.errstate(invalid="ignore"):
            squares[k] = np.square(sums[:, k] - (runs - counts[:, k]) * expected).sum()
    return squares
