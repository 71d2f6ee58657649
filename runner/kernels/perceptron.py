"""What a perceptron with an undecided band has beside the other one: its outputs, and its errors.

Its targets are -1 and 1, and so are its outputs, or 0 where it is undecided. A weight moves by the learning rate times
target and input wherever the output is not the target (Fausett, Fundamentals of Neural Networks, 1994, section 2.3).
Any other network has the empty tuple in place of the band: its kernel is compiled from code that has none of this.
"""

from __future__ import annotations

from typing import Any

from runner.kernels.lanes.elementary import clamp
from runner.kernels.lanes.functions import where_given
from runner.kernels.lanes.operations import load, store, where_lt


@where_given("band")
def settle_undecided(band: Any, array: Any, first: int, end: int, tile: Any) -> None:
    """Weighted sums within the band become 0; the others keep their sign, and come nearer to 0 by its half width."""
    for at in range(first, end, tile.n):
        z = load(array, at, tile)
        store(array, at, z - clamp(z, band[0]))


@where_given("band", otherwise=lambda band, y, t, total: y * total - t)
def signal(band: Any, y: Any, t: Any, total: Any) -> Any:
    """The error signal of outputs with targets t, whose sum over the outputs is `total` where that matters."""
    return where_lt(y * t, 1.0, -t, 0.0 * y)
