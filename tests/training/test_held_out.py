"""Runs with held-out samples: what is measured on them, and early stopping, computed once more in plain NumPy."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_iris
from support import studies
from support.naive import softmax

import runner
from runner.data import HeldOutFraction
from runner.data.held_out import held_out

IRIS = {
    "data": "iris",
    "target_encoding": "one_hot",
    "scaling": "standardize",
    "architecture": "4-5-3",
    "activation": "tanh",
    "output": "softmax",
    "loss": "cross_entropy",
    "learning_rate": 0.5,
}


def raw_iris() -> tuple[np.ndarray, np.ndarray]:
    bunch = load_iris()
    X, labels = bunch.data.copy(), bunch.target
    # As Fisher printed them.
    X[34, 3], X[37, 1], X[37, 2] = 0.2, 3.6, 1.4
    return X, labels


def divided(labels: np.ndarray, k: int, fold: int, seed: int) -> np.ndarray:
    """Who is held out, by the rule of docs/data.md."""
    words = np.random.Philox(key=np.array([seed, 3], np.uint64)).random_raw(len(labels)).tolist()
    order = sorted(range(len(labels)), key=lambda i: (labels[i], words[i]))
    out = np.zeros(len(labels), bool)
    out[order[fold::k]] = True
    return out


def measured(weights: np.ndarray, X: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Loss and what else is measured, for scaled inputs."""
    a, at, sizes = X, 0, (4, 5, 3)
    for k, (fan_in, fan_out) in enumerate(pairwise(sizes)):
        W = weights[at : at + fan_in * fan_out].reshape(fan_out, fan_in)
        b = weights[at + fan_in * fan_out : at + fan_in * fan_out + fan_out]
        at += fan_in * fan_out + fan_out
        z = a @ W.T + b
        a = softmax(z) if k == 1 else np.tanh(z)
    targets = np.eye(3)[labels]
    return {
        "loss": float(-np.log(a[np.arange(len(a)), labels]).mean()),
        "mse": float(((a - targets) ** 2).mean()),
        "accuracy": float((a.argmax(axis=1) == labels).mean()),
        "max_error": float(np.abs(a - targets).max()),
    }


@pytest.mark.parametrize("more", [{}, {"split_seed": 5}, {"precision": "float32"}], ids=["by seed", "fixed", "float32"])
def test_the_numbers_of_held_out_samples_are_those_of_numpy(tmp_path: Path, more: dict[str, Any]) -> None:
    keys = {**IRIS, "test": {"k_fold": 4}, "epochs": 30, "seeds": [0, 1, 9], "record": {"weights": True}, **more}
    runs = studies.run(tmp_path, **keys)
    X, labels = raw_iris()
    assert runs.plan.n_runs == 12
    for number, cell, seed in runs.each():
        out = divided(labels, 4, cell.fold or 0, more.get("split_seed", seed))
        scaled = (X - X[~out].mean(axis=0)) / X[~out].std(axis=0)
        row, weights = runs.row(number), runs.weights[number][1]
        close = pytest.approx
        error = 1e-5 if "precision" in more else 1e-11
        for part, prefix in ((~out, ""), (out, "test_")):
            for name, value in measured(weights, scaled[part], labels[part]).items():
                column = "final_loss" if prefix + name == "loss" else prefix + name
                assert row[column] == close(value, rel=error), column


def test_the_best_evaluation_is_that_of_the_smallest_loss_and_events_do_not_change_it(tmp_path: Path) -> None:
    # Every budget is a row: together they are the curve. Evaluations are every third epoch, and the end of the budget.
    keys = {**IRIS, "learning_rate": 8, "test": {"fraction": 0.3}, "evaluate_every": 3, "replicates": 3}
    runs = studies.run(tmp_path, **keys, sweep={"grid": {"epochs": list(range(1, 41))}})
    for seed in range(3):
        rows = [runs.row(number) for number, _, of in runs.each() if of == seed]
        epochs = [0, *range(1, 41)]
        losses = {epoch: row["test_loss"] for epoch, row in zip(epochs[1:], rows, strict=True)}
        accuracies = {epoch: row["test_accuracy"] for epoch, row in zip(epochs[1:], rows, strict=True)}
        for epoch, row in zip(epochs[1:], rows, strict=True):
            seen = [t for t in range(3, epoch + 1) if t % 3 == 0 or t == epoch] or [epoch]
            best = min(seen, key=lambda t: (losses[t], t))
            if row["best_test_epoch"] == 0:  # the initial weights, which no row is about
                assert row["best_test_loss"] <= losses[best]
                continue
            assert row["best_test_epoch"] == best
            assert row["best_test_loss"] == losses[best]
            assert row["best_test_accuracy"] == accuracies[best]


