"""From what a user asks for to a figure: everything checked first, then rows, panels, marks, legend and file."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from runner.analysis.statistics import CONFIDENCE, read_measure
from runner.errors import RunnerError, nearest
from runner.figures.kinds import FIGURES
from runner.figures.model import FigureKind, Panel, Request
from runner.figures.plane import refuse_no_plane
from runner.figures.rows import Rows, axis_issue, pooled, read_rows, refuse
from runner.figures.style import (
    COLUMN,
    FORMATS,
    LETTER,
    MOST_NAMES,
    MOST_NUMBERS,
    PAGE,
    SMALL,
    save,
    save_pixels,
    styled,
    title,
)
from runner.keys.issues import Invalid
from runner.results.reader import header
from runner.statistics.reading import NUMBERS, Statistic

if TYPE_CHECKING:
    import matplotlib.axes
    from matplotlib.figure import Figure

    from runner.studies.claims.grammar import Selection

    Axes: TypeAlias = matplotlib.axes.Axes | NDArray[np.object_]

_MOST_PANELS = 16
_HEIGHT = 2.4
_PANEL_HEIGHT = 1.9
WIDTHS = {"column": COLUMN, "page": PAGE}


@dataclass(frozen=True)
class Asked:
    """What a user asks for, unchecked.

    Attributes
    ----------
    x, y, by, facet : str or None
        y is a column, an outcome, or a statistic such as `median(final_loss)`.
    where : sequence of str, or mapping
        Which runs: `key=value` texts, or keys and a value or a list of values.
    kind : str
    width : str or None
        `column` or `page`; None for a column, or a page where there are several panels.
    confidence : float
        Of the intervals.
    """

    x: str | None = None
    y: str | None = None
    by: str | None = None
    facet: str | None = None
    where: Sequence[str] | Mapping[str, Any] = field(default_factory=tuple)
    kind: str = "line"
    width: str | None = None
    confidence: float = CONFIDENCE


@dataclass(frozen=True)
class Drawn:
    """A figure.

    Attributes
    ----------
    figure : Figure
    axes : Axes, or array of Axes
        One for each panel, row by row; a single one without facets.
    runs : int
        How many it shows.
    pooled : list of str
        Keys that the study sweeps and that are on no axis.
    """

    figure: Figure
    axes: Axes
    runs: int
    pooled: list[str]


def plot(table: Path, asked: Asked, into: Path | None = None, window: bool = False) -> Drawn:
    """Draw a figure of a table of results.

    Parameters
    ----------
    table : Path
    asked : Asked
    into : Path, optional
        The file, whose ending says the format.
    window : bool
        Whether it is a figure of pyplot's, which a notebook shows and `pyplot.show()` opens.

    Raises
    ------
    StudyError
        With everything that is wrong with what is asked for.
    RunnerError
        When there is nothing to draw, or the file cannot be written.
    """
    names = header(table)
    kind, request, where = check(table, names, asked, into)
    keys = [name for name in (request.facet, request.by, _key_of(kind, request.x), _key_upwards(kind, request)) if name]
    own = [*request.statistic.columns] if isinstance(request.y, Statistic) else []
    own += [request.column] if kind.y == "column" else []
    alone = f"the figure {kind.name}" if kind.in_memory else ""
    rows = read_rows(table, names, keys, {*own, *kind.columns}, where, all_in_memory=alone)
    _check_size(kind, request, rows)
    together = pooled(table, keys, where)
    if kind.pixels is not None:
        refuse_no_plane(rows, rows.axes[keys[0]], rows.axes[keys[1]], together)
    if into is not None and not into.parent.is_dir():
        raise RunnerError(f"cannot write {into}: there is no folder {into.parent}")
    with styled():
        figure, panels = _lay_out(kind, request, rows, asked.width, window)
        kind.draw(panels, request)
        _legend(figure, panels, request)
        axes = np.array([panel.ax for panel in panels], object)
        if into is not None and kind.pixels is not None and into.suffix.lower() == ".png":
            save_pixels(kind.pixels(panels[0], request), into)
        elif into is not None:
            save(figure, into)
    return Drawn(figure, axes if request.facet else panels[0].ax, rows.runs, together)


def _key_of(kind: FigureKind, x: str | None) -> str | None:
    """x, where it is a key."""
    return x if isinstance(kind.x, str) else None


def _key_upwards(kind: FigureKind, request: Request) -> str | None:
    """y, where it is a key."""
    return request.column if kind.y == "key" else None


def check(table: Path, names: Sequence[str], asked: Asked, into: Path | None) -> tuple[FigureKind, Request, Selection]:
    """The request, its names known and its places filled; every mistake of it at once."""
    issues: list[str] = []
    where: Selection = {}
    if asked.where:
        # It takes long to import, for it knows all keys.
        from runner.analysis.claims.selection import read_where

        try:
            where = read_where(asked.where)
        except Invalid as invalid:
            issues += [f"where: {issue.message}" for issue in invalid.issues]
    if into is not None and into.suffix[1:].lower() not in FORMATS:
        issues.append(f"into: expected a file that ends in .{', .'.join(FORMATS)}, found '{into.name}'")
    if asked.width is not None and asked.width not in WIDTHS:
        issues.append(f"width: expected column or page, found '{asked.width}'")
    if not 0 < asked.confidence < 1:
        issues.append(f"confidence: expected a number between 0 and 1, found {asked.confidence:g}")
    if asked.kind not in FIGURES:
        known = ", ".join(FIGURES)
        refuse([f"kind: expected one of {known}, found '{asked.kind}'{nearest(asked.kind, FIGURES)}", *issues])
    kind = FIGURES[asked.kind]
    x, x_issue = _place("x", kind, kind.x, asked.x, names)
    by, by_issue = _place("by", kind, kind.by, asked.by, names)
    facet, facet_issue = _place("facet", kind, kind.facet, asked.facet, names)
    up, up_issue = _place("y", kind, "key", asked.y, names) if kind.y == "key" else (None, None)
    issues += [issue for issue in (x_issue, up_issue, by_issue, facet_issue) if issue]
    places = [name for name in (_key_of(kind, x), up, by, facet) if name]
    issues += [f"{name} is given twice" for name in dict.fromkeys(places) if places.count(name) > 1]
    y: Statistic | str = up or ""
    try:
        y = y if kind.y == "key" else _measure(kind, asked.y)
    except Invalid as invalid:
        issues += [f"y: {issue.message}" for issue in invalid.issues]
    refuse(issues)
    return kind, Request(table, kind.name, x, y, by, facet, asked.confidence), where


def _place(
    role: str, kind: FigureKind, rule: str | tuple[str, ...], given: str | None, names: Sequence[str]
) -> tuple[str | None, str | None]:
    """What stands at a place of the figure, and what is wrong with it."""
    if not isinstance(rule, str):
        name = given or rule[0]
        wrong = f"{role}: expected {' or '.join(rule)}, found '{name}'{nearest(name, rule)}"
        return name, None if name in rule else wrong
    if given is not None and rule == "nothing":
        return None, f"{role}: {kind.name} has none"
    if given is None:
        wrong = f"{role}: {kind.name} needs a key there, such as {role}=learning_rate"
        return None, wrong if rule == "key" else None
    issue = axis_issue(given, names)
    return given, f"{role}: {issue}" if issue else None


def _measure(kind: FigureKind, given: str | None) -> Statistic | str:
    """What is shown of the runs; raises Invalid."""
    if kind.y == "statistic":
        return read_measure(given or "converged")
    known = NUMBERS if kind.y == "column" else kind.y
    assert isinstance(known, tuple)
    if given is None and kind.y == "column":
        raise Invalid(f"{kind.name} needs a measured column there, such as final_loss")
    name = (given or known[0]).strip()
    if name not in known:
        listed = "a measured column" if kind.y == "column" else " or ".join(known)
        raise Invalid(f"expected {listed}, found '{name}'{nearest(name, known)}")
    return name


def _check_size(kind: FigureKind, request: Request, rows: Rows) -> None:
    """Refuse axes with more values than a figure can show."""
    issues = []

    def check(name: str | None, most: int, what: str) -> None:
        if name is not None and len(rows.axes[name].texts) > most:
            n = len(rows.axes[name].texts)
            issues.append(f"{name} has {n:,} values, and {what} shows at most {most}: select some of them with where")

    check(_key_of(kind, request.x), kind.most_x, f"the horizontal axis of {kind.name}")
    if request.by is not None:
        numbers = rows.axes[request.by].scale != "category"
        most = kind.most_by or (MOST_NUMBERS if numbers else MOST_NAMES)
        check(request.by, most, f"by of {kind.name}")
    check(_key_upwards(kind, request), kind.most_by or 0, f"the vertical axis of {kind.name}")
    check(request.facet, _MOST_PANELS, "a page of panels")
    refuse(issues)


def _lay_out(
    kind: FigureKind, request: Request, rows: Rows, width: str | None, window: bool
) -> tuple[Figure, list[Panel]]:
    """The figure and its panels, without marks."""
    from matplotlib.figure import Figure

    values = rows.axes[request.facet].labels if request.facet else ("",)
    n = len(values)
    across = n if n <= 3 else 2 if n == 4 else 3 if n <= 9 else 4
    down = math.ceil(n / across)
    wide = WIDTHS[width or ("page" if n > 1 else "column")]
    height = _HEIGHT if n == 1 else _PANEL_HEIGHT * down + 0.6
    if window:
        from matplotlib import pyplot

        figure = pyplot.figure(figsize=(wide, height), layout="constrained")
    else:
        figure = Figure(figsize=(wide, height), layout="constrained")
    grid = figure.subplots(down, across, sharex=True, sharey=True, squeeze=False).ravel()
    panels: list[Panel] = []
    # What the names of the axes take of the width, and the colours of a map.
    inner = wide - (1.3 if kind.by == "key" else 0.7)
    for k, (ax, value) in enumerate(zip(grid, values, strict=False)):
        if request.facet:
            text = f"{title(request.facet)}: {value}"
            ax.set_title("\n".join(textwrap.wrap(text, int(inner / across / LETTER))), parse_math=False)
        # Ticks that are made later, when the figure is changed, are to look like those that are there.
        ax.tick_params(labelsize=SMALL)
        panels.append(Panel(ax, rows.where(request.facet, k), inner / across, height / down - 0.6))
    for k in range(n, len(grid)):
        grid[k].remove()
        grid[k - across].xaxis.set_tick_params(labelbottom=True)
    return figure, panels


def _legend(figure: Figure, panels: Sequence[Panel], request: Request) -> None:
    """Names of the lines above the panels, where they hide no data."""
    named: dict[str, Any] = {}
    for panel in panels:
        for handle, label in zip(*panel.ax.get_legend_handles_labels(), strict=True):
            named.setdefault(label, handle)
    # In the order of the axis, though a panel may lack some.
    order = panels[0].rows.axes[request.by].labels if request.by else ()
    labels = sorted(named, key=lambda label: order.index(label) if label in order else len(order))
    if not labels:
        return
    inches = [len(label) * LETTER * SMALL / 8 + 0.38 for label in labels]
    columns = len(labels)
    while columns > 1 and sum(part.max() for part in np.array_split(inches, columns)) > figure.get_figwidth():
        columns -= 1
    # The panels stay as high as they are with one line of names.
    more = math.ceil(len(labels) / columns) - 1
    figure.set_figheight(figure.get_figheight() + 0.15 * more)
    legend = figure.legend(
        [named[label] for label in labels],
        labels,
        loc="outside upper center",
        ncols=columns,
        title=title(request.by) if request.by else None,
        frameon=False,
        columnspacing=1.0,
        handletextpad=0.5,
        borderaxespad=0.2,
    )
    for text in (*legend.get_texts(), legend.get_title()):
        text.set_parse_math(False)
