"""Exact bounds of shares and of ranks, and quantiles of Student's t, all from the incomplete beta function."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from statistics import NormalDist

_TINY = 1e-300
_MOST_TERMS = 1_000_000


def incomplete_beta(x: float, a: float, b: float) -> float:
    """The regularised incomplete beta function: the probability that a beta(a, b) variable is below x.

    Examples
    --------
    >>> round(incomplete_beta(0.3, 2, 5), 12)
    0.579825
    """
    if x <= 0.0:
        return 0.0
    if x >= 1.0:
        return 1.0
    front = a * math.log(x) + b * math.log1p(-x) + math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    # The fraction converges fast on the near side of the mean; the other side is its mirror image.
    if x < (a + 1) / (a + b + 2):
        return math.exp(front) * _fraction(x, a, b) / a
    return 1.0 - math.exp(front) * _fraction(1 - x, b, a) / b


def _fraction(x: float, a: float, b: float) -> float:
    """Continued fraction of the incomplete beta function, by Lentz's method."""
    c, d = 1.0, 1.0 / _away(1 - (a + b) * x / (a + 1))
    value = d
    for m in range(1, _MOST_TERMS):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        d, c = 1.0 / _away(1 + even * d), _away(1 + even / c)
        value *= d * c
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        d, c = 1.0 / _away(1 + odd * d), _away(1 + odd / c)
        value *= d * c
        if abs(d * c - 1) < 1e-15:
            break
    return value


def _away(x: float) -> float:
    return x if abs(x) > _TINY else _TINY


def _solve(rising: Callable[[float], float], target: float, low: float, high: float) -> float:
    """Where a rising function has a value, by halving."""
    for _ in range(200):
        middle = (low + high) / 2
        if middle in (low, high):
            break
        if rising(middle) < target:
            low = middle
        else:
            high = middle
    return (low + high) / 2


@lru_cache(maxsize=4096)
def clopper_pearson(successes: float, n: float, confidence: float) -> tuple[float, float]:
    """Exact interval of a share: whatever the true one, at least `confidence` of such intervals contain it.

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
    if not n:
        return 0.0, 1.0
    tail = (1 - confidence) / 2
    fails = n - successes
    low = _solve(lambda x: incomplete_beta(x, successes, fails + 1), tail, 0.0, 1.0) if successes > 0 else 0.0
    high = _solve(lambda x: incomplete_beta(x, successes + 1, fails), 1 - tail, 0.0, 1.0) if fails > 0 else 1.0
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
    low = _greatest(n, lambda k: _at_most(k - 1, n, q) <= tail)
    return low, n + 1 - _greatest(n, lambda k: _at_most(k - 1, n, 1 - q) <= tail)


def _greatest(n: int, fits: Callable[[int], bool]) -> int:
    """The greatest k of 1 to n that fits, when all smaller ones fit as well; 0 when none does."""
    low, high = 0, n
    while low < high:
        middle = (low + high + 1) // 2
        if fits(middle):
            low = middle
        else:
            high = middle - 1
    return low


def _at_most(k: int, n: int, p: float) -> float:
    """Probability of at most k successes in n trials."""
    return 1.0 if k >= n else incomplete_beta(1 - p, n - k, k + 1)


@lru_cache(maxsize=4096)
def student_t(confidence: float, freedom: float) -> float:
    """How many standard errors a two-sided t interval reaches to each side.

    Examples
    --------
    >>> round(student_t(0.95, 10), 4)
    2.2281
    """

    def within(t: float) -> float:
        return 1 - incomplete_beta(freedom / (freedom + t * t), freedom / 2, 0.5)

    high = 1.0
    while within(high) < confidence:
        high *= 2
    return _solve(within, confidence, 0.0, high)


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
