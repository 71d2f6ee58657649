"""How the operations of `lanes.bits` are lowered."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types

from runner.kernels.lanes import bits
from runner.kernels.lanes.lowering.types import BITS, LLVM_FLOAT, Vec

# By the size of a number in bits: stored bits of the significand, bias of the exponent, and the bits of sqrt(1/2).
FORMAT = {64: (52, 1023, 0x3FE6A09E667F3BCD), 32: (23, 127, 0x3F3504F3)}


def _constant(vec: Vec, number: int) -> Any:
    ty = ir.IntType(BITS[vec.elem])
    return ir.Constant(ir.VectorType(ty, vec.n), [ir.Constant(ty, number)] * vec.n)


def _integer_type(vec: Vec) -> Any:
    return ir.VectorType(ir.IntType(BITS[vec.elem]), vec.n)


def _float_type(vec: Vec) -> Any:
    return ir.VectorType(LLVM_FLOAT[vec.elem], vec.n)


@bits.power_of_two.lowered_by
def _power_of_two(typingctx: Any, shifted: Any) -> Any:
    if not isinstance(shifted, Vec):
        return None
    significand, bias, _ = FORMAT[BITS[shifted.elem]]

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        integers = builder.bitcast(args[0], _integer_type(shifted))
        moved = builder.shl(builder.add(integers, _constant(shifted, bias)), _constant(shifted, significand))
        return builder.bitcast(moved, _float_type(shifted))

    return shifted(shifted), codegen


@bits.times_power.lowered_by
def _times_power(typingctx: Any, x: Any, shifted: Any) -> Any:
    if not (isinstance(x, Vec) and x == shifted):
        return None
    stored, _, _ = FORMAT[BITS[x.elem]]

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        number, power = (builder.bitcast(each, _integer_type(x)) for each in args)
        return builder.bitcast(builder.add(number, builder.shl(power, _constant(x, stored))), _float_type(x))

    return x(x, shifted), codegen


def _offset_bits(builder: Any, vec: Vec, value: Any) -> Any:
    """Bits of `value`, moved so that the exponent field changes at sqrt(1/2) 2^k instead of at 2^k."""
    significand, bias, root = FORMAT[BITS[vec.elem]]
    return builder.add(builder.bitcast(value, _integer_type(vec)), _constant(vec, (bias << significand) - root))


@bits.exponent.lowered_by
def _exponent(typingctx: Any, x: Any) -> Any:
    if not isinstance(x, Vec):
        return None
    significand, bias, _ = FORMAT[BITS[x.elem]]

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        field = builder.lshr(_offset_bits(builder, x, args[0]), _constant(x, significand))
        return builder.sitofp(builder.sub(field, _constant(x, bias)), _float_type(x))

    return x(x), codegen


@bits.significand.lowered_by
def _significand(typingctx: Any, x: Any) -> Any:
    if not isinstance(x, Vec):
        return None
    stored, _, root = FORMAT[BITS[x.elem]]

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        fraction = builder.and_(_offset_bits(builder, x, args[0]), _constant(x, (1 << stored) - 1))
        return builder.bitcast(builder.add(fraction, _constant(x, root)), _float_type(x))

    return x(x), codegen


@bits.product.lowered_by
def _product(typingctx: Any, a: Any, b: Any) -> Any:
    pair = types.UniTuple(types.uint64, 2)

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        wide, word = ir.IntType(128), ir.IntType(64)
        value = builder.mul(*(builder.zext(v, wide) for v in args))
        high = builder.trunc(builder.lshr(value, ir.Constant(wide, 64)), word)
        return context.make_tuple(builder, pair, (high, builder.trunc(value, word)))

    return pair(types.uint64, types.uint64), codegen


@bits.wrapped_sum.lowered_by
def _wrapped_sum(typingctx: Any, a: Any, b: Any) -> Any:
    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.add(*args)

    return types.uint64(types.uint64, types.uint64), codegen
