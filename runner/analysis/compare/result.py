"""What a comparison has found, as numbers and texts."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from runner.analysis.compare.sides import Differing, Side
from runner.analysis.explain.factors import DERIVED
from runner.statistics.shares import Share


@dataclass(frozen=True)
class Rates:
    """How many partners converge on each side.

    Attributes
    ----------
    a, b : Share
    both, only_a, only_b, neither : int
        Pairs by which of the two converged.
    low, high : float
        Interval of the difference.
    """

    a: Share
    b: Share
    both: int
    only_a: int
    only_b: int
    neither: int
    low: float
    high: float

    @property
    def difference(self) -> float:
        """The rate of b less that of a."""
        return (self.only_b - self.only_a) / self.a.runs


@dataclass(frozen=True)
class Medians:
    """A measurement of partners.

    Attributes
    ----------
    column : str
    a, b : float
        Its median on each side.
    difference, low, high : float
        The median of the differences within pairs, b less a, and its interval.
    pairs : int
        In how many of them there is a difference: not where both are infinite.
    notes : tuple of str
    """

    column: str
    a: float
    b: float
    difference: float
    low: float
    high: float
    pairs: int
    notes: tuple[str, ...]


@dataclass(frozen=True)
class CellChange:
    """What became of the runs of one setting.

    Attributes
    ----------
    label : str
        The setting; empty where both sides have one only.
    pairs : int
    a, b : int
        How many of them converged on each side.
    low, high : float
        Interval of the difference of the rates.
    """

    label: str
    pairs: int
    a: int
    b: int
    low: float
    high: float

    @property
    def difference(self) -> float:
        """The rate of b less that of a."""
        return (self.b - self.a) / self.pairs


@dataclass(frozen=True, repr=False)
class Compared:
    """Two studies, or two parts of one, side by side: the numbers of a comparison.

    Attributes
    ----------
    a, b : Side
    differing : tuple of Differing
        The keys whose values are not the same on both sides.
    n_cells : tuple of three ints
        Settings in common, only in a, only in b; what tells the sides apart is left out of a setting.
    exact : bool
        Whether no chance is involved: the ends of every interval are the number itself.
    pairs, seeds : int
        Runs of a that have a partner in b, and how many seeds these have.
    rates : Rates or None
        None when there are no pairs, as all that follows.
    medians : tuple of Medians
    outcomes : tuple of (str, str, int)
        The outcome in a, that in b, and how many pairs have them, where they are not the same; most frequent first.
    cells : DataFrame
        For every setting in common the texts of its keys, `pairs`, and how many converged in `a`, in `b` and in `both`.
    better, worse : tuple of CellChange
        The settings whose rate has changed most.
    notes : tuple of str
        What the reader has to know.
    confidence : float
        Of all intervals.
    """

    a: Side
    b: Side
    differing: tuple[Differing, ...]
    n_cells: tuple[int, int, int]
    exact: bool
    pairs: int
    seeds: int
    rates: Rates | None
    medians: tuple[Medians, ...]
    outcomes: tuple[tuple[str, str, int], ...]
    cells: pd.DataFrame
    better: tuple[CellChange, ...]
    worse: tuple[CellChange, ...]
    notes: tuple[str, ...]
    confidence: float = 0.95

    @property
    def apart(self) -> tuple[Differing, ...]:
        """What tells the sides apart: keys of which each has one value, those that follow from others only if alone."""
        found = [each for each in self.differing if each.tells_apart]
        return tuple([each for each in found if each.key not in DERIVED] or found)

    @property
    def partly(self) -> tuple[Differing, ...]:
        """Keys of which one side has values that the other has not."""
        found = [each for each in self.differing if not each.tells_apart]
        return tuple([each for each in found if each.key not in DERIVED] or found)
