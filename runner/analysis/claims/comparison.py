"""Ratios and differences of two selections of runs on the same seeds.

Of a bare column: each run with its partner, the run of the other selection with the same seed and otherwise the same
settings, and the median over the pairs. Of a statistic: that of one selection against that of the other, as
`runner.statistics.combine` has it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from runner.analysis.claims.estimate import (
    estimate,
    evaluate,
    exact_rows,
    notes_on_pairs,
    numbers_of,
    pair_values,
    settle,
)
from runner.analysis.claims.selection import Mask, NoRuns
from runner.analysis.large_rows import LargeRows, RunTable
from runner.registry import column_of
from runner.results.columns import key_columns
from runner.statistics.combine import combine
from runner.statistics.estimate import Estimate, Floats, Ints, Sample, Values
from runner.statistics.passes import PassedValues
from runner.statistics.reading import Statistic

if TYPE_CHECKING:
    from runner.studies.claims.grammar import Claim


def compare(frame: RunTable, claim: Claim, names: list[str], first: Mask, second: Mask) -> Estimate:
    """The ratio or difference that a claim is about.

    Parameters
    ----------
    frame : DataFrame or LargeRows
    claim : Claim
    names : list of str
        All columns of the table.
    first, second : bool array
        The rows of `where` and of `versus`.

    Raises
    ------
    NoRuns
        When the two have no seed in common, or no pairs can be told.
    """
    a, b = frame[first], frame[second]
    here, there = _seeds(a), _seeds(b)
    common = np.intersect1d(here, there)
    if not len(common):
        raise NoRuns("where and versus have no seed in common")
    left_out = len(np.union1d(here, there)) - len(common)
    notes = (f"{left_out:,} seeds are in only one of where and versus and left out",) if left_out else ()
    a, b = _of_seeds(a, common), _of_seeds(b, common)
    if claim.statistic.name == "value":
        found = _paired(a, b, claim, _shared(a, b, claim, key_columns(names)))
    else:
        found = combine(_of(a, claim.statistic), _of(b, claim.statistic), claim.statistic.comparison)
    return replace(found, notes=notes + found.notes)


def _seeds(rows: RunTable) -> Ints:
    return rows.seeds() if isinstance(rows, LargeRows) else np.unique(rows["seed"].to_numpy())


def _of_seeds(rows: RunTable, seeds: Ints) -> RunTable:
    return rows.of_seeds(seeds) if isinstance(rows, LargeRows) else rows[rows["seed"].isin(seeds)]


def _of(rows: RunTable, statistic: Statistic) -> Estimate:
    found = evaluate(rows, statistic)
    if found is None:
        raise NoRuns(f"no run has a {statistic.subject}")
    return found


def _shared(a: RunTable, b: RunTable, claim: Claim, keys: list[str]) -> list[str]:
    """The keys in which partners agree, beside the seed."""
    named = {column_of(name) for name in (*claim.where, *claim.versus)}
    shared = []
    for key in keys:
        if key in named or key not in a:
            continue
        here, there = set(a[key].unique()), set(b[key].unique())
        # A key that has no value in common follows from one that is named, as bias_learning_rate from learning_rate.
        if len(here | there) > 1 and here & there:
            shared.append(key)
    return shared


def _paired(a: RunTable, b: RunTable, claim: Claim, shared: list[str]) -> Estimate:
    """The median over the pairs of runs of `where` and their partners in `versus`."""
    for side, rows in (("where", a), ("versus", b)):
        if (most := _most_alike(rows, shared)) > 1:
            raise NoRuns(f"{side} selects up to {most:,} runs for one partner; name more keys in it")
    statistic = claim.statistic
    exact = exact_rows(a) and exact_rows(b)
    if isinstance(a, LargeRows) and isinstance(b, LargeRows):
        return _paired_in_passes(a, b, statistic, shared, exact)
    assert isinstance(a, pd.DataFrame)
    assert isinstance(b, pd.DataFrame)
    pairs = _pairs(a, b, statistic.column, shared)
    if pairs.empty:
        raise NoRuns("no run of where has a partner in versus")
    x, y = (numbers_of(numbers, seeds, statistic, False) for seeds, numbers in _sides(pairs, statistic.column))
    _refuse_missing(len(pairs) - min(len(x), len(y)), statistic)
    return _estimate_of(pair_values(x, y, statistic.comparison, exact), statistic)


def _most_alike(rows: RunTable, shared: list[str]) -> int:
    """How many runs agree in the seed and in some keys, at most."""
    if isinstance(rows, pd.DataFrame):
        alike = ["seed", *shared]
        return int(rows.groupby(alike, observed=True).size().max()) if rows.duplicated(alike).any() else 1
    most = 0
    for some in _alike(rows, shared).values():
        counts = np.zeros(len(some.table_seeds), np.int32)
        for _, frame in some.frames([]):
            np.add.at(counts, np.searchsorted(some.table_seeds, frame["seed"].to_numpy()), 1)
        most = max(most, int(counts.max(initial=0)))
    return most


def _alike(rows: LargeRows, shared: list[str]) -> dict[tuple[str, ...], LargeRows]:
    """The runs by their values of some keys."""
    texts = [rows[key].astype(str).to_numpy() for key in shared]
    places: dict[tuple[str, ...], list[int]] = {}
    for place in range(len(rows)):
        places.setdefault(tuple(column[place] for column in texts), []).append(place)
    return {values: rows.take(np.array(some)) for values, some in places.items()}


def _pairs(a: pd.DataFrame, b: pd.DataFrame, column: str, shared: list[str]) -> pd.DataFrame:
    """One row for each run of `where` and its partner in `versus`."""
    alike, texts = ["seed", *shared], dict.fromkeys(shared, str)
    left, right = a[[*alike, column]].astype(texts), b[[*alike, column]].astype(texts)
    return left.merge(right, on=alike, suffixes=("", " versus"))


def _sides(pairs: pd.DataFrame, column: str) -> Iterator[tuple[Ints, Floats]]:
    """Seeds and numbers of both sides."""
    for name in (column, f"{column} versus"):
        yield pairs["seed"].to_numpy(), pairs[name].to_numpy()


def _paired_in_passes(a: LargeRows, b: LargeRows, statistic: Statistic, shared: list[str], exact: bool) -> Estimate:
    """The same of runs that need not fit into memory: partners are put together some cells at a time."""
    column = statistic.column
    partners = _alike(b, shared)
    both = [(some, partners[values]) for values, some in _alike(a, shared).items() if values in partners]

    def pairs(which: Ints) -> Iterator[pd.DataFrame]:
        for number in which.tolist():
            some, others = both[number]
            yield _pairs(some.frame([column]), others.frame([column]), column, [])

    def side(place: int) -> PassedValues:
        def read(which: Ints) -> Iterator[Values]:
            for some in pairs(which):
                seeds, numbers = [*_sides(some, column)][place]
                yield Values(numbers, seeds, False)

        return PassedValues(read, a.table_seeds, np.arange(len(both)), False)

    x, y = side(0), side(1)
    if not len(x):
        raise NoRuns("no run of where has a partner in versus")
    settled = [settle(each, statistic) for each in (x, y)]
    _refuse_missing(len(x) - min(map(len, settled)), statistic)

    def read(which: Ints) -> Iterator[Values]:
        for some in pairs(which):
            mine, others = (numbers_of(numbers, seeds, statistic, False) for seeds, numbers in _sides(some, column))
            yield pair_values(mine, others, statistic.comparison, exact)

    values = PassedValues(read, a.table_seeds, np.arange(len(both)), exact)
    notes = notes_on_pairs(settled[0], settled[1], len(x) - len(values), statistic.comparison)
    return _estimate_of(values.renewed(notes=notes), statistic)


def _refuse_missing(n: int, statistic: Statistic) -> None:
    if n:
        raise NoRuns(f"{statistic.column} is missing in some of these runs")


def _estimate_of(values: Sample, statistic: Statistic) -> Estimate:
    if not len(values):
        raise NoRuns(f"in every pair {statistic.column} is infinite, or zero, on both sides")
    return estimate(values, Statistic("quantile", statistic.column))
