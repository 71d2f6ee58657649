"""Exact bounds of shares and of quantiles, Wilson's interval of a share, Student's t, and sums of what has intervals.

SciPy's special functions are imported where they are used: that takes a tenth of a second, and not all need them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from statistics import NormalDist
from typing import Any, Protocol


class Ordered(Protocol):
    """Numbers in ascending order."""

    def __len__(self) -> int: ...

    def __getitem__(self, rank: int, /) -> Any:
        """The number at a rank, counted from 0."""


@lru_cache(maxsize=4096)
def clopper_pearson(successes: float, n: float, confidence: float) -> tuple[float, float]:
    """Exact interval of a share: whatever the true one, at least `confidence` of such intervals contain it.

    Its ends are quantiles of beta distributions (Clopper and Pearson, 1934, Biometrika 26).

    Parameters
    ----------
    successes, n : float
        How many out of how many; an effective number of trials need not be whole.
    confidence : float
        Of the two-sided interval.

    Returns
    -------
    low, high : float
        0 and 1 when nothing was tried.

    Examples
    --------
    >>> low, high = clopper_pearson(0, 500, 0.99)
    >>> low, round(high, 5)
    (0.0, 0.01054)
    """
    from scipy.special import betaincinv

    if not n:
        return 0.0, 1.0
    tail = (1 - confidence) / 2
    fails = n - successes
    low = float(betaincinv(successes, fails + 1, tail)) if successes > 0 else 0.0
    high = float(betaincinv(successes + 1, fails, 1 - tail)) if fails > 0 else 1.0
    return low, high


def quantile_interval(ordered: Ordered, q: float, worth: float, confidence: float) -> tuple[float, float]:
    """Two of the sorted values between which the true quantile lies, whatever the distribution.

    Ends of exact binomial probability (David and Nagaraja, 2003, Order Statistics, section 7.1). Where values go
    together, as those of a common seed do, the ranks are those among as many independent values as they are worth, as
    in Woodruff (1952, Journal of the American Statistical Association 47), and taken to the outer side.

    Parameters
    ----------
    ordered : array, or what is read like one
        The values in ascending order, at least one.
    q : float
        Which quantile, strictly between 0 and 1.
    worth : float
        How many independent values these are worth; at most as many as there are.
    confidence : float
        Of the two-sided interval.

    Returns
    -------
    low, high : float
        Infinite on a side on which there are too few values for a bound.

    Examples
    --------
    >>> import numpy as np
    >>> quantile_interval(np.arange(1, 11), 0.5, 10, 0.95), quantile_interval(np.arange(1, 6), 0.5, 5, 0.95)
    ((2.0, 9.0), (-inf, inf))
    """
    n, m = len(ordered), max(int(worth), 1)
    first, last = order_ranks(m, q, confidence)
    # Ranks among m independent values, as ranks among all n.
    low = -math.inf if first == 0 else float(ordered[(first - 1) * n // m])
    high = math.inf if last == m + 1 else float(ordered[-(-last * n // m) - 1])
    return low, high


def order_ranks(n: int, q: float, confidence: float) -> tuple[int, int]:
    """Ranks, counted from 1, of the two sorted values between which a quantile lies with at least `confidence`.

    Parameters
    ----------
    n : int
        How many values.
    q : float
        Which quantile, strictly between 0 and 1.
    confidence : float
        Of the two-sided interval.

    Returns
    -------
    low, high : int
        0 means minus infinity and n + 1 infinity: there are too few values for a bound on that side.
    """
    tail = (1 - confidence) / 2
    return _greatest_rank(n, q, tail), n + 1 - _greatest_rank(n, 1 - q, tail)


def _greatest_rank(n: int, q: float, tail: float) -> int:
    """The greatest k such that the k-th of n sorted values lies above a quantile with at most a chance `tail`."""
    from scipy.special import bdtr

    # The k-th value is above the quantile when at most k - 1 values are below it.
    low, high = 0, n
    while low < high:
        k = (low + high + 1) // 2
        low, high = (k, high) if bdtr(k - 1, n, q) <= tail else (low, k - 1)
    return low


@lru_cache(maxsize=4096)
def student_t(confidence: float, freedom: float) -> float:
    """How many standard errors a two-sided t interval reaches to each side.

    Examples
    --------
    >>> round(student_t(0.95, 10), 4)
    2.2281
    """
    from scipy.special import stdtrit

    return float(stdtrit(freedom, (1 + confidence) / 2))


def quantile(ordered: Ordered, q: float) -> float:
    """The value below which a share q lies; between two values, their mean."""
    n = len(ordered)
    place = q * n
    if place == int(place) and 0 < place < n:
        return float(ordered[int(place) - 1] / 2 + ordered[int(place)] / 2)
    return float(ordered[min(math.ceil(place), n) - 1])


Triple = tuple[float, float, float]
"""A number and the two ends of its interval."""


def difference(a: Triple, b: Triple, r: float) -> tuple[float, float]:
    """Interval of the difference a - b of two numbers that have intervals (MOVER: Zou and Donner, 2008).

    Parameters
    ----------
    a, b : tuple of three floats
        Each number, and the lower and the upper end of its interval.
    r : float
        How much the two vary together, their correlation.

    Returns
    -------
    low, high : float
    """
    (_, x_low, x_high), (_, y_low, y_high) = a, b
    if not all(map(math.isfinite, (*a, *b))):
        low, high = x_low - y_high, x_high - y_low
        return (-math.inf if math.isnan(low) else low), (math.inf if math.isnan(high) else high)
    return weighted_sum((1.0, -1.0), (a, b), ((1.0, r), (r, 1.0)))


def weighted_sum(
    weights: Sequence[float], numbers: Sequence[Triple], correlations: Sequence[Sequence[float]]
) -> tuple[float, float]:
    """Interval of a weighted sum of numbers that have finite intervals (MOVER: Zou, Huang and Zhang, 2009).

    Parameters
    ----------
    weights : sequence of float, length m
    numbers : sequence of tuple of three floats, length m
        Each number, and the lower and the upper end of its interval.
    correlations : m sequences of m floats
        How much each two of them vary together.

    Returns
    -------
    low, high : float

    Examples
    --------
    >>> low, high = weighted_sum((0.5, 0.5), ((2, 1, 3), (4, 3, 5)), ((1, 0), (0, 1)))
    >>> round(low, 4), round(high, 4)
    (2.2929, 3.7071)
    """
    value = sum(w * x for w, (x, _, _) in zip(weights, numbers, strict=True))
    # What a negative weight is given to reaches to the other side.
    down = [w * (x - (low if w > 0 else high)) for w, (x, low, high) in zip(weights, numbers, strict=True)]
    up = [w * ((high if w > 0 else low) - x) for w, (x, low, high) in zip(weights, numbers, strict=True)]
    signs = [math.copysign(1.0, w) for w in weights]
    return value - _reach(down, signs, correlations), value + _reach(up, signs, correlations)


def _reach(parts: Sequence[float], signs: Sequence[float], correlations: Sequence[Sequence[float]]) -> float:
    m = range(len(parts))
    square = sum(signs[i] * signs[j] * correlations[i][j] * parts[i] * parts[j] for i in m for j in m)
    return math.sqrt(max(square, 0.0))


def pair_correlation(both: float, first: float, second: float, neither: float) -> float:
    """How much two outcomes of the same units vary together, with Newcombe's correction for few of them.

    With it, and Wilson's intervals of both shares, `difference` is method 10 of Newcombe (1998, Statistics in Medicine
    17, pp. 2635-2650).

    Parameters
    ----------
    both, first, second, neither : float
        Units in which both outcomes hold, the first alone, the second alone, neither.

    Examples
    --------
    >>> round(pair_correlation(36, 12, 2, 0), 4)
    -0.1147
    >>> both, first, second, neither = 36, 12, 2, 0
    >>> a, b = (48 / 50, *wilson(48, 50)), (38 / 50, *wilson(38, 50))
    >>> low, high = difference(a, b, pair_correlation(both, first, second, neither))
    >>> round(low, 4), round(high, 4)
    (0.0569, 0.3404)
    """
    product = (both + first) * (second + neither) * (both + second) * (first + neither)
    if not product:
        return 0.0
    n = both + first + second + neither
    excess = both * neither - first * second
    corrected = excess if excess < 0 else max(excess - n / 2, 0.0)
    return corrected / math.sqrt(product)


def wilson(successes: float, n: float, confidence: float = 0.95) -> tuple[float, float]:
    """Wilson's score interval of a share.

    Parameters
    ----------
    successes, n : float
        How many out of how many; an effective number of runs need not be whole.
    confidence : float
        Of the two-sided interval.

    Returns
    -------
    low, high : float
        Within 0 and 1, and exactly there when all or none succeeded; 0 and 1 when nothing was tried.

    Examples
    --------
    >>> low, high = wilson(8, 10)
    >>> round(low, 4), round(high, 4)
    (0.4902, 0.9433)
    """
    if not n:
        return 0.0, 1.0
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share = successes / n
    middle = share + z * z / (2 * n)
    half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    # Rounding must not push a bound beyond what it is exactly.
    low = 0.0 if successes == 0 else (middle - half) / scale
    high = 1.0 if successes == n else (middle + half) / scale
    return low, high
