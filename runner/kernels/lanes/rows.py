"""Operations on rows: vectors of R * T * L numbers, the tiles of R units of a layer one after the other.

What is loaded once then serves R multiply-adds, so that a pass over the inputs of a layer waits for arithmetic and not
for memory. Every number is still the sum of the same products in the same order, whatever the number of rows. As in
`operations`, what stands here is what they do in Python.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from runner.kernels.lanes.functions import operation
from runner.kernels.lanes.tiles import fold_fma


@operation
def across(value: Any, rows: Any) -> Any:
    """The tile `value` once for every row. It costs no instruction: the same registers serve again."""
    return np.tile(value, rows.n)


@operation
def load_rows(start: Any, at: Any, stride: Any, rows: Any, lanes: Any, tile: Any) -> Any:
    """One weight (L,) for each row, loaded `stride` numbers apart, and repeated for every sample of the row's tile."""
    weights = [start[at + k * stride : at + k * stride + lanes.n] for k in range(rows.n)]
    return np.concatenate([np.tile(weight, tile.n // lanes.n) for weight in weights])


@operation
def load_tiles(start: Any, at: Any, rows: Any, tile: Any) -> Any:
    """Consecutive tiles from index `at` on, one for each row."""
    return start[at : at + rows.n * tile.n].copy()


@operation
def add_products(start: Any, at: Any, stride: Any, d: Any, a: Any, lanes: Any) -> None:
    """Add the products of every row of `d` with the tile `a`, summed over samples, to totals `stride` numbers apart.

    It does for each row what `tiles.fold_fma` does for one tile.
    """
    for k, row in enumerate(d.reshape(-1, len(a))):
        total = start[at + k * stride : at + k * stride + lanes.n]
        total[:] = fold_fma(row, a, total)
