"""C with GCC's vector extension, compiled for this processor and this shape of network (source: benchmarks.csource).

Of a few sizes of tiles, compiled by gcc, by clang where there is one, and by gcc with the profile of a trial, the
fastest is taken, on this machine and this work.
"""

from __future__ import annotations

import ctypes
import time
from functools import cache
from typing import TypeVar

import numpy as np

from benchmarks.compiler import address, aligned, compiled, compiled_by_profile, compilers, vector_bytes
from benchmarks.csource import Shape, source
from benchmarks.network import Floats, Network
from benchmarks.peers import Peer, in_threads
from benchmarks.work import Program, Work

_T = TypeVar("_T")

# Networks with as many parameters or fewer are unrolled altogether; others are slower and compile for minutes then.
_SMALL = 64
_TILES = {True: ((1, 4), (4, 4), (2, 2)), False: ((4, 4), (2, 8), (1, 8), (1, 16))}
_TRIALS = 5
_TRIAL_STEPS = 2_000_000


def _shapes(net: Network) -> list[Shape]:
    small = net.parameters <= _SMALL
    tiles = dict.fromkeys((units, min(samples, net.batch)) for units, samples in _TILES[small])
    return [Shape(vector_bytes(), *tile, small) for tile in tiles]


class _Trial:
    """A group of networks that any program for this network can train."""

    def __init__(self, net: Network, precision: str) -> None:
        lanes, dtype = _lanes(precision), np.dtype(precision)
        random = np.random.default_rng(0)
        self._epochs = max(1, _TRIAL_STEPS // (net.samples * net.parameters))
        weights, rates = aligned((1, net.parameters, lanes), dtype), aligned((1, net.layers, lanes), dtype)
        weights[:], rates[:] = random.normal(0, 0.1, weights.shape), 1e-3
        data = [random.random((net.samples, n)).astype(dtype) for n in (net.sizes[0], net.sizes[-1])]
        self._arrays = (weights, rates, *data, aligned(weights.shape, dtype))

    def train(self, program: ctypes.CDLL) -> None:
        """With a small learning rate, so that nothing diverges."""
        _call(program, 1, self._epochs, *self._arrays)

    def ranked(self, programs: dict[_T, ctypes.CDLL]) -> list[_T]:
        """The programs by the least time that each took in some turns."""
        seconds = dict.fromkeys(programs, np.inf)
        for key in [*programs] * _TRIALS:
            began = time.perf_counter()
            self.train(programs[key])
            seconds[key] = min(seconds[key], time.perf_counter() - began)
        return sorted(seconds, key=lambda key: seconds[key])


@cache
def best(net: Network, precision: str) -> ctypes.CDLL:
    """The program that trains a group of networks fastest."""
    trial = _Trial(net, precision)
    last, *others = reversed(compilers())
    sources = {shape: source(net, precision, shape) for shape in _shapes(net)}
    programs = {(shape, last): compiled(text, compiler=last) for shape, text in sources.items()}
    first, second, *_ = (shape for shape, _ in trial.ranked(programs))
    for shape in {first, second}:
        programs |= {(shape, other): compiled(sources[shape], compiler=other) for other in others}
        programs[shape, "profile"] = compiled_by_profile(sources[shape], trial.train)
    return programs[trial.ranked(programs)[0]]


def _lanes(precision: str) -> int:
    return vector_bytes() // np.dtype(precision).itemsize


def _call(program: ctypes.CDLL, groups: int, epochs: int, *arrays: Floats) -> None:
    program.train(ctypes.c_long(groups), ctypes.c_long(epochs), *(address(array) for array in arrays))


def _grouped(rows: Floats, lanes: int) -> Floats:
    """(runs, n) as (groups, n, lanes); the last group is filled up with the last run."""
    groups = -(-len(rows) // lanes)
    filled = np.concatenate([rows, np.repeat(rows[-1:], groups * lanes - len(rows), axis=0)])
    out = aligned((groups, rows.shape[1], lanes), rows.dtype)
    out[:] = filled.reshape(groups, lanes, -1).swapaxes(1, 2)
    return out


def _prepare(work: Work) -> Program:
    net, lanes = work.network, _lanes(work.precision)
    program = best(net, work.precision)
    weights, rates = _grouped(work.weights, lanes), _grouped(work.rates, lanes)
    out = aligned(weights.shape, weights.dtype)
    data = np.ascontiguousarray(work.inputs), np.ascontiguousarray(work.targets)

    def train() -> Floats:
        _call(program, len(weights), work.epochs, weights, rates, *data, out)
        return out

    def losses(result: Floats) -> Floats:
        return work.from_weights(result.swapaxes(1, 2).reshape(-1, net.parameters)[: work.runs])

    return Program(train, losses)


def _block(work: Work) -> int:
    return _lanes(work.precision)


vector_bytes()
PEERS = (Peer("c", "C, vector extension, this shape only", in_threads(_prepare), block=_block),)
