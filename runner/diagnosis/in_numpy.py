"""The functions of the registries, run by NumPy: their operations on vectors have twins that take arrays."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from types import CellType, FunctionType
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
    names = [name for name in function.__code__.co_names if name in function.__globals__]
    own = {name: _twin(function.__globals__[name]) for name in names}
    # A function that is made by another one may hold the functions that it calls.
    held = tuple(CellType(_twin(cell.cell_contents)) for cell in function.__closure__ or ())
    return FunctionType(
        function.__code__, {**function.__globals__, **own}, function.__name__, function.__defaults__, held
    )


def _twin(value: Any) -> Any:
    """What stands for a value that a function uses."""
    if (twin := getattr(value, "numpy_twin", None)) is not None:
        return twin
    return in_numpy(value) if isinstance(value, FunctionType) else value
