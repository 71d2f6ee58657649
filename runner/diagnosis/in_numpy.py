"""The functions of the registries, run by NumPy: their operations on vectors have twins that take arrays."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from types import FunctionType
from typing import Any


@cache
def in_numpy(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of vectors as a function of arrays.

    Parameters
    ----------
    function : callable
        A `lane_function` of a registry: written with arithmetic, with operations of `runner.kernels.lanes` and with
        other such functions.

    Examples
    --------
    >>> from runner.ops.optimizers import OPTIMIZERS
    >>> in_numpy(OPTIMIZERS["sgd"].update)(1.0, 0.5, [0.0] * 6, 0.1)
    0.95
    """
    if not isinstance(function, FunctionType) or not function.__module__.startswith("runner."):
        return function
    own = {}
    for name in function.__code__.co_names:
        value = function.__globals__.get(name)
        if (twin := getattr(value, "numpy_twin", None)) is not None:
            own[name] = twin
        elif isinstance(value, FunctionType):
            own[name] = in_numpy(value)
    return FunctionType(function.__code__, {**function.__globals__, **own}, function.__name__, function.__defaults__)
