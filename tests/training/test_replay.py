"""Rows trained again from their keys alone: all of them hold, and whatever was changed is found."""

from __future__ import annotations

import csv
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from support import studies
from support.fakes import HEADER as FAKE_HEADER

import runner
from runner.__main__ import main
from runner.errors import Refused, RunnerError
from runner.measurements import RESULTS_VERSION
from runner.ops import INITIALIZERS
from runner.ops.members import CORE_ACTIVATIONS, CORE_LOSSES, CORE_OPTIMIZERS
from runner.results.reader import EXACTLY
from runner.training import engine
from runner.training.blocks import packing
from runner.training.replay import Difference, record

# Exact also before pandas 3.1.
BASE: dict[str, Any] = {
    "name": "again",
    "data": "xor",
    "architecture": "2-3-1",
    "learning_rate": 0.5,
    "epochs": 30,
    "replicates": 3,
}
# Every way in which a key can be given, every member of the core, and one of each family beyond it.
GIVEN = {"constant": "constant(0.5)", "uniform_fan_in": "uniform_fan_in(2)", "sparse": "sparse(0.5, 1)"}
GIVEN |= {"truncated_normal": "truncated_normal(0, 1)"}
DRAWN = [GIVEN.get(name, name) for name in INITIALIZERS if name not in ("uniform", "normal")]
STUDIES: dict[str, dict[str, Any]] = {
    "budgets": {"sweep": {"grid": {"epochs": [5, 30, 60], "learning_rate": [0.1, -1, 1e300]}}, "seeds": [7, 2**62]},
    "activations": {
        "sweep": {"grid": {"activation": [name for name in CORE_ACTIVATIONS if name != "softmax"]}},
        "criterion": {"max_error": 0.4, "accuracy": 1, "grad_norm": 1e-3},
    },
    "optimizers": {
        "sweep": {"grid": {"optimizer": list(CORE_OPTIMIZERS), "batch": ["full", 3]}},
        "order": "shuffled",
        "weight_decay": 0.01,
    },
    "losses": {"sweep": {"grid": {"loss": [x for x in CORE_LOSSES if x != "cross_entropy"]}}, "data": "encoder(3)"}
    | {"architecture": "3-2-3", "learning_rate": [0.1, 0.2], "bias_learning_rate": 0.05},
    "beyond the core": {"activation": "elu", "loss": "huber", "optimizer": "irprop_plus"},
    "second order": {"sweep": {"grid": {"optimizer": ["lbfgs", "scg", "levenberg_marquardt", "sgd"]}}},
    "some rows without": {
        "loss": "binary_cross_entropy",
        "sweep": {
            "zip": [
                {
                    "gain": "none",
                    "dropout": "none",
                    "target_range": "none",
                    "class_weights": "none",
                    "label_noise": 0.4,
                },
                {
                    "gain": 1.5,
                    "dropout": 0.2,
                    "target_range": [0.1, 0.9],
                    "class_weights": [1, 2],
                    "label_noise": "none",
                },
                {"gain": 1.5, "dropout": [0.3], "target_range": "none", "class_weights": "none", "label_noise": "none"},
            ]
        },
    },
    "classes": {"data": "iris", "target_encoding": "one_hot", "output": "softmax", "loss": "cross_entropy"}
    | {"architecture": "4-2-3", "scaling": "standardize", "batch": 50},
    "initialisers": {
        "sweep": {
            "grid": {"init": DRAWN},
            "include": [{"init": "uniform(-1, 1)", "bias_init": "normal(0, 2)"}],
        },
        "precision": "float32",
    },
    "numbers": {
        "init": [0.1, -0.2, 0.3, 1e-7, 5, -6, 7, 0.8, 9],
        "architecture": "2-2-1",
        "sweep": {"grid": {"init[3]": [0, 0.5], "bias": ["trained"]}},
        "target_range": [0.1, 0.9],
        "stop": "converged",
        "evaluate_every": 2,
    },
    "faults": {
        "sweep": {"grid": {"faults": [[], ["ascent"], "round_sums(3)", "epoch_slice"]}},
        "bias": -0.5,
    },
    "files": {
        "data": {"csv": "samples, =1.csv", "inputs": ["a", "=b", 'c"d'], "targets": ["t"]},
        "architecture": "3-2-1",
        "scaling": "minmax",
        "updates": 12,
        "epochs": None,
        "batch": 2,
        "order": "with_replacement",
    },
}


