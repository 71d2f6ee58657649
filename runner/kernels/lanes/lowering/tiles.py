"""How the operations of `lanes.tiles` are lowered; and how vectors are joined and taken apart."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types

from runner.kernels.lanes import tiles
from runner.kernels.lanes.lowering.operations import I32, extremum, larger_nonnegative, llvm_call
from runner.kernels.lanes.lowering.types import LanesType, Pointer, Vec, splat


@tiles.repeat.lowered_by
def _repeat(typingctx: Any, value: Any, width: Any) -> Any:
    if not (isinstance(value, Vec) and isinstance(width, LanesType)):
        return None
    vec = Vec(value.elem, width.n)

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        mask = ir.Constant(ir.VectorType(I32, vec.n), [k % value.n for k in range(vec.n)])
        return builder.shuffle_vector(args[0], args[0], mask)

    return vec(value, width), codegen


def places(context: Any, builder: Any, sig: Any, args: Any, n: int) -> list[Any]:
    """Addresses of n places `stride` numbers apart, for an operation with the arguments (start, at, stride, ...)."""
    index, stride = (context.cast(builder, args[k], sig.args[k], types.intp) for k in (1, 2))
    found = [builder.gep(args[0], [index])]
    while len(found) < n:
        found.append(builder.gep(found[-1], [stride]))
    return found


def joined(builder: Any, parts: list[Any]) -> Any:
    """Vectors of the same size as one vector; their number is a power of two."""
    while len(parts) > 1:
        n = parts[0].type.count
        both = ir.Constant(ir.VectorType(I32, 2 * n), list(range(2 * n)))
        parts = [builder.shuffle_vector(a, b, both) for a, b in zip(parts[::2], parts[1::2], strict=True)]
    return parts[0]


@tiles.spread_samples.lowered_by
def _spread_samples(typingctx: Any, start: Any, at: Any, stride: Any, lanes: Any, tile: Any) -> Any:
    if not (isinstance(start, Pointer) and isinstance(lanes, LanesType) and isinstance(tile, LanesType)):
        return None
    vec, of_sample = Vec(start.dtype, tile.n), Vec(start.dtype, lanes.n)

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        samples = places(context, builder, sig, args, tile.n // lanes.n)
        return joined(builder, [splat(builder, builder.load(sample), of_sample) for sample in samples])

    return vec(start, at, stride, lanes, tile), codegen


def parts(builder: Any, tile: Any, n: int, lanes: int) -> list[Any]:
    """A vector of n numbers as n / lanes vectors: the samples of a tile, or of rows of tiles."""
    masks = [ir.Constant(ir.VectorType(I32, lanes), list(range(k, k + lanes))) for k in range(0, n, lanes)]
    return [builder.shuffle_vector(tile, tile, mask) for mask in masks]


@tiles.fold_fma.lowered_by
def _fold_fma(typingctx: Any, a: Any, b: Any, total: Any) -> Any:
    if not (isinstance(a, Vec) and a == b and isinstance(total, Vec)):
        return None

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        result = args[2]
        pairs = zip(*(parts(builder, v, a.n, total.n) for v in args[:2]), strict=True)
        for x, y in pairs:
            result = llvm_call(builder, "fma", total, x, y, result)
        return result

    return total(a, b, total), codegen


def _lower_fold(operation: Any, combine: Callable[[Any, Any, Any], Any]) -> None:
    @operation.lowered_by
    def _fold(typingctx: Any, tile: Any, total: Any) -> Any:
        if not (isinstance(tile, Vec) and isinstance(total, Vec)):
            return None

        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            result = args[1]
            for part in parts(builder, args[0], tile.n, total.n):
                result = combine(builder, result, part)
            return result

        return total(tile, total), codegen


_lower_fold(tiles.fold_add, lambda builder, total, part: builder.fadd(total, part))
_lower_fold(tiles.fold_max_nonnegative, larger_nonnegative)
_lower_fold(tiles.fold_max, lambda builder, total, part: extremum(builder, "<=", total, part))
_lower_fold(tiles.fold_min, lambda builder, total, part: extremum(builder, ">=", total, part))
