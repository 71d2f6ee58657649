"""Runs that differ in their budget only share one trajectory, and their rows are those of separate training."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import naive, studies

from runner.ops.activations import ACTIVATIONS
from runner.ops.members import CORE_ACTIVATIONS
from runner.results.columns import standard_header
from runner.results.curves import CURVES, OldCurves, curve_text
from runner.results.inventory import Index
from runner.results.row_text import plan_ids
from runner.training.blocks.curve_points import CurveEpochs, curve_updates

Train = Callable[..., studies.Runs]

# Learning XOR: fast enough that some of the seeds converge within the budgets below, and some do not.
XOR: dict[str, Any] = {
    "data": "xor",
    "architecture": "2-3-1",
    "activation": "tanh",
    "init": "normal(0, 1)",
    "learning_rate": 1.0,
    "replicates": 13,
}
VARIANTS: dict[str, dict[str, Any]] = {
    "full batch": {},
    "stop": {"stop": "converged"},
    "evaluated now and then": {"evaluate_every": 7},
    "stop, evaluated now and then": {"evaluate_every": 7, "stop": "converged"},
    "evaluated after the budget only": {"evaluate_every": 1000, "stop": "converged"},
    "mini-batches": {"batch": 3},
    "mini-batches, stop": {"batch": 3, "stop": "converged", "evaluate_every": 5},
    "shuffled": {"batch": 1, "order": "shuffled", "stop": "converged"},
    "with replacement": {"batch": 3, "order": "with_replacement"},
    "state": {"optimizer": "adam", "learning_rate": 0.1, "stop": "converged"},
    "state, mini-batches": {"optimizer": "rprop", "learning_rate": 0.1, "batch": 2},
    "other criteria": {"criterion": {"accuracy": 1.0, "loss": 0.2, "mse": 0.15}, "stop": "converged"},
    "gradient": {"criterion": {"grad_norm": 0.06}, "stop": "converged", "batch": 3},
    "single precision": {"precision": "float32", "stop": "converged"},
    "divergence": {"output": "identity", "learning_rate": 3.0},
}
BUDGETS = {"epochs": [1, 2, 9, 10, 57, 120], "updates": [1, 3, 14, 15, 88, 120]}


@pytest.mark.parametrize("budget", list(BUDGETS))
@pytest.mark.parametrize("variant", list(VARIANTS))
def test_rows_are_those_of_separate_training(train: Train, variant: str, budget: str) -> None:
    """Bit for bit, weights and curves included."""
    keys = XOR | VARIANTS[variant] | {"record": {"weights": True, "curves": 5}}
    shared = train(**keys, sweep={"grid": {budget: BUDGETS[budget]}})
    assert shared.plan.n_trajectories == 13
    for k, length in enumerate(BUDGETS[budget]):
        alone = train(**keys, **{budget: length})
        rows = slice(13 * k, 13 * k + 13)
        assert np.array_equal(shared.bits[rows], alone.bits), length
        for ours, theirs in zip(shared.weights[rows], alone.weights, strict=True):
            assert np.array_equal(ours, theirs, equal_nan=True)
        for ours, theirs in zip(shared.curves[rows], alone.curves, strict=True):
            assert np.array_equal(ours, theirs, equal_nan=True)


@pytest.mark.parametrize("variant", [name for name in VARIANTS if name != "single precision"])
def test_books_are_kept_as_naive_keeps_them(train: Train, variant: str) -> None:
    """When it converged and diverged, its best loss, where it stopped, and all that is measured there."""
    runs = train(**XOR | VARIANTS[variant], updates=60, record={"weights": True})
    for number, cell, seed in runs.each():

        def order(epoch: int, cell: Any = cell, seed: int = seed) -> np.ndarray:
            return naive.epoch_order(cell, seed, epoch)

        reference = naive.train(cell, runs.weights[number][0], order)
        row = runs.row(number)
        for name, value in reference.row.items():
            assert row[name] == pytest.approx(value, rel=1e-7, abs=1e-10, nan_ok=True), (name, seed)


def test_both_kinds_of_run_occur(train: Train) -> None:
    """The comparisons above are about runs that converge within the budget and others that do not."""
    for variant in ("full batch", "stop", "mini-batches", "shuffled", "state", "gradient"):
        updates = train(**XOR | VARIANTS[variant], updates=60).column("updates_to_converge")
        assert (updates > 0).any(), variant
        assert np.isnan(updates).any(), variant


@pytest.mark.parametrize("keys", [{}, {"batch": 3}, {"evaluate_every": 4}, {"optimizer": "adam"}])
def test_a_stopped_run_is_a_run_whose_budget_ends_there(train: Train, keys: dict[str, Any]) -> None:
    """`stop: converged` gives the row of a run with exactly that many updates."""
    common = {key: value for key, value in (XOR | keys).items() if key != "replicates"}
    common |= {"record": {"weights": True}}
    stopped = train(**common, seeds=list(range(13)), updates=200, stop="converged")
    updates = stopped.column("updates_to_converge")
    assert (updates > 0).sum() >= 3
    for number, _, seed in stopped.each():
        if not updates[number] > 0:
            continue
        exact = train(**common, seed=seed, updates=int(updates[number]))
        assert np.array_equal(stopped.bits[number], exact.bits[0]), seed
        assert np.array_equal(stopped.weights[number], exact.weights[0])


def test_what_happens_after_a_stop_leaves_no_trace(train: Train) -> None:
    """A run that meets its criterion at first and would diverge later, beside one that is trained to the end."""
    keys: dict[str, Any] = {
        "data": "and",
        "architecture": "2-1",
        "output": "identity",
        "criterion": {"max_error": 0.4},
        "stop": "converged",
        "updates": 1000,
        "evaluate_every": 1,
    }
    good = {"learning_rate": 3.0, "init": [0.4, 0.5, -0.25]}
    bad = {"learning_rate": 1e-9, "init": [1.5, 1.5, 5.0]}
    alone = train(**keys, **good)
    assert alone.row(0)["updates_to_converge"] == 0
    beside = train(**keys, sweep={"zip": [good, bad]})
    assert np.array_equal(alone.bits[0], beside.bits[0])
    assert np.isnan(beside.row(0)["epochs_to_diverge"])


def test_the_gradient_of_shared_biases_in_the_criterion(train: Train) -> None:
    """A shared bias is one parameter, whose gradient is the sum over its units, at every evaluation."""
    keys: dict[str, Any] = {
        "data": "and",
        "architecture": "2-8-1",
        "activation": "identity",
        "output": "identity",
        "bias": "shared",
        "bias_init": "uniform(-1, 1)",
        "init": "uniform(0, 1)",
        "learning_rate": 0.005,
        "criterion": {"grad_norm": 3.0},
        "replicates": 8,
        "updates": 60,
        "record": {"weights": True},
    }
    for stop in ("budget", "converged"):
        runs = train(stop=stop, **keys)
        for number, cell, _ in runs.each():
            reference = naive.train(cell, runs.weights[number][0])
            assert runs.row(number)["updates_to_converge"] == reference.row["updates_to_converge"]
            assert runs.row(number)["converged"] == reference.row["converged"]


def test_a_criterion_met_at_the_start_takes_no_updates(train: Train) -> None:
    runs = train(**XOR, updates=5, criterion={"loss": 1e9})
    assert (runs.column("updates_to_converge") == 0).all()
    assert (runs.column("epochs_to_converge") == 0).all()
    assert (runs.column("epochs_run") == 5).all()


def test_divergence_is_dated(train: Train) -> None:
    """The first evaluation whose loss is not finite, in epochs; the row is a row like any other."""
    runs = train(
        data="gaussian(9, 3, 0)",
        architecture="3-3-1",
        activation="identity",
        output="identity",
        learning_rate=1.0,
        batch=3,
        epochs=200,
        evaluate_every=2,
        replicates=3,
        record={"weights": True},
    )
    for number, cell, _ in runs.each():
        reference = naive.train(cell, runs.weights[number][0], lambda epoch: np.arange(9))
        assert runs.row(number)["epochs_to_diverge"] == pytest.approx(reference.row["epochs_to_diverge"], abs=0.7)
        assert runs.outcome(number) == "diverged"
        assert np.isfinite(runs.row(number)["best_loss"])
        assert runs.row(number)["best_loss"] == pytest.approx(reference.row["best_loss"], rel=1e-9)


HIDDEN = [name for name in CORE_ACTIVATIONS if ACTIVATIONS[name].hidden]


@pytest.mark.parametrize("bias", ["trained", "none", "shared"])
@pytest.mark.parametrize("stop", ["budget", "converged"])
def test_runs_that_are_no_longer_trained_have_the_rows_of_those_that_are(train: Train, stop: str, bias: str) -> None:
    """Runs whose weights are all NaN are left as they are; a schedule that changes no rate has them trained on."""
    keys: dict[str, Any] = XOR | {
        "output": "identity",
        "bias": bias,
        "stop": stop,
        "criterion": {"mse": 0.1},
        "replicates": 9,
        "record": {"weights": True, "curves": 7},
        "sweep": {
            "grid": {
                "activation": HIDDEN,
                "learning_rate": [0.01, 3.0, 1e5, 1e200, -1e5],
                "loss": ["half_sse", "mse"],
                "evaluate_every": [1, 3],
                "epochs": [1, 5, 64, 301],
            }
        },
    }
    left, trained = train(**keys), train(**keys, learning_rate_schedule="exponential(1)")
    assert (left.column("epochs_to_diverge") >= 0).sum() > 1000
    assert np.array_equal(left.bits, trained.bits)
    for ours, theirs in zip(left.weights, trained.weights, strict=True):
        assert np.array_equal(ours, theirs, equal_nan=True)
    for ours, theirs in zip(left.curves, trained.curves, strict=True):
        assert np.array_equal(ours, theirs, equal_nan=True)


def test_a_diverged_run_takes_no_time(train: Train) -> None:
    """A budget that no machine could train."""
    budget = 10**12
    runs = train(**XOR | {"output": "identity", "learning_rate": 1e9}, sweep={"grid": {"updates": [100, budget]}})
    assert (runs.column("epochs_run") == np.repeat([100, budget], 13)).all()
    assert (runs.column("epochs_to_diverge") < 100).all()


def test_curves_pass_through_the_losses(train: Train) -> None:
    """Loss and accuracy at the recorded epochs, from the initial weights to the last; a stopped run's curve ends."""
    runs = train(**XOR | {"stop": "converged", "batch": 3}, epochs=40, record={"curves": 8, "weights": True})
    for number, cell, _ in runs.each():
        curve, row = runs.curves[number], runs.row(number)
        reference = naive.train(cell, runs.weights[number][0], lambda epoch: np.arange(4))
        epochs = curve[:, 0].astype(int)
        assert np.array_equal(curve[:, 0], epochs), "evaluations are at whole epochs"
        assert epochs[0] == 0
        assert epochs[-1] == row["epochs_run"] == len(reference.losses) - 1
        assert len(epochs) == len(set(epochs.tolist())) <= 9
        assert curve[:, 1] == pytest.approx(np.array(reference.losses)[epochs], rel=1e-9)
        assert curve[0, 1] == row["initial_loss"]
        assert curve[-1, 1:].tolist() == [row["final_loss"], row["accuracy"]]


