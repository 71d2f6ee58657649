"""LSUV: the variance that it is made for, and the algorithm of Mishkin and Matas (2016) in NumPy."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import naive, studies

COMMON = {"learning_rate": 0.0, "updates": 1, "record": {"weights": True}}
IRIS = COMMON | {"data": "iris", "target_encoding": "one_hot", "architecture": "4-6-5-3", "init": "lsuv"}


def weighted_sums(cell: Any, layers: naive.Layers, inputs: np.ndarray) -> list[np.ndarray]:
    """Those of all samples, without biases, layer by layer."""
    sums, _ = naive.forward(cell, layers, inputs)
    return [z / naive.gain(cell) - b for z, (_, b) in zip(sums, layers, strict=True)]


def by_hand(cell: Any, orthonormal: naive.Layers) -> naive.Layers:
    """The algorithm: weights are divided until the variance is within 0.1 of 1, at most ten times."""
    made = [(W.copy(), b) for W, b in orthonormal]
    for k, (W, _) in enumerate(made):
        for _ in range(10):
            variance = np.var(weighted_sums(cell, made, cell.data_set.inputs)[k])
            if not (0 < variance < np.inf) or abs(variance - 1) < 0.1:
                break
            W /= np.sqrt(variance)
    return made


CASES: list[dict[str, Any]] = [
    {},
    {"scaling": "standardize", "activation": "relu"},
    {"activation": "tanh", "bias_init": "uniform(-2, 2)", "shortcuts": "all"},
    {"shortcuts": "input_output", "output": "softmax", "loss": "cross_entropy", "gain": 1.7},
    {"parameterization": "mean_field", "bias": "none", "activation": "tanh"},
]
DIVIDED = {"test": {"fraction": 0.3}, "scaling": "minmax", "bias": "shared", "batch": 7}


@pytest.mark.parametrize("case", [*CASES, pytest.param(DIVIDED, marks=pytest.mark.slow)])
def test_it_is_the_algorithm_of_mishkin_and_matas(train: Callable[..., studies.Runs], case: dict[str, Any]) -> None:
    """... of the samples that each run is trained on."""
    runs = train(**IRIS | case, replicates=3)
    base = train(**IRIS | case | {"init": "orthogonal"}, replicates=3)
    for number, cell, seed in runs.each():
        cell = cell if not cell.data_set.depends_on_seed else _Divided(cell, seed)
        found = naive.unflatten(cell, runs.weights[number][0])
        expected = by_hand(cell, naive.unflatten(cell, base.weights[number][0]))
        for (W, b), (V, c) in zip(found, expected, strict=True):
            assert studies.relative(W, V) < 1e-12
            assert np.array_equal(b, c)
        for z in weighted_sums(cell, found, cell.data_set.inputs):
            assert abs(np.var(z) - 1) < 0.1


class _Divided:
    """A cell with the samples of a seed."""

    def __init__(self, cell: Any, seed: int) -> None:
        self._cell, self.data_set = cell, cell.data_set.of_seed(seed)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cell, name)


def test_no_lane_batch_thread_or_neighbour_changes_a_bit(train: Callable[..., studies.Runs], tmp_path: Path) -> None:
    """A seed has the same weights whatever else is swept, and in blocks in which other weights are not divided."""
    alone = train(**IRIS, seeds=[5])
    grid = {"batch": ["full", 1, 7], "learning_rate": [0.0, 0.1], "init": ["normal(0, 1)", "lsuv", "orthogonal"]}
    runs = studies.run(tmp_path, threads=2, **IRIS, replicates=7, sweep={"grid": grid})
    compared = 0
    for number, cell, seed in runs.each():
        if seed == 5 and str(cell.init) == "lsuv":
            assert np.array_equal(runs.weights[number][0], alone.weights[0][0])
            compared += 1
    assert compared == 6


@pytest.mark.slow
def test_float32_has_the_variance_too(train: Callable[..., studies.Runs]) -> None:
    runs = train(**IRIS, precision="float32", replicates=3)
    for number, cell, _ in runs.each():
        layers = naive.unflatten(cell, runs.weights[number][0].astype(float))
        for z in weighted_sums(cell, layers, cell.data_set.inputs):
            assert abs(np.var(z) - 1) < 0.1


def write_table(folder: Path, column: list[str]) -> dict[str, Any]:
    (folder / "table.csv").write_text("a,b,t\n" + "".join(f"{x},{x},{k % 2}\n" for k, x in enumerate(column)))
    return {"csv": str(folder / "table.csv"), "inputs": ["a", "b"], "targets": ["t"]}


@pytest.mark.parametrize("column", [["0"] * 4, ["nan", "1", "2", "3"], ["1e308", "-1e308", "1e308", "0"]])
def test_weights_without_a_variance_stay_orthonormal(
    train: Callable[..., studies.Runs], tmp_path: Path, column: list[str]
) -> None:
    """Weighted sums that are all the same, and some that are no numbers or infinite."""
    keys = COMMON | {"data": write_table(tmp_path, column), "missing": "keep", "architecture": "2-3-1"}
    lsuv, base = (train(**keys, init=init, activation="relu") for init in ("lsuv", "orthogonal"))
    first = [naive.unflatten(runs.plan.cell(0), runs.weights[0][0])[0][0] for runs in (lsuv, base)]
    assert np.array_equal(*first)
    assert np.isfinite(lsuv.weights[0][0]).all()
