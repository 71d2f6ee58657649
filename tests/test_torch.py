"""Trained weights against PyTorch's in float64, from the same initial weights, for every member of every registry.

Members that PyTorch lacks are compared with `naive.py` instead. Weights agree to 1e-10 of their norm after 100
updates. That holds as long as a run does not amplify rounding errors, so learning rates are small enough for every
loss to fall smoothly, and the samples have no symmetry (see `studies.write_samples`).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import naive
import numpy as np
import pytest
import studies
import torch
from torch.nn import functional as F

from runner.ops import ACTIVATIONS, LOSSES, OPTIMIZERS

TOLERANCE = 1e-10
SHAPES = ("3-3", "3-4-3", "3-5-4-3")

torch.set_num_threads(1)

TORCH_ACTIVATIONS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "relu": torch.relu,
    "leaky_relu": F.leaky_relu,
    "identity": lambda z: z,
    "softplus": F.softplus,
    "softsign": F.softsign,
    "softmax": lambda z: torch.softmax(z, dim=-1),
}
TORCH_LOSSES: dict[str, Callable[..., torch.Tensor]] = {
    "half_sse": lambda z, y, t: 0.5 * F.mse_loss(y, t, reduction="sum"),
    "sse": lambda z, y, t: F.mse_loss(y, t, reduction="sum"),
    "half_mse": lambda z, y, t: 0.5 * F.mse_loss(y, t, reduction="sum") / len(t),
    "mse": lambda z, y, t: F.mse_loss(y, t),
    "binary_cross_entropy": lambda z, y, t: F.binary_cross_entropy(y, t),
    "cross_entropy": lambda z, y, t: F.cross_entropy(z, t),
}
TORCH_OPTIMIZERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "sgd": lambda p, c: torch.optim.SGD(p, weight_decay=c.weight_decay),
    "momentum": lambda p, c: torch.optim.SGD(
        p, momentum=c.momentum, dampening=c.dampening, weight_decay=c.weight_decay
    ),
    "nesterov": lambda p, c: torch.optim.SGD(p, momentum=c.momentum, nesterov=True, weight_decay=c.weight_decay),
    "rprop": lambda p, c: torch.optim.Rprop(
        p, etas=(c.eta_minus, c.eta_plus), step_sizes=(c.step_min, c.step_max)
    ),
    "adagrad": lambda p, c: torch.optim.Adagrad(
        p, lr_decay=c.lr_decay, eps=c.epsilon, weight_decay=c.weight_decay
    ),
    "rmsprop": lambda p, c: torch.optim.RMSprop(
        p, alpha=c.alpha, eps=c.epsilon, momentum=c.momentum, weight_decay=c.weight_decay
    ),
    "adam": lambda p, c: torch.optim.Adam(
        p, betas=(c.beta1, c.beta2), eps=c.epsilon, weight_decay=c.weight_decay
    ),
    "adamw": lambda p, c: torch.optim.AdamW(
        p, betas=(c.beta1, c.beta2), eps=c.epsilon, weight_decay=c.weight_decay
    ),
}


def combinations() -> list[dict[str, str]]:
    """Every activation with every loss: in the hidden layers and, where the loss allows it, at the output."""
    found = []
    for name, activation in ACTIVATIONS.items():
        for loss, record in LOSSES.items():
            output = name if record.outputs is None or name in record.outputs else record.outputs[0]
            row = {"activation": name if activation.hidden else "tanh", "output": output, "loss": loss}
            found += [row] if row not in found else []
    return found


def is_torch(cell: Any) -> bool:
    """Whether PyTorch has everything in this cell."""
    known = {cell.activation, cell.output} <= TORCH_ACTIVATIONS.keys()
    return known and cell.loss in TORCH_LOSSES and cell.optimizer in TORCH_OPTIMIZERS


def tensors(cell: Any, weights: Sequence[np.ndarray]) -> list[list[torch.Tensor]]:
    """Weights and biases of every layer, of several runs at once, as tensors to be trained."""
    layers = [naive.unflatten(cell, numbers) for numbers in weights]
    kept = {"trained": slice(None), "shared": slice(0, 1)}[cell.bias]
    return [
        [
            torch.tensor(np.stack([each[k][0] for each in layers]), requires_grad=True),
            torch.tensor(np.stack([each[k][1][None, kept] for each in layers]), requires_grad=True),
        ]
        for k in range(len(layers[0]))
    ]


def flat(parameters: list[list[torch.Tensor]], run: int) -> np.ndarray:
    """The parameters of one run in the order of weights.npz."""
    return np.concatenate([p[run].detach().numpy().ravel() for pair in parameters for p in pair])


def weighted_sums(cells: Sequence[Any], parameters: list[list[torch.Tensor]], x: torch.Tensor) -> torch.Tensor:
    """Those of the outputs, (runs, samples, outputs), of runs that differ in their activations only."""
    for k, (W, b) in enumerate(parameters):
        z = naive.scale(cells[0], k) * (x @ W.transpose(1, 2)) + b
        if k < len(parameters) - 1:
            groups = [(name, len(list(group))) for name, group in itertools.groupby(c.activation for c in cells)]
            parts = z.split([n for _, n in groups])
            x = torch.cat([TORCH_ACTIVATIONS[name](part) for (name, _), part in zip(groups, parts, strict=True)])
    return z


def torch_losses(cells: Sequence[Any], parameters: Any, x: torch.Tensor, t: torch.Tensor) -> list[torch.Tensor]:
    """The loss of every run."""
    sums = weighted_sums(cells, parameters, x)
    return [
        TORCH_LOSSES[c.loss](z, TORCH_ACTIVATIONS[c.output](z), t) for c, z in zip(cells, sums, strict=True)
    ]


def train_torch(
    cells: Sequence[Any], initial: Sequence[np.ndarray], batches: Sequence[np.ndarray] | None = None
) -> list[np.ndarray]:
    """Final weights of runs that differ in activations and loss only: trained together, each by its own loss.

    All these optimizers work number by number, so that runs in one tensor do not mix. `batches` are used in turn;
    the default is one of all samples.
    """
    cell = cells[0]
    data = cell.data_set
    x, t = torch.tensor(data.inputs), torch.tensor(data.targets)
    batches = batches or [np.arange(len(x))]
    parameters = tensors(cell, initial)
    rates = [np.broadcast_to(rate, len(parameters)) for rate in (cell.learning_rate, cell.bias_learning_rate)]
    groups = [
        {"params": [p], "lr": float(rates[j][k])} for k, pair in enumerate(parameters) for j, p in enumerate(pair)
    ]
    optimizer = TORCH_OPTIMIZERS[cell.optimizer](groups, cell)
    for _, batch in zip(range(cell.budget), itertools.cycle(batches), strict=False):
        optimizer.zero_grad()
        sum(torch_losses(cells, parameters, x[batch], t[batch])).backward()
        optimizer.step()
    return [flat(parameters, run) for run in range(len(cells))]


def worst(runs: studies.Runs, numbers: Sequence[int], expected: Sequence[np.ndarray]) -> tuple[float, str]:
    """The largest relative deviation of a layer's weights or biases, and where it is."""
    found = []
    for number, numbers_expected in zip(numbers, expected, strict=True):
        cell = runs.plan.cell(number // len(runs.plan.seeds))
        pairs = zip(
            naive.unflatten(cell, runs.weights[number][1]), naive.unflatten(cell, numbers_expected), strict=True
        )
        what = (cell.optimizer, cell.activation, cell.output, cell.loss, cell.architecture, cell.batch)
        for k, (ours, theirs) in enumerate(pairs):
            for name, a, b in zip("Wb", ours, theirs, strict=True):
                found.append((studies.relative(a, b), f"{name} of layer {k + 1} in {what}"))
    return max(found)


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> studies.Runs:
    """All combinations of activation, loss, optimizer and depth, trained in one study."""
    folder = tmp_path_factory.mktemp("everything")
    return studies.run(
        folder,
        data=studies.write_samples(folder),
        learning_rate=0.02,
        bias_init="uniform(-0.5, 0.5)",
        updates=100,
        evaluate_every=100,
        seed=1,
        record={"weights": True},
        sweep={
            "zip": combinations(),
            "grid": {"optimizer": list(OPTIMIZERS), "architecture": list(SHAPES)},
        },
    )


def chosen(runs: studies.Runs, optimizer: str, shape: str) -> Iterator[tuple[int, Any]]:
    """Runs with this optimizer and architecture."""
    for number, cell, _ in runs.each():
        if cell.optimizer == optimizer and cell.architecture == tuple(map(int, shape.split("-"))):
            yield number, cell


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("optimizer", list(OPTIMIZERS))
def test_weights_after_100_updates_are_those_of_pytorch(
    everything: studies.Runs, optimizer: str, shape: str
) -> None:
    """... or of naive.py, where PyTorch lacks a member."""
    members = list(chosen(everything, optimizer, shape))
    assert len(members) == len(combinations())
    with_torch = [(number, cell) for number, cell in members if is_torch(cell)]
    expected: dict[int, np.ndarray] = {}
    if with_torch:
        numbers, cells = zip(*with_torch, strict=True)
        initial = [everything.weights[number][0] for number in numbers]
        expected |= zip(numbers, train_torch(cells, initial), strict=True)
    for number, cell in members:
        if number not in expected:
            expected[number] = naive.train(cell, everything.weights[number][0]).weights
    deviation, where = worst(everything, list(expected), list(expected.values()))
    assert deviation <= TOLERANCE, where
