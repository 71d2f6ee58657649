"""Results in Optuna, TensorBoard, MLflow and Weights & Biases: read by these programs themselves."""

from __future__ import annotations

import json
import math
import re
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import runner
from runner.cli.main import run
from runner.errors import Refused
from runner.results import trackers

STUDY = {
    "name": "small",
    "data": "xor",
    "architecture": "2-2-1",
    "learning_rate": 0.5,
    "epochs": 30,
    "sweep": {
        # The last rate diverges, so that some losses are no numbers.
        "grid": {"learning_rate": [0.1, 1, 10], "init": ["zeros", "normal(0, 1)"]},
        "include": [{"optimizer": "momentum", "output": "identity", "learning_rate": 1e9}],
    },
    "replicates": 2,
}
SETTINGS = ("learning_rate", "init", "optimizer", "output", "seed")


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The table of a study."""
    return Path(runner.run(STUDY, out=tmp_path_factory.mktemp("trackers"), threads=1))


@pytest.fixture(scope="module")
def rows(table: Path) -> pd.DataFrame:
    """The same by pandas."""
    return pd.read_csv(table).set_index("run_id")


def test_optuna_opens_the_study(table: Path, rows: pd.DataFrame, tmp_path: Path) -> None:
    optuna = pytest.importorskip("optuna")
    path = runner.export(table, "optuna", tmp_path / "runs.log")
    storage = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(path)))
    study = optuna.load_study(study_name=None, storage=storage)
    assert (study.study_name, len(study.trials)) == ("small", len(rows))
    assert study.user_attrs["data"] == "xor"
    for trial in study.trials:
        row = rows.loc[trial.user_attrs["run_id"]]
        assert trial.state.is_finished()
        assert trial.params["learning_rate"] == row["learning_rate"]
        assert trial.params["init"] == row["init"]
        assert trial.user_attrs["outcome"] == row["outcome"]
        if math.isfinite(row["final_loss"]):
            assert trial.value == row["final_loss"]
        else:
            assert trial.state == optuna.trial.TrialState.FAIL
    assert study.best_value == rows["final_loss"].min()
    figure = optuna.visualization.plot_slice(study, params=["learning_rate"])
    (points,) = figure.data
    finite = rows[rows["final_loss"].map(math.isfinite)]
    assert sorted(points.x) == sorted(finite["learning_rate"])
    assert optuna.visualization.plot_parallel_coordinate(study).data


def test_the_program_of_the_page_runs(table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("optuna")
    text = (Path(__file__).parents[2] / "results" / "README.md").read_text(encoding="utf-8")
    section = text.split("## For programs that follow experiments\n")[1].split("\n## ")[0]
    (block,) = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    runner.export(table, "optuna", tmp_path / "runs.optuna.log")
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(block.replace("results/xor_sweep/", "").replace("xor_sweep", "small"), names)
    assert names["figure"].data


def test_tensorboard_opens_the_runs(table: Path, rows: pd.DataFrame, tmp_path: Path) -> None:
    pytest.importorskip("tensorboardX")
    accumulators = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

    folder = runner.export(table, "tensorboard", tmp_path / "boards")
    assert {path.name for path in folder.iterdir()} == set(rows.index)
    for run_id, row in rows.iterrows():
        events = accumulators.EventAccumulator(str(folder / str(run_id)))
        events.Reload()
        plugin = HParamsPluginData()
        plugin.ParseFromString(events.SummaryMetadata("_hparams_/session_start_info").plugin_data.content)
        hparams = plugin.session_start_info.hparams
        assert hparams["learning_rate"].number_value == row["learning_rate"]
        assert hparams["init"].string_value == row["init"]
        assert hparams["outcome"].string_value == row["outcome"]
        (accuracy,) = events.Scalars("accuracy")
        assert accuracy.value == pytest.approx(row["accuracy"], nan_ok=True)
        (converged,) = events.Scalars("converged")
        assert converged.value == row["converged"]


def test_mlflow_opens_the_runs(table: Path, rows: pd.DataFrame, tmp_path: Path) -> None:
    pytest.importorskip("mlflow")
    path = runner.export(table, "mlflow", tmp_path / "m.db")
    from mlflow.tracking import MlflowClient

    client = MlflowClient(f"sqlite:///{path}")
    experiment = client.get_experiment_by_name("small")
    assert experiment.tags["runner.data"] == "xor"
    found = {found.info.run_name: found for found in client.search_runs([experiment.experiment_id])}
    assert found.keys() == set(rows.index)
    for run_id, row in rows.iterrows():
        data = found[str(run_id)].data
        assert found[str(run_id)].info.status == "FINISHED"
        assert float(data.params["learning_rate"]) == row["learning_rate"]
        assert data.params["init"] == row["init"]
        assert data.tags["outcome"] == row["outcome"]
        assert data.metrics["converged"] == row["converged"]
        assert ("final_loss" in data.metrics) == math.isfinite(row["final_loss"])
    good = client.search_runs([experiment.experiment_id], "metrics.converged = 1 and params.init = 'normal(0, 1)'")
    expected = rows[rows["converged"] & (rows["init"] == "normal(0, 1)")]
    assert {each.info.run_name for each in good} == set(expected.index)


def records(path: Path) -> Iterator[Any]:
    """What stands in a file of Weights & Biases: its Protocol Buffers, in blocks of a log of LevelDB."""
    from wandb.proto.wandb_internal_pb2 import Record

    content = path.read_bytes()
    place, block, parts = 7, 1 << 15, b""
    while place < len(content):
        if (left := block - place % block) < 7:
            place += left
            continue
        size, kind = struct.unpack("<HB", content[place + 4 : place + 7])
        parts += content[place + 7 : place + 7 + size]
        place += 7 + size
        if kind in (1, 4):  # all of a record, or the last part of one
            yield Record.FromString(parts)
            parts = b""


@pytest.fixture(scope="module")
def wandb_run(table: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The offline run of the study."""
    pytest.importorskip("wandb")
    with pytest.MonkeyPatch.context() as patch:
        # Settings that a user may have, none of which may matter.
        for name, value in {"MODE": "online", "DISABLED": "true", "RUN_ID": "mine", "DIR": "/nowhere"}.items():
            patch.setenv(f"WANDB_{name}", value)
        patch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")
        folder = runner.export(table, "wandb", tmp_path_factory.mktemp("wandb") / "w")
    (found,) = folder.iterdir()
    assert found.name.startswith("offline-run-")
    return found


