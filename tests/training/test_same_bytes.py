"""The table has the same bytes whatever the threads, the blocks, the rest of the study and the processor.

Real processes of the command line where the promise is about a process; block sizes within this one.
"""

from __future__ import annotations

import csv
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from support import studies

from runner.kernels import cache
from runner.training import engine
from runner.training.blocks import arguments, packing

ROOT = Path(__file__).parents[2]

# All activations, optimizers, losses and orders in both precisions, in as few runs as that takes; odd numbers of
# seeds, so that the lanes of a block are never full.
STUDY: dict[str, Any] = {
    "name": "same",
    "data": "xor",
    "architecture": "2-3-1",
    "learning_rate": 0.1,
    "bias_init": "uniform(-1, 1)",
    "updates": 20,
    "replicates": 5,
    "record": {"curves": 3, "weights": True},
    "sweep": {
        "grid": {
            "optimizer": ["sgd", "momentum", "nesterov", "rprop", "quickprop", "adagrad", "rmsprop", "adam", "adamw"],
            "activation": ["sigmoid", "tanh", "relu", "leaky_relu", "identity", "softplus", "softsign", "step"],
            "updates": [5, 20],
        },
        "when": [
            {"if": {"optimizer": "sgd"}, "grid": {"loss": ["half_sse", "binary_cross_entropy"]}},
            {"if": {"optimizer": "adam"}, "grid": {"precision": ["float64", "float32"]}},
            {"if": {"optimizer": "momentum"}, "grid": {"batch": ["full", 3], "order": ["sequential", "shuffled"]}},
            {"if": {"activation": "tanh"}, "grid": {"init": ["normal(0, 1)", "orthogonal"]}},
            {"if": {"optimizer": "nesterov"}, "grid": {"parameterization": ["standard", "mean_field"]}},
            {"if": {"optimizer": "rmsprop"}, "grid": {"shortcuts": ["none", "all"], "gain": [1.5]}},
        ],
    },
}
SOFTMAX: dict[str, Any] = {
    "name": "softmax",
    "data": "iris",
    "target_encoding": "one_hot",
    "scaling": "standardize",
    "architecture": "4-5-3",
    "output": "softmax",
    "loss": "cross_entropy",
    "learning_rate": 0.1,
    "updates": 12,
    "replicates": 3,
    "sweep": {"grid": {"batch": ["full", 50], "activation": ["tanh", "softplus"]}},
}


