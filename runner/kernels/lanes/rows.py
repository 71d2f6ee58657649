"""Rows: the tiles of several units of a layer side by side, R x T x L numbers, unit by unit.

What is loaded once then serves R multiply-adds, so that a pass over the inputs of a layer waits for arithmetic and not
for memory. Every number is still the sum of the same products in the same order, whatever the number of rows.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types

from runner.kernels.lanes.operations import llvm_call, operation, read, write
from runner.kernels.lanes.tiles import fold_fma_twin, joined, parts, places
from runner.kernels.lanes.vector import LanesType, Pointer, Vec


@operation(lambda value, rows: np.tile(value, rows.n))
def across(typingctx: Any, value: Any, rows: Any) -> Any:
    """The same tile for every row (no instruction)."""
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
    """A weight for each row, `stride` numbers apart, repeated for every sample of its tile."""
    if not (isinstance(start, Pointer) and all(isinstance(width, LanesType) for width in (rows, lanes, tile))):
        return None
    weight = Vec(start.dtype, lanes.n)

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        weights = [read(builder, place, weight) for place in places(context, builder, sig, args, rows.n)]
        return joined(builder, [each for each in weights for _ in range(tile.n // lanes.n)])

    return Vec(start.dtype, rows.n * tile.n)(start, at, stride, rows, lanes, tile), codegen


@operation(lambda start, at, rows, tile: start[at : at + rows.n * tile.n].copy())
def load_tiles(typingctx: Any, start: Any, at: Any, rows: Any, tile: Any) -> Any:
    """Consecutive tiles, one for each row."""
    if not (isinstance(start, Pointer) and isinstance(rows, LanesType) and isinstance(tile, LanesType)):
        return None
    vec = Vec(start.dtype, rows.n * tile.n)

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return read(builder, builder.gep(args[0], [context.cast(builder, args[1], sig.args[1], types.intp)]), vec)

    return vec(start, at, rows, tile), codegen


def _add_products_twin(start: Any, at: int, stride: int, d: Any, a: Any, lanes: Any) -> None:
    for k, row in enumerate(d.reshape(-1, len(a))):
        total = start[at + k * stride : at + k * stride + lanes.n]
        total[:] = fold_fma_twin(row, a, total)


@operation(_add_products_twin)
def add_products(typingctx: Any, start: Any, at: Any, stride: Any, d: Any, a: Any, lanes: Any) -> Any:
    """`fold_fma` of every row of d and the tile a, onto totals that lie `stride` numbers apart."""
    if not (isinstance(start, Pointer) and isinstance(d, Vec) and isinstance(a, Vec)):
        return None
    vec = Vec(start.dtype, lanes.n)

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        rows = places(context, builder, sig, args, d.n // a.n)
        totals = [read(builder, row, vec) for row in rows]
        errors, samples = parts(builder, args[3], d.n, lanes.n), parts(builder, args[4], a.n, lanes.n)
        # Sample by sample, and for each of them all rows: their chains of additions overlap.
        for t, sample in enumerate(samples):
            for k, total in enumerate(totals):
                totals[k] = llvm_call(builder, "fma", vec, errors[k * len(samples) + t], sample, total)
        for row, total in zip(rows, totals, strict=True):
            write(builder, row, total, vec)
        return context.get_dummy_value()

    return types.void(start, at, stride, d, a, lanes), codegen