def test_wandb_has_the_study_as_config_and_rates_as_summary(wandb_run: Path, rows: pd.DataFrame) -> None:
    (path,) = wandb_run.glob("run-*.wandb")
    found = list(records(path))
    (run,) = (each.run for each in found if each.HasField("run"))
    assert (run.project, run.display_name) == ("small", "small")
    config = {item.key: json.loads(item.value_json) for item in run.config.update}
    for key, value in STUDY.items():
        if key != "sweep":
            assert config[key] == value, key
    assert config["sweep"]["grid"] == {"learning_rate": [0.1, 1, 10], "init": ["zeros", "normal(0, 1)"]}
    assert None not in config.values()
    assert config["loss"] == "half_sse"  # which is the default
    assert config["versions"]["python"] == sys.version.split()[0]
    summary: dict[str, Any] = {}
    for each in found:
        for item in each.summary.update:
            summary[item.key or ".".join(item.nested_key)] = json.loads(item.value_json)
    assert summary["number_of_runs"] == len(rows)
    assert summary["converged"] == rows["converged"].mean()
    assert summary["outcomes"] == pytest.approx(rows["outcome"].value_counts(normalize=True).to_dict())
    assert summary["runs.nrows"] == len(rows)
    assert (wandb_run / "files" / summary["runs.path"]).is_file()
    assert any(each.HasField("exit") and each.exit.exit_code == 0 for each in found)


def test_wandb_has_all_rows_as_a_table_with_types(wandb_run: Path, table: Path, rows: pd.DataFrame) -> None:
    (path,) = wandb_run.glob("files/media/table/*.json")

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    content = json.loads(path.read_text(), parse_constant=refuse)
    frame = pd.DataFrame(content["data"], columns=content["columns"]).set_index("run_id")
    assert list(frame.index) == list(rows.index)
    assert set(SETTINGS) | {"outcome", "converged", "final_loss"} <= set(frame.columns)
    for column in trackers_columns(table):
        if column.name in frame.columns:
            kind = {"float": (float, int), "int": int, "bool": bool}.get(column.kind, str)
            for cell, value in zip(frame[column.name].astype(object), column.objects(), strict=True):
                if value is None or (isinstance(value, float) and not math.isfinite(value)):
                    assert pd.isna(cell)
                else:
                    assert isinstance(cell, kind)
                    assert cell == value


