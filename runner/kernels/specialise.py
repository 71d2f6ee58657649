"""A process that makes machine code of a function whose arguments are known: `runner.kernels.special` starts it.

It reads a request (`Request`, as JSON) and the function's intermediate code from its standard input, and writes an
object file to its standard output; to standard error, the seconds that it took. Nothing but LLVM works here: constants
take the place of arguments, memory that need not leave a call becomes local, and LLVM's own passes unroll the loops,
whose lengths they know then, and keep local memory in registers. No floating-point flag is set, so every operation, its
order and every bit of it stay.

A process of its own: LLVM's options, which say how far loops are unrolled, hold for a whole process, in which Numba
would compile other kernels by them; and an error within LLVM ends a process.
"""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, BinaryIO

# The name of the function in the object file.
NAME = "special"
# LLVM's units of size below which a loop that does not run to its end is unrolled several times.
_PARTLY = 300
# Passes are run twice: the first round unrolls, and only then the second one sees whole networks of registers.
_ROUNDS, _INLINED = 2, 5000


@dataclass(frozen=True)
class Request:
    """What is to be made.

    Attributes
    ----------
    function : str
        Part of the name of the function in its module; no other one's has it.
    constants : mapping of str to str
        LLVM literals, by the names of the arguments in whose place they stand.
    arrays : mapping of str to sequence of str
        Constant arrays: the type of their numbers, and these as LLVM literals.
    places : mapping of str to sequence
        Arguments that point into a constant array: its name, and the index there.
    local : mapping of str to int
        Numbers of the arrays that become local memory, by their arguments.
    carried : sequence of str
        Those of them whose contents come in and go out again; the others hold nothing before a call.
    zeroed : sequence of str
        Those that are zero before a call.
    number : {"double", "float"}
        Type of the numbers in local memory.
    lanes : int
        How many of them are copied at a time.
    unrolled : int
        LLVM's units of size up to which a loop is unrolled altogether.
    triple, processor, features : str
        For which machine.
    """

    function: str
    constants: Mapping[str, str]
    arrays: Mapping[str, tuple[str, Sequence[str]]]
    places: Mapping[str, tuple[str, int]]
    local: Mapping[str, int]
    carried: Sequence[str]
    zeroed: Sequence[str]
    number: str
    lanes: int
    unrolled: int
    triple: str
    processor: str
    features: str

    def message(self, code: bytes) -> bytes:
        """The request, and the intermediate code, as this process reads them."""
        return json.dumps(asdict(self)).encode() + b"\n" + code


def _wrapper(request: Request, name: str, arguments: Sequence[tuple[str, str]]) -> str:
    """LLVM text of a function with the same arguments that calls function `name` with what is known.

    Parameters
    ----------
    arguments : sequence of (str, str)
        Names and types, in order.
    """
    lines, given = [], dict(request.constants)
    for argument, n in request.local.items():
        lines.append(f"  %local.{argument} = alloca [{n} x {request.number}], align 64")
        given[argument] = f"%local.{argument}"
    for argument, (array, at) in request.places.items():
        kind = request.arrays[array][0]
        lines.append(f"  %place.{argument} = getelementptr {kind}, ptr @{array}, i64 {at}")
        given[argument] = f"%place.{argument}"
    for argument in request.carried:
        lines += _copy(request, argument, f"%local.{argument}", f"%{argument}", "in")
    for argument in request.zeroed:
        lines += _copy(request, argument, f"%local.{argument}", None, "in")
    passed = ", ".join(f"{kind} {given.get(argument, f'%{argument}')}" for argument, kind in arguments)
    lines.append(f"  %status = call i32 @{name}({passed})")
    for argument in request.carried:
        lines += _copy(request, argument, f"%{argument}", f"%local.{argument}", "out")
    taken = ", ".join(f"{kind}{' noalias' if kind == 'ptr' else ''} %{argument}" for argument, kind in arguments)
    arrays = [
        f"@{array} = private unnamed_addr constant [{len(numbers)} x {kind}] "
        f"[{', '.join(f'{kind} {number}' for number in numbers)}], align 64"
        for array, (kind, numbers) in request.arrays.items()
    ]
    declared = f"declare i32 @{name}({', '.join(kind for _, kind in arguments)})"
    return "\n".join([*arrays, declared, f"define i32 @{NAME}({taken}) {{", *lines, "  ret i32 %status", "}", ""])


def _copy(request: Request, argument: str, target: str, source: str | None, tag: str) -> list[str]:
    """Lines that copy an array of local memory, vector by vector, or clear it."""
    lines, vector = [], f"<{request.lanes} x {request.number}>"
    align = 8 if request.number == "double" else 4
    for at in range(0, request.local[argument], request.lanes):
        value, k = "zeroinitializer", f"{tag}.{argument}.{at}"
        if source:
            value = f"%value.{k}"
            lines.append(f"  %from.{k} = getelementptr {request.number}, ptr {source}, i64 {at}")
            lines.append(f"  {value} = load {vector}, ptr %from.{k}, align {align}")
        lines.append(f"  %to.{k} = getelementptr {request.number}, ptr {target}, i64 {at}")
        lines.append(f"  store {vector} {value}, ptr %to.{k}, align {align}")
    return lines


def make_object(request: Request, code: bytes) -> bytes:
    """An object file with the function `NAME`, from the bitcode of a module."""
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    options = (f"-unroll-threshold={request.unrolled}", f"-unroll-partial-threshold={_PARTLY}", "-unroll-runtime=false")
    for option in options:
        llvm.set_option("", option)
    module = llvm.parse_bitcode(code)
    (function,) = (each for each in module.functions if request.function in each.name and not each.is_declaration)
    arguments = [(argument.name.removeprefix("arg."), str(argument.type)) for argument in function.arguments]
    wrapper = _wrapper(request, function.name, arguments)
    module.link_in(llvm.parse_assembly(f'target triple = "{module.triple}"\n{wrapper}'))
    machine = llvm.Target.from_triple(request.triple).create_target_machine(
        cpu=request.processor, features=request.features, opt=3, jit=True
    )
    for each in module.functions:
        if not each.is_declaration and each.name != NAME:
            each.linkage = "internal"
    cleaning = llvm.create_new_module_pass_manager()
    cleaning.add_global_dead_code_eliminate_pass()
    cleaning.run(module, llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options()))
    # Functions that the general kernel keeps out of their callers are part of their one caller here.
    module = llvm.parse_assembly(re.sub(r"\bnoinline\b", "inlinehint", str(module)))
    for _ in range(_ROUNDS):
        tuning = llvm.create_pipeline_tuning_options(speed_level=2)
        tuning.loop_unrolling, tuning.slp_vectorization, tuning.loop_vectorization = True, False, False
        tuning.inlining_threshold = _INLINED
        builder = llvm.create_pass_builder(machine, tuning)
        builder.getModulePassManager().run(module, builder)
    return bytes(machine.emit_object(module))


def main(given: BinaryIO, made: BinaryIO) -> int:
    """Do what the request on standard input says."""
    first, code = given.readline(), given.read()
    fields: dict[str, Any] = json.loads(first)
    made.write(make_object(Request(**fields), code))
    print(time.process_time(), file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.stdin.buffer, sys.stdout.buffer))
