"""How the parts of a kernel are compiled: to LLVM's intermediate representation only, and optimised within the kernel.

Numba makes every jitted function ready to be called from Python: it optimises each one with all that it calls, and
makes machine code of it, before it links it into its callers, where the same happens again. But Python calls only the
outermost of the hundred functions of a kernel. So the others, its parts, stay as they were lowered, and LLVM optimises
each of them once, inside the kernel: this halves the time of a first start.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import llvmlite.binding as llvm
from numba.core import compiler, compiler_machinery, typed_passes
from numba.core.codegen import JITCodeLibrary


class _PartLibrary(JITCodeLibrary):  # type: ignore[misc]
    """A library of code that is only linked into a whole kernel, and so neither optimised nor linked by itself."""

    def _optimize_functions(self, ll_module: Any) -> None:
        ll_module.data_layout = self._codegen._data_layout

    def finalize(self) -> None:
        """End the part. What it calls stays outside: the kernel links every part once, however many call it."""
        self._raise_if_finalized()
        for library in self._linking_libraries:
            self._reload_init.update(library._reload_init)
        for function in self._final_module.functions:
            if not function.is_declaration and function.linkage == llvm.Linkage.external:
                # As Numba has it for code that is linked into more than one place.
                function.linkage = llvm.Linkage.linkonce_odr
        self._finalize_dynamic_globals()
        self._finalized = True

    def _get_module_for_linking(self) -> Any:
        """The part with all that it calls, for libraries that are no kernel's."""
        module = self._final_module.clone()
        for each in _called(self):
            module.link_in(each, preserve=True)
        return module


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

    def run_pass(self, state: Any) -> bool:
        """Lower the part, with a token in the place of the callable object, by which its callers find it."""
        library = _PartLibrary(state.targetctx.codegen(), state.func_id.func_qualname)
        library.enable_object_caching()
        state.library, flags = library, state.flags
        flags.no_compile = flags.no_cpython_wrapper = flags.no_cfunc_wrapper = True
        super().run_pass(state)
        lowered = state["cr"]
        # Numba takes nothing but a built-in function here. This one is unique and, should Python call the part after
        # all, refuses whatever is no exception.
        token = (unused for unused in "").throw
        state.targetctx.insert_user_function(token, lowered.fndesc, [library])
        state.reload_init.extend(library._reload_init)
        state["cr"] = lowered._replace(cfunc=token)
        return True


class _EntryLibrary(JITCodeLibrary):  # type: ignore[misc]
    """A library of a whole kernel, which remembers its code as it was before LLVM optimised it for a processor."""

    def finalize(self) -> None:
        """Link all parts of the kernel, and make it ready to be called."""
        for library in self._linking_libraries:
            self._reload_init.update(library._reload_init)
        for module in _called(self):
            self._final_module.link_in(module, preserve=True)
        self._linking_libraries.clear()
        super().finalize()

    def _optimize_final_module(self) -> None:
        self.lowered = self._final_module.as_bitcode()
        super()._optimize_final_module()


def machine_code(codegen: Any, name: str, lowered: bytes) -> bytes:
    """The object file of a whole kernel from its code as it was lowered: by the passes that would have made it at once.

    Parameters
    ----------
    codegen : JITCPUCodegen
        Numba's, for this processor.
    name : str
        Of the library.
    lowered : bytes
        As an _EntryLibrary remembers it.
    """
    library = _EntryLibrary(codegen, name)
    library._final_module = llvm.parse_bitcode(lowered)
    library._optimize_final_module()
    library._final_module.verify()
    return bytes(codegen._tm.emit_object(library._final_module))


@compiler_machinery.register_pass(mutates_CFG=True, analysis_only=False)
class _EntryLowering(typed_passes.NativeLowering):  # type: ignore[misc]
    """Lowers a whole kernel into an _EntryLibrary."""

    _name = "entry_lowering"

    def run_pass(self, state: Any) -> bool:
        """Lower the kernel."""
        state.library = _EntryLibrary(state.targetctx.codegen(), state.func_id.func_qualname)
        state.library.enable_object_caching()
        return bool(super().run_pass(state))


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


@contextmanager
def collection_paused() -> Iterator[None]:
    """Pause the garbage collector while kernels compile: Numba makes millions of objects, and most of them stay."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()
