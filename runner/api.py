"""The public functions: they check their arguments, and the packages do the work.

Heavy modules (numpy, numba, pandas, pydantic) are imported by the functions that need them, so that `import runner`
stays fast. An argument of another type is a TypeError that names the argument, what was expected and what was found.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner.machine import MAX_RUNS, MOST_THREADS

if TYPE_CHECKING:
    import pandas

    from runner.analysis.explain.explanation import Explanation
    from runner.diagnosis.result import Diagnosis
    from runner.figures.draw import Axes
    from runner.study.load import Study
    from runner.study.plan import Plan
    from runner.training.replay import Replayed


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
    from runner.study.load import load_study

    for override in overrides:
        if not isinstance(override, str):
            raise _unfit("overrides", "a str, 'key=value', each", override)
    return load_study(_path("path", path), overrides)


def plan(study: Study, max_runs: int | None = MAX_RUNS) -> Plan:
    """Runs of a study, in the order of its table.

    Parameters
    ----------
    study : Study
        As `load` returns it.
    max_runs : int, optional
        A study with more runs is refused; default ten million, as on the command line.

    Returns
    -------
    Plan

    Raises
    ------
    Refused
        When the study has more runs.
    """
    from runner.study.plan import make_plan

    return make_plan(_study("study", study), _count("max_runs", max_runs) or MAX_RUNS)


def run(
    study: Study | str | Path,
    *overrides: str,
    out: str | Path = "results",
    threads: int | None = None,
    max_runs: int | None = MAX_RUNS,
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
    max_runs : int, optional
        A study with more runs is refused; default ten million, as on the command line.
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
        When the study is wrong or has too many runs, the results are in use or can not be written, or some runs failed.
    KeyboardInterrupt
        After Ctrl-C; all finished runs have their rows, and the same call goes on with the others.
    """
    from runner.errors import RunnerError
    from runner.terminal import counted
    from runner.training.session import Options, run_session

    if isinstance(study, str | os.PathLike):
        study = load(study, *overrides)
    elif overrides:
        raise TypeError("overrides change a study while it is read: pass them to load()")
    options = Options(
        out=_path("out", out),
        threads=_threads(threads),
        retry_failed=bool(retry_failed),
        quiet=bool(quiet),
    )
    result = run_session(plan(study, max_runs), options)
    if result.interrupted:
        raise KeyboardInterrupt
    if result.failed:
        raise RunnerError(f"{counted(result.failed, 'run')} could not be trained: {'; '.join(result.reasons)}")
    return result.table


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

    Raises
    ------
    RunnerError
        When there are no such results, or the file is no table.
    """
    from runner.results.reader import read_table

    return read_table(_table(target, out))


def export(target: str | Path, to: str, into: str | Path | None = None, out: str | Path = "results") -> Path:
    """Write the table of a study for other programs, every column with a type.

    Parameters
    ----------
    target : str or Path
        Name of the study, its folder of results, or the file.
    to : {"parquet", "xlsx", "sqlite"}
        The format; parquet needs pyarrow.
    into : str or Path, optional
        The file, which is replaced if it is there; default `runs` with the format's ending, beside the table.
    out : str or Path
        Folder of all results, in which a name is looked up.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    RunnerError
        When there are no such results, a package is missing, or the file cannot be written.
    ValueError
        When there is no such format.
    """
    from runner.results.export import FORMATS, export_table

    if to not in FORMATS:
        raise ValueError(f"to: expected {', '.join(FORMATS)}, found {to!r}")
    return export_table(_table(target, out), to, None if into is None else _path("into", into))[0]


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
    from runner.analysis.explain.explanation import explain as explained

    return explained(_table(target, out), _text("run_id", run_id))


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
    from runner.results.reader import full_id
    from runner.training.replay import choice
    from runner.training.replay import replay as replayed

    table, run_id = _table(target, out), _text("run_id", run_id)
    chosen = choice(None if run_id is None else full_id(table, run_id), _count("sample", sample))
    return replayed(table, chosen, _threads(threads))


def plot(
    target: str | Path,
    x: str | None = None,
    y: str | None = None,
    by: str | None = None,
    facet: str | None = None,
    where: Mapping[str, Any] | None = None,
    kind: str = "line",
    into: str | Path | None = None,
    out: str | Path = "results",
    *,
    width: str | None = None,
    confidence: float = 0.95,
) -> Axes:
    """Draw a figure of the results of a study.

    Parameters
    ----------
    target : str or Path
        Name of the study, its folder of results, or the file.
    x : str, optional
        The key along the horizontal axis.
    y : str, optional
        An outcome (its rate), a measured column (its median), or a statistic in the words of claims, such as
        ``"quantile(0.9, final_loss)"``. Default: the rate of ``converged``.
    by : str, optional
        The key whose values are lines of their own; of a heat map, its vertical axis.
    facet : str, optional
        The key whose values are panels of their own.
    where : mapping, optional
        Which runs: keys and columns, each with a value or a list of values.
    kind : {"line", "heatmap", "survival", "distribution", "curves"}
        docs/figures.md tells what each takes.
    into : str or Path, optional
        A file to write, which ends in .pdf, .svg or .png.
    out : str or Path
        Folder of all results, in which a name is looked up.
    width : {"column", "page"}, optional
        3.4 or 7 inches; default a column, or a page with `facet`.
    confidence : float
        Of the intervals.

    Returns
    -------
    Axes, or array of Axes
        matplotlib's, to go on from; an array, one for each panel, with `facet`. Without `into` the figure is one of
        pyplot's: a notebook shows it.

    Raises
    ------
    StudyError
        With everything that is wrong with what is asked for.
    RunnerError
        When there are no such results, or there is nothing to draw.
    """
    from runner.figures.draw import Asked
    from runner.figures.draw import plot as plotted

    texts = {"x": x, "y": y, "by": by, "facet": facet, "width": width}
    asked = Asked(
        **{name: _text(name, value) for name, value in texts.items()},
        where=_selection(where),
        kind=_text("kind", kind) or "line",
        confidence=_share("confidence", confidence),
    )
    file = None if into is None else _path("into", into)
    return plotted(_table(target, out), asked, file, window=file is None).axes


def table(
    target: str | Path,
    rows: str | Sequence[str],
    columns: str | None = None,
    show: str | Sequence[str] = "rate(converged)",
    where: Mapping[str, Any] | None = None,
    out: str | Path = "results",
    *,
    confidence: float = 0.95,
) -> pandas.DataFrame:
    """Statistics of the results of a study, with their intervals, by the values of some keys.

    Parameters
    ----------
    target : str or Path
        Name of the study, its folder of results, or the file.
    rows : str or sequence of str
        Keys.
    columns : str, optional
        One more key, as the command line has it; here it is a column like the others.
    show : str or sequence of str
        Statistics in the words of claims.
    where : mapping, optional
        Which runs: keys and columns, each with a value or a list of values.
    out : str or Path
        Folder of all results, in which a name is looked up.
    confidence : float
        Of the intervals.

    Returns
    -------
    DataFrame
        One row per number: the keys, ``statistic``, ``value``, ``low``, ``high``, ``runs`` and ``seeds``.

    Raises
    ------
    StudyError
        With everything that is wrong with what is asked for.
    RunnerError
        When there are no such results.
    """
    from runner.figures.tables import Asked, tabulate

    asked = Asked(
        _texts("rows", rows),
        _text("columns", columns),
        _texts("show", show),
        _selection(where),
        _share("confidence", confidence),
    )
    return tabulate(_table(target, out), asked).frame()


def diagnose(
    file: str | Path, *, into: str | Path | None = "results/diagnosis", seeds: int = 500, seconds: float = 20.0
) -> Diagnosis:
    """Say which formula stands in each line of somebody's own training program.

    Parameters
    ----------
    file : str or Path
        A file that says `architecture`, `learning_rate`, `inputs`, `targets` and `update(weights, biases, x, y)`, and
        perhaps `predict`, `train` and `initial`. Its code is run, in a process of its own. Or a trace of weights.
    into : str, Path or None
        Folder of twin.yaml, cost.yaml, diagnosis.json and the page; None to write nothing.
    seeds : int
        How many of the author's initial weights are trained to see what a mistake costs.
    seconds : float
        Time limit of each of the author's calls.

    Returns
    -------
    Diagnosis
        With `right`, `findings`, `unknown`, `notes`, `twin` and `rates`.

    Raises
    ------
    StudyError
        When the program can not be asked: the author's line and message.
    """
    from runner.diagnosis.diagnose import diagnose_program

    folder = None if into is None else _path("into", into)
    return diagnose_program(_path("file", file), folder, _count("seeds", seeds) or 500, float(seconds))


def schema() -> dict[str, Any]:
    """JSON schema of a study file, for editors."""
    from runner.study.model import json_schema

    return json_schema()


def _table(target: str | Path, out: str | Path) -> Path:
    """The table that a user names."""
    from runner.results.files import find_table

    return find_table(_path("target", target), _path("out", out))


def _path(name: str, value: object) -> Path:
    if not isinstance(value, str | os.PathLike):
        raise _unfit(name, "a str or a Path", value)
    return Path(value)


def _text(name: str, value: object) -> str | None:
    if value is not None and not isinstance(value, str):
        raise _unfit(name, "a str or None", value)
    return value


def _texts(name: str, value: object) -> list[str]:
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, Sequence) or not all(isinstance(text, str) for text in texts):
        raise _unfit(name, "a str or a list of them", value)
    return list(texts)


def _selection(value: object) -> Mapping[str, Any]:
    if value is not None and not isinstance(value, Mapping):
        raise _unfit("where", "a mapping of keys to values, or None", value)
    return value or {}


def _share(name: str, value: Any) -> float:
    if isinstance(value, bool) or not hasattr(value, "__float__"):
        raise _unfit(name, "a number", value)
    return float(value)


def _study(name: str, value: object) -> Study:
    from runner.study.load import Study

    if not isinstance(value, Study):
        raise _unfit(name, "a Study, as load() returns it", value)
    return value


def _count(name: str, value: Any) -> int | None:
    # NumPy's whole numbers are some too; True is not.
    if value is not None and (isinstance(value, bool) or not hasattr(value, "__index__")):
        raise _unfit(name, "a whole number or None", value)
    if value is not None and int(value) < 1:
        raise ValueError(f"{name}: expected a whole number of at least 1, found {value}")
    return None if value is None else int(value)


def _threads(value: Any) -> int | None:
    n = _count("threads", value)
    if n is not None and n > MOST_THREADS:
        raise ValueError(f"threads: expected at most {MOST_THREADS:,}, found {n:,}")
    return n


def _unfit(name: str, expected: str, value: object) -> TypeError:
    return TypeError(f"{name}: expected {expected}, found {type(value).__name__}")
