"""What a statistic is made from, and what it is: numbers of runs with their seeds; an estimate with its interval."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from runner.statistics.intervals import Ordered, student_t
from runner.statistics.shares import totals

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Score = Callable[["Values"], NDArray[Any]]
"""From some values to a number for each."""


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


class Sample(ABC):
    """Numbers of runs, as statistics ask for them: `Values` holds them, `PassedValues` reads them as often as it takes.

    Attributes
    ----------
    exact : bool
        Whether no chance is in them.
    notes : tuple of str
    """

    exact: bool
    notes: tuple[str, ...]

    @abstractmethod
    def pieces(self) -> Iterator[Values]:
        """All of them, some at a time."""

    @abstractmethod
    def __len__(self) -> int: ...

    @property
    @abstractmethod
    def missing(self) -> int:
        """How many are no number."""

    @property
    @abstractmethod
    def n_seeds(self) -> int:
        """How many different seeds they have."""

    @property
    @abstractmethod
    def ends(self) -> tuple[float, float]:
        """The least and the greatest of them, of at least one."""

    @abstractmethod
    def ordered(self) -> Ordered:
        """All of them in ascending order."""

    @abstractmethod
    def take(self, rows: Ints, exact: bool | None = None) -> Sample:
        """Those of some rows, by the numbers of these, or of some entries of a reader."""

    @abstractmethod
    def sums_by_seed(self, scores: Sequence[Score]) -> tuple[Ints, list[Floats], Floats]:
        """Seeds, the sums over each of every score, and how many runs each has."""

    def by_seed(self, score: Score) -> tuple[Ints, Floats, Floats]:
        """Seeds, the sum over each of a score, and how many runs each has."""
        seeds, (sums,), runs = self.sums_by_seed([score])
        return seeds, sums, runs

    @abstractmethod
    def tables_by_seed(self, place: Score, n: int, score: Score) -> tuple[Floats, Floats]:
        """By seed and by place, a number below n: sums of a score, and how many runs there are; shape (seeds, n)."""

    def count(self, condition: Callable[[Values], Bools]) -> int:
        """For how many a condition holds."""
        return sum(int(np.count_nonzero(condition(piece))) for piece in self.pieces())

    @abstractmethod
    def different(self, of: Score | None = None) -> tuple[Floats, Ints]:
        """The different numbers, ascending, and how often each occurs; or those of a score, of as many as it gives."""

    @abstractmethod
    def settled(self, infinite: bool) -> Sample:
        """Those that are no number made infinite, or left out."""

    def renewed(self, **changes: Any) -> Self:
        """The same with other `exact` or `notes`."""
        return replace(self, **changes)  # type: ignore[type-var]

    @abstractmethod
    def successes(self) -> Sample:
        """1 for each run that converged, 0 for each that did not."""

    def unless_exact(self, note: str) -> tuple[str, ...]:
        """The notes, and one more where chance is involved."""
        return self.notes if self.exact else (*self.notes, note)


@dataclass(frozen=True)
class Values(Sample):
    """Numbers of runs, in memory.

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

    def __len__(self) -> int:
        return len(self.numbers)

    def take(self, rows: Ints | Bools, exact: bool | None = None) -> Values:
        """Some of them, by their numbers or by a mask."""
        converged = None if self.converged is None else self.converged[rows]
        kept = self.exact if exact is None else exact
        return replace(self, numbers=self.numbers[rows], seeds=self.seeds[rows], exact=kept, converged=converged)

    def pieces(self) -> Iterator[Values]:
        yield self

    @cached_property
    def _by_seed(self) -> tuple[Ints, Ints]:
        seeds, codes = np.unique(self.seeds, return_inverse=True)
        return seeds, codes

    @property
    def missing(self) -> int:
        return int(np.count_nonzero(np.isnan(self.numbers)))

    @property
    def n_seeds(self) -> int:
        return len(self._by_seed[0])

    @property
    def ends(self) -> tuple[float, float]:
        return float(self.numbers.min()), float(self.numbers.max())

    def ordered(self) -> Ordered:
        return np.sort(self.numbers)

    def sums_by_seed(self, scores: Sequence[Score]) -> tuple[Ints, list[Floats], Floats]:
        seeds, codes = self._by_seed
        n = len(seeds)
        return seeds, [totals(codes, n, score(self)) for score in scores], totals(codes, n)

    def tables_by_seed(self, place: Score, n: int, score: Score) -> tuple[Floats, Floats]:
        seeds, codes = self._by_seed
        places, size = codes * n + place(self), len(seeds) * n
        return totals(places, size, score(self)).reshape(-1, n), totals(places, size).reshape(-1, n)

    def different(self, of: Score | None = None) -> tuple[Floats, Ints]:
        numbers, counts = np.unique(self.numbers if of is None else of(self), return_counts=True)
        return numbers, counts

    def settled(self, infinite: bool) -> Values:
        missing = np.isnan(self.numbers)
        return replace(self, numbers=np.where(missing, np.inf, self.numbers)) if infinite else self.take(~missing)

    def successes(self) -> Values:
        assert self.converged is not None, "it needs the column converged"
        return replace(self, numbers=self.converged.astype(float))


def numbers(values: Values) -> Floats:
    """The numbers themselves, as a score."""
    return values.numbers


def standard_error(values: Sample, score: Score) -> tuple[float, float, Influence]:
    """The mean of a score that is finite for all values, its standard error, and its influence.

    Runs of one seed may go together: the error is that of a mean over clusters, as survey statistics have it (Cochran,
    1977, Sampling Techniques, section 9A). It is infinite where there is one seed only.
    """
    return error_of(*values.by_seed(score))


def error_of(seeds: Ints, sums: Floats, runs: Floats) -> tuple[float, float, Influence]:
    """The same from the sums over the seeds."""
    n, k = float(runs.sum()), len(seeds)
    mean = float(sums.sum()) / n
    error = math.inf
    if k > 1:
        error = math.sqrt(k / (k - 1) * float(np.square(sums - mean * runs).sum())) / n
    return mean, error, Influence(seeds, sums / runs)


def half_width(error: float, seeds: int, confidence: float) -> float:
    """How far an interval of Student's t reaches to each side; infinite where the error is."""
    return error * student_t(confidence, seeds - 1) if math.isfinite(error) else math.inf
