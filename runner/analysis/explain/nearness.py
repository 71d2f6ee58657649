"""How near the runs came, by the values of each factor: medians of accuracy and loss.

Where hardly any run converges, success rates say little about which settings are better; these do.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runner.analysis.explain.levels import ranges
from runner.analysis.explain.runs import Ints, Runs, combined
from runner.statistics.shares import Median, Share, median_over_seeds, share_over_seeds, totals

FEW = 0.1
"""Below this share of runs that converge, success rates say little."""
_MOST_VALUES = 8
_HALF = 0.5


@dataclass(frozen=True)
class Value:
    """The runs with one value of a factor, or with neighbouring ones.

    Attributes
    ----------
    value : str
        As it is shown.
    medians : mapping of str to Median
        Of what `Runs.measured` has.
    """

    value: str
    medians: Mapping[str, Median]


@dataclass(frozen=True)
class Nearness:
    """How near the runs came by the values of one factor.

    Attributes
    ----------
    factor : str
        Its name.
    values : tuple of Value
        At most eight ranges of numbers, or all values of another kind.
    lower : Share or None
        Of the pairs of runs that agree in all else, those in which the loss is lower with `best` than with `worst`;
        None where there are no such pairs.
    """

    factor: str
    values: tuple[Value, ...]
    lower: Share | None = None

    @property
    def best(self) -> Value:
        """The value with the lowest median loss; of equal ones the first."""
        return min(self.values, key=_loss)

    @property
    def worst(self) -> Value:
        """The value with the highest median loss; of equal ones the first."""
        return max(self.values, key=_loss)

    @property
    def is_trend(self) -> bool:
        """Whether the loss is told from chance to be lower with one value than with another."""
        return self.lower is not None and self.lower.low > _HALF

    def as_json(self) -> dict[str, Any]:
        """For another program."""
        values = [{"value": each.value, **medians_json(each.medians)} for each in self.values]
        return {"name": self.factor, "values": values, "lower": None if self.lower is None else self.lower.as_json()}


def nearness(runs: Runs, sampled: Collection[str] = ()) -> tuple[Nearness, ...]:
    """Every factor, in order; nothing where the table has no measurements that compare.

    Parameters
    ----------
    runs : Runs
    sampled : collection of str
        Factors whose values were drawn by chance, so that cells are what an interval counts.
    """
    if not runs.measured:
        return ()
    found = []
    cells = runs.place(range(len(runs.factors)))
    for at, factor in enumerate(runs.factors):
        codes, labels = runs.codes[:, at], [factor.short(i) for i in range(len(factor.values))]
        if len(labels) > _MOST_VALUES:
            codes, labels = ranges(factor, codes)
        drawn = cells if factor.name in sampled else runs.seeds
        values = [Value(label, medians_of(runs, codes == i, drawn)) for i, label in enumerate(labels)]
        near = Nearness(factor.name, tuple(values))
        if "loss" in runs.measured and len(labels) == len(factor.values):
            places = values.index(near.best), values.index(near.worst)
            near = replace(near, lower=_lower(runs, at, *places))
        found.append(near)
    return tuple(found)


def _loss(value: Value) -> float:
    return value.medians["loss"].value


def _lower(runs: Runs, at: int, best: int, worst: int) -> Share | None:
    """How often the loss is lower with one value of a factor than with another, all else being the same."""
    others = runs.place([i for i in range(len(runs.factors)) if i != at])
    alike = combined([(others, len(runs)), (runs.seeds, runs.n_seeds)], len(runs))
    rows = [np.flatnonzero(runs.codes[:, at] == value) for value in (best, worst)]
    _, *places = np.intersect1d(alike[rows[0]], alike[rows[1]], return_indices=True)
    if best == worst or not len(places[0]):
        return None
    loss = np.where(np.isnan(runs.measured["loss"]), np.inf, runs.measured["loss"])
    a, b = (each[place] for each, place in zip(rows, places, strict=True))
    seeds = runs.seeds[a]
    hits, pairs = totals(seeds, runs.n_seeds, loss[a] < loss[b]), totals(seeds, runs.n_seeds)
    return share_over_seeds(hits, pairs, runs.exact)


def medians_of(runs: Runs, rows: NDArray[np.bool_], drawn: Ints | None = None) -> dict[str, Median]:
    """Medians of some of the runs, at least one; of every run the number of what was drawn by chance, its seed."""
    of = (runs.seeds if drawn is None else drawn)[rows]
    return {name: median_over_seeds(values[rows], of, runs.exact) for name, values in runs.measured.items()}


def medians_json(medians: Mapping[str, Median]) -> dict[str, Any]:
    """For another program."""
    return {f"median_{name}": median.as_json() for name, median in medians.items()}
