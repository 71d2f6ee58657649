"""How the choice of `lanes.switch` is lowered: one LLVM `switch` over all functions of a table."""

from __future__ import annotations

from typing import Any

from llvmlite import ir

from runner.kernels.lanes.lowering.types import TableType
from runner.kernels.lanes.switch import TABLES, choose


@choose.lowered_by
def _choose(typingctx: Any, table: Any, code: Any, args: Any) -> Any:
    if not isinstance(table, TableType):
        return None
    functions = [typingctx.resolve_value_type(body) for body in TABLES[table.table].functions]
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
