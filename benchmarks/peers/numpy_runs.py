"""NumPy, vectorised over runs, in blocks that stay in the cache.

Small layers: runs lie along the last axis, products are sums of element-wise terms. Wide ones: runs lie along the
first axis, and products are stacks of matrices for the linear algebra library.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.network import Floats, Network
from benchmarks.peers import Peer, in_threads
from benchmarks.peers.numpy_one import Adam, slope
from benchmarks.work import Program, Work

_NUMBERS = 128 * 1024
# Layers with as many inputs or more are products of matrices.
_WIDE = 8


def _wide(net: Network) -> bool:
    return max(net.sizes[:-1]) >= _WIDE


def _activate(name: str, z: Floats, units: int) -> None:
    """In place."""
    if name == "sigmoid":
        np.negative(z, out=z)
        np.exp(z, out=z)
        z += 1
        np.reciprocal(z, out=z)
    elif name == "tanh":
        np.tanh(z, out=z)
    elif name == "relu":
        np.maximum(z, 0, out=z)
    elif name == "softmax":
        z -= z.max(axis=units, keepdims=True)
        np.exp(z, out=z)
        z /= z.sum(axis=units, keepdims=True)


class _Last:
    """Runs on the last axis: W (out, in, runs), activations (units, samples, runs)."""

    axis, units = -1, 0

    def given(self, a: Floats) -> Floats:
        return np.ascontiguousarray(a.T)[:, :, None]

    def weighted(self, W: Floats, a: Floats) -> Floats:
        z = W[:, 0, None] * a[0]
        for i in range(1, len(a)):
            z += W[:, i, None] * a[i]
        return z

    def bias(self, b: Floats) -> Floats:
        return b[:, None]

    def back(self, W: Floats, e: Floats) -> Floats:
        out = W[0][:, None] * e[0]
        for k in range(1, len(e)):
            out += W[k][:, None] * e[k]
        return out

    def gradient(self, e: Floats, a: Floats) -> Floats:
        return np.stack([(e * a[i]).sum(axis=1) for i in range(len(a))], axis=1)

    def total(self, e: Floats) -> Floats:
        return e.sum(axis=1)

    def rate(self, rate: Floats, part: Floats) -> Floats:
        return rate


class _First:
    """Runs on the first axis: W (runs, out, in), activations (runs, samples, units)."""

    axis, units = 0, 2

    def given(self, a: Floats) -> Floats:
        return a[None]

    def weighted(self, W: Floats, a: Floats) -> Floats:
        return a @ W.swapaxes(1, 2)

    def bias(self, b: Floats) -> Floats:
        return b[:, None]

    def back(self, W: Floats, e: Floats) -> Floats:
        return e @ W

    def gradient(self, e: Floats, a: Floats) -> Floats:
        return e.swapaxes(1, 2) @ a

    def total(self, e: Floats) -> Floats:
        return e.sum(axis=1)

    def rate(self, rate: Floats, part: Floats) -> Floats:
        return rate.reshape(-1, *(1,) * (part.ndim - 1))


def _gradient(net: Network, by: Any, layers: list[tuple[Floats, Any]], x: Floats, t: Floats, n: int) -> list[Floats]:
    activations = [x]
    for layer, (W, b) in enumerate(layers, 1):
        z = by.weighted(W, activations[-1])
        if net.scales[layer - 1] != 1:
            z *= x.dtype.type(net.scales[layer - 1])
        if b is not None:
            z += by.bias(b)
        _activate(net.output if layer == net.layers else net.activation, z, by.units)
        activations.append(z)
    error = activations[-1] - t
    error *= x.dtype.type(net.factor(n) * (1 if net.fused else 2))
    if not net.fused:
        error *= slope(net.output, activations[-1])
    found: list[Floats] = []
    for layer in range(net.layers, 0, -1):
        W, b = layers[layer - 1]
        bias = [] if b is None else [by.total(error)]
        if net.scales[layer - 1] != 1:
            error *= x.dtype.type(net.scales[layer - 1])
        found = [by.gradient(error, activations[layer - 1]), *bias, *found]
        if layer > 1:
            error = by.back(W, error)
            error *= slope(net.activation, activations[layer - 1])
    return found


def _train(work: Work, which: slice) -> Floats:
    net = work.network
    by = _First() if _wide(net) else _Last()
    rows = [np.moveaxis(part, -1, by.axis).copy() for layer in net.split(work.weights[which].T)
            for part in layer if part is not None]  # fmt: skip
    rest = iter(rows)
    layers = [(next(rest), next(rest) if net.biases else None) for _ in range(net.layers)]
    by_layer = np.repeat(work.rates[which].T, 1 + net.biases, axis=0)
    rates = [by.rate(rate, part) for rate, part in zip(by_layer, rows, strict=True)]
    adam = Adam(net, rows) if net.optimizer == "adam" else None
    batches = [(by.given(work.inputs[k]), by.given(work.targets[k]), k.stop - k.start) for k in net.batches()]
    for _ in range(work.epochs):
        for x, t, n in batches:
            gradient = _gradient(net, by, layers, x, t, n)
            if adam:
                adam.step(rows, gradient, rates)
            else:
                for w, g, rate in zip(rows, gradient, rates, strict=True):
                    w -= rate * g
    parts = [np.moveaxis(part, by.axis, 0) for part in rows]
    return np.concatenate([part.reshape(len(part), -1) for part in parts], axis=1)


def _block(work: Work) -> int:
    net = work.network
    return max(8, _NUMBERS // (3 * net.batch * sum(net.sizes[1:]) + 3 * net.parameters))


def _prepare(work: Work) -> Program:
    n = _block(work)
    blocks = [slice(k, k + n) for k in range(0, work.runs, n)]

    def train() -> Floats:
        with np.errstate(all="ignore"):
            return np.concatenate([_train(work, which) for which in blocks])

    return Program(train, work.from_weights)


PEERS = (Peer("numpy runs", "NumPy, vectorised over runs", in_threads(_prepare), block=_block),)
