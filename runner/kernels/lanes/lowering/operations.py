"""How the operations of `lanes.operations` are lowered; and how lowering functions read and write vectors.

A lowering function is given the types of the arguments, and returns the signature and what makes the instructions; None
for types that the operation does not take.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils

from runner.kernels.lanes import operations
from runner.kernels.lanes.lowering.types import (
    BITS,
    LLVM_FLOAT,
    LanesType,
    Pointer,
    Vec,
    broadcast,
    common_vec,
)

I32 = ir.IntType(32)


def llvm_call(builder: Any, name: str, vec: Vec, *args: Any) -> Any:
    """Call the LLVM intrinsic `name` on vectors of the type `vec`."""
    ty = args[0].type
    full = f"llvm.{name}.v{vec.n}f{BITS[vec.elem]}"
    function = cgutils.get_or_insert_function(builder.module, ir.FunctionType(ty, [ty] * len(args)), full)
    return builder.call(function, args)


def address(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    """Address of number args[1] from the pointer args[0] on, the first two arguments of an operation."""
    return builder.gep(args[0], [context.cast(builder, args[1], sig.args[1], types.intp)])


def read(builder: Any, place: Any, vec: Vec) -> Any:
    """Load the vector at an address, which is aligned for one number only."""
    vec_type = ir.VectorType(LLVM_FLOAT[vec.elem], vec.n)
    value = builder.load(builder.bitcast(place, vec_type.as_pointer()))
    value.align = BITS[vec.elem] // 8
    return value


def write(builder: Any, place: Any, value: Any, vec: Vec) -> None:
    """Store a vector at an address, which is aligned for one number only."""
    builder.store(value, builder.bitcast(place, value.type.as_pointer())).align = BITS[vec.elem] // 8


@operations.pointer.lowered_by
def _pointer(typingctx: Any, array: Any) -> Any:
    if not isinstance(array, types.Array):
        return None

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return context.make_array(sig.args[0])(context, builder, args[0]).data

    return Pointer(array.dtype)(array), codegen


@operations.advanced.lowered_by
def _advanced(typingctx: Any, start: Any, n: Any) -> Any:
    if not isinstance(start, Pointer):
        return None

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return address(context, builder, sig, args)

    return start(start, n), codegen


@operations.not_inlined.lowered_by
def _not_inlined(typingctx: Any) -> Any:

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        # A function called by one that is always inlined inherits its flags.
        builder.function.attributes.discard("alwaysinline")
        builder.function.attributes.add("noinline")
        return context.get_dummy_value()

    return types.void(), codegen


@operations.load.lowered_by
def _load(typingctx: Any, start: Any, at: Any, width: Any) -> Any:
    if not (isinstance(start, Pointer) and isinstance(width, LanesType)):
        return None
    vec = Vec(start.dtype, width.n)

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return read(builder, address(context, builder, sig, args), vec)

    return vec(start, at, width), codegen


@operations.store.lowered_by
def _store(typingctx: Any, start: Any, at: Any, value: Any) -> Any:
    if not (isinstance(start, Pointer) and isinstance(value, Vec) and start.dtype == value.elem):
        return None

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        write(builder, address(context, builder, sig, args), args[2], value)
        return context.get_dummy_value()

    return types.void(start, at, value), codegen


@operations.fill.lowered_by
def _fill(typingctx: Any, start: Any, scalar: Any, width: Any) -> Any:
    vec = Vec(start.dtype, width.n)

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return broadcast(context, builder, args[1], sig.args[1], vec)

    return vec(start, scalar, width), codegen


@operations.fma.lowered_by
def _fma(typingctx: Any, a: Any, b: Any, c: Any) -> Any:
    vec = common_vec(a, b, c)
    if vec is None:
        return None

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        values = [broadcast(context, builder, v, t, vec) for v, t in zip(args, sig.args, strict=True)]
        return llvm_call(builder, "fma", vec, *values)

    return vec(a, b, c), codegen


def _lower_unary(operation: Any, name: str) -> None:
    @operation.lowered_by
    def _unary(typingctx: Any, a: Any) -> Any:
        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            return llvm_call(builder, name, a, args[0])

        return (a(a), codegen) if isinstance(a, Vec) else None


_lower_unary(operations.rint, "rint")
_lower_unary(operations.absolute, "fabs")
_lower_unary(operations.sqrt, "sqrt")


def _lower_selection(operation: Any, predicate: str) -> None:
    @operation.lowered_by
    def _selection(typingctx: Any, a: Any, b: Any, x: Any, y: Any) -> Any:
        vec = common_vec(a, b, x, y)
        if vec is None:
            return None

        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            va, vb, vx, vy = (broadcast(context, builder, v, t, vec) for v, t in zip(args, sig.args, strict=True))
            return builder.select(builder.fcmp_ordered(predicate, va, vb), vx, vy)

        return vec(a, b, x, y), codegen


_lower_selection(operations.where_lt, "<")
_lower_selection(operations.where_le, "<=")


def extremum(builder: Any, predicate: str, a: Any, b: Any) -> Any:
    """The larger (`predicate` "<=") or smaller (">=") of two vectors, lane by lane; NaN where either is."""
    kept = builder.select(builder.fcmp_ordered(predicate, b, a), a, b)
    return builder.select(builder.fcmp_unordered("uno", a, a), a, kept)


def _lower_extremum(operation: Any, predicate: str) -> None:
    @operation.lowered_by
    def _extremum(typingctx: Any, a: Any, b: Any) -> Any:
        vec = common_vec(a, b)
        if vec is None:
            return None

        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            va, vb = (broadcast(context, builder, v, t, vec) for v, t in zip(args, sig.args, strict=True))
            return extremum(builder, predicate, va, vb)

        return vec(a, b), codegen


_lower_extremum(operations.maximum, "<=")
_lower_extremum(operations.minimum, ">=")


def larger_nonnegative(builder: Any, a: Any, b: Any) -> Any:
    """The larger of two vectors without negative numbers, lane by lane, by their bits read as integers.

    These are in the order of the numbers, with NaN after infinity: one instruction where `maximum` needs four.
    """
    bits = ir.VectorType(ir.IntType(64 if isinstance(a.type.element, ir.DoubleType) else 32), a.type.count)
    x, y = builder.bitcast(a, bits), builder.bitcast(b, bits)
    return builder.bitcast(builder.select(builder.icmp_signed(">", x, y), x, y), a.type)


@operations.max_nonnegative.lowered_by
def _max_nonnegative(typingctx: Any, a: Any, b: Any) -> Any:
    if not (isinstance(a, Vec) and a == b):
        return None

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return larger_nonnegative(builder, *args)

    return a(a, b), codegen


@operations.any_lt.lowered_by
def _any_lt(typingctx: Any, a: Any, b: Any) -> Any:
    vec = common_vec(a, b)
    if vec is None:
        return None

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        va, vb = (broadcast(context, builder, v, t, vec) for v, t in zip(args, sig.args, strict=True))
        bits = builder.bitcast(builder.fcmp_ordered("<", va, vb), ir.IntType(vec.n))
        return builder.icmp_unsigned("!=", bits, ir.Constant(bits.type, 0))

    return types.boolean(a, b), codegen


@operations.call_at.lowered_by
def _call_at(typingctx: Any, address: Any, args: Any) -> Any:
    own = tuple(args)

    def codegen(context: Any, builder: Any, sig: Any, values: Any) -> Any:
        unpacked = [builder.extract_value(values[1], k) for k in range(len(own))]
        convention = context.call_conv
        machine_code = convention.get_function_type(types.int64, own).as_pointer()
        callee = builder.inttoptr(values[0], machine_code)
        _, result = convention.call_function(builder, callee, types.int64, own, unpacked)
        return result

    return types.int64(address, args), codegen


@operations.address_of.lowered_by
def _address_of(typingctx: Any, function: Any, args: Any) -> Any:
    signature = function.get_call_type(typingctx, tuple(args), {})
    if (signature.args, signature.return_type) != (tuple(args), types.int64):
        raise TypeError(f"call_at would call {function} in another way than as {signature}")

    def codegen(context: Any, builder: Any, sig: Any, values: Any) -> Any:
        compiled = function.dispatcher.overloads[signature.args]
        context.add_linking_libs([compiled.library])
        machine_code = context.declare_function(builder.module, compiled.fndesc)
        return builder.ptrtoint(machine_code, ir.IntType(64))

    return types.int64(function, args), codegen
