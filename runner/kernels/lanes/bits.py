"""Operations on the binary representation of numbers (IEEE 754): powers of two, exponents and significands."""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir

from runner.kernels.lanes.operations import operation
from runner.kernels.lanes.vector import BITS, LLVM_FLOAT, Vec

# By the size of a number in bits: stored bits of the significand, bias of the exponent, and the bits of sqrt(1/2).
FORMAT = {64: (52, 1023, 0x3FE6A09E667F3BCD), 32: (23, 127, 0x3F3504F3)}


def _constant(vec: Vec, number: int) -> Any:
    ty = ir.IntType(BITS[vec.elem])
    return ir.Constant(ir.VectorType(ty, vec.n), [ir.Constant(ty, number)] * vec.n)


def _integer_type(vec: Vec) -> Any:
    return ir.VectorType(ir.IntType(BITS[vec.elem]), vec.n)


def _float_type(vec: Vec) -> Any:
    return ir.VectorType(LLVM_FLOAT[vec.elem], vec.n)


# Adding this to a number of moderate size rounds it to an integer, which then stands in the low bits of the sum, as the
# unit in the last place of the sum is 1. A conversion to integers would be scalar code for 64 bits without AVX-512.
SHIFTER64, SHIFTER32 = 1.5 * 2.0**52, 1.5 * 2.0**23


def _power_twin(shifted: Any) -> Any:
    shifter = SHIFTER64 if shifted.dtype == np.float64 else SHIFTER32
    return np.ldexp(np.ones_like(shifted), (shifted - shifter).astype(np.int64))


@operation(_power_twin)
def power_of_two(typingctx: Any, shifted: Any) -> Any:
    """2^k from k + SHIFTER, for integers k in the range of normal exponents (-1022..1023, or -126..127)."""
    if not isinstance(shifted, Vec):
        return None
    significand, bias, _ = FORMAT[BITS[shifted.elem]]

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        bits = builder.bitcast(args[0], _integer_type(shifted))
        moved = builder.shl(builder.add(bits, _constant(shifted, bias)), _constant(shifted, significand))
        return builder.bitcast(moved, _float_type(shifted))

    return shifted(shifted), codegen


def _offset_bits(builder: Any, vec: Vec, value: Any) -> Any:
    """Bits of `value`, moved so that the exponent field changes at sqrt(1/2) 2^k instead of at 2^k."""
    significand, bias, root = FORMAT[BITS[vec.elem]]
    return builder.add(builder.bitcast(value, _integer_type(vec)), _constant(vec, (bias << significand) - root))


def _exponent_twin(x: Any) -> Any:
    m, k = np.frexp(x)
    return np.where(m < np.sqrt(0.5), k - 1, k).astype(x.dtype)


@operation(_exponent_twin)
def exponent(typingctx: Any, x: Any) -> Any:
    """The integer k, as a float, with x = m 2^k and sqrt(1/2) <= m < sqrt(2), for positive normal x."""
    if not isinstance(x, Vec):
        return None
    significand, bias, _ = FORMAT[BITS[x.elem]]

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        field = builder.lshr(_offset_bits(builder, x, args[0]), _constant(x, significand))
        return builder.sitofp(builder.sub(field, _constant(x, bias)), _float_type(x))

    return x(x), codegen


@operation(lambda x: np.ldexp(x, -_exponent_twin(x).astype(np.int64)).astype(x.dtype))
def significand(typingctx: Any, x: Any) -> Any:
    """The number m with x = m 2^k and sqrt(1/2) <= m < sqrt(2), for positive normal x."""
    if not isinstance(x, Vec):
        return None
    bits, _, root = FORMAT[BITS[x.elem]]

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        fraction = builder.and_(_offset_bits(builder, x, args[0]), _constant(x, (1 << bits) - 1))
        return builder.bitcast(builder.add(fraction, _constant(x, root)), _float_type(x))

    return x(x), codegen
