"""NumPy, one network after the other, as in the posts, for any number of layers."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.network import Floats, Network
from benchmarks.peers import Peer
from benchmarks.work import Program, Work


def activated(name: str, z: Floats) -> Floats:
    """What the units of a layer make of their weighted sums (samples, units)."""
    if name == "sigmoid":
        return 1 / (1 + np.exp(-z))
    if name == "tanh":
        return np.tanh(z)
    if name == "relu":
        return np.maximum(z, 0)
    if name == "softmax":
        e = np.exp(z - z.max(axis=1, keepdims=True))
        return e / e.sum(axis=1, keepdims=True)
    return z


def slope(name: str, a: Floats) -> Any:
    """Slope of an activation where it is a."""
    if name == "sigmoid":
        return a * (1 - a)
    if name == "tanh":
        return 1 - a * a
    return (a > 0).astype(a.dtype) if name == "relu" else 1


def _gradient(net: Network, layers: list[tuple[Floats, Any]], x: Floats, t: Floats) -> list[tuple[Floats, Any]]:
    activations = [x]
    for layer, (W, b) in enumerate(layers, 1):
        z = activations[-1] @ W.T
        z = z if net.scales[layer - 1] == 1 else z * x.dtype.type(net.scales[layer - 1])
        z = z if b is None else z + b
        activations.append(activated(net.output if layer == net.layers else net.activation, z))
    error = (activations[-1] - t) * x.dtype.type(net.factor(len(x)) * (1 if net.fused else 2))
    error = error if net.fused else error * slope(net.output, activations[-1])
    found = []
    for layer in range(net.layers, 0, -1):
        W, b = layers[layer - 1]
        db = None if b is None else error.sum(axis=0)
        if net.scales[layer - 1] != 1:
            error *= x.dtype.type(net.scales[layer - 1])
        found.append((error.T @ activations[layer - 1], db))
        if layer > 1:
            error = error @ W * slope(net.activation, activations[layer - 1])
    return found[::-1]


class Adam:
    """Adam on one array after the other, in place, as torch.optim.Adam."""

    def __init__(self, net: Network, parts: list[Floats]) -> None:
        self.beta1, self.beta2, self.epsilon = (parts[0].dtype.type(value) for value in net.settings)
        self.means = [np.zeros_like(part) for part in parts]
        self.squares = [np.zeros_like(part) for part in parts]
        self.updates = 0

    def step(self, parts: list[Floats], gradient: list[Floats], rates: list[Any]) -> None:
        """One update."""
        self.updates += 1
        one = parts[0].dtype.type(1)
        shrink, root = one - self.beta1**self.updates, np.sqrt(one - self.beta2**self.updates)
        for w, g, m, s, rate in zip(parts, gradient, self.means, self.squares, rates, strict=True):
            m += (one - self.beta1) * (g - m)
            s *= self.beta2
            s += (one - self.beta2) * g * g
            w -= rate / shrink * m / (np.sqrt(s) / root + self.epsilon)


def _train(work: Work, run: int) -> Floats:
    net = work.network
    row = work.weights[run].copy()
    layers = net.split(row)
    parts = [part for layer in layers for part in layer if part is not None]
    rates = [rate for rate, layer in zip(work.rates[run], layers, strict=True) for part in layer if part is not None]
    adam = Adam(net, parts) if net.optimizer == "adam" else None
    batches = [(work.inputs[batch], work.targets[batch]) for batch in net.batches()]
    for _ in range(work.epochs):
        for x, t in batches:
            gradient = [g for layer in _gradient(net, layers, x, t) for g in layer if g is not None]
            if adam:
                adam.step(parts, gradient, rates)
            else:
                for w, g, rate in zip(parts, gradient, rates, strict=True):
                    w -= rate * g
    return row


def _prepare(work: Work, cores: int) -> Program:
    def train() -> Floats:
        with np.errstate(all="ignore"):
            return np.array([_train(work, run) for run in range(work.runs)])

    return Program(train, work.from_weights)


PEERS = (Peer("numpy", "NumPy, one network after the other, as in the posts", _prepare, scales=False),)
