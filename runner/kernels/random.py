"""Counter-based random numbers: Philox4x64-10 of Salmon, Moraes, Dror and Shaw (Parallel Random Numbers, SC 2011).

A number is a function of (seed, stream, position), not of the numbers drawn before it. So initial weights do not
depend on which lane, block or thread makes them, and an epoch's order of samples can be drawn without the epochs
before it. NumPy's `np.random.Philox` is the same generator, and the tests compare with it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from runner.kernels.lanes.bits import product, wrapped_sum
from runner.kernels.lanes.elementary import log
from runner.kernels.lanes.functions import lane_function
from runner.kernels.lanes.operations import absolute, fma, sqrt, where_lt

# The constants of Philox4x64 in Random123, the authors' implementation.
MULTIPLIER_0, MULTIPLIER_1 = np.uint64(0xD2E7470EE14C6C93), np.uint64(0xCA5A826395121157)
KEY_STEP_0, KEY_STEP_1 = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBB67AE8584CAA73B)
ROUNDS = 10

# Streams: the second word of the key, so that weights and sample order of one seed are independent. Number 3 is that of
# who is held out (runner.data.held_out), and 6 that of wrong labels (runner.data.label_noise).
STREAM_WEIGHTS, STREAM_ORDER, STREAM_INPUTS, STREAM_DROPOUT = (np.uint64(number) for number in (1, 2, 4, 5))


@lane_function
def philox(seed: Any, stream: Any, c0: Any, c1: Any) -> Any:
    """Four random uint64 for the key (seed, stream) and the counter (c0, c1, 0, 0), all of them uint64."""
    k0, k1 = seed, stream
    x0, x1, x2, x3 = c0, c1, np.uint64(0), np.uint64(0)
    for _ in range(ROUNDS):
        high0, low0 = product(MULTIPLIER_0, x0)
        high1, low1 = product(MULTIPLIER_1, x2)
        x0, x1, x2, x3 = high1 ^ x1 ^ k0, low1, high0 ^ x3 ^ k1, low0
        k0, k1 = wrapped_sum(k0, KEY_STEP_0), wrapped_sum(k1, KEY_STEP_1)
    return x0, x1, x2, x3


@lane_function
def unit(word: Any) -> Any:
    """A 64-bit word as a float64 in the open interval (0, 1): (k + 1/2) / 2^52, where k is its top 52 bits.

    With 53 bits the largest number would be rounded up to 1.
    """
    return (np.float64(word >> np.uint64(12)) + 0.5) * 2.0**-52


@lane_function
def index_below(half: Any, n: Any) -> Any:
    """The index floor(half * n / 2^32), from 0 to n - 1, for a random number `half` of 32 bits.

    Lemire, Fast Random Integer Generation in an Interval (ACM TOMACS 29, 2019), without the step that rejects numbers:
    the probabilities of two indices differ by 2^-32 at most.
    """
    return np.int64((half * np.uint64(n)) >> np.uint64(32))


@lane_function
def _central(q: Any) -> Any:
    """PPND16 of AS 241 for |q| <= 0.425, where q = p - 1/2."""
    r = fma(-q, q, 0.180625)
    a = fma(r, 2509.0809287301226727, 33430.575583588128105)
    a = fma(a, r, 67265.770927008700853)
    a = fma(a, r, 45921.953931549871457)
    a = fma(a, r, 13731.693765509461125)
    a = fma(a, r, 1971.5909503065514427)
    a = fma(a, r, 133.14166789178437745)
    a = fma(a, r, 3.387132872796366608)
    b = fma(r, 5226.495278852545925, 28729.085735721942674)
    b = fma(b, r, 39307.89580009271061)
    b = fma(b, r, 21213.794301586595867)
    b = fma(b, r, 5394.1960214247511077)
    b = fma(b, r, 687.1870074920579083)
    b = fma(b, r, 42.313330701600911252)
    b = fma(b, r, 1.0)
    return q * (a / b)


@lane_function
def _middle_tail(r: Any) -> Any:
    """PPND16 of AS 241, without the sign, for sqrt(-log p) <= 5, where r = sqrt(-log p) - 1.6."""
    a = fma(r, 7.7454501427834140764e-4, 0.0227238449892691845833)
    a = fma(a, r, 0.24178072517745061177)
    a = fma(a, r, 1.27045825245236838258)
    a = fma(a, r, 3.64784832476320460504)
    a = fma(a, r, 5.7694972214606914055)
    a = fma(a, r, 4.6303378461565452959)
    a = fma(a, r, 1.42343711074968357734)
    b = fma(r, 1.05075007164441684324e-9, 5.475938084995344946e-4)
    b = fma(b, r, 0.0151986665636164571966)
    b = fma(b, r, 0.14810397642748007459)
    b = fma(b, r, 0.68976733498510000455)
    b = fma(b, r, 1.6763848301838038494)
    b = fma(b, r, 2.05319162663775882187)
    b = fma(b, r, 1.0)
    return a / b


@lane_function
def _far_tail(r: Any) -> Any:
    """PPND16 of AS 241, without the sign, for sqrt(-log p) > 5, where r = sqrt(-log p) - 5."""
    a = fma(r, 2.01033439929228813265e-7, 2.71155556874348757815e-5)
    a = fma(a, r, 0.0012426609473880784386)
    a = fma(a, r, 0.026532189526576123093)
    a = fma(a, r, 0.29656057182850489123)
    a = fma(a, r, 1.7848265399172913358)
    a = fma(a, r, 5.4637849111641143699)
    a = fma(a, r, 6.6579046435011037772)
    b = fma(r, 2.04426310338993978564e-15, 1.4215117583164458887e-7)
    b = fma(b, r, 1.8463183175100546818e-5)
    b = fma(b, r, 7.868691311456132591e-4)
    b = fma(b, r, 0.0148753612908506148525)
    b = fma(b, r, 0.13692988092273580531)
    b = fma(b, r, 0.59983220655588793769)
    b = fma(b, r, 1.0)
    return a / b


@lane_function
def normal_quantile(p: Any) -> Any:
    """The quantile of the standard normal distribution for probabilities 0 < p < 1, a vector.

    Wichura, Algorithm AS 241: The Percentage Points of the Normal Distribution (Applied Statistics 37, 1988), routine
    PPND16. All three of its formulas are computed for every lane, and one of the results is selected.
    """
    q = p - 0.5
    r = sqrt(-log(where_lt(q, 0.0, p, 1.0 - p)))
    size = where_lt(5.0, r, _far_tail(r - 5.0), _middle_tail(r - 1.6))
    tail = where_lt(q, 0.0, -size, size)
    return where_lt(0.425, absolute(q), tail, _central(q))
