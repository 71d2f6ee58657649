"""The fits of runner/kernels/lanes/elementary.py, made anew, and the errors of its functions.

`python -m benchmarks.elementary` prints the coefficients, highest power first, as they stand in the kernels, with the
largest relative error of each fit, and then the largest error of every function against mpmath, in units in the last
place of the exact result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import mpmath
import numpy as np
from numpy.typing import NDArray

from runner.kernels.lanes import elementary
from runner.kernels.lanes.entry import entry
from runner.kernels.lanes.operations import load, pointer, store
from runner.kernels.lanes.switch import Table, choose
from runner.kernels.lanes.vector import Lanes

DIGITS = 50
PRECISIONS = (np.float64, np.float32)
LANES = Lanes(8)


@dataclass(frozen=True)
class Polynomial:
    """A function that a kernel replaces by a polynomial, on an interval, with a number of coefficients."""

    name: str
    function: Callable[[Any], Any]
    low: Any
    high: Any
    coefficients: dict[type, int]

    def fitted(self, dtype: type) -> list[float]:
        """Chebyshev fit, highest power first, each coefficient rounded to the precision."""
        with mpmath.workdps(DIGITS):
            fit = mpmath.chebyfit(self.function, [self.low, self.high], self.coefficients[dtype])
            return [float(dtype(str(c))) for c in fit]

    def error(self, dtype: type, points: int = 501) -> float:
        """Largest relative error of the fit, its coefficients rounded, its evaluation exact."""
        with mpmath.workdps(DIGITS):
            fit = [mpmath.mpf(c) for c in self.fitted(dtype)]
            xs = [self.low + (self.high - self.low) * k / (points - 1) for k in range(points)]
            return max(float(abs(mpmath.polyval(fit, x) / self.function(x) - 1)) for x in xs)


@dataclass(frozen=True)
class Quotient:
    """tanh(u r / 2) as a quotient p / q of r P(r^2) and Q(r^2), both of a degree in r^2, where P begins with 1.

    A rational interpolation at Chebyshev's points, which is the best approximation but for a small factor.

    Attributes
    ----------
    name : str
    units : mapping of type to number
        What u is in each precision; |u r| is at most half of ln 2.
    degrees : mapping of type to int
    """

    name: str
    units: dict[type, Any]
    degrees: dict[type, int]

    def _limit(self, dtype: type) -> Any:
        return mpmath.mpf("0.3466") / self.units[dtype]

    def fitted(self, dtype: type) -> list[float]:
        """Coefficients of P without its first one, then of Q, highest power first.

        Q's last one is P's, rounded, times 2 / u: near 0, the quotient is u r / 2 as exactly as the precision allows.
        """
        degree, unit = self.degrees[dtype], self.units[dtype]
        n = 2 * degree + 1
        with mpmath.workdps(DIGITS):
            limit = self._limit(dtype)
            points = [limit**2 * (1 + mpmath.cos(mpmath.pi * (2 * k + 1) / (2 * n))) / 2 for k in range(n)]
            values = [mpmath.tanh(unit * mpmath.sqrt(z) / 2) / mpmath.sqrt(z) for z in points]
            rows = [
                [*(z**j for j in range(degree)), *(-f * z**j for j in range(degree + 1))]
                for z, f in zip(points, values, strict=True)
            ]
            fit = mpmath.lu_solve(mpmath.matrix(rows), mpmath.matrix([-(z**degree) for z in points]))
            upper, lower = (
                [float(dtype(str(c))) for c in part] for part in (fit[degree - 1 :: -1], fit[n - 1 : degree : -1])
            )
            return [*upper, *lower, float(dtype(str(2 * mpmath.mpf(upper[-1]) / unit)))]

    def error(self, dtype: type, points: int = 501) -> float:
        """Largest relative error of the exponential (q + p) / (q - p) in exact arithmetic, coefficients rounded."""
        degree, unit = self.degrees[dtype], self.units[dtype]
        with mpmath.workdps(DIGITS):
            fit = [mpmath.mpf(c) for c in self.fitted(dtype)]
            worst = 0.0
            for k in range(points):
                r = self._limit(dtype) * (2 * mpmath.mpf(k) / (points - 1) - 1)
                p, q = r * mpmath.polyval([1, *fit[:degree]], r * r), mpmath.polyval(fit[degree:], r * r)
                worst = max(worst, float(abs((q + p) / (q - p) / mpmath.exp(unit * r) - 1)))
            return worst


def _exponential_rest(r: Any) -> Any:
    """(e^r - 1 - r) / r^2."""
    return mpmath.fsum(r**k / mpmath.factorial(k + 2) for k in range(30))


def _logarithm_rest(z: Any) -> Any:
    """(2 atanh(s) - 2 s) / s^3 with z = s^2."""
    return mpmath.fsum(2 * z**k / (2 * k + 3) for k in range(40))


with mpmath.workdps(DIGITS):
    FITS: tuple[Polynomial | Quotient, ...] = (
        Polynomial(
            "q(r) = (e^r - 1 - r) / r^2",
            _exponential_rest,
            -mpmath.mpf("0.3466"),
            mpmath.mpf("0.3466"),
            {np.float64: 10, np.float32: 5},
        ),
        Polynomial(
            "L(z) = (2 atanh(s) - 2 s) / s^3, z = s^2",
            _logarithm_rest,
            mpmath.mpf(0),
            mpmath.mpf("0.02945"),
            {np.float64: 7, np.float32: 3},
        ),
        Quotient(
            "for sigmoid, tanh(u r / 2) = r P(r^2) / Q(r^2), u = ln 2 (float32: 1)",
            {np.float64: mpmath.log(2), np.float32: mpmath.mpf(1)},
            {np.float64: 2, np.float32: 1},
        ),
        Quotient(
            "for tanh, tanh(r) = r P(r^2) / Q(r^2)",
            {np.float64: mpmath.mpf(2), np.float32: mpmath.mpf(2)},
            {np.float64: 2, np.float32: 1},
        ),
    )


@dataclass(frozen=True)
class Function:
    """A function of elementary.py.

    Attributes
    ----------
    name : str
    exact : callable
        What it should be.
    ranges : mapping of type to two floats
        What it is good for in each precision.
    logarithmic : bool
        Whether its arguments are positive, and all orders of magnitude are of interest.
    growth : mapping of type to float
        By how many units in the last place the error may grow with -x, for x < 0. An x that is wrong by a share of it
        makes e^x wrong by |x| times this share, and a unit in the last place is at least half the precision.
    """

    name: str
    exact: Callable[[Any], Any]
    ranges: dict[type, tuple[float, float]]
    logarithmic: bool = False
    growth: dict[type, float] = field(default_factory=lambda: dict.fromkeys(PRECISIONS, 0.0))

    def points(self, dtype: type, n: int) -> NDArray[Any]:
        """Arguments all over the range, denser where small numbers are of interest; a multiple of the lanes."""
        low, high = self.ranges[dtype]
        random = np.random.default_rng(1)
        if self.logarithmic:
            wide = np.exp(random.uniform(np.log(low), np.log(high), n))
            near = random.uniform(max(low, 0.5), min(high, 2.0), n)
        else:
            wide = random.uniform(low, high, n)
            small = np.exp(random.uniform(np.log(1e-8), np.log(40.0), n))
            near = np.clip(small * random.choice([-1.0, 1.0], n), low, high)
        return np.concatenate([wide, near, np.full(LANES.n, low), np.full(LANES.n, high)]).astype(dtype)


def _share(constant: float, exact: Callable[[], Any], dtype: type) -> float:
    """By what share of itself a constant, rounded to the precision, is wrong; in units of half the precision."""
    with mpmath.workdps(DIGITS):
        return float(abs(mpmath.mpf(float(dtype(constant))) / exact() - 1) * 2 / mpmath.mpf(float(np.finfo(dtype).eps)))


def _same(low64: float, high64: float, low32: float, high32: float) -> dict[type, tuple[float, float]]:
    return {np.float64: (low64, high64), np.float32: (low32, high32)}


FUNCTIONS = (
    Function("exp", mpmath.exp, _same(-708, 708, -87, 87)),
    Function("expm1", mpmath.expm1, _same(-30, 708, -15, 87)),
    Function(
        "sigmoid",
        lambda x: 1 / (1 + mpmath.exp(-x)),
        _same(-708, 708, -87, 87),
        growth={
            np.float64: _share(elementary.LOG2E, lambda: 1 / mpmath.log(2), np.float64),
            np.float32: _share(elementary.LN2, lambda: mpmath.log(2), np.float32),
        },
    ),
    Function("tanh", mpmath.tanh, _same(-30, 30, -30, 30)),
    Function("log", mpmath.log, _same(1e-300, 1e300, 1e-37, 1e38), logarithmic=True),
    Function("log1p", mpmath.log1p, _same(1e-300, 1, 1e-37, 1), logarithmic=True),
    Function("sine", mpmath.sin, _same(-1e6, 1e6, -1000, 1000)),
    Function("cosine", mpmath.cos, _same(-1e6, 1e6, -1000, 1000)),
    Function("normal_cdf", mpmath.ncdf, _same(-5, 38, -5, 38)),
    Function("softplus", lambda x: mpmath.log1p(mpmath.exp(x)), _same(-700, 1000, -80, 1000)),
)

TABLE = Table("elementary", {function.name: getattr(elementary, function.name) for function in FUNCTIONS})


@entry
def _apply(code: int, x: Any, out: Any, lanes: Any) -> None:
    for at in range(0, x.size, lanes.n):
        store(pointer(out), at, choose(TABLE, code, (load(pointer(x), at, lanes),)))


def evaluate(name: str, x: NDArray[Any]) -> NDArray[Any]:
    """A function of elementary.py on an array."""
    padded = np.concatenate([x, np.repeat(x[-1:], -len(x) % LANES.n)])
    out = np.empty_like(padded)
    _apply([function.name for function in FUNCTIONS].index(name), padded, out, LANES)
    return out[: len(x)]


def errors(function: Function, dtype: type, n: int = 2000) -> tuple[NDArray[Any], NDArray[np.float64]]:
    """Arguments, and the errors there in units in the last place of the exact result."""
    x = function.points(dtype, n)
    found = []
    with mpmath.workdps(40):
        for argument, value in zip(x.tolist(), evaluate(function.name, x).tolist(), strict=True):
            exact = function.exact(mpmath.mpf(argument))
            unit = float(np.spacing(np.abs(dtype(float(exact)))))
            found.append(float(abs(mpmath.mpf(value) - exact)) / unit)
    return x, np.array(found)


@cache
def worst(name: str, dtype: type, n: int = 2000) -> tuple[float, float]:
    """The largest error of a function over n points, less what it may grow by with -x, and where it is."""
    function = next(each for each in FUNCTIONS if each.name == name)
    x, found = errors(function, dtype, n)
    found = found - function.growth[dtype] * np.maximum(-x, 0.0)
    return float(found.max()), float(x[found.argmax()])


def report() -> Iterator[str]:
    """The lines to print."""
    for fit in FITS:
        for dtype in PRECISIONS:
            yield f"{fit.name}, {dtype.__name__}: relative error {fit.error(dtype):.2e}"
            yield from (f"    {c!r}" for c in fit.fitted(dtype))
    yield f"{'function':10} {'precision':10} {'largest error':>14}  at"
    for function in FUNCTIONS:
        for dtype in PRECISIONS:
            error, at = worst(function.name, dtype, 50_000)
            growth = f", and {function.growth[dtype]:.4f} |x| ulp for x < 0" if function.growth[dtype] else ""
            yield f"{function.name:10} {dtype.__name__:10} {error:10.3f} ulp  {at:.6g}{growth}"


if __name__ == "__main__":
    for line in report():
        print(line)
