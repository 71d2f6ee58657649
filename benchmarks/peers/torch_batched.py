"""PyTorch batched by hand: stacks of matrices, back-propagation written out, no graph of gradients."""

from __future__ import annotations

from typing import Any

import torch

from benchmarks.network import Network
from benchmarks.peers import Peer, in_threads
from benchmarks.peers.torch_func import ACTIVATIONS, block, blockwise
from benchmarks.work import Program, Work


def _times_slope(name: str, e: Any, a: Any) -> Any:
    """e times the slope of an activation where it is a, by the library's own fused formulas."""
    if name == "sigmoid":
        return torch.ops.aten.sigmoid_backward(e, a)
    if name == "tanh":
        return torch.ops.aten.tanh_backward(e, a)
    return torch.ops.aten.threshold_backward(e, a, 0) if name == "relu" else e


def _weighted(net: Network, layer: int, a: Any, W: Any, b: Any) -> Any:
    """(runs, samples, units); scales are the factor of the product."""
    if a.ndim == 2:
        a = a.expand(len(W), *a.shape)
    if b is None:
        z = torch.bmm(a, W.transpose(1, 2))
        return z if net.scales[layer] == 1 else z.mul_(net.scales[layer])
    return torch.baddbmm(b[:, None], a, W.transpose(1, 2), alpha=net.scales[layer])


def gradients(net: Network, parts: list[Any], x: Any, t: Any) -> list[Any]:
    """Of stacked networks, part by part."""
    step = 1 + net.biases
    weights = parts[::step]
    biases = parts[1::2] if net.biases else [None] * net.layers
    activations = [x]
    for layer, (W, b) in enumerate(zip(weights, biases, strict=True)):
        z = _weighted(net, layer, activations[-1], W, b)
        last = layer + 1 == net.layers
        if last and net.output == "softmax":
            activations.append(torch.softmax(z, 2))
        else:
            activations.append(ACTIVATIONS[net.output if last else net.activation](z))
    error = (activations[-1] - t).mul_(net.factor(len(x)) * (1 if net.fused else 2))
    error = error if net.fused else _times_slope(net.output, error, activations[-1])
    found: list[Any] = []
    for layer in reversed(range(net.layers)):
        bias = [error.sum(1)] if net.biases else []
        if net.scales[layer] != 1:
            error = error * net.scales[layer]
        below = activations[layer]
        below = below.expand(len(error), *below.shape) if below.ndim == 2 else below
        found = [torch.bmm(error.transpose(1, 2), below), *bias, *found]
        if layer:
            error = _times_slope(net.activation, torch.bmm(error, weights[layer]), activations[layer])
    return found


def _prepare(work: Work) -> Program:
    def gradient(parts: list[Any], x: Any, t: Any) -> list[Any]:
        with torch.inference_mode():
            return gradients(work.network, parts, x, t)

    return blockwise(work, block(work), gradient)


PEERS = (Peer("torch batched", "PyTorch, batched by hand", in_threads(_prepare), block=block),)
