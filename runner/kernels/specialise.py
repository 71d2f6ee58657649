"""A process that makes machine code of a function whose arguments are known: `runner.kernels.special` starts it.

It reads a request (`Request`, as JSON) and the function's intermediate code from its standard input, and writes an
object file to its standard output; to standard error, the seconds that it took. Nothing but LLVM works here: constants
take the place of arguments, memory that need not leave a call becomes local, and LLVM's own passes unroll the loops,
whose lengths they know then, and keep local memory in registers. No floating-point flag is set, so every operation, its
order and every bit of it stay.

For a graphics card (`Launch`) it writes PTX, NVIDIA's assembly language, of the whole kernel that calls this function:
every thread of the card trains a run. LLVM gives each addition and multiplication the rounding to nearest by name
there (`add.rn`), which also tells NVIDIA's own compiler to fuse none of them.

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

# The name of what a graphics card runs.
LAUNCHED = "train"
# Any card that NVIDIA's drivers of today know takes this: Turing (2018), or later ones, for which the driver compiles.
_CARD, _PTX = "sm_75", "+ptx70"
_CARD_HEAD = 'target triple = "nvptx64-nvidia-cuda"\ntarget datalayout = "e-i64:64-i128:128-v16:16-v32:32-n16:32:64"\n'
# LLVM's units of size up to which a function is inlined there: its usual ones.
_CARD_INLINED = 225


@dataclass(frozen=True)
class Launch:
    """The kernel that each thread of a graphics card runs for one group.

    Attributes
    ----------
    function : str
        Part of the name of the function that trains groups; no other one's has it.
    constants : mapping of str to str
    places : mapping of str to sequence
        As those of the Request, for this function's arguments.
    local : mapping of str to sequence
        Arrays that become local memory of a thread, zeros at first, by their arguments: how many numbers of which type.
    apart : mapping of str to sequence
        Arrays of which each thread has a part of its own, by their arguments: how many numbers of which type.
    groups : two str
        The arguments that say which groups are trained: number of the first one, and of the one after the last.
    special : str
        The argument that takes the address of the function of the Request.
    """

    function: str
    constants: Mapping[str, str]
    places: Mapping[str, tuple[str, int]]
    local: Mapping[str, tuple[int, str]]
    apart: Mapping[str, tuple[int, str]]
    groups: tuple[str, str]
    special: str


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
    launch : Launch or None
        What is made for a graphics card, instead of an object file for that machine.
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
    launch: Launch | None = None

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
    lines += _pointed(request, request.places, given)
    for argument in request.carried:
        lines += _copy(request, argument, f"%local.{argument}", f"%{argument}", "in")
    for argument in request.zeroed:
        lines += _copy(request, argument, f"%local.{argument}", None, "in")
    lines.append(f"  %status = call i32 @{name}({_passed(arguments, given)})")
    for argument in request.carried:
        lines += _copy(request, argument, f"%{argument}", f"%local.{argument}", "out")
    taken = ", ".join(f"{kind}{' noalias' if kind == 'ptr' else ''} %{argument}" for argument, kind in arguments)
    head = [*_constant_arrays(request), f"declare i32 @{name}({', '.join(kind for _, kind in arguments)})"]
    return "\n".join([*head, f"define i32 @{NAME}({taken}) {{", *lines, "  ret i32 %status", "}", ""])


def _constant_arrays(request: Request) -> list[str]:
    return [
        f"@{array} = private unnamed_addr constant [{len(numbers)} x {kind}] "
        f"[{', '.join(f'{kind} {number}' for number in numbers)}], align 64"
        for array, (kind, numbers) in request.arrays.items()
    ]


def _pointed(request: Request, places: Mapping[str, tuple[str, int]], given: dict[str, str]) -> list[str]:
    """Lines that find places in constant arrays, which `given` then has for their arguments."""
    lines = []
    for argument, (array, at) in places.items():
        lines.append(f"  %place.{argument} = getelementptr {request.arrays[array][0]}, ptr @{array}, i64 {at}")
        given[argument] = f"%place.{argument}"
    return lines


def _passed(arguments: Sequence[tuple[str, str]], given: Mapping[str, str]) -> str:
    return ", ".join(f"{kind} {given.get(argument, f'%{argument}')}" for argument, kind in arguments)


def _launcher(request: Request, name: str, arguments: Sequence[tuple[str, str]], special: Sequence[str]) -> str:
    """LLVM text of what a card runs: a function `LAUNCHED` with these arguments, but for what Numba adds in front.

    Parameters
    ----------
    special : sequence of str
        Types of the arguments of the special function.
    """
    launch = request.launch
    assert launch is not None
    lines, given = [], dict(launch.constants)
    for argument, _ in arguments[:_OWN]:
        lines.append(f"  %local.{argument} = alloca ptr")
        given[argument] = f"%local.{argument}"
    for argument, (n, kind) in launch.local.items():
        lines.append(f"  %local.{argument} = alloca [{n} x {kind}], align 64")
        given[argument] = f"%local.{argument}"
        size = n * (4 if kind == "float" else 8)
        lines.append(f"  call void @llvm.memset.p0.i64(ptr align 64 %local.{argument}, i8 0, i64 {size}, i1 false)")
    lines += _pointed(request, launch.places, given)
    registers = ("tid", "ctaid", "ntid")
    lines += [f"  %{each} = call i32 @llvm.nvvm.read.ptx.sreg.{each}.x()" for each in registers]
    first, end = launch.groups
    lines += [
        "  %before = mul i32 %ctaid, %ntid",
        "  %thread = add i32 %before, %tid",
        "  %group = zext i32 %thread to i64",
        "  %next = add i64 %group, 1",
        f"  %is.one = icmp slt i64 %group, %{end}",
        "  br i1 %is.one, label %training, label %leaving",
        "training:",
    ]
    given |= {first: "%group", end: "%next", launch.special: f"ptrtoint (ptr @{NAME} to i64)"}
    for argument, (n, kind) in launch.apart.items():
        lines.append(f"  %at.{argument} = mul i64 %group, {n}")
        lines.append(f"  %part.{argument} = getelementptr {kind}, ptr %{argument}, i64 %at.{argument}")
        given[argument] = f"%part.{argument}"
    lines += [f"  %status = call i32 @{name}({_passed(arguments, given)})", "  br label %leaving", "leaving:"]
    taken = ", ".join(f"{kind} %{argument}" for argument, kind in arguments[_OWN:])
    head = [
        *_constant_arrays(request),
        f"declare i32 @{name}({', '.join(kind for _, kind in arguments)})",
        f"declare i32 @{NAME}({', '.join(special)})",
        *(f"declare i32 @llvm.nvvm.read.ptx.sreg.{each}.x()" for each in registers),
        "declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)",
    ]
    return "\n".join([*head, f"define ptx_kernel void @{LAUNCHED}({taken}) {{", *lines, "  ret void", "}", ""])


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


def make(request: Request, code: bytes) -> bytes:
    """An object file with the function `NAME`, or the PTX of a Launch, from the bitcode of a module."""
    import llvmlite.binding as llvm

    options = (f"-unroll-threshold={request.unrolled}", f"-unroll-partial-threshold={_PARTLY}", "-unroll-runtime=false")
    name, arguments = _found(llvm, code, request.function)
    if request.launch is None:
        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
        machine = llvm.Target.from_triple(request.triple).create_target_machine(
            cpu=request.processor, features=request.features, opt=3, jit=True
        )
    else:
        llvm.initialize_all_targets()
        llvm.initialize_all_asmprinters()
        machine = llvm.Target.from_triple("nvptx64-nvidia-cuda").create_target_machine(cpu=_CARD, features=_PTX, opt=3)
        whole, whole_arguments = _found(llvm, code, request.launch.function)
        launcher = _launcher(request, whole, whole_arguments, [kind for _, kind in arguments])
        launched = llvm.parse_assembly(_for_card(_with(llvm, machine, code, launcher, LAUNCHED)))
        # Before LLVM is told to unroll: what happens between stretches takes no time.
        _optimise(llvm, machine, launched, _CARD_INLINED)
    for option in options:
        llvm.set_option("", option)
    text = _with(llvm, machine, code, _wrapper(request, name, arguments), NAME)
    # Functions that the general kernel keeps out of their callers are part of their one caller here.
    text = re.sub(r"\bnoinline\b", "inlinehint", text)
    module = llvm.parse_assembly(text if request.launch is None else _for_card(text))
    for _ in range(_ROUNDS):
        _optimise(llvm, machine, module, _INLINED)
    if request.launch is None:
        return bytes(machine.emit_object(module))
    launched.link_in(module)
    launched.get_function(NAME).linkage = "internal"
    outside = [each.name for each in launched.functions if each.is_declaration and not each.name.startswith("llvm.")]
    if outside:
        raise ValueError(f"a graphics card has no {', '.join(outside)}")
    return str(machine.emit_assembly(launched)).encode()


# Arguments that Numba adds in front of a function's own: where its result and its error go.
_OWN = 2


def _found(llvm: Any, code: bytes, part: str) -> tuple[str, list[tuple[str, str]]]:
    """The name of the function with this part in it, and its arguments' names and types; not one that Python calls."""
    by_python = "cfunc.", "_ZN7cpython"
    (function,) = (
        each
        for each in llvm.parse_bitcode(code).functions
        if part in each.name and not each.is_declaration and not each.name.startswith(by_python)
    )
    return function.name, [(argument.name.removeprefix("arg."), str(argument.type)) for argument in function.arguments]


