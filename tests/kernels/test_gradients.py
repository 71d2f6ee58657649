"""The gradient that training uses is the derivative of the loss that the row reports.

Nothing but the runner itself is needed: one step of gradient descent at rate 1 is the gradient, and the first loss of
runs whose initial weights are moved by +-h gives the derivative by finite differences.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from support import studies
from support.combinations import combinations

H = 1e-5
SHAPE = "3-3-3"
PARAMETERS = 3 * 3 + 3 + 3 * 3 + 3


def moved(base: np.ndarray) -> list[list[float]]:
    """The weights themselves, then each one of them moved up and down."""
    steps = np.concatenate([[np.zeros(len(base))], H * np.eye(len(base)), -H * np.eye(len(base))])
    return (base + steps).tolist()


def check(runs: studies.Runs, size: int) -> float:
    """Compare step and differences in every combination."""
    per_case = 2 * size + 1
    losses = runs.column("initial_loss").reshape(-1, per_case)
    assert len(losses) * per_case == runs.plan.n_runs
    found = []
    for case, values in enumerate(losses):
        initial, final = runs.weights[case * per_case]
        cell = runs.plan.cell(case * per_case)
        difference = (values[1 : size + 1] - values[size + 1 :]) / (2 * H)
        gradient = (initial - final) / cell.learning_rate
        deviation = np.linalg.norm(gradient - difference)
        found.append(deviation / max(np.linalg.norm(difference), 1e-2))
        assert found[-1] < 1e-8, cell.texts
    return max(found)


def test_every_activation_with_every_loss(tmp_path: Any) -> None:
    base = np.random.default_rng(7).uniform(-0.8, 0.8, PARAMETERS)
    for combination in combinations():
        runs = studies.run(
            tmp_path,
            data=studies.write_samples(tmp_path),
            architecture=SHAPE,
            learning_rate=1.0,
            updates=1,
            record={"weights": True},
            sweep={"grid": {"init": moved(base)}},
            **combination,
        )
        check(runs, PARAMETERS)


@pytest.mark.parametrize(
    ("keys", "size"),
    [
        ({"bias": "shared"}, 9 + 1 + 9 + 1),
        ({"bias": "none"}, 9 + 9),
        ({"bias": -0.7}, 9 + 9),
        ({"parameterization": "mean_field"}, PARAMETERS),
        ({"parameterization": "mean_field", "bias": "shared"}, 20),
        ({"architecture": "3-2-4-3-3"}, 6 + 2 + 8 + 4 + 12 + 3 + 9 + 3),
        ({"learning_rate": -0.25}, PARAMETERS),
        ({"gain": 1.7, "parameterization": "mean_field"}, PARAMETERS),
        ({"gain": 0.6, "output": "softmax", "loss": "cross_entropy", "shortcuts": "all"}, 4 * 3 + 7 * 3),
        ({"architecture": "3-3-2-3", "activation": ["tanh", "sigmoid"]}, 4 * 3 + 4 * 2 + 3 * 3),
        ({"architecture": "3-2-4-3-3", "shortcuts": "all"}, (3 + 1) * 2 + (5 + 1) * 4 + (9 + 1) * 3 + (12 + 1) * 3),
        ({"architecture": "3-2-4-3", "shortcuts": "input_output"}, (3 + 1) * 2 + (2 + 1) * 4 + (7 + 1) * 3),
        ({"shortcuts": "all", "parameterization": "mean_field", "bias": "none"}, 3 * 3 + 6 * 3),
    ],
)
def test_biases_shapes_and_parameterizations(tmp_path: Any, keys: dict[str, Any], size: int) -> None:
    base = np.random.default_rng(8).uniform(-0.8, 0.8, size)
    common: dict[str, Any] = {"architecture": SHAPE, "learning_rate": 1.0, "activation": "tanh"}
    runs = studies.run(
        tmp_path,
        data=studies.write_samples(tmp_path),
        updates=1,
        record={"weights": True},
        sweep={"grid": {"init": moved(base)}},
        **common | keys,
    )
    check(runs, size)


@pytest.mark.slow
def test_multi_class_hinge(train: Callable[..., studies.Runs]) -> None:
    """... of outputs with any activation."""
    base = np.random.default_rng(10).uniform(-0.8, 0.8, 15)
    for output in ("identity", "tanh", "softmax"):
        runs = train(
            data="iris",
            scaling="standardize",
            target_encoding="one_hot",
            architecture="4-3",
            output=output,
            loss="multi_class_hinge",
            # The kernel that tests/kernels/test_pairwise.py needs anyway.
            test={"fraction": 0.2},
            split_seed=1,
            learning_rate=1.0,
            updates=1,
            record={"weights": True},
            sweep={"grid": {"init": moved(base)}},
        )
        check(runs, 15)


def test_cross_entropy_of_any_targets(train: Callable[..., studies.Runs]) -> None:
    """Also of targets that do not add up to 1 in a sample."""
    base = np.random.default_rng(9).uniform(-0.8, 0.8, 15)
    runs = train(
        data="iris",
        scaling="standardize",
        target_encoding="one_hot",
        target_range=[0.1, 0.9],
        architecture="4-3",
        output="softmax",
        loss="cross_entropy",
        learning_rate=1.0,
        updates=1,
        record={"weights": True},
        sweep={"grid": {"init": moved(base)}},
    )
    check(runs, 15)
