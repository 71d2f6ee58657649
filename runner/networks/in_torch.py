"""A network as a module of PyTorch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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


class Cascade(nn.Module):
    """Layers that see other layers than the one below them alone.

    Parameters
    ----------
    layers : sequence of Module
        From what a layer sees, (samples, fan_in), to its activations.
    seen : sequence of sequence of int
        Which layers each of them sees, in order; layer 0 are the inputs.
    """

    def __init__(self, layers: Sequence[nn.Module], seen: Sequence[Sequence[int]]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)
        self.seen = seen

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Inputs to outputs."""
        layers = [x]
        for layer, seen in zip(self.layers, self.seen, strict=True):
            layers.append(layer(torch.cat([layers[k] for k in seen], dim=-1)))
        return layers[-1]

    def extra_repr(self) -> str:
        """What `print` shows beside the layers."""
        return f"seen={self.seen}"


_FORMULAS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "step": lambda z: torch.where(z.isnan(), z, (z >= 0).to(z.dtype)),
    "sign": lambda z: torch.where(z.isnan(), z, torch.sign(z)),
    "sin": torch.sin,
    "gaussian": lambda z: torch.exp(-z * z),
    "cube": lambda z: z * z * z,
    "scaled_tanh": lambda z: 1.7159 * torch.tanh(z * (2.0 / 3.0)),
    "symmetric_sigmoid": lambda z: 0.5 * torch.tanh(0.5 * z),
}


class Formula(nn.Module):
    """An activation that PyTorch has no module for."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        """Activations of weighted sums."""
        return _FORMULAS[self.name](z)

    def extra_repr(self) -> str:
        """What `print` shows in the parentheses."""
        return self.name


_KIT = SimpleNamespace(nn=nn, Formula=Formula)


def convert(network: Network) -> nn.Sequential:
    """The same network; see `Network.to_torch`."""
    modules: list[nn.Module] = []
    kind = torch.float64 if network.dtype == np.float64 else torch.float32
    for step in network.coding.input_steps:
        modules.append(nn.Sigmoid() if step is None else Affine(*step))
    layers: list[list[nn.Module]] = []
    for (W, b), name in zip(network.weights, network.names, strict=True):
        layer = nn.Linear(W.shape[1], W.shape[0], dtype=kind)
        with torch.no_grad():
            layer.weight.copy_(torch.from_numpy(np.array(W)))
            layer.bias.copy_(torch.from_numpy(np.array(b)))
        layers.append([layer, conversion(name).in_torch(_KIT)])
    if network.shortcuts:
        modules.append(Cascade([nn.Sequential(*layer) for layer in layers], network.seen))
    else:
        modules += [module for layer in layers for module in layer]
    if (step := network.coding.output_step) is not None:
        modules.append(Affine(*step))
    return nn.Sequential(*modules).to(kind).eval()
