"""A network as a module of PyTorch."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import torch
from torch import nn

from runner.networks.activations import conversion
from runner.networks.network import Floats, Network


class Affine(nn.Module):
    """(x - shift) / divisor of every column: scaled inputs, and outputs in the units of the targets."""

    shift: torch.Tensor
    divisor: torch.Tensor

    def __init__(self, shift: Floats, divisor: Floats) -> None:
        super().__init__()
        self.register_buffer("shift", torch.from_numpy(np.array(shift)))
        self.register_buffer("divisor", torch.from_numpy(np.array(divisor)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Inputs to inputs, outputs to outputs."""
        return (x - self.shift) / self.divisor


class Step(nn.Module):
    """1 where z >= 0, else 0."""

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        """Activations of weighted sums."""
        return torch.where(z.isnan(), z, (z >= 0).to(z.dtype))


_KIT = SimpleNamespace(nn=nn, Step=Step)


def convert(network: Network) -> nn.Sequential:
    """The same network; see `Network.to_torch`."""
    modules: list[nn.Module] = []
    kind = torch.float64 if network.dtype == np.float64 else torch.float32
    for step in network.coding.input_steps:
        modules.append(nn.Sigmoid() if step is None else Affine(*step))
    for (W, b), name in zip(network.weights, network.names, strict=True):
        layer = nn.Linear(W.shape[1], W.shape[0], dtype=kind)
        with torch.no_grad():
            layer.weight.copy_(torch.from_numpy(np.array(W)))
            layer.bias.copy_(torch.from_numpy(np.array(b)))
        modules += [layer, conversion(name).in_torch(_KIT)]
    if (step := network.coding.output_step) is not None:
        modules.append(Affine(*step))
    return nn.Sequential(*modules).to(kind).eval()
