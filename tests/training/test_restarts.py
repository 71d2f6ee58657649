"""Runs that start again: each attempt is a run of its own, so the truth is made of runs that do not start again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from support import studies

import runner
from runner.measurements import RECORD_COLUMNS
from runner.training import replay

STEP = 10**12  # what docs/study.md says is added to the seed
SEEDS = [0, 3, 5, 8, 2**63 - 7]
XOR: dict[str, Any] = {
    "data": "xor",
    "architecture": "2-2-1",
    "activation": "tanh",
    "init": "uniform(-1, 1)",
    "learning_rate": 1.0,
    "stop": "converged",
    "record": {"weights": True, "curves": 1000},
}
VARIANTS: dict[str, dict[str, Any]] = {
    "full batch": {},
    "shuffled, evaluated now and then": {"batch": 3, "order": "shuffled", "evaluate_every": 5},
    "state and schedule": {"optimizer": "adam", "learning_rate": 0.1, "learning_rate_schedule": "step(15, 0.5)"},
    "a schedule that follows the loss": {"learning_rate": 6.0, "learning_rate_schedule": "plateau(0.5, 1)"},
    "single precision": {"precision": "float32", "learning_rate": 3.0},
    "second order": {"optimizer": "scg", "learning_rate": None, "init": "uniform(-9, 9)"},
    "fault": {"faults": ["slope_at_sum"]},
    "divergence": {"output": "identity", "activation": "relu", "learning_rate": 0.9, "init": "normal(0, 3)"},
    "weights that are made of what is drawn": {"init": "orthogonal", "bias_init": "normal(0, 1)"},
    "held out": {"data": "parity(3)", "architecture": "3-4-1", "test": {"fraction": 0.25}, "learning_rate": 2.0},
}
BUDGETS = [1, 20, 30, 45, 100, 140]
AFTER, MOST = 20, 3
TIMES = ("epochs_to_diverge", "epochs_to_converge", "epochs_run", "best_test_epoch")


def made_of_attempts(folder: Path, keys: dict[str, Any], seed: int, budget: int) -> tuple[list[Any], Any, np.ndarray]:
    """Record, weights and curve of a run by training each of its attempts as a run that does not start again."""
    curve: list[np.ndarray] = []
    for number in range(MOST + 1):
        origin = number * AFTER
        left = budget - origin if number == MOST else min(AFTER, budget - origin)
        division = {"split_seed": seed} if "test" in keys else {}
        plain = studies.run(folder, **keys, **division, seed=(seed + number * STEP) % 2**63, epochs=left)
        points = plain.curves[0].copy()
        points[:, 0] += origin
        if number and len(points) == 1:
            # It met the criterion before its first update: its one point stands where the attempt before ended.
            curve[-1] = curve[-1][:-1]
        curve.append(points[1:] if number and len(points) > 1 else points)
        row = plain.row(0)
        if row["converged"] or origin + left == budget:
            break
    for name in TIMES:
        row[name] += origin
    row["updates_to_converge"] += origin * plain.plan.cell(0).updates_per_epoch
    row["restarts_made"] = number
    return [row[name] for name in RECORD_COLUMNS], plain.weights[0], np.concatenate(curve)


@pytest.mark.parametrize("variant", list(VARIANTS))
def test_every_attempt_is_the_run_of_its_seed(tmp_path: Path, variant: str) -> None:
    """Bit for bit, weights and curves included, whatever other budgets are trained beside it."""
    keys = {key: value for key, value in (XOR | VARIANTS[variant]).items() if value is not None}
    again = {"restarts": {"after": AFTER, "max": MOST}, "seeds": SEEDS, "sweep": {"grid": {"epochs": BUDGETS}}}
    found = studies.run(tmp_path, **keys, **again)
    for number, cell, seed in found.each():
        if seed in SEEDS[2:4] and cell.epochs != BUDGETS[-1]:
            continue
        row, weights, curve = made_of_attempts(tmp_path, keys, seed, cell.epochs or 0)
        # What is missing is one NaN, and a loss that is not a number another: both stand as NaN here.
        assert np.array_equal(found.records[number], row, equal_nan=True), (seed, cell.epochs)
        for ours, theirs in zip(found.weights[number], weights, strict=True):
            assert np.array_equal(ours, theirs, equal_nan=True)
        assert np.array_equal(found.curves[number], curve, equal_nan=True)
    made = found.column("restarts_made")
    assert set(made) >= {0.0, 3.0}
    assert not np.isnan(made).any()


def test_blocks_threads_and_resumption_change_no_byte(tmp_path: Path) -> None:
    keys: dict[str, Any] = {key: value for key, value in XOR.items() if key != "record"}
    restarts = ["none", {"after": 30}, {"after": 20, "max": 2}]
    study = runner.study(name="again", **keys, restarts=restarts, epochs=[40, 150], replicates=70)
    whole = runner.run(study, out=tmp_path / "one", threads=1)
    other = runner.run(study, out=tmp_path / "two", threads=2)
    # Some of the runs have been trained before, in other blocks.
    runner.run(study.with_(replicates=9, epochs=150), out=tmp_path / "three", threads=1)
    grown = runner.run(study, out=tmp_path / "three", threads=2)
    text = Path(whole).read_bytes()
    assert Path(other).read_bytes() == text
    assert Path(grown).read_bytes() == text
    found = pd.read_csv(whole)
    plain = found["restarts"].isna()
    assert found["restarts_made"].isna().eq(plain).all()
    assert found.loc[found["restarts"].eq("{after: 30}"), "restarts_made"].max() == 4
    assert not replay.replay(Path(whole), replay.choice(sample=60), threads=1).differences


def test_a_network_of_a_run_that_started_again_is_that_of_its_last_attempt(tmp_path: Path) -> None:
    keys = {key: value for key, value in XOR.items() if key != "record"}
    study = runner.study(name="network", **keys, restarts={"after": 20}, epochs=200, replicates=5)
    results = runner.run(study, out=tmp_path)
    row = results.runs[results.runs["restarts_made"] > 0].iloc[0]
    outputs = results.network(row["run_id"]).predict(np.array([[0, 0], [0, 1], [1, 0], [1, 1]]))
    assert outputs.max() == pytest.approx(row["output_max"], rel=1e-12)
    assert outputs.min() == pytest.approx(row["output_min"], rel=1e-12)
