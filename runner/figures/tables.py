"""Tables of statistics with their intervals, as text, Markdown, LaTeX or CSV."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from runner.analysis.claims.estimate import values_of
from runner.analysis.statistics import CONFIDENCE, evaluate_groups, read_measure
from runner.errors import nearest
from runner.figures.rows import Axis, Rows, axis_issue, pooled, read_rows, refuse
from runner.keys.issues import Invalid
from runner.registry import Registry
from runner.results.reader import header
from runner.statistics.estimate import Estimate
from runner.statistics.reading import NEVER, Statistic
from runner.terminal import listed, number, percent, visible

_MOST_ROWS, _MOST_COLUMNS = 10_000, 40


@dataclass(frozen=True)
class Asked:
    """What a user asks for, unchecked.

    Attributes
    ----------
    rows : sequence of str
        Keys whose values are rows.
    columns : str or None
        The key whose values are columns.
    show : sequence of str
        Statistics in the words of claims, outcomes, or columns.
    where : sequence of str, or mapping
        Which runs: `key=value` texts, or keys and a value or a list of values.
    confidence : float
        Of the intervals.
    """

    rows: Sequence[str]
    columns: str | None = None
    show: Sequence[str] = ("converged",)
    where: Sequence[str] | Mapping[str, Any] = field(default_factory=tuple)
    confidence: float = CONFIDENCE


@dataclass(frozen=True)
class Table:
    """Statistics of every combination of the values of some keys.

    Attributes
    ----------
    rows : tuple of Axis
    columns : Axis or None
    show : tuple of Statistic
    cells : mapping of tuple of int to tuple of Estimate or None
        By the numbers of the values, rows before the column: an estimate for each statistic. In order.
    runs : int
    confidence : float
    notes : tuple of str
        What else there is to know.
    """

    rows: tuple[Axis, ...]
    columns: Axis | None
    show: tuple[Statistic, ...]
    cells: Mapping[tuple[int, ...], tuple[Estimate | None, ...]]
    runs: int
    confidence: float
    notes: tuple[str, ...]

    def frame(self) -> pd.DataFrame:
        """One row per number: the keys, `statistic`, `value`, `low`, `high`, `runs` and `seeds`.

        Low and high are NaN where there is no interval, and a number that nothing is known of has no row.
        """
        axes = (*self.rows, *((self.columns,) if self.columns else ()))
        records = []
        for place, estimates in self.cells.items():
            keys = {axis.name: axis.texts[k] for axis, k in zip(axes, place, strict=True)}
            for statistic, each in zip(self.show, estimates, strict=True):
                if each is not None:
                    numbers = {"value": each.value, "low": each.low, "high": each.high}
                    records.append(
                        {**keys, "statistic": statistic.text, **numbers, "runs": each.runs, "seeds": each.seeds}
                    )
        names = [*(axis.name for axis in axes), "statistic", "value", "low", "high", "runs", "seeds"]
        found = pd.DataFrame(records, columns=names)
        for axis in axes:
            # As pandas reads the table itself: numbers where all values are numbers.
            try:
                found[axis.name] = pd.to_numeric(found[axis.name])
            except ValueError:
                continue
        return found


def tabulate(path: Path, asked: Asked) -> Table:
    """Make a table of a table of results.

    Raises
    ------
    StudyError
        With everything that is wrong with what is asked for.
    RunnerError
        When there are no such runs.
    """
    names = header(path)
    issues = [] if asked.rows else ["rows: which key? such as rows=architecture"]
    where: Any = {}
    if asked.where:
        # It takes long to import, for it knows all keys.
        from runner.analysis.claims.selection import read_where

        try:
            where = read_where(asked.where)
        except Invalid as invalid:
            issues += [f"where: {issue.message}" for issue in invalid.issues]
    keys = [("rows", name) for name in asked.rows] + ([("columns", asked.columns)] if asked.columns else [])
    issues += [f"{role}: {issue}" for role, name in keys if (issue := axis_issue(name, names))]
    used = [name for _, name in keys]
    issues += [f"{name} is given twice" for name in dict.fromkeys(used) if used.count(name) > 1]
    show = []
    for text in asked.show:
        try:
            show.append(read_measure(text))
        except Invalid as invalid:
            issues += [f"show: {issue.message}" for issue in invalid.issues]
    if not 0 < asked.confidence < 1:
        issues.append(f"confidence: expected a number between 0 and 1, found {asked.confidence:g}")
    refuse(issues)
    rows = read_rows(path, names, used, {column for statistic in show for column in statistic.columns}, where)
    across = rows.axes[asked.columns] if asked.columns else None
    if across is not None and len(across.texts) > _MOST_COLUMNS:
        n = len(across.texts)
        refuse([f"{across.name} has {n:,} values, and a table has at most {_MOST_COLUMNS} columns: select with where"])
    places, cells = _cells(rows, used, show, asked.confidence)
    notes = [note for statistic in show for note in values_of(rows.frame, statistic).notes]
    if together := pooled(path, used, where):
        notes.append(f"runs that differ in {listed(together)} are taken together")
    return Table(
        tuple(rows.axes[name] for name in asked.rows),
        across,
        tuple(show),
        dict(zip(places, cells, strict=True)),
        rows.runs,
        asked.confidence,
        tuple(dict.fromkeys(notes)),
    )


def _cells(
    rows: Rows, keys: Sequence[str], show: Sequence[Statistic], confidence: float
) -> tuple[list[tuple[int, ...]], list[tuple[Estimate | None, ...]]]:
    """Those combinations of values that there are, in order, and their estimates."""
    codes = np.stack([rows.codes[key] for key in keys], axis=1)
    different, group = np.unique(codes, axis=0, return_inverse=True)
    n = len(different)
    if n > _MOST_ROWS:
        refuse([f"there are {n:,} combinations of {listed(keys)}, and a table shows at most {_MOST_ROWS:,}: use where"])
    found = [evaluate_groups(rows.frame, statistic, group.ravel(), n, confidence) for statistic in show]
    return [tuple(place) for place in different.tolist()], list(zip(*found, strict=True))


# ---- how it is written


@dataclass(frozen=True)
class Grid:
    """What is written: texts by line and column.

    Attributes
    ----------
    head : list of str
    lines : list of list of str
    heads : int
        So many columns name the line.
    above : str
        What stands above all other columns; "" for nothing.
    """

    head: list[str]
    lines: list[list[str]]
    heads: int
    above: str = ""


@dataclass(frozen=True)
class TableFormat:
    """A way to write a table.

    Attributes
    ----------
    name, ending, doc : str
        `ending` is that of files which are written so.
    write : callable
        From a table to its text.
    lay_out : callable
        From any grid, and what stands below it, to its text.
    """

    name: str
    ending: str
    doc: str
    write: Callable[[Table], str]
    lay_out: Callable[[Grid, Sequence[str]], str]


FORMATS: Registry[TableFormat] = Registry("format")
"""All formats of tables by name."""


def _grid(table: Table, column_name: bool = True) -> Grid:
    """The estimates as texts: a statistic per column, or, where a key has the columns, per line."""
    names = [axis.name for axis in table.rows]
    lines: dict[tuple[int, ...], list[list[str]]] = {}
    n, m, depth = len(table.columns.texts) if table.columns else 1, len(table.show), len(table.rows)
    for place, estimates in table.cells.items():
        cells = lines.setdefault(place[:depth], [[""] * n for _ in table.show])
        for k, estimate in enumerate(estimates):
            cells[k][place[depth] if table.columns else 0] = _text(estimate, table.show[k])
    if table.columns is None:
        head = [*names, *(statistic.text for statistic in table.show)]
        made = [[*_labels(table, place), *(cell for (cell,) in cells)] for place, cells in lines.items()]
        return Grid(head, _without_repeats(made, depth - 1), depth)
    start = f"{table.columns.name} " if column_name else ""
    values = [f"{start}{label}" for label in table.columns.labels]
    several = ["statistic"] if m > 1 else []
    made = []
    for place, cells in lines.items():
        for statistic, texts in zip(table.show, cells, strict=True):
            made.append([*_labels(table, place), *([statistic.text] if several else []), *texts])
    heads = depth + len(several)
    above = "" if column_name else table.columns.name
    return Grid([*names, *several, *values], _without_repeats(made, heads - 1), heads, above)


def _labels(table: Table, place: tuple[int, ...]) -> list[str]:
    return [axis.labels[k] for axis, k in zip(table.rows, place, strict=True)]


def _without_repeats(lines: list[list[str]], depth: int) -> list[list[str]]:
    """Lines that begin like the one above leave those names out."""
    shown, above = [], [""] * depth
    for line in lines:
        same = 0
        while same < depth and line[same] == above[same]:
            same += 1
        shown.append([""] * same + line[same:])
        above = line[:depth]
    return shown


def _text(estimate: Estimate | None, statistic: Statistic) -> str:
    """A number with its interval: `64.0% (63.4% to 64.5%)`."""
    if estimate is None:
        return ""
    never = statistic.subject in NEVER and not statistic.is_share

    def say(value: float) -> str:
        if never and math.isinf(value):
            return "never"
        return percent(value) if statistic.is_share else number(value)

    if estimate.exact or math.isnan(estimate.low) or (estimate.value == estimate.low == estimate.high == math.inf):
        return say(estimate.value)
    return f"{say(estimate.value)} ({say(estimate.low)} to {say(estimate.high)})"


def _remarks(table: Table) -> list[str]:
    """What stands below a table."""
    one = table.show[0].text if len(table.show) == 1 and table.columns is not None else ""
    said = f"{table.runs:,} runs; in brackets {100 * table.confidence:g}% intervals"
    return [*([one] if one else []), said, *table.notes]


def _as_text(grid: Grid, remarks: Sequence[str]) -> str:
    cells = [[visible(cell) for cell in line] for line in (grid.head, *grid.lines)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = [
        "  ".join(
            cell.ljust(w) if k < grid.heads else cell.rjust(w)
            for k, (cell, w) in enumerate(zip(line, widths, strict=True))
        )
        for line in cells
    ]
    return "".join(f"{line.rstrip()}\n" for line in (*lines, "", *map(visible, remarks)))


FORMATS.add(
    TableFormat("text", ".txt", "For a terminal.", lambda table: _as_text(_grid(table), _remarks(table)), _as_text)
)


_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>#|~$])")


def _markdown(text: str) -> str:
    """Text that means itself in Markdown."""
    return _MARKDOWN.sub(r"\\\1", visible(text))


def _as_markdown(grid: Grid, remarks: Sequence[str]) -> str:
    def line(cells: Sequence[str]) -> str:
        return f"| {' | '.join(map(_markdown, cells))} |\n"

    rule = ["---"] * grid.heads + ["---:"] * (len(grid.head) - grid.heads)
    below = "; ".join(map(_markdown, remarks))
    return f"{line(grid.head)}| {' | '.join(rule)} |\n{''.join(map(line, grid.lines))}\n{below}\n"


FORMATS.add(
    TableFormat(
        "markdown",
        ".md",
        "For GitHub and notebooks.",
        lambda table: _as_markdown(_grid(table), _remarks(table)),
        _as_markdown,
    )
)


_TEX = {
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
}
_MINUS = re.compile(r"(?<![\w.)])-(?=[\d.]|inf|∞)")


def _tex(text: str) -> str:
    """Text that means itself in LaTeX."""
    return "".join(_TEX.get(sign, sign) for sign in visible(text))


def _tex_number(text: str) -> str:
    """The same of a number and its interval, with a minus and a sign for what is infinite."""
    return _MINUS.sub("$-$", _tex(text)).replace("inf", r"$\infty$").replace("∞", r"$\infty$")


def _as_latex(grid: Grid, remarks: Sequence[str]) -> str:
    n, heads = len(grid.head), grid.heads
    lines = [f"% {visible(remark)}" for remark in remarks]
    lines += ["% needs \\usepackage{booktabs}", f"\\begin{{tabular}}{{{'l' * heads}{'r' * (n - heads)}}}", "\\toprule"]
    if grid.above:
        above = f"\\multicolumn{{{n - heads}}}{{c}}{{{_tex(grid.above)}}}"
        lines += [f"{'& ' * heads}{above} \\\\", f"\\cmidrule(lr){{{heads + 1}-{n}}}"]
    lines += [" & ".join(map(_tex, grid.head)) + r" \\", "\\midrule"]
    for line in grid.lines:
        cells = [*map(_tex, line[:heads]), *map(_tex_number, line[heads:])]
        lines.append(" & ".join(cells) + r" \\")
    return "\n".join([*lines, "\\bottomrule", "\\end{tabular}", ""])


FORMATS.add(
    TableFormat(
        "latex",
        ".tex",
        "With the rules of booktabs.",
        lambda table: _as_latex(_grid(table, column_name=False), _remarks(table)),
        _as_latex,
    )
)


def _as_csv(table: Table) -> str:
    """One line per number, as `Table.frame` has it; numbers in full."""
    out = io.StringIO()
    frame = table.frame()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(frame.columns)
    for line in frame.itertuples(index=False):
        writer.writerow(["" if isinstance(cell, float) and math.isnan(cell) else cell for cell in line])
    return out.getvalue()


def _grid_as_csv(grid: Grid, remarks: Sequence[str]) -> str:
    """The texts as they are; what stands below a table is no line of numbers."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([grid.head, *grid.lines])
    return out.getvalue()


FORMATS.add(TableFormat("csv", ".csv", "One line per number, for another program.", _as_csv, _grid_as_csv))


def format_of(name: str | None, into: Path | None) -> TableFormat:
    """The format that is asked for by its name, or by the ending of a file; text by default.

    Raises
    ------
    StudyError
        When there is none of this name or ending.
    """
    if name is not None:
        if name not in FORMATS:
            refuse([f"format: expected one of {', '.join(FORMATS)}, found '{name}'{nearest(name, FORMATS)}"])
        return FORMATS[name]
    if into is None:
        return FORMATS["text"]
    endings = {each.ending: each for each in FORMATS.values()}
    if into.suffix.lower() not in endings:
        refuse([f"into: expected a file that ends in {', '.join(endings)}, found '{into.name}'; or give a format"])
    return endings[into.suffix.lower()]
