"""Samples of a space of keys: random, Sobol or Latin hypercube, the same bits on every machine.

Points are whole numbers k that stand for k / 2^53, made by Philox and integer arithmetic alone; what needs a
logarithm is computed in decimal and rounded once. Every key has a stream of its own, so that adding a key to the
space leaves the values of the others as they are, and a larger random or Sobol sample begins with the smaller one.
"""

from __future__ import annotations

import decimal
import hashlib
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from runner.keys.issues import Invalid, expected
from runner.keys.kinds import integer, to_float
from runner.sweep.ranges import decimal_of

UNIT = 53
"""Points are multiples of 2^-UNIT."""
_SOBOL_BITS = 30
_DIGITS = decimal.Context(prec=34, rounding=decimal.ROUND_HALF_EVEN, Emin=-999_999, Emax=999_999)
_ANY_INTEGER = integer(-(2**62), 2**62)

Points = NDArray[np.int64]


def _words(seed: int, key: str, n: int) -> NDArray[np.uint64]:
    """Random 64-bit words of a key's own stream."""
    name = int.from_bytes(hashlib.blake2b(key.encode(), digest_size=8).digest(), "little")
    return np.random.Philox(key=np.array([seed, name], dtype=np.uint64)).random_raw(n)


def _random(n: int, keys: Sequence[str], seed: int) -> list[Points]:
    return [(_words(seed, key, n) >> np.uint64(64 - UNIT)).astype(np.int64) for key in keys]


def _sobol(n: int, keys: Sequence[str], seed: int) -> list[Points]:
    """Sobol's sequence with the directions of Joe and Kuo (2008) and a random digital shift for each key."""
    from scipy.stats import qmc

    if n > 2**_SOBOL_BITS:
        raise Invalid(f"n: expected at most {2**_SOBOL_BITS:,} Sobol points, found {n:,}")
    if len(keys) > qmc.Sobol.MAXDIM:
        raise Invalid(f"space: expected at most {qmc.Sobol.MAXDIM:,} keys, found {len(keys):,}")
    sequence = qmc.Sobol(len(keys), scramble=False, bits=_SOBOL_BITS)
    # fast_forward(0) or random(n) alone would do; random_base2 insists on powers of two, random warns without them.
    points = np.concatenate([sequence.random(1), sequence.random(n - 1)]) if n > 1 else sequence.random(1)
    digits = (points * 2.0**_SOBOL_BITS).astype(np.int64)
    shifts = [int(_words(seed, key, 1)[0]) >> (64 - _SOBOL_BITS) for key in keys]
    # The middle of the cell rather than its edge: neither 0 nor a value that integers share.
    half = 1 << (UNIT - _SOBOL_BITS - 1)
    return [((digits[:, j] ^ shift) << (UNIT - _SOBOL_BITS)) | half for j, shift in enumerate(shifts)]


def _lhs(n: int, keys: Sequence[str], seed: int) -> list[Points]:
    """Latin hypercube (McKay, Beckman and Conover 1979): each of n equal slices of every key holds one point."""
    columns = []
    for key in keys:
        words = _words(seed, key, 2 * n)
        slices = np.argsort(words[:n], kind="stable").tolist()
        inside = (words[n:] >> np.uint64(64 - UNIT)).tolist()
        columns.append(np.array([((s << UNIT) + u) // n for s, u in zip(slices, inside, strict=True)], np.int64))
    return columns


METHODS: Mapping[str, Callable[[int, Sequence[str], int], list[Points]]] = MappingProxyType(
    {"random": _random, "sobol": _sobol, "lhs": _lhs}
)


def points(method: str, n: int, keys: Sequence[str], seed: int) -> list[list[int]]:
    """For every key, n whole numbers k in [0, 2^53)."""
    return [column.tolist() for column in METHODS[method](n, keys, seed)]


Draw = Callable[[int], object]
"""From a point k, which stands for k / 2^53, to a value."""


def _uniform(args: Sequence[object]) -> Draw:
    low, high = (to_float(arg) for arg in args)
    if not low < high:
        raise Invalid("uniform: expected [lo, hi] with lo < hi")
    width = high - low
    if width == float("inf"):
        raise Invalid("uniform: lo and hi are too far apart")
    return lambda k: min(low + k * 2.0**-UNIT * width, high)


def _loguniform(args: Sequence[object]) -> Draw:
    low, high = (decimal_of(arg) for arg in args)
    if not 0 < low < high:
        raise Invalid("loguniform: expected [lo, hi] with 0 < lo < hi")
    start, width = low.ln(), (high / low).ln()
    unit = Decimal(2**UNIT)
    return lambda k: float((start + width * k / unit).exp())


def _integers(args: Sequence[object]) -> Draw:
    low, high = (_ANY_INTEGER.read(arg, None) for arg in args)
    if not low <= high:
        raise Invalid("integers: expected [lo, hi] with lo <= hi")
    return lambda k: low + (k * (high - low + 1) >> UNIT)


DISTRIBUTIONS: Mapping[str, Callable[[Sequence[object]], Draw]] = MappingProxyType(
    {"uniform": _uniform, "loguniform": _loguniform, "integers": _integers}
)
"""Distributions of numbers, each between two of them."""


def drawn(name: str, args: object, at: Sequence[int]) -> list[object]:
    """The values of a distribution at points k / 2^53; raises Invalid when its bounds `args` are wrong."""
    if not isinstance(args, list) or len(args) != 2:
        raise expected(f"{name}: [lo, hi]", args)
    with decimal.localcontext(_DIGITS):
        draw = DISTRIBUTIONS[name](args)
        return [draw(k) for k in at]


def chosen(values: Sequence[object], at: Sequence[int]) -> list[object]:
    """One of `values` for each point."""
    return [values[k * len(values) >> UNIT] for k in at]
