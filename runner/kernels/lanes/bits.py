"""Operations on the binary representation of numbers: powers of two, exponents and significands (IEEE 754), and words.

As in `operations`, what stands here is what they do in Python.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from runner.kernels.lanes.functions import operation

# Adding this to a number of moderate size rounds it to an integer, which then stands in the low bits of the sum, as the
# unit in the last place of the sum is 1. A conversion to integers would be scalar code for 64 bits without AVX-512.
SHIFTER64, SHIFTER32 = 1.5 * 2.0**52, 1.5 * 2.0**23
_WORD = 0xFFFFFFFFFFFFFFFF


@operation
def power_of_two(shifted: Any) -> Any:
    """2^k from k + SHIFTER, for integers k in the range of normal exponents (-1022..1023, or -126..127)."""
    shifter = SHIFTER64 if shifted.dtype == np.float64 else SHIFTER32
    return np.ldexp(np.ones_like(shifted), (shifted - shifter).astype(np.int64))


@operation
def times_power(x: Any, shifted: Any) -> Any:
    """x 2^k from x and k + SHIFTER, for an integer k: k is added to the exponent of x, beside the multiply-adds.

    Both x and x 2^k must be normal numbers; with k = 0, x may be anything.
    """
    integer, stored = (np.int64, 52) if x.dtype == np.float64 else (np.int32, 23)
    return (x.view(integer) + (shifted.view(integer) << stored)).view(x.dtype)


def _exponent(x: Any) -> Any:
    m, k = np.frexp(x)
    return np.where(m < np.sqrt(0.5), k - 1, k).astype(x.dtype)


@operation
def exponent(x: Any) -> Any:
    """The integer k, as a float, with x = m 2^k and sqrt(1/2) <= m < sqrt(2), for positive normal x."""
    return _exponent(x)


@operation
def significand(x: Any) -> Any:
    """The number m with x = m 2^k and sqrt(1/2) <= m < sqrt(2), for positive normal x."""
    return np.ldexp(x, -_exponent(x).astype(np.int64)).astype(x.dtype)


@operation
def product(a: Any, b: Any) -> Any:
    """High and low word of the 128-bit product of two 64-bit words."""
    whole = int(a) * int(b)
    return np.uint64(whole >> 64), np.uint64(whole & _WORD)


@operation
def wrapped_sum(a: Any, b: Any) -> Any:
    """Sum of two words modulo 2^64."""
    return np.uint64((int(a) + int(b)) & _WORD)
