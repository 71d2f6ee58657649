"""The speed of this machine: measured while it trains, kept beside the compiled kernels, and what plans make of it."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import studies

from runner.kernels import cache
from runner.machine import processor
from runner.studies.plan import Plan
from runner.training import engine, speed
from runner.training.preview import describe, preview
from runner.training.speed import SpeedMeter, estimated_cost

STUDY: dict[str, Any] = {
    "data": "xor",
    "architecture": "2-4-1",
    "learning_rate": 0.5,
    "epochs": 20_000,
    "replicates": 64,
    "sweep": {"grid": {"learning_rate": [0.1, 0.2, 0.5, 1]}},
}
KERNEL = "float64-16-64"


@pytest.fixture(autouse=True)
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file, of this test alone."""
    path = tmp_path / "cache" / "speed.json"
    monkeypatch.setattr(speed, "_path", lambda: path)
    return path


def estimated_seconds(plan: Plan, missing: np.ndarray, cores: int) -> float | None:
    """How long it takes with so many cores."""
    cost = estimated_cost(plan, missing)
    return None if cost is None else cost.seconds(cores)


def written(file: Path) -> dict[str, dict[str, float]]:
    return json.loads(file.read_text())[processor()]


def meter(amount: float, seconds: float, n_runs: int = 1000) -> SpeedMeter:
    found = SpeedMeter()
    found.add_block(KERNEL, amount, seconds)
    found.add_runs(n_runs, 1.0)
    return found


def test_the_file_lies_beside_the_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    assert speed._path() == cache.folder().parent / "speed.json"


def test_measurements_are_averaged_and_old_ones_fade(file: Path) -> None:
    meter(40e9, 10).save()
    assert written(file)[KERNEL] == {"per_second": 4e9, "seconds": 10}
    assert written(file)["runs"] == {"per_second": 1000, "seconds": 1}
    meter(10e9, 10).save()
    assert written(file)[KERNEL] == {"per_second": pytest.approx(2.5e9), "seconds": 20}
    meter(1e9 * 1000, 1000).save()
    # The 20 seconds at 2.5e9 still count.
    assert written(file)[KERNEL]["per_second"] == pytest.approx((2.5e9 * 20 + 1e12) / 1020)
    meter(7e9 * 60, 60).save()
    # Of the 1,020 seconds only 30 do.
    before = (2.5e9 * 20 + 1e12) / 1020
    assert written(file)[KERNEL]["per_second"] == pytest.approx((before * 30 + 7e9 * 60) / 90)
    assert [path.name for path in file.parent.iterdir()] == ["speed.json"]


def test_other_processors_keep_their_speeds(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as other:
        other.setattr(speed, "processor", lambda: "another")
        meter(1e9, 1).save()
    meter(5e9, 1).save()
    found = json.loads(file.read_text())
    assert (found["another"][KERNEL]["per_second"], found[processor()][KERNEL]["per_second"]) == (1e9, 5e9)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"\xff",
        b'{"%s": 3}',
        b'{"%s": {"float64-16-64": 3, "runs": {"per_second": "fast", "seconds": 1}}}',
        b'{"%s": {"float64-16-64": {"per_second": -1, "seconds": 1}, "runs": {"per_second": NaN, "seconds": 1}}}',
    ],
)
def test_a_file_that_somebody_has_edited_is_no_speed(file: Path, content: bytes, tmp_path: Path) -> None:
    plan = studies.make(tmp_path, **STUDY)
    file.parent.mkdir()
    file.write_bytes(content.replace(b"%s", processor().encode()))
    assert estimated_seconds(plan, np.ones(plan.n_runs, bool), 1) is None
    meter(5e9, 1).save()
    assert written(file)[KERNEL]["per_second"] == 5e9


def test_what_cannot_be_kept_is_no_error(file: Path) -> None:
    file.parent.write_text("a file in place of the folder")
    meter(1e9, 1).save()
    assert file.parent.is_file()


def test_nothing_measured_writes_nothing(file: Path) -> None:
    none = SpeedMeter()
    none.add_block(KERNEL, 0.0, 1.0)
    none.add_block(KERNEL, 1e9, 0.0)
    none.save()
    assert not file.exists()


