"""Operations on vectors beyond arithmetic: memory, fused multiply-add, selection; and how functions are compiled.

Each operation is an LLVM instruction or a few. Its NumPy twin is a function of arrays that does the same, and takes its
place when the JIT is disabled.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import config, njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from runner.kernels.lanes.compiling import EntryCompiler, PartCompiler
from runner.kernels.lanes.vector import BITS, LLVM_FLOAT, LanesType, Pointer, Vec, broadcast, common_vec

I32 = ir.IntType(32)

# How functions are compiled. Division by zero gives infinity or NaN, as in NumPy: the check of Python's error model
# would make divisions scalar code. What Python calls is an `entry`; all else is a part of one (see compiling.py). LLVM
# may inline a `kernel`, and always inlines what is `inlined`.
entry = njit(nogil=True, error_model="numpy", pipeline_class=EntryCompiler)
kernel = njit(nogil=True, error_model="numpy", pipeline_class=PartCompiler)
inlined = njit(nogil=True, error_model="numpy", forceinline=True, pipeline_class=PartCompiler)
# Numba itself merges a `step` into its caller, before it infers types. As a function of its own it would be linked with
# everything that it calls once more: what is only one step of a longer function is merged to save compilation.
step = njit(nogil=True, error_model="numpy", inline="always", pipeline_class=PartCompiler)
# For the `overload` of a function that is another one for arguments of another type: those are `inlined`.
BY_TYPE = {"nogil": True, "error_model": "numpy", "forceinline": True, "pipeline_class": PartCompiler}


def operation(numpy_twin: Callable[..., Any]) -> Callable[[Callable[..., Any]], Any]:
    """Make a typing function an operation: a Numba intrinsic, or its NumPy twin when the JIT is disabled.

    Parameters
    ----------
    numpy_twin : callable
        Takes the arguments of the operation, with a flat array for a Pointer and an array (n,) for a vector.
    """

    def decorate(typing_function: Callable[..., Any]) -> Any:
        numpy_twin.__doc__ = typing_function.__doc__
        if config.DISABLE_JIT:
            return numpy_twin
        compiled = intrinsic(typing_function)
        # Who reads a function of a registry without compiling it finds the twin here.
        compiled.numpy_twin = numpy_twin
        return compiled

    return decorate


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


@operation(lambda array: array.reshape(-1))
def pointer(typingctx: Any, array: Any) -> Any:
    """The memory of a C-contiguous array. The array must outlive it."""
    if not isinstance(array, types.Array):
        return None

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return context.make_array(sig.args[0])(context, builder, args[0]).data

    return Pointer(array.dtype)(array), codegen


@operation(lambda start, n: start[n:])
def advanced(typingctx: Any, start: Any, n: Any) -> Any:
    """The memory from number n on."""
    if not isinstance(start, Pointer):
        return None

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return address(context, builder, sig, args)

    return start(start, n), codegen


@operation(lambda: None)
def not_inlined(typingctx: Any) -> Any:
    """Keep the function in which this stands from being inlined: it has several callers, and is compiled once."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        # A function called by one that is always inlined inherits its flags.
        builder.function.attributes.discard("alwaysinline")
        builder.function.attributes.add("noinline")
        return context.get_dummy_value()

    return types.void(), codegen


@operation(lambda array, at, width: array[at : at + width.n].copy())
def load(typingctx: Any, start: Any, at: Any, width: Any) -> Any:
    """`width` consecutive numbers from index `at` on."""
    if not (isinstance(start, Pointer) and isinstance(width, LanesType)):
        return None
    vec = Vec(start.dtype, width.n)

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return read(builder, address(context, builder, sig, args), vec)

    return vec(start, at, width), codegen


def _store_twin(array: Any, at: int, value: Any) -> None:
    array[at : at + len(value)] = value


@operation(_store_twin)
def store(typingctx: Any, start: Any, at: Any, value: Any) -> Any:
    """Write a vector to consecutive places, from index `at` on."""
    if not (isinstance(start, Pointer) and isinstance(value, Vec) and start.dtype == value.elem):
        return None

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        write(builder, address(context, builder, sig, args), args[2], value)
        return context.get_dummy_value()

    return types.void(start, at, value), codegen


@operation(lambda array, scalar, width: np.full(width.n, scalar, array.dtype))
def fill(typingctx: Any, start: Any, scalar: Any, width: Any) -> Any:
    """A vector with `scalar` in every lane, of the type of number that `start` points to."""
    vec = Vec(start.dtype, width.n)

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return broadcast(context, builder, args[1], sig.args[1], vec)

    return vec(start, scalar, width), codegen


@operation(lambda a, b, c: a * b + c)
def fma(typingctx: Any, a: Any, b: Any, c: Any) -> Any:
    """a * b + c, rounded once. The NumPy twin rounds twice: without the JIT the last bits differ."""
    vec = common_vec(a, b, c)
    if vec is None:
        return None

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        values = [broadcast(context, builder, v, t, vec) for v, t in zip(args, sig.args, strict=True)]
        return llvm_call(builder, "fma", vec, *values)

    return vec(a, b, c), codegen


def _unary(name: str, twin: Callable[..., Any], doc: str) -> Any:
    def typing_function(typingctx: Any, a: Any) -> Any:
        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            return llvm_call(builder, name, a, args[0])

        return (a(a), codegen) if isinstance(a, Vec) else None

    typing_function.__doc__, typing_function.__name__ = doc, name
    return operation(twin)(typing_function)


