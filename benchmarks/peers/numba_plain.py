"""Numba as an expert writes it without vector types: one network per iteration of prange.

The weights of a network are copied into a local array, every loop runs over memory in order, nothing is
allocated within an epoch, and no number is wider than the weights. With and without fastmath, and once more
compiled for one shape of network, so that the short loops are unrolled.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import exp
from typing import Any

import numba
import numpy as np

from benchmarks.peers import Peer, one_hidden_layer
from benchmarks.work import Floats, Program, Work

_Kernel = Callable[[Floats, Floats, Floats, Any, int, Floats], None]


def _compiled(fastmath: bool, shape: tuple[int, int, int, int] | None = None) -> _Kernel:
    """The kernel, for one number of samples and one architecture or for any."""
    fixed = shape is not None
    n_samples, n_inputs, n_hidden, n_outputs = shape or (0, 0, 0, 0)

    def train(weights: Floats, inputs: Floats, targets: Floats, rate: Any, epochs: int, losses: Floats) -> None:
        # W1 (hidden, inputs), b1, W2 (outputs, hidden), b2 in every row of `weights`.
        samples = n_samples if fixed else inputs.shape[0]
        n_in = n_inputs if fixed else inputs.shape[1]
        n_out = n_outputs if fixed else targets.shape[1]
        h = n_hidden if fixed else (weights.shape[1] - n_out) // (n_in + 1 + n_out)
        b1 = h * n_in
        w2 = b1 + h
        b2 = w2 + n_out * h
        for run in numba.prange(weights.shape[0]):
            one = weights.dtype.type(1)
            w = weights[run].copy()
            g = np.empty_like(w)
            a = np.empty(h, w.dtype)
            e = np.empty(h, w.dtype)
            total = one
            for epoch in range(epochs + 1):
                g[:] = 0
                total = one - one
                for s in range(samples):
                    for j in range(h):
                        z = w[b1 + j]
                        for i in range(n_in):
                            z += w[j * n_in + i] * inputs[s, i]
                        a[j] = one / (one + exp(-z))
                        e[j] = 0
                    for k in range(n_out):
                        z = w[b2 + k]
                        for j in range(h):
                            z += w[w2 + k * h + j] * a[j]
                        y = one / (one + exp(-z))
                        d = y - targets[s, k]
                        total += d * d
                        d = d * y * (one - y)
                        g[b2 + k] += d
                        for j in range(h):
                            g[w2 + k * h + j] += d * a[j]
                            e[j] += d * w[w2 + k * h + j]
                    for j in range(h):
                        d = e[j] * a[j] * (one - a[j])
                        g[b1 + j] += d
                        for i in range(n_in):
                            g[j * n_in + i] += d * inputs[s, i]
                if epoch < epochs:
                    for p in range(w.size):
                        w[p] -= rate * g[p]
            losses[run] = total / 2

    kernel: _Kernel = numba.njit(parallel=True, error_model="numpy", fastmath=fastmath)(train)
    return kernel


def _program(fastmath: bool, fixed: bool, work: Work) -> Program:
    dtype = work.weights.dtype
    n_in, n_hidden, n_out = work.sizes
    shape = len(work.inputs), n_in, n_hidden, n_out
    kernel = _compiled(fastmath, shape if fixed else None)
    losses = np.empty(work.runs, dtype)
    arguments = (work.inputs, work.targets, dtype.type(work.learning_rate))
    kernel(work.weights[:1], *arguments, 1, losses[:1])

    def run() -> Floats:
        kernel(work.weights, *arguments, work.epochs, losses)
        return losses

    return run


def _peer(name: str, title: str, *, fastmath: bool = False, fixed: bool = False) -> Peer:
    return Peer(name, title, partial(_program, fastmath, fixed), one_hidden_layer, 8.0)


PEERS = (
    _peer("numba", "Numba, one network per iteration of prange"),
    _peer("numba fastmath", "Numba prange, fastmath", fastmath=True),
    _peer("numba fixed", "Numba prange, this shape only", fixed=True),
    _peer("numba fixed fastmath", "Numba prange, this shape only, fastmath", fastmath=True, fixed=True),
)
