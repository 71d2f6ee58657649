"""Functions on results and on other people's programs; studies, and `run`, have modules of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner.api.arguments import (
    count_of,
    number_of,
    path_of,
    selection_of,
    study_of,
    table_of,
    text_of,
    texts_of,
    threads_of,
)

if TYPE_CHECKING:
    import pandas

    from runner.analysis.claims.verdicts import Verdicts
    from runner.analysis.compare.comparison import Comparison
    from runner.analysis.explain.explanation import Explanation
    from runner.analysis.summary import Summary
    from runner.diagnosis.result import Diagnosis
    from runner.figures.draw import Axes
    from runner.studies.load import Study
    from runner.training.replay import Replayed


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

    return read_table(table_of(target, out))


def export(target: str | Path, to: str, into: str | Path | None = None, out: str | Path = "results") -> Path:
    """Write the table of a study for other programs, every column with a type.

    Parameters
    ----------
    target : str or Path
        Name of the study, its folder of results, or the file.
    to : {"parquet", "xlsx", "sqlite", "csv", "parts", "optuna", "tensorboard", "mlflow", "wandb"}
        The format; parquet needs pyarrow, and the last four need a package of their own.
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
    from runner.results.export import KNOWN, export_table
    from runner.studies.derived import recorded

    if to not in KNOWN:
        raise ValueError(f"to: expected {', '.join(KNOWN)}, found {to!r}")
    return export_table(table_of(target, out), to, None if into is None else path_of("into", into), recorded)[0]


def summarize(target: str | Path, out: str | Path = "results") -> Summary:
    """Outcomes, and by the value of each axis what share converged and how well runs did: the page of `report`.

    Parameters
    ----------
    target : str or Path
        Name of the study, its folder of results, or the file.
    out : str or Path
        Folder of all results, in which a name is looked up.

    Returns
    -------
    Summary
        With `outcomes`, `everything` and `axes`; `print` shows the page.

    Raises
    ------
    RunnerError
        When there are no such results.
    """
    from runner.analysis.summary import summarize as summarized
    from runner.results.provenance import read_environment

    table = table_of(target, out)
    environment = read_environment(table.parent)
    return summarized(table, environment.get("axes"), environment.get("runs"))


def claims(target: str | Path, study: Study | None = None, out: str | Path = "results") -> Verdicts:
    """Check the claims of a study on its results.

    Parameters
    ----------
    target : str or Path
        Name of the study, its folder of results, or the file.
    study : Study, optional
        Whose claims are checked; default those of the study as it was run.
    out : str or Path
        Folder of all results, in which a name is looked up.

    Returns
    -------
    Verdicts
        With `checked`, a verdict on each claim; `print` shows the page.

    Raises
    ------
    RunnerError
        When there are no such results, or it is not known what was claimed.
    StudyError
        When the claims cannot be understood.
    """
    from runner.analysis.claims.verdicts import check_recorded_claims

    return check_recorded_claims(table_of(target, out), None if study is None else study_of("study", study))


def page(target: str | Path, out: str | Path = "results") -> Path:
    """Write the page of a study: one HTML file with its charts, which opens without a network.

    Parameters
    ----------
    target : str or Path
        Name of the study, its folder of results, or the file.
    out : str or Path
        Folder of all results, in which a name is looked up.

    Returns
    -------
    Path
        The page, `report.html` beside the table; an older one is replaced.

    Raises
    ------
    RunnerError
        When there are no such results, there are no rows, or the file cannot be written.
    """
    from runner.report.render import write_page

    return write_page(table_of(target, out))


def explain(
    target: str | Path,
    run_id: str | None = None,
    out: str | Path = "results",
    *,
    at: Sequence[str] | Mapping[str, Any] = (),
) -> Explanation:
    """Why runs fail, which settings matter, and what would have saved the failed runs.

    Parameters
    ----------
    target : str or Path
        Name of the study, its folder of results, or the file.
    run_id : str, optional
        A run to look at by itself.
    out : str or Path
        Folder of all results, in which a name is looked up.
    at : sequence of str, or mapping
        A setting to look at by itself: ``{"learning_rate": 0.1}`` or ``["learning_rate=0.1"]``, with as many keys as
        tell one setting.

    Returns
    -------
    Explanation
        Outcomes, effects of the axes, and changes, as numbers; `print` shows the page.

    Raises
    ------
    RunnerError
        When there are no such results, or no such run or setting.
    """
    from runner.analysis.explain.explanation import explain as explained
    from runner.analysis.explain.show import PrintedExplanation

    table, run_id = table_of(target, out), text_of("run_id", run_id)
    if not at:
        return PrintedExplanation.of(explained(table, run_id))
    if run_id is not None:
        raise TypeError("at names a setting and run_id a run: give one of them")
    from runner.analysis.explain.one_cell import read_setting

    return PrintedExplanation.of(explained(table, at=read_setting(at)))


