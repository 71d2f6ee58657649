"""The Numba types of what kernels compute with, and their arithmetic.

`Vec(elem, n)` is a Numba type whose LLVM type is `<n x elem>`, `Pointer(dtype)` a place in memory, `LanesType` and
`TableType` are constants of the compiler.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
from llvmlite import ir
from numba import typeof, types
from numba.core.imputils import lower_constant, lower_getattr
from numba.core.typing.templates import AttributeTemplate, infer_getattr
from numba.extending import (
    lower_builtin,
    models,
    register_model,
    type_callable,
    typeof_impl,
)

from runner.kernels.lanes.switch import Table
from runner.kernels.lanes.vector import Lanes

LLVM_FLOAT = {types.float64: ir.DoubleType(), types.float32: ir.FloatType()}
BITS = {types.float64: 64, types.float32: 32}


class Vec(types.Type):  # type: ignore[misc]
    """The Numba type of a vector: `n` numbers of the type `elem`, float64 or float32."""

    def __init__(self, elem: types.Float, n: int) -> None:
        self.elem, self.n = elem, n
        # As that of an array, for functions that are told apart by it.
        self.dtype = np.dtype(elem.name)
        super().__init__(name=f"Vec({elem}, {n})")


@register_model(Vec)
class VecModel(models.PrimitiveModel):  # type: ignore[misc]
    """A Vec is held in memory and in registers as one LLVM vector."""

    def __init__(self, manager: Any, vec: Vec) -> None:
        super().__init__(manager, vec, ir.VectorType(LLVM_FLOAT[vec.elem], vec.n))


class LanesType(types.Type):  # type: ignore[misc]
    """The Numba type of `Lanes(n)`: the number is part of the type, so that it is a constant in the kernel."""

    def __init__(self, n: int) -> None:
        self.n = n
        super().__init__(name=f"Lanes({n})")


class TableType(types.Type):  # type: ignore[misc]
    """The Numba type of a table: the compiler finds its functions by its name."""

    def __init__(self, table: str) -> None:
        self.table = table
        super().__init__(name=table)


@register_model(LanesType)
@register_model(TableType)
class StaticModel(models.StructModel):  # type: ignore[misc]
    """What is `Static` is nothing at run time: only its type matters, and no function takes an argument for it."""

    def __init__(self, manager: Any, static: types.Type) -> None:
        super().__init__(manager, static, [])


@typeof_impl.register(Lanes)
def _typeof_lanes(value: Lanes, context: Any) -> LanesType:
    return LanesType(value.n)


@typeof_impl.register(Table)
def _typeof_table(value: Table, context: Any) -> TableType:
    return TableType(value.name)


@lower_constant(LanesType)
@lower_constant(TableType)
def _constant_static(context: Any, builder: Any, ty: types.Type, value: Any) -> Any:
    return ir.Constant(context.get_value_type(ty), [])


def types_of(values: tuple[Any, ...]) -> tuple[types.Type, ...]:
    """The Numba types of the arguments of a kernel."""
    return tuple(map(typeof, values))


class Pointer(types.Type):  # type: ignore[misc]
    """The Numba type of a place in memory where numbers of one type lie, without shape, bounds or reference count.

    Arrays in the inner functions of a kernel would have their references counted at every use, and be passed as seven
    fields each. The entry of a kernel keeps the arrays alive and hands on pointers.
    """

    def __init__(self, dtype: types.Number) -> None:
        self.dtype = dtype
        super().__init__(name=f"Pointer({dtype})")


@register_model(Pointer)
class PointerModel(models.PrimitiveModel):  # type: ignore[misc]
    """A Pointer is an LLVM pointer."""

    def __init__(self, manager: Any, pointer: Pointer) -> None:
        super().__init__(manager, pointer, manager.lookup(pointer.dtype).get_data_type().as_pointer())


@type_callable(operator.getitem)
def _type_getitem(context: Any) -> Any:
    def typer(pointer: types.Type, at: types.Type) -> types.Type | None:
        return pointer.dtype if isinstance(pointer, Pointer) and isinstance(at, types.Integer) else None

    return typer


@lower_builtin(operator.getitem, Pointer, types.Integer)
def _lower_getitem(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    index = context.cast(builder, args[1], sig.args[1], types.intp)
    return builder.load(builder.gep(args[0], [index]))


@type_callable(operator.setitem)
def _type_setitem(context: Any) -> Any:
    def typer(pointer: types.Type, at: types.Type, value: types.Type) -> types.Type | None:
        fits = isinstance(pointer, Pointer) and isinstance(at, types.Integer)
        return types.void if fits and isinstance(value, types.Number) else None

    return typer


@lower_builtin(operator.setitem, Pointer, types.Integer, types.Number)
def _lower_setitem(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    index = context.cast(builder, args[1], sig.args[1], types.intp)
    value = context.cast(builder, args[2], sig.args[2], sig.args[0].dtype)
    builder.store(value, builder.gep(args[0], [index]))
    return context.get_dummy_value()


def splat(builder: Any, scalar: Any, vec: Vec) -> Any:
    """LLVM vector with `scalar` in every lane."""
    i32 = ir.IntType(32)
    undefined = ir.Constant(ir.VectorType(LLVM_FLOAT[vec.elem], vec.n), ir.Undefined)
    first = builder.insert_element(undefined, scalar, ir.Constant(i32, 0))
    zeros = ir.Constant(ir.VectorType(i32, vec.n), [0] * vec.n)
    return builder.shuffle_vector(first, undefined, zeros)


def broadcast(context: Any, builder: Any, value: Any, ty: types.Type, vec: Vec) -> Any:
    """`value` as an LLVM vector of type `vec`: itself, or a scalar cast to the element type in every lane."""
    if isinstance(ty, Vec):
        return value
    return splat(builder, context.cast(builder, value, ty, vec.elem), vec)


def common_vec(*args: types.Type) -> Vec | None:
    """The vector type among the types of arguments; None if there is none, if two differ, or if one is no number."""
    vecs = {a for a in args if isinstance(a, Vec)}
    scalars_fit = all(isinstance(a, (Vec, types.Number)) for a in args)
    return vecs.pop() if len(vecs) == 1 and scalars_fit else None


def _define_arithmetic(function: Any, instruction: str) -> None:
    """Let `function` (an operator) work on two vectors, or a vector and a scalar, by one LLVM instruction."""

    @type_callable(function)
    def _type(context: Any) -> Any:
        def typer(a: types.Type, b: types.Type) -> Vec | None:
            return common_vec(a, b)

        return typer

    def _lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        vec = sig.return_type
        a, b = (broadcast(context, builder, v, t, vec) for v, t in zip(args, sig.args, strict=True))
        return getattr(builder, instruction)(a, b)

    for pair in ((Vec, Vec), (Vec, types.Number), (types.Number, Vec)):
        lower_builtin(function, *pair)(_lower)


for _function, _instruction in (
    (operator.add, "fadd"),
    (operator.sub, "fsub"),
    (operator.mul, "fmul"),
    (operator.truediv, "fdiv"),
):
    _define_arithmetic(_function, _instruction)


@type_callable(operator.neg)
def _type_neg(context: Any) -> Any:
    def typer(a: types.Type) -> Vec | None:
        return a if isinstance(a, Vec) else None

    return typer


@lower_builtin(operator.neg, Vec)
def _lower_neg(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    return builder.fneg(args[0])


@infer_getattr
class _LanesAttributes(AttributeTemplate):  # type: ignore[misc]
    """The type of `lanes.n`; an `overload_attribute` would be one more function to compile for each width."""

    key = LanesType

    def resolve_n(self, lanes: LanesType) -> types.Type:
        return types.intp


@lower_getattr(LanesType, "n")
def _lower_n(context: Any, builder: Any, lanes: LanesType, value: Any) -> Any:
    return context.get_constant(types.intp, lanes.n)
