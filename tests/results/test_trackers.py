"""Results in Optuna, TensorBoard and MLflow: read by these programs themselves."""

from __future__ import annotations

import math
import re
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


def test_a_package_that_is_missing_is_told(
    table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "mlflow", None)
    assert run(["export", str(table), "--to", "mlflow", "--into", str(tmp_path / "m.db")]) == 1
    assert capsys.readouterr().err == (
        "error: mlflow needs mlflow-skinny, which is not installed: pip install mlflow-skinny\n"
    )
    assert not list(tmp_path.iterdir())
