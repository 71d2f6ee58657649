"""How the operations of `lanes.rows` are lowered."""

from __future__ import annotations

from typing import Any

from numba import types

from runner.kernels.lanes import rows
from runner.kernels.lanes.lowering.operations import address, llvm_call, read, write
from runner.kernels.lanes.lowering.tiles import joined, parts, places
from runner.kernels.lanes.lowering.types import LanesType, Pointer, Vec


@rows.across.lowered_by
def _across(typingctx: Any, value: Any, height: Any) -> Any:
    if not (isinstance(value, Vec) and isinstance(height, LanesType)):
        return None

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return joined(builder, [args[0]] * height.n)

    return Vec(value.elem, value.n * height.n)(value, height), codegen


@rows.load_rows.lowered_by
def _load_rows(typingctx: Any, start: Any, at: Any, stride: Any, height: Any, lanes: Any, tile: Any) -> Any:
    if not (isinstance(start, Pointer) and all(isinstance(width, LanesType) for width in (height, lanes, tile))):
        return None
    weight = Vec(start.dtype, lanes.n)

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        weights = [read(builder, place, weight) for place in places(context, builder, sig, args, height.n)]
        return joined(builder, [each for each in weights for _ in range(tile.n // lanes.n)])

    return Vec(start.dtype, height.n * tile.n)(start, at, stride, height, lanes, tile), codegen


@rows.load_tiles.lowered_by
def _load_tiles(typingctx: Any, start: Any, at: Any, height: Any, tile: Any) -> Any:
    if not (isinstance(start, Pointer) and isinstance(height, LanesType) and isinstance(tile, LanesType)):
        return None
    vec = Vec(start.dtype, height.n * tile.n)

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return read(builder, address(context, builder, sig, args), vec)

    return vec(start, at, height, tile), codegen


@rows.add_products.lowered_by
def _add_products(typingctx: Any, start: Any, at: Any, stride: Any, d: Any, a: Any, lanes: Any) -> Any:
    if not (isinstance(start, Pointer) and isinstance(d, Vec) and isinstance(a, Vec)):
        return None
    vec = Vec(start.dtype, lanes.n)

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        held = places(context, builder, sig, args, d.n // a.n)
        totals = [read(builder, place, vec) for place in held]
        errors, samples = parts(builder, args[3], d.n, lanes.n), parts(builder, args[4], a.n, lanes.n)
        # For each sample all rows: the additions to one total wait for each other, those to different totals overlap.
        for t, sample in enumerate(samples):
            for k, total in enumerate(totals):
                totals[k] = llvm_call(builder, "fma", vec, errors[k * len(samples) + t], sample, total)
        for place, total in zip(held, totals, strict=True):
            write(builder, place, total, vec)
        return context.get_dummy_value()

    return types.void(start, at, stride, d, a, lanes), codegen
