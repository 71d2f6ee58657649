"""Blocks that fail: their runs have the reason, the others go on."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from support import studies

import runner
from runner import machine
from runner.errors import RunnerError
from runner.kernels import cache
from runner.training import engine
from runner.training.blocks import worker
from runner.training.blocks.block import Block
from runner.training.blocks.packing import BlockPacker, turns_of
from runner.training.session import Options, run_session

ROOT = Path(runner.__file__).parent.parent
STUDY: dict[str, Any] = {
    "name": "failing",
    "data": "xor",
    "architecture": "2-2-1",
    "learning_rate": 0.5,
    "epochs": 10,
    "sweep": {"grid": {"architecture": ["2-2-1", "2-3-1", "2-5-1"], "epochs": [10, 20]}},
    "replicates": 30,
}


@pytest.mark.parametrize("error", [ZeroDivisionError("five units"), MemoryError(), SystemError('a, b\n"c"')])
def test_a_thread_that_raises_fails_its_runs_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    train = engine.train_one

    def sometimes(block: Block, special: int) -> Any:
        if block.shared.sizes[1] == 3:
            raise error
        return train(block, special)

    plan, options = studies.make(tmp_path, **STUDY), Options(out=tmp_path, quiet=True, threads=2)
    with monkeypatch.context() as patch:
        patch.setattr(engine, "train_one", sometimes)
        outcome = run_session(plan, options)
    reason = f"{type(error).__name__}: {error}".rstrip(": ")
    assert (outcome.trained, outcome.failed, outcome.left, outcome.exit_code) == (120, 60, 0, 1)
    assert outcome.reasons == (reason,)
    failed = pd.read_csv(tmp_path / "failing" / "failed.csv")
    assert set(failed.reason) == {reason}
    assert set(pd.read_csv(outcome.table).architecture) == {"2-2-1", "2-5-1"}
    with pytest.raises(RunnerError, match="60 runs could not be trained: "):
        runner.run(tmp_path / "study.yaml", out=tmp_path)
    table = runner.run(tmp_path / "study.yaml", out=tmp_path, retry_failed=True)
    assert len(pd.read_csv(table)) == 180


def test_preparing_that_fails_is_left_to_the_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not a traceback before the first row."""

    def never(block: Block, special: int = 0) -> Any:
        raise MemoryError("none left")

    monkeypatch.setattr(engine, "train_one", never)
    monkeypatch.setattr(engine, "_prepared", set())
    outcome = run_session(studies.make(tmp_path, **STUDY), Options(out=tmp_path, quiet=True))
    assert (outcome.trained, outcome.failed, outcome.reasons) == (0, 180, ("MemoryError: none left",))


@pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="nothing is compiled")
def test_a_damaged_kernel_fails_no_run(tmp_path: Path) -> None:
    """It is compiled anew, which is told, and the rows are the same."""
    studies.run(tmp_path, **STUDY)  # so that there is a kernel of this processor
    shutil.copytree(cache.folder().parent, tmp_path / "cache" / "runner-kernels")
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path / "cache"), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "runner", str(tmp_path / "study.yaml"), "--out", str(tmp_path)]

    def start(*flags: str) -> str:
        done = subprocess.run([*command, *flags], capture_output=True, text=True, env=environment, check=False)
        assert done.returncode == 0, done.stderr
        return done.stderr

    start()
    table = (tmp_path / "failing" / "runs.csv").read_bytes()
    damaged = list((tmp_path / "cache").rglob("*initial_weights*.*"))
    for file in damaged:
        file.write_bytes(b"")
    told = start("--fresh")
    assert "failing: a compiled kernel is damaged and is compiled anew (" in told
    assert (tmp_path / "failing" / "runs.csv").read_bytes() == table
    assert "is compiled anew" not in start("--fresh")


@pytest.mark.filterwarnings("error")
def test_numbers_beyond_single_precision_are_infinite_in_it(tmp_path: Path) -> None:
    keys = {"precision": "float32", "learning_rate": 1e300, "init": "normal(0, 1e300)", "sweep": {}}
    runs = studies.run(tmp_path, **STUDY | keys)
    assert {runs.outcome(run) for run in range(runs.plan.n_runs)} == {"diverged"}


def test_networks_that_do_not_fit_are_not_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "available", lambda: 100 << 20)
    keys = STUDY | {"sweep": {"grid": {"architecture": ["2-2-1", "2-60000-1"]}}}
    outcome = run_session(studies.make(tmp_path, **keys), Options(out=tmp_path, quiet=True))
    assert (outcome.trained, outcome.failed) == (30, 30)
    (reason,) = outcome.reasons
    assert reason.startswith("MemoryError: these networks need 0.")
    assert reason.endswith(" GB and 0.1 GB are left")


def test_the_memory_that_is_reserved_is_what_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Within a factor of two, by what NumPy says that it has allocated."""
    import tracemalloc

    plan = studies.make(tmp_path, **STUDY | {"architecture": "2-5000-1", "sweep": {}, "record": {"weights": True}})
    block = BlockPacker(plan, turns_of(plan, np.zeros(plan.n_runs, bool))).next(idle=True)
    assert block is not None
    worker.train(block)
    tracemalloc.start()
    worker.train(block)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert 0.5 < worker._memory(block) / peak < 2


def test_threads_wait_for_memory_that_others_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    size = 70 << 20
    monkeypatch.setattr(machine, "available", lambda: 100 << 20)
    inside, most, lock = 0, 0, threading.Lock()

    def work() -> None:
        nonlocal inside, most
        with machine.reserved(size):
            with lock:
                inside += 1
                most = max(most, inside)
            threading.Event().wait(0.01)
            with lock:
                inside -= 1

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert (inside, most) == (0, 1)
    assert machine._reservations == []


def test_what_is_left_is_known_here() -> None:
    left, most = machine.available(), machine.total()
    assert left is None or left > 0
    assert most is None or left is None or left <= most
