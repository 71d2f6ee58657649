"""A whole session with a real plan and an engine without networks: what is trained, written and told."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from support.fakes import FakeResult

import runner
from runner.errors import Refused, RunnerError
from runner.machine import cores as cores_here
from runner.measurements import MISSING, OUTCOMES, RECORD_COLUMNS, RESULTS_VERSION
from runner.results.provenance import changes
from runner.studies.plan import Plan
from runner.training import engine, interrupt, speed
from runner.training.preview import describe, preview
from runner.training.session import Options, run_session, work_left

STUDY = """\
name: tiny
data: xor
architecture: 2-2-1
learning_rate: 0.5
epochs: 10
sweep:
  grid:
    learning_rate: [0.5, 2]
    epochs: [10, 30, 100]
replicates: 4
"""


@pytest.fixture
def study(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.yaml"
    path.write_text(STUDY)
    return path


@pytest.fixture
def options(tmp_path: Path) -> Options:
    return Options(out=tmp_path / "results", threads=2)


def make(study: Path, *overrides: str) -> Plan:
    return runner.plan(runner.load(study, *overrides))


class Engine:
    """Trains by chance, and remembers what it was asked for."""

    def __init__(self, on_block: Callable[[int], None] = lambda i: None, failing: tuple[int, ...] = ()) -> None:
        self.on_block = on_block
        self.failing = failing
        self.trained: list[int] = []

    def __call__(
        self, plan: Plan, done: Any, threads: int, notify: Callable[[str], None], stop: Callable[[], bool]
    ) -> Iterator[Any]:
        notify("compiling kernels for float64 (first use on this machine; cached afterwards)")
        blocks = np.array_split(np.random.default_rng(len(self.trained)).permutation(np.flatnonzero(~done)), 5)
        for i, runs in enumerate(block for block in blocks if len(block)):
            if stop():
                return
            self.on_block(i)
            if i in self.failing:
                yield FakeResult(runs, np.empty((0, 0)), updates=10 * len(runs), error="out of memory")
                continue
            self.trained += runs.tolist()
            yield FakeResult(runs, np.stack([self.record(plan, run) for run in runs.tolist()]), updates=10 * len(runs))

    @staticmethod
    def record(plan: Plan, run: int) -> np.ndarray:
        cell = plan.cell(run // len(plan.seeds))
        random = np.random.default_rng(int(cell.run_id(plan.seeds[run % len(plan.seeds)]), 16))
        record = random.normal(size=len(RECORD_COLUMNS))
        record[0] = random.integers(len(OUTCOMES))
        record[1] = record[0] == OUTCOMES.index("converged")
        record[2] = MISSING
        return record


def test_a_study_is_trained_once(study: Path, options: Options, capsys: pytest.CaptureFixture[str]) -> None:
    plan, engine = make(study), Engine()
    outcome = run_session(plan, options, engine)
    assert (outcome.trained, outcome.failed, outcome.left, outcome.exit_code) == (24, 0, 0, 0)
    assert sorted(engine.trained) == list(range(24))
    folder = options.out / "tiny"
    assert outcome.table == folder / "runs.csv"
    names = ["environment.json", "runs.csv", "runs.sums", "study.yaml"]
    assert sorted(path.name for path in folder.iterdir()) == names
    assert (folder / "study.yaml").read_text() == STUDY
    table = pd.read_csv(outcome.table)
    assert table.epochs.tolist() == [10] * 4 + [30] * 4 + [100] * 4 + [10] * 4 + [30] * 4 + [100] * 4
    told = capsys.readouterr()
    assert told.out == ""
    assert re.sub(r"[0-9.]+ s$", "... s", told.err, flags=re.MULTILINE).splitlines() == [
        "tiny: training 24 runs",
        "tiny: compiling kernels for float64 (first use on this machine; cached afterwards)",
        "tiny: trained 24 runs in ... s",
    ]
    before = outcome.table.read_bytes()
    assert run_session(plan, options, engine).trained == 0
    assert outcome.table.read_bytes() == before
    assert capsys.readouterr().err == "tiny: all 24 runs are done already\n"


def test_environment_tells_where_results_come_from(study: Path, options: Options) -> None:
    run_session(make(study, "replicates=2"), options, Engine())
    facts = json.loads((options.out / "tiny" / "environment.json").read_text())
    assert set(facts["versions"]) == {"runner", "python", "numba", "llvmlite", "numpy"}
    assert facts["results_version"] == RESULTS_VERSION
    assert facts["study"] == {
        "name": "tiny",
        "file": str(study),
        "folder": str(study.parent),
        "beside_results": "../..",
        "overrides": ["replicates=2"],
    }
    assert facts["axes"] == ["learning_rate", "epochs"]
    assert facts["threads"] == 2
    assert facts["timings"]["runs"] == 12
    assert facts["timings"]["updates"] == 120
    assert {"platform", "processor", "cores", "host", "cores_allowed"} == set(facts["machine"])


def test_quiet_is_silent(study: Path, options: Options, capsys: pytest.CaptureFixture[str]) -> None:
    run_session(make(study), Options(out=options.out, quiet=True), Engine())
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupt_and_resume(
    study: Path, options: Options, capsys: pytest.CaptureFixture[str], number: signal.Signals
) -> None:
    before = signal.getsignal(number)
    plan = make(study)
    first = Engine(on_block=lambda i: signal.raise_signal(number) if i == 1 else None)
    outcome = run_session(plan, options, first)
    assert signal.getsignal(number) is before
    assert (outcome.trained, outcome.left, outcome.exit_code) == (10, 14, 130)
    assert "tiny: interrupted; 14 runs are left: resume with the same command\n" in capsys.readouterr().err
    assert len(pd.read_csv(outcome.table)) == 10
    second = Engine()
    assert run_session(plan, options, second).exit_code == 0
    assert sorted(first.trained + second.trained) == list(range(24))
    assert "tiny: 10 of 24 runs are done already\n" in capsys.readouterr().err
    other = Options(out=options.out / "other")
    assert outcome.table.read_bytes() == run_session(plan, other, Engine()).table.read_bytes()


def test_a_second_interrupt_is_an_exception_in_a_process_that_has_more_to_do(study: Path, options: Options) -> None:
    """On the command line it ends the process: `test_the_second_interrupt_stops_at_once`."""
    plan, before = make(study), signal.getsignal(signal.SIGINT)

    def interrupt_twice(i: int) -> None:
        for _ in range(2 * (i == 2)):
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        run_session(plan, options, Engine(on_block=interrupt_twice))
    assert signal.getsignal(signal.SIGINT) is before
    assert len(pd.read_csv(options.out / "tiny" / "runs.csv")) == 10
    assert run_session(plan, options, Engine()).trained == 14


def test_handlers_of_a_program_around_python_stay(
    study: Path, options: Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`signal.signal` gives None for a handler that Python has not installed, and does not take it back."""
    monkeypatch.setattr(interrupt.signal, "getsignal", lambda number: None)
    set_to: list[object] = []
    monkeypatch.setattr(interrupt.signal, "signal", lambda *arguments: set_to.append(arguments))
    assert run_session(make(study), options, Engine()).trained == 24
    assert set_to == []