def stops_at(rule: str, tested: list[float], trained: list[float]) -> int:
    """After how many epochs a rule ends a run, by Prechelt's formulas (1998, section 2.2)."""
    name, _, arguments = rule.rstrip(")").partition("(")
    numbers = [float(each) for each in arguments.split(",")]
    for t in range(len(tested)):
        best = min(tested[: t + 1])
        lost = 100.0 * (tested[t] / best - 1.0)
        if name == "patience" and t - tested.index(best) >= numbers[0]:
            return t
        if name == "gl" and lost > numbers[0]:
            return t
        if name == "up" and t % int(numbers[1]) == 0:
            ends = tested[: t + 1 : int(numbers[1])][-int(numbers[0]) - 1 :]
            if len(ends) > numbers[0] and all(before < after for before, after in pairwise(ends)):
                return t
        if name == "pq" and t and t % int(numbers[1]) == 0:
            strip = trained[t - int(numbers[1]) : t]
            total = 0.0
            for loss in strip:
                total += loss
            if lost / (1000.0 * (total / (numbers[1] * min(strip)) - 1.0)) > numbers[0]:
                return t
    return len(tested) - 1


RULES = ["patience(1)", "patience(4)", "gl(2)", "gl(20)", "pq(0.05, 2)", "pq(0.5, 5)", "up(1, 3)", "up(2, 5)"]


def test_early_stopping_is_that_of_prechelt(tmp_path: Path) -> None:
    budget = 60
    keys = {**IRIS, "learning_rate": 5, "test": {"fraction": 0.4}, "replicates": 9}
    curve = studies.run(tmp_path, **keys, sweep={"grid": {"epochs": list(range(1, budget + 1))}})
    stopped = studies.run(tmp_path, **keys, epochs=budget, sweep={"grid": {"stop": RULES}})
    ends = set()
    for number, cell, seed in stopped.each():
        rows = [curve.row(run) for run, _, of in curve.each() if of == seed]
        trained = [rows[0]["initial_loss"], *(row["final_loss"] for row in rows)]
        # The loss of the initial weights on the held-out samples: a run of one epoch has it where it is the best.
        X, labels = raw_iris()
        tested = [_first_test_loss(tmp_path, keys, seed, X, labels), *(row["test_loss"] for row in rows)]
        row = stopped.row(number)
        wanted = stops_at(str(cell.stop), tested, trained)
        assert row["epochs_run"] == wanted, (cell.stop, seed)
        ends.add(wanted)
        if wanted:
            same = rows[wanted - 1]
            for column in (
                "final_loss",
                "test_loss",
                "test_accuracy",
                "best_test_loss",
                "best_test_epoch",
                "best_loss",
            ):
                assert row[column] == same[column], column
    assert len(ends) > 8, "the rules end runs at many places"


_FIRST: dict[int, float] = {}


def _first_test_loss(folder: Path, keys: dict[str, Any], seed: int, X: np.ndarray, labels: np.ndarray) -> float:
    """Of the initial weights, by NumPy."""
    if seed not in _FIRST:
        frozen = {**keys, "learning_rate": 0.0, "epochs": 1, "seeds": [seed]}
        del frozen["replicates"]
        _FIRST[seed] = studies.run(folder, **frozen).row(0)["test_loss"]
    return _FIRST[seed]


