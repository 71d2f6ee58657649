"""Functions that Python calls: a whole kernel is machine code at an address, called with all numbers of its arguments.

Numba would unpack arguments by code of its own, in every kernel, which Numba must be imported for. Here Python takes
them apart (`kinds`), a tenth of a millisecond for some hundred arguments, of calls that train for a tenth of a second.
"""

from __future__ import annotations

import ctypes
import gc
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import update_wrapper
from typing import Any, Protocol

import llvmlite.binding as llvm

from runner.kernels.lanes.kinds import Kind, c_types_of, kind_of, numbers_of
from runner.machine import compiles

Signature = Callable[[], tuple[Any, ...]]
"""Makes the Numba types of the arguments, when they are needed."""


class KernelError(Exception):
    """A kernel could not be compiled: its runs can not be trained at this start, but perhaps at the next one."""


class Store(Protocol):
    """Where an Entry gets machine code from."""

    def address(self, function: Callable[..., Any], kind: Kind, signature: Signature) -> int:
        """The address of the kernel of this function for arguments of this kind."""


class Memory:
    """Machine code that is made in every process anew."""

    def address(self, function: Callable[..., Any], kind: Kind, signature: Signature) -> int:
        """The address of a kernel, which is compiled."""
        from runner.kernels.lanes.lowering.compiling import lowered, machine_code

        kernel = lowered(function, signature())
        return address_in(*machine_code(kernel)[:3])


class Entry:
    """A function that Python calls: compiled, or loaded, when it is called with arguments of another kind than before.

    Parameters
    ----------
    function : callable
        Of arguments as `kind_of` takes them. It gives None or an int64.
    """

    store: Store = Memory()
    """Where its machine code is kept (see `runner.kernels.cache`)."""

    def __init__(self, function: Callable[..., Any]) -> None:
        update_wrapper(self, function)
        self.py_func = function
        self.addresses: dict[Kind, int] = {}
        self._ready: dict[Kind, Any] = {}

    def __call__(self, *args: Any) -> int:
        """Call the kernel; what it gives, or 0."""
        code = self._ready.get(kind := kind_of(args)) or self._prepared(kind, args)
        result, error = ctypes.c_int64(0), ctypes.c_void_p()
        status = code(ctypes.byref(result), ctypes.byref(error), *numbers_of(args, _address))
        if status:
            raise KernelError(f"{self.py_func.__name__} ended with {status}")
        return result.value

    def prepare(self, *args: Any) -> None:
        """Compile the kernel, or load it, without calling it. Of the arguments, only their kinds matter."""
        self._prepared(kind_of(args), args)

    def prepare_for(self, kind: Kind, signature: Signature) -> int:
        """The address of the kernel for arguments of this kind, compiled if it is not kept.

        Raises
        ------
        KernelError
            When it can not be compiled.
        """
        with _compiling, collection_paused():
            if kind not in self.addresses:
                try:
                    self.addresses[kind] = self.store.address(self.py_func, kind, signature)
                except (MemoryError, KernelError):
                    raise
                except Exception as error:
                    raise KernelError(" ".join(f"{type(error).__name__}: {error}".split())) from error
            return self.addresses[kind]

    def _prepared(self, kind: Kind, args: tuple[Any, ...]) -> Any:
        """The machine code for arguments of this kind, as ctypes calls it: without the interpreter's lock."""

        def signature() -> tuple[Any, ...]:
            from runner.kernels.lanes.lowering.types import types_of

            return types_of(args)

        address = self.prepare_for(kind, signature)
        arguments = ctypes.c_void_p, ctypes.c_void_p, *c_types_of(kind)
        self._ready[kind] = ctypes.CFUNCTYPE(ctypes.c_int32, *arguments)(address)
        return self._ready[kind]


# The decorator of what Python calls; all else is a part of it.
entry = Entry if compiles() else lambda function: function

# Numba compiles one function at a time, and so that no kernel is compiled twice.
_compiling = threading.RLock()


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


def _address(array: Any) -> int:
    """Where the numbers of an array lie in this process."""
    return int(array.__array_interface__["data"][0])


_engines: list[Any] = []


def address_in(code: bytes, name: str, wants: Iterable[str] = ()) -> int:
    """The address of a function in an object file, which is loaded.

    Parameters
    ----------
    code : bytes
        The file.
    name : str
        Of the function.
    wants : iterable of str
        Symbols that it wants.

    Raises
    ------
    ValueError
        When the file is none, or one of the symbols is nowhere: machine code that misses one would end the process.
    """
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    machine = llvm.Target.from_default_triple().create_target_machine(jit=True)
    # With the first engine, LLVM looks at what this process has loaded.
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), machine)
    missing = [each for each in wants if not llvm.address_of_symbol(each)]
    if missing:
        raise ValueError(f"this process has no {', '.join(missing)}")
    engine.add_object_file(llvm.ObjectFileRef.from_data(code))
    engine.finalize_object()
    # The engine holds the memory of the code, in which threads may be at any time.
    _engines.append(engine)
    address = engine.get_function_address(name)
    if not address:
        raise ValueError(f"there is no {name} in it")
    return int(address)
