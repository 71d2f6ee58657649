"""Operations on vectors beyond arithmetic: memory, fused multiply-add, selection.

Each operation is an LLVM instruction or a few (`lowering.operations`). What stands here is what it does in Python: the
same to arrays, with a flat array in the place of a pointer and an array (n,) in that of a vector.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from runner.kernels.lanes.functions import operation


@operation
def pointer(array: Any) -> Any:
    """The memory of a C-contiguous array. The array must outlive it."""
    return array.reshape(-1)


@operation
def advanced(start: Any, n: Any) -> Any:
    """The memory from number n on."""
    return start[n:]


@operation
def not_inlined() -> None:
    """Keep the function in which this stands from being inlined: it has several callers, and is compiled once."""


@operation
def load(start: Any, at: Any, width: Any) -> Any:
    """`width` consecutive numbers from index `at` on."""
    return start[at : at + width.n].copy()


@operation
def store(start: Any, at: Any, value: Any) -> None:
    """Write a vector to consecutive places, from index `at` on."""
    start[at : at + len(value)] = value


@operation
def fill(start: Any, scalar: Any, width: Any) -> Any:
    """A vector with `scalar` in every lane, of the type of number that `start` points to."""
    return np.full(width.n, scalar, start.dtype)


@operation
def fma(a: Any, b: Any, c: Any) -> Any:
    """a * b + c, rounded once. In Python it is rounded twice: the last bits differ."""
    return a * b + c


@operation
def rint(a: Any) -> Any:
    """Nearest integer, ties to even."""
    return np.rint(a)


@operation
def absolute(a: Any) -> Any:
    """Absolute value."""
    return np.abs(a)


@operation
def sqrt(a: Any) -> Any:
    """Square root, correctly rounded."""
    return np.sqrt(a)


@operation
def where_lt(a: Any, b: Any, x: Any, y: Any) -> Any:
    """x where a < b, else y; y where a or b is NaN."""
    return np.where(a < b, x, y)


@operation
def where_le(a: Any, b: Any, x: Any, y: Any) -> Any:
    """x where a <= b, else y; y where a or b is NaN."""
    return np.where(a <= b, x, y)


@operation
def maximum(a: Any, b: Any) -> Any:
    """The larger of two; NaN where either is."""
    return np.maximum(a, b)


@operation
def minimum(a: Any, b: Any) -> Any:
    """The smaller of two; NaN where either is."""
    return np.minimum(a, b)


@operation
def max_nonnegative(a: Any, b: Any) -> Any:
    """The larger of two numbers that are not negative; NaN where either is."""
    return np.maximum(a, b)


@operation
def any_lt(a: Any, b: Any) -> bool:
    """Whether a < b in any lane: one boolean."""
    return bool(np.any(a < b))


@operation
def call_at(address: Any, args: Any) -> Any:
    """Call the machine code at an address, which takes arguments of just these types and gives an int64."""
    return address(*args)


@operation
def address_of(function: Any, args: Any) -> Any:
    """The address of the machine code of a function for arguments of these types; in Python, the function."""
    return function
