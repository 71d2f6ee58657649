"""How figures look: sizes of a paper's columns, fonts, colours that the colour-blind can tell apart, words, ticks."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from runner.figures.rows import Axis, Floats, spread_scale
from runner.results.files import write_file
from runner.statistics.reading import Statistic
from runner.terminal import visible

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FORMATS = ("pdf", "svg", "png")
COLUMN, PAGE = 3.4, 7.0
"""Widths in inches of a column of a paper, and of a page with two of them."""
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
"""Those of Okabe and Ito (2008) without yellow, which is hard to see on white."""
_MARKERS = "os^Dv<>ph*XP"
MOST_NAMES, MOST_NUMBERS = len(_COLOURS), len(_MARKERS)
"""How many lines can be told apart: of values that are names, and of numbers, which have shades of one scale."""
SHADES = "viridis"
LETTER = 0.062
"""Width of a letter in inches, on average."""
_LONGEST = 24  # letters of a text at a tick
_LINE = 0.13  # height of a line of text in inches
SMALL = 7
"""Size of the letters at ticks and in legends, in points."""
_RC: dict[Any, Any] = {
    "font.family": "DejaVu Sans",  # comes with matplotlib, so that a figure is the same on every machine
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.labelsize": 8,
    "xtick.labelsize": SMALL,
    "ytick.labelsize": SMALL,
    "legend.fontsize": SMALL,
    "legend.title_fontsize": SMALL,
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.minor.width": 0.4,
    "ytick.minor.width": 0.4,
    "lines.linewidth": 1.2,
    "lines.markersize": 3.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": "0.9",
    "grid.linewidth": 0.5,
    "pdf.fonttype": 42,  # letters that can be searched and that journals take
    "svg.hashsalt": "runner",
    "savefig.dpi": 300,
}
_UNITS = {
    "accuracy": "share of samples",
    "saturation": "share of hidden activations",
    "batch": "samples per update",
}


@contextmanager
def styled() -> Iterator[None]:
    """What is drawn in the block looks the same whatever a user has set."""
    import matplotlib as mpl

    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(_RC)
        yield
        # The first figure of a notebook loads its backend, which turns this on: without it, no later one is shown.
        interactive = mpl.is_interactive()
    mpl.interactive(interactive)


def save(figure: Figure, path: Path) -> None:
    """Write a figure in one step; the same figure gives the same bytes."""
    kind = path.suffix[1:].lower()
    dates: dict[str, dict[str, Any]] = {"pdf": {"CreationDate": None}, "svg": {"Date": None}}
    content = io.BytesIO()
    with styled():
        figure.savefig(content, format=kind, metadata=dates.get(kind))
    write_file(path, content.getvalue())


def save_pixels(image: NDArray[np.uint8], path: Path) -> None:
    """Write an image of shape (rows, columns, 4), its first row at the bottom, as a PNG with a pixel for each entry."""
    from matplotlib.image import imsave

    content = io.BytesIO()
    imsave(content, image, format="png", origin="lower")
    write_file(path, content.getvalue())


@dataclass(frozen=True)
class Look:
    """How a line is told from the others.

    Attributes
    ----------
    label : str
        Its name in the legend; empty for the only line.
    colour, marker : str
    """

    label: str
    colour: str
    marker: str


def looks(axis: Axis | None) -> list[Look]:
    """One for each value: colours apart for names, shades of one scale for numbers."""
    if axis is None:
        return [Look("", _COLOURS[0], _MARKERS[0])]
    n = len(axis.texts)
    colours: Sequence[str] = _COLOURS
    if axis.scale != "category":
        from matplotlib import colormaps
        from matplotlib.colors import to_hex

        # The end of the scale is yellow, and hard to see on white.
        colours = [to_hex(colormaps[SHADES](0.82 * k / max(n - 1, 1))) for k in range(n)]
    return [Look(axis.labels[k], colours[k], _MARKERS[k]) for k in range(n)]


def title(name: str) -> str:
    """The name of a key or a column for people: `learning rate`."""
    return visible(name.replace("_", " "))


def words(name: str) -> str:
    """The same for an axis, with its unit where the name does not say it.

    Examples
    --------
    >>> words("learning_rate"), words("accuracy")
    ('learning rate', 'accuracy (share of samples)')
    """
    return f"{title(name)} ({unit})" if (unit := _UNITS.get(name)) else title(name)


def statistic_words(statistic: Statistic) -> str:
    """What a statistic is, for people.

    Examples
    --------
    >>> from runner.statistics.reading import read_statistic
    >>> [statistic_words(read_statistic(text)) for text in ("rate(stuck)", "median(mse)", "quantile(0.9, accuracy)")]
    ['share of runs: stuck', 'median mse', '0.9 quantile of accuracy (share of samples)']
    """
    if statistic.keys:
        return statistic.text
    subject = title(statistic.subject) if statistic.name == "rate" else words(statistic.subject)
    if statistic.name == "quantile" and statistic.q == 0.5:
        return f"median {subject}"
    return statistic.member.title.format(subject, q=statistic.q)


def put_on(ax: Axes, side: str, axis: Axis, inches: float) -> None:
    """Scale and ticks of an axis of values.

    Parameters
    ----------
    ax : Axes
    side : {"x", "y"}
    axis : Axis
    inches : float
        About how long it is.
    """
    from matplotlib.ticker import NullLocator

    which = ax.xaxis if side == "x" else ax.yaxis
    if axis.scale == "category":
        name_ticks(ax, side, axis, inches)
        return
    numbers = axis.positions
    set_limits = ax.set_xlim if side == "x" else ax.set_ylim
    if axis.scale == "log":
        set_log(ax, side)
        room = float(numbers[-1] / numbers[0]) ** 0.05
        set_limits(float(numbers[0]) / room, float(numbers[-1]) * room)
        decades = math.floor(math.log10(numbers[-1]) + 1e-9) - math.ceil(math.log10(numbers[0]) - 1e-9) + 1
        if decades > 1:
            return
        which.set_minor_locator(NullLocator())
    else:
        room = 0.05 * float(numbers[-1] - numbers[0]) or 0.5
        set_limits(float(numbers[0]) - room, float(numbers[-1]) + room)
    if axis.scale == "log" or len(numbers) <= 6:
        step = -(-len(numbers) // 8)
        which.set_ticks(numbers[::step].tolist(), list(axis.labels[::step]), parse_math=False)


def name_ticks(ax: Axes, side: str, axis: Axis, inches: float) -> None:
    """Ticks at 0, 1, 2, ... with the values as texts: names that are too long lean, of numbers some are left out."""
    # Of a long text both ends: lists of numbers often differ in the last ones.
    labels = [label if len(label) <= _LONGEST else f"{label[:11]}...{label[-10:]}" for label in axis.labels]
    labels = labels if len(set(labels)) == len(set(axis.labels)) else list(axis.labels)
    which, n = ax.xaxis if side == "x" else ax.yaxis, len(labels)
    longest, room = max(map(len, labels)) * LETTER, 0.9 * inches / n
    lean: dict[str, Any] = {}
    step = math.ceil(_LINE / room)
    if side == "x" and longest > room:
        if axis.scale != "category" or longest < 2 * _LINE:
            step = math.ceil(longest / room)
        elif room > 2 * _LINE:
            lean = {"rotation": 30, "ha": "right", "rotation_mode": "anchor"}
        else:
            lean = {"rotation": 90}
    which.set_ticks(list(range(0, n, step)), labels[::step], parse_math=False, **lean)


def set_log(ax: Axes, side: str) -> None:
    """A logarithmic axis whose numbers are plain text."""
    (ax.set_xscale if side == "x" else ax.set_yscale)("log")
    plain_log(ax.xaxis if side == "x" else ax.yaxis)


def plain_log(axis: Any) -> None:
    """Plain numbers at the ticks of a logarithmic axis."""
    from matplotlib.ticker import FuncFormatter, NullFormatter

    axis.set_major_formatter(FuncFormatter(_power))
    axis.set_minor_formatter(NullFormatter())


_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def _power(value: float, place: object = None) -> str:
    """A number at a tick: `0.01`, `1000`, `10⁻⁵`."""
    if value > 0 and not 1e-3 <= value < 1e5:
        exponent = math.floor(math.log10(value) + 1e-9)
        factor = value / 10.0**exponent
        start = "" if abs(factor - 1) < 1e-9 else f"{factor:g}·"
        return f"{start}10{str(exponent).translate(_RAISED)}"
    return f"{value:g}"


def measured_scale(axes: Sequence[Axes], side: str, numbers: Floats, share: bool = False) -> tuple[float, float]:
    """Scale and limits of the axis of measured numbers that some axes have in common; what is infinite is beyond it.

    Parameters
    ----------
    axes : sequence of Axes
    side : {"x", "y"}
    numbers : array
        Everything that is to be seen.
    share : bool
        Whether they are shares, which are shown in percent.

    Returns
    -------
    low, high : float
        Where the axis ends.
    """
    finite = numbers[np.isfinite(numbers)]
    low, high = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 1.0)
    scale = "linear" if share else spread_scale(finite)
    if share:
        low, high = -0.03, 1.03
    elif scale == "log":
        room = (high / low) ** 0.05
        low, high = low / room, high * room
    else:
        room = 0.05 * (high - low) or abs(high) * 0.05 or 0.5
        low, high = low - room, high + room
    for ax in axes:
        if scale == "log":
            set_log(ax, side)
        (ax.set_xlim if side == "x" else ax.set_ylim)(low, high)
        if share:
            show_percent(ax.xaxis if side == "x" else ax.yaxis)
    return low, high


def show_percent(axis: Any) -> None:
    """Shares between 0 and 1 as percent at the ticks."""
    from matplotlib.ticker import PercentFormatter

    axis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axis.set_ticks(np.linspace(0, 1, 6).tolist())