def make(folder: Path, name: str = "budgets", **changes: Any) -> Path:
    """A finished study; its table."""
    (folder / "samples, =1.csv").write_text('a,=b,"c""d",t\n1,2,3,0\n2,1,5,1\n0,1,1,1\n4,4,1,0\n')
    keys = {key: value for key, value in (BASE | STUDIES[name] | changes).items() if value is not None}
    if "seeds" in keys:
        del keys["replicates"]
    (folder / "study.yaml").write_text(yaml.safe_dump(keys, sort_keys=False))
    return Path(runner.run(folder / "study.yaml", out=folder / "results"))


@pytest.mark.parametrize("name", STUDIES)
def test_every_row_can_be_repeated_from_itself(tmp_path: Path, name: str) -> None:
    table = make(tmp_path, name)
    before = table.read_bytes()
    found = runner.replay(table)
    assert found.differences == ()
    assert found.n_checked == found.n_rows == len(pd.read_csv(table)) > 0
    assert table.read_bytes() == before


def test_runs_that_stop_are_repeated_in_stages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In most stages no run comes to its end, in a sample of few rows all the more."""
    monkeypatch.setattr(packing, "_FIRST_STAGE", 0.1)
    table = make(tmp_path, stop="converged", replicates=20, seeds=None)
    assert runner.replay(table).differences == ()
    assert runner.replay(table, sample=1).n_checked == 1


def test_a_row_that_can_not_be_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    table = make(tmp_path)
    run_id = pd.read_csv(table).run_id[0]

    def train(plan: Any, done: Any, *_: Any, **__: Any) -> Any:
        runs = np.flatnonzero(~done)
        yield engine.Result(runs, np.empty((0, 0)), None, None, 0, error="MemoryError: none left")

    monkeypatch.setattr(engine, "train", train)
    with pytest.raises(RunnerError, match=r"the row could not be recorded: MemoryError: none left"):
        record(table, run_id)


def test_a_sample_and_a_single_run(tmp_path: Path) -> None:
    table = make(tmp_path)
    assert runner.replay("again", sample=5, out=tmp_path / "results").n_checked == 5
    assert runner.replay(table, sample=1000).n_checked == 18
    run_id = pd.read_csv(table).run_id[11]
    assert runner.replay(table, run_id[:10]).n_checked == 1
    with pytest.raises(RunnerError, match="has no run 'f0f0"):
        runner.replay(table, "f0f0f0f0f0f0f0f0")


def edit(table: Path, column: str, value: str) -> tuple[str, str]:
    """Change a field of the fourth row; the run, and what stood there."""
    with table.open(newline="") as file:
        rows = list(csv.reader(file))
    at = rows[0].index(column)
    before, rows[4][at] = rows[4][at], value
    with table.open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)
    return rows[4][0], before


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("final_loss", "0.5000000000000001"),
        ("outcome", "saturated"),
        ("epochs_to_diverge", "3.0"),
        ("converged", ""),
        ("cell_id", "a" * 16),
    ],
)
def test_a_changed_measurement_is_found(tmp_path: Path, column: str, value: str) -> None:
    table = make(tmp_path)
    run_id, before = edit(table, column, value)
    (difference,) = runner.replay(table).differences
    assert before != value
    assert difference == Difference(run_id, column, value, before)


@pytest.mark.parametrize(("column", "value"), [("learning_rate", "0.2"), ("seed", "8"), ("faults", "[ascent]")])
def test_a_changed_key_is_found(tmp_path: Path, column: str, value: str) -> None:
    """The identity of a run is that of its keys."""
    table = make(tmp_path)
    run_id, before = edit(table, column, value)
    (difference,) = runner.replay(table, run_id).differences
    assert (difference.run_id, difference.column) == (run_id, "run_id")
    assert str(difference) == f"{run_id}: its keys are those of another run"
    # Beside other rows of its cell and seed, the run is known by its identity.
    assert runner.replay(table).differences == (Difference(run_id, column, value, before),)


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("data", "xorr", "found 'xorr'; did you mean 'xor'?"),
        ("optimizer", "sgd: {", "not valid YAML"),
        ("seed", "first", "seeds: "),
        ("architecture", "3-2-1", "xor has 2 inputs"),
        ("loss", "mse\nname: x", "not valid YAML"),
    ],
)
def test_keys_that_can_not_be_read(tmp_path: Path, column: str, value: str, reason: str) -> None:
    table = make(tmp_path)
    edit(table, column, value)
    with pytest.raises(RunnerError) as caught:
        runner.replay(table)
    assert str(caught.value).startswith(f"{table}: rows can not be trained from their keys: ")
    assert reason in str(caught.value)


def test_a_replay_that_fails_tells_of_no_training(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = make(tmp_path)
    edit(table, "data", "xorr")
    assert main(["replay", str(table.parent / "runs.csv"), "--all"]) == 1
    assert "trained 0 runs" not in capsys.readouterr().err


def test_data_that_has_changed_or_gone(tmp_path: Path) -> None:
    table = make(tmp_path, "files")
    path = tmp_path / "samples, =1.csv"
    path.write_text(path.read_text().replace("4,4", "4,5"))
    with pytest.raises(RunnerError) as caught:
        runner.replay(table)
    assert str(caught.value).startswith(f"{table}: rows can not be trained from their keys: ")
    assert "sha256" in str(caught.value)
    path.unlink()
    with pytest.raises(RunnerError) as caught:
        runner.replay(table)
    assert "there is no file 'samples, =1.csv'" in str(caught.value)


@pytest.mark.parametrize("recorded", [True, False], ids=["recorded", "before it was recorded"])
def test_a_project_that_is_moved_or_copied(
    tmp_path: Path, recorded: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Study, data and results together: data is found beside them, not where it was."""
    project, moved = tmp_path / "project", tmp_path / "moved"
    project.mkdir()
    table = make(project, "files")
    if not recorded:
        facts = json.loads((table.parent / "environment.json").read_text())
        del facts["study"]["beside_results"]
        (table.parent / "environment.json").write_text(json.dumps(facts))
    shutil.copytree(project, moved)
    data = project / "samples, =1.csv"
    data.write_text(data.read_text().replace("4,4", "4,5"))
    table = moved / "results" / "again" / "runs.csv"
    assert runner.replay(table).differences == ()
    shutil.rmtree(project)
    assert runner.replay(table).differences == ()
    monkeypatch.chdir(moved)
    assert main(["plan", "again"]) == 0
    assert "rows: 0 new, 3 kept" in capsys.readouterr().out
    # What is not found is told with where it was looked for.
    (moved / "samples, =1.csv").unlink()
    with pytest.raises(RunnerError) as caught:
        runner.replay(table)
    assert str(caught.value).endswith(f"there is no file 'samples, =1.csv' (looked for in {moved})")


