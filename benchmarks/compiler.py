"""Programs in C: compiled for this processor into a temporary folder, and loaded."""

from __future__ import annotations

import atexit
import ctypes
import importlib.util
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from benchmarks.network import Floats
from benchmarks.peers import MissingError

# No -ffast-math: diverging runs must be seen to diverge. What is left out of the strict rules changes no number but by
# fused multiply-adds.
_FLAGS = ("-O3", "-march=native", "-fno-math-errno", "-fno-trapping-math", "-ffp-contract=fast", "-shared", "-fPIC")
# Clang would cut vectors of 64 bytes in two.
_OF_CLANG = ("-mprefer-vector-width=512",)
_CACHE_LINE = 64
_names = count()


@cache
def _folder() -> Path:
    folder = TemporaryDirectory()
    atexit.register(folder.cleanup)
    return Path(folder.name)


@cache
def compilers() -> dict[str, tuple[str, ...]]:
    """gcc, and clang if there is one: of the system, or that of ziglang, a package of PyPI.

    Raises
    ------
    MissingError
        Without gcc.
    """
    if not shutil.which("gcc"):
        raise MissingError("gcc")
    found = {"gcc": ("gcc", *_FLAGS)}
    if shutil.which("clang"):
        found["clang"] = ("clang", *_FLAGS, *_OF_CLANG)
    elif importlib.util.find_spec("ziglang"):
        found["clang"] = (sys.executable, "-m", "ziglang", "cc", *_FLAGS, *_OF_CLANG)
    return found


@cache
def compiled(source: str, *libraries: str, compiler: str = "gcc") -> ctypes.CDLL:
    """A program, linked with libraries.

    Raises
    ------
    MissingError
        Without gcc, or without one of the libraries.
    """
    path = _written(source)
    done = _run(compiler, path, *(f"-l{name}" for name in libraries))
    if done.returncode and libraries:
        raise MissingError(", ".join(f"lib{name}" for name in libraries))
    if done.returncode:
        raise RuntimeError(done.stderr)
    return ctypes.CDLL(str(path.with_suffix(".so")))


# What writes the profile of a program, which otherwise is written when Python ends.
_DUMP = "\nvoid __gcov_dump(void);\nvoid dump(void) { __gcov_dump(); }\n"


@cache
def compiled_by_profile(source: str, train: Callable[[ctypes.CDLL], None]) -> ctypes.CDLL:
    """The same by gcc once more, guided by what it did in a trial.

    Parameters
    ----------
    source : str
    train : callable (program)
        The trial.
    """
    path = _written(source + _DUMP)
    for flag in ("-fprofile-generate", "-fprofile-use"):
        path.with_suffix(".so").unlink(missing_ok=True)
        done = _run("gcc", path, flag)
        if done.returncode:
            raise RuntimeError(done.stderr)
        program = ctypes.CDLL(str(path.with_suffix(".so")))
        if flag == "-fprofile-generate":
            train(program)
            program.dump()
    return program


def _written(source: str) -> Path:
    path = _folder() / f"program{next(_names)}.c"
    path.write_text(source, encoding="ascii")
    return path


def _run(compiler: str, path: Path, *more: str) -> subprocess.CompletedProcess[str]:
    command = (*compilers()[compiler], "-o", str(path.with_suffix(".so")), str(path), *more, "-lm")
    return subprocess.run(command, capture_output=True, text=True, check=False)


@cache
def vector_bytes() -> int:
    """Of the widest vectors of this processor."""
    command = (compilers()["gcc"][0], "-march=native", "-dM", "-E", "-xc", "/dev/null")
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