def table(folder: Path, *arguments: str, environment: dict[str, str] | None = None, **keys: Any) -> bytes:
    """Run a study by the command line in a fresh folder; its runs.csv."""
    folder.mkdir()
    (folder / "study.yaml").write_text(yaml.safe_dump(keys, sort_keys=False))
    command = [sys.executable, "-m", "runner", str(folder / "study.yaml"), "--out", str(folder), "-q", *arguments]
    done = subprocess.run(
        command, cwd=ROOT, env=os.environ | (environment or {}), capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return (folder / keys["name"] / "runs.csv").read_bytes()


def by_run(content: bytes) -> dict[str, list[str]]:
    """Rows by run_id."""
    _, *rows = csv.reader(content.decode().splitlines())
    found = {row[0]: row for row in rows}
    assert len(found) == len(rows)
    return found


def plain(study: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """The study without `record`."""
    return {key: value for key, value in study.items() if key != "record"} | changes


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The table of the whole study, by one thread."""
    return table(tmp_path_factory.mktemp("full") / "study", "-j", "1", **plain(STUDY))


def test_threads(full: bytes, tmp_path: Path) -> None:
    assert table(tmp_path / "two", "-j", "2", **plain(STUDY)) == full
    assert table(tmp_path / "five", "-j", "5", **plain(STUDY)) == full


def test_rows_of_a_part_are_those_of_the_whole(full: bytes, tmp_path: Path) -> None:
    """Fewer values, fewer seeds, other companions in the lanes; a trajectory's shorter budget alone."""
    sweep = {"grid": {"optimizer": ["adam"], "activation": ["sigmoid", "step"], "updates": [5]}}
    part = by_run(table(tmp_path / "part", **plain(STUDY, replicates=3, sweep=sweep)))
    whole = by_run(full)
    assert len(part) == 6
    assert all(whole[run] == row for run, row in part.items())


def test_the_order_of_axes_and_seeds_moves_rows_only(full: bytes, tmp_path: Path) -> None:
    grid = dict(reversed(STUDY["sweep"]["grid"].items()))
    grid["activation"] = grid["activation"][::-1]
    changed = plain(STUDY, sweep=STUDY["sweep"] | {"grid": grid}, seeds=[3, 0, 4, 1, 2])
    del changed["replicates"]
    moved = table(tmp_path / "moved", **changed)
    assert moved != full
    assert by_run(moved) == by_run(full)


def test_what_is_recorded_beside_the_table_does_not_change_it(full: bytes, tmp_path: Path) -> None:
    assert table(tmp_path / "recorded", **STUDY) == full


@pytest.mark.parametrize("begin", ["lowered", pytest.param("sources", marks=pytest.mark.slow)])
def test_an_old_processor(full: bytes, tmp_path: Path, begin: str) -> None:
    """Compiled for any x86-64, without FMA and AVX, against this machine's own instructions.

    From what Numba has lowered, which is the same for all processors, LLVM does all that depends on one.
    """
    old = {
        "NUMBA_CPU_NAME": "x86-64",
        "NUMBA_CPU_FEATURES": "",
        "NUMBA_CACHE_DIR": str(tmp_path / "cache"),
    }
    native = table(tmp_path / "native", **SOFTMAX)
    if begin == "lowered":
        machine_code = shutil.ignore_patterns("*.kernel", "*.object")
        shutil.copytree(
            cache.folder(), tmp_path / "cache" / "runner-kernels" / cache.fingerprint(), ignore=machine_code
        )
    assert table(tmp_path / "softmax", environment=old, **SOFTMAX) == native
    assert table(tmp_path / "old", environment=old, **plain(STUDY)) == full


def assert_same(ours: studies.Runs, theirs: studies.Runs) -> None:
    """The same records to the last bit, the same weights and curves."""
    assert np.array_equal(ours.bits, theirs.bits)
    for beside, other in ((ours.weights, theirs.weights), (ours.curves, theirs.curves)):
        for mine, yours in zip(beside, other, strict=True):
            assert np.array_equal(mine, yours, equal_nan=True)


@pytest.mark.parametrize("work", [1.0, 1e5, 1e13])
def test_block_sizes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, work: float) -> None:
    """Blocks of one group of lanes, and of as many as there are; records, weights and curves."""
    keys = STUDY | {"replicates": 37}
    usual = studies.run(tmp_path, **keys)
    monkeypatch.setattr(packing, "_BLOCK_WORK", work)
    other = studies.run(tmp_path, threads=2, **keys)
    assert_same(usual, other)


@pytest.mark.parametrize(("first", "grow"), [(0.01, 1.0001), (0.01, 1.4), (300.0, 2.0)])
def test_stages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: float, grow: float) -> None:
    """Runs that stop at their criterion, trained at one go and in stages, some of them ending within an epoch."""
    grid = STUDY["sweep"]["grid"] | {"updates": [7, 60, 200]}
    sweep = STUDY["sweep"] | {"grid": grid}
    keys = STUDY | {"replicates": 19, "sweep": sweep, "stop": "converged", "evaluate_every": 3}
    keys |= {"criterion": {"max_error": 0.6, "grad_norm": 10.0}}
    monkeypatch.setattr(packing, "_FIRST_STAGE", 1e99)
    whole = studies.run(tmp_path, **keys)
    budgets = np.array([cell.budget for _, cell, _ in whole.each()])
    assert 0.2 < (whole.column("updates_to_converge") < budgets).mean() < 0.9
    monkeypatch.setattr(packing, "_FIRST_STAGE", first)
    monkeypatch.setattr(packing, "_STAGES_GROW", grow)
    staged = studies.run(tmp_path, threads=2, **keys)
    assert_same(whole, staged)


