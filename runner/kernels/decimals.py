"""The shortest decimal number that reads back as a given float64: the digits of Python's `repr`.

The algorithm is Schubfach (Raffaello Giulietti, "The Schubfach way to render doubles", 2020). A double c 2^q stands
for all reals that round to it; among the multiples of 10^k that lie between its two limits, with the largest k for
which there must be one, is the shortest decimal (section 9.2 of the paper). The three products with a power of ten
that this takes are rounded to odd at two binary places behind the point, which loses no comparison (sections 9.4 to
9.9): words of 64 bits are enough where the definition alone needs numbers of a thousand bits.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runner.kernels.lanes.bits import product, wrapped_sum
from runner.kernels.lanes.functions import kernel

# c 2^q: the smallest and largest q, and the least c of a normal number.
LEAST_Q, LARGEST_Q = -1074, 971
HIDDEN_BIT = np.uint64(1 << 52)
# Floors of multiples of logarithms, by integers: exact for every exponent that can occur (see tests/kernels).
_LOG10_2, _LOG10_SHIFT, _LOG10_THREE_QUARTERS = 1262611, 22, 524031
_LOG2_10, _LOG2_SHIFT = 1741647, 19
LEAST_K, LARGEST_K = (q * _LOG10_2 >> _LOG10_SHIFT for q in (LEAST_Q, LARGEST_Q))

_0, _1, _2, _3, _4, _10 = (np.uint64(n) for n in (0, 1, 2, 3, 4, 10))


@cache
def powers_of_ten() -> NDArray[np.uint64]:
    """10^-k for every k from LEAST_K to LARGEST_K: its 128 leading bits as an integer, plus 1.

    Returns
    -------
    uint64 array (LARGEST_K - LEAST_K + 1, 2)
        High and low word of each.
    """
    table = np.empty((LARGEST_K - LEAST_K + 1, 2), np.uint64)
    for k in range(LEAST_K, LARGEST_K + 1):
        # The one power of two that leaves 128 bits before the point.
        shift = 127 - (-k * _LOG2_10 >> _LOG2_SHIFT)
        above, below = 10 ** max(-k, 0) << max(shift, 0), 10 ** max(k, 0) << max(-shift, 0)
        leading = above // below + 1
        table[k - LEAST_K] = leading >> 64, leading & (2**64 - 1)
    return table


@kernel
def _scaled(high: Any, low: Any, factor: Any) -> Any:
    """(high, low) * factor / 2^128, rounded to odd: the last bit is set when anything was cut off."""
    carried, _ = product(low, factor)
    top, middle = product(high, factor)
    total = wrapped_sum(middle, carried)
    if total < middle:
        top = wrapped_sum(top, _1)
    # The table's numbers are too large by up to one unit: a remainder of one may be nothing but that.
    return top | np.uint64(total > _1)


@kernel
def shortest(c: Any, q: Any, powers: Any) -> Any:
    """Digits and exponent of the shortest decimal that is read back as c 2^q.

    Of several with as few digits it is the one closest to c 2^q; of two that are equally close, the one with an even
    last digit.

    Parameters
    ----------
    c : uint64
        From 1 to 2^53 - 1.
    q : int64
        From LEAST_Q to LARGEST_Q.
    powers : uint64 array (LARGEST_K - LEAST_K + 1, 2)
        `powers_of_ten()`.

    Returns
    -------
    digits : uint64
        May end in zeros.
    k : int64
        The number is digits * 10^k.
    """
    # A limit, halfway between two doubles, is read back as the one with an even c: those of an odd c are not its own.
    odd = c & _1
    middle = c * _4
    right = middle + _2
    if c == HIDDEN_BIT and q > LEAST_Q:
        # Below a power of two the doubles are twice as dense.
        left = middle - _1
        k = (q * _LOG10_2 - _LOG10_THREE_QUARTERS) >> _LOG10_SHIFT
    else:
        left = middle - _2
        k = (q * _LOG10_2) >> _LOG10_SHIFT
    shift = np.uint64(q + ((-k * _LOG2_10) >> _LOG2_SHIFT) + 1)
    high, low = powers[k - LEAST_K, 0], powers[k - LEAST_K, 1]
    # Four times the number and its limits, in units of 10^k.
    value = _scaled(high, low, middle << shift)
    least = _scaled(high, low, left << shift) + odd
    most = _scaled(high, low, right << shift) - odd
    floor = value >> _2
    if floor >= _10:
        tens = floor // _10 * _10
        lower, upper = least <= tens * _4, (tens + _10) * _4 <= most
        if lower != upper:
            return (tens if lower else tens + _10), k
    lower, upper = least <= floor * _4, (floor + _1) * _4 <= most
    if lower != upper:
        return (floor if lower else floor + _1), k
    half = floor * _4 + _2
    down = value < half or (value == half and floor & _1 == _0)
    return (floor if down else floor + _1), k
