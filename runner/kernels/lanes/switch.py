"""Tables of lane functions, chosen by a code at run time: how the kernels reach the members of the registries.

A kernel calls `choose(net.activate, code, (Z, A, first, end, tile))` without knowing which activations exist: the table
is an argument of the kernel, and its Numba type tells the compiler which functions are in it. `choose` compiles to one
LLVM `switch` over all of them, so that one compiled kernel serves every member of its tables, and kernels with other
tables are other kernels. The code is the same for a whole block of runs: the processor predicts the branch.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any

from llvmlite import ir
from numba import types
from numba.core.imputils import lower_constant
from numba.extending import NativeValue, models, register_model, typeof_impl, unbox

from runner.kernels.lanes.operations import operation


class Table:
    """Lane functions with the same arguments and result; the place of each one is its code.

    Parameters
    ----------
    what : str
        What the functions do, such as `activate`.
    functions : mapping of str to callable
        In the order of their codes. A name stands for one function: the compiler, and the cache of compiled kernels,
        know a table again by the names in it.
    """

    def __init__(self, what: str, functions: Mapping[str, Callable[..., Any]]) -> None:
        self.functions = tuple(functions.values())
        # The name is part of that of every compiled function which takes the table: a short one saves compilation.
        names = hashlib.blake2b("\n".join(functions).encode(), digest_size=5).hexdigest()
        self.name = f"{what}_{names}"
        _TABLES.setdefault(self.name, self)


_TABLES: dict[str, Table] = {}


class TableType(types.Type):  # type: ignore[misc]
    """The Numba type of a table: the compiler finds its functions by its name."""

    def __init__(self, table: str) -> None:
        self.table = table
        super().__init__(name=table)


@register_model(TableType)
class TableModel(models.StructModel):  # type: ignore[misc]
    """A table is nothing at run time: only its type matters, and no function takes an argument for it."""

    def __init__(self, manager: Any, table: TableType) -> None:
        super().__init__(manager, table, [])


@typeof_impl.register(Table)
def _typeof_table(value: Table, context: Any) -> TableType:
    return TableType(value.name)


@lower_constant(TableType)
def _constant_table(context: Any, builder: Any, ty: TableType, value: Table) -> Any:
    return _nothing(context, ty)


@unbox(TableType)
def _unbox_table(ty: TableType, obj: Any, c: Any) -> NativeValue:
    return NativeValue(_nothing(c.context, ty))


def _nothing(context: Any, ty: TableType) -> Any:
    return ir.Constant(context.get_value_type(ty), [])


def _choose_twin(table: Table, code: int, args: tuple[Any, ...]) -> Any:
    return table.functions[code](*args)


@operation(_choose_twin)
def choose(typingctx: Any, table: Any, code: Any, args: Any) -> Any:
    """Call function number `code` of a table with `args`. What a code outside the table does is undefined."""
    if not isinstance(table, TableType):
        return None
    functions = [typingctx.resolve_value_type(body) for body in _TABLES[table.table].functions]
    signatures = [f.get_call_type(typingctx, tuple(args), {}) for f in functions]
    result = signatures[0].return_type

    def codegen(context: Any, builder: Any, sig: Any, values: Any) -> Any:
        unpacked = [builder.extract_value(values[2], k) for k in range(len(args))]
        done = builder.append_basic_block("chosen")
        cases = [builder.append_basic_block(f"body.{k}") for k in range(len(functions))]
        # LLVM asks for a default: it is the last function, so that there is no branch that is never taken.
        switch = builder.switch(values[1], cases[-1])
        incoming = []
        for number, (block, function, signature) in enumerate(zip(cases, functions, signatures, strict=True)):
            if number < len(cases) - 1:
                switch.add_case(ir.Constant(values[1].type, number), block)
            builder.position_at_end(block)
            value = context.get_function(function, signature)(builder, unpacked)
            incoming.append((value, builder.block))
            builder.branch(done)
        builder.position_at_end(done)
        phi = builder.phi(incoming[0][0].type)
        for value, block in incoming:
            phi.add_incoming(value, block)
        return phi

    return result(table, code, args), codegen
