"""How the parts of a kernel are compiled: to LLVM's intermediate representation only, and optimised within the kernel.

Numba makes every jitted function ready to be called from Python: it optimises each one with all that it calls, and
makes machine code of it, before it links it into its callers, where the same happens again. But Python calls only the
outermost of the hundred functions of a kernel. So the others, its parts, stay as they were lowered, and LLVM optimises
each of them once, inside the kernel: this halves the time of a first start. And even the outermost one is called by its
address (`lanes.entry`), without what Numba makes to take Python's objects apart.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import llvmlite.binding as llvm
from numba import njit, types
from numba.core import compiler, compiler_machinery, typed_passes
from numba.core.codegen import JITCodeLibrary
from numba.core.registry import cpu_target


class _PartLibrary(JITCodeLibrary):  # type: ignore[misc]
    """A library of code that is only linked into a whole kernel, and so neither optimised nor linked by itself."""

    def _optimize_functions(self, ll_module: Any) -> None:
        ll_module.data_layout = self._codegen._data_layout

    def finalize(self) -> None:
        """End the part. What it calls stays outside: the kernel links every part once, however many call it."""
        self._raise_if_finalized()
        for function in self._final_module.functions:
            if not function.is_declaration and function.linkage == llvm.Linkage.external:
                # As Numba has it for code that is linked into more than one place.
                function.linkage = llvm.Linkage.linkonce_odr
        self._finalized = True


def _called(library: Any) -> Iterator[Any]:
    """The modules of everything that the code of a library calls, each of them once."""
    seen, waiting = {library}, list(library._linking_libraries)
    while waiting:
        each = waiting.pop()
        if each in seen:
            continue
        seen.add(each)
        if isinstance(each, _PartLibrary):
            waiting += each._linking_libraries
            yield each._final_module
        else:
            yield each._get_module_for_linking()


@compiler_machinery.register_pass(mutates_CFG=True, analysis_only=False)
class _PartLowering(typed_passes.NativeLowering):  # type: ignore[misc]
    """Lowers a part into a _PartLibrary, without wrappers for Python and C and without machine code."""

    _name = "part_lowering"
    library: type[_PartLibrary] = _PartLibrary

    def run_pass(self, state: Any) -> bool:
        """Lower the part, with a token in the place of the callable object, by which its callers find it."""
        library = self.library(state.targetctx.codegen(), state.func_id.func_qualname)
        state.library, flags = library, state.flags
        flags.no_compile = flags.no_cpython_wrapper = flags.no_cfunc_wrapper = True
        super().run_pass(state)
        lowered = state["cr"]
        # Numba takes nothing but a built-in function here. This one is unique and, should Python call the part after
        # all, refuses whatever is no exception.
        token = (unused for unused in "").throw
        state.targetctx.insert_user_function(token, lowered.fndesc, [library])
        state["cr"] = lowered._replace(cfunc=token)
        return True


class _EntryLibrary(_PartLibrary):
    """A library of a whole kernel: its own code, and all parts of it."""

    def finalize(self) -> None:
        """Link all parts of the kernel."""
        self._raise_if_finalized()
        for module in _called(self):
            self._final_module.link_in(module, preserve=True)
        self._finalized = True


@compiler_machinery.register_pass(mutates_CFG=True, analysis_only=False)
class _EntryLowering(_PartLowering):
    """Lowers a whole kernel into an _EntryLibrary."""

    _name = "entry_lowering"
    library = _EntryLibrary


class _Compiler(compiler.Compiler):  # type: ignore[misc]
    """Numba's compiler with another step in the place of its lowering."""

    lowering: type[Any]

    def define_pipelines(self) -> list[Any]:
        """Numba's own steps, but for one."""
        pipelines: list[Any] = super().define_pipelines()
        for manager in pipelines:
            manager.passes = [
                (self.lowering if step is typed_passes.NativeLowering else step, why) for step, why in manager.passes
            ]
            manager._finalized = False
            manager.finalize()
        return pipelines


class PartCompiler(_Compiler):
    """The compiler of functions that only compiled functions call; for the argument `pipeline_class` of `njit`."""

    lowering = _PartLowering


class EntryCompiler(_Compiler):
    """The compiler of functions that Python calls."""

    lowering = _EntryLowering


class Lowered(NamedTuple):
    """A whole kernel as Numba lowered it, the same for all processors of a kind.

    Attributes
    ----------
    name : str
        Of the function that Python calls.
    code : bytes
        LLVM's bitcode.
    """

    name: str
    code: bytes


class Machine(NamedTuple):
    """Machine code of a whole kernel, for this processor.

    Attributes
    ----------
    code : bytes
        An object file.
    name : str
        Of the function that Python calls.
    wants : list of str
        The symbols that it wants from elsewhere.
    lasts : bool
        Whether it holds no address of this process, as of a function of C or of a large array: then it can be kept.
    """

    code: bytes
    name: str
    wants: list[str]
    lasts: bool


# Arrays that Python gives to a kernel are Python's: nothing in it counts the references to them.
_UNUSED = "define void @NRT_MemInfo_call_dtor(ptr %memory) { ret void }"


def lowered(function: Callable[..., Any], signature: tuple[Any, ...]) -> Lowered:
    """Lower a whole kernel.

    Parameters
    ----------
    function : callable
        What Python calls.
    signature : tuple of Numba types
        Of its arguments.
    """
    dispatcher = njit(nogil=True, error_model="numpy", pipeline_class=EntryCompiler)(function)
    dispatcher.compile(signature)
    compiled = dispatcher.overloads[signature]
    if compiled.signature.return_type not in (types.none, types.int64):
        raise TypeError(f"{function.__name__} gives {compiled.signature.return_type}: expected nothing, or an int64")
    compiled.library._ensure_finalized()
    module = compiled.library._final_module
    module.link_in(llvm.parse_assembly(f'target triple = "{module.triple}"\n{_UNUSED}'))
    return Lowered(compiled.fndesc.llvm_func_name, module.as_bitcode())


# How Numba calls what holds an address of this process. Within the module alone, its content would be merged into code.
_ADDRESS = "numba.dynamic.globals"


def machine_code(kernel: Lowered) -> Machine:
    """Machine code of a whole kernel, by the passes of Numba."""
    codegen = cpu_target.target_context.codegen()
    library = JITCodeLibrary(codegen, kernel.name)
    module = library._final_module = llvm.parse_bitcode(kernel.code)
    for each in (*module.functions, *module.global_variables):
        if not (each.is_declaration or each.name == kernel.name or each.name.startswith(_ADDRESS)):
            each.linkage = "internal"
    module.get_function(kernel.name).linkage = "external"
    library._optimize_final_module()
    module.verify()
    outside = [each.name for each in module.functions if each.is_declaration and not each.name.startswith("llvm.")]
    if inner := [name for name in outside if name.startswith(("NRT_", "numba_", "Py"))]:
        raise TypeError(f"a kernel takes no memory and calls no Python, but this one wants {', '.join(inner)}")
    # The addresses of functions and of types, of which no code is made, are gone by now.
    lasts = not any(each.name.startswith(_ADDRESS) for each in module.global_variables)
    return Machine(bytes(codegen._tm.emit_object(module)), kernel.name, outside, lasts)
