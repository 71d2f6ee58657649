"""The kinds of figures. Each is one block: a function that draws, and its record in `FIGURES`."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from runner.analysis.claims.estimate import exact_rows, values_of
from runner.analysis.large_rows import LargeRows, RunTable
from runner.analysis.statistics import evaluate_groups
from runner.analysis.survival import converged_by
from runner.errors import RunnerError
from runner.figures.curves import curve_quantiles, read_curves, read_tested_curves
from runner.figures.model import FigureKind, Panel, Request
from runner.figures.plane import COLUMNS, draw_plane, pixels
from runner.figures.rows import Floats, Rows, spread_scale
from runner.figures.style import (
    LETTER,
    SHADES,
    measured_scale,
    name_ticks,
    plain_log,
    put_on,
    set_log,
    show_percent,
    statistic_words,
    words,
)
from runner.registry import Registry
from runner.statistics.estimate import Sample, Values
from runner.statistics.intervals import quantile
from runner.statistics.reading import Statistic
from runner.terminal import number

FIGURES: Registry[FigureKind] = Registry("figure")
"""All kinds by name."""

_BAND: dict[str, Any] = {"alpha": 0.2, "linewidth": 0}


# ---- line


def _line(panels: Sequence[Panel], ask: Request) -> None:
    axis = panels[0].axis(ask.x)
    names = axis.scale == "category"
    n_lines = len(panels[0].rows.axes[ask.by].texts) if ask.by else 1
    lines = []
    for panel in panels:
        for place, (look, rows) in enumerate(panel.lines(ask.by)):
            assert ask.x is not None
            found = evaluate_groups(rows.frame, ask.statistic, rows.codes[ask.x], len(axis.texts), ask.confidence)
            at = np.array([k for k, each in enumerate(found) if each is not None], np.int64)
            numbers = np.array([(each.value, each.low, each.high) for each in found if each is not None])
            # Of names, the lines stand beside each other, so that their intervals can be told apart.
            shift = 0.5 * ((place + 0.5) / n_lines - 0.5) if names else 0.0
            lines.append((panel, look, place, axis.positions[at] + shift, numbers.reshape(-1, 3).T))
    everything = np.concatenate([numbers.ravel() for *_, numbers in lines])
    _refuse_nothing(everything, ask.statistic)
    bottom, top = measured_scale([p.ax for p in panels], "y", everything, ask.statistic.is_share)
    for panel in panels:
        put_on(panel.ax, "x", axis, panel.width)
        if names:
            panel.ax.set_xlim(-0.5, len(axis.texts) - 0.5)
        panel.ax.grid(axis="y")
    for panel, look, place, x, (values, low, high) in lines:
        low, high = np.clip(low, bottom, top), np.clip(high, bottom, top)
        if names:
            panel.ax.vlines(x, low, high, color=look.colour, linewidth=1)
        else:
            panel.ax.fill_between(x, low, high, color=look.colour, **_BAND)
        style: dict[str, Any] = {"linewidth": 0.6, "linestyle": (0, (1, 2))} if names else {}
        panel.ax.plot(x, values, color=look.colour, marker=look.marker, label=look.label, **style)
        _beyond(panel, x[np.isposinf(values)], look.colour, (place + 0.5) / n_lines - 0.5)
    _label(panels, words(axis.name), statistic_words(ask.statistic))


def _beyond(panel: Panel, x: Floats, colour: str, shift: float) -> None:
    """Hollow triangles at the upper edge for what is infinite, those of each line a little aside."""
    if not len(x):
        return
    from matplotlib.transforms import ScaledTranslation

    ax = panel.ax
    aside = ScaledTranslation(0.25 * shift, 0, ax.figure.dpi_scale_trans)
    look: dict[str, Any] = {
        "marker": "^",
        "linestyle": "none",
        "markerfacecolor": "white",
        "markersize": 4,
        "clip_on": False,
    }
    ax.plot(x, np.ones(len(x)), color=colour, transform=ax.get_xaxis_transform() + aside, **look)
    ax.plot([], [], color="0.3", label="infinite", **look)


def _refuse_nothing(numbers: Floats, statistic: Statistic) -> None:
    if not np.isfinite(numbers).any():
        hint = f"; a rate, or a lower quantile such as quantile(0.1, {statistic.subject}), may be a number"
        nothing = "no number" if not np.isinf(numbers).any() else "infinite"
        raise RunnerError(f"there is nothing to draw: {statistic.text} is {nothing} everywhere{hint}")


FIGURES.add(
    FigureKind(
        "line",
        "A statistic over the values of a key, with its interval: a band where they are numbers, else bars.",
        _line,
        x="key",
        y="statistic",
        example="--x learning_rate --y converged --by architecture",
    )
)


# ---- heatmap


_INFINITE = "0.75"


def _heatmap(panels: Sequence[Panel], ask: Request) -> None:
    from matplotlib import colormaps
    from matplotlib.colors import ListedColormap, LogNorm, Normalize

    across, up = panels[0].axis(ask.x), panels[0].axis(ask.by)
    n, m = len(across.texts), len(up.texts)
    maps = []
    for panel in panels:
        cells = panel.rows.codes[up.name] * n + panel.rows.codes[across.name]
        found = evaluate_groups(panel.rows.frame, ask.statistic, cells, n * m, ask.confidence)
        maps.append(np.array([math.nan if each is None else each.value for each in found]).reshape(m, n))
    everything = np.concatenate([numbers.ravel() for numbers in maps])
    _refuse_nothing(everything, ask.statistic)
    share = ask.statistic.is_share
    finite = everything[np.isfinite(everything)]
    ends = (0.0, 1.0) if share else (float(finite.min()), float(finite.max()))
    norm = LogNorm(*ends) if not share and spread_scale(finite) == "log" else Normalize(*ends)
    for panel, numbers in zip(panels, maps, strict=True):
        shown: dict[str, Any] = {"origin": "lower", "aspect": "auto", "interpolation": "nearest"}
        image = panel.ax.imshow(numbers, cmap=colormaps[SHADES], norm=norm, **shown)
        if np.isposinf(numbers).any():
            panel.ax.imshow(np.where(np.isposinf(numbers), 1.0, np.nan), cmap=ListedColormap([_INFINITE]), **shown)
        name_ticks(panel.ax, "x", across, panel.width)
        name_ticks(panel.ax, "y", up, panel.height)
        panel.ax.spines[:].set_visible(False)
        panel.ax.tick_params(length=2)
        if len(panels) == 1 and n <= 8 and m <= 14:
            _write_in(panel, numbers, image, share)
    figure = panels[0].ax.figure
    bar = figure.colorbar(image, ax=[panel.ax for panel in panels], pad=0.02, aspect=30)
    bar.set_label(statistic_words(ask.statistic), parse_math=False)
    bar.outline.set_visible(False)
    _bar_ticks(bar, share, isinstance(norm, LogNorm))
    if np.isposinf(everything).any():
        bar.ax.set_title("grey: infinite", fontsize=6)
    _label(panels, words(across.name), words(up.name))


def _write_in(panel: Panel, numbers: Floats, image: Any, share: bool) -> None:
    """The number of every cell, dark on light and light on dark."""
    from matplotlib.colors import to_rgba

    for (j, i), value in np.ndenumerate(numbers):
        if math.isnan(value):
            continue
        red, green, blue, _ = to_rgba(_INFINITE) if math.isinf(value) else image.cmap(image.norm(value))
        dark = 0.299 * red + 0.587 * green + 0.114 * blue > 0.5
        text = "∞" if math.isinf(value) else f"{100 * value:.0f}" if share else number(float(f"{value:.3g}"))
        colour = "black" if dark else "white"
        panel.ax.text(i, j, text, ha="center", va="center", fontsize=6, color=colour, parse_math=False)


def _bar_ticks(bar: Any, share: bool, log: bool) -> None:
    if share:
        show_percent(bar.ax.yaxis)
    elif log:
        plain_log(bar.ax.yaxis)


FIGURES.add(
    FigureKind(
        "heatmap",
        "A statistic as a colour, over the values of two keys: x across and by upwards.",
        _heatmap,
        x="key",
        y="statistic",
        by="key",
        most_by=200,
        example="--kind heatmap --x learning_rate --by init --y converged",
    )
)


# ---- survival


def _survival(panels: Sequence[Panel], ask: Request) -> None:
    steps = []
    for panel in panels:
        for look, rows in panel.lines(ask.by):
            found = converged_by(_times(rows.frame, str(ask.x)), ask.confidence)
            steps.append((panel, look, found, exact_rows(rows.frame)))
    axes = [panel.ax for panel in panels]
    at = np.concatenate([np.append(found.times, found.end) for _, _, found, _ in steps])
    positive = at[at > 0]
    log = len(positive) and spread_scale(positive) == "log"
    left = float(positive.min()) / 1.1 if log else 0.0
    right = float(at.max()) or 1.0
    measured_scale(axes, "y", np.empty(0), share=True)
    for ax in axes:
        if log:
            set_log(ax, "x")
        ax.set_xlim(left, right * 1.05 if log else right)
        ax.grid(axis="y")
    for panel, look, found, exact in steps:
        # From the start, where no run has converged, to the end of the longest budget.
        end = right if len(found.share) and found.share[-1] == 1 else found.end
        x = np.concatenate([[0.0], found.times, [end]])
        y, low, high = (
            np.concatenate([[a], b, b[-1:] if len(b) else [a]])
            for a, b in ((0.0, found.share), (math.nan, found.low), (math.nan, found.high))
        )
        if not exact:
            panel.ax.fill_between(x, low, high, step="post", color=look.colour, **_BAND)
        panel.ax.step(x, y, where="post", color=look.colour, label=look.label)
    _label(panels, str(ask.x), "share of runs converged")


_TIMES = ("epochs_to_converge", "updates_to_converge", "epochs_run", "updates", "batch")


def _times(frame: RunTable, unit: str) -> Sample:
    """When each run met its criterion, or how long it was watched in vain; and whether it did."""
    if isinstance(frame, LargeRows):
        return frame.values(lambda some: _times_of(some, unit), _TIMES, False)
    return _times_of(frame, unit)


def _times_of(frame: pd.DataFrame, unit: str) -> Values:
    """The same of runs in memory."""
    when = frame[f"{unit}_to_converge"].to_numpy()
    met = ~np.isnan(when)
    watched = frame["epochs_run"].to_numpy()
    if unit == "updates":
        # A run that never met its criterion was trained for its whole budget.
        budget = np.array([float(text or "nan") for text in frame["updates"].cat.categories])
        budget = budget[frame["updates"].cat.codes.to_numpy()]
        one = (frame["batch"] == "full").to_numpy()
        watched = np.where(np.isnan(budget) & one, watched, budget)
        if np.isnan(watched[~met]).any():
            raise RunnerError(
                "how many updates a run with mini-batches has made stands in no column where its budget is not in "
                "updates: use epochs as x"
            )
    return Values(np.where(met, when, watched), frame["seed"].to_numpy(), False, (), met)


FIGURES.add(
    FigureKind(
        "survival",
        "The share of runs that have met their criterion by a time; where budgets differ, Kaplan and Meier's estimate.",
        _survival,
        x=("epochs", "updates"),
        y=("converged",),
        columns=_TIMES,
        example="--kind survival --by architecture",
    )
)


# ---- distribution


def _distribution(panels: Sequence[Panel], ask: Request) -> None:
    (_boxes if ask.x else _cumulative)(panels, ask)


_WHISKERS = (0.05, 0.25, 0.5, 0.75, 0.95)


def _values(rows: Rows, column: str) -> Sample:
    """Numbers of a column; a missing one is infinite where it means "never" or "overflowed"."""
    return values_of(rows.frame, Statistic("quantile", column))


def _boxes(panels: Sequence[Panel], ask: Request) -> None:
    axis = panels[0].axis(ask.x)
    n_lines = len(panels[0].rows.axes[ask.by].texts) if ask.by else 1
    boxes = []
    for panel in panels:
        for place, (look, rows) in enumerate(panel.lines(ask.by)):
            for k in range(len(axis.texts)):
                here = rows.where(axis.name, k)
                if len(here.frame) and len(values := _values(here, ask.column)):
                    at, ordered = k + 0.8 * ((place + 0.5) / n_lines - 0.5), values.ordered()
                    boxes.append((panel, look, at, [quantile(ordered, q) for q in _WHISKERS]))
    everything = np.array([numbers for *_, numbers in boxes])
    _refuse_nothing(everything.ravel(), Statistic("quantile", ask.column, text=ask.column))
    _, top = measured_scale([panel.ax for panel in panels], "y", everything)
    for panel in panels:
        name_ticks(panel.ax, "x", axis, panel.width)
        panel.ax.set_xlim(-0.5, len(axis.texts) - 0.5)
        panel.ax.grid(axis="y")
    named: set[str] = set()
    for panel, look, at, numbers in boxes:
        names = ("whislo", "q1", "med", "q3", "whishi")
        stats = dict(zip(names, np.minimum(numbers, 2 * top).tolist(), strict=True))
        width = 0.6 / n_lines
        plain = {"color": look.colour, "linewidth": 0.8}
        parts = panel.ax.bxp(
            [stats],
            positions=[at],
            widths=width,
            showfliers=False,
            manage_ticks=False,
            patch_artist=True,
            boxprops={"facecolor": f"{look.colour}40", "edgecolor": look.colour, "linewidth": 0.8},
            medianprops={"color": look.colour, "linewidth": 1.8},
            whiskerprops=plain,
            capprops=plain,
        )
        if look.label and look.label not in named:
            named.add(look.label)
            parts["boxes"][0].set_label(look.label)
        if math.isinf(numbers[2]):
            _beyond(panel, np.array([at]), look.colour, 0.0)
    _label(panels, words(axis.name), words(ask.column))


def _cumulative(panels: Sequence[Panel], ask: Request) -> None:
    lines = [(p, look, *_values(rows, ask.column).different()) for p in panels for look, rows in p.lines(ask.by)]
    everything = np.concatenate([different for *_, different, _ in lines])
    _refuse_nothing(everything, Statistic("quantile", ask.column, text=ask.column))
    axes = [panel.ax for panel in panels]
    left, right = measured_scale(axes, "x", everything)
    measured_scale(axes, "y", np.empty(0), share=True)
    for panel, look, different, counts in lines:
        finite = np.isfinite(different)
        share = np.cumsum(counts[finite]) / max(int(counts.sum()), 1)
        different = different[finite]
        if len(share) > _MOST_STEPS:
            kept = np.unique(np.linspace(0, len(share) - 1, _MOST_STEPS).round().astype(np.int64))
            different, share = different[kept], share[kept]
        x = np.concatenate([[left], different, [right]])
        y = np.concatenate([[0.0], share, share[-1:] if len(share) else [0.0]])
        panel.ax.step(x, y, where="post", color=look.colour, label=look.label)
        panel.ax.grid(axis="y")
    _label(panels, words(ask.column), "share of runs up to there")


_MOST_STEPS = 2000

FIGURES.add(
    FigureKind(
        "distribution",
        "A measured column: boxes over the values of x; without x, the share of runs up to each number.",
        _distribution,
        x="key or nothing",
        y="column",
        most_x=40,
        example="--kind distribution --x architecture --y epochs_to_converge",
    )
)


# ---- curves


def _curves(panels: Sequence[Panel], ask: Request) -> None:
    points, tested = read_curves(ask.table, ask.column), read_tested_curves(ask.table, ask.column)
    unbounded = ask.column.endswith("loss")
    lines, of_tests = [], []
    for panel in panels:
        for look, rows in panel.lines(ask.by):
            found = curve_quantiles(points, rows.in_memory, (0.25, 0.5, 0.75), unbounded)
            if found is not None:
                lines.append((panel, look, found))
            beside = None if tested is None else curve_quantiles(tested, rows.in_memory, (0.5,), unbounded)
            if beside is not None:
                of_tests.append((panel, look, beside))
    if not lines:
        raise RunnerError("none of these runs has a recorded curve")
    axes = [panel.ax for panel in panels]
    at = np.concatenate([found.epochs for *_, found in lines])
    everything = np.concatenate([found.quantiles.ravel() for *_, found in [*lines, *of_tests]])
    bottom, top = measured_scale(axes, "y", everything)
    log = spread_scale(at[at > 0]) == "log"
    for ax in axes:
        if log:
            set_log(ax, "x")
        ax.set_xlim(float(at[at > 0].min()) if log else 0.0, float(at.max()) or 1.0)
        ax.grid(axis="y")
    for panel, look, found in lines:
        for epochs, values in found.singles:
            panel.ax.plot(epochs, values, color=look.colour, linewidth=0.3, alpha=0.25, zorder=1)
        low, median, high = found.quantiles
        low, high = np.clip(low, bottom, top), np.clip(high, bottom, top)
        panel.ax.fill_between(found.epochs, low, high, color=look.colour, zorder=2, **_BAND)
        label = look.label or ("training" if of_tests else "")
        panel.ax.plot(found.epochs, median, color=look.colour, label=label, linewidth=1.5, zorder=3)
    for panel, look, found in of_tests:
        label = f"{look.label}, held out" if look.label else "held out"
        panel.ax.plot(found.epochs, found.quantiles[0], "--", color=look.colour, label=label, linewidth=1.5, zorder=3)
    _label(panels, "epoch", words(ask.column))


FIGURES.add(
    FigureKind(
        "curves",
        "Recorded curves: median and quartiles over the epochs, single runs; dashed, the median of held-out samples.",
        _curves,
        x=("epoch",),
        y=("loss", "accuracy", "test_loss", "test_accuracy"),
        columns=("run_id", "stop", "epochs_to_converge"),
        in_memory=True,
        example="--kind curves --y loss --by learning_rate --where architecture=2-4-1",
    )
)


# ---- plane


FIGURES.add(
    FigureKind(
        "plane",
        "One run for each pair of two numbers, coloured by how fast it converged or diverged; a PNG has a pixel a run.",
        draw_plane,
        x="key",
        y="key",
        by="nothing",
        facet="nothing",
        columns=COLUMNS,
        in_memory=True,
        most_x=20_000,
        most_by=20_000,
        pixels=pixels,
        example="--kind plane --x learning_rate --y epochs --where architecture=2-4-1 --where init=xavier_uniform "
        "--where seed=0",
    )
)


def _label(panels: Sequence[Panel], x: str, y: str) -> None:
    """Names of the axes, on the outer panels only."""
    for panel in panels:
        panel.ax.set_xlabel(x, parse_math=False)
        panel.ax.set_ylabel("\n".join(textwrap.wrap(y, int((panel.height + 0.4) / LETTER))), parse_math=False)
        panel.ax.label_outer()