def compare(
    a: str | Path,
    b: str | Path | None = None,
    where: Mapping[str, Any] | None = None,
    versus: Mapping[str, Any] | None = None,
    out: str | Path = "results",
    confidence: float = 0.95,
) -> Comparison:
    """Compare two studies, or two parts of one, on the same seeds.

    Parameters
    ----------
    a : str or Path
        Name of a study, its folder of results, or the file.
    b : str or Path, optional
        The other one; default the same study, of which `where` and `versus` choose two parts.
    where : mapping, optional
        Which runs of `a`, and of `b` unless `versus` is given: keys and columns, each with a value or a list of values.
    versus : mapping, optional
        Which runs of `b`.
    out : str or Path
        Folder of all results, in which a name is looked up.
    confidence : float
        Of all intervals.

    Returns
    -------
    Comparison
        What differs, and what that changes, as numbers; `print` shows the page of the command.

    Raises
    ------
    StudyError
        With everything that is wrong with what is asked for.
    RunnerError
        When there are no such results, or several runs have the same partner.
    """
    from runner.analysis.claims.selection import read_both
    from runner.analysis.compare.comparison import compare as compared

    if b is None and not versus:
        raise ValueError("versus: expected which runs of the study are compared with those of where")
    tables = table_of(a, out), table_of(a if b is None else b, out)
    return compared(tables, read_both(selection_of(where), selection_of(versus, "versus")), confidence)


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

    table, run_id = table_of(target, out), text_of("run_id", run_id)
    if run_id is not None and sample is not None:
        raise TypeError("run_id and sample are two choices of rows: give one of them")
    chosen = choice(None if run_id is None else full_id(table, run_id), count_of("sample", sample))
    return replayed(table, chosen, threads_of(threads))


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
        ``"quantile(0.9, final_loss)"``. Default: the rate of ``converged``. Of a plane, the key of its vertical axis.
    by : str, optional
        The key whose values are lines of their own; of a heat map, its vertical axis.
    facet : str, optional
        The key whose values are panels of their own.
    where : mapping, optional
        Which runs: keys and columns, each with a value or a list of values.
    kind : {"line", "heatmap", "survival", "distribution", "curves", "plane"}
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
        **{name: text_of(name, value) for name, value in texts.items()},
        where=selection_of(where),
        kind=text_of("kind", kind) or "line",
        confidence=number_of("confidence", confidence),
    )
    file = None if into is None else path_of("into", into)
    return plotted(table_of(target, out), asked, file, window=file is None).axes


def zoom(
    target: str | Path,
    x: str,
    y: str,
    rectangle: Sequence[float],
    where: Mapping[str, Any] | None = None,
    into: str | Path | None = None,
    out: str | Path = "results",
) -> Path:
    """Write the study of a part of a plane, at the same resolution.

    Parameters
    ----------
    target : str or Path
        Name of the study, its folder of results, or the file.
    x, y : str
        The keys along the axes of the plane.
    rectangle : sequence of four numbers
        Where x begins and ends, and where y does.
    where : mapping, optional
        Which runs the plane shows, where a pair of values has more than one.
    into : str or Path, optional
        The file; default `NAME_zoom.yaml` in this folder, with a number where that is taken.
    out : str or Path
        Folder of all results, in which a name is looked up.

    Returns
    -------
    Path
        The file, to be run.

    Raises
    ------
    StudyError
        With everything that is wrong with what is asked for.
    RunnerError
        When there are no such results, or the file cannot be written.
    """
    from runner.figures.draw import Asked
    from runner.figures.zoom import zoom as zoomed

    asked = Asked(x=text_of("x", x), y=text_of("y", y), where=selection_of(where), kind="plane")
    numbers = [number_of("rectangle", number) for number in rectangle]
    return zoomed(table_of(target, out), asked, numbers, None if into is None else path_of("into", into)).path


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
        texts_of("rows", rows),
        text_of("columns", columns),
        texts_of("show", show),
        selection_of(where),
        number_of("confidence", confidence),
    )
    return tabulate(table_of(target, out), asked).frame()


def diagnose(
    file: str | Path, *, into: str | Path | None = "results/diagnosis", seeds: int | None = None, seconds: float = 20.0
) -> Diagnosis:
    """Say which formula stands in each line of somebody's own training program.

    Parameters
    ----------
    file : str or Path
        A file that says `architecture`, `learning_rate`, `inputs`, `targets` and `update(weights, biases, x, y)`, and
        perhaps `predict`, `train` and `initial`. Its code is run, in a process of its own. Or a trace of weights.
    into : str, Path or None
        Folder of twin.yaml, cost.yaml, diagnosis.json and the page; None to write nothing.
    seeds : int, optional
        How many of the author's initial weights are trained to see what a mistake costs; default 500, or fewer where
        these would take more than some seconds.
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

    folder = None if into is None else path_of("into", into)
    return diagnose_program(path_of("file", file), folder, count_of("seeds", seeds), float(seconds))
