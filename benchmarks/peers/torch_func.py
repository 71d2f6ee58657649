"""PyTorch as its documentation teaches: `torch.func.vmap` over networks of `torch.func.grad`.

The loop over updates is Python's; so many networks are trained at once that its cost is spread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.func import grad, vmap

from benchmarks.network import Floats, Network
from benchmarks.peers import Peer, in_threads
from benchmarks.work import Program, Work

# Cores share the networks: threads within operations this small would mostly wait for each other.
torch.set_num_threads(1)

# Numbers in a block of networks, tried out: many enough for the cost of Python, few enough for the cache.
_NUMBERS = 256 * 1024
ACTIVATIONS: dict[str, Callable[[Any], Any]] = {
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "relu": torch.relu,
    "identity": lambda z: z,
}


def _loss(net: Network, parts: list[Any], x: Any, t: Any) -> Any:
    """Of one network."""
    rest = iter(parts)
    for layer in range(net.layers):
        z = x @ next(rest).T
        z = z if net.scales[layer] == 1 else z * net.scales[layer]
        z = z + next(rest) if net.biases else z
        if layer + 1 < net.layers:
            x = ACTIVATIONS[net.activation](z)
    if net.loss == "cross_entropy":
        values = -t * torch.log_softmax(z, 1)
    elif net.loss == "binary_cross_entropy":
        values = torch.nn.functional.softplus(z) - t * z
    else:
        values = (ACTIVATIONS[net.output](z) - t) ** 2
    return values.sum() * net.factor(len(x))


class Optimizer:
    """sgd or adam over stacked parameters, in place; torch.optim knows no learning rate per network."""

    def __init__(self, net: Network, parts: list[Any], rates: list[Any]) -> None:
        self.net, self.parts, self.rates = net, parts, rates
        self.means = [torch.zeros_like(part) for part in parts]
        self.squares = [torch.zeros_like(part) for part in parts]
        self.updates = 0

    def step(self, gradient: list[Any]) -> None:
        """One update."""
        if self.net.optimizer == "sgd":
            for w, g, rate in zip(self.parts, gradient, self.rates, strict=True):
                w.addcmul_(g, rate, value=-1)
            return
        beta1, beta2, epsilon = self.net.settings
        self.updates += 1
        shrink, root = 1 - beta1**self.updates, (1 - beta2**self.updates) ** 0.5
        every = zip(self.parts, gradient, self.means, self.squares, self.rates, strict=True)
        for w, g, m, s, rate in every:
            m.lerp_(g, 1 - beta1)
            s.mul_(beta2).addcmul_(g, g, value=1 - beta2)
            w.addcmul_(rate, m.div(s.sqrt().div_(root).add_(epsilon)), value=-1 / shrink)


def stacked(work: Work, which: slice | NDArray[np.int64]) -> tuple[list[Any], list[Any]]:
    """Parameters (runs, ...) of a block and their learning rates, layer by layer."""
    parts, rates = [], []
    for layer, pair in enumerate(work.network.split(work.weights[which].T)):
        for part in pair:
            if part is not None:
                stack = torch.from_numpy(np.moveaxis(part, -1, 0).copy())
                parts.append(stack)
                rate = torch.from_numpy(work.rates[which, layer].copy())
                rates.append(rate.reshape(-1, *(1,) * (stack.ndim - 1)))
    return parts, rates


def batches(work: Work) -> Iterator[tuple[Any, Any]]:
    """Inputs and targets of an epoch's updates."""
    for batch in work.network.batches():
        yield torch.from_numpy(work.inputs[batch]), torch.from_numpy(work.targets[batch])


def block(work: Work, numbers: int = _NUMBERS) -> int:
    """Networks trained at once."""
    net = work.network
    return max(8, numbers // (4 * net.parameters + 3 * net.batch * sum(net.sizes[1:])))


def blockwise(work: Work, n: int, gradient: Callable[[list[Any], Any, Any], list[Any]]) -> Program:
    """A function that gives the gradients of stacked networks, as a program."""
    blocks = [slice(k, k + n) for k in range(0, work.runs, n)]
    data = list(batches(work))

    def train() -> Floats:
        results = []
        for which in blocks:
            parts, rates = stacked(work, which)
            optimizer = Optimizer(work.network, parts, rates)
            for _ in range(work.epochs):
                for x, t in data:
                    optimizer.step(gradient(parts, x, t))
            results.append(torch.cat([part.reshape(len(part), -1) for part in parts], 1).numpy())
        return np.concatenate(results)

    return Program(train, work.from_weights)


def _prepare(work: Work) -> Program:
    net = work.network
    gradient = vmap(grad(lambda parts, x, t: _loss(net, parts, x, t)), in_dims=(0, None, None))
    return blockwise(work, block(work), gradient)


PEERS = (Peer("torch func", "PyTorch, torch.func: vmap of grad", in_threads(_prepare), block=block),)
