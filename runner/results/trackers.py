"""Results for the programs in which people follow experiments: every run as a trial, a run or a session of theirs.

Each writes into a place of its own and through the other program's library, which is imported only here and only then.
A key with one value in the whole table says nothing about a run: it is told once, of the experiment, where there is a
place for it.
"""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from runner.measurements import MEASUREMENTS
from runner.results.typed import Column

OBJECTIVE = "final_loss"
"""What a trial of Optuna is judged by."""
_IDS = ("run_id", "cell_id")
# From this ratio of the largest to the smallest value on, a setting is drawn on a logarithmic axis.
_WIDE = 30.0


@dataclass(frozen=True, eq=False)
class Runs:
    """A table as these programs see it.

    Attributes
    ----------
    name : str
        Of the study.
    ids : list of str
        Identities of the runs.
    settings, measured : list of Column
        Keys that differ between runs, and what was measured.
    fixed : dict of str to object
        Keys that have one value, and that value.
    """

    name: str
    ids: list[str]
    settings: list[Column]
    measured: list[Column]
    fixed: dict[str, Any]

    def rows(self) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
        """Of every run: its identity, its settings, and its measurements; what is missing is left out."""
        parts = [[column.objects() for column in columns] for columns in (self.settings, self.measured)]
        names = [[column.name for column in columns] for columns in (self.settings, self.measured)]
        for i, run_id in enumerate(self.ids):
            given, measured = (
                {name: values[i] for name, values in zip(known, part, strict=True) if values[i] is not None}
                for known, part in zip(names, parts, strict=True)
            )
            yield run_id, given, measured


def runs_of(name: str, columns: list[Column]) -> Runs:
    """A table with types, taken apart.

    Parameters
    ----------
    name : str
        Of the study.
    columns : list of Column
    """
    measured = {column.name for column in MEASUREMENTS} | {"outcome"}
    by_name = {column.name: column for column in columns}
    keys = [column for column in columns if column.name not in measured and column.name not in _IDS]
    values = {column.name: column.objects() for column in keys}
    settings = [column for column in keys if len(set(values[column.name])) > 1]
    fixed = {column.name: values[column.name][0] for column in keys if column not in settings and values[column.name]}
    known = [column for column in columns if column.name in measured]
    return Runs(name, list(map(str, by_name["run_id"].values)), settings, known, fixed)


def _numbers(measured: Mapping[str, Any]) -> dict[str, float]:
    """What was measured as finite numbers; true is 1."""
    numbers = {name: float(value) for name, value in measured.items() if isinstance(value, int | float)}
    return {name: value for name, value in numbers.items() if math.isfinite(value)}


def _write_optuna(runs: Runs, path: Path) -> None:
    """A storage of Optuna (a journal file) with one study, whose trials are the runs.

    A run whose final loss is no finite number is a trial that has failed.
    """
    import optuna
    from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend
    from optuna.trial import TrialState

    def distribution(column: Column) -> BaseDistribution:
        values = [value for value in column.objects() if value is not None]
        low, high = (min(values), max(values)) if column.kind in ("int", "float") else (0, 0)
        if column.kind == "int":
            return IntDistribution(low, high, log=low > 0 and high / low >= _WIDE)
        if column.kind == "float" and math.isfinite(low) and math.isfinite(high):
            return FloatDistribution(low, high, log=low > 0 and high / low >= _WIDE)
        return CategoricalDistribution(tuple(dict.fromkeys(values)))

    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        storage = JournalStorage(JournalFileBackend(str(path)))
        study = optuna.create_study(storage=storage, study_name=runs.name, direction="minimize")
        for name, value in runs.fixed.items():
            study.set_user_attr(name, value)
        space = {column.name: distribution(column) for column in runs.settings}
        trials = []
        for run_id, settings, measured in runs.rows():
            loss = measured.get(OBJECTIVE, math.nan)
            finished = math.isfinite(loss)
            trials.append(
                optuna.create_trial(
                    state=TrialState.COMPLETE if finished else TrialState.FAIL,
                    value=loss if finished else None,
                    params=settings,
                    distributions={name: space[name] for name in settings},
                    user_attrs={"run_id": run_id, **measured},
                )
            )
        study.add_trials(trials)
    finally:
        optuna.logging.set_verbosity(verbosity)


def _write_tensorboard(runs: Runs, path: Path) -> None:
    """A folder with one of event files for each run: its settings as hyperparameters, its measurements as scalars."""
    from tensorboardX import SummaryWriter
    from tensorboardX.summary import hparams

    for run_id, settings, measured in runs.rows():
        numbers = _numbers(measured)
        with SummaryWriter(str(path / run_id), flush_secs=3600) as writer:
            for summary in hparams({**settings, "outcome": measured.get("outcome", "")}, numbers):
                writer.file_writer.add_summary(summary)
            for name, value in numbers.items():
                writer.add_scalar(name, value, 0)


def _write_mlflow(runs: Runs, path: Path) -> None:
    """A database of MLflow (SQLite) with one experiment, whose runs are the runs."""
    # Read when the package is imported: nobody is told that it is used.
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    logging.getLogger("mlflow").setLevel(logging.WARNING)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    from mlflow.entities import Metric, Param, RunTag
    from mlflow.tracking import MlflowClient

    client = MlflowClient(f"sqlite:///{path.resolve()}")
    tags = {f"runner.{name}": str(value) for name, value in runs.fixed.items()}
    place = path.parent.resolve().as_uri()
    experiment = client.create_experiment(runs.name, artifact_location=place, tags=tags)
    for run_id, settings, measured in runs.rows():
        run = client.create_run(experiment, run_name=run_id).info
        metrics = [Metric(name, value, run.start_time, 0) for name, value in _numbers(measured).items()]
        params = [Param(name, str(value)) for name, value in settings.items()]
        client.log_batch(run.run_id, metrics, params, [RunTag("outcome", measured.get("outcome", ""))])
        client.set_terminated(run.run_id)


@dataclass(frozen=True)
class Tracker:
    """A program in which experiments are followed.

    Attributes
    ----------
    write : callable (runs, path)
    beside : str
        Where it goes beside the table.
    packages : mapping of str to str
        What it needs: how a package is imported, and how it is installed.
    most : int
        Runs that are written, at most: each takes some milliseconds and some room.
    is_folder : bool
    """

    write: Callable[[Runs, Path], None]
    beside: str
    packages: Mapping[str, str]
    most: int
    is_folder: bool = False


TRACKERS: Mapping[str, Tracker] = MappingProxyType(
    {
        "optuna": Tracker(_write_optuna, "runs.optuna.log", {"optuna": "optuna"}, 100_000),
        "tensorboard": Tracker(_write_tensorboard, "tensorboard", {"tensorboardX": "tensorboardX"}, 10_000, True),
        "mlflow": Tracker(
            _write_mlflow,
            "mlflow.db",
            {"mlflow": "mlflow-skinny", "sqlalchemy": "sqlalchemy", "alembic": "alembic"},
            10_000,
        ),
    }
)
"""By name, as `export --to` takes it."""