def test_another_version_is_refused(tmp_path: Path) -> None:
    table = make(tmp_path)
    path = table.parent / "environment.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"results_version": RESULTS_VERSION + 1}))
    with pytest.raises(Refused, match=f"holds results of version {RESULTS_VERSION + 1}"):
        runner.replay(table)


def test_a_run_is_recorded(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The full curve and the weights are those of a study that has recorded them from the start."""
    table = make(tmp_path)
    row = pd.read_csv(table, **EXACTLY).iloc[2]
    assert main(["replay", str(table.parent), row.run_id, "--record"]) == 0
    folder = table.parent / "replay" / row.run_id
    assert capsys.readouterr().out.splitlines() == [
        "again: 1 of 18 rows trained again: the same, bit for bit",
        f"curve and weights: {folder}",
    ]
    whole = make(tmp_path, name="budgets", record={"curves": 1000, "weights": True})
    curve, curves = (pd.read_csv(path / "curves.csv", **EXACTLY) for path in (folder, whole.parent))
    assert curve.epoch.tolist() == list(range(6))
    assert curve.equals(curves[curves.run_id == row.run_id].reset_index(drop=True))
    assert curve.loss.tolist()[-1] == row.final_loss
    with np.load(folder / "weights.npz") as one, np.load(whole.parent / "weights.npz") as all_runs:
        assert one["2-3-1/run_id"].tolist() == [row.run_id]
        at = all_runs["2-3-1/run_id"].tolist().index(row.run_id)
        for part in ("initial", "final"):
            assert np.array_equal(one[f"2-3-1/{part}"][0], all_runs[f"2-3-1/{part}"][at])
    assert (folder / "runs.csv").read_bytes().splitlines()[1] in table.read_bytes()


def test_nothing_is_recorded_through_a_link(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = make(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    (table.parent / "replay").symlink_to(tmp_path / "elsewhere")
    assert main(["replay", str(table.parent), pd.read_csv(table).run_id[0], "--record"]) == 3
    assert "is a symbolic link; only real files are written" in capsys.readouterr().err
    assert not list((tmp_path / "elsewhere").iterdir())


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = make(tmp_path)
    item = str(table.parent)
    assert main(["replay", item, "--sample", "4"]) == 0
    told = capsys.readouterr()
    assert told.out == "again: 4 of 18 rows trained again: the same, bit for bit\n"
    assert "again: training 4 runs\n" in told.err
    text = table.read_text()
    loss = pd.read_csv(table, dtype=str).final_loss[0]
    table.write_text(text.replace(f",{loss},", ",0.25,"))
    assert main(["replay", item, "--all", "--json", "-q"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert (found["name"], found["rows"], found["checked"], found["differing"]) == ("again", 18, 18, 1)
    assert found["differences"][0]["now"] == loss
    assert main(["replay", item, "--all"]) == 1
    first, line = capsys.readouterr().out.splitlines()
    assert first == "again: 18 of 18 rows trained again: 1 differs"
    assert line.endswith(f": final_loss is 0.25 in the table, and {loss} now")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "which rows? give NAME and one of: a RUN_ID, --sample N, --all"),
        (["--all", "--sample", "3"], "which rows? give NAME and one of: a RUN_ID, --sample N, --all"),
        (["--all", "--record"], "--record keeps the curve and the weights of one run: give its RUN_ID"),
        (["--sample", "0"], "argument --sample: expected a whole number of at least 1, not '0'"),
    ],
)
def test_wrong_arguments(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    table = make(tmp_path)
    assert main(["replay", str(table.parent), *arguments]) == 2
    assert capsys.readouterr().err.startswith(f"error: {message}")


def test_threads_and_parts_do_not_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runner.training.stored_rows._CELLS", 2)
    monkeypatch.setattr(sys.modules["runner.training.replay"], "_ROWS", 5)
    table = make(tmp_path)
    for threads in (1, 3):
        found = runner.replay(table, threads=threads)
        assert (found.n_checked, found.differences) == (18, ())


def test_a_table_of_other_columns_is_refused(tmp_path: Path) -> None:
    table = make(tmp_path)
    table.write_bytes(FAKE_HEADER.line + table.read_bytes())
    with pytest.raises(Refused, match="other columns"):
        runner.replay(table)


def test_rows_of_the_engine_are_those_of_the_session(tmp_path: Path) -> None:
    """What `replay` compares with is what the engine gives for the plan of the study itself."""
    keys = {key: value for key, value in (BASE | STUDIES["budgets"]).items() if key != "replicates"}
    runs = studies.run(tmp_path, **keys)
    table = make(tmp_path)
    assert pd.read_csv(table, **EXACTLY).final_loss.to_numpy().tolist()[:3] == runs.column("final_loss").tolist()[:3]


@pytest.mark.parametrize("flags", [["--all"], ["--sample", "5"]], ids=["all", "sample"])
def test_a_table_without_rows_does_not_hold(
    tmp_path: Path, flags: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    path = Path(runner.run(studies.make(tmp_path, **BASE).study, out=tmp_path / "results"))
    path.write_bytes(path.read_bytes().split(b"\n")[0] + b"\n")
    assert main(["replay", str(path), *flags]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == f"error: {path} has no rows: there is nothing to replay\n"
