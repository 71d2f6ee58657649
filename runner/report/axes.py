"""The axes of a page: the settings that differ between runs, with few enough values to draw."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runner.analysis.explain.factors import Factor
from runner.analysis.explain.runs import Runs
from runner.analysis.groups import Grouping, Groups
from runner.figures.rows import Axis

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
_MOST_CELLS = 5_000  # of all maps together: some hundred bytes each
_MOST_VALUES, _FEWEST_VALUES = 100, 4
_MOST_AXES = 24  # the maps of more have more cells than there is room for, however few values are left


@dataclass(frozen=True)
class PageAxis:
    """A setting as it is drawn.

    Attributes
    ----------
    name : str
    labels : tuple of str
        Its values, or ranges of them.
    positions : float array
        Where they stand, in the coordinates of the drawing: logarithms on a logarithmic axis, else numbers, and 0, 1,
        2, ... for names.
    scale : {"log", "linear", "category"}
    codes : int array (runs,)
        The number of every run's value; -1 of values that are not drawn.
    note : str
        What the reader must know of values that are taken together or left out; mostly empty.
    """

    name: str
    labels: tuple[str, ...]
    positions: Floats
    scale: str
    codes: Ints
    note: str

    def __len__(self) -> int:
        return len(self.labels)

    def as_json(self, grouping: Grouping) -> dict[str, Any]:
        """What the script draws."""
        return {
            "name": self.name,
            "labels": list(self.labels),
            "positions": plain(self.positions),
            "scale": self.scale,
            "note": self.note,
            "groups": groups_json(grouping.by(self.codes, len(self))),
        }


def page_axes(runs: Runs) -> list[PageAxis]:
    """The axes of a table, so coarse that all maps of two of them have at most some thousand cells."""
    factors = runs.factors[:_MOST_AXES]
    sizes = [len(factor.values) for factor in factors]
    most = _MOST_VALUES
    while most > _FEWEST_VALUES and _cells([min(size, most) for size in sizes]) > _MOST_CELLS:
        most -= 1
    return [_axis(factor, runs.codes[:, at], most) for at, factor in enumerate(factors)]


def _cells(sizes: Sequence[int]) -> int:
    return sum(a * b for a, b in combinations(sizes, 2))


def _axis(factor: Factor, codes: Ints, most: int) -> PageAxis:
    n = len(factor.values)
    positions, scale = np.arange(n, dtype=float), "category"
    if factor.is_numeric:
        drawn = Axis(factor.name, tuple(text for (text,) in factor.values))
        scale = drawn.scale
        positions = np.log10(drawn.positions) if scale == "log" else drawn.positions
    if n <= most:
        return PageAxis(factor.name, tuple(map(factor.short, range(n))), positions, scale, codes, "")
    if not factor.is_numeric:
        note = f"{factor.name} has {n:,} values; the first {most} are drawn."
        labels = tuple(map(factor.short, range(most)))
        return PageAxis(factor.name, labels, positions[:most], scale, np.where(codes < most, codes, -1), note)
    # Neighbours together, as evenly as can be.
    range_of = np.arange(n) * most // n
    first = np.searchsorted(range_of, np.arange(most))
    ends = zip(first.tolist(), [*(first[1:] - 1).tolist(), n - 1], strict=True)
    labels = tuple(" to ".join(dict.fromkeys((factor.short(a), factor.short(b)))) for a, b in ends)
    middles = np.bincount(range_of, positions) / np.bincount(range_of)
    note = f"{factor.name} has {n:,} values; neighbours are taken together in {most} ranges."
    return PageAxis(factor.name, labels, middles, scale, range_of[codes], note)


def pairs_json(axes: Sequence[PageAxis], grouping: Grouping) -> dict[str, Any]:
    """For any two axes what became of the runs in each cell, the second axis counting fastest: `"0-1": {...}`."""
    found = {}
    for (i, one), (j, other) in combinations(enumerate(axes), 2):
        codes = np.where((one.codes < 0) | (other.codes < 0), -1, one.codes * len(other) + other.codes)
        found[f"{i}-{j}"] = groups_json(grouping.by(codes, len(one) * len(other)))
    return found


def groups_json(groups: Groups) -> dict[str, Any]:
    """Groups as lists, one entry for each; rates, bounds and shares of groups without runs are null."""
    shares = groups.shares
    counts = np.array([share.runs or np.nan for share in shares])
    epochs = groups.quartiles.get("epochs_to_converge")
    return {
        "runs": [int(share.runs) for share in shares],
        "converged": [int(share.hits) for share in shares],
        "rate": plain([share.rate for share in shares]),
        "low": plain([share.low if share.runs else np.nan for share in shares]),
        "high": plain([share.high if share.runs else np.nan for share in shares]),
        "outcomes": [plain(column / counts) for column in groups.outcomes.T],
        "epochs": [] if epochs is None else [plain(column) for column in epochs.T],
        "medians": {name: plain(values[:, 1]) for name, values in groups.quartiles.items()},
    }


def plain(numbers: Floats | Sequence[float]) -> list[float | int | str | None]:
    """Numbers with six digits for the script; what is infinite is the text "inf" or "-inf", what is missing null."""
    return [_plain(float(number)) for number in numbers]


def _plain(number: float) -> float | int | str | None:
    if not np.isfinite(number):
        return None if np.isnan(number) else str(number)
    short = float(f"{number:.6g}")
    return int(short) if short.is_integer() and abs(short) < 1e15 else short
