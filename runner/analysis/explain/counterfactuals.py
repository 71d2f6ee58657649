"""What would have saved the runs that failed: the same seeds, which start from the same weights, with other settings.

A change gives some factors other values and leaves all else as it was. The counterpart of a failed run is the run that
it would have become: the same seed, the new values, all other settings the same. A failed run that already has these
values has none, nor has one whose counterpart was not run, nor one that the change would train for a shorter time. All
changes of one factor are tried, then of two, and of more as long as none saves half of the failed runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from runner.analysis.explain.factors import TASK, Factor
from runner.analysis.explain.runs import Floats, Runs, combined
from runner.statistics.shares import Share, share_over_seeds, totals

ENOUGH = 0.5
"""A change that saves this share of the failed runs needs no others beside it."""
_BEAM = 3
_MOST_FACTORS = 6
_MOST_TABLE = 30_000_000
_MOST_COMBINATIONS = 20_000
_LEAST_STEP = 0.02
_LEAST_PART = 0.2
_SHOWN = 6
Found = TypeVar("Found")


@dataclass(frozen=True)
class Change:
    """Other values of some factors, tried on failed runs.

    Attributes
    ----------
    factors : tuple of Factor
    values : tuple of int
        The value that each of them gets.
    saved : Share
        Of all failed runs, those whose counterpart converges.
    counterparts : int
        How many of the failed runs have a counterpart.
    cost : float
        Training cost of the counterparts as a multiple of that of their failed runs.
    same_seed : bool or None
        For a single run: whether its own counterpart converges.
    own : tuple of int
        For a single run: the values that it has itself.
    """

    factors: tuple[Factor, ...]
    values: tuple[int, ...]
    saved: Share
    counterparts: int
    cost: float
    same_seed: bool | None = None
    own: tuple[int, ...] = ()

    @property
    def label(self) -> str:
        """`learning_rate 2, epochs 1000`."""
        beside = self.own or [None] * len(self.values)
        return ", ".join(f.label(value, own) for f, value, own in zip(self.factors, self.values, beside, strict=True))

    def as_json(self) -> dict[str, Any]:
        """For another program."""
        settings = [factor.settings(value) for factor, value in zip(self.factors, self.values, strict=True)]
        return {
            "set": {name: text for each in settings for name, text in each.items()},
            "failed": int(self.saved.runs),
            "counterparts": self.counterparts,
            "saved": int(self.saved.hits),
            "share_of_failed": self.saved.rate,
            "low": self.saved.low,
            "high": self.saved.high,
            "cost": self.cost,
            **({} if self.same_seed is None else {"same_seed": self.same_seed}),
        }


@dataclass(frozen=True)
class _Changes:
    """All changes of the same factors, by combination of their new values.

    Attributes
    ----------
    at : tuple of int
        Numbers of the factors.
    saved, counterparts : float array
        How many failed runs each saves, and how many have a counterpart.
    cost : float array
        As in `Change`.
    failed : int
        How many runs failed.
    """

    at: tuple[int, ...]
    saved: Floats
    counterparts: Floats
    cost: Floats
    failed: int

    @property
    def rates(self) -> Floats:
        """Shares of the failed runs that are saved; nought where too few of them have a counterpart."""
        return np.where(self.enough, self.saved / self.failed, 0.0)

    @property
    def enough(self) -> NDArray[np.bool_]:
        """Which of the changes could be tried on at least a fifth of the failed runs, and on one."""
        return self.counterparts >= max(_LEAST_PART * self.failed, 1)

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
    best = 0.0
    # Another task is no remedy.
    factors = [at for at, factor in enumerate(runs.factors) if factor.name not in TASK]
    tried = [_try(runs, (at,)) for at in factors]
    for size in range(1, min(len(factors), _MOST_FACTORS) + 1):
        if size > 1:
            tried = [_try(runs, at) for at in _next(runs, factors, tried, size)]
        most = max((some.best for some in tried), default=0.0)
        # Several changes that save no more than fewer do are not worth their while.
        if most >= best + _LEAST_STEP:
            found[size] = tuple(_change(runs, some, combination) for some, combination in _front(tried))
            best = most
        if not tried or most >= ENOUGH:
            break
    return found


def best_by_factor(runs: Runs, failed: NDArray[np.bool_]) -> tuple[Change, ...]:
    """For each factor the value that saves most of some failed runs; of equal ones the cheapest.

    Parameters
    ----------
    runs : Runs
    failed : bool array (n,)
        Which of the runs that failed are asked about.

    Returns
    -------
    tuple of Change
        The best first; without factors whose change could be tried on fewer than a fifth of these runs.
    """
    found = []
    for at, factor in enumerate(runs.factors):
        if factor.name not in TASK and (some := _try(runs, (at,), failed)).enough.any():
            best = np.lexsort((some.cost, -some.rates, ~some.enough))[0]
            found.append(_change(runs, some, int(best), failed))
    return tuple(sorted(found, key=lambda change: -change.saved.hits))


def _next(runs: Runs, factors: Sequence[int], tried: Sequence[_Changes], size: int) -> list[tuple[int, ...]]:
    """Sets of factors to change: all pairs; then only the best sets with one more."""
    if size == 2:
        sets: Iterable[tuple[int, ...]] = combinations(factors, 2)
    else:
        best = sorted(tried, key=lambda some: -some.best)[:_BEAM]
        more = {tuple(sorted((*each.at, at))) for each in best for at in factors if at not in each.at}
        sets = sorted(more)
    return [at for at in sets if np.prod([float(runs.levels[i]) for i in at]) <= _MOST_COMBINATIONS]


def _try(runs: Runs, at: tuple[int, ...], failed: NDArray[np.bool_] | None = None) -> _Changes:
    """Count for every combination of values how many failed runs it saves: of all, or of some."""
    failed = ~runs.converged if failed is None else failed
    space = _Space(runs, at)
    saved, counterparts, before, after = np.zeros((4, space.size))
    for rows in space.chunks():
        table = _Table(space, rows, failed)
        saved += table.saved().sum(axis=0)
        counterparts += table.counterparts().sum(axis=0)
        before += table.cost_before().sum(axis=0)
        after += (table.counterparts() * table.cost).sum(axis=0)
    with np.errstate(all="ignore"):
        return _Changes(at, saved, counterparts, after / before, int(np.count_nonzero(failed)))


def _change(runs: Runs, some: _Changes, combination: int, which: NDArray[np.bool_] | None = None) -> Change:
    """A change with its interval: counted once more, by seed."""
    which = ~runs.converged if which is None else which
    space = _Space(runs, some.at)
    saved = np.zeros(runs.n_seeds)
    for rows in space.chunks():
        table = _Table(space, rows, which)
        saved += totals(table.seeds, runs.n_seeds, table.saved()[:, combination])
    failed = totals(runs.seeds, runs.n_seeds, which)
    return Change(
        factors=tuple(runs.factors[i] for i in some.at),
        values=tuple(int(v) for v in np.unravel_index(combination, [runs.levels[i] for i in some.at])),
        saved=share_over_seeds(saved, failed, runs.exact),
        counterparts=int(some.counterparts[combination]),
        cost=float(some.cost[combination]),
    )


class _Space:
    """Runs in groups of those that agree in the seed and in all but some factors, numbered by the values of these.

    Attributes
    ----------
    group, combination : int array
        Of every run, its group and the number of its values.
    size : int
        How many combinations of values there are.
    shape : tuple of int
        These as values before a budget, budgets, and values after it, of which only the budgets are in order.
    """

    def __init__(self, runs: Runs, at: tuple[int, ...]) -> None:
        others = [i for i in range(len(runs.factors)) if i not in at]
        self.runs = runs
        alike = [(runs.place(others), len(runs) * 4 + 1024), (runs.seeds, runs.n_seeds)]
        alike += [(runs.factors[i].companies[runs.codes[:, i]], runs.levels[i]) for i in at if runs.factors[i].asides]
        self.group = combined(alike, len(runs))
        self.combination, self.size = np.zeros(len(runs), np.int64), 1
        self.shape = (1, 1, 1)
        for i in at:
            self.combination = self.combination * runs.levels[i] + runs.codes[:, i]
            if runs.factors[i].is_budget:
                self.shape = (self.size, runs.levels[i], 1)
            else:
                self.shape = (*self.shape[:2], self.shape[2] * runs.levels[i])
            self.size *= runs.levels[i]

    def chunks(self) -> Iterable[NDArray[np.intp]]:
        """Rows of so many whole groups at a time that their table fits into memory; lone runs are left out."""
        sizes = np.bincount(self.group)
        rows = np.flatnonzero(sizes[self.group] > 1)
        rows = rows[np.argsort(self.group[rows], kind="stable")]
        n_groups = int(np.count_nonzero(sizes > 1))
        step = max(_MOST_TABLE // max(self.size, 1), 1)
        if n_groups <= step:
            if len(rows):
                yield rows
            return
        starts = np.flatnonzero(np.r_[True, np.diff(self.group[rows]) != 0])
        cuts = [*starts[::step].tolist(), len(rows)]
        for a, b in pairwise(cuts):
            yield rows[a:b]


class _Table:
    """Some groups by combination of values: which runs there are, which converged, and what they cost."""

    def __init__(self, space: _Space, rows: NDArray[np.intp], failed: NDArray[np.bool_]) -> None:
        runs = space.runs
        _, first, local = np.unique(space.group[rows], return_index=True, return_inverse=True)
        self.seeds = runs.seeds[rows][first]
        self._shape = space.shape
        place = local * space.size + space.combination[rows]

        def filled(values: Floats) -> Floats:
            table = np.zeros(len(first) * space.size)
            table[place] = values
            return table.reshape(len(first), space.size)

        self.there = filled(np.ones(len(rows)))
        self.converged = filled(runs.converged[rows].astype(float))
        self.cost = filled(runs.cost[rows])
        self.failed = filled(failed[rows].astype(float))

    def counterparts(self) -> Floats:
        """Failed runs of which this one is the counterpart."""
        return (self._changeable(self.failed) - self.failed) * self.there

    def saved(self) -> Floats:
        """Those of them that it saves."""
        return self._changeable(self.failed) * self.converged

    def cost_before(self) -> Floats:
        """What those failed runs cost."""
        spent = self.failed * self.cost
        return (self._changeable(spent) - spent) * self.there

    def _changeable(self, values: Floats) -> Floats:
        """For each run the sum over its group, without runs of a larger budget: no change shortens training."""
        split = values.reshape(len(values), *self._shape)
        up_to = split.sum(axis=(1, 3), keepdims=True).cumsum(axis=2)
        return np.asarray(np.broadcast_to(up_to, split.shape).reshape(values.shape), np.float64)


def _front(tried: Sequence[_Changes]) -> list[tuple[_Changes, int]]:
    """The changes worth showing, and the number of their values."""
    # A few per cent are what luck does when so many changes are tried.
    least = max(_LEAST_STEP, max((some.best for some in tried), default=0.0) / 10)
    return cheapest_first(
        [
            (float(some.cost[c]), float(some.rates[c]), (some, int(c)))
            for some in tried
            for c in np.flatnonzero(some.rates >= least)
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
