"""Methods of second order against their papers in NumPy, run by run, and what all optimizers must keep."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import optimize
from support import naive, second_order, studies
from support.second_order import Task

from runner.errors import StudyError

TASKS: dict[str, dict[str, Any]] = {
    "xor": {"data": "xor", "architecture": "2-3-1"},
    "parity": {"data": "parity(4)", "architecture": "4-5-1", "activation": "tanh", "loss": "mse"},
    "iris": {
        "data": "iris",
        "scaling": "standardize",
        "target_encoding": "one_hot",
        "architecture": "4-3-3",
        "output": "softmax",
        "loss": "half_mse",
    },
    "two layers, shared biases, decay": {
        "data": "parity(3)",
        "architecture": "3-3-2-1",
        "bias": "shared",
        "loss": "sse",
        "parameterization": "mean_field",
        "weight_decay": 1e-4,
    },
    "shortcuts": {
        "data": "parity(4)",
        "architecture": "4-2-2-1",
        "shortcuts": "all",
        "activation": ["tanh", "sigmoid"],
    },
    "frozen biases": {"data": "parity(3)", "architecture": "3-3-1", "bias": 0.3, "bias_init": None},
}
EPOCHS = [1, 2, 3, 5, 8, 11]


def trained(folder: Path, threads: int = 1, **keys: Any) -> studies.Runs:
    """Runs that record their weights."""
    given = {"init": "normal(0, 1)", "bias_init": "normal(0, 1)", "record": {"weights": True}} | keys
    return studies.run(folder, threads=threads, **{key: value for key, value in given.items() if value is not None})


PAPERS = {
    "levenberg_marquardt": second_order.levenberg_marquardt,
    "scg": second_order.scg,
    "lbfgs": second_order.lbfgs,
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, studies.Runs]:
    """Every method on every task."""
    return {
        name: trained(
            tmp_path_factory.mktemp("task"),
            **keys,
            replicates=3,
            sweep={"grid": {"optimizer": list(PAPERS), "epochs": EPOCHS}},
        )
        for name, keys in TASKS.items()
    }


# The relative error of the weights after these iterations, at most. That of scg grows: its curvature is a difference
# of gradients a ten-thousandth apart.
LARGEST = {"levenberg_marquardt": 1e-9, "scg": 1e-7, "lbfgs": 1e-9}


# How many steps of a method were not made, of those that are compared: what it does then is compared as well.
FAILURES = {"levenberg_marquardt": (11, np.inf), "scg": (11, np.inf), "lbfgs": (0, 0)}


@pytest.mark.parametrize("optimizer", PAPERS)
def test_methods_are_those_of_their_papers(optimizer: str, runs: dict[str, studies.Runs]) -> None:
    failures = 0
    for name in TASKS:
        paths: dict[int, Any] = {}
        for number, cell, seed in runs[name].each():
            if cell.optimizer != optimizer:
                continue
            initial, final = runs[name].weights[number]
            task = Task(cell, initial)
            if seed not in paths:
                paths[seed] = PAPERS[optimizer](task, EPOCHS[-1])
            error = studies.relative(final, paths[seed][cell.epochs])
            assert error < LARGEST[optimizer], (name, cell.epochs, seed)
            decay = 0.5 * cell.weight_decay * float(final @ final)
            loss = runs[name].row(number)["final_loss"]
            assert loss == pytest.approx(task.loss(final) - decay, rel=1e-9, abs=1e-15), (name, cell.epochs, seed)
        made = [(np.diff(path, axis=0) != 0).any(axis=1) for path in paths.values()]
        assert all(each.sum() > 2 for each in made), name
        failures += sum(int((~each).sum()) for each in made)
    least, most = FAILURES[optimizer]
    assert least <= failures <= most


EXACT = {"gtol": 1e-10, "ftol": 0, "maxiter": 200}


def test_lbfgs_ends_where_scipy_does(tmp_path: Path) -> None:
    """Where there is one minimum: a single layer, and weight decay."""
    keys = {"data": "iris", "scaling": "standardize", "target_encoding": "one_hot", "architecture": "4-3"}
    keys |= {"output": "softmax", "loss": "cross_entropy", "weight_decay": 0.01}
    # With scg beside it, as in the other tests: their kernel serves here too.
    runs = trained(tmp_path, **keys, epochs=60, replicates=2, sweep={"grid": {"optimizer": ["scg", "lbfgs"]}})
    for number, cell, _ in runs.each():
        if cell.optimizer != "lbfgs":
            continue
        initial, final = runs.weights[number]
        task = Task(cell, initial)
        best = optimize.minimize(task.loss, initial, jac=task.gradient, method="L-BFGS-B", options=EXACT)
        assert studies.relative(final, best.x) < 1e-6
        assert np.abs(task.gradient(final)).max() < 1e-8


ALL = {"grid": {"optimizer": list(PAPERS)}}
SMALL = {"data": "parity(3)", "architecture": "3-3-1", "loss": "mse", "replicates": 3, "epochs": 30, "sweep": ALL}


@pytest.mark.parametrize("precision", ["float64", "float32"])
def test_a_run_has_the_same_bits_alone_and_among_others(precision: str, tmp_path: Path) -> None:
    """A run of each method alone is a block of its own, in the kernel that trains many."""
    keys = SMALL | {"precision": precision}
    runs = trained(tmp_path, **keys | {"replicates": 19}, threads=2)
    alone = {seed: trained(tmp_path, **keys | {"replicates": None, "seed": seed}) for seed in (0, 7, 11, 18)}
    for seed, few in alone.items():
        for method in range(len(PAPERS)):
            assert np.array_equal(few.bits[method], runs.bits[19 * method + seed])
            assert np.array_equal(few.weights[method][1], runs.weights[19 * method + seed][1])


def test_nothing_but_the_end_of_training_changes_with_stages_events_and_stopping(tmp_path: Path) -> None:
    """Runs that stop and are packed anew, and points of a curve, change no bit of what comes after."""
    keys = SMALL | {"replicates": 40, "epochs": 400, "criterion": {"mse": 0.001}}
    plain = trained(tmp_path, **keys)
    stopping = trained(tmp_path, **keys | {"stop": "converged"})
    curved = trained(tmp_path, **keys | {"record": {"weights": True, "curves": 40}})
    assert np.array_equal(plain.bits, curved.bits)
    met = plain.column("epochs_to_converge")
    assert np.array_equal(met, stopping.column("epochs_to_converge"), equal_nan=True)
    assert np.isfinite(met).mean() > 0.3
    never = np.isnan(met)
    assert np.array_equal(plain.bits[never], stopping.bits[never])
    for number, (_, cell, seed) in enumerate(stopping.each()):
        if seed < 2 and np.isfinite(met[number]):
            end = keys | {"replicates": None, "seed": seed, "epochs": int(met[number]) or 1}
            short = trained(tmp_path, **end).weights[list(PAPERS).index(cell.optimizer)]
            assert np.array_equal(short[1], stopping.weights[number][1]) or met[number] == 0


def test_what_is_not_a_number_stays_so_and_goes_nowhere(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("a,t\n1,0\n,1\n2,1\n")
    data = {"csv": "x.csv", "inputs": ["a"], "targets": ["t"]}
    runs = trained(tmp_path, **SMALL | {"data": data, "missing": "keep", "architecture": "1-2-1"})
    for number, _, _ in runs.each():
        initial, final = runs.weights[number]
        assert runs.outcome(number) == "diverged"
        assert np.array_equal(initial, final)


@pytest.mark.parametrize("activation", ["relu", "step"])
def test_a_network_without_gradient_or_with_infinite_loss(activation: str, tmp_path: Path) -> None:
    """Singular matrices, no direction, steps beyond all numbers: the loss never grows."""
    runs = trained(
        tmp_path,
        **SMALL | {"activation": activation, "output": "identity", "init": "normal(0, 30)", "replicates": 20},
    )
    assert (runs.column("final_loss") <= runs.column("initial_loss")).all()
    assert np.isfinite(runs.column("final_loss")).all()
    zeros = trained(tmp_path, **SMALL | {"activation": "relu", "init": "zeros", "output": "step"})
    assert all(np.array_equal(initial, final) for initial, final in zeros.weights)


def test_held_out_samples_are_tested_and_end_runs(tmp_path: Path) -> None:
    """They change no bit of training; a run with patience is at its end what one of that many epochs is."""
    samples = []
    for n in (9, 6):
        (tmp_path / str(n)).mkdir()
        samples.append(studies.write_samples(tmp_path / str(n), n, seed=n) | {"csv": f"{n}/samples.csv"})
    data, test = samples
    keys: dict[str, Any] = {"data": data, "architecture": "3-4-3", "loss": "mse", "replicates": 10}
    methods, epochs = {"optimizer": list(PAPERS)}, list(range(1, 16))
    runs = trained(tmp_path, **keys, test=test, sweep={"grid": methods | {"epochs": epochs}})
    alone = trained(tmp_path, **keys, sweep={"grid": methods | {"epochs": epochs}})
    found: dict[tuple[str, int], list[tuple[float, np.ndarray]]] = {}
    for number, cell, seed in runs.each():
        final, row = runs.weights[number][1], runs.row(number)
        assert np.array_equal(final, alone.weights[number][1], equal_nan=True)
        _, outputs = naive.forward(cell, naive.unflatten(cell, final), cell.data_set.test.inputs)
        error = outputs[-1] - cell.data_set.test.targets
        assert row["test_loss"] == pytest.approx((error**2).mean(), rel=1e-9)
        assert row["test_max_error"] == pytest.approx(np.abs(error).max(), rel=1e-9)
        found.setdefault((cell.optimizer, seed), []).append((row["test_loss"], final))
    early = trained(tmp_path, threads=2, **keys, test=test, stop="patience(3)", epochs=15, sweep={"grid": methods})
    for number, cell, seed in early.each():
        row, budgets = early.row(number), found[cell.optimizer, seed]
        # That of the initial weights is the first evaluation, and is not in the list.
        losses = [np.inf, *(loss for loss, _ in budgets)]
        best, end = int(row["best_test_epoch"]), int(row["epochs_run"])
        assert end == min(best + 3, 15)
        assert best == 0 or losses[best] == min(losses[: end + 1]) == row["best_test_loss"]
        assert np.array_equal(early.weights[number][1], budgets[end - 1][1])
    assert len({early.row(number)["epochs_run"] for number, _, _ in early.each()}) > 1


def test_curves_of_squares_fall(tmp_path: Path) -> None:
    """No method makes a step that makes the loss larger."""
    runs = trained(tmp_path, **SMALL | {"record": {"weights": True, "curves": 30}})
    for curve in runs.curves:
        assert (np.diff(curve[:, 1]) <= 0).all()


def test_history_is_what_lbfgs_remembers(tmp_path: Path) -> None:
    by_history = [{"if": {"optimizer": "lbfgs"}, "grid": {"history": [1, 3, 20]}}]
    runs = trained(tmp_path, **SMALL | {"sweep": ALL | {"when": by_history}})
    for number, cell, _ in runs.each():
        if cell.optimizer == "lbfgs":
            initial, final = runs.weights[number]
            expected = second_order.lbfgs(Task(cell, initial), 30, int(cell.setting("history") or 0))[-1]
            assert studies.relative(final, expected) < 1e-4


def test_a_matrix_that_the_machine_can_not_hold_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"levenberg_marquardt takes [\d,]+ GB of memory for the 240,001 weights"):
        trained(tmp_path, data="xor", architecture="2-60000-1", epochs=1, optimizer="levenberg_marquardt")
    studies.make(tmp_path, data="xor", architecture="2-60000-1", epochs=1, optimizer="lbfgs")
