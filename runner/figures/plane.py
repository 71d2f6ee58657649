"""Planes: a run for every pair of two numbers, one pixel each, coloured by how fast it converged or diverged."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from runner.errors import Problem, RunnerError, StudyError
from runner.figures.model import Panel, Request
from runner.figures.rows import Axis, Floats, Ints, Rows
from runner.figures.style import SMALL, plain_log, words
from runner.terminal import counted, listed, number

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Pixels = NDArray[np.uint8]
COLUMNS = ("outcome", "final_loss", "epochs_to_converge", "epochs_to_diverge")
"""What of a run decides its colour."""
_TICKS = 6


@dataclass(frozen=True)
class Scale:
    """How the runs of one kind are coloured: by their rank among themselves, from pale to dark.

    Attributes
    ----------
    title : str
        What the ranks are of.
    colours : str
        Name of a colour map of matplotlib.
    low, high : float
        The part of the map that is used.
    """

    title: str
    colours: str
    low: float = 0.25
    high: float = 1.0


CONVERGED = Scale("converged: epochs", "Blues")
DIVERGED = Scale("diverged: epochs", "Oranges")
OTHERS = Scale("others: final loss", "Greys", 0.2, 0.75)


@dataclass(frozen=True)
class Ranked:
    """The runs of one kind.

    Attributes
    ----------
    scale : Scale
    rows : array of int, shape (n,)
    shades : array of shape (n,)
        From 0, the first, to 1, the last: which share of the others comes before a run; ties in the middle.
    ends : array of shape (5,)
        What is ranked, at 0, 25, 50, 75 and 100% of the runs.
    """

    scale: Scale
    rows: Ints
    shades: Floats
    ends: Floats


def ranked(rows: Rows) -> list[Ranked]:
    """Runs that converged, that diverged, and all others.

    Sohl-Dickstein (2024, arXiv:2402.06184) measures how fast a run converges by the sum of its losses, and how fast it
    diverges by the sum of their inverses. A row of results has no such sums; it has `epochs_to_converge`, and among
    equals the final loss, the smaller the sooner; and `epochs_to_diverge`, and among equals (such as those that were
    still finite at the end of the budget) the final loss, the larger the sooner. As in the paper, colours follow ranks.
    """
    frame = rows.in_memory
    outcome, loss = frame["outcome"].to_numpy(), _unknown_last(frame["final_loss"].to_numpy())
    converged, diverged = outcome == "converged", outcome == "diverged"
    kinds = (
        (CONVERGED, converged, _unknown_last(frame["epochs_to_converge"].to_numpy()), loss),
        (DIVERGED, diverged, _unknown_last(frame["epochs_to_diverge"].to_numpy()), -loss),
        (OTHERS, ~converged & ~diverged, loss, np.zeros(len(loss))),
    )
    return [_rank(scale, np.flatnonzero(where), first, second) for scale, where, first, second in kinds if where.any()]


def _unknown_last(numbers: Floats) -> Floats:
    """What is no number is infinite: it overflowed, or it never came to be."""
    return np.where(np.isnan(numbers), np.inf, numbers)


def _rank(scale: Scale, rows: Ints, first: Floats, second: Floats) -> Ranked:
    """Runs in the order of one number, and among equals of another."""
    order = np.lexsort((second[rows], first[rows]))
    a, b, n = first[rows][order], second[rows][order], len(rows)
    new = np.concatenate([[True], (a[1:] != a[:-1]) | (b[1:] != b[:-1])])
    starts = np.flatnonzero(new)
    counts = np.diff(np.append(starts, n))
    middles = (starts + (counts - 1) / 2) / max(n - 1, 1)
    shades = np.empty(n)
    shades[order] = np.repeat(middles if n > 1 else np.array([0.5]), counts)
    at = np.linspace(0, n - 1, 5).round().astype(np.int64)
    return Ranked(scale, rows, shades, a[at])


def pixels(panel: Panel, ask: Request) -> Pixels:
    """The plane as an image, its first row at the bottom; transparent where there is no run."""
    return _coloured(panel.rows, *_places(panel, ask))


def _places(panel: Panel, ask: Request) -> tuple[Axis, Axis]:
    return panel.axis(ask.x), panel.axis(ask.column)


def _coloured(rows: Rows, across: Axis, up: Axis) -> Pixels:
    from matplotlib import colormaps

    image = np.zeros((len(up.texts) * len(across.texts), 4), np.uint8)
    places = rows.codes[up.name] * len(across.texts) + rows.codes[across.name]
    for kind in ranked(rows):
        shades = kind.scale.low + (kind.scale.high - kind.scale.low) * kind.shades
        image[places[kind.rows]] = colormaps[kind.scale.colours](shades, bytes=True)
    return image.reshape(len(up.texts), len(across.texts), 4)


def refuse_no_plane(rows: Rows, across: Axis, up: Axis, others: Sequence[str]) -> None:
    """Raise a StudyError unless two axes of numbers have one run at most for each pair of values.

    Parameters
    ----------
    rows : Rows
    across, up : Axis
    others : sequence of str
        What else the study sweeps.
    """
    problems = []
    for role, axis in (("x", across), ("y", up)):
        if axis.numbers is None:
            problems.append(f"{role}: a plane needs an axis of numbers; {axis.name} is {axis.labels[0]} in some runs")
        elif len(axis.texts) < 2:
            problems.append(f"{role}: a plane needs more than one value; {axis.name} is {axis.labels[0]} in all runs")
    most = int(np.bincount(rows.codes[up.name] * len(across.texts) + rows.codes[across.name]).max())
    if not problems and most > 1:
        all_seeds = rows.in_memory["seed"]
        seeds = [f"seed={all_seeds.min()}"] if all_seeds.nunique() > 1 else []
        hint = listed([*(f"{name}=VALUE" for name in others), *seeds] or ["KEY=VALUE"])
        problems.append(f"up to {counted(most, 'run')} would share a pixel of the plane: choose one with where: {hint}")
    if problems:
        raise StudyError([Problem(text) for text in problems])


def draw_plane(panels: Sequence[Panel], ask: Request) -> None:
    """The image with its axes, and a bar of colours for each kind of runs."""
    (panel,) = panels
    across, up = _places(panel, ask)
    panel.ax.imshow(_coloured(panel.rows, across, up), origin="lower", aspect="auto", interpolation="nearest")
    _put_ticks(panel.ax, "x", across)
    _put_ticks(panel.ax, "y", up)
    panel.ax.set_xlabel(words(across.name), parse_math=False)
    panel.ax.set_ylabel(words(up.name), parse_math=False)
    kinds = ranked(panel.rows)
    for place, kind in enumerate(reversed(kinds)):
        _put_bar(panel.ax, kind, place / len(kinds), 1 / len(kinds))


def _put_bar(ax: Axes, kind: Ranked, bottom: float, height: float) -> None:
    """The colours of one kind, with what is ranked at its quartiles."""
    from matplotlib import colormaps

    beside = ax.inset_axes((1.05, bottom, 0.06, height - 0.16))
    shades = np.linspace(kind.scale.low, kind.scale.high, 64)
    beside.imshow(colormaps[kind.scale.colours](shades)[:, None], origin="lower", aspect="auto", extent=(0, 1, 0, 1))
    beside.set_xticks([])
    texts = ["∞" if math.isinf(end) else number(float(f"{end:.3g}")) for end in kind.ends.tolist()]
    beside.set_yticks(np.linspace(0, 1, len(texts)).tolist(), texts, fontsize=SMALL - 1)
    beside.yaxis.tick_right()
    beside.tick_params(length=2)
    beside.set_title(kind.scale.title, fontsize=SMALL - 1, loc="left", pad=5)
    beside.spines[:].set_visible(False)


def _put_ticks(ax: Axes, side: str, axis: Axis) -> None:
    """Round numbers at their places among the values, which stand evenly whatever they are."""
    from matplotlib.ticker import LogLocator, MaxNLocator

    values = axis.numbers
    if values is None:
        raise RunnerError(f"{axis.name} is no axis of numbers")
    log = axis.scale == "log"
    low, high = float(values[0]), float(values[-1])
    wide = log and high / low >= 100
    locator = LogLocator(numticks=_TICKS) if wide else MaxNLocator(_TICKS - 1)
    ticks = np.array([tick for tick in locator.tick_values(low, high) if low <= tick <= high])
    at, among = (np.log(ticks), np.log(values)) if log else (ticks, values)
    where = np.interp(at, among, np.arange(len(values), dtype=float))
    which: Any = ax.xaxis if side == "x" else ax.yaxis
    plain_log(which)
    which.set_ticks(where.tolist(), [which.get_major_formatter()(tick) for tick in ticks], parse_math=False)