def test_another_thread_than_the_main_one_may_train(study: Path, options: Options) -> None:
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(run_session, make(study), options, Engine()).result().trained == 24


def test_two_interrupts_leave_the_process_of_a_script_alive(study: Path, tmp_path: Path) -> None:
    """One block of this study takes far longer than the test; nobody waits for it."""
    script = (
        "import os, sys, time, runner\n"
        "try:\n"
        f"    runner.run({str(study)!r}, 'epochs=100000000', threads=1, out={str(tmp_path)!r}, quiet=False)\n"
        "except KeyboardInterrupt:\n"
        "    print('still here', flush=True)\n"
        "    os._exit(7)\n"
    )
    running = subprocess.Popen([sys.executable, "-c", script], stdout=-1, stderr=-1, text=True)
    assert running.stderr is not None
    while not running.stderr.readline().startswith("tiny: training"):
        assert running.poll() is None
    time.sleep(0.5)
    for _ in range(2):
        running.send_signal(signal.SIGINT)
        time.sleep(0.5)
    out, _ = running.communicate(timeout=20)
    assert (out, running.returncode) == ("still here\n", 7)


def test_limit_trains_no_more(study: Path, options: Options) -> None:
    plan = make(study)
    limited = Options(out=options.out, limit=7)
    outcome = run_session(plan, limited, Engine())
    assert (outcome.trained, outcome.left, outcome.exit_code) == (7, 17, 0)
    trained = [run_session(plan, limited, Engine()).trained for _ in range(3)]
    assert trained == [7, 7, 3]
    assert len(pd.read_csv(outcome.table)) == 24


