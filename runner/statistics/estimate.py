"""What a statistic is made from, and what it is: numbers of runs with their seeds; an estimate with its interval."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from runner.statistics.intervals import student_t
from runner.statistics.shares import totals

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Influence:
    """By seed, what an estimate is to first order the mean of: tells how much two estimates vary together.

    Attributes
    ----------
    seeds : int array (k,)
        Ascending.
    values : float array (k,)
        In any unit, larger where the seed makes the estimate larger.
    """

    seeds: Ints = field(default_factory=lambda: np.empty(0, np.int64))
    values: Floats = field(default_factory=lambda: np.empty(0))


@dataclass(frozen=True)
class Estimate:
    """A number and how sure it is.

    Attributes
    ----------
    value, low, high : float
        Low and high are NaN where there is no interval.
    runs, seeds : int
        How many it is made from.
    worth : float
        How many independent runs that is.
    influence : Influence
    notes : tuple of str
    exact : bool
        Whether no chance is involved: low and high are the value itself.
    """

    value: float
    low: float
    high: float
    runs: int
    seeds: int
    worth: float
    influence: Influence = field(compare=False)
    notes: tuple[str, ...] = ()
    exact: bool = False


@dataclass(frozen=True)
class Values:
    """Numbers of runs.

    Attributes
    ----------
    numbers : float array (n,)
        Of a column, or 1 and 0 for an outcome that a run has or has not.
    seeds : int array (n,)
    exact : bool
        Whether no chance is in them.
    notes : tuple of str
    converged : bool array (n,) or None
        Whether each run's criterion holds at the end, for statistics that need it.
    """

    numbers: Floats
    seeds: Ints
    exact: bool
    notes: tuple[str, ...] = ()
    converged: Bools | None = None

    def take(self, rows: Ints | Bools, exact: bool | None = None) -> Values:
        """Some of them, by their numbers or by a mask."""
        converged = None if self.converged is None else self.converged[rows]
        kept = self.exact if exact is None else exact
        return replace(self, numbers=self.numbers[rows], seeds=self.seeds[rows], exact=kept, converged=converged)

    def by_seed(self, numbers: Floats) -> tuple[Ints, Floats, Floats]:
        """Seeds, the sum over each of numbers that belong to the values, and how many those are."""
        seeds, codes = np.unique(self.seeds, return_inverse=True)
        n = len(seeds)
        return seeds, totals(codes, n, numbers), totals(codes, n)

    def unless_exact(self, note: str) -> tuple[str, ...]:
        """The notes, and one more where chance is involved."""
        return self.notes if self.exact else (*self.notes, note)


def standard_error(values: Values, numbers: Floats) -> tuple[float, float, Influence]:
    """The mean of finite numbers that belong to some values, its standard error, and its influence.

    Runs of one seed may go together: the error is that of a mean over clusters, as survey statistics have it (Cochran,
    1977, Sampling Techniques, section 9A). It is infinite where there is one seed only.
    """
    seeds, sums, runs = values.by_seed(numbers)
    n, k = len(numbers), len(seeds)
    mean = float(sums.sum()) / n
    error = math.inf
    if k > 1:
        error = math.sqrt(k / (k - 1) * float(np.square(sums - mean * runs).sum())) / n
    return mean, error, Influence(seeds, sums / runs)


def half_width(error: float, seeds: int, confidence: float) -> float:
    """How far an interval of Student's t reaches to each side; infinite where the error is."""
    return error * student_t(confidence, seeds - 1) if math.isfinite(error) else math.inf