@pytest.mark.parametrize("budget", list(BUDGETS))
@pytest.mark.parametrize("n_points", [1, 5, 200])
@pytest.mark.parametrize("variant", ["full batch", "stop", "mini-batches", "mini-batches, stop"])
def test_curves_are_known_to_be_whole(train: Train, tmp_path: Path, variant: str, n_points: int, budget: str) -> None:
    keys = XOR | VARIANTS[variant] | {"record": {"curves": n_points}, "sweep": {"grid": {budget: BUDGETS[budget]}}}
    runs = train(**keys)
    ids, epochs = plan_ids(runs.plan, standard_header()).tolist(), CurveEpochs(runs.plan)
    rows = "".join(map(curve_text, ids, runs.curves))
    (tmp_path / CURVES).write_text(f"run_id,epoch,loss,accuracy\n{rows}")
    found = OldCurves(
        tmp_path / CURVES, Index(runs.plan, standard_header()), lambda run: epochs(run // len(runs.plan.seeds))
    )
    assert found.runs.tolist() == list(range(runs.plan.n_runs))
    assert found.whole.all()


def test_a_curve_costs_nothing_for_epochs_without_a_point(tmp_path: Path) -> None:
    """A run of 10^12 epochs that meets its criterion before the first of them has a curve of one point, at once."""
    tracemalloc.start()
    keys = {"data": "xor", "architecture": "2-2-1", "learning_rate": 10, "epochs": 10**12, "stop": "converged"}
    runs = studies.run(tmp_path, **keys, criterion={"max_error": 0.99}, record={"curves": 5})
    assert [curve[:, 0].tolist() for curve in runs.curves] == [[0.0]]
    assert curve_updates(5, 4 * 10**12, 4) == (0, 4, 4000, 4 * 10**6, 4 * 10**9, 4 * 10**12)
    assert tracemalloc.get_traced_memory()[1] < 100e6
    tracemalloc.stop()


@pytest.mark.parametrize(("n", "last"), [(1, 1), (1, 7), (5, 5), (5, 4), (5, 6), (12, 900), (100, 101)])
def test_points_are_even_in_the_logarithm_of_their_epoch(n: int, last: int) -> None:
    points = curve_updates(n, 3 * last + 1, 3)
    epochs = [update // 3 for update in points[:-1]]
    assert (points[0], points[-1]) == (0, 3 * last + 1)
    assert set(epochs) <= set(range(last + 1))
    if n >= last:
        assert epochs == list(range(last + 1))
    else:
        # Each point of the even scale has an epoch within half of one.
        even = np.exp(np.linspace(0, np.log(last), n)) if n > 1 else np.ones(1)
        assert all(min(abs(epoch - point) for epoch in epochs) <= 0.5 + 1e-9 for point in even)
        assert len(epochs) <= n + 1
