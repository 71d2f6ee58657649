"""Results for the programs in which people follow experiments: as their trials, runs, sessions or table.

Each writes into a place of its own and through the other program's library, which is imported only here and only then.
A key with one value in the whole table says nothing about a run: it is told once, of the experiment, where there is a
place for it.
"""

from __future__ import annotations

import logging
import math
import secrets
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
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
_INFINITE = (math.inf, -math.inf)


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
    study : callable
        Reads what the study says, as in its file, and the versions with which it was run.
    """

    name: str
    ids: list[str]
    settings: list[Column]
    measured: list[Column]
    fixed: dict[str, Any]
    study: Callable[[], Mapping[str, Any]] = dict

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


def runs_of(name: str, columns: list[Column], study: Callable[[], Mapping[str, Any]] = dict) -> Runs:
    """A table with types, taken apart.

    Parameters
    ----------
    name : str
        Of the study.
    columns : list of Column
    study : callable, optional
        Reads what the study says, for a program that has a place for it.
    """
    measured = {column.name for column in MEASUREMENTS} | {"outcome"}
    by_name = {column.name: column for column in columns}
    keys = [column for column in columns if column.name not in measured and column.name not in _IDS]
    values = {column.name: column.objects() for column in keys}
    settings = [column for column in keys if len(set(values[column.name])) > 1]
    fixed = {column.name: values[column.name][0] for column in keys if column not in settings and values[column.name]}
    known = [column for column in columns if column.name in measured]
    return Runs(name, list(map(str, by_name["run_id"].values)), settings, known, fixed, study)


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


def _write_wandb(runs: Runs, path: Path) -> None:
    """A folder with one offline run of Weights & Biases: the study is its config, and all rows are one table.

    The table is a file of the run. `log` by itself would also make an artifact of it: a file in the user's home, whose
    absolute path stands in the run, so that the folder would tell that path and could not be uploaded from elsewhere.
    """
    import wandb

    # Whatever the user's own settings are: nothing is sent, and nothing of the machine is written.
    settings = wandb.Settings(
        mode="offline",
        root_dir=str(path),
        console="off",
        silent=True,
        reinit="create_new",
        symlink=False,
        disable_git=True,
        disable_code=True,
        disable_job_creation=True,
        x_disable_machine_info=True,
        x_disable_meta=True,
        x_disable_stats=True,
        x_save_requirements=False,
    )
    columns = [*runs.settings, *runs.measured]
    kinds = [str, *({"int": int, "float": float, "bool": bool}.get(column.kind, str) for column in columns)]
    # JSON has no number that is not finite; the outcome says what happened.
    cells = [[None if value != value or value in _INFINITE else value for value in each.objects()] for each in columns]
    config = {name: value for name, value in runs.fixed.items() if value is not None} | dict(runs.study())
    path.mkdir()
    try:
        identity = secrets.token_hex(4)
        with wandb.init(settings=settings, id=identity, project=runs.name, name=runs.name, config=config) as run:
            table = wandb.Table(
                columns=["run_id", *(column.name for column in columns)],
                data=[list(row) for row in zip(runs.ids, *cells, strict=True)],
                dtype=kinds,
            )
            table.bind_to_run(run, "runs", 0)
            run.log({"runs": table})
            run.summary.update(_summary(runs))
    except wandb.Error as error:
        raise OSError(str(error)) from error
    (written,) = (path / "wandb").glob("offline-run-*")
    # Logs of W&B name the machine's folders, and no program reads them.
    for name in ("logs", "tmp"):
        shutil.rmtree(written / name, ignore_errors=True)
    written.rename(path / written.name)
    shutil.rmtree(path / "wandb")


def _summary(runs: Runs) -> dict[str, Any]:
    """How many runs there are, what share has converged, and what share has each outcome."""
    n = len(runs.ids)
    measured = {column.name: column.objects() for column in runs.measured if column.name in ("outcome", "converged")}
    found: dict[str, Any] = {"number_of_runs": n}
    if n and "converged" in measured:
        found["converged"] = sum(map(bool, measured["converged"])) / n
    if n and "outcome" in measured:
        found["outcomes"] = {outcome: count / n for outcome, count in Counter(measured["outcome"]).items()}
    return found


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
        Runs that are written, at most.
    is_folder : bool
    quiet : mapping of str to str
        Environment variables, read when its package is imported, with which it tells nobody that it is used.
    reason : str
        Why there are no more runs than that.
    """

    write: Callable[[Runs, Path], None]
    beside: str
    packages: Mapping[str, str]
    most: int
    is_folder: bool = False
    quiet: Mapping[str, str] = field(default_factory=dict)
    reason: str = "takes every run by itself"


TRACKERS: Mapping[str, Tracker] = MappingProxyType(
    {
        "optuna": Tracker(_write_optuna, "runs.optuna.log", {"optuna": "optuna"}, 100_000),
        "tensorboard": Tracker(_write_tensorboard, "tensorboard", {"tensorboardX": "tensorboardX"}, 10_000, True),
        "mlflow": Tracker(
            _write_mlflow,
            "mlflow.db",
            {"mlflow": "mlflow-skinny", "sqlalchemy": "sqlalchemy", "alembic": "alembic"},
            10_000,
            quiet={"MLFLOW_DISABLE_TELEMETRY": "true"},
        ),
        "wandb": Tracker(
            _write_wandb,
            "wandb",
            {"wandb": "wandb"},
            10_000,
            True,
            {"WANDB_ERROR_REPORTING": "false"},
            # Its tables in files are cut after as many rows, and nobody is told.
            "takes all runs as one table of a limited length",
        ),
    }
)
"""By name, as `export --to` takes it."""
