"""Elementary functions with the same bits on every machine.

NumPy and the C library choose their exp, log and sin by the processor at hand, and the choices differ in the
last bit. Here everything is built from operations that IEEE 754 rounds in one way only (+ - * / sqrt and
powers of two, one NumPy call each, so that no compiler can fuse them), or from decimal arithmetic that is
rounded once at the end.
"""

from __future__ import annotations

import decimal
from decimal import Decimal
from fractions import Fraction

import numpy as np

from runner.data.parameters import Floats

_PI = Decimal("3.14159265358979323846264338327950288419716939937510582097494459230781640628620899862803")
# Digits enough that rounding to 53 bits is right even for a sigmoid next to a tie at one half.
_CONTEXT = decimal.Context(prec=70, rounding=decimal.ROUND_HALF_EVEN, Emin=-999999, Emax=999999, traps=[])

# Wichura (1988), Algorithm AS 241, PPND16: numerators and denominators from the constant term up.
_CENTRE = (
    (
        3.3871328727963666080e0, 1.3314166789178437745e2, 1.9715909503065514427e3,
        1.3731693765509461125e4, 4.5921953931549871457e4, 6.7265770927008700853e4,
        3.3430575583588128105e4, 2.5090809287301226727e3,
    ),
    (
        1.0, 4.2313330701600911252e1, 6.8718700749205790830e2,
        5.3941960214247511077e3, 2.1213794301586595867e4, 3.9307895800092710610e4,
        2.8729085735721942674e4, 5.2264952788528545610e3,
    ),
)  # fmt: skip
_TAIL = (
    (
        1.42343711074968357734e0, 4.63033784615654529590e0, 5.76949722146069140550e0,
        3.64784832476320460504e0, 1.27045825245236838258e0, 2.41780725177450611770e-1,
        2.27238449892691845833e-2, 7.74545014278341407640e-4,
    ),
    (
        1.0, 2.05319162663775882187e0, 1.67638483018380384940e0,
        6.89767334985100004550e-1, 1.48103976427480074590e-1, 1.51986665636164571966e-2,
        5.47593808499534494600e-4, 1.05075007164441684324e-9,
    ),
)  # fmt: skip
_FAR_TAIL = (
    (
        6.65790464350110377720e0, 5.46378491116411436990e0, 1.78482653991729133580e0,
        2.96560571828504891230e-1, 2.65321895265761230930e-2, 1.24266094738807843860e-3,
        2.71155556874348757815e-5, 2.01033439929228813265e-7,
    ),
    (
        1.0, 5.99832206555887937690e-1, 1.36929880922735805310e-1,
        1.48753612908506148525e-2, 7.86869131145613259100e-4, 1.84631831751005468180e-5,
        1.42151175831644588870e-7, 2.04426310338993978564e-15,
    ),
)  # fmt: skip

# ln 2 in two parts: the first has trailing zeros, so that a small whole number times it is exact.
_LN2_HIGH = float.fromhex("0x1.62e42fee00000p-1")
_LN2_LOW = float.fromhex("0x1.a39ef35793c76p-33")
_SQRT_HALF = float.fromhex("0x1.6a09e667f3bcdp-1")


def _polynomial(coefficients: tuple[float, ...], x: Floats) -> Floats:
    """Horner's rule, constant term first."""
    total = np.full_like(x, coefficients[-1])
    for coefficient in reversed(coefficients[:-1]):
        total = total * x
        total = total + coefficient
    return total


def _ratio(coefficients: tuple[tuple[float, ...], tuple[float, ...]], x: Floats) -> Floats:
    numerator, denominator = coefficients
    return _polynomial(numerator, x) / _polynomial(denominator, x)


def log(x: Floats) -> Floats:
    """Natural logarithm of positive finite numbers, to within 2 units in the last place."""
    mantissa, exponent = np.frexp(x)
    low = mantissa < _SQRT_HALF
    mantissa = np.where(low, mantissa * 2.0, mantissa)
    exponent = (exponent - low).astype(np.float64)
    f = mantissa - 1.0
    s = f / (mantissa + 1.0)
    square = s * s
    # log(1 + f) = 2 atanh(s); 2 s = f - s f keeps the leading term exact.
    series = _polynomial(tuple(2.0 / (2 * k + 3) for k in range(11)), square) * square
    small = exponent * _LN2_LOW - s * (f - series)
    return exponent * _LN2_HIGH + (f + small)


def normal_quantile(p: Floats) -> Floats:
    """Inverse of the standard normal distribution function, for 0 < p < 1.

    Parameters
    ----------
    p : array of float64
        Probabilities for which 1 - p is exact, such as multiples of 2**-53.

    Returns
    -------
    array of float64
        The quantiles, to a relative error of about 1e-15.
    """
    q = p - 0.5
    result = np.empty_like(q)
    centre = np.abs(q) <= 0.425
    inner = q[centre]
    result[centre] = inner * _ratio(_CENTRE, 0.180625 - inner * inner)
    outer = q[~centre]
    r = np.sqrt(-log(np.minimum(p, 1.0 - p)[~centre]))
    size = np.where(r <= 5.0, _ratio(_TAIL, r - 1.6), _ratio(_FAR_TAIL, r - 5.0))
    result[~centre] = np.where(outer < 0.0, -size, size)
    return result


def sigmoid(x: float) -> float:
    """1 / (1 + exp(-x)), correctly rounded; NaN stays NaN."""
    if x != x:
        return x
    if x > 40.0:  # 1 - exp(-40) rounds to 1
        return 1.0
    if x < -750.0:  # exp(-750) is below half the smallest number
        return 0.0
    return float(_CONTEXT.divide(Decimal(1), _CONTEXT.add(Decimal(1), _CONTEXT.exp(Decimal.from_float(-x)))))


def sine_cosine(turns: Fraction) -> tuple[Decimal, Decimal]:
    """Sine and cosine of an angle given in turns, to 60 digits.

    The angle is reduced to an eighth of a turn exactly, so that a zero is a true zero.
    """
    quarters = 4 * turns
    quadrant, rest = divmod(quarters, 1)
    swap = rest > Fraction(1, 2)
    reduced = 1 - rest if swap else rest
    scaled = _CONTEXT.multiply(_PI, Decimal(reduced.numerator))
    angle = _CONTEXT.divide(scaled, Decimal(2 * reduced.denominator))
    sine, cosine = _series(angle, first=1), _series(angle, first=0)
    if swap:
        sine, cosine = cosine, sine
    for _ in range(int(quadrant) % 4):
        sine, cosine = cosine, _CONTEXT.minus(sine)
    return sine, cosine


def _series(angle: Decimal, first: int) -> Decimal:
    """Taylor series of the sine (first = 1) or cosine (first = 0) of a small angle."""
    square = _CONTEXT.multiply(angle, angle)
    term = angle if first else Decimal(1)
    total, power = term, first
    while term.copy_abs() > Decimal("1e-68"):
        power += 2
        term = _CONTEXT.divide(_CONTEXT.multiply(term, square), Decimal(-power * (power - 1)))
        total = _CONTEXT.add(total, term)
    return total


def product(x: Decimal, y: Fraction) -> float:
    """x * y, rounded once."""
    return float(_CONTEXT.divide(_CONTEXT.multiply(x, Decimal(y.numerator)), Decimal(y.denominator)))
