"""Operations on tiles: vectors of S = T * L numbers, those of T samples in L runs, sample after sample.

The functions `fold_...` sum over the samples of a tile, one after the other, so that a sum has the same bits whatever
the size of the tile. As in `operations`, what stands here is what they do in Python.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from runner.kernels.lanes.functions import operation


@operation
def repeat(value: Any, width: Any) -> Any:
    """The vector `value` (L,) once for every sample of a tile. It costs no instruction: the register serves again."""
    return np.tile(value, width.n // len(value))


@operation
def spread_samples(start: Any, at: Any, stride: Any, lanes: Any, tile: Any) -> Any:
    """A tile from numbers that lie `stride` apart: one for each sample, the same in all lanes."""
    numbers = [start[at + t * stride] for t in range(tile.n // lanes.n)]
    return np.repeat(np.array(numbers, start.dtype), lanes.n)


@operation
def fold_fma(a: Any, b: Any, total: Any) -> Any:
    """total + a_0 b_0 + a_1 b_1 + ... over the samples of two tiles, by fused multiply-adds in this order: (L,)."""
    for x, y in zip(a.reshape(-1, len(total)), b.reshape(-1, len(total)), strict=True):
        total = x * y + total
    return total


def _folded(combine: Callable[[Any, Any], Any], tile: Any, total: Any) -> Any:
    for part in tile.reshape(-1, len(total)):
        total = combine(total, part)
    return total


@operation
def fold_add(tile: Any, total: Any) -> Any:
    """total + t_0 + t_1 + ... over the samples of a tile, in this order: a vector (L,)."""
    return _folded(np.add, tile, total)


@operation
def fold_max_nonnegative(tile: Any, total: Any) -> Any:
    """The largest of total and the samples of a tile, none of them negative; NaN where one is."""
    return _folded(np.maximum, tile, total)


@operation
def fold_max(tile: Any, total: Any) -> Any:
    """The largest of total and the samples of a tile; NaN where one is."""
    return _folded(np.maximum, tile, total)


@operation
def fold_min(tile: Any, total: Any) -> Any:
    """The smallest of total and the samples of a tile; NaN where one is."""
    return _folded(np.minimum, tile, total)
