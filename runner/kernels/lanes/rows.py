"""Operations on rows: vectors of R * T * L numbers, the tiles of R units of a layer one after the other.

What is loaded once then serves R multiply-adds, so that a pass over the inputs of a layer waits for arithmetic and not
for memory. Every number is still the sum of the same products in the same order, whatever the number of rows.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types

from runner.kernels.lanes.operations import address, llvm_call, operation, read, write
from runner.kernels.lanes.tiles import fold_fma_twin, joined, parts, places
from runner.kernels.lanes.vector import LanesType, Pointer, Vec


@operation(lambda value, rows: np.tile(value, rows.n))
def across(typingctx: Any, value: Any, rows: Any) -> Any:
    """The tile `value` once for every row. It costs no instruction: the same registers serve again."""
    if not (isinstance(value, Vec) and isinstance(rows, LanesType)):
        return None

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return joined(builder, [args[0]] * rows.n)

    return Vec(value.elem, value.n * rows.n)(value, rows), codegen


def _load_rows_twin(start: Any, at: int, stride: int, rows: Any, lanes: Any, tile: Any) -> Any:
    weights = [start[at + k * stride : at + k * stride + lanes.n] for k in range(rows.n)]
    return np.concatenate([np.tile(weight, tile.n // lanes.n) for weight in weights])


@operation(_load_rows_twin)
def load_rows(typingctx: Any, start: Any, at: Any, stride: Any, rows: Any, lanes: Any, tile: Any) -> Any:
    """One weight (L,) for each row, loaded `stride` numbers apart, and repeated for every sample of the row's tile."""
    if not (isinstance(start, Pointer) and all(isinstance(width, LanesType) for width in (rows, lanes, tile))):
        return None
    weight = Vec(start.dtype, lanes.n)

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        weights = [read(builder, place, weight) for place in places(context, builder, sig, args, rows.n)]
        return joined(builder, [each for each in weights for _ in range(tile.n // lanes.n)])

    return Vec(start.dtype, rows.n * tile.n)(start, at, stride, rows, lanes, tile), codegen


@operation(lambda start, at, rows, tile: start[at : at + rows.n * tile.n].copy())
def load_tiles(typingctx: Any, start: Any, at: Any, rows: Any, tile: Any) -> Any:
    """Consecutive tiles from index `at` on, one for each row."""
    if not (isinstance(start, Pointer) and isinstance(rows, LanesType) and isinstance(tile, LanesType)):
        return None
    vec = Vec(start.dtype, rows.n * tile.n)

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return read(builder, address(context, builder, sig, args), vec)

    return vec(start, at, rows, tile), codegen


def _add_products_twin(start: Any, at: int, stride: int, d: Any, a: Any, lanes: Any) -> None:
    for k, row in enumerate(d.reshape(-1, len(a))):
        total = start[at + k * stride : at + k * stride + lanes.n]
        total[:] = fold_fma_twin(row, a, total)


@operation(_add_products_twin)
def add_products(typingctx: Any, start: Any, at: Any, stride: Any, d: Any, a: Any, lanes: Any) -> Any:
    """Add the products of every row of `d` with the tile `a`, summed over samples, to totals `stride` numbers apart.

    It does for each row what `tiles.fold_fma` does for one tile.
    """
    if not (isinstance(start, Pointer) and isinstance(d, Vec) and isinstance(a, Vec)):
        return None
    vec = Vec(start.dtype, lanes.n)

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        rows = places(context, builder, sig, args, d.n // a.n)
        totals = [read(builder, row, vec) for row in rows]
        errors, samples = parts(builder, args[3], d.n, lanes.n), parts(builder, args[4], a.n, lanes.n)
        # For each sample all rows: the additions to one total wait for each other, those to different totals overlap.
        for t, sample in enumerate(samples):
            for k, total in enumerate(totals):
                totals[k] = llvm_call(builder, "fma", vec, errors[k * len(samples) + t], sample, total)
        for row, total in zip(rows, totals, strict=True):
            write(builder, row, total, vec)
        return context.get_dummy_value()

    return types.void(start, at, stride, d, a, lanes), codegen
