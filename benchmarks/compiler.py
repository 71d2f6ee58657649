"""Programs in C: compiled by gcc for this processor into a temporary folder, and loaded."""

from __future__ import annotations

import atexit
import ctypes
import shutil
import subprocess
from functools import cache
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from benchmarks.network import Floats
from benchmarks.peers import MissingError

# No -ffast-math: diverging runs must be seen to diverge. What is left out of the strict rules changes no number.
_FLAGS = ("-O3", "-march=native", "-fno-math-errno", "-fno-trapping-math", "-shared", "-fPIC")
_CACHE_LINE = 64
_names = count()


@cache
def _folder() -> Path:
    folder = TemporaryDirectory()
    atexit.register(folder.cleanup)
    return Path(folder.name)


@cache
def compiled(source: str, *libraries: str) -> ctypes.CDLL:
    """A program, linked with libraries.

    Raises
    ------
    MissingError
        Without gcc, or without one of the libraries.
    """
    if not shutil.which("gcc"):
        raise MissingError("gcc")
    path = _folder() / f"program{next(_names)}.c"
    path.write_text(source, encoding="ascii")
    library = path.with_suffix(".so")
    command = ("gcc", *_FLAGS, "-o", str(library), str(path), *(f"-l{name}" for name in libraries), "-lm")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode and libraries:
        raise MissingError(", ".join(f"lib{name}" for name in libraries))
    if done.returncode:
        raise RuntimeError(done.stderr)
    return ctypes.CDLL(str(library))


@cache
def vector_bytes() -> int:
    """Of the widest vectors of this processor."""
    if not shutil.which("gcc"):
        raise MissingError("gcc")
    command = ("gcc", "-march=native", "-dM", "-E", "-xc", "/dev/null")
    macros = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return 64 if "__AVX512F__" in macros else 32 if "__AVX__" in macros else 16


def aligned(shape: tuple[int, ...], dtype: np.dtype[np.floating]) -> Floats:
    """An array of zeros that begins on a cache line."""
    n = int(np.prod(shape)) * dtype.itemsize
    raw = np.zeros(n + _CACHE_LINE, np.uint8)
    start = -raw.ctypes.data % _CACHE_LINE
    return raw[start : start + n].view(dtype).reshape(shape)


def address(array: Floats) -> ctypes.c_void_p:
    """For a pointer argument; the array must be contiguous and outlive the call."""
    return ctypes.c_void_p(array.ctypes.data)
