"""The disk cache of compiled kernels: keyed by all sources that go into them, and checked before it is used.

Numba's own cache looks at the file of the cached function only, and would not notice that an activation in another file
has changed. So the name of the cache folder is a fingerprint of every source file of the kernels, and of every file
with functions for their tables. Functions from outside the package are told apart by the names of their tables.

A kernel is kept twice: as machine code of this processor, and as Numba lowered it, in LLVM's intermediate code, which
is the same for all processors of a kind. From that, LLVM alone makes the same machine code in a third of the time. A
wheel may bring some kernels in this form (`SHIPPED`).
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import pickle
import platform
import secrets
import sys
import zlib
from collections.abc import Callable, Iterable
from functools import cache, partial
from pathlib import Path
from typing import Any

import llvmlite
import llvmlite.binding as llvm
import numba
from numba import config
from numba.core import compiler, serialize
from numba.core.runtime import rtsys

from runner.errors import RunnerError
from runner.kernels.lanes import compiling
from runner.machine import cache_folder


def fingerprint() -> str:
    """Sixteen hexadecimal digits over the sources of kernels and registries, and the versions of Numba and llvmlite."""
    if not os.path.isfile(__file__):
        # Kernels of other sources would be taken for these.
        raise RunnerError(f"the runner can not work from within an archive ({Path(__file__).parent}): install it")
    return _digest(sys.version)


def _digest(python: str) -> str:
    """Of the sources, the versions of what compiles them, and this text about Python."""
    package = Path(__file__).parent.parent
    files = [file for folder in ("kernels", "ops") for file in (package / folder).rglob("*.py")]
    digest = hashlib.sha256(f"{python} {numba.__version__} {llvmlite.__version__}".encode())
    for file in sorted(files):
        digest.update(f"\n{file.name}\n".encode())
        with contextlib.suppress(OSError):
            digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def folder() -> Path:
    """Where the compiled kernels of these sources are kept."""
    return cache_folder() / fingerprint()


SHIPPED = Path(__file__).parent / "lowered"
"""Where a wheel has kernels as Numba lowered them: below the name that `shipped` gives."""


def shipped() -> Path:
    """Where a wheel that was made with the same versions of everything has its lowered kernels, if it has some.

    Unlike machine code they suit other builds of the same Python, and other processors of the same kind.
    """
    python = sys.implementation.name, *sys.version_info[:2], platform.system(), platform.machine()
    return SHIPPED / _digest(" ".join(map(str, python)))


@cache
def at_hand(kernel: str) -> bool:
    """Whether a kernel of this name is on disk: to load it takes milliseconds, where to compile it takes seconds."""
    if config.DISABLE_JIT:
        return False
    with contextlib.suppress(OSError, RuntimeError):
        return any(True for place in (folder(), shipped()) for _ in place.glob(f"{kernel}-*"))
    return False


_origins = {"loaded": 0, "lowered": 0, "shipped": 0, "compiled": 0}


def origins() -> dict[str, int]:
    """How many kernels of this process were loaded, made from lowered code, from a wheel's, and compiled by Numba."""
    return dict(_origins)


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
        kernel = self._taken(self._path(key), partial(_loaded, key, context))
        if kernel is not None:
            _origins["loaded"] += 1
            return kernel
        own = self.lowered(signature)
        for path in (own, shipped() / own.name):
            made = self._taken(path, partial(_made, context))
            if made is not None:
                kernel, content, stored = made
                self._write(self._path(key), serialize.dumps((key, *stored)))
                if path != own:
                    self._write(own, content)
                _origins["lowered" if path == own else "shipped"] += 1
                return kernel
        _origins["compiled"] += 1
        return None

    def _taken(self, path: Path, take: Callable[[bytes], Any]) -> Any:
        """What is made of a file; None where there is none, or it can not be used."""
        try:
            content = read(path)
            return None if content is None else take(content)
        except Exception as error:
            self._not_used(path, str(error) or type(error).__name__)
            return None

    def save_overload(self, signature: Any, compiled: Any) -> None:
        """Keep a kernel that has been compiled, and its code as it was before it became that of this processor."""
        if compiled.library.has_dynamic_globals:  # addresses of this process
            return
        (name, kind, (machine_code, module)), *others = compiled._reduce()
        outside, names = _symbols(module)
        kernel = (name, kind, (machine_code, names)), *others
        key = self._key(signature, compiled.codegen)
        self._write(self._path(key), serialize.dumps((key, outside, kernel)))
        code = getattr(compiled.library, "lowered", None)
        if code is not None:
            rest = serialize.dumps((outside, (name, kind, names), others))
            self._write(self.lowered(signature), zlib.compress(pickle.dumps((code, rest))))

    def _write(self, path: Path, content: bytes) -> None:
        try:
            write(path, content)
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


def _loaded(key: tuple[Any, ...], context: Any, content: bytes) -> Any:
    """A kernel from its file; None where the file is of another one."""
    stored, outside, kernel = pickle.loads(content)
    if stored != key:
        return None
    _provide(outside, context)
    return compiler.CompileResult._rebuild(context, *kernel)


def _made(context: Any, content: bytes) -> tuple[Any, bytes, Any]:
    """A kernel from its lowered code, the contents of the file with that, and what `_loaded` takes of the kernel."""
    code, rest = pickle.loads(zlib.decompress(content))
    outside, (name, kind, names), others = pickle.loads(rest)
    _provide(outside, context)
    machine_code = compiling.machine_code(context.codegen(), name, code)
    kernel = (name, kind, (machine_code, names)), *others
    return compiler.CompileResult._rebuild(context, *kernel), content, (outside, kernel)


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
    """The file with a kernel's code as Numba lowered it (see `lowered_code`); None when kernels are not kept."""
    kept = dispatcher._cache
    return kept.lowered(signature) if isinstance(kept, _Cache) else None


def lowered_code(path: Path) -> bytes | None:
    """The code in such a file, as LLVM's bitcode; None where there is none. It raises as `read` does."""
    content = read(path)
    if content is None:
        return None
    code: bytes = pickle.loads(zlib.decompress(content))[0]
    return code


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
