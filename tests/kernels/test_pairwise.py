"""The hinge loss of several classes against torch.nn.MultiMarginLoss: gradients, training, what is measured."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from support import studies
from torch.nn import functional

from runner import testing

IRIS = {
    **{"data": "iris", "scaling": "standardize", "target_encoding": "one_hot", "architecture": "4-5-3"},
    **{"activation": "tanh", "output": "identity", "loss": "multi_class_hinge", "bias_init": "uniform(-0.5, 0.5)"},
    **{"learning_rate": 0.1, "criterion": {"accuracy": 0.95}, "record": {"weights": True}},
}
OUTPUTS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "identity": lambda z: z,
    "tanh": torch.tanh,
    "softmax": lambda z: torch.softmax(z, dim=-1),
}


def outputs_of(cell: Any, parameters: list[torch.Tensor], x: np.ndarray) -> torch.Tensor:
    W1, b1, W2, b2 = parameters
    hidden = torch.tanh(torch.tensor(x) @ W1.reshape(5, 4).T + b1)
    return OUTPUTS[cell.output](hidden @ W2.reshape(3, 5).T + b2)


def parts_of(weights: np.ndarray) -> list[torch.Tensor]:
    return [torch.tensor(part, requires_grad=True) for part in np.split(weights.astype(float), [20, 25, 40])]


def trained(cell: Any, weights: np.ndarray) -> list[torch.Tensor]:
    """What PyTorch makes of the initial weights."""
    parameters = parts_of(weights)
    make = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}[cell.optimizer]
    optimizer = make(parameters, lr=cell.learning_rate)
    x, classes = cell.data_set.inputs, torch.tensor(cell.data_set.targets.argmax(axis=1))
    size = len(x) if cell.batch == "full" else cell.batch
    for _ in range(cell.epochs):
        for part in torch.arange(len(x)).split(size):
            optimizer.zero_grad()
            functional.multi_margin_loss(outputs_of(cell, parameters, x[part]), classes[part]).backward()
            optimizer.step()
    return parameters


SINGLE = pytest.param("float32", 2e-4, marks=pytest.mark.slow)


@pytest.mark.parametrize(("precision", "tolerance"), [("float64", 1e-10), SINGLE])
def test_training_is_that_of_pytorch(tmp_path: Path, precision: str, tolerance: float) -> None:
    plain = {"batch": "full", "output": "identity", "optimizer": "sgd", "learning_rate": 0.1, "target_range": "none"}
    rows: list[dict[str, Any]] = [
        *({"batch": batch} for batch in ("full", 7)),
        *({"output": output} for output in ("tanh", "softmax")),
        {"optimizer": "adam", "learning_rate": 0.01, "batch": 16},
        {"target_range": [-1, 1]},
    ]
    held = {"test": {"fraction": 0.2}, "split_seed": 1}
    sweep = {"zip": [plain | row for row in rows]}
    runs = studies.run(tmp_path, **IRIS, **held, precision=precision, epochs=12, seed=3, sweep=sweep)
    for number, cell, _ in runs.each():
        initial, final = runs.weights[number]
        parameters = trained(cell, initial)
        expected = torch.cat([part.detach() for part in parameters]).numpy()
        assert studies.relative(final, expected) < tolerance, cell.texts
        assert studies.relative(final, initial) > 1e-3, cell.texts
        for data, name in ((cell.data_set, ""), (cell.data_set.test, "test_")):
            y, classes = outputs_of(cell, parts_of(final), data.inputs), torch.tensor(data.targets.argmax(axis=1))
            row, loss = runs.row(number), functional.multi_margin_loss(y, classes)
            assert row[f"{name or 'final_'}loss"] == pytest.approx(loss.item(), rel=tolerance), cell.texts
            assert row[f"{name}accuracy"] == pytest.approx((y.argmax(dim=1) == classes).double().mean().item())


def test_targets_may_be_one_hot_without_being_encoded(tmp_path: Path) -> None:
    """Those of an encoder are, and are taken."""
    keys = {"data": "encoder(4)", "architecture": "4-2-4", "output": "identity", "loss": "multi_class_hinge"}
    assert studies.make(tmp_path, **keys, learning_rate=1.0, epochs=9).n_runs == 1


@pytest.mark.slow
def test_methods_of_second_order_take_it(tmp_path: Path) -> None:
    keys = {key: value for key, value in IRIS.items() if key != "learning_rate"}
    runs = studies.run(tmp_path, **keys, epochs=40, seed=3, sweep={"grid": {"optimizer": ["scg", "lbfgs"]}})
    for number, cell, _ in runs.each():
        y = outputs_of(cell, parts_of(runs.weights[number][1]), cell.data_set.inputs)
        loss = functional.multi_margin_loss(y, torch.tensor(cell.data_set.targets.argmax(axis=1))).item()
        assert runs.row(number)["final_loss"] == pytest.approx(loss, rel=1e-10)
        assert loss < 0.5 * runs.row(number)["initial_loss"]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_an_output_that_is_no_number_gives_none(dtype: Any) -> None:
    differences = [-np.inf, -2.0, -1.0, 0.5, np.inf, np.nan]
    values, slopes = testing.loss_values("multi_class_hinge", differences, [0.0] * 6, dtype=dtype)
    assert np.array_equal(values, [0.0, 0.0, 0.0, 1.5, np.inf, np.nan], equal_nan=True)
    assert np.array_equal(slopes, [0.0, 0.0, 0.0, 1.0, 1.0, np.nan], equal_nan=True)