rint = _unary("rint", lambda a: np.rint(a), "Nearest integer, ties to even.")
absolute = _unary("fabs", lambda a: np.abs(a), "Absolute value.")
sqrt = _unary("sqrt", lambda a: np.sqrt(a), "Square root, correctly rounded.")


def _selection(predicate: str, twin: Callable[..., Any], doc: str) -> Any:
    def typing_function(typingctx: Any, a: Any, b: Any, x: Any, y: Any) -> Any:
        vec = common_vec(a, b, x, y)
        if vec is None:
            return None

        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            va, vb, vx, vy = (broadcast(context, builder, v, t, vec) for v, t in zip(args, sig.args, strict=True))
            return builder.select(builder.fcmp_ordered(predicate, va, vb), vx, vy)

        return vec(a, b, x, y), codegen

    typing_function.__doc__ = doc
    return operation(twin)(typing_function)


where_lt = _selection("<", lambda a, b, x, y: np.where(a < b, x, y), "x where a < b, else y; y where a or b is NaN.")
where_le = _selection("<=", lambda a, b, x, y: np.where(a <= b, x, y), "x where a <= b, else y; y where a or b is NaN.")


def extremum(builder: Any, predicate: str, a: Any, b: Any) -> Any:
    """The larger (`predicate` "<=") or smaller (">=") of two vectors, lane by lane; NaN where either is."""
    kept = builder.select(builder.fcmp_ordered(predicate, b, a), a, b)
    return builder.select(builder.fcmp_unordered("uno", a, a), a, kept)


def _extremum(predicate: str, twin: Callable[..., Any], doc: str) -> Any:
    def typing_function(typingctx: Any, a: Any, b: Any) -> Any:
        vec = common_vec(a, b)
        if vec is None:
            return None

        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            va, vb = (broadcast(context, builder, v, t, vec) for v, t in zip(args, sig.args, strict=True))
            return extremum(builder, predicate, va, vb)

        return vec(a, b), codegen

    typing_function.__doc__ = doc
    return operation(twin)(typing_function)


maximum = _extremum("<=", lambda a, b: np.maximum(a, b), "The larger of two; NaN where either is.")
minimum = _extremum(">=", lambda a, b: np.minimum(a, b), "The smaller of two; NaN where either is.")


def larger_nonnegative(builder: Any, a: Any, b: Any) -> Any:
    """The larger of two vectors without negative numbers, lane by lane, by their bits read as integers.

    These are in the order of the numbers, with NaN after infinity: one instruction where `maximum` needs four.
    """
    bits = ir.VectorType(ir.IntType(64 if isinstance(a.type.element, ir.DoubleType) else 32), a.type.count)
    x, y = builder.bitcast(a, bits), builder.bitcast(b, bits)
    return builder.bitcast(builder.select(builder.icmp_signed(">", x, y), x, y), a.type)


@operation(lambda a, b: np.maximum(a, b))
def max_nonnegative(typingctx: Any, a: Any, b: Any) -> Any:
    """The larger of two numbers that are not negative; NaN where either is."""
    if not (isinstance(a, Vec) and a == b):
        return None

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return larger_nonnegative(builder, *args)

    return a(a, b), codegen


@operation(lambda a, b: bool(np.any(a < b)))
def any_lt(typingctx: Any, a: Any, b: Any) -> Any:
    """Whether a < b in any lane: one boolean."""
    vec = common_vec(a, b)
    if vec is None:
        return None

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        va, vb = (broadcast(context, builder, v, t, vec) for v, t in zip(args, sig.args, strict=True))
        bits = builder.bitcast(builder.fcmp_ordered("<", va, vb), ir.IntType(vec.n))
        return builder.icmp_unsigned("!=", bits, ir.Constant(bits.type, 0))

    return types.boolean(a, b), codegen


def _call_at_twin(address: int, args: tuple[Any, ...]) -> Any:
    raise NotImplementedError("there is no machine code without the JIT")


@operation(_call_at_twin)
def call_at(typingctx: Any, address: Any, args: Any) -> Any:
    """Call the machine code at an address, which takes arguments of just these types and gives an int64."""
    own = tuple(args)

    def codegen(context: Any, builder: Any, sig: Any, values: Any) -> Any:
        unpacked = [builder.extract_value(values[1], k) for k in range(len(own))]
        convention = context.call_conv
        machine_code = convention.get_function_type(types.int64, own).as_pointer()
        callee = builder.inttoptr(values[0], machine_code)
        _, result = convention.call_function(builder, callee, types.int64, own, unpacked)
        return result

    return types.int64(address, args), codegen


@operation(lambda function, args: 0)
def address_of(typingctx: Any, function: Any, args: Any) -> Any:
    """The address of the machine code of a function for arguments of these types, as `call_at` takes it."""
    signature = function.get_call_type(typingctx, tuple(args), {})
    if (signature.args, signature.return_type) != (tuple(args), types.int64):
        raise TypeError(f"call_at would call {function} in another way than as {signature}")

    def codegen(context: Any, builder: Any, sig: Any, values: Any) -> Any:
        compiled = function.dispatcher.overloads[signature.args]
        context.add_linking_libs([compiled.library])
        machine_code = context.declare_function(builder.module, compiled.fndesc)
        return builder.ptrtoint(machine_code, ir.IntType(64))

    return types.int64(function, args), codegen
