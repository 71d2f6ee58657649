"""What would have saved the runs that failed: the same seeds, which start from the same weights, with other settings.

A change gives some factors other values and leaves all others as they were. Every failed run is compared with the run
that it would have become; those that were not run are not counted. All changes of one factor are tried, then of two,
and of more as long as none saves half of the failed runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from runner.analysis.explain.factors import Factor
from runner.analysis.explain.runs import Floats, Ints, Runs, combined
from runner.analysis.shares import Share, share_over_seeds, totals

ENOUGH = 0.5
_BEAM = 3
_MOST_FACTORS = 6
_MOST_TABLE = 30_000_000
_MOST_COMBINATIONS = 20_000
_LEAST_STEP = 0.02
_LEAST_PART = 0.2
TASK = "data"
_SHOWN = 6
Found = TypeVar("Found")


@dataclass(frozen=True)
class Change:
    """Other values on some factors.

    Attributes
    ----------
    factors : tuple of Factor
    values : tuple of int
        The value each of them gets.
    saved : Share
        Of the failed runs that have such a partner, those whose partner converges.
    cost : float
        Training cost of the partners as a multiple of that of the failed runs.
    same_seed : bool or None
        For a single run: whether its own partner converges.
    """

    factors: tuple[Factor, ...]
    values: tuple[int, ...]
    saved: Share
    cost: float
    same_seed: bool | None = None

    @property
    def label(self) -> str:
        """`learning_rate 2, epochs 1000`."""
        return ", ".join(factor.label(value) for factor, value in zip(self.factors, self.values, strict=True))

    @property
    def phrase(self) -> str:
        """`with learning_rate 2`, `without ascent`."""
        return self.label if self.factors[0].fault else f"with {self.label}"

    def as_json(self) -> dict[str, Any]:
        """For another program."""
        values = {factor.name: factor.values[v] for factor, v in zip(self.factors, self.values, strict=True)}
        same = {} if self.same_seed is None else {"same_seed": self.same_seed}
        return {"set": values, **self.saved.as_json(), "cost": self.cost, **same}


@dataclass(frozen=True)
class _Outcome:
    """All changes on the same factors: by combination of values, counts and costs of failed runs and their partners."""

    at: tuple[int, ...]
    hits: Floats
    runs: Floats
    cost: Floats
    least: float

    @property
    def rates(self) -> Floats:
        """Shares that are saved; nought where too few of the failed runs have such a partner."""
        with np.errstate(all="ignore"):
            return np.where(self.runs >= self.least, np.nan_to_num(self.hits / self.runs), 0.0)

    @property
    def best(self) -> float:
        return float(self.rates.max(initial=0.0))


def changes(runs: Runs) -> dict[int, tuple[Change, ...]]:
    """The changes worth making, by how many factors they change: cheapest first, none that costs more and saves less.

    Parameters
    ----------
    runs : Runs
    """
    if runs.converged.all() or not runs.converged.any():
        return {}
    found: dict[int, tuple[Change, ...]] = {}
    # Another task is no remedy.
    factors = [at for at, factor in enumerate(runs.factors) if factor.name != TASK]
    tried = [_try(runs, (at,)) for at in factors]
    for size in range(1, min(len(factors), _MOST_FACTORS) + 1):
        if size > 1:
            tried = [_try(runs, at) for at in _next(runs, factors, tried, size)]
        front = _front(tried)
        if front:
            found[size] = tuple(_change(runs, outcome, combination) for outcome, combination in front)
        if not tried or max(outcome.best for outcome in tried) > ENOUGH:
            break
    return found


def _next(runs: Runs, factors: Sequence[int], tried: Sequence[_Outcome], size: int) -> list[tuple[int, ...]]:
    """Sets of factors to change: all pairs; then only the best sets with one more."""
    if size == 2:
        sets: Iterable[tuple[int, ...]] = combinations(factors, 2)
    else:
        best = sorted(tried, key=lambda outcome: -outcome.best)[:_BEAM]
        more = {tuple(sorted((*each.at, at))) for each in best for at in factors if at not in each.at}
        sets = sorted(more)
    return [at for at in sets if np.prod([float(runs.levels[i]) for i in at]) <= _MOST_COMBINATIONS]


def _layout(runs: Runs, at: tuple[int, ...]) -> tuple[Ints, Ints, int]:
    """Group of each run (the same seed and the same values elsewhere), its combination of values, and their number."""
    others = [i for i in range(len(runs.factors)) if i not in at]
    group = combined([(runs.place(others), len(runs) * 4 + 1024), (runs.seeds, runs.n_seeds)], len(runs))
    combination, size = np.zeros(len(runs), np.int64), 1
    for i in at:
        combination, size = combination * runs.levels[i] + runs.codes[:, i], size * runs.levels[i]
    return group, combination, size


def _try(runs: Runs, at: tuple[int, ...]) -> _Outcome:
    """Count for every combination of values how many failed runs it saves."""
    group, combination, size = _layout(runs, at)
    hits, counts, before, after = np.zeros((4, size))
    for part in _chunks(group, size):
        table = _Table(part, group, combination, size, runs)
        hits += table.saved().sum(axis=0)
        counts += table.applicable().sum(axis=0)
        before += table.cost_before().sum(axis=0)
        after += (table.applicable() * table.cost).sum(axis=0)
    with np.errstate(all="ignore"):
        return _Outcome(at, hits, counts, after / before, _LEAST_PART * np.count_nonzero(~runs.converged))


def _chunks(group: Ints, size: int) -> Iterable[NDArray[np.intp]]:
    """Rows of so many whole groups at a time that their table fits into memory; lone runs are left out."""
    sizes = np.bincount(group)
    rows = np.flatnonzero(sizes[group] > 1)
    rows = rows[np.argsort(group[rows], kind="stable")]
    n_groups = int(np.count_nonzero(sizes > 1))
    step = max(_MOST_TABLE // max(size, 1), 1)
    if n_groups <= step:
        if len(rows):
            yield rows
        return
    starts = np.flatnonzero(np.r_[True, np.diff(group[rows]) != 0])
    cuts = [*starts[::step].tolist(), len(rows)]
    for a, b in pairwise(cuts):
        yield rows[a:b]


class _Table:
    """Some groups by combination of values: which runs there are, which converged, and what they cost."""

    def __init__(self, rows: NDArray[np.intp], group: Ints, combination: Ints, size: int, runs: Runs) -> None:
        _, self.index, local = np.unique(group[rows], return_index=True, return_inverse=True)
        shape = (len(self.index), size)
        place = local * size + combination[rows]
        self.seeds = runs.seeds[rows][self.index]
        self.there = _filled(shape, place, np.ones(len(rows)))
        self.converged = _filled(shape, place, runs.converged[rows].astype(float))
        self.cost = _filled(shape, place, runs.cost[rows])
        self.failed = self.there - self.converged

    def applicable(self) -> Floats:
        """Failed runs of the group that would become this one; the one that it already is has nothing to change."""
        return np.asarray((self._in_group(self.failed) - self.failed) * self.there, np.float64)

    def saved(self) -> Floats:
        """Those of them that would converge."""
        return np.asarray(self._in_group(self.failed) * self.converged, np.float64)

    def cost_before(self) -> Floats:
        """What those failed runs cost."""
        spent = self.failed * self.cost
        return np.asarray((self._in_group(spent) - spent) * self.there, np.float64)

    @staticmethod
    def _in_group(values: Floats) -> Floats:
        return np.asarray(values.sum(axis=1, keepdims=True), np.float64)


def _filled(shape: tuple[int, int], place: Ints, values: Floats) -> Floats:
    table = np.zeros(shape[0] * shape[1])
    table[place] = values
    return table.reshape(shape)


def _front(tried: Sequence[_Outcome]) -> list[tuple[_Outcome, int]]:
    """The changes worth showing, by outcome and combination."""
    # A few per cent are what luck does when so many changes are tried.
    least = max(_LEAST_STEP, max((outcome.best for outcome in tried), default=0.0) / 10)
    return cheapest_first(
        [
            (float(outcome.cost[c]), float(outcome.rates[c]), (outcome, int(c)))
            for outcome in tried
            for c in np.flatnonzero(outcome.rates >= least)
        ]
    )


def cheapest_first(candidates: Iterable[tuple[float, float, Found]]) -> list[Found]:
    """Of (cost, share saved, what) the few that save noticeably more than all that are cheaper.

    Examples
    --------
    >>> cheapest_first([(1, 0.5, "a"), (2, 0.4, "b"), (3, 0.9, "c"), (3, 0.8, "d")])
    ['a', 'c']
    """
    # Costs that differ by less than a thousandth are the same.
    every = sorted(((round(cost, 3), -saved, i, what) for i, (cost, saved, what) in enumerate(candidates)))
    best = max((-minus for _, minus, _, _ in every), default=0.0)
    front: list[Found] = []
    last = 0.0
    for _, minus, _, what in every:
        # The very best stays, however little better it is.
        if -minus >= last + _LEAST_STEP or (-minus == best and best > last):
            front.append(what)
            last = -minus
    if len(front) > _SHOWN:
        places = np.unique(np.linspace(0, len(front) - 1, _SHOWN).round().astype(int))
        front = [front[i] for i in places.tolist()]
    return front


def _change(runs: Runs, outcome: _Outcome, combination: int) -> Change:
    """A change with its interval: counted once more, by seed."""
    group, places, size = _layout(runs, outcome.at)
    hits, counts = np.zeros(runs.n_seeds), np.zeros(runs.n_seeds)
    for part in _chunks(group, size):
        table = _Table(part, group, places, size, runs)
        hits += totals(table.seeds, runs.n_seeds, table.saved()[:, combination])
        counts += totals(table.seeds, runs.n_seeds, table.applicable()[:, combination])
    values = np.unravel_index(combination, [runs.levels[i] for i in outcome.at])
    factors = tuple(runs.factors[i] for i in outcome.at)
    saved = share_over_seeds(hits, counts, runs.exact)
    return Change(factors, tuple(int(v) for v in values), saved, float(outcome.cost[combination]))
