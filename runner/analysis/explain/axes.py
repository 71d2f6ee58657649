"""What each axis does: its best and its worst value, and how much it moves the share of runs that converge.

On a full grid every value meets the same company, so that plain rates compare. Elsewhere only matched cells do: cells
that agree in all other axes. An axis without such cells, as in a random sample, is cut into ranges.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runner.analysis.explain.factors import Axis
from runner.analysis.explain.runs import Floats, Ints, Runs, combined
from runner.analysis.intervals import student_t
from runner.analysis.shares import Share, share_over_seeds, totals

GRID, MATCHED, RANGES = "grid", "matched", "ranges"
_MOST_RANGES = 6
_FEWEST_CELLS = 4


@dataclass(frozen=True)
class Level:
    """One value of an axis.

    Attributes
    ----------
    value : str
        As it is shown.
    share : Share
        Of the runs with it that converge. For matched cells `hits / runs` is that, too, but see `lead`.
    lead : float
        By how much the value beats the mean of its matched cells; NaN where that is not how values compare.
    reach : float
        Half the 95% interval of the lead.
    """

    value: str
    share: Share
    lead: float = math.nan
    reach: float = math.nan

    @property
    def order(self) -> float:
        """By which values are better or worse."""
        return self.share.rate if math.isnan(self.lead) else self.lead


@dataclass(frozen=True)
class AxisReport:
    """What one axis does.

    Attributes
    ----------
    axis : Axis
    how : str
        grid, matched or ranges.
    levels : tuple of Level
        In the order of the axis.
    typical : float
        Standard deviation of the rate when only this axis changes, without noise; NaN when no cells match.
    explained : float
        For ranges: about the share of the variance between cells; else NaN.
    """

    axis: Axis
    how: str
    levels: tuple[Level, ...]
    typical: float = math.nan
    explained: float = math.nan

    @property
    def best(self) -> Level:
        """The value that does best; of equal ones the first."""
        return max(self.levels, key=lambda level: level.order)

    @property
    def worst(self) -> Level:
        """The value that does worst; of equal ones the first."""
        return min(self.levels, key=lambda level: level.order)


def share_where(runs: Runs, mask: NDArray[np.bool_]) -> Share:
    """Share of some runs that converge."""
    seeds = runs.seeds[mask]
    hits = totals(seeds, runs.n_seeds, runs.converged[mask])
    return share_over_seeds(hits, totals(seeds, runs.n_seeds), runs.exact)


def axis_reports(runs: Runs, grid: Runs | None) -> tuple[AxisReport, ...]:
    """A report on every axis: those of the full grid, if there is one, first and in its order.

    Parameters
    ----------
    runs : Runs
    grid : Runs or None
        The runs that make a full grid; None when there is none.
    """
    known = [] if grid is None else [_grid_report(grid, at) for at in range(len(grid.axes))]
    names = {report.axis.name for report in known}
    return (*known, *(_loose_report(runs, at) for at, axis in enumerate(runs.axes) if axis.name not in names))


def _grid_report(runs: Runs, at: int) -> AxisReport:
    axis = runs.axes[at]
    shares = shares_by(runs, runs.codes[:, at], len(axis.values))
    return AxisReport(axis, GRID, tuple(Level(axis.short(i), share) for i, share in enumerate(shares)))


def shares_by(runs: Runs, codes: Ints, levels: int) -> list[Share]:
    """Share that converges for every number of a column."""
    place = codes * runs.n_seeds + runs.seeds
    size = levels * runs.n_seeds
    hits = totals(place, size, runs.converged).reshape(levels, -1)
    counts = totals(place, size).reshape(levels, -1)
    return [share_over_seeds(h, n, runs.exact) for h, n in zip(hits, counts, strict=True)]


def _loose_report(runs: Runs, at: int) -> AxisReport:
    others = [i for i in range(len(runs.axes)) if i != at]
    group = combined([(runs.place(others), len(runs)), (runs.seeds, runs.n_seeds)], len(runs))
    _, group = np.unique(group, return_inverse=True)
    sizes = np.bincount(group)
    matched = sizes[group] > 1
    # Some stray matches of an axis that was drawn at random say little.
    if np.count_nonzero(matched) < 0.1 * len(runs):
        return _range_report(runs, at)
    means = np.bincount(group, runs.converged) / sizes
    lead = (runs.converged - means[group])[matched]
    codes, seeds = runs.codes[matched, at], runs.seeds[matched]
    axis = runs.axes[at]
    found = []
    for value in np.unique(codes).tolist():
        of = codes == value
        middle, reach = _mean_over_seeds(lead[of], seeds[of], runs.exact)
        share = share_where(runs, matched & (runs.codes[:, at] == value))
        found.append(Level(axis.short(value), share, middle, reach))
    cells = combined([(runs.place(range(len(runs.axes))), len(runs))], len(runs))[matched]
    return AxisReport(axis, MATCHED, tuple(found), typical=_spread(lead, cells, runs.exact))


def _mean_over_seeds(values: Floats, seeds: Ints, exact: bool) -> tuple[float, float]:
    """A mean and half its 95% interval, the seeds being what is drawn by chance."""
    _, codes = np.unique(seeds, return_inverse=True)
    sums, counts = np.bincount(codes, values), np.bincount(codes)
    k, n = len(sums), len(values)
    middle = float(values.mean())
    if exact:
        return middle, 0.0
    if k < 2:
        return middle, math.inf
    variance = k / (k - 1) * float(np.square(sums - middle * counts).sum()) / n**2
    return middle, student_t(0.95, k - 1) * math.sqrt(variance)


def _spread(lead: Floats, cells: Ints, exact: bool) -> float:
    """Standard deviation of the leads of cells, less the noise of their few seeds."""
    _, codes = np.unique(cells, return_inverse=True)
    counts = np.bincount(codes)
    means = np.bincount(codes, lead) / counts
    squares = np.bincount(codes, lead**2) / counts
    many = counts > 1
    noise = np.zeros(len(counts))
    if not exact:
        noise[many] = (squares - means**2)[many] / (counts[many] - 1)
    return math.sqrt(max(float((means**2 - noise).mean()), 0.0))


def _range_report(runs: Runs, at: int) -> AxisReport:
    axis = runs.axes[at]
    bins, labels = ranges(axis, runs.codes[:, at])
    cells = runs.place(range(len(runs.axes)))
    _, first, cells = np.unique(cells, return_index=True, return_inverse=True)
    hits, counts = totals(cells, len(first), runs.converged), totals(cells, len(first))
    of_cell = bins[first]
    # The cells were drawn by chance as well, so they are what an interval counts.
    shares = [share_over_seeds(hits[of_cell == b], counts[of_cell == b]) for b in range(len(labels))]
    levels = tuple(Level(label, share) for label, share in zip(labels, shares, strict=True) if share.runs)
    return AxisReport(axis, RANGES, levels, explained=_explained(hits / counts, counts, of_cell, runs.exact))


def ranges(axis: Axis, codes: Ints) -> tuple[Ints, list[str]]:
    """An axis of many numbers as a few ranges with about as many runs each; any other as it is."""
    n = len(axis.values)
    if n <= _MOST_RANGES or not _are_numbers(axis.values):
        return codes, [axis.short(i) for i in range(n)]
    below = np.cumsum(np.bincount(codes, minlength=n)) / len(codes)
    bin_of = np.minimum((below * _MOST_RANGES - 1e-9).astype(np.int64), _MOST_RANGES - 1)
    _, bin_of = np.unique(bin_of, return_inverse=True)
    labels = []
    for b in range(int(bin_of.max()) + 1):
        members = np.flatnonzero(bin_of == b)
        ends = dict.fromkeys((axis.short(int(members[0])), axis.short(int(members[-1]))))
        labels.append(" to ".join(ends))
    return np.asarray(bin_of[codes], np.int64), labels


def _are_numbers(texts: Sequence[str]) -> bool:
    try:
        return all(math.isfinite(float(text)) for text in texts)
    except ValueError:
        return False


def _explained(rates: Floats, counts: Floats, bins: Ints, exact: bool) -> float:
    """About the share of the variance between cells that lies between ranges, without the noise of either."""
    n, groups = len(rates), np.bincount(bins)
    used: Any = groups > 0
    if n - used.sum() < _FEWEST_CELLS:
        return math.nan
    means = np.bincount(bins, rates) / np.maximum(groups, 1)
    between = float((groups * (means - rates.mean()) ** 2).sum())
    within = float(np.square(rates - means[bins]).sum()) / (n - int(used.sum()))
    noise = 0.0 if exact else float((rates * (1 - rates) / np.maximum(counts - 1, 1)).mean())
    total = float(rates.var()) - noise
    if total <= 1e-6:
        return 0.0
    return min(max((between - (int(used.sum()) - 1) * within) / n / total, 0.0), 1.0)
