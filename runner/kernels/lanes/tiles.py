"""Operations on tiles: vectors of S = T * L numbers, those of T samples in L runs, sample after sample.

The functions `fold_...` sum over the samples of a tile, one after the other, so that a sum has the same bits whatever
the size of the tile.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types

from runner.kernels.lanes.operations import I32, extremum, larger_nonnegative, llvm_call, operation
from runner.kernels.lanes.vector import LanesType, Pointer, Vec, splat


@operation(lambda value, width: np.tile(value, width.n // len(value)))
def repeat(typingctx: Any, value: Any, width: Any) -> Any:
    """The vector `value` (L,) once for every sample of a tile. It costs no instruction: the register serves again."""
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


def _spread_samples_twin(start: Any, at: int, stride: int, lanes: Any, tile: Any) -> Any:
    numbers = [start[at + t * stride] for t in range(tile.n // lanes.n)]
    return np.repeat(np.array(numbers, start.dtype), lanes.n)


@operation(_spread_samples_twin)
def spread_samples(typingctx: Any, start: Any, at: Any, stride: Any, lanes: Any, tile: Any) -> Any:
    """A tile from numbers that lie `stride` apart: one for each sample, the same in all lanes."""
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


def fold_fma_twin(a: Any, b: Any, total: Any) -> Any:
    for x, y in zip(a.reshape(-1, len(total)), b.reshape(-1, len(total)), strict=True):
        total = x * y + total
    return total


@operation(fold_fma_twin)
def fold_fma(typingctx: Any, a: Any, b: Any, total: Any) -> Any:
    """total + a_0 b_0 + a_1 b_1 + ... over the samples of two tiles, by fused multiply-adds in this order: (L,)."""
    if not (isinstance(a, Vec) and a == b and isinstance(total, Vec)):
        return None

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        result = args[2]
        pairs = zip(*(parts(builder, v, a.n, total.n) for v in args[:2]), strict=True)
        for x, y in pairs:
            result = llvm_call(builder, "fma", total, x, y, result)
        return result

    return total(a, b, total), codegen


def _fold(combine: Callable[[Any, Any, Any], Any], twin: Callable[[Any, Any], Any], doc: str) -> Any:
    def numpy_twin(tile: Any, total: Any) -> Any:
        for part in tile.reshape(-1, len(total)):
            total = twin(total, part)
        return total

    def typing_function(typingctx: Any, tile: Any, total: Any) -> Any:
        if not (isinstance(tile, Vec) and isinstance(total, Vec)):
            return None

        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            result = args[1]
            for part in parts(builder, args[0], tile.n, total.n):
                result = combine(builder, result, part)
            return result

        return total(tile, total), codegen

    typing_function.__doc__ = doc
    return operation(numpy_twin)(typing_function)


fold_add = _fold(
    lambda builder, total, part: builder.fadd(total, part),
    lambda total, part: total + part,
    "total + t_0 + t_1 + ... over the samples of a tile, in this order: a vector (L,).",
)
fold_max_nonnegative = _fold(
    larger_nonnegative,
    np.maximum,
    "The largest of total and the samples of a tile, none of them negative; NaN where one is.",
)
fold_max = _fold(
    lambda builder, total, part: extremum(builder, "<=", total, part),
    np.maximum,
    "The largest of total and the samples of a tile; NaN where one is.",
)
fold_min = _fold(
    lambda builder, total, part: extremum(builder, ">=", total, part),
    np.minimum,
    "The smallest of total and the samples of a tile; NaN where one is.",
)
