"""The disk cache of compiled kernels: keyed by all sources that go into them, and checked before it is used.

Numba's own cache looks at the file of the cached function only, and would not notice that an activation in another file
has changed. So the name of the cache folder is a fingerprint of every source file of the kernels, and of every file
with functions for their tables. Functions from outside the package are told apart by the names of their tables.

A kernel is kept twice: as machine code of this processor, and as Numba lowered it, in LLVM's intermediate code, which
is the same for all processors of a kind. From that, LLVM alone makes the same machine code in a third of the time. A
wheel may bring some kernels in this form (`SHIPPED`). Machine code is loaded by LLVM, without Numba.

A file is a checksum (see `write`), one line of JSON that tells what it is, and the code.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import platform
import secrets
import sys
import zlib
from collections.abc import Callable
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import llvmlite.binding as llvm

from runner.errors import RunnerError
from runner.kernels.lanes.entry import Entry, Signature, address_in
from runner.kernels.lanes.kinds import Kind
from runner.machine import cache_folder, compiles

if TYPE_CHECKING:
    from runner.kernels.lanes.lowering.compiling import Machine


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
    versions = " ".join((python, *map(metadata.version, ("numba", "llvmlite"))))
    digest = hashlib.sha256(versions.encode())
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
    if not compiles():
        return False
    with contextlib.suppress(OSError, RuntimeError):
        return any(True for place in (folder(), shipped()) for _ in place.glob(f"{kernel}-*"))
    return False


_origins = {"loaded": 0, "lowered": 0, "shipped": 0, "compiled": 0}


def origins() -> dict[str, int]:
    """How many kernels of this process were loaded, made from lowered code, from a wheel's, and compiled by Numba."""
    return dict(_origins)


def processor() -> tuple[str, str, str]:
    """For which machine code is made: LLVM's names of the system, of the processor and of what this can do.

    As for Numba, NUMBA_CPU_NAME and NUMBA_CPU_FEATURES name others.
    """
    name = os.environ.get("NUMBA_CPU_NAME") or llvm.get_host_cpu_name()
    features = os.environ.get("NUMBA_CPU_FEATURES")
    if features is None:
        features = "" if name == "generic" else llvm.get_host_cpu_features().flatten()
    return llvm.get_process_triple(), name, features


def enable(*entries: Any, not_kept: Callable[[str], None], not_used: Callable[[Path, str], None]) -> None:
    """Keep these kernels on disk, and take them from there. Without a cache they work as well, and compile anew.

    Parameters
    ----------
    *entries : Entry
        The functions that Python calls.
    not_kept : callable
        Takes the reason why a kernel can not be kept, now or when it has been compiled.
    not_used : callable
        Takes the file of a kernel that is compiled anew although it is there, and the reason.
    """
    if not compiles():
        return
    try:
        place = folder()
        place.mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError) as error:
        not_kept(str(error))
        return
    store = Disk(place, not_kept, not_used)
    for each in entries:
        each.store = store


# What else Numba may be told about the machine code that it makes.
_VARIABLES = "NUMBA_ENABLE_AVX", "NUMBA_OPT", "NUMBA_LOOP_VECTORIZE"


class Disk:
    """Machine code in files of a folder.

    Parameters
    ----------
    place : Path
        The folder.
    not_kept, not_used : callable
        As in `enable`.
    """

    def __init__(self, place: Path, not_kept: Callable[[str], None], not_used: Callable[[Path, str], None]) -> None:
        self._place = place
        self._not_kept = not_kept
        self._not_used = not_used

    def address(self, function: Callable[..., Any], kind: Kind, signature: Signature) -> int:
        """The address of a kernel, which is loaded, made from its lowered code, or compiled."""
        name = function.__qualname__
        key = repr((name, kind, processor(), [os.environ.get(variable) for variable in _VARIABLES]))
        path = self._path(name, key)
        address = self._taken(path, lambda content: _loaded(key, content))
        if address:
            _origins["loaded"] += 1
            return int(address)
        own = self.lowered(name, kind)
        for place in (own, shipped() / own.name):
            made = self._taken(place, lambda content: (content, _made(content)))
            if made:
                content, machine = made
                _origins["lowered" if place == own else "shipped"] += 1
                if place != own:
                    self._write(own, content)
                return self._kept(path, key, *machine[:3])
        from runner.kernels.lanes.lowering.compiling import lowered, machine_code

        _origins["compiled"] += 1
        kernel = lowered(function, signature())
        machine = machine_code(kernel)
        if not machine.lasts:
            return address_in(*machine[:3])
        self._write(own, _joined({"name": kernel.name}, zlib.compress(kernel.code)))
        return self._kept(path, key, *machine[:3])

    def lowered(self, name: str, kind: Kind) -> Path:
        """Where the code is kept that is the same for all processors."""
        return self._path(name, repr((name, kind))).with_suffix(".lowered")

    def _path(self, name: str, key: str) -> Path:
        return self._place / f"{name}-{hashlib.blake2b(key.encode(), digest_size=8).hexdigest()}.kernel"

    def _taken(self, path: Path, take: Callable[[bytes], Any]) -> Any:
        """What is made of a file; None where there is none, or it can not be used."""
        try:
            content = read(path)
            return None if content is None else take(content)
        except Exception as error:
            self._not_used(path, str(error) or type(error).__name__)
            return None

    def _kept(self, path: Path, key: str, code: bytes, name: str, wants: list[str]) -> int:
        """The address of a kernel that has been made, and is kept in this file."""
        self._write(path, _joined({"key": key, "name": name, "wants": wants}, code))
        return address_in(code, name, wants)

    def _write(self, path: Path, content: bytes) -> None:
        try:
            write(path, content)
        except OSError as error:
            self._not_kept(error.strerror or str(error))


def _joined(facts: dict[str, Any], code: bytes) -> bytes:
    """The contents of a file."""
    return json.dumps(facts).encode() + b"\n" + code


def _parted(content: bytes) -> tuple[dict[str, Any], bytes]:
    """What `_joined` has put together."""
    line, _, code = content.partition(b"\n")
    facts: dict[str, Any] = json.loads(line)
    return facts, code


def _loaded(key: str, content: bytes) -> int:
    """The address of a kernel from its file; 0 where the file is of another one."""
    facts, code = _parted(content)
    return address_in(code, facts["name"], facts["wants"]) if facts["key"] == key else 0


def _made(content: bytes) -> Machine:
    """Machine code of a kernel, from the file with its lowered code."""
    from runner.kernels.lanes.lowering.compiling import Lowered, machine_code

    facts, code = _parted(content)
    return machine_code(Lowered(facts["name"], zlib.decompress(code)))


def lowered(entry: Entry, kind: Kind) -> Path | None:
    """The file with a kernel's code as Numba lowered it (see `lowered_code`); None when kernels are not kept."""
    return entry.store.lowered(entry.py_func.__qualname__, kind) if isinstance(entry.store, Disk) else None


def lowered_code(path: Path) -> bytes | None:
    """The code in such a file, as LLVM's bitcode; None where there is none. It raises as `read` does."""
    content = read(path)
    return None if content is None else zlib.decompress(_parted(content)[1])


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