def test_long_curves_are_not_carried_from_stage_to_stage(tmp_path: Path) -> None:
    """It would take longer than to train beside runs that have stopped."""
    keys: dict[str, Any] = {"data": "xor", "architecture": "2-3-1", "learning_rate": 0.1, "updates": 20_000}
    keys |= {"stop": "converged", "criterion": {"loss": 1e-9}, "replicates": 300}
    for points, staged in ((2, True), (20_000, False)):
        plan = studies.make(tmp_path, **keys, record={"curves": points})
        block = packing.BlockPacker(plan, packing.turns_of(plan, np.zeros(plan.n_runs, bool))).next(idle=True)
        assert block is not None
        assert block.is_last is not staged


def test_stages_hold_no_more_than_they_may(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs that wait with too much in their hands go on in blocks that are not full."""
    keys: dict[str, Any] = {"data": "xor", "architecture": "2-3-1", "learning_rate": 2.0, "updates": 300}
    keys |= {"stop": "converged", "replicates": 100, "record": {"weights": True}}
    monkeypatch.setattr(packing, "_FIRST_STAGE", 100.0)
    usual = studies.run(tmp_path, **keys)
    monkeypatch.setattr(packing, "_MOST_CARRIED", 1000)
    assert np.array_equal(usual.bits, studies.run(tmp_path, **keys).bits)


@pytest.mark.parametrize("width", arguments.WIDTHS)
@pytest.mark.parametrize("keys", [STUDY, SOFTMAX], ids=["study", "softmax"])
def test_lanes_and_tiles(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, width: tuple[int, int, int], keys: dict[str, Any]
) -> None:
    """Any width for any network: rows of units and units left over, tiles that are full and tiles that are not."""
    usual = studies.run(tmp_path, **keys)
    for name in ("NARROW", "SINGLE", "WIDE"):
        monkeypatch.setattr(arguments, name, width)
    assert np.array_equal(usual.bits, studies.run(tmp_path, **keys).bits)


def test_large_networks_train_in_fewer_lanes(tmp_path: Path) -> None:
    plan = studies.make(tmp_path, **STUDY | {"sweep": {"grid": {"architecture": ["2-4-1", "2-40-40-1"]}}})
    small, large = (arguments.make_shared(plan.cell(i), plan.members).width.lanes.n for i in range(2))
    assert small == 2 * large


def test_every_lane_gives_the_same_row(tmp_path: Path) -> None:
    """One seed, in every lane of three groups, beside seeds that differ."""
    keys: dict[str, Any] = {"data": "xor", "architecture": "2-3-1", "learning_rate": 2.0, "updates": 50}
    keys |= {"stop": "converged", "batch": 3, "order": "shuffled"}
    alone = studies.run(tmp_path, seeds=[77], **keys)
    for place in range(24):
        seeds = list(range(24))
        seeds[place] = 77
        assert np.array_equal(studies.run(tmp_path, seeds=seeds, **keys).bits[place], alone.bits[0])


def test_what_is_done_already_does_not_change_the_rest(tmp_path: Path) -> None:
    """Any set of missing runs gives the rows that training everything gives, and no others."""
    plan = studies.make(tmp_path, **STUDY)
    whole = studies.train_plan(plan)
    for share in (0.1, 0.5, 0.9):
        done = np.random.default_rng(1).random(plan.n_runs) < share
        found = np.zeros(plan.n_runs, int)
        for result in engine.train(plan, done, 2):
            assert np.array_equal(result.records.view(np.uint64), whole.bits[result.runs])
            found[result.runs] += 1
        assert np.array_equal(found, (~done).astype(int))
