"""What a perceptron with an undecided band has beside the other one: its outputs, and its errors.

Its targets are -1 and 1, and so are its outputs, or 0 where it is undecided. A weight moves by the learning rate times
target and input wherever the output is not the target (Fausett, Fundamentals of Neural Networks, 1994, section 2.3).
Any other network has the empty tuple in place of the band: its kernel is compiled from code that has none of this.
"""

from __future__ import annotations

from typing import Any

from numba import config
from numba.extending import overload

from runner.kernels.absent import NONE, is_none
from runner.kernels.lanes.elementary import clamp
from runner.kernels.lanes.operations import BY_TYPE, kernel, load, store, where_lt


@kernel
def shrink(bound: float, array: Any, first: int, end: int, tile: Any) -> None:
    """Numbers within +-bound become 0, and the others come nearer to it by that."""
    for at in range(first, end, tile.n):
        z = load(array, at, tile)
        store(array, at, z - clamp(z, bound))


def settle_undecided(band: Any, array: Any, first: int, end: int, tile: Any) -> None:
    """Weighted sums within the band become 0; the others keep their sign."""
    if band != NONE:
        shrink(band[0], array, first, end, tile)


def _settle_undecided(band: Any, array: Any, first: int, end: int, tile: Any) -> Any:
    def none(band: Any, array: Any, first: int, end: int, tile: Any) -> None:
        pass

    def some(band: Any, array: Any, first: int, end: int, tile: Any) -> None:
        shrink(band[0], array, first, end, tile)

    return none if is_none(band) else some


def signal(band: Any, y: Any, t: Any, total: Any) -> Any:
    """The error signal of outputs with targets t, whose sum over the outputs is `total` where that matters."""
    return y * total - t if band == NONE else where_lt(y * t, 1.0, -t, 0.0 * y)


def _signal(band: Any, y: Any, t: Any, total: Any) -> Any:
    def residual(band: Any, y: Any, t: Any, total: Any) -> Any:
        return y * total - t

    def target(band: Any, y: Any, t: Any, total: Any) -> Any:
        return where_lt(y * t, 1.0, -t, 0.0 * y)

    return residual if is_none(band) else target


if not config.DISABLE_JIT:
    for plain, by_type in ((settle_undecided, _settle_undecided), (signal, _signal)):
        overload(plain, jit_options=BY_TYPE)(by_type)