def _with(llvm: Any, machine: Any, code: bytes, wrapper: str, name: str) -> str:
    """The text of a module with a wrapper, the function of that name, and nothing that this does not need."""
    module = llvm.parse_bitcode(code)
    module.link_in(llvm.parse_assembly(f'target triple = "{module.triple}"\n{wrapper}'))
    for each in (*module.functions, *module.global_variables):
        if not each.is_declaration and each.name != name:
            each.linkage = "internal"
    cleaning = llvm.create_new_module_pass_manager()
    cleaning.add_global_dead_code_eliminate_pass()
    cleaning.run(module, llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options()))
    return str(module)


def _for_card(text: str) -> str:
    """A module of this processor as one of a graphics card: no instruction is another one, but arrays are not counted.

    The kernel's arrays are the caller's, who counts the references to them.
    """
    text = re.sub(r'target (triple|datalayout) = "[^"]*"\n', "", text)
    text = re.sub(r'"target-(cpu|features)"="[^"]*"', "", text)
    counting = r"(define [^\n]*@NRT_(?:incref|decref)\([^\n]*\n).*?\n}\n"
    return _CARD_HEAD + re.sub(counting, r"\1  ret void\n}\n", text, flags=re.DOTALL)


def _optimise(llvm: Any, machine: Any, module: Any, inlined: int) -> None:
    """Run LLVM's passes, but for those that make vectors of single numbers."""
    tuning = llvm.create_pipeline_tuning_options(speed_level=2)
    tuning.loop_unrolling, tuning.slp_vectorization, tuning.loop_vectorization = True, False, False
    tuning.inlining_threshold = inlined
    builder = llvm.create_pass_builder(machine, tuning)
    builder.getModulePassManager().run(module, builder)


def main(given: BinaryIO, made: BinaryIO) -> int:
    """Do what the request on standard input says."""
    first, code = given.readline(), given.read()
    fields: dict[str, Any] = json.loads(first)
    if fields["launch"] is not None:
        fields["launch"] = Launch(**fields["launch"])
    made.write(make(Request(**fields), code))
    print(time.process_time(), file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.stdin.buffer, sys.stdout.buffer))
