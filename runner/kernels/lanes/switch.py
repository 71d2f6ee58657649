"""Tables of lane functions, chosen by a code at run time: how the kernels reach the members of the registries.

A kernel calls `choose(ACTIVATE, code, (Z, A, first, end, tile))` without knowing which activations exist; `runner.ops`
fills the tables when it is imported. `choose` compiles to one LLVM `switch` over all functions of the table, so that
one compiled kernel serves every activation, loss and optimizer. The code is the same for a whole block of runs: the
processor predicts the branch.
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
    """A list of lane functions with the same arguments and result; the place of each one is its code.

    Parameters
    ----------
    name : str
        Shown in error messages of the compiler.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.bodies: list[Callable[..., Any]] = []

    def add(self, body: Callable[..., Any]) -> int:
        """Append a lane function, and return its code."""
        self.bodies.append(body)
        return len(self.bodies) - 1


class TableType(types.Type):  # type: ignore[misc]
    """The Numba type of a table. The table itself is part of it, so that its functions are known to the compiler."""

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
    """Call function number `code` of a table with `args`. What a code outside the table does is undefined."""
    if not isinstance(table, TableType):
        return None
    functions = [typingctx.resolve_value_type(body) for body in table.table.bodies]
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


# What the members of the registries give the training loop. Capital letters are arrays of structs.Buffers; `first` and
# `end` are indices into them: of units of a layer, or of weights or biases of one.
# (Z, A, first, end, tile): the activations of units into A, from their weighted sums in Z.
ACTIVATE = Table("activate")
# (Z, A, D, first, end, tile): dE/da of units, in D, is multiplied by da/dz.
SLOPE = Table("slope")
# (z, y, t) -> the loss value of an output y with weighted sum z and target t, before the loss's factor.
LOSS_VALUE = Table("loss value")
# (y, t) -> its derivative with respect to y, or to z for a loss that cancels with the output activation.
LOSS_SLOPE = Table("loss slope")
# (buf, settings, rate, first, end, lanes): parameters in buf.W are changed by an optimizer without state.
UPDATE_STATELESS = Table("update without state")
# The same by an optimizer with state in buf.S0 and buf.S1 and a clock in buf.clock.
UPDATE = Table("update")
# (settings, clock) -> the clock of an optimizer with state for the next update.
TICK = Table("tick")