def test_failed_runs_are_named_and_tried_again(study: Path, options: Options) -> None:
    plan = make(study)
    outcome = run_session(plan, options, Engine(failing=(1, 3)))
    assert (outcome.trained, outcome.failed, outcome.left, outcome.exit_code) == (14, 10, 0, 1)
    assert outcome.reasons == ("out of memory",)
    table, failed = pd.read_csv(outcome.table), pd.read_csv(options.out / "tiny" / "failed.csv")
    assert set(failed.reason) == {"out of memory"}
    assert not set(table.run_id) & set(failed.run_id)
    assert (len(table), len(failed)) == (14, 10)
    view = preview(plan, options.out)
    assert (view.new, view.kept, view.failed) == (0, 14, 10)
    assert "rows: 0 new, 14 kept, 0 orphaned, 10 failed before (--retry-failed tries them again)" in describe(view)
    assert preview(plan, options.out, retry_failed=True).new == 10


def test_failed_runs_wait_until_they_are_asked_for(
    study: Path, options: Options, capsys: pytest.CaptureFixture[str]
) -> None:
    plan, again = make(study), Options(out=options.out, retry_failed=True)
    folder = options.out / "tiny"
    run_session(plan, options, Engine(failing=(1, 3)))
    before = (folder / "failed.csv").read_bytes()
    capsys.readouterr()
    waiting = Engine()
    outcome = run_session(plan, options, waiting)
    assert (outcome.trained, outcome.failed, outcome.left, outcome.exit_code) == (0, 10, 0, 1)
    assert waiting.trained == []
    assert (folder / "failed.csv").read_bytes() == before
    told = capsys.readouterr().err
    assert "tiny: 10 runs failed before and are left out (failed.csv): --retry-failed tries them again\n" in told
    # A study that grows trains what is new, and still remembers.
    grown = make(study, "replicates=5")
    assert run_session(grown, options, waiting).trained == len(waiting.trained) == 6
    # Tried again, some fail again; these have the new reason, and the others are done.
    outcome = run_session(grown, again, Engine(failing=(0,)))
    failed = pd.read_csv(folder / "failed.csv")
    assert outcome.trained + outcome.failed == 10
    assert len(failed) == outcome.failed == 2
    assert run_session(grown, again, Engine()).exit_code == 0
    assert not (folder / "failed.csv").exists()
    assert len(pd.read_csv(outcome.table)) == 30


@pytest.mark.parametrize("reason", ["EOFError: Ran out of input", "KernelError: LLVM ERROR: no such target"])
def test_runs_that_failed_for_a_reason_that_has_passed_are_tried_again_by_themselves(
    study: Path, options: Options, reason: str
) -> None:
    """A kernel that could not be read from its cache, or not be compiled, is none of the run's."""
    plan = make(study)
    run_session(plan, options, Engine(failing=(1, 3)))
    path = options.out / "tiny" / "failed.csv"
    path.write_text(path.read_text().replace("out of memory", reason))
    assert preview(plan, options.out).new == 10
    outcome = run_session(plan, options, Engine())
    assert (outcome.trained, outcome.failed, outcome.exit_code) == (10, 0, 0)
    assert not path.exists()


