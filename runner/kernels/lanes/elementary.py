"""exp, expm1, log, log1p, sigmoid, tanh, softplus, sine, cosine and the normal distribution of vectors.

Written with additions, multiplications, divisions and fused multiply-adds, which IEEE 754 defines to the last bit, so
that they give the same bits on every processor; the mathematics library of the system does not. Arguments are reduced
after Cody and Waite (Muller, Elementary Functions, 3rd ed., chapter 11). Coefficients are fits made with mpmath at 50
digits (`benchmarks/elementary.py` makes them anew and measures the errors).

Errors are the largest ones found against mpmath over the whole range, in units in the last place (ulp) of the exact
result. NaN gives NaN; what arguments beyond the range give is said at each function.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from runner.kernels.lanes.bits import SHIFTER32, SHIFTER64, exponent, power_of_two, significand, times_power
from runner.kernels.lanes.functions import by_type, lane_function
from runner.kernels.lanes.operations import absolute, fma, rint, where_lt

LOG2E, LN2 = 1.4426950408889634, 0.6931471805599453
# ln 2 in two parts, the first with trailing zeros, so that k * LN2_HIGH is exact.
LN2_HIGH64, LN2_LOW64 = 0.6931471803691238, 1.9082149292705877e-10
LN2_HIGH32, LN2_LOW32 = 0.693359375, -0.00021219444005469057


def _by_precision(for64: Any, for32: Any) -> Any:
    """Decorator: the function of a vector is one of two, by its precision."""
    return by_type(lambda x: for64 if x.dtype == np.float64 else for32)


@lane_function
def _reduced64(x: Any) -> Any:
    """exp(r) - 1 and k + SHIFTER, where x = k ln 2 + r with an integer k and |r| <= ln(2) / 2; for x within +-708."""
    shifted = fma(x, LOG2E, SHIFTER64)
    k = shifted - SHIFTER64
    r = fma(k, -LN2_HIGH64, x)
    r = fma(k, -LN2_LOW64, r)
    q = fma(r, 2.510038319586702e-08, 2.7620085455018414e-07)
    q = fma(q, r, 2.7557268464831627e-06)
    q = fma(q, r, 2.4801521302241082e-05)
    q = fma(q, r, 0.00019841269863050506)
    q = fma(q, r, 0.001388888891720967)
    q = fma(q, r, 0.008333333333330063)
    q = fma(q, r, 0.041666666666624136)
    q = fma(q, r, 0.16666666666666669)
    q = fma(q, r, 0.5000000000000001)
    return fma(r * r, q, r), shifted


@lane_function
def _reduced32(x: Any) -> Any:
    """The same in single precision; x within +-87."""
    shifted = fma(x, LOG2E, SHIFTER32)
    k = shifted - SHIFTER32
    r = fma(k, -LN2_HIGH32, x)
    r = fma(k, -LN2_LOW32, r)
    q = fma(r, 0.0013926181709393859, 0.008363177999854088)
    q = fma(q, r, 0.041666556149721146)
    q = fma(q, r, 0.16666576266288757)
    q = fma(q, r, 0.5)
    return fma(r * r, q, r), shifted


@_by_precision(_reduced64, _reduced32)
def _reduced(x: Any) -> Any:
    """exp(r) - 1 and k + SHIFTER, where x = k ln 2 + r."""


# Functions that end in a division anyway take the exponential as a quotient: a rational function with five coefficients
# is as accurate as a polynomial with ten, and half as long. It is scaled so that p begins with the coefficient 1, which
# is an addition for a multiply-add.
#
# One multiply-add reduces the argument, where `exp` takes two: the constant that it multiplies by is rounded to the
# precision, and so the quotient is that of an x which is wrong by one part in 7e16 (float32: in 3.6e8).


@lane_function
def _quotient64(x: Any) -> Any:
    """p, q and k + SHIFTER with e^x = 2^k (q + p) / (q - p), for x within +-708.

    Here x = (k + f) ln 2 with an integer k and |f| <= 1/2, and p / q = tanh(f ln(2) / 2).
    """
    shifted = fma(x, LOG2E, SHIFTER64)
    k = shifted - SHIFTER64
    f = fma(x, LOG2E, -k)
    z = f * f
    p = fma(z + 874.7433632390893, z, 65550.99770586187)
    q = fma(z, 43.30054441554139, 10096.724031509217)
    return p * f, fma(q, z, 189140.19863114148), shifted


@lane_function
def _quotient32(x: Any) -> Any:
    """The same in single precision, for x within +-87; with x = k ln 2 + r and p / q = tanh(r / 2)."""
    shifted = fma(x, LOG2E, SHIFTER32)
    k = shifted - SHIFTER32
    r = fma(k, -LN2, x)
    z = r * r
    return (z + 60.0772705078125) * r, fma(z, 12.012868881225586, 120.154541015625), shifted


@_by_precision(_quotient64, _quotient32)
def _quotient(x: Any) -> Any:
    """p, q and k + SHIFTER with e^x = 2^k (q + p) / (q - p)."""


@lane_function
def _squared64(x: Any) -> Any:
    """p, q and k + SHIFTER with e^2x = 2^k (q + p) / (q - p), for x within +-350.

    Here x = k ln(2) / 2 + r with an integer k and |r| <= ln(2) / 4, and p / q = tanh(r).
    """
    shifted = fma(x, 2.0 * LOG2E, SHIFTER64)
    k = shifted - SHIFTER64
    r = fma(k, -0.5 * LN2, x)
    z = r * r
    p = fma(z + 105.06827131829111, z, 945.7169386032563)
    q = fma(z, 15.0068251391716, 420.3072508527022)
    return p * r, fma(q, z, 945.7169386032563), shifted


@lane_function
def _squared32(x: Any) -> Any:
    """The same in single precision, for x within +-43."""
    shifted = fma(x, 2.0 * LOG2E, SHIFTER32)
    k = shifted - SHIFTER32
    r = fma(k, -0.5 * LN2, x)
    z = r * r
    return (z + 15.019317626953125) * r, fma(z, 6.006434440612793, 15.019317626953125), shifted


@_by_precision(_squared64, _squared32)
def _squared(x: Any) -> Any:
    """p, q and k + SHIFTER with e^2x = 2^k (q + p) / (q - p)."""


@lane_function
def _limit64(x: Any) -> Any:
    return 708.0


@lane_function
def _limit32(x: Any) -> Any:
    return 87.0


@_by_precision(_limit64, _limit32)
def _limit(x: Any) -> Any:
    """A bound for arguments: their exponentials are normal numbers, and finite."""


@lane_function
def clamp(x: Any, bound: Any) -> Any:
    """x within +-bound; NaN stays NaN."""
    x = where_lt(bound, x, bound, x)
    return where_lt(x, -bound, -bound, x)


@lane_function
def exp(x: Any) -> Any:
    """e^x for x within +-708 (float32: +-87), and beyond that the value at this limit.

    Largest error: 1.1 ulp (float32: 1.0).
    """
    p, shifted = _reduced(clamp(x, _limit(x)))
    return times_power(1.0 + p, shifted)


@lane_function
def expm1(x: Any) -> Any:
    """e^x - 1, without cancellation near 0; the range is that of `exp`. Largest error: 2.1 ulp (float32: 1.6)."""
    p, shifted = _reduced(clamp(x, _limit(x)))
    scale = power_of_two(shifted)
    return fma(p, scale, scale - 1.0)


@lane_function
def sigmoid(x: Any) -> Any:
    """1 / (1 + e^-x). It is never 0: the smallest value is e^-708 (float32: e^-87).

    Largest error: 2.5 + 0.1271 |x| ulp (float32: 2.5 + 0.0462 |x|), of which the second part is for x < 0 alone. So at
    -10, where the sigmoid is 5e-5, it is below 3.8 ulp (float32: 3.0), and at -30, where it is 1e-13, 6.4 (3.9).
    """
    lowest = -_limit(x)
    # Beyond 64 the sigmoid is 1 to all digits, and far beyond it e^x times q would be infinite.
    x = where_lt(64.0, x, 64.0, x)
    p, q, shifted = _quotient(where_lt(x, lowest, lowest, x))
    above = times_power(q + p, shifted)
    return above / (above + (q - p))


@lane_function
def tanh(x: Any) -> Any:
    """The hyperbolic tangent (e^2x - 1) / (e^2x + 1), without cancellation near 0; +-1 beyond +-22.

    Largest error: 2.7 ulp (float32: 2.5).
    """
    p, q, shifted = _squared(clamp(x, 22.0))
    scale = power_of_two(shifted)
    less, more = scale - 1.0, scale + 1.0
    return fma(less, q, more * p) / fma(more, q, less * p)


@lane_function
def _log64(x: Any) -> Any:
    k, m = exponent(x), significand(x)
    f = m - 1.0
    s = f / (m + 1.0)
    z = s * s
    q = fma(z, 0.1461703754879165, 0.1533167403016786)
    q = fma(q, z, 0.18182890556695602)
    q = fma(q, z, 0.2222221111514416)
    q = fma(q, z, 0.2857142862609589)
    q = fma(q, z, 0.3999999999989924)
    q = fma(q, z, 0.666666666666667)
    # As in FDLIBM, e_log.c: log m = 2 atanh(s) = 2s + s z q with s = f / (2 + f), and 2s = f - s f, whose large term f
    # is exact. Adding x - x makes infinity NaN.
    tail = fma(s, fma(z, q, -f), k * LN2_LOW64)
    return fma(k, LN2_HIGH64, f + tail) + (x - x)


@lane_function
def _log32(x: Any) -> Any:
    k, m = exponent(x), significand(x)
    f = m - 1.0
    s = f / (m + 1.0)
    z = s * s
    q = fma(z, 0.2958039939403534, 0.39988771080970764)
    q = fma(q, z, 0.6666668653488159)
    tail = fma(s, fma(z, q, -f), k * LN2_LOW32)
    return fma(k, LN2_HIGH32, f + tail) + (x - x)


@_by_precision(_log64, _log32)
def log(x: Any) -> Any:
    """The natural logarithm of a positive normal number; NaN for NaN and infinity.

    Largest error: 0.9 ulp (float32: 0.9).
    """


@lane_function
def log1p(x: Any) -> Any:
    """log(1 + x) for 0 <= x <= 1: log(y) + (1 + x - y) / y, where y is the rounded 1 + x (FDLIBM, s_log1p.c).

    Largest error: 1.1 ulp (float32: 1.1).
    """
    y = x + 1.0
    return log(y) + (x - (y - 1.0)) / y


@lane_function
def softplus(x: Any) -> Any:
    """log(1 + e^x) = max(x, 0) + log(1 + e^-|x|), without overflow. Largest error: 1.8 ulp (float32: 1.8)."""
    return where_lt(x, 0.0, 0.0, x) + log1p(exp(-absolute(x)))


# pi in three parts, the first two with trailing zeros, so that x - k pi loses no digits for k below a million (float32:
# a thousand).
PI_HIGH64, PI_MIDDLE64, PI_LOW64 = 3.1415926534682512, 1.2154201012607932e-10, 4.044532497591901e-21
PI_HIGH32, PI_MIDDLE32, PI_LOW32 = 3.140625, 0.0009675025939941406, 1.5099580252808664e-07


@lane_function
def _pi64(x: Any) -> Any:
    return PI_HIGH64, PI_MIDDLE64, PI_LOW64


@lane_function
def _pi32(x: Any) -> Any:
    return PI_HIGH32, PI_MIDDLE32, PI_LOW32


@_by_precision(_pi64, _pi32)
def _pi(x: Any) -> Any:
    """pi in three parts."""


@lane_function
def _less_pi(x: Any, k: Any) -> Any:
    """x - k pi."""
    high, middle, low = _pi(x)
    return fma(k, -low, fma(k, -middle, fma(k, -high, x)))


@lane_function
def _sine_near_0(r: Any) -> Any:
    """The sine within +-pi / 2 by its Taylor series, whose next term is below half an ulp there."""
    r = clamp(r, 1.5707963267948966)
    z = r * r
    q = fma(z, 1.9572941063391263e-20, -8.22063524662433e-18)
    q = fma(q, z, 2.8114572543455206e-15)
    q = fma(q, z, -7.647163731819816e-13)
    q = fma(q, z, 1.6059043836821613e-10)
    q = fma(q, z, -2.505210838544172e-08)
    q = fma(q, z, 2.7557319223985893e-06)
    q = fma(q, z, -0.0001984126984126984)
    q = fma(q, z, 0.008333333333333333)
    q = fma(q, z, -0.16666666666666666)
    return fma(r * z, q, r)


@lane_function
def _turned(k: Any) -> Any:
    """1 where k, a whole number, is even, and -1 where it is odd."""
    return 1.0 - 2.0 * absolute(k - 2.0 * rint(0.5 * k))


@lane_function
def sine(x: Any) -> Any:
    """The sine of x, for |x| up to a million (float32: a thousand); beyond that a number within +-1.

    Largest error: 2.0 ulp (float32: 1.6).
    """
    k = rint(x * 0.3183098861837907)
    return _turned(k) * _sine_near_0(_less_pi(x, k))


@lane_function
def cosine(x: Any) -> Any:
    """The cosine of x = (k + 1/2) pi + r, which is -(-1)^k sin r; for the same x as `sine`.

    Largest error: 2.1 ulp (float32: 1.8).
    """
    k = rint(fma(x, 0.3183098861837907, -0.5))
    return -_turned(k) * _sine_near_0(_less_pi(x, k + 0.5))


@lane_function
def normal_cdf(x: Any) -> Any:
    """The share of a standard normal distribution below x.

    From Cody's rational approximations of the error function (Mathematics of Computation 23, 1969), whose second one is
    used for all |x| > 0.66: where it is less exact, below -5.6, the result is less than 1e-8. Largest error: 11 ulp
    (float32: 11), down to x = -5; and half an ulp of 1 everywhere.
    """
    y = absolute(x) * 0.7071067811865476
    z = y * y
    a = fma(z, 0.185777706184603153, 3.16112374387056560)
    a = fma(a, z, 113.864154151050156)
    a = fma(a, z, 377.485237685302021)
    a = fma(a, z, 3209.37758913846947)
    b = fma(z, 1.0, 23.6012909523441209)
    b = fma(b, z, 244.024637934444173)
    b = fma(b, z, 1282.61652607737228)
    b = fma(b, z, 2844.23683343917062)
    y = where_lt(27.0, y, 27.0, y)
    c = fma(y, 2.15311535474403846e-8, 0.564188496988670089)
    c = fma(c, y, 8.88314979438837594)
    c = fma(c, y, 66.1191906371416295)
    c = fma(c, y, 298.635138197400131)
    c = fma(c, y, 881.952221241769090)
    c = fma(c, y, 1712.04761263407058)
    c = fma(c, y, 2051.07837782607147)
    c = fma(c, y, 1230.33935479799725)
    d = fma(y, 1.0, 15.7449261107098347)
    d = fma(d, y, 117.693950891312499)
    d = fma(d, y, 537.181101862009858)
    d = fma(d, y, 1621.38957456669019)
    d = fma(d, y, 3290.79923573345963)
    d = fma(d, y, 4362.61909014324716)
    d = fma(d, y, 3439.36767414372164)
    d = fma(d, y, 1230.33935480374942)
    ratio = where_lt(z, 0.2197265625, a, c) / where_lt(z, 0.2197265625, b, d)
    below = where_lt(z, 0.2197265625, 0.5 - 0.5 * y * ratio, 0.5 * exp(-0.5 * x * x) * ratio)
    return where_lt(x, 0.0, below, 1.0 - below)
