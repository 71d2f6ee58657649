"""What is trained and how, in words and numbers that any program can use."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from runner.studies.cells import Cell

Floats = NDArray[Any]
_FACTORS = {
    "half_sse": lambda samples, outputs: 0.5,
    "half_mse": lambda samples, outputs: 0.5 / samples,
    "mse": lambda samples, outputs: 1 / (samples * outputs),
    "binary_cross_entropy": lambda samples, outputs: 1 / (samples * outputs),
    "cross_entropy": lambda samples, outputs: 1 / samples,
}


@dataclass(frozen=True)
class Network:
    """A network and its training.

    Attributes
    ----------
    sizes : tuple of int
        Layer sizes from input to output.
    activation, output, loss, optimizer : str
        As in a study file.
    settings : tuple of float
        beta1, beta2, epsilon of adam; empty for sgd.
    biases : bool
    scales : tuple of float
        By layer: the factor of its weighted sums.
    samples, batch : int
        In the data set, and per update.
    """

    sizes: tuple[int, ...]
    activation: str
    output: str
    loss: str
    optimizer: str
    settings: tuple[float, ...]
    biases: bool
    scales: tuple[float, ...]
    samples: int
    batch: int

    @property
    def layers(self) -> int:
        """Layers of weights."""
        return len(self.sizes) - 1

    @property
    def parameters(self) -> int:
        """Weights and biases."""
        return sum(fan_in * fan_out + fan_out * self.biases for fan_in, fan_out in pairwise(self.sizes))

    @property
    def fused(self) -> bool:
        """Whether dE/dz of an output is the loss's factor times the residual."""
        return self.loss in ("binary_cross_entropy", "cross_entropy")

    def factor(self, samples: int) -> float:
        """What the sum over samples and outputs is multiplied by, for a batch of so many samples."""
        return float(_FACTORS[self.loss](samples, self.sizes[-1]))

    def batches(self) -> Iterator[slice]:
        """The samples of every update of an epoch; the last batch may be smaller."""
        for first in range(0, self.samples, self.batch):
            yield slice(first, min(first + self.batch, self.samples))

    def split(self, parameters: Any) -> list[tuple[Any, Any]]:
        """(W, b) of every layer, W (fan_out, fan_in, ...), from an array whose first axis is the parameters.

        b is None in a network without biases.
        """
        layers, at = [], 0
        for fan_in, fan_out in pairwise(self.sizes):
            n = fan_in * fan_out
            W = parameters[at : at + n].reshape(fan_out, fan_in, *parameters.shape[1:])
            at += n
            b = parameters[at : at + fan_out] if self.biases else None
            at += fan_out * self.biases
            layers.append((W, b))
        return layers


def described(cell: Cell, samples: int) -> Network:
    """The network of a cell.

    Raises
    ------
    ValueError
        When it has what no other program here can do.
    """
    plain = cell.rule == "backprop" and not cell.faults and cell.weight_decay == 0 and cell.order == "sequential"
    if not plain or cell.bias not in ("trained", "none") or cell.optimizer not in ("sgd", "adam"):
        raise ValueError("a work item is plain back-propagation in sequential order, by sgd or adam")
    sizes = tuple(cell.architecture)
    scales = [1.0] * (len(sizes) - 1)
    if cell.parameterization == "mean_field":
        scales = [float(np.sqrt(2 / fan_in)) for fan_in in sizes[:-2]] + [1 / sizes[-2]]
    settings = (
        (cell.setting("beta1"), cell.setting("beta2"), cell.setting("epsilon")) if cell.optimizer == "adam" else ()
    )
    batch = samples if cell.batch == "full" else min(int(cell.batch), samples)
    return Network(
        sizes,
        cell.activation,
        cell.output,
        cell.loss,
        cell.optimizer,
        settings,
        cell.bias == "trained",
        tuple(scales),
        samples,
        batch,
    )


def final_losses(net: Network, inputs: Floats, targets: Floats, weights: Floats) -> Floats:
    """Losses over the whole data set of networks in the rows of `weights`, in float64."""
    return np.array([_loss(net, inputs.astype(float), targets.astype(float), row.astype(float)) for row in weights])


def _loss(net: Network, inputs: Floats, targets: Floats, row: Floats) -> float:
    a = inputs
    with np.errstate(all="ignore"):
        for layer, (W, b) in enumerate(net.split(row)):
            z = a @ W.T * net.scales[layer]
            z = z if b is None else z + b
            a = _activated(net.output if layer == net.layers - 1 else net.activation, z)
        if net.loss == "cross_entropy":
            top = z.max(axis=1, keepdims=True)
            values = -targets * (z - top - np.log(np.exp(z - top).sum(axis=1, keepdims=True)))
        elif net.loss == "binary_cross_entropy":
            values = np.maximum(z, 0) - targets * z + np.log1p(np.exp(-np.abs(z)))
        else:
            values = (a - targets) ** 2
        return float(values.sum() * net.factor(len(inputs)))


def _activated(name: str, z: Floats) -> Floats:
    if name == "sigmoid":
        return 1 / (1 + np.exp(-z))
    if name == "tanh":
        return np.tanh(z)
    return np.maximum(z, 0) if name == "relu" else z
