"""Criteria about means of evaluations, about what training sees, and by the 40-20-40 margin: once more in NumPy."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import naive, studies

KEYS = {
    "architecture": "3-4-3",
    "activation": "tanh",
    "init": "normal(0, 1)",
    "learning_rate": 0.3,
    "replicates": 5,
    "record": {"weights": True},
}
CLASSES = {"data": "xor", "architecture": "2-3-1", "init": "normal(0, 1)", "learning_rate": 2, "replicates": 9}


def found(cell: Any, z: np.ndarray, t: np.ndarray) -> dict[str, float]:
    """What outputs with weighted sums z are by each measure but the norm of the gradient."""
    y = naive.outputs(cell, z)
    if cell.scoring == "40-20-40":
        low, high = cell.data_set.targets.min(), cell.data_set.targets.max()
        right = np.where(t == high, y > low + 0.6 * (high - low), y < low + 0.4 * (high - low))
    elif cell.data_set.one_hot:
        right = np.equal(y.argmax(axis=1), t.argmax(axis=1))[:, None]
    else:
        right = np.sign(y - cell.data_set.middle) == np.sign(t - cell.data_set.middle)
    return {
        "loss": naive.loss_value(cell, z, t),
        "mse": float(((y - t) ** 2).mean()),
        "accuracy": float(right.all(axis=1).mean()),
        "max_error": float(np.abs(y - t).max()),
    }


def train(cell: Any, initial: np.ndarray, seed: int) -> dict[str, float]:
    """Plain training: where the criterion first holds, whether it does in the end, and the loss that training saw."""
    data, layers, optimizer = cell.data_set, naive.unflatten(cell, initial), naive.Optimizer(cell)
    seen: list[np.ndarray] = []
    entries: list[dict[str, float]] = []
    first, now, made = -1, {"loss": math.nan}, 0

    def holds(values: list[dict[str, float]]) -> bool:
        n = cell.criterion_window or 1
        last = values[-n:]
        means = {name: np.mean([value[name] for value in last]) for name, _ in cell.criterion} if last else {}
        return len(last) == n and naive.meets(cell, means)

    while True:
        at_end = made == cell.budget
        evaluating = made % cell.evaluate_every == 0
        if evaluating or at_end:
            if cell.criterion_from is None:
                now = found(cell, naive.forward(cell, layers, data.inputs)[0][-1], data.targets)
            elif seen:
                now = found(cell, *(np.vstack(part) for part in zip(*seen, strict=True)))
            judged = [*entries, now] if cell.criterion_from is None or seen else entries
            met = holds(judged)
            first = made if met and first < 0 else first
            if at_end or (met and cell.stop == "converged"):
                last = now["loss"] if cell.criterion_from else math.nan
                return {"first": first, "converged": met, "running_loss": last, "made": made}
            entries, seen = judged, []
        chosen = np.arange(len(data.inputs))
        if cell.batch != "full":
            epoch, place = divmod(made, cell.updates_per_epoch)
            order = naive.epoch_order(cell, seed, epoch)
            chosen = order[place * cell.batch : (place + 1) * cell.batch]
        x, t = data.inputs[chosen], data.targets[chosen]
        seen.append((naive.forward(cell, layers, x)[0][-1], t))
        layers = optimizer.update(layers, naive.gradient(cell, layers, x, t))
        made += 1


def compare(runs: studies.Runs) -> set[float]:
    """Compare every run; returns where the criterion was first met, -1 for nowhere."""
    firsts = set()
    for number, cell, seed in runs.each():
        row, expected = runs.row(number), train(cell, runs.weights[number][0], seed)
        firsts.add(expected["first"])
        first = row["updates_to_converge"]
        assert first == expected["first"] if expected["first"] >= 0 else math.isnan(first)
        assert row["converged"] == expected["converged"]
        assert row["epochs_run"] * cell.updates_per_epoch == pytest.approx(expected["made"])
        assert row["running_loss"] == pytest.approx(expected["running_loss"], rel=1e-11, nan_ok=True)
    return firsts


@pytest.mark.parametrize(
    "keys",
    [
        {"criterion_window": 1},
        {"criterion_window": 7},
        {"criterion_window": 7, "stop": "converged"},
        {"criterion_window": 3, "batch": 2, "order": "shuffled", "stop": "converged"},
        {"criterion_window": 2, "batch": 3, "evaluate_every": 2, "criterion": {"loss": 0.03, "max_error": 0.5}},
        {"criterion_from": "training"},
        {"criterion_from": "training", "stop": "converged"},
        {"criterion_from": "training", "batch": 2, "order": "shuffled", "stop": "converged"},
        {"criterion_from": "training", "batch": 1, "evaluate_every": 5, "criterion": {"mse": 0.02, "max_error": 0.4}},
        {"criterion_from": "training", "batch": 3, "loss": "half_sse", "criterion": {"loss": 0.15}},
        {"criterion_from": "training", "criterion_window": 4, "batch": 3, "stop": "converged"},
        {"criterion_from": "training", "batch": 2, "faults": ["round_errors(15)"], "stop": "converged"},
        {"criterion_window": 4, "faults": ["round_errors(15)"], "stop": "converged"},
    ],
    ids=str,
)
def test_criteria_are_those_of_numpy(tmp_path: Path, keys: dict[str, Any]) -> None:
    data = studies.write_samples(tmp_path)
    every = {"loss": "mse", "criterion": {"mse": 0.03}, **KEYS, **keys, "data": data}
    # Budgets that end between evaluations, too, and one beyond the first stage, so that runs are carried on.
    runs = studies.run(tmp_path, **every, sweep={"grid": {"updates": [1, 403, 1100]}})
    firsts = compare(runs)
    assert len(firsts) > 3, "runs that converge at different times, or the test says little"


def test_the_loss_that_training_sees_is_what_a_program_prints_before_its_update(tmp_path: Path) -> None:
    """With full batches, the loss of pass n is that of the weights after n - 1 updates."""
    keys = {**CLASSES, "sweep": {"grid": {"epochs": list(range(1, 30))}}}
    own = studies.run(tmp_path, **keys).column("final_loss").reshape(29, 9)
    printed = studies.run(tmp_path, **keys, criterion_from="training").column("running_loss").reshape(29, 9)
    assert (printed[1:] == own[:-1]).all()


def test_a_window_is_counted_in_evaluations_that_agree_with_the_measurements(tmp_path: Path) -> None:
    """The mean of the last rows of runs whose budgets are all epochs, for accuracy and for held-out samples."""
    keys = {**CLASSES, "test": {"csv": "held.csv", "inputs": ["a", "b"], "targets": ["t"]}, "epochs": 1}
    (tmp_path / "held.csv").write_text("a,b,t\n0.1,0.9,1\n0.8,0.7,0\n")
    limit = {"test_mse": 0.1, "accuracy": 0.9}
    plain = studies.run(tmp_path, **keys, sweep={"grid": {"epochs": list(range(1, 120))}})
    means = studies.run(tmp_path, **keys | {"epochs": 119}, criterion=limit, criterion_window=10)
    mse, accuracy = (plain.column(name).reshape(119, 9) for name in ("test_mse", "accuracy"))
    for lane in range(9):
        met = [
            epoch + 1
            for epoch in range(10, 119)  # epoch 0, the initial weights, is in no row
            if mse[epoch - 9 : epoch + 1, lane].mean() < 0.1 and accuracy[epoch - 9 : epoch + 1, lane].mean() >= 0.9
        ]
        first = means.row(lane)["updates_to_converge"]
        assert first == met[0] if met else math.isnan(first)


@pytest.mark.parametrize(
    "keys",
    [
        {},
        {"target_range": [-1, 1], "output": "tanh", "learning_rate": 0.5},
        {"data": "encoder(5)", "architecture": "5-3-5"},
        {"data": "iris", "target_encoding": "one_hot", "scaling": "standardize", "architecture": "4-3-3"},
    ],
    ids=["xor", "range", "encoder", "one_hot"],
)
def test_the_margin_of_40_20_40_is_that_of_fahlman(tmp_path: Path, keys: dict[str, Any]) -> None:
    every = {**CLASSES, **keys, "scoring": "40-20-40", "criterion": {"accuracy": 1}, "record": {"weights": True}}
    runs = studies.run(tmp_path, **every, sweep={"grid": {"epochs": [3, 40, 300]}})
    shares = set()
    for number, cell, _ in runs.each():
        layers = naive.unflatten(cell, runs.weights[number][1])
        z = naive.forward(cell, layers, cell.data_set.inputs)[0][-1]
        expected = found(cell, z, cell.data_set.targets)
        assert runs.row(number)["accuracy"] == expected["accuracy"]
        if cell.target_range is None:
            assert (expected["accuracy"] == 1) == (expected["max_error"] < 0.4) == runs.row(number)["converged"]
        shares.add(expected["accuracy"])
    assert len(shares) > 2


def perceptron(x: np.ndarray, t: np.ndarray, rate: float, band: float, epochs: int) -> tuple[list[float], list[int]]:
    """Weights and bias, and errors by epoch, of the algorithm in Fausett (1994), section 2.3.2."""
    w, b, wrong = np.zeros(x.shape[1]), 0.0, []
    for _ in range(epochs):
        wrong.append(0)
        for sample, target in zip(x, t, strict=True):
            z = b + sample @ w
            y = 1 if z > band else -1 if z < -band else 0
            if y != target:
                w, b = w + rate * target * sample, b + rate * target
                wrong[-1] += 1
    return [*w.tolist(), b], wrong


@pytest.mark.parametrize("band", [0.0, 0.2, 3.0])
def test_the_perceptron_with_an_undecided_band_is_that_of_fausett(tmp_path: Path, band: float) -> None:
    x, t = np.array([[1, 1], [1, 0], [0, 1], [0, 0]]), np.array([1, -1, -1, -1])
    (tmp_path / "and.csv").write_text("a,b,t\n1,1,1\n1,0,-1\n0,1,-1\n0,0,-1\n")
    keys = {
        "data": {"csv": "and.csv", "inputs": ["a", "b"], "targets": ["t"]},
        **{"architecture": "2-1", "output": "sign", "rule": "bipolar_perceptron", "init": "zeros"},
        **{"batch": 1, "criterion": {"max_error": 0.5}, "record": {"weights": True}},
        **({"undecided_band": band} if band else {}),
    }
    grid = {"epochs": list(range(1, 40)), "learning_rate": [1, 0.5]}
    runs = studies.run(tmp_path, **keys, sweep={"grid": grid})
    for number, cell, _ in runs.each():
        weights, _ = perceptron(x, t, cell.learning_rate, band, cell.epochs)
        _, (*_, next_wrong) = perceptron(x, t, cell.learning_rate, band, cell.epochs + 1)
        assert runs.weights[number][1].tolist() == weights
        # An epoch without a change follows as soon as the outputs are right.
        assert runs.row(number)["converged"] == (next_wrong == 0)
