"""How the parts of a kernel are compiled: to the compiler's intermediate code only, and optimised once, in the whole.

Numba makes every function ready to be called from Python: it optimises each one with all that it calls, and makes
machine code of it, before it links it into its callers, where the same happens again. Of a kernel's hundred parts
nobody calls any but the outermost. So the parts stay as they were lowered, and LLVM sees each of them once, inside
the kernel: half of the seconds of a first start were spent on the rest.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from numba.core import compiler, compiler_machinery, typed_passes
from numba.core.codegen import JITCodeLibrary


class _PartLibrary(JITCodeLibrary):  # type: ignore[misc]
    """Code that is only ever linked into other code."""

    def _optimize_functions(self, ll_module: Any) -> None:
        ll_module.data_layout = self._codegen._data_layout

    def _optimize_final_module(self) -> None:
        pass

    def _finalize_final_module(self) -> None:
        self._finalize_dynamic_globals()
        self._finalized = True


@compiler_machinery.register_pass(mutates_CFG=True, analysis_only=False)
class _PartLowering(typed_passes.NativeLowering):  # type: ignore[misc]
    """Lowers a part into a library of its own kind, without wrappers and without machine code."""

    _name = "part_lowering"

    def run_pass(self, state: Any) -> bool:
        """Lower; what calls the part finds it by a token in the place of the callable object."""
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


class PartCompiler(compiler.Compiler):  # type: ignore[misc]
    """The compiler of functions that only compiled functions call (the `pipeline_class` of `njit`)."""

    def define_pipelines(self) -> list[Any]:
        """Numba's own steps but for the last."""
        pipelines: list[Any] = super().define_pipelines()
        for manager in pipelines:
            manager.passes = [
                (_PartLowering if step is typed_passes.NativeLowering else step, why) for step, why in manager.passes
            ]
            manager._finalized = False
            manager.finalize()
        return pipelines


@contextmanager
def collection_paused() -> Iterator[None]:
    """Compile without Python's search for garbage: Numba makes millions of objects, and nearly all of them stay."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()
