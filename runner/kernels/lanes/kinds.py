"""Arguments of kernels, taken apart: what of them matters to the compiler, and the numbers that they are passed as.

A tuple is its fields; an array two pointers that are not used, its size, that of a number, its address, its shape and
its strides, as Numba has them; and what is `Static` is nothing.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from runner.kernels.lanes.vector import Static

Kind = Any
"""Of a value: what of it matters to the compiler, as a text, or for an array or a tuple as a tuple of such."""

_C_TYPES: dict[str, Any] = {
    "bool": ctypes.c_uint8,
    "int64": ctypes.c_int64,
    "uint64": ctypes.c_uint64,
    "float64": ctypes.c_double,
    "float32": ctypes.c_float,
}
_WORD = 1 << 63


def kind_of(value: Any) -> Kind:
    """What of an argument matters to the compiler: its type and that of all it holds, as Numba tells types apart.

    Parameters
    ----------
    value : array, tuple, Static or number
    """
    if isinstance(value, np.ndarray):
        flags = value.flags
        layout = "C" if flags.c_contiguous else "F" if flags.f_contiguous else "A"
        return "array", value.dtype.str, value.ndim, layout, flags.writeable, flags.aligned
    if isinstance(value, tuple):
        return (type(value).__qualname__, *map(kind_of, value))
    if isinstance(value, Static):
        return value.name
    if isinstance(value, bool | np.bool_):
        return "bool"
    if isinstance(value, int):
        return "int64" if -_WORD <= value < _WORD else "uint64"
    if isinstance(value, float):
        return "float64"
    return str(value.dtype)


def numbers_of(value: Any, address: Callable[[Any], int]) -> Iterator[int | float]:
    """The numbers that an argument is passed as, in the order of `c_types_of`.

    Parameters
    ----------
    value : array, tuple, Static or number
    address : callable
        Where the numbers of an array lie.
    """
    if isinstance(value, np.ndarray):
        yield from (0, 0, value.size, value.itemsize, address(value), *value.shape, *value.strides)
    elif isinstance(value, tuple):
        for each in value:
            yield from numbers_of(each, address)
    elif not isinstance(value, Static):
        yield value if isinstance(value, int | float) else value.item()


def c_types_of(kind: Kind) -> Iterator[Any]:
    """The types, in C, of the numbers that an argument of this kind is passed as."""
    if isinstance(kind, str):
        yield from (_C_TYPES[kind],) if kind in _C_TYPES else ()
    elif kind[0] == "array":
        yield from (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64, ctypes.c_void_p)
        yield from (ctypes.c_int64,) * (2 * kind[2])
    else:
        for each in kind[1:]:
            yield from c_types_of(each)
