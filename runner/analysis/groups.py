"""Runs put into groups, by the values of one setting or of two: for each group what became of its runs.

What a page shows has thousands of groups and may have a million runs, so that measurements are sorted once and every
division into groups is made from that order. Each number is the one that the closing table and `explain` give for the
same runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from runner.analysis.explain.runs import Runs
from runner.statistics.reading import UNBOUNDED
from runner.statistics.shares import Share, share_over_seeds, totals

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
QUARTILES = (0.25, 0.5, 0.75)
_TABLE = 1 << 22  # counts by group and seed that are held in memory at once


@dataclass(frozen=True)
class Groups:
    """What became of the runs of n groups.

    Attributes
    ----------
    shares : tuple of Share
        Of each group, how many of its runs converged, with the 95% interval that knows about common seeds.
    outcomes : int array (n, outcomes)
        Runs by outcome, in the order of `Runs.outcome_names`.
    quartiles : mapping of str to float array (n, 3)
        Of each measurement: infinite where a run never came so far or overflowed, NaN where no run has a number.
    """

    shares: tuple[Share, ...]
    outcomes: Ints
    quartiles: Mapping[str, Floats]


class Grouping:
    """The runs of a table, ready to be put into groups.

    Parameters
    ----------
    runs : Runs
    """

    def __init__(self, runs: Runs) -> None:
        self._runs = runs
        self._sorted = {name: _in_order(name, values) for name, values in runs.measured.items()}

    def by(self, codes: Ints, n: int) -> Groups:
        """Divide the runs.

        Parameters
        ----------
        codes : int array (runs,)
            The group of every run, from 0 to n - 1; -1 of runs that are in none.
        n : int
            How many groups.

        Returns
        -------
        Groups
            A group without runs has shares and outcomes of 0, and quartiles that are NaN.
        """
        runs = self._runs
        inside = np.flatnonzero(codes >= 0)
        kept = codes[inside]
        n_outcomes = len(runs.outcome_names)
        outcomes = np.bincount(kept * n_outcomes + runs.outcomes[inside], minlength=n * n_outcomes)
        return Groups(
            tuple(self._shares(codes, inside, n)),
            outcomes.reshape(n, n_outcomes),
            {name: quantiles_by(values, codes[rows], n, QUARTILES) for name, (rows, values) in self._sorted.items()},
        )

    def _shares(self, codes: Ints, inside: Ints, n: int) -> list[Share]:
        runs = self._runs
        step = max(_TABLE // max(runs.n_seeds, 1), 1)
        found = []
        for first in range(0, n, step):
            m = min(step, n - first)
            # Where all groups fit into one table, which is nearly always, none is looked for.
            rows = inside if m == n else inside[(codes[inside] >= first) & (codes[inside] < first + m)]
            place = (codes[rows] - first) * runs.n_seeds + runs.seeds[rows]
            size = m * runs.n_seeds
            hits = totals(place, size, runs.converged[rows]).reshape(m, -1)
            counts = totals(place, size).reshape(m, -1)
            found += [share_over_seeds(h, c, runs.exact) for h, c in zip(hits, counts, strict=True)]
        return found


def _in_order(name: str, values: Floats) -> tuple[Ints, Floats]:
    """The rows that have a number, by that number, and the numbers."""
    if name in UNBOUNDED:
        values = np.where(np.isnan(values), np.inf, values)
    order = np.argsort(values, kind="stable")
    order = order[: len(values) - int(np.count_nonzero(np.isnan(values)))]
    return order, values[order]


def quantiles_by(values: Floats, codes: Ints, n: int, shares: tuple[float, ...]) -> Floats:
    """Quantiles of each of n groups, as `runner.statistics.intervals.quantile` has them.

    Parameters
    ----------
    values : float array (m,)
        Ascending.
    codes : int array (m,)
        The group of each value; -1 for none.
    n : int
    shares : tuple of float
        Which quantiles.

    Returns
    -------
    float array (n, quantiles)
        NaN of a group without values.

    Examples
    --------
    >>> quantiles_by(np.array([1.0, 2.0, 5.0]), np.array([0, 1, 0]), 2, (0.5,)).tolist()
    [[3.0], [2.0]]
    """
    # Sorting numbers of 16 bits takes one pass over them.
    small = codes.astype(np.int16) if n <= np.iinfo(np.int16).max else codes
    grouped = values[np.argsort(small, kind="stable")]
    sizes = np.bincount(codes + 1, minlength=n + 1)
    starts, sizes = np.cumsum(sizes)[:-1], sizes[1:]
    some = np.flatnonzero(sizes)
    found = np.full((n, len(shares)), np.nan)
    for column, q in enumerate(shares):
        place = q * sizes[some]
        upper = np.minimum(np.ceil(place).astype(np.int64), sizes[some])
        between = (place == np.floor(place)) & (place > 0) & (place < sizes[some])
        low = starts[some] + np.maximum(upper, 1) - 1
        high = low + between
        found[some, column] = np.where(between, grouped[low] / 2 + grouped[high] / 2, grouped[low])
    return found
