"""Functions of single units or parameters as loops over those of a layer.

An activation or an optimizer is written for one vector. The loops over a layer are made here, one for each activation
and each optimizer, and `lanes.switch` chooses between the loops. So the choice is made once for a layer, the constants
of a polynomial stay in registers for all of it, and what is the same for all its weights is computed once.

In all loops `first` and `end` are indices of numbers in the arrays, multiples of the width of a vector.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from runner.kernels.lanes.functions import lane_function
from runner.kernels.lanes.operations import fill, load, store


def activation_loop(activate: Callable[..., Any]) -> Any:
    """From z -> a, the loop of a table `activate`: A = activate(Z) for the units stored from `first` to `end`."""

    @lane_function
    def loop(Z: Any, A: Any, first: int, end: int, tile: Any) -> int:
        for at in range(first, end, tile.n):
            store(A, at, activate(load(Z, at, tile)))
        return 0

    return loop


def slope_loop(slope: Callable[..., Any]) -> Any:
    """From (z, a) -> da/dz, the loop of a table `slope`: D = D * slope(Z, A), which takes dE/da to dE/dz."""

    @lane_function
    def loop(Z: Any, A: Any, D: Any, first: int, end: int, tile: Any) -> int:
        for at in range(first, end, tile.n):
            store(D, at, load(D, at, tile) * slope(load(Z, at, tile), load(A, at, tile)))
        return 0

    return loop


@lane_function
def settings_of(settings: Any, lanes: Any) -> Any:
    """The rows of Runs.settings (SLOTS, L) as a tuple of six vectors."""
    L = lanes.n
    return (
        load(settings, 0, lanes),
        load(settings, L, lanes),
        load(settings, 2 * L, lanes),
        load(settings, 3 * L, lanes),
        load(settings, 4 * L, lanes),
        load(settings, 5 * L, lanes),
    )


def stateless_update_loop(update: Callable[..., Any]) -> Any:
    """From (w, g, h, rate) -> w, the loop of a table `update_stateless`; the gradient is cleared."""

    @lane_function
    def loop(buf: Any, settings: Any, rate: Any, first: int, end: int, lanes: Any) -> int:
        h, zero = settings_of(settings, lanes), fill(buf.G, 0.0, lanes)
        for at in range(first, end, lanes.n):
            store(buf.W, at, update(load(buf.W, at, lanes), load(buf.G, at, lanes), h, rate))
            store(buf.G, at, zero)
        return 0

    return loop


def update_loop(update: Callable[..., Any]) -> Any:
    """From (w, g, state, h, clock, rate) -> (w, state), the loop of a table `update`; the gradient is cleared."""

    @lane_function
    def loop(buf: Any, settings: Any, rate: Any, first: int, end: int, lanes: Any) -> int:
        h, zero = settings_of(settings, lanes), fill(buf.G, 0.0, lanes)
        clock = (load(buf.clock, 0, lanes), load(buf.clock, lanes.n, lanes))
        for at in range(first, end, lanes.n):
            state = (load(buf.S0, at, lanes), load(buf.S1, at, lanes))
            w, state = update(load(buf.W, at, lanes), load(buf.G, at, lanes), state, h, clock, rate)
            store(buf.W, at, w)
            store(buf.S0, at, state[0])
            store(buf.S1, at, state[1])
            store(buf.G, at, zero)
        return 0

    return loop