def test_an_estimate_by_hand(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Four rates with 64 seeds are 16 full groups of 16 lanes; 4 samples fill a tile."""
    plan = studies.make(tmp_path, **STUDY)
    meter(1e9, 1, n_runs=100).save()
    monkeypatch.setattr("runner.training.preview.cores", lambda: 2)
    units, parameters = 2 + 4 + 1, 2 * 4 + 4 + 4 + 1
    work = 256 * 20_000 * 4 * (3 * parameters + 30 * units)
    everything = np.ones(plan.n_runs, bool)
    for threads, at_once in ((1, 1), (2, 2), (8, 2)):
        seconds = estimated_seconds(plan, everything, at_once)
        assert preview(plan, tmp_path / "none", threads=threads).seconds == pytest.approx(seconds)
        assert seconds == pytest.approx((work / 1e9 + 256 / 100) / at_once)
    # One run needs a group of lanes of its own, and another half of the budget needs no training of its own.
    one = ~everything
    one[3] = True
    assert estimated_seconds(plan, one, 1) == pytest.approx(16 * work / 256 / 1e9 + 1 / 100)
    budgets = studies.make(tmp_path, **STUDY | {"sweep": {"grid": {"epochs": [10_000, 20_000]}}})
    both = estimated_seconds(budgets, np.ones(128, bool), 1)
    assert both == pytest.approx(64 * work / 256 / 1e9 + 128 / 100)
    assert estimated_seconds(plan, ~everything, 1) == 0


def test_a_large_plan_is_estimated_from_a_part(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rates = {"sweep": {"grid": {"learning_rate": {"geomspace": [0.01, 1, 500]}, "epochs": [100, 1000]}}}
    plan = studies.make(tmp_path, **STUDY | rates | {"replicates": 16})
    meter(1e9, 1).save()
    everything = np.ones(plan.n_runs, bool)
    whole = estimated_seconds(plan, everything, 1)
    half = everything.copy()
    half[: plan.n_runs // 2] = False
    half_of_it = estimated_seconds(plan, half, 1)
    monkeypatch.setattr(speed, "_SAMPLED", 50)
    assert estimated_seconds(plan, everything, 1) == pytest.approx(whole)
    assert estimated_seconds(plan, half, 1) == pytest.approx(half_of_it, rel=0.1)
    assert half_of_it == pytest.approx(whole / 2, rel=0.1)
    # A few runs that are left are found among all others.
    last = ~everything
    last[-16:] = True
    assert 0 < estimated_seconds(plan, last, 1) < whole / 100


def test_training_measures_and_the_plan_tells(
    file: Path, tmp_path: Path, train: Callable[..., studies.Runs], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An estimate is of the size of the processor time that training has really taken."""
    plan = studies.make(tmp_path, **STUDY)
    engine.prepare(plan)
    for _ in engine.train(plan, np.zeros(plan.n_runs, bool)):
        pass
    assert set(written(file)) == {KERNEL, "runs"}
    larger = studies.make(tmp_path, **STUDY | {"architecture": "2-6-1", "epochs": 40_000})
    everything = np.ones(larger.n_runs, bool)
    seconds = estimated_seconds(larger, everything, 1)
    began = time.process_time()
    for _ in engine.train(larger, ~everything):
        pass
    assert seconds is not None
    assert 0.3 < (time.process_time() - began) / seconds < 3
    elsewhere = preview(larger, tmp_path / "results", cluster=("tcp://there:8786", 7))
    view = preview(larger, tmp_path / "results", threads=1)
    assert view.core_seconds == elsewhere.core_seconds == pytest.approx(view.seconds)
    assert (elsewhere.threads, elsewhere.cluster) == (7, "tcp://there:8786")
    assert elsewhere.seconds == pytest.approx(view.core_seconds / 7)
    told = r"\ncost: about [\d,.]+ core-seconds\ntime: .* on 7 threads of tcp://there:8786, if they are as fast as this"
    assert re.search(told, describe(elsewhere)), describe(elsewhere)
    assert (view.speed, view.threads, view.may_stop) == ("machine", 1, False)
    # On a slow machine.
    monkeypatch.setattr(speed, "_FASTEST", 1e6)
    text = describe(preview(larger, tmp_path / "results", threads=1))
    assert re.search(
        r"\ntime: about \d+ (h|min) \d+ (min|s) on 1 thread, at the speed measured on this machine\n", text
    )
    stopping = studies.make(tmp_path, **STUDY | {"stop": "converged"})
    text = describe(preview(stopping, tmp_path / "results", threads=1))
    assert " on 1 thread, less where runs stop early, at the speed measured on this machine\n" in text
    single = studies.make(tmp_path, **STUDY | {"precision": "float32"})
    assert preview(single, tmp_path / "results").speed is None


def test_the_work_of_runs_that_stop_is_that_of_their_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of all blocks of all stages together: no less than the runs' own updates, and less than their budgets."""
    plan = studies.make(tmp_path, **STUDY | {"stop": "converged", "replicates": 256})
    works: list[float] = []

    class Kept(SpeedMeter):
        def add_block(self, kernel: str, multiply_adds: float, seconds: float) -> None:
            works.append(multiply_adds)

    monkeypatch.setattr(engine, "SpeedMeter", Kept)
    runs = studies.train_plan(plan)
    made = sum(runs.row(number)["epochs_run"] for number in range(plan.n_runs))
    total = sum(works) / (4 * (3 * 17 + 30 * 7))
    assert len(works) > 4
    assert made <= total <= min(plan.n_runs * 20_000, 4 * made)
