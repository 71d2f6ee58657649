"""Blocks that kill their process: they come last, then alone, and then they have failed; all others are trained."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from support import studies

import runner
from runner.training import begun as notes
from runner.training import engine, threads
from runner.training.begun import BEGUN, Begun, Suspects, in_turn
from runner.training.session import Options, run_session

ROOT = Path(runner.__file__).parent.parent
STUDY: dict[str, Any] = {
    "name": "deadly",
    "data": "xor",
    "architecture": "2-2-1",
    "learning_rate": 0.5,
    "epochs": 10,
    "sweep": {"grid": {"architecture": ["2-2-1", "2-3-1", "2-4-1", "2-5-1"], "epochs": [10, 20]}},
    "replicates": 20,
}
# The command line, with a block that ends the process: what has five hidden units is trained for a second, and then
# there is no memory left.
DEADLY = """\
import os, signal, sys, time
from runner.training import engine
from runner.cli.main import run
train = engine.train_one
def deadly(block, special=0):
    if block.shared.sizes[1] == 5 and len(block.segments) and block.n > 1:
        time.sleep(1)
        os.kill(os.getpid(), signal.SIGKILL)
    return train(block, special)
engine.train_one = deadly
sys.exit(run(sys.argv[1:]))
"""


def start(folder: Path, *flags: str, deadly: bool = True) -> tuple[int, str]:
    """Exit code and stderr of a start with two threads."""
    program = ["-c", DEADLY] if deadly else ["-m", "runner"]
    command = [sys.executable, *program, str(folder / "study.yaml"), "-j", "2", "--out", str(folder), *flags]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300, check=False)
    assert "Traceback" not in done.stderr
    return done.returncode, done.stderr


def test_a_block_that_kills_its_process_is_given_up_the_third_time(tmp_path: Path) -> None:
    studies.make(tmp_path, **STUDY)
    folder = tmp_path / "deadly"
    assert start(tmp_path)[0] == -signal.SIGKILL
    code, told = start(tmp_path)
    assert code == -signal.SIGKILL
    assert " runs: they are trained last\n" in told
    # Everything else has its rows after the second start at the latest.
    assert pd.read_csv(folder / "runs.csv").architecture.value_counts().to_dict() == {
        "2-2-1": 40,
        "2-3-1": 40,
        "2-4-1": 40,
    }
    assert start(tmp_path)[0] == -signal.SIGKILL
    code, told = start(tmp_path)
    assert code == 1
    assert f"error: 40 runs failed: {notes.REASON}\n" in told
    assert set(pd.read_csv(folder / "failed.csv").reason) == {notes.REASON}
    assert not (folder / BEGUN).exists()
    assert start(tmp_path)[0] == 1
    # On a machine with more memory they are asked for, and trained.
    assert start(tmp_path, "--retry-failed", deadly=False)[0] == 0
    assert len(pd.read_csv(folder / "runs.csv")) == 160
    assert not (folder / "failed.csv").exists()
    assert start(tmp_path, "--out", str(tmp_path / "whole"), deadly=False)[0] == 0
    assert (folder / "runs.csv").read_bytes() == (tmp_path / "whole/deadly/runs.csv").read_bytes()


def died(folder: Path, plan: Any, *blocks: list[int], ended: tuple[int, ...] = ()) -> list[Suspects]:
    """A process begins blocks, ends some and dies; what the next one suspects."""
    begun = Begun(folder, plan)
    for k, block in enumerate(blocks):
        begun.begin(k, np.array(block))
    for k in ended:
        begun.end(k)
    return Begun(folder, plan).suspects


def told(suspects: list[Suspects]) -> list[tuple[list[int], int]]:
    return [(each.runs.tolist(), each.deaths) for each in suspects]


def test_deaths_are_counted_by_block(tmp_path: Path) -> None:
    plan = studies.make(tmp_path, **STUDY)
    assert died(tmp_path, plan) == []
    assert told(died(tmp_path, plan, [3, 1, 2, 7], [9], [20, 21], ended=(1,))) == [([1, 2, 3, 7], 1), ([20, 21], 1)]
    # What is trained meanwhile is suspected no longer; a block with the same runs and others is the same block.
    assert told(died(tmp_path, plan, [20, 21], [2, 3], [50], ended=(0,))) == [([2, 3], 2), ([50], 1)]
    # A start that ends in order keeps what it has not tried.
    begun = Begun(tmp_path, plan)
    begun.begin(0, np.array([50]))
    begun.end(0)
    begun.begin(1, np.array([60]))
    begun.close()
    assert told(Begun(tmp_path, plan).suspects) == [([2, 3], 2)]
    begun = Begun(tmp_path, plan)
    begun.begin(0, np.array([2, 3]))
    begun.end(0)
    begun.close()
    assert not (tmp_path / BEGUN).exists()


def test_notes_of_another_study_and_damaged_ones_are_none(tmp_path: Path) -> None:
    plan = studies.make(tmp_path, **STUDY)
    assert died(tmp_path, plan, list(range(90, 160))) != []
    assert Begun(tmp_path, studies.make(tmp_path, **STUDY | {"replicates": 10})).suspects == []
    path, random = tmp_path / BEGUN, np.random.default_rng(0)
    content = path.read_bytes()
    for k in range(300):
        damaged = bytearray(content)
        for at in random.integers(len(damaged), size=3).tolist():
            damaged[at] = int(random.integers(256))
        path.write_bytes(damaged[: len(damaged) if k % 2 else int(random.integers(len(damaged)))])
        for each in Begun(tmp_path, plan).suspects:
            assert each.runs.min() >= 0
            assert each.runs.max() < plan.n_runs


def test_the_file_of_notes_does_not_grow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notes, "_MOST_BYTES", 2000)
    plan = studies.make(tmp_path, **STUDY)
    begun = Begun(tmp_path, plan)
    begun.begin(0, np.array([0, 1]))
    for k in range(1, 200):
        begun.begin(k, np.array([2, 4, 6]))
        begun.end(k)
    assert (tmp_path / BEGUN).stat().st_size < 3000
    assert told(Begun(tmp_path, plan).suspects) == [([0, 1], 1)]


def test_small_networks_come_first_and_those_that_died_twice_alone() -> None:
    suspects = [
        Suspects(np.array(runs), deaths) for runs, deaths in (([9], 1), ([4, 5], 2), ([1], 1), ([8], 1), ([0], 2))
    ]
    turns = [(runs.tolist(), alone) for runs, alone in in_turn(suspects, lambda run: run // 2)]
    assert turns == [([1], False), ([8, 9], False), ([0], True), ([4, 5], True)]


def test_no_note_is_left_of_a_start_that_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In order, or by an error; notes that can not be written are done without."""
    plan, options = studies.make(tmp_path, **STUDY), Options(out=tmp_path, quiet=True, threads=2, limit=40)
    seen = []
    train = engine.train_one

    def looking(block: Any, special: int = 0) -> Any:
        seen.append((tmp_path / "deadly" / BEGUN).exists())
        return train(block, special)

    monkeypatch.setattr(engine, "train_one", looking)
    run_session(plan, options)
    assert any(seen)
    assert not (tmp_path / "deadly" / BEGUN).exists()
    (tmp_path / "deadly" / BEGUN).mkdir()
    assert run_session(plan, options).trained == 40


def test_threads_that_the_system_does_not_give(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As beyond `ulimit -u`, or in a container with a limit of processes."""
    start_thread, allowed, running = threads.threading.Thread.start, 0, []

    def limited(thread: Any) -> None:
        running[:] = [each for each in running if each.is_alive()]
        if len(running) >= allowed:
            raise RuntimeError("can't start new thread")
        running.append(thread)
        start_thread(thread)

    monkeypatch.setattr(threads.threading.Thread, "start", limited)
    plan, messages = studies.make(tmp_path, **STUDY), []
    rows = {}
    for allowed in (0, 1, 3):
        messages.clear()
        outcomes = engine.train(plan, np.zeros(plan.n_runs, bool), threads=3, notify=messages.append)
        rows[allowed] = sum(len(result.runs) for result in outcomes if result.error is None)
        have = {0: "no thread besides its own", 1: "1 of 3 threads"}.get(allowed)
        what = f"this process may have {have} (a limit of processes, ulimit -u?): training goes on with that"
        assert [message for message in messages if "process" in message] == ([what] if have else [])
        end = time.monotonic() + 10
        while any(each.is_alive() for each in running) and time.monotonic() < end:
            time.sleep(0.01)
    assert rows == {0: 160, 1: 160, 3: 160}
