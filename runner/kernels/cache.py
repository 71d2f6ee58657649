"""The disk cache of compiled kernels, keyed by all sources that go into them.

Numba's own cache looks at the file of the cached function only, and would not notice that an activation in another file
has changed. So the name of the cache folder is a fingerprint of every source file of the kernels, and of every file
from which a function was put into one of their tables.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import llvmlite
import numba
from numba import config

from runner.errors import RunnerError
from runner.kernels.lanes import switch


def fingerprint() -> str:
    """Sixteen hexadecimal digits over the sources of the kernels, and the versions of Numba and llvmlite."""
    if not os.path.isfile(__file__):
        # Kernels of other sources would be taken for these.
        raise RunnerError(f"the runner can not work from within an archive ({Path(__file__).parent}): install it")
    files = set(Path(__file__).parent.rglob("*.py"))
    for table in vars(switch).values():
        if isinstance(table, switch.Table):
            for body in table.bodies:
                files.update(_sources(body))
    digest = hashlib.sha256(f"{sys.version} {numba.__version__} {llvmlite.__version__}".encode())
    for file in sorted(files):
        digest.update(f"\n{file.name}\n".encode())
        with contextlib.suppress(OSError):
            digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def _sources(body: Any) -> set[Path]:
    """The files of a function and of the functions in its closure, such as the activation within its loop."""
    files = {Path(body.__code__.co_filename)}
    for cell in body.__closure__ or ():
        if hasattr(cell.cell_contents, "__code__"):
            files |= _sources(cell.cell_contents)
    return files


def folder() -> Path:
    """Where compiled kernels are kept: below NUMBA_CACHE_DIR, XDG_CACHE_HOME, or the user's cache folder."""
    chosen = os.environ.get("NUMBA_CACHE_DIR") or os.environ.get("XDG_CACHE_HOME")
    if not chosen and sys.platform == "win32":
        chosen = os.environ.get("LOCALAPPDATA")
    base = Path(chosen) if chosen else Path.home() / ".cache"
    return base / "runner-kernels" / fingerprint()


def enable(*dispatchers: Any, tell: Callable[[str], None]) -> None:
    """Keep these kernels on disk, and take them from there. Without a cache they work as well, and compile anew.

    Parameters
    ----------
    *dispatchers : Numba dispatchers
        The functions that Python calls (`operations.entry`).
    tell : callable
        Takes the reason why a kernel can not be kept, now or when it has been compiled.
    """
    if config.DISABLE_JIT:
        return
    before = config.CACHE_DIR
    try:
        place = folder()
        place.mkdir(parents=True, exist_ok=True)
        config.CACHE_DIR = str(place)
        for dispatcher in dispatchers:
            dispatcher.enable_caching()
            _tell_instead_of_raising(dispatcher, tell)
    except (OSError, RuntimeError) as error:
        tell(str(error))
    finally:
        config.CACHE_DIR = before


def _tell_instead_of_raising(dispatcher: Any, tell: Callable[[str], None]) -> None:
    """Let a call go on when its kernel can not be saved: Numba would raise, although it has compiled the kernel."""
    save = dispatcher._cache.save_overload

    def save_or_tell(*arguments: Any) -> None:
        try:
            save(*arguments)
        except OSError as error:
            tell(error.strerror or str(error))

    dispatcher._cache.save_overload = save_or_tell