def test_a_criterion_on_held_out_samples_ends_a_run(tmp_path: Path) -> None:
    keys = {**IRIS, "test": {"k_fold": 3}, "replicates": 4, "epochs": 80, "criterion": {"test_accuracy": 0.9}}
    runs = studies.run(tmp_path, **keys, stop="converged")
    assert (runs.column("converged") == 1).all()
    assert (runs.column("test_accuracy") >= 0.9).all()
    assert len(set(runs.column("epochs_run").tolist())) > 3
    # One epoch before, it did not hold.
    for number, cell, seed in runs.each():
        before = int(runs.row(number)["epochs_run"]) - 1
        if before:
            del keys["replicates"]
            one = studies.run(tmp_path, **{**keys, "epochs": before, "seeds": [seed], "fold": cell.fold})
            assert one.row(0)["test_accuracy"] < 0.9
            break


def test_the_same_bytes_by_any_number_of_threads_and_alone(tmp_path: Path) -> None:
    keys = {**IRIS, "test": {"k_fold": 3}, "replicates": 21, "epochs": 40, "stop": "patience(3)", "learning_rate": 3}
    one, two = studies.run(tmp_path, **keys), studies.run(tmp_path, **keys, threads=2)
    assert np.array_equal(one.bits, two.bits)
    del keys["replicates"]
    for number, cell, seed in list(one.each())[::17]:
        alone = studies.run(tmp_path, **keys, seeds=[seed], fold=cell.fold)
        assert np.array_equal(alone.bits[0], one.bits[number])


@pytest.mark.parametrize(
    "way",
    [
        {"batch": ["full", 16], "order": ["sequential", "shuffled", "with_replacement"]},
        {"batch": ["full", 1], "faults": ["none", ["own_activation"], ["no_output_derivative"]]},
        # Two kernels more to compile.
        pytest.param(
            {"faults": [["own_activation(layer=1)"], ["moved_weights"]], "stop": ["budget", "patience(1)"]},
            marks=pytest.mark.slow,
        ),
    ],
    ids=["orders", "faults", "faults of a layer"],
)
def test_samples_of_ones_own_train_as_shared_ones_do(tmp_path: Path, way: dict[str, list[Any]]) -> None:
    # Divided by the seed of a run, each lane has samples of its own; by split_seed, all have the same.
    more = {"test": {"fraction": 0.3}, "epochs": 7, "criterion": {"test_mse": 0.2}}
    own = studies.run(tmp_path, **IRIS, **more, seeds=[3, 8, 5], sweep={"grid": way})
    for place, seed in enumerate([3, 8, 5]):
        shared = studies.run(tmp_path, **IRIS, **more, seeds=[seed], split_seed=seed, sweep={"grid": way})
        assert np.array_equal(shared.bits, own.bits[place::3])


@pytest.mark.parametrize("fault", ["own_activation", "own_activation(layer=1)"])
def test_faulty_programs_have_held_out_samples_too(tmp_path: Path, fault: str) -> None:
    keys = {**IRIS, "test": {"k_fold": 3}, "seeds": [4], "epochs": 3, "record": {"weights": True}}
    runs = studies.run(tmp_path, **keys, faults=[fault])
    X, labels = raw_iris()
    out = divided(labels, 3, 0, 4)
    scaled = (X - X[~out].mean(axis=0)) / X[~out].std(axis=0)
    assert runs.row(0)["test_loss"] == pytest.approx(measured(runs.weights[0][1], scaled[out], labels[out])["loss"])


def test_the_network_of_a_run_scales_as_its_training_samples_do(tmp_path: Path) -> None:
    keys = {**IRIS, "name": "held", "test": {"fraction": 0.3}, "epochs": 20, "seeds": [6]}
    results = runner.run(runner.load(keys), out=tmp_path, quiet=True)
    row = pd.read_csv(results).iloc[0]
    X, labels = raw_iris()
    predicted = results.network(row["run_id"]).predict(X)
    out = held_out(labels[:, None].astype(float), HeldOutFraction(0.3), None, 6, True)
    assert row["test_accuracy"] == pytest.approx((predicted[out] == labels[out]).mean())
    assert row["accuracy"] == pytest.approx((predicted[~out] == labels[~out]).mean())
