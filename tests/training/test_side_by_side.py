"""The kernels of a first start are compiled by two processes, and nothing that goes wrong there is in the way."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from runner.kernels import apart
from runner.kernels.apart import Apart
from runner.kernels.lanes.kinds import kind_of
from runner.machine import cores
from runner.studies.load import load_study
from runner.studies.plan import make_plan
from runner.training import engine, side_by_side
from runner.training.blocks.arrays import job_of_call, lane_arrays, samples_of_block, scratch
from runner.training.side_by_side import compile_side_by_side, suit_two

pytestmark = pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="nothing is compiled")

STUDY = """\
name: first
data: xor
architecture: 2-3-1
learning_rate: 0.5
epochs: 50
sweep: {grid: {learning_rate: [0.5, 1, 2]}}
replicates: 5
"""


@pytest.fixture
def study(tmp_path: Path) -> Path:
    path = tmp_path / "first.yaml"
    path.write_text(STUDY)
    return path


def block_of(study: Path, monkeypatch: pytest.MonkeyPatch, *overrides: str) -> Any:
    """The block for which kernels are compiled before a study is trained."""
    blocks: list[Any] = []
    with monkeypatch.context() as patched:
        patched.setattr(engine, "train_one", blocks.append)
        patched.setattr(engine, "_prepared", set())
        engine.prepare(make_plan(load_study(study, overrides)))
    return blocks[0]


def arguments_of(block: Any) -> tuple[Any, ...]:
    """What `stretch_for` takes."""
    shared = block.shared
    samples = samples_of_block(block)
    given = shared.net, samples, job_of_call(shared), lane_arrays(block, None, samples, drawn=False)
    return *given, scratch(shared), shared.width


@pytest.mark.parametrize(
    ("overrides", "suits"),
    [
        ((), True),
        (("precision=float32", "batch=1"), True),
        (("optimizer=lbfgs", "loss=mse"), False),
        (("activation=mish",), False),
    ],
)
def test_kernels_of_the_usual_members_suit_two_processes(
    study: Path, monkeypatch: pytest.MonkeyPatch, overrides: tuple[str, ...], suits: bool
) -> None:
    assert suit_two(block_of(study, monkeypatch, *overrides).shared) == suits


def test_arrays_without_drawn_weights_have_the_types_of_the_others(
    study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    block = block_of(study, monkeypatch)
    samples = samples_of_block(block)
    not_drawn, drawn = lane_arrays(block, None, samples, drawn=False), lane_arrays(block, None, samples)
    assert kind_of(not_drawn) == kind_of(drawn)
    assert not not_drawn.weights.any()
    assert np.all(drawn.weights[:, :6] != 0)


@pytest.mark.parametrize("wrong", ["no Python", "no tables", "no pipe"])
def test_without_a_second_process_the_first_one_compiles_all(
    study: Path, monkeypatch: pytest.MonkeyPatch, wrong: str
) -> None:
    block = block_of(study, monkeypatch)
    if wrong == "no Python":
        monkeypatch.setattr(apart.sys, "executable", str(study / "python"))
    elif wrong == "no tables":
        monkeypatch.setattr(side_by_side, "_TABLES", "raise SystemExit('there are none')")
    else:
        monkeypatch.setattr(apart.pickle, "dump", _refuse)
    compile_side_by_side(block)
    assert len(engine.train_one(block).runs) == 1


def test_a_process_that_has_compiled_nothing_can_ask_for_a_second_one() -> None:
    program = (
        "from runner.kernels.apart import Apart; from runner.kernels.lanes.vector import Lanes\n"
        "with Apart(Lanes(8), 1.5, tables='import time; time.sleep(600)') as other: assert other._process is not None"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def _refuse(*_: Any) -> None:
    raise BrokenPipeError


def test_the_second_process_ends_with_the_first_one(
    study: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    process = Apart(*arguments_of(block_of(study, monkeypatch)), tables=side_by_side._TABLES)._process
    assert process is not None
    assert process.stdin is not None
    # As the system does it for a process that has been killed.
    process.stdin.close()
    assert process.wait(120) == 1
    assert not list(tmp_path.rglob("*.kernel"))


def test_the_second_process_is_ended_when_the_first_one_stops_early(
    study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = arguments_of(block_of(study, monkeypatch))
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt), Apart(*arguments, tables="import time\ntime.sleep(600)") as other:
        raise KeyboardInterrupt
    assert other._process is not None
    assert other._process.poll() is not None
    assert time.monotonic() - began < 60


@pytest.mark.slow
@pytest.mark.skipif(cores() < 2, reason="two processes are slower than one on one core")
def test_a_first_start_takes_the_kernel_of_the_other_process(study: Path, tmp_path: Path) -> None:
    """And the rows are those of a start that has found all kernels on disk."""
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path / "cache")}

    def train(out: str) -> tuple[bytes, dict[str, int]]:
        command = [sys.executable, "-m", "runner", str(study), "-q", "-j", "2", "--out", str(tmp_path / out)]
        subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)
        folder = tmp_path / out / "first"
        return (folder / "runs.csv").read_bytes(), json.loads((folder / "environment.json").read_text())["kernels_from"]

    rows, kernels = train("first")
    assert kernels == {"loaded": 1, "lowered": 0, "shipped": 0, "compiled": 2}
    again, kernels = train("again")
    assert kernels == {"loaded": 3, "lowered": 0, "shipped": 0, "compiled": 0}
    assert rows == again


def test_every_kernel_that_is_compiled_is_told_of(study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A study may need several; each is announced before its ten seconds, once on a machine."""
    plan = make_plan(load_study(study, ["batch=[full,1]"]))
    done = np.zeros(plan.n_runs, np.bool_)

    def messages() -> list[str]:
        said: list[str] = []
        monkeypatch.setattr(engine, "_prepared", set())
        for result in engine.train(plan, done, notify=said.append):
            assert result.error is None
        return said

    messages()  # they are in memory from here on
    monkeypatch.setattr(engine.cache, "folder", lambda: tmp_path)
    first, second = messages()
    assert first.startswith("compiling kernels for float64: about ten seconds")
    assert second == "compiling kernel number 2, which some of the runs need: about ten seconds"
    assert messages() == []
