"""Numba as an expert writes it without vector types: one network per iteration of prange, one hidden layer.

The weights of a network are copied into a local array, every loop runs over memory in order, nothing is allocated
within an epoch, no number is wider than the weights, and sizes and kinds are constants of the compiled function, so
that short loops are unrolled and choices vanish. With fastmath, without which it is slower or as fast.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from math import exp, sqrt, tanh
from typing import Any

import numba
import numpy as np

from benchmarks.network import Floats, Network
from benchmarks.peers import Peer, one_hidden_layer
from benchmarks.work import Program, Work

_KINDS = {"identity": 0, "sigmoid": 1, "tanh": 2, "relu": 3, "softmax": 4}


@numba.njit(error_model="numpy", inline="always")  # type: ignore[untyped-decorator]
def _activated(kind: int, z: Any, one: Any) -> Any:
    if kind == 1:
        return one / (one + exp(-z))
    if kind == 2:
        return tanh(z)
    if kind == 3:
        return max(z, one - one)
    return z


@numba.njit(error_model="numpy", inline="always")  # type: ignore[untyped-decorator]
def _slope(kind: int, a: Any, one: Any) -> Any:
    if kind == 1:
        return a * (one - a)
    if kind == 2:
        return one - a * a
    if kind == 3:
        return one if a > 0 else one - one
    return one


@cache
def _compiled(net: Network, precision: str) -> Callable[..., None]:
    """The kernel for one network and data set."""
    n_in, h, n_out = net.sizes
    dtype = np.dtype(precision).type
    hidden, output, adam = _KINDS[net.activation], _KINDS[net.output], net.optimizer == "adam"
    beta1, beta2, epsilon = (dtype(value) for value in net.settings or (0, 0, 0))
    scale1, scale2 = (dtype(scale) for scale in net.scales)
    softmax, biases, fused, samples, batch = output == 4, net.biases, net.fused, net.samples, net.batch
    factors = np.array([dtype(net.factor(n) * (1 if fused else 2)) if n else dtype(0) for n in range(batch + 1)])
    b1 = h * n_in
    w2 = b1 + h * biases
    b2 = w2 + n_out * h
    parameters = net.parameters
    one = dtype(1)

    def train(weights: Floats, rates: Floats, inputs: Floats, targets: Floats, epochs: int, out: Floats) -> None:
        for run in numba.prange(weights.shape[0]):
            w = weights[run].copy()
            g = np.zeros_like(w)
            m = np.zeros_like(w)
            v = np.zeros_like(w)
            a = np.empty(h, w.dtype)
            e = np.empty(h, w.dtype)
            y = np.empty(n_out, w.dtype)
            power1, power2 = one, one
            for _ in range(epochs):
                for first in range(0, samples, batch):
                    end = min(first + batch, samples)
                    factor = factors[end - first]
                    for s in range(first, end):
                        for j in range(h):
                            z = one - one
                            for i in range(n_in):
                                z += w[j * n_in + i] * inputs[s, i]
                            z *= scale1
                            if biases:
                                z += w[b1 + j]
                            a[j] = _activated(hidden, z, one)
                            e[j] = 0
                        for k in range(n_out):
                            z = one - one
                            for j in range(h):
                                z += w[w2 + k * h + j] * a[j]
                            z *= scale2
                            if biases:
                                z += w[b2 + k]
                            y[k] = _activated(output, z, one)
                        if softmax:
                            top = y[0]
                            for k in range(1, n_out):
                                top = max(top, y[k])
                            total = one - one
                            for k in range(n_out):
                                y[k] = exp(y[k] - top)
                                total += y[k]
                            for k in range(n_out):
                                y[k] /= total
                        for k in range(n_out):
                            d = (y[k] - targets[s, k]) * factor
                            if not fused:
                                d *= _slope(output, y[k], one)
                            if biases:
                                g[b2 + k] += d
                            d *= scale2
                            for j in range(h):
                                g[w2 + k * h + j] += d * a[j]
                                e[j] += d * w[w2 + k * h + j]
                        for j in range(h):
                            d = e[j] * _slope(hidden, a[j], one)
                            if biases:
                                g[b1 + j] += d
                            d *= scale1
                            for i in range(n_in):
                                g[j * n_in + i] += d * inputs[s, i]
                    if adam:
                        power1 *= beta1
                        power2 *= beta2
                        root = sqrt(one - power2)
                        for p in range(parameters):
                            rate = rates[run, 0] if p < w2 else rates[run, 1]
                            m[p] += (one - beta1) * (g[p] - m[p])
                            v[p] = beta2 * v[p] + (one - beta2) * g[p] * g[p]
                            w[p] -= rate / (one - power1) * m[p] / (sqrt(v[p]) / root + epsilon)
                            g[p] = 0
                    else:
                        for p in range(w2):
                            w[p] -= rates[run, 0] * g[p]
                            g[p] = 0
                        for p in range(w2, parameters):
                            w[p] -= rates[run, 1] * g[p]
                            g[p] = 0
            out[run] = w

    kernel: Callable[..., None] = numba.njit(parallel=True, error_model="numpy", fastmath=True)(train)
    return kernel


def _prepare(work: Work, cores: int) -> Program:
    kernel = _compiled(work.network, work.precision)
    out = np.empty_like(work.weights)
    kernel(work.weights[:1], work.rates[:1], work.inputs, work.targets, 1, out[:1])

    def train() -> Floats:
        numba.set_num_threads(cores)
        kernel(work.weights, work.rates, work.inputs, work.targets, work.epochs, out)
        return out

    return Program(train, work.from_weights)


def _block(work: Work) -> int:
    return 16


PEERS = (Peer("numba", "Numba prange, fastmath, this shape only", _prepare, one_hidden_layer, _block),)