def test_a_list_of_failures_that_is_none(study: Path, options: Options) -> None:
    plan = make(study)
    run_session(plan, options, Engine(failing=(1,)))
    path = options.out / "tiny" / "failed.csv"
    for run_id in ("zz", "-5", "f" * 17, ""):
        path.write_text(f"run_id,reason\n{run_id},1\n")
        with pytest.raises(RunnerError) as caught:
            run_session(plan, options, Engine())
        assert str(caught.value) == f"{path} is not a list of failed runs: remove it, and they are tried again"


@pytest.mark.parametrize(
    "content",
    [
        b"\xff\x00",
        b"[" * 100_000,
        b"[1]",
        b'{"record": null, "axes": 3, "timings": [], "study": "x", "defaults": 1}',
        b'{"record": "x", "axes": [1], "timings": {"seconds": "a", "updates": NaN}, "study": {"folder": 5}}',
        b'{"timings": {"seconds": NaN, "updates": 1e400}, "study": null}',
    ],
)
def test_facts_that_somebody_has_edited_are_passed_over(study: Path, options: Options, content: bytes) -> None:
    table = run_session(make(study), options, Engine()).table
    (table.parent / "environment.json").write_bytes(content)
    assert preview(make(study, "replicates=5"), options.out).new == 6
    assert runner.replay(table, sample=1).n_checked == 1
    assert run_session(make(study, "replicates=5"), options, Engine()).trained == 6
    assert len(pd.read_csv(table)) == 30


