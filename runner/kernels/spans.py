"""Functions of single units as loops over the units of a layer.

The body of an activation is written for one vector. Its loop over a layer is made here, one per activation and outside
of the choice between them: so the constants of a polynomial stay in registers for a whole layer, and the choice is
made once for it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from runner.kernels.elementary import lane_function
from runner.kernels.lane_ops import load, store


def activation_span(activate: Callable[..., Any]) -> Any:
    """From z -> a, the activations of the units stored from `first` to `end`."""

    @lane_function
    def span(Z: Any, A: Any, first: int, end: int, tile: Any) -> int:
        for at in range(first, end, tile.n):
            store(A, at, activate(load(Z, at, tile)))
        return 0

    return span


def slope_span(slope: Callable[..., Any]) -> Any:
    """From (z, a) -> da/dz, the step from dE/da to dE/dz of the units stored from `first` to `end`."""

    @lane_function
    def span(Z: Any, A: Any, D: Any, first: int, end: int, tile: Any) -> int:
        for at in range(first, end, tile.n):
            store(D, at, load(D, at, tile) * slope(load(Z, at, tile), load(A, at, tile)))
        return 0

    return span
