"""Functions of single units or weights as loops over those of a layer.

The body of an activation or of an optimizer is written for one vector. Its loop over a layer is made here, one per body
and within the choice between them: so the constants of a polynomial stay in registers for a whole layer, the choice is
made once for it, and what an optimizer computes once for all weights is computed where that optimizer was chosen only.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from runner.kernels.lanes.elementary import lane_function
from runner.kernels.lanes.operations import fill, load, store


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


@lane_function
def settings_of(numbers: Any, lanes: Any) -> Any:
    """The six settings of an optimizer, each a vector."""
    L = lanes.n
    return (
        load(numbers, 0, lanes),
        load(numbers, L, lanes),
        load(numbers, 2 * L, lanes),
        load(numbers, 3 * L, lanes),
        load(numbers, 4 * L, lanes),
        load(numbers, 5 * L, lanes),
    )


def step_span(update: Callable[..., Any]) -> Any:
    """From (w, g, h, rate) -> w, the update of the weights stored from `first` to `end`; their gradient is cleared."""

    @lane_function
    def span(buf: Any, settings: Any, rate: Any, first: int, end: int, lanes: Any) -> int:
        h, zero = settings_of(settings, lanes), fill(buf.G, 0.0, lanes)
        for at in range(first, end, lanes.n):
            store(buf.W, at, update(load(buf.W, at, lanes), load(buf.G, at, lanes), h, rate))
            store(buf.G, at, zero)
        return 0

    return span


def optimizer_span(update: Callable[..., Any]) -> Any:
    """The same from (w, g, state, h, clock, rate) -> (w, state)."""

    @lane_function
    def span(buf: Any, settings: Any, rate: Any, first: int, end: int, lanes: Any) -> int:
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

    return span
