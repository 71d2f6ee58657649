"""Train every combination of a small network's settings in parallel jitted kernels: one row per run.

Examples
--------
>>> import runner
>>> study = runner.load("configs/xor_sweep.yaml", "replicates=10")  # doctest: +SKIP
>>> runner.plan(study).n_runs  # doctest: +SKIP
3360
>>> table = runner.run(study)  # doctest: +SKIP
>>> runs = runner.read_results(table)  # doctest: +SKIP
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from runner import given

# Heavy modules (numpy, numba, pandas, pydantic) are imported by the functions that need them: `import runner`
# is instant, and so are the command line's answers to --help and to a wrong argument.
if TYPE_CHECKING:
    import pandas

    from runner.errors import Problem, Refused, RunnerError, StudyError
    from runner.plan import Plan
    from runner.replay import Replayed
    from runner.report.explain import Explanation
    from runner.study import Study

__all__ = [
    "Explanation",
    "Plan",
    "Problem",
    "Refused",
    "Replayed",
    "RunnerError",
    "Study",
    "StudyError",
    "__version__",
    "explain",
    "load",
    "plan",
    "read_results",
    "replay",
    "run",
    "schema",
]


def load(path: str | Path, *overrides: str) -> Study:
    """Read and check a study.

    Parameters
    ----------
    path : str or Path
        The YAML file.
    *overrides : str
        Keys to change, as on the command line: ``"learning_rate=[0.1, 1]"``.

    Returns
    -------
    Study

    Raises
    ------
    StudyError
        With every problem of the file and of the overrides.
    """
    from runner.study import load_study

    return load_study(given.path("path", path), given.texts("overrides", overrides))


def plan(study: Study, max_runs: int = 10**9) -> Plan:
    """Runs of a study, in the order of its table.

    Parameters
    ----------
    study : Study
        As `load` returns it.
    max_runs : int
        A study with more is refused.

    Returns
    -------
    Plan
    """
    from runner.plan import make_plan

    most = given.count("max_runs", max_runs)
    return make_plan(given.study("study", study), 10**9 if most is None else most)


def run(
    study: Study | str | Path,
    *overrides: str,
    out: str | Path = "results",
    threads: int | None = None,
    retry_failed: bool = False,
    quiet: bool = True,
) -> Path:
    """Train every run of a study that has no row yet.

    Parameters
    ----------
    study : Study, str or Path
        The study, or its file.
    *overrides : str
        Keys to change, when a file is given.
    out : str or Path
        Folder of all results.
    threads : int, optional
        Default all cores; it changes no byte of the table.
    retry_failed : bool
        Whether runs that could not be trained by an earlier call are tried again.
    quiet : bool
        Whether to show nothing while it trains.

    Returns
    -------
    Path
        The table, `out/NAME/runs.csv`.

    Raises
    ------
    RunnerError
        When the study is wrong, the results are in use or can not be written, or some runs failed.
    TypeError
        When an argument is of another type; likewise by all functions here.
    KeyboardInterrupt
        After Ctrl-C; all finished runs have their rows, and the same call goes on with the others.
    """
    from runner.errors import RunnerError
    from runner.plan import make_plan
    from runner.session import Options, run_session

    if isinstance(study, str | os.PathLike):
        study = load(study, *overrides)
    elif overrides:
        raise TypeError("overrides change a study while it is read: pass them to load()")
    options = Options(
        out=given.path("out", out),
        threads=given.threads(threads),
        retry_failed=bool(retry_failed),
        quiet=bool(quiet),
    )
    outcome = run_session(make_plan(given.study("study", study)), options)
    if outcome.interrupted:
        raise KeyboardInterrupt
    if outcome.failed:
        raise RunnerError(f"{outcome.failed:,} runs could not be trained: {'; '.join(outcome.reasons)}")
    return outcome.table


def read_results(target: str | Path, out: str | Path = "results") -> pandas.DataFrame:
    """Table of a study.

    Parameters
    ----------
    target : str or Path
        Name of the study, its folder of results, or the file.
    out : str or Path
        Folder of all results, in which a name is looked up.

    Returns
    -------
    DataFrame
        One row per run; numbers are exactly those that were measured.
    """
    import pandas

    # Before version 3.1, pandas rounds numbers by default while it reads them.
    exact: dict[str, Any] = {} if pandas.__version__ >= "3.1" else {"float_precision": "round_trip"}
    table: pandas.DataFrame = pandas.read_csv(_table(target, out), **exact)
    return table


def explain(target: str | Path, run_id: str | None = None, out: str | Path = "results") -> Explanation:
    """Why runs fail, which settings matter, and what would have saved the failed runs.

    Parameters
    ----------
    target : str or Path
        Name of the study, its folder of results, or the file.
    run_id : str, optional
        A run to look at by itself.
    out : str or Path
        Folder of all results, in which a name is looked up.

    Returns
    -------
    Explanation
        Outcomes, effects of the axes, and changes, as numbers.
    """
    from runner.report.explain import explain as explained

    return explained(_table(target, out), given.text("run_id", run_id))


def replay(
    target: str | Path,
    run_id: str | None = None,
    *,
    sample: int | None = None,
    out: str | Path = "results",
    threads: int | None = None,
) -> Replayed:
    """Train rows of a table again, from their own keys, and compare them with it, bit for bit.

    Parameters
    ----------
    target : str or Path
        Name of the study, its folder of results, or the file.
    run_id : str, optional
        One run, or the beginning of its identity.
    sample : int, optional
        So many rows, drawn by chance. With neither, the whole table.
    out : str or Path
        Folder of all results, in which a name is looked up.
    threads : int, optional
        Default all cores.

    Returns
    -------
    Replayed
        With `differences`, none of them when the table holds.

    Raises
    ------
    RunnerError
        When there are no such results, or another version of the runner has made them, or a row can not be trained.
    """
    from runner.reading import full_id
    from runner.replay import choice
    from runner.replay import replay as replayed

    table, run_id = _table(target, out), given.text("run_id", run_id)
    chosen = choice(None if run_id is None else full_id(table, run_id), given.count("sample", sample))
    return replayed(table, chosen, given.threads(threads))


def schema() -> dict[str, Any]:
    """JSON schema of a study file, for editors."""
    from runner.study import json_schema

    return json_schema()


def _table(target: str | Path, out: str | Path) -> Path:
    from runner.store.files import find_table

    return find_table(given.path("target", target), given.path("out", out))


_LAZY = {
    "Explanation": "runner.report.explain",
    "Plan": "runner.plan",
    "Problem": "runner.errors",
    "Refused": "runner.errors",
    "Replayed": "runner.replay",
    "RunnerError": "runner.errors",
    "Study": "runner.study",
    "StudyError": "runner.errors",
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from runner.environment import version

        return version()
    if name in _LAZY:
        from importlib import import_module

        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'runner' has no attribute {name!r}")


class _Package(ModuleType):
    """Keeps the public function `plan` when the import system binds the submodule of the same name."""

    def __setattr__(self, name: str, value: object) -> None:
        if not (isinstance(value, ModuleType) and name in __all__):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
