"""The disk cache of compiled kernels: keyed by all sources that go into them, and checked before it is used.

Numba's own cache looks at the file of the cached function only, and would not notice that an activation in another file
has changed. So the name of the cache folder is a fingerprint of every source file of the kernels, and of every file
with functions for their tables. Functions from outside the package are told apart by the names of their tables.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import pickle
import secrets
import sys
import zlib
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import llvmlite
import llvmlite.binding as llvm
import numba
from numba import config
from numba.core import compiler, serialize
from numba.core.runtime import rtsys

from runner.errors import RunnerError
from runner.machine import cache_folder


def fingerprint() -> str:
    """Sixteen hexadecimal digits over the sources of kernels and registries, and the versions of Numba and llvmlite."""
    if not os.path.isfile(__file__):
        # Kernels of other sources would be taken for these.
        raise RunnerError(f"the runner can not work from within an archive ({Path(__file__).parent}): install it")
    package = Path(__file__).parent.parent
    files = [file for folder in ("kernels", "ops") for file in (package / folder).rglob("*.py")]
    digest = hashlib.sha256(f"{sys.version} {numba.__version__} {llvmlite.__version__}".encode())
    for file in sorted(files):
        digest.update(f"\n{file.name}\n".encode())
        with contextlib.suppress(OSError):
            digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def folder() -> Path:
    """Where the compiled kernels of these sources are kept."""
    return cache_folder() / fingerprint()


class KernelError(Exception):
    """A kernel could not be compiled: its runs can not be trained at this start, but perhaps at the next one."""


def enable(*dispatchers: Any, not_kept: Callable[[str], None], not_used: Callable[[Path, str], None]) -> None:
    """Keep these kernels on disk, and take them from there. Without a cache they work as well, and compile anew.

    Parameters
    ----------
    *dispatchers : Numba dispatchers
        The functions that Python calls (`operations.entry`).
    not_kept : callable
        Takes the reason why a kernel can not be kept, now or when it has been compiled.
    not_used : callable
        Takes the file of a kernel that is compiled anew although it is there, and the reason.
    """
    if config.DISABLE_JIT:
        return
    try:
        place = folder()
        place.mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError) as error:
        not_kept(str(error))
        return
    for dispatcher in dispatchers:
        dispatcher._cache = _Cache(dispatcher.py_func, place, not_kept, not_used)
        dispatcher.compile = partial(_compiled, type(dispatcher).compile, dispatcher)


def _compiled(compile_for: Callable[..., Any], dispatcher: Any, signature: Any) -> Any:
    """A kernel for some types of arguments, loaded or compiled."""
    try:
        return compile_for(dispatcher, signature)
    except (MemoryError, KernelError):
        raise
    except Exception as error:
        raise KernelError(" ".join(f"{type(error).__name__}: {error}".split())) from error


class _Cache:
    """Compiled kernels of one function, a file each, in the place of Numba's cache, which trusts what it reads.

    A file (see `write`) is a pickle of the kernel's key, of the symbols that it wants, and of the kernel. Numba asks
    for `load_overload` and `save_overload`.

    Parameters
    ----------
    function : callable
        What is compiled.
    place : Path
        The folder.
    not_kept, not_used : callable
        As in `enable`.
    """

    def __init__(
        self, function: Any, place: Path, not_kept: Callable[[str], None], not_used: Callable[[Path, str], None]
    ) -> None:
        self._function = function
        self._place = place
        self._not_kept = not_kept
        self._not_used = not_used

    def load_overload(self, signature: Any, context: Any) -> Any:
        """The kernel for some types of arguments; None when it is to be compiled."""
        key = self._key(signature, context.codegen())
        path = self._path(key)
        try:
            content = read(path)
            if content is None:
                return None
            stored, outside, kernel = pickle.loads(content)
            if stored != key:
                return None
            _provide(outside, context)
            return compiler.CompileResult._rebuild(context, *kernel)
        except Exception as error:
            self._not_used(path, str(error) or type(error).__name__)
            return None

    def save_overload(self, signature: Any, compiled: Any) -> None:
        """Keep a kernel that has been compiled, and its code as it was before it became that of this processor."""
        if compiled.library.has_dynamic_globals:  # addresses of this process
            return
        key = self._key(signature, compiled.codegen)
        lowered = getattr(compiled.library, "lowered", None)
        try:
            (name, kind, (machine_code, module)), *others = compiled._reduce()
            outside, module = _symbols(module)
            kernel = (name, kind, (machine_code, module)), *others
            write(self._path(key), serialize.dumps((key, outside, kernel)))
            if lowered is not None:
                write(self.lowered(signature), zlib.compress(lowered))
        except OSError as error:
            self._not_kept(error.strerror or str(error))

    def lowered(self, signature: Any) -> Path:
        """Where the code is kept that is the same for all processors."""
        return self._path((self._function.__qualname__, signature)).with_suffix(".lowered")

    def _key(self, signature: Any, codegen: Any) -> tuple[Any, ...]:
        """What a kernel was compiled for: types of the arguments, and the processor. The folder stands for the rest."""
        return self._function.__qualname__, signature, codegen.magic_tuple()

    def _path(self, key: tuple[Any, ...]) -> Path:
        return self._place / f"{key[0]}-{hashlib.blake2b(repr(key).encode(), digest_size=8).hexdigest()}.kernel"


def _symbols(code: bytes) -> tuple[list[str], bytes]:
    """What the code of a kernel wants from elsewhere, and code with nothing in it but the names that it defines.

    Numba keeps the code of a function so that others may be linked with it. Nothing is linked with a whole kernel: of
    its code, only the names are asked for when its machine code is loaded.
    """
    module = llvm.parse_bitcode(code)
    all_of_it = [*module.functions, *module.global_variables]
    outside = [each.name for each in all_of_it if each.is_declaration and not each.name.startswith("llvm.")]
    own = llvm.Linkage.internal, llvm.Linkage.private
    names = [each.name for each in all_of_it if not (each.is_declaration or each.linkage in own)]
    text = "".join(f'define void @"{name}"() {{ ret void }}\n' for name in names)
    return outside, bytes(llvm.parse_assembly(text).as_bitcode())


def _provide(outside: Iterable[str], context: Any) -> None:
    """Make Numba define symbols that a kernel wants.

    All that Numba can compile would be imported by `refresh`, which takes longer than everything else that is done to
    load a kernel, and is only needed to compile one. Machine code that misses a symbol would end the process.
    """
    rtsys.initialize(context)
    if not all(llvm.address_of_symbol(name) for name in outside):
        context.refresh()


def lowered(dispatcher: Any, signature: Any) -> Path | None:
    """The file with a kernel's code as Numba lowered it, compressed (see `read`); None when kernels are not kept."""
    kept = dispatcher._cache
    return kept.lowered(signature) if isinstance(kept, _Cache) else None


_CHECKSUM = 32


def _checksum(path: Path, content: bytes) -> bytes:
    """Of a file's contents and of its name: a kernel that has got the name of another one is none."""
    return hashlib.blake2b(content, digest_size=_CHECKSUM, key=path.name.encode()[:64]).digest()


def read(path: Path) -> bytes | None:
    """What `write` has put into a file; None where there is none.

    Raises
    ------
    ValueError
        When something has changed it since: machine code that a disk, a loss of power or another program has changed
        is not run.
    """
    try:
        content = path.read_bytes()
    except OSError:
        return None
    if _checksum(path, content[_CHECKSUM:]) != content[:_CHECKSUM]:
        raise ValueError("its checksum is wrong")
    return content[_CHECKSUM:]


def write(path: Path, content: bytes) -> None:
    """Put a checksum and this into a file: whole and on the disk before it has its name."""
    # A name that no other process takes, on a disk that several machines may share.
    temporary = path.with_name(f"{path.name}.{secrets.token_hex(8)}.tmp")
    try:
        with temporary.open("xb") as file:
            file.write(_checksum(path, content) + content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