def test_wandb_tells_nothing_of_the_machine(wandb_run: Path) -> None:
    files = [path for path in wandb_run.rglob("*") if not path.is_dir()]
    assert sorted(path.suffix for path in files) == [".json", ".wandb"]
    secrets = (str(wandb_run.parent.parent), str(Path.home()), sys.executable, socket.gethostname(), str(Path.cwd()))
    for path in files:
        content = path.read_bytes()
        for text in secrets:
            assert len(text) < 4 or text.encode() not in content
    (path,) = wandb_run.glob("run-*.wandb")
    kinds = {each.WhichOneof("record_type") for each in records(path)}
    assert not kinds & {"artifact", "environment", "output", "output_raw", "stats"}


def test_wandb_keeps_every_row_that_is_taken() -> None:
    wandb = pytest.importorskip("wandb")
    assert trackers.TRACKERS["wandb"].most <= wandb.Table.MAX_ROWS


def test_wandb_leaves_a_run_of_the_user_alone(table: Path, tmp_path: Path) -> None:
    wandb = pytest.importorskip("wandb")
    settings = wandb.Settings(mode="offline", root_dir=str(tmp_path), console="off", silent=True)
    with wandb.init(settings=settings, project="mine") as mine:
        runner.export(table, "wandb", tmp_path / "w")
        assert wandb.run is mine
        mine.log({"loss": 1.0})


def test_wandb_sync_finds_the_run(wandb_run: Path) -> None:
    command = [sys.executable, "-m", "wandb", "sync", "--dry-run", str(wandb_run.parent)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "1 run" in done.stdout + done.stderr
    assert wandb_run.name in done.stdout + done.stderr


def test_only_what_differs_is_a_setting(table: Path, rows: pd.DataFrame) -> None:
    runs = trackers.runs_of("small", trackers_columns(table))
    differing = {name for name in rows.columns if rows[name].nunique(dropna=False) > 1}
    assert {column.name for column in runs.settings} <= differing
    assert {column.name for column in runs.settings} >= set(SETTINGS)
    assert runs.fixed["architecture"] == "2-2-1"
    assert "outcome" in {column.name for column in runs.measured}


def trackers_columns(table: Path) -> list[Any]:
    """The columns of a table with their types."""
    from runner.results.typed import read_typed

    return read_typed(table)


def test_too_many_runs_are_refused(table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    few = trackers.Tracker(lambda runs, path: None, "x", {}, 5)
    monkeypatch.setattr("runner.results.export.TRACKERS", {"optuna": few})
    with pytest.raises(Refused, match=r"optuna takes every run by itself, and 14 runs are more .* \(5\)"):
        runner.export(table, "optuna", tmp_path / "x")


def test_a_folder_that_is_there_is_kept(table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "boards").mkdir()
    arguments = ["export", str(table), "--to", "tensorboard", "--into", str(tmp_path / "boards")]
    assert run(arguments) == 3
    assert capsys.readouterr().err.endswith("boards is there already: remove it, or pass another --into\n")


def test_a_program_is_told_to_be_quiet_before_it_is_imported(
    table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "talkative.py").write_text("import os\nassert os.environ['TALKATIVE'] == 'no'\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("TALKATIVE", "")
    monkeypatch.delenv("TALKATIVE")
    quiet = trackers.Tracker(
        lambda runs, path: path.touch(), "x", {"talkative": "talkative"}, 100, quiet={"TALKATIVE": "no"}
    )
    monkeypatch.setattr("runner.results.export.TRACKERS", {"optuna": quiet})
    assert runner.export(table, "optuna", tmp_path / "x").exists()
    assert trackers.TRACKERS["mlflow"].quiet == {"MLFLOW_DISABLE_TELEMETRY": "true"}
    assert trackers.TRACKERS["wandb"].quiet == {"WANDB_ERROR_REPORTING": "false"}


@pytest.mark.parametrize(("tracker", "package"), [("mlflow", "mlflow-skinny"), ("wandb", "wandb")])
def test_a_package_that_is_missing_is_told(
    tracker: str,
    package: str,
    table: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setitem(sys.modules, tracker, None)
    assert run(["export", str(table), "--to", tracker, "--into", str(tmp_path / "m")]) == 1
    assert capsys.readouterr().err == (
        f"error: {tracker} needs {package}, which is not installed: pip install {package}\n"
    )
    assert not list(tmp_path.iterdir())
