"""What each factor does: its best and its worst value, and how much it moves the share of runs that converge.

On a full grid every value meets the same company, so that plain rates compare. Elsewhere only matched cells do: cells
that agree in all other factors. A factor without such cells, as in a random sample, is cut into ranges.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runner.analysis.explain.factors import Factor, Part
from runner.analysis.explain.runs import Floats, Ints, Runs, combined
from runner.statistics.intervals import student_t
from runner.statistics.shares import Share, share_over_seeds, totals

GRID, MATCHED, RANGES = "grid", "matched", "ranges"
_MOST_RANGES = 6
MOST_VALUES = 12
"""Values of a number that are told apart; more of them are told as ranges."""
_FEWEST_CELLS = 4


@dataclass(frozen=True)
class Level:
    """One value of a factor.

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
    members : tuple of int
        Of a range, the numbers of its values.
    """

    value: str
    share: Share
    lead: float = math.nan
    reach: float = math.nan
    members: tuple[int, ...] = ()

    @property
    def order(self) -> float:
        """By which values are better or worse."""
        return self.share.rate if math.isnan(self.lead) else self.lead


@dataclass(frozen=True)
class FactorReport:
    """What one factor does.

    Attributes
    ----------
    factor : Factor
    how : str
        grid, matched or ranges.
    levels : tuple of Level
        In the order of the factor.
    ranges : tuple of Level
        The same in at most twelve ranges, where the factor is a number with more values; else empty.
    typical : float
        Standard deviation of the rate when only this factor changes, without noise; NaN when no cells match.
    explained : float
        For ranges: about the share of the variance between cells; else NaN.
    """

    factor: Factor
    how: str
    levels: tuple[Level, ...]
    ranges: tuple[Level, ...] = ()
    typical: float = math.nan
    explained: float = math.nan

    @property
    def best(self) -> Level:
        """The value, or range of values, that does best; of equal ones the first."""
        return max(self.ranges or self.levels, key=lambda level: level.order)

    @property
    def worst(self) -> Level:
        """The value, or range of values, that does worst; of equal ones the first."""
        return min(self.ranges or self.levels, key=lambda level: level.order)


def share_where(runs: Runs, mask: NDArray[np.bool_]) -> Share:
    """Share of some runs that converge."""
    seeds = runs.seeds[mask]
    hits = totals(seeds, runs.n_seeds, runs.converged[mask])
    return share_over_seeds(hits, totals(seeds, runs.n_seeds), runs.exact)


def factor_reports(runs: Runs, grid: Runs | None) -> tuple[FactorReport, ...]:
    """A report on every factor: those of the full grid, if there is one, first and in its order.

    Parameters
    ----------
    runs : Runs
    grid : Runs or None
        The runs that make a full grid; None when there is none.
    """
    known = [] if grid is None else [_grid_report(grid, at) for at in range(len(grid.factors))]
    names = {report.factor.name for report in known}
    return (*known, *(_loose_report(runs, at) for at, factor in enumerate(runs.factors) if factor.name not in names))


def _grid_report(runs: Runs, at: int) -> FactorReport:
    def levels(factor: Factor, codes: Ints) -> tuple[Level, ...]:
        shares = shares_by(runs, codes, len(factor.values))
        return tuple(Level(factor.short(i), share) for i, share in enumerate(shares))

    factor, codes = runs.factors[at], runs.codes[:, at]
    coarse, bins = coarsened(factor, codes)
    if coarse is factor:
        return FactorReport(factor, GRID, levels(factor, codes))
    members = (tuple(np.unique(codes[bins == b]).tolist()) for b in range(len(coarse.values)))
    some = tuple(replace(level, members=own) for level, own in zip(levels(coarse, bins), members, strict=True))
    return FactorReport(factor, GRID, levels(factor, codes), some)


def coarsened(factor: Factor, codes: Ints) -> tuple[Factor, Ints]:
    """A number with more values than are told apart as ranges of them; any other factor as it is.

    Parameters
    ----------
    factor : Factor
    codes : array of int
        Number of each run's value.
    """
    if len(factor.values) <= MOST_VALUES or not factor.is_numeric or factor.asides:
        return factor, codes
    bins, labels = ranges(factor, codes, MOST_VALUES)
    return Factor((Part(factor.name),), tuple((label,) for label in labels)), bins


def shares_by(runs: Runs, codes: Ints, levels: int) -> list[Share]:
    """Share that converges for every number of a column."""
    place = codes * runs.n_seeds + runs.seeds
    size = levels * runs.n_seeds
    hits = totals(place, size, runs.converged).reshape(levels, -1)
    counts = totals(place, size).reshape(levels, -1)
    return [share_over_seeds(h, n, runs.exact) for h, n in zip(hits, counts, strict=True)]


def _loose_report(runs: Runs, at: int) -> FactorReport:
    others = [i for i in range(len(runs.factors)) if i != at]
    company = runs.factors[at].companies[runs.codes[:, at]]
    alike = [(runs.place(others), len(runs)), (runs.seeds, runs.n_seeds), (company, runs.levels[at])]
    group = combined(alike, len(runs))
    _, group = np.unique(group, return_inverse=True)
    sizes = np.bincount(group)
    matched = sizes[group] > 1
    # Some stray matches of a factor that was drawn at random say little.
    if np.count_nonzero(matched) < 0.1 * len(runs):
        return _range_report(runs, at)
    means = np.bincount(group, runs.converged) / sizes
    lead = (runs.converged - means[group])[matched]
    codes, seeds = runs.codes[matched, at], runs.seeds[matched]
    factor = runs.factors[at]
    found = []
    for value in np.unique(codes).tolist():
        of = codes == value
        middle, reach = _mean_over_seeds(lead[of], seeds[of], runs.exact)
        share = share_where(runs, matched & (runs.codes[:, at] == value))
        found.append(Level(factor.short(value), share, middle, reach))
    cells = combined([(runs.place(range(len(runs.factors))), len(runs))], len(runs))[matched]
    return FactorReport(factor, MATCHED, tuple(found), typical=_spread(lead, cells, runs.exact))


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


def _range_report(runs: Runs, at: int) -> FactorReport:
    factor = runs.factors[at]
    bins, labels = ranges(factor, runs.codes[:, at])
    cells = runs.place(range(len(runs.factors)))
    _, first, cells = np.unique(cells, return_index=True, return_inverse=True)
    hits, counts = totals(cells, len(first), runs.converged), totals(cells, len(first))
    of_cell = bins[first]
    # The cells were drawn by chance as well, so they are what an interval counts.
    shares = [share_over_seeds(hits[of_cell == b], counts[of_cell == b]) for b in range(len(labels))]
    levels = tuple(Level(label, share) for label, share in zip(labels, shares, strict=True) if share.runs)
    return FactorReport(factor, RANGES, levels, explained=_explained(hits / counts, counts, of_cell, runs.exact))


def ranges(factor: Factor, codes: Ints, most: int = _MOST_RANGES) -> tuple[Ints, list[str]]:
    """A factor of many numbers as a few ranges with about as many runs each; any other as it is."""
    n = len(factor.values)
    if n <= most or not factor.is_numeric:
        return codes, [factor.short(i) for i in range(n)]
    below = np.cumsum(np.bincount(codes, minlength=n)) / len(codes)
    bin_of = np.minimum((below * most - 1e-9).astype(np.int64), most - 1)
    _, bin_of = np.unique(bin_of, return_inverse=True)
    labels = []
    for b in range(int(bin_of.max()) + 1):
        members = np.flatnonzero(bin_of == b)
        ends = dict.fromkeys((factor.short(int(members[0])), factor.short(int(members[-1]))))
        labels.append(" to ".join(ends))
    return np.asarray(bin_of[codes], np.int64), labels


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
