"""What a kind of figure is, and what it is given: a request, and the axes that it draws on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from runner.figures.rows import Axis, Rows
from runner.figures.style import Look, looks
from runner.statistics.reading import Statistic

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class Request:
    """What a figure is to show.

    Attributes
    ----------
    table : Path
    kind : str
    x : str or None
        What stands along the horizontal axis: a key, or a time.
    y : Statistic or str
        What is shown of the runs: a statistic, or a column; or the key along the vertical axis.
    by : str or None
        The key whose values are lines of their own, or the vertical axis of a map.
    facet : str or None
        The key whose values are panels of their own.
    confidence : float
        Of the intervals.
    """

    table: Path
    kind: str
    x: str | None
    y: Statistic | str
    by: str | None
    facet: str | None
    confidence: float

    @property
    def statistic(self) -> Statistic:
        """What is shown, for kinds that show a statistic."""
        assert isinstance(self.y, Statistic)
        return self.y

    @property
    def column(self) -> str:
        """What is shown, for kinds that show a column; the key along the vertical axis, for kinds that have one."""
        assert isinstance(self.y, str)
        return self.y


@dataclass(frozen=True)
class Panel:
    """One set of axes and the runs on it.

    Attributes
    ----------
    ax : Axes
    rows : Rows
    width, height : float
        About how large it is, in inches.
    """

    ax: Axes
    rows: Rows
    width: float
    height: float

    def axis(self, name: str | None) -> Axis:
        """The axis of a key that the kind needs."""
        assert name is not None
        return self.rows.axes[name]

    def lines(self, by: str | None) -> Iterator[tuple[Look, Rows]]:
        """The runs of each value of a key, and how their line looks: the same on all panels."""
        for k, look in enumerate(looks(self.rows.axes[by] if by else None)):
            rows = self.rows.where(by, k)
            if len(rows.frame):
                yield look, rows


@dataclass(frozen=True)
class FigureKind:
    """A kind of figure.

    Attributes
    ----------
    name, doc : str
        `doc` says in one line what is drawn.
    draw : callable
        From all panels and the request: draws, and sets the scales, ticks and labels of the axes.
    pixels : callable or None
        From the panel and the request to an image that a PNG is in place of the figure, a pixel for each run.
    x : "key", "key or nothing", or tuple of str
        What may stand along the horizontal axis; a tuple is a choice, whose first is the default.
    y : "statistic", "column", "key", or tuple of str
        What may be shown; "key" for what stands along the vertical axis.
    by : "key", "key or nothing" or "nothing"
    columns : tuple of str
        Of the table, that are needed besides.
    facet : "key or nothing" or "nothing"
    most_x, most_by : int or None
        Values of x and of by (or of y, where that is a key) at most; None of by for as many lines as can be told apart.
    in_memory : bool
        Whether it needs all runs in memory at once; else it can draw those of a table that is too large for that.
    example : str
        Arguments that draw one of `configs/xor_sweep.yaml`, or of its variant with `record.curves`.
    """

    name: str
    doc: str
    draw: Callable[[Sequence[Panel], Request], None]
    x: Literal["key", "key or nothing"] | tuple[str, ...]
    y: Literal["statistic", "column", "key"] | tuple[str, ...]
    example: str
    by: Literal["key", "key or nothing", "nothing"] = "key or nothing"
    facet: Literal["key or nothing", "nothing"] = "key or nothing"
    pixels: Callable[[Panel, Request], NDArray[np.uint8]] | None = None
    columns: tuple[str, ...] = ()
    in_memory: bool = False
    most_x: int = 200
    most_by: int | None = None
