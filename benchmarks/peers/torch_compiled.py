"""PyTorch batched by hand under `torch.compile`: updates become programs in C++, which g++ compiles for this processor.

For the smallest networks the runs lie along the last axis, and every product is written out as a sum, so that all of an
update is one loop over the runs; some updates are one program, so that its call costs less. Larger networks are those
of `torch_batched`: what is compiled there is all but the products of matrices.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.network import Floats, Network
from benchmarks.peers import MissingError, Peer, in_threads
from benchmarks.peers.torch_batched import gradients
from benchmarks.peers.torch_func import ACTIVATIONS, batches, block, stacked
from benchmarks.work import Program, Work

# Networks with as many parameters or fewer are written out; others compile for minutes then.
_SMALL = 64
# Runs in a block, and samples that one program sees, tried out.
_RUNS, _SAMPLES = 2048, 20


def _is_small(work: Work) -> bool:
    net = work.network
    return net.parameters <= _SMALL and net.optimizer == "sgd" and net.output != "softmax"


def _sum(terms: Sequence[Any]) -> Any:
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total


def _slope(name: str, a: Any) -> Any:
    if name == "sigmoid":
        return a * (1 - a)
    return 1 - a * a if name == "tanh" else (a > 0).to(a.dtype) if name == "relu" else 1


def _updated(net: Network, layers: list[Any], rates: Any, x: Any, t: Any) -> list[Any]:
    """After one update by sgd: pairs of W (out, in, runs) and b (out, runs) or None; x and t (units, samples, 1)."""
    activations = [x]
    for layer, (W, b) in enumerate(layers):
        below = activations[-1]
        z = _sum([W[:, i, None] * below[None, i] for i in range(W.shape[1])]) * net.scales[layer]
        name = net.output if layer + 1 == net.layers else net.activation
        activations.append(ACTIVATIONS[name](z if b is None else z + b[:, None]))
    error = (activations[-1] - t) * net.factor(x.shape[1])
    error = error if net.fused else error * 2 * _slope(net.output, activations[-1])
    found: list[Any] = []
    for layer in reversed(range(net.layers)):
        (W, b), below, rate = layers[layer], activations[layer], rates[layer]
        b = None if b is None else b - rate * error.sum(1)
        error = error * net.scales[layer]
        G = _sum([error[:, None, s] * below[None, :, s] for s in range(error.shape[1])])
        found = [(W - rate * G, b), *found]
        if layer:
            back = _sum([W[j, :, None] * error[None, j] for j in range(len(error))])
            error = back * _slope(net.activation, below)
    return found


@cache
def _kernel(net: Network, epochs: int) -> Callable[..., Any]:
    def train(layers: Any, rates: Any, data: Any) -> Any:
        for _ in range(epochs):
            for x, t in data:
                layers = _updated(net, layers, rates, x, t)
        return layers

    return torch.compile(train, dynamic=False, fullgraph=True)


def _written_out(work: Work) -> Program:
    net = work.network
    epochs = next(n for n in (5, 4, 2, 1) if work.epochs % n == 0 and n * net.samples <= _SAMPLES)
    kernel = _kernel(net, epochs)
    data = [(x.T[:, :, None].contiguous(), t.T[:, :, None].contiguous()) for x, t in batches(work)]
    rows = _rows(work, _RUNS)

    def train() -> list[Any]:
        results = []
        for which in rows:
            parts = net.split(torch.from_numpy(work.weights[which].T.copy()))
            layers, rates = parts, list(torch.from_numpy(work.rates[which].T.copy()))
            with torch.inference_mode():
                for _ in range(work.epochs // epochs):
                    layers = kernel(layers, rates, data)
            results.append(layers)
        return results

    def losses(results: list[Any]) -> Floats:
        flat = [[part.reshape(-1, _RUNS) for layer in each for part in layer if part is not None] for each in results]
        return work.from_weights(torch.cat([torch.cat(parts) for parts in flat], 1).T.numpy()[: work.runs])

    return Program(train, losses)


@cache
def _update(net: Network) -> Callable[..., Any]:
    """Of stacked networks: all of an update is one program, but for the products of matrices."""

    def sgd(parts: Any, state: Any, rates: Any, x: Any, t: Any) -> Any:
        return [w - rate * g for w, g, rate in zip(parts, gradients(net, parts, x, t), rates, strict=True)], state

    def adam(parts: Any, state: Any, rates: Any, x: Any, t: Any) -> Any:
        beta1, beta2, epsilon = net.settings
        power1, power2, means, squares = state
        power1, power2 = power1 * beta1, power2 * beta2
        found = gradients(net, parts, x, t)
        means = [m + (1 - beta1) * (g - m) for m, g in zip(means, found, strict=True)]
        squares = [beta2 * s + (1 - beta2) * g * g for s, g in zip(squares, found, strict=True)]
        step, root = 1 / (1 - power1), torch.sqrt(1 - power2)
        every = zip(parts, means, squares, rates, strict=True)
        parts = [w - rate * step * m / (torch.sqrt(s) / root + epsilon) for w, m, s, rate in every]
        return parts, (power1, power2, means, squares)

    return torch.compile(sgd if net.optimizer == "sgd" else adam, dynamic=False, fullgraph=True)


def _stacked(work: Work) -> Program:
    update, data, rows = _update(work.network), list(batches(work)), _rows(work, block(work))

    def train() -> Floats:
        results = []
        for which in rows:
            parts, rates = stacked(work, which)
            one = torch.ones((), dtype=parts[0].dtype)
            state: Any = one, one, [torch.zeros_like(w) for w in parts], [torch.zeros_like(w) for w in parts]
            with torch.inference_mode():
                for _ in range(work.epochs):
                    for x, t in data:
                        parts, state = update(parts, state, rates, x, t)
            results.append(torch.cat([part.reshape(len(part), -1) for part in parts], 1).numpy())
        return np.concatenate(results)[: work.runs]

    return Program(train, work.from_weights)


def _rows(work: Work, n: int) -> NDArray[np.int64]:
    """The runs of every block, as many in each: another number would be another program."""
    return np.resize(np.arange(work.runs), -(-work.runs // n) * n).reshape(-1, n)


def _prepare(work: Work) -> Program:
    return _written_out(work) if _is_small(work) else _stacked(work)


def _block(work: Work) -> int:
    return _RUNS if _is_small(work) else block(work)


if not shutil.which("g++"):
    raise MissingError("g++")
# Every network and precision is one more program of the same source, all of them in one process.
torch._dynamo.config.recompile_limit = 1000
PEERS = (Peer("torch compiled", "PyTorch, batched by hand, torch.compile", in_threads(_prepare), block=_block),)
