"""C with GCC's vector extension, compiled for this processor and this shape of network (source: benchmarks.csource).

Of a few sizes of tiles the fastest is taken, on this machine and this work.
"""

from __future__ import annotations

import ctypes
import time
from functools import cache

import numpy as np

from benchmarks.compiler import address, aligned, compiled, vector_bytes
from benchmarks.csource import Shape, source
from benchmarks.network import Floats, Network
from benchmarks.peers import Peer, in_threads
from benchmarks.work import Program, Work

# Networks with as many parameters or fewer are unrolled altogether.
_SMALL = 64
_TRIALS = 5
_TRIAL_STEPS = 200_000


def _shapes(net: Network) -> list[Shape]:
    small = net.parameters <= _SMALL
    samples = sorted({min(n, net.batch) for n in ((4,) if small else (4, 8))})
    return [Shape(vector_bytes(), u, t, small) for u in ((1, 4) if small else (2, 4)) for t in samples]


@cache
def best(net: Network, precision: str) -> Shape:
    """Of the shapes, the one that trains a group of networks fastest."""
    lanes, dtype = _lanes(precision), np.dtype(precision)
    random = np.random.default_rng(0)
    data = [random.random((net.samples, n)).astype(dtype) for n in (net.sizes[0], net.sizes[-1])]
    weights, rates = aligned((1, net.parameters, lanes), dtype), aligned((1, net.layers, lanes), dtype)
    weights[:], rates[:] = random.normal(0, 0.1, weights.shape), 1e-3
    out = aligned(weights.shape, dtype)
    epochs = max(1, _TRIAL_STEPS // (net.samples * net.parameters))
    seconds = dict.fromkeys(_shapes(net), np.inf)
    for shape in [*seconds] * _TRIALS:
        began = time.perf_counter()
        _call(net, precision, shape, 1, epochs, weights, rates, *data, out)
        seconds[shape] = min(seconds[shape], time.perf_counter() - began)
    return min(seconds, key=lambda shape: seconds[shape])


def _lanes(precision: str) -> int:
    return vector_bytes() // np.dtype(precision).itemsize


def _call(net: Network, precision: str, shape: Shape, groups: int, epochs: int, *arrays: Floats) -> None:
    pointers = [address(array) for array in arrays]
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
    shape = best(net, work.precision)
    weights, rates = _grouped(work.weights, lanes), _grouped(work.rates, lanes)
    out = aligned(weights.shape, weights.dtype)
    data = np.ascontiguousarray(work.inputs), np.ascontiguousarray(work.targets)

    def train() -> Floats:
        _call(net, work.precision, shape, len(weights), work.epochs, weights, rates, *data, out)
        return out

    def losses(result: Floats) -> Floats:
        return work.from_weights(result.swapaxes(1, 2).reshape(-1, net.parameters)[: work.runs])

    return Program(train, losses)


def _block(work: Work) -> int:
    return _lanes(work.precision)


vector_bytes()
PEERS = (Peer("c", "C, gcc, vector extension, this shape only", in_threads(_prepare), block=_block),)
