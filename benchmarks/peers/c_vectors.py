"""C with GCC's vector extension, compiled for this processor and this shape of network (source: benchmarks.csource).

Of a few sizes of tiles the fastest is taken, on this machine and this work.
"""

from __future__ import annotations

import atexit
import ctypes
import shutil
import subprocess
import time
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from benchmarks.csource import Shape, source
from benchmarks.network import Network
from benchmarks.peers import Missing, Peer, in_threads
from benchmarks.work import Floats, Program, Work

if not shutil.which("gcc"):
    raise Missing("gcc")

# No -ffast-math: diverging runs must be seen to diverge. -fno-trapping-math and -fno-math-errno change no number.
_FLAGS = ("-O3", "-march=native", "-fno-math-errno", "-fno-trapping-math", "-shared", "-fPIC")
_SMALL = 64
_ALIGNMENT = 64


@cache
def _folder() -> Path:
    folder = TemporaryDirectory()
    atexit.register(folder.cleanup)
    return Path(folder.name)


@cache
def vector_bytes() -> int:
    """Of the widest vectors of this processor."""
    macros = subprocess.run(
        ("gcc", "-march=native", "-dM", "-E", "-xc", "/dev/null"), capture_output=True, text=True, check=True
    ).stdout
    return 64 if "__AVX512F__" in macros else 32 if "__AVX__" in macros else 16


@cache
def compiled(text: str) -> ctypes.CDLL:
    """A program in C, compiled and loaded."""
    path = _folder() / f"program{len(list(_folder().iterdir()))}.c"
    path.write_text(text, encoding="ascii")
    library = path.with_suffix(".so")
    subprocess.run(("gcc", *_FLAGS, "-o", str(library), str(path), "-lm"), check=True)
    return ctypes.CDLL(str(library))


def _shapes(net: Network) -> list[Shape]:
    width, small = vector_bytes(), net.parameters <= _SMALL
    samples = sorted({min(n, net.batch) for n in ((4,) if small else (4, 8))})
    units = (1, 4) if small else (2, 4)
    return [Shape(width, u, t, small) for u in units for t in samples]


@cache
def _best(net: Network, precision: str) -> Shape:
    """Of the shapes, the one that trains a group of random networks fastest."""
    shapes = _shapes(net)
    lanes = _lanes(precision)
    dtype = np.dtype(precision)
    random = np.random.default_rng(0)
    x, t = random.random((net.samples, net.sizes[0])), random.random((net.samples, net.sizes[-1]))
    weights, rates = aligned((1, net.parameters, lanes), dtype), aligned((1, net.layers, lanes), dtype)
    weights[:], rates[:] = random.normal(0, 0.1, weights.shape), 1e-3
    epochs = max(1, 200_000 // (net.samples * net.parameters))
    out = np.copy(weights) if False else aligned(weights.shape, dtype)
    data = x.astype(dtype), t.astype(dtype)
    seconds = dict.fromkeys(shapes, np.inf)
    for _ in range(5):
        for shape in shapes:
            began = time.perf_counter()
            _call(net, precision, shape, 1, epochs, weights, rates, *data, out)
            seconds[shape] = min(seconds[shape], time.perf_counter() - began)
    return min(shapes, key=lambda shape: seconds[shape])


def _lanes(precision: str) -> int:
    return vector_bytes() // np.dtype(precision).itemsize


def aligned(shape: tuple[int, ...], dtype: np.dtype[np.floating]) -> Floats:
    """An array that begins on a cache line."""
    n = int(np.prod(shape)) * dtype.itemsize
    raw = np.zeros(n + _ALIGNMENT, np.uint8)
    start = -raw.ctypes.data % _ALIGNMENT
    return raw[start : start + n].view(dtype).reshape(shape)


def _call(net: Network, precision: str, shape: Shape, groups: int, epochs: int, *arrays: Floats) -> None:
    pointers = [ctypes.c_void_p(array.ctypes.data) for array in arrays]
    compiled(source(net, precision, shape)).train(ctypes.c_long(groups), ctypes.c_long(epochs), *pointers)


def _grouped(rows: Floats, lanes: int) -> Floats:
    """(runs, n) as (groups, n, lanes); the last group is filled up with the last run."""
    groups = -(-len(rows) // lanes)
    filled = np.concatenate([rows, np.repeat(rows[-1:], groups * lanes - len(rows), axis=0)])
    out = aligned((groups, rows.shape[1], lanes), rows.dtype)
    out[:] = filled.reshape(groups, lanes, -1).swapaxes(1, 2)
    return out


def _prepare(work: Work) -> Program:
    net, lanes = work.network, _lanes(work.precision)
    shape = _best(net, work.precision)
    weights, rates = _grouped(work.weights, lanes), _grouped(work.rates, lanes)
    out = aligned(weights.shape, weights.dtype)
    data = np.ascontiguousarray(work.inputs), np.ascontiguousarray(work.targets)

    def train() -> Floats:
        _call(net, work.precision, shape, len(weights), work.epochs, weights, rates, *data, out)
        return out

    def losses(result: Floats) -> Floats:
        return work.from_weights(result.swapaxes(1, 2).reshape(-1, net.parameters)[: work.runs])

    return Program(train, losses)


PEERS = (
    Peer(
        "c",
        "C, GCC vector extension, this shape only",
        in_threads(_prepare),
        block=lambda work: _lanes(work.precision),
    ),
)
