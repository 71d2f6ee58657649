"""Tables of lane functions, chosen by a code at run time: the joint between the kernels and the registries.

A kernel calls `choose(ACTIVATE, code, (z,))` without knowing which activations exist; `runner.ops` fills the tables
when it is imported. `choose` compiles to one LLVM `switch` over all bodies of the table. The code is the same for a
whole block of runs, so the branch is always predicted (and the optimiser lifts it out of the loop around it), and one
compiled kernel serves every activation, loss and optimizer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core.imputils import lower_constant
from numba.extending import models, register_model, typeof_impl

from runner.kernels.lanes.operations import operation


class Table:
    """An ordered set of lane functions with the same arguments and result.

    Parameters
    ----------
    name : str
        Shown in error messages of the compiler.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.bodies: list[Callable[..., Any]] = []

    def add(self, body: Callable[..., Any]) -> int:
        """Append a lane function; its code is returned."""
        self.bodies.append(body)
        return len(self.bodies) - 1


class TableType(types.Type):  # type: ignore[misc]
    """The Numba type of a table: the table itself is part of the type."""

    def __init__(self, table: Table) -> None:
        self.table = table
        super().__init__(name=f"Table({table.name})")


register_model(TableType)(models.OpaqueModel)


@typeof_impl.register(Table)
def _typeof_table(value: Table, context: Any) -> TableType:
    return TableType(value)


@lower_constant(TableType)
def _constant_table(context: Any, builder: Any, ty: TableType, value: Table) -> Any:
    return context.get_dummy_value()


def _choose_twin(table: Table, code: int, args: tuple[Any, ...]) -> Any:
    return table.bodies[code](*args)


@operation(_choose_twin)
def choose(typingctx: Any, table: Any, code: Any, args: Any) -> Any:
    """Call body number `code` of a table. A code outside the table is undefined: the engine checks it."""
    if not isinstance(table, TableType):
        return None
    functions = [typingctx.resolve_value_type(body) for body in table.table.bodies]
    signatures = [f.get_call_type(typingctx, tuple(args), {}) for f in functions]
    result = signatures[0].return_type

    def codegen(context: Any, builder: Any, sig: Any, values: Any) -> Any:
        unpacked = [builder.extract_value(values[2], k) for k in range(len(args))]
        done = builder.append_basic_block("chosen")
        cases = [builder.append_basic_block(f"body.{k}") for k in range(len(functions))]
        # The last body is the default: without an unreachable default block the switch stays plain.
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


# What a member of a registry brings to the training loop.
ACTIVATE = Table("activate")  # (Z, A, first, end, tile): activations of units from their weighted sums
SLOPE = Table("slope")  # (Z, A, D, first, end, tile): from dE/da to dE/dz in D
LOSS_VALUE = Table("loss value")  # (z, y, t) -> contribution of one output of one sample
LOSS_SLOPE = Table("loss slope")  # (y, t) -> its derivative by y
STEP = Table("step")  # (buf, settings, rate, first, end, lanes): weights in buf, by optimizers without state
OPTIMIZE = Table("optimize")  # the same, by those with state and a clock
TICK = Table("tick")  # (settings, clock) -> clock, once per update before the weights
