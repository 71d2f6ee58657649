"""Networks whose layers see more than the layer below them: published weights, PyTorch, and where numbers lie.

That their training is PyTorch's in all settings is shown in `test_torch.py`, that the gradient is that of the loss in
`test_gradients.py`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from support import studies

TOLERANCE = 1e-12


class Cascade(torch.nn.Module):
    """2-3-2-2 in which each layer takes all that is before it, or the output layer the inputs too."""

    def __init__(self, direct_only: bool) -> None:
        super().__init__()
        self.direct_only = direct_only
        self.first = torch.nn.Linear(2, 3)
        self.second = torch.nn.Linear(3 if direct_only else 5, 2)
        self.third = torch.nn.Linear(4 if direct_only else 7, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        a = torch.tanh(self.first(x))
        b = torch.tanh(self.second(a if self.direct_only else torch.cat([x, a], dim=1)))
        c = torch.cat([x, b] if self.direct_only else [x, a, b], dim=1)
        return torch.sigmoid(self.third(c))


@pytest.mark.parametrize("shortcuts", ["all", "input_output"])
def test_the_way_of_the_weights_is_that_of_a_module_of_pytorch(tmp_path: Path, shortcuts: str) -> None:
    """After every one of 40 updates, to the twelfth digit."""
    budgets = list(range(1, 41))
    runs = studies.run(
        tmp_path,
        data=studies.write_samples(tmp_path, inputs=2, targets=2),
        architecture="2-3-2-2",
        shortcuts=shortcuts,
        activation="tanh",
        bias_init="uniform(-0.5, 0.5)",
        learning_rate=0.1,
        optimizer="momentum",
        momentum=0.8,
        seed=3,
        record={"weights": True},
        sweep={"grid": {"updates": budgets}},
    )
    data = runs.plan.cell(0).data_set
    x, t = torch.tensor(data.inputs), torch.tensor(data.targets)
    module = Cascade(shortcuts == "input_output").double()
    torch.nn.utils.vector_to_parameters(torch.tensor(runs.weights[0][0]), module.parameters())
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1, momentum=0.8)
    for k, made in enumerate(budgets):
        optimizer.zero_grad()
        (0.5 * ((module(x) - t) ** 2).sum()).backward()
        optimizer.step()
        expected = torch.nn.utils.parameters_to_vector(module.parameters()).detach().numpy()
        assert studies.relative(runs.weights[k][1], expected) < TOLERANCE, made


def test_the_network_for_xor_of_rumelhart_hinton_and_williams(tmp_path: Path) -> None:
    """Its weights as Fig. 2 of the chapter has them (from memory): without shortcuts, no 2-1-1 computes XOR."""
    keys: dict[str, Any] = {"data": "xor", "architecture": "2-1-1", "learning_rate": 0.0, "epochs": 1}
    x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    hidden = 1 / (1 + np.exp(-(x @ [-6.4, -6.4] + 2.2)))
    y = 1 / (1 + np.exp(-(x @ [-4.2, -4.2] - 9.4 * hidden + 6.3)))
    assert np.abs(y - [0, 1, 1, 0]).max() < 0.13
    for shortcuts in ("all", "input_output"):
        runs = studies.run(tmp_path, shortcuts=shortcuts, init=[-6.4, -6.4, 2.2, -4.2, -4.2, -9.4, 6.3], **keys)
        row = runs.row(0)
        assert row["mse"] == pytest.approx(((y - [0, 1, 1, 0]) ** 2).mean(), rel=1e-12)
        assert row["accuracy"] == 1
        assert (row["output_min"], row["output_max"]) == pytest.approx((y.min(), y.max()), rel=1e-12)


def test_initial_weights_know_how_much_a_layer_sees(tmp_path: Path) -> None:
    """he_uniform is within sqrt(6 / fan_in), and orthogonal matrices have as many columns as a layer sees."""
    runs = studies.run(
        tmp_path,
        data=studies.write_samples(tmp_path),
        architecture="3-4-5-3",
        learning_rate=0.1,
        updates=1,
        record={"weights": True},
        sweep={
            "grid": {"init": ["he_uniform", "orthogonal"], "shortcuts": ["none", "all", "input_output"]},
        },
        replicates=50,
    )
    seen = {None: (3, 4, 5), "all": (3, 7, 12), "input_output": (3, 4, 8)}
    for run, cell, _ in runs.each():
        at = 0
        for fan_in, fan_out in zip(seen[cell.shortcuts], (4, 5, 3), strict=True):
            W = runs.weights[run][0][at : at + fan_in * fan_out].reshape(fan_out, fan_in)
            at += (fan_in + 1) * fan_out
            if str(cell.init) == "orthogonal":
                square = W @ W.T if fan_out <= fan_in else W.T @ W
                np.testing.assert_allclose(square, np.eye(len(square)), atol=1e-12)
            else:
                assert np.abs(W).max() <= np.sqrt(6 / fan_in)
        assert at == len(runs.weights[run][0])
    widest = max(
        np.abs(runs.weights[run][0][-39:-3]).max()
        for run, cell, _ in runs.each()
        if cell.shortcuts == "all" and str(cell.init) == "he_uniform"
    )
    assert 0.95 * np.sqrt(6 / 12) < widest <= np.sqrt(6 / 12)


def test_faults_that_are_not_about_layers_stand_beside_shortcuts(tmp_path: Path) -> None:
    """Ascent is a negative learning rate; rounding to twelve decimals changes next to nothing."""
    common: dict[str, Any] = {
        "data": "xor",
        "architecture": "2-3-1",
        "shortcuts": "all",
        "epochs": 30,
        "record": {"weights": True},
        "replicates": 3,
    }
    uphill = studies.run(tmp_path, learning_rate=0.2, faults=["ascent"], **common)
    negative = studies.run(tmp_path, learning_rate=-0.2, **common)
    for mine, other in zip(uphill.weights, negative.weights, strict=True):
        np.testing.assert_allclose(mine[1], other[1], rtol=1e-13)
    rounded = studies.run(tmp_path, learning_rate=0.2, faults=["round_sums(12)"], **common)
    right = studies.run(tmp_path, learning_rate=0.2, **common)
    for mine, other in zip(rounded.weights, right.weights, strict=True):
        np.testing.assert_allclose(mine[1], other[1], rtol=1e-9)
        assert not np.array_equal(mine[1], other[1])