def test_changes_of_the_runner_are_noticed(
    study: Path, options: Options, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = make(study)
    run_session(plan, options, Engine())
    path = options.out / "tiny" / "environment.json"
    facts = json.loads(path.read_text())
    assert facts["defaults"]["criterion"] == "{max_error: 0.5}"
    assert facts["defaults"]["adam.beta2"] == "0.999"
    facts["defaults"] |= {"criterion": "{max_error: 0.4}", "adam.beta1": "0.8", "new_key": "1"}
    path.write_text(json.dumps(facts | {"kernels": "0123456789abcdef"}))
    capsys.readouterr()
    run_session(plan, options, Engine())
    assert capsys.readouterr().err.splitlines() == [
        "tiny: the default of criterion was {max_error: 0.4} and is {max_error: 0.5} now: "
        "runs that rely on it are others, and are trained anew",
        "tiny: the default of adam.beta1 was 0.8 and is 0.9 now: runs that rely on it are others, and are trained anew",
        "tiny: all 24 runs are done already",
    ]
    # Now they are the defaults of the rows that are there.
    path.write_text(json.dumps(json.loads(path.read_text()) | {"kernels": "0123456789abcdef"}))
    run_session(make(study, "replicates=5"), options)
    assert (
        "tiny: the kernels or their compiler have changed since these rows were made; the version of the results has "
        "not, so the numbers should be the same: replay --sample 50 checks it\n"
    ) in capsys.readouterr().err
    run_session(make(study, "replicates=6"), options)
    assert "changed" not in capsys.readouterr().err


def test_an_engine_that_breaks_loses_nothing(study: Path, options: Options) -> None:
    def break_down(i: int) -> None:
        if i == 3:
            raise ZeroDivisionError

    plan, first, second = make(study), Engine(on_block=break_down), Engine()
    with pytest.raises(ZeroDivisionError):
        run_session(plan, options, first)
    run_session(plan, options, second)
    assert len(first.trained) == 15
    assert sorted(first.trained + second.trained) == list(range(24))


def test_an_edited_study(study: Path, options: Options, capsys: pytest.CaptureFixture[str]) -> None:
    run_session(make(study), options, Engine())
    edited = make(study, "learning_rate=[2, 8]")
    view = preview(edited, options.out)
    assert (view.new, view.kept, view.orphaned) == (12, 12, 12)
    assert "rows: 12 new, 12 kept, 12 orphaned" in describe(view)
    capsys.readouterr()
    assert run_session(edited, options, Engine()).trained == 12
    assert "tiny: 12 rows are no longer in the study: they move to orphans.csv\n" in capsys.readouterr().err
    assert len(pd.read_csv(options.out / "tiny" / "orphans.csv")) == 12
    assert preview(edited, options.out).new == 0


def test_fresh_moves_old_results_aside(study: Path, options: Options) -> None:
    plan = make(study)
    table = run_session(plan, options, Engine()).table
    old = table.read_bytes()
    for number in (1, 2):
        assert run_session(plan, Options(out=options.out, fresh=True), Engine()).trained == 24
        names = {path.name for path in table.parent.iterdir()}
        assert {f"runs.csv.{number}", f"environment.json.{number}", f"study.yaml.{number}"} <= names
        assert table.with_name(f"runs.csv.{number}").read_bytes() == old


def test_another_version_of_results_is_refused(study: Path, options: Options) -> None:
    plan = make(study)
    table = run_session(plan, options, Engine()).table
    path = table.parent / "environment.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"results_version": RESULTS_VERSION + 1}))
    for attempt in (lambda: run_session(plan, options, Engine()), lambda: preview(plan, options.out)):
        with pytest.raises(Refused) as caught:
            attempt()
        assert str(caught.value) == (
            f"{table} holds results of version {RESULTS_VERSION + 1}, and this runner makes version "
            f"{RESULTS_VERSION}: the same run may give other numbers; "
            "pass another --out or name=..., or --fresh to move the old table aside"
        )
    assert run_session(plan, Options(out=options.out, fresh=True), Engine()).trained == 24


def test_rows_of_which_nobody_knows_the_version_are_not_added_to(study: Path, options: Options) -> None:
    """What decides stands in two files; with one of them the study goes on, with none it does not."""
    plan, more = make(study), make(study, "replicates=5")
    table = run_session(plan, options, Engine()).table
    sums, environment = (table.with_name(name) for name in ("runs.sums", "environment.json"))
    facts = environment.read_text()
    environment.write_text("{}")
    for attempt in (lambda: run_session(more, options, Engine()), lambda: preview(more, options.out)):
        attempt()
        kept = sums.read_bytes()
        sums.unlink()
        environment.write_text("not what it was")
        with pytest.raises(Refused) as caught:
            attempt()
        assert str(caught.value) == (
            f"{table} has rows, and neither runs.sums nor environment.json beside it tells which version of the "
            "results they are, so that others could be mixed with them: bring one of these files back; or pass another "
            "--out or name=..., or --fresh to move the old table aside"
        )
        sums.write_bytes(kept)
    sums.unlink()
    environment.write_text(facts)
    assert run_session(make(study, "replicates=6"), options, Engine()).trained == 6
    # To look at rows, or to train them again, nothing need be known.
    for path in (sums, environment):
        path.unlink()
    assert runner.replay(table, sample=1).n_checked == 1


def test_a_version_that_only_one_file_tells_is_refused(study: Path, options: Options) -> None:
    plan = make(study)
    table = run_session(plan, options, Engine()).table
    sums = table.with_name("runs.sums")
    sums.write_bytes(sums.read_bytes().replace(b"results %d" % RESULTS_VERSION, b"results 2", 1))
    expected = rf"runs.csv holds results of version 2, and this runner makes version {RESULTS_VERSION}: "
    with pytest.raises(Refused, match=expected):
        run_session(plan, options, Engine())
    table.unlink()
    sums.with_name("environment.json").unlink()
    with pytest.raises(Refused, match=r"runs.sums was written by another version of the runner"):
        run_session(plan, options, Engine())


@pytest.mark.parametrize("lost", [[], ["runs.sums"], ["environment.json"]], ids=str)
def test_rows_of_kernels_that_run_in_python_are_not_mixed_with_others(
    study: Path, options: Options, monkeypatch: pytest.MonkeyPatch, lost: list[str]
) -> None:
    plan = make(study, "replicates=5")
    table = run_session(make(study), options, Engine()).table
    monkeypatch.setenv("NUMBA_DISABLE_JIT", "1")
    interpreted = Options(out=options.out / "other")
    other = run_session(make(study), interpreted, Engine()).table
    for name in lost:
        table.with_name(name).unlink()
        other.with_name(name).unlink()
    assert run_session(plan, interpreted, Engine()).trained == 6
    for attempt in (
        lambda: run_session(plan, options, Engine()),
        lambda: preview(plan, options.out),
        lambda: runner.replay(table),
    ):
        with pytest.raises(Refused) as caught:
            attempt()
        assert str(caught.value) == (
            f"{table}: the kernels are not compiled now (NUMBA_DISABLE_JIT is set), and they were when its rows were "
            "made: last bits differ; start it as it was started then, or pass another --out or name=..., or --fresh to "
            "move the old table aside"
        )
    monkeypatch.setenv("NUMBA_DISABLE_JIT", "0")
    with pytest.raises(Refused, match=r"the kernels are compiled now, and they were not when its rows were made"):
        run_session(plan, interpreted, Engine())
    assert run_session(plan, options, Engine()).trained == 6


def test_kernels_that_nobody_knows_are_told(tmp_path: Path) -> None:
    """As those that are known to be others."""
    (tmp_path / "environment.json").write_text("[")
    assert list(changes(tmp_path, "0123456789abcdef")) == [
        "environment.json does not tell by which kernels these rows were made: replay --sample 50 checks that they "
        "give the same numbers now"
    ]
    assert list(changes(tmp_path, None)) == []


def test_curves_stay_where_they_are(study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without the facts about them, and when the table is refused."""
    out = tmp_path / "results"
    folder = runner.run(study, "record={curves: 5}", out=out).parent
    before = (folder / "curves.csv").read_bytes()
    (folder / "environment.json").unlink()
    runner.run(study, "record={curves: 5}", out=out, quiet=False)
    assert capsys.readouterr().err == "tiny: all 24 runs are done already\n"
    table = (folder / "runs.csv").read_bytes()
    (folder / "runs.csv").write_bytes(b"x" + table)
    with pytest.raises(Refused, match="has other columns"):
        runner.run(study, "record={curves: 6}", out=out)
    assert (folder / "curves.csv").read_bytes() == before
    (folder / "runs.csv").write_bytes(table)
    runner.run(study, "record={curves: 6}", out=out, quiet=False)
    assert (
        "tiny: 24 curves in curves.csv have other points than the study asks for: they are trained again, "
        "and the old file is kept aside\n"
    ) in capsys.readouterr().err
    assert (folder / "curves.csv.1").read_bytes() == before
    assert (folder / "curves.csv").read_bytes() != before
    assert sorted(path.name for path in folder.glob("curves*")) == ["curves.csv", "curves.csv.1"]


def test_rows_that_come_back_without_their_curves_are_told(
    study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keys = ("record={curves: 5}", "epochs=10")
    for rates in ("[0.5, 2]", "[2, 8]"):
        runner.run(study, *keys, f"learning_rate={rates}", out=tmp_path)
    runner.run(study, *keys, "learning_rate=[0.5, 2]", out=tmp_path, quiet=False)
    assert (
        "tiny: 4 rows are there, 4 of them back from orphans.csv, but without what the study records (older ones are "
        "kept as *.1, *.2, ...): their runs are trained again for it\n"
    ) in capsys.readouterr().err
    runner.run(study, "record={curves: 5, weights: true}", "epochs=10", "learning_rate=2", out=tmp_path, quiet=False)
    assert (
        "tiny: 4 rows are there, but without what the study records: their runs are trained again for it\n"
    ) in capsys.readouterr().err


def test_a_folder_that_is_moved_while_a_long_block_trains(
    study: Path, options: Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The engine asks whether it is to stop while it waits, and the answer is where the rows are."""
    monkeypatch.setattr("runner.results.table._SYNC_SECONDS", -1.0)
    folder, moved = options.out / "tiny", options.out / "moved"

    def move(i: int) -> None:
        if i == 2:
            folder.rename(moved)

    trainer = Engine(on_block=move)
    with pytest.raises(RunnerError) as caught:
        run_session(make(study), options, trainer)
    assert str(caught.value) == (
        f"{folder} was moved while runs were added to it (it is {moved} now); every finished row is in "
        f"{moved}/runs.csv: move it back, and the same command goes on"
    )
    assert len(pd.read_csv(moved / "runs.csv")) == len(trainer.trained) == 15
    assert not (moved / "runner.lock").exists()


def test_the_engine_looks_up_from_a_long_block(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "_LOOK_SECONDS", 0.01)
    long, asked = threading.Event(), 0

    def slow(block: Any, special: int) -> Any:
        assert long.wait(60)
        return train_one(block, special)

    def stop() -> bool:
        nonlocal asked
        asked += 1
        if asked == 6:
            long.set()
        return False

    plan, train_one = make(study), engine.train_one
    engine.prepare(plan)
    monkeypatch.setattr(engine, "train_one", slow)
    found = list(engine.train(plan, np.zeros(plan.n_runs, bool), 1, stop=stop))
    assert sum(len(result.runs) for result in found) == plan.n_runs
    assert asked > 6


def test_weights_of_runs_that_differ_in_their_bias(study: Path, tmp_path: Path) -> None:
    """Rows of an array are as long as the longest; however the study came to be."""
    keys = ("record={weights: true}", "learning_rate=1", "epochs=10", "name=biases")
    biases = ["trained", "none", "shared", "0.5"]

    def folder(name: str, values: list[str]) -> Path:
        return runner.run(study, *keys, f"bias=[{', '.join(values)}]", out=tmp_path / name).parent

    whole = folder("whole", biases)
    runs = pd.read_csv(whole / "runs.csv")
    with np.load(whole / "weights.npz") as weights:
        assert weights["2-2-1/run_id"].tolist() == runs.run_id.tolist()
        for part in ("initial", "final"):
            lengths = np.isfinite(weights[f"2-2-1/{part}"]).sum(axis=1)
            assert weights[f"2-2-1/{part}"].shape == (16, 9)
            assert lengths.tolist() == [9] * 4 + [6] * 4 + [8] * 4 + [6] * 4
    expected = (whole / "weights.npz").read_bytes()
    for first in (["none"], ["0.5", "shared"], ["trained"]):
        folder(f"grown from {first}", first)
        assert (folder(f"grown from {first}", biases) / "weights.npz").read_bytes() == expected
    short = (folder("short", ["none", "shared"]) / "weights.npz").read_bytes()
    assert (folder("whole", ["none", "shared"]) / "weights.npz").read_bytes() == short


def test_a_folder_that_leads_elsewhere_is_refused(study: Path, options: Options, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    options.out.mkdir()
    (options.out / "tiny").symlink_to(elsewhere)
    with pytest.raises(Refused) as caught:
        run_session(make(study), options, Engine())
    link = options.out / "tiny"
    assert str(caught.value) == f"{link} is a symbolic link out of {options.out}; remove it, or pass another --out"
    assert not list(elsewhere.iterdir())


@pytest.mark.parametrize("target", ["tiny", "missing"], ids=["a circle", "nothing"])
def test_a_folder_that_leads_nowhere_is_refused(study: Path, options: Options, target: str) -> None:
    options.out.mkdir()
    link = options.out / "tiny"
    link.symlink_to(target)
    for attempt in (lambda: run_session(make(study), options, Engine()), lambda: preview(make(study), options.out)):
        with pytest.raises(Refused) as caught:
            attempt()
        assert str(caught.value) == f"{link} is a symbolic link that leads nowhere; remove it, or pass another --out"


def test_results_that_can_not_be_made(study: Path, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(RunnerError) as caught:
        run_session(make(study), Options(out=blocked), Engine())
    assert str(caught.value) == f"cannot create {blocked / 'tiny'}: Not a directory"


def test_work_that_is_left_counts_shared_trajectories_once(study: Path) -> None:
    plan = make(study)
    done = np.zeros(24, bool)
    assert work_left(plan, done) == plan.n_updates == 2 * 4 * 100
    done[8:12] = True  # learning rate 0.5, 100 epochs
    assert work_left(plan, done) == 4 * 30 + 4 * 100
    done[12:] = True
    done[4] = True  # seed 0, 30 epochs
    assert work_left(plan, done) == 10 + 3 * 30


@pytest.fixture
def unmeasured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that has never trained anything."""
    monkeypatch.setattr(speed, "_path", lambda: tmp_path / "cache" / "speed.json")


@pytest.mark.usefixtures("unmeasured")
def test_preview_writes_nothing(study: Path, options: Options) -> None:
    view = preview(make(study), options.out)
    assert not options.out.exists()
    assert (view.cells, view.replicates, view.runs, view.updates, view.trajectories) == (6, 4, 24, 800, 8)
    assert (view.new, view.kept, view.orphaned, view.seconds) == (24, 0, 0, None)
    size = run_session(make(study), options, Engine()).table.stat().st_size
    assert view.disk_bytes == pytest.approx(size, rel=0.15)
    assert preview(make(study, "replicates=8"), options.out).seconds is None  # it took no second


@pytest.mark.usefixtures("unmeasured")
def test_a_study_knows_its_own_speed(study: Path, options: Options) -> None:
    """From the updates that its last start made in a second, and the threads that it had."""
    plan = make(study)
    path = run_session(plan, options, Engine()).table.with_name("environment.json")
    facts = json.loads(path.read_text())
    assert (facts["threads"], facts["runs"]) == (2, 24)
    facts["timings"] |= {"seconds": 20.0, "updates": 800}
    path.write_text(json.dumps(facts))
    more = make(study, "replicates=8")
    for threads, cores in ((1, 1), (2, min(cores_here(), 2))):
        view = preview(more, options.out, threads=threads)
        assert (view.speed, view.threads, view.new) == ("last start", threads, 24)
        assert view.seconds == pytest.approx(20 * min(cores_here(), 2) / cores)
    on = "20 s on 2 threads, at the speed of this study's last start"
    assert describe(preview(more, options.out, threads=2)).splitlines()[-2] == f"time: about {on}"
    assert "\ntime: " not in describe(preview(plan, options.out))
    # What is not the runner's own, or too short to tell, is no speed.
    for wrong in ({"threads": "two"}, {"timings": {"seconds": 0.5, "updates": 800}}, {"timings": None}):
        path.write_text(json.dumps(facts | wrong))
        assert preview(more, options.out).seconds is None


@pytest.mark.usefixtures("unmeasured")
def test_what_the_plan_says(study: Path, options: Options) -> None:
    text = describe(preview(make(study), options.out))
    assert (
        re.sub(r"[0-9.]+ kB", "... kB", text)
        == f"""\
tiny: 24 runs = 6 cells x 4 seeds
  learning_rate  2: 0.5, 2
  epochs         3: 10, 30, 100
training: 800 updates in 8 trajectories (runs that differ only in their budget share one)
rows: 24 new, 0 kept, 0 orphaned
disk: about ... kB
time: unknown until this machine has trained such networks; a start with --limit 100 measures it
results: {options.out / "tiny" / "runs.csv"}"""
    )


@pytest.mark.usefixtures("unmeasured")
def test_one_of_each_is_no_plural(study: Path, options: Options, capsys: pytest.CaptureFixture[str]) -> None:
    overrides = ("learning_rate=1", "epochs=1", "replicates=1")
    lines = describe(preview(make(study, *overrides), options.out)).splitlines()
    assert lines[:2] == ["tiny: 1 run = 1 cell x 1 seed", "training: 1 update in 1 trajectory"]
    shown = Options(out=options.out)
    run_session(make(study, *overrides), shown, Engine())
    run_session(make(study, *overrides), shown, Engine())
    assert capsys.readouterr().err.endswith("tiny: the run is done already\n")
    run_session(make(study, "learning_rate=2", "epochs=1", "replicates=1"), shown, Engine())
    assert "tiny: 1 row is no longer in the study: it moves to orphans.csv\n" in capsys.readouterr().err
