"""Ratios and differences of two selections of runs on the same seeds.

Of a bare column: each run with its partner, the run of the other selection with the same seed and otherwise the same
settings, and the median over the pairs. Of a statistic: that of one selection against that of the other, as
`runner.statistics.combine` has it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from runner.analysis.claims.estimate import estimate, evaluate, exact_rows, numbers_of, pair_values
from runner.analysis.claims.selection import Mask, NoRuns
from runner.registry import column_of
from runner.results.columns import key_columns
from runner.statistics.combine import combine
from runner.statistics.estimate import Estimate
from runner.statistics.reading import Statistic
from runner.statistics.shares import CHANCE

if TYPE_CHECKING:
    from runner.studies.claims.grammar import Claim


def compare(frame: pd.DataFrame, claim: Claim, names: list[str], first: Mask, second: Mask) -> Estimate:
    """The ratio or difference that a claim is about.

    Parameters
    ----------
    frame : DataFrame
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
    common = np.intersect1d(a["seed"].unique(), b["seed"].unique())
    if not len(common):
        raise NoRuns("where and versus have no seed in common")
    left_out = len(np.union1d(a["seed"].unique(), b["seed"].unique())) - len(common)
    notes = (f"{left_out:,} seeds are in only one of where and versus and left out",) if left_out else ()
    a, b = a[a["seed"].isin(common)], b[b["seed"].isin(common)]
    if claim.statistic.name == "value":
        found = _paired(_pairs(a, b, claim, key_columns(names)), claim.statistic)
    else:
        found = combine(_of(a, claim.statistic), _of(b, claim.statistic), claim.statistic.comparison)
    return replace(found, notes=notes + found.notes)


def _of(rows: pd.DataFrame, statistic: Statistic) -> Estimate:
    found = evaluate(rows, statistic)
    if found is None:
        raise NoRuns(f"no run has a {statistic.subject}")
    return found


def _pairs(a: pd.DataFrame, b: pd.DataFrame, claim: Claim, keys: list[str]) -> pd.DataFrame:
    """One row for each run of `where` and its partner in `versus`."""
    named = {column_of(name) for name in (*claim.where, *claim.versus)}
    shared = ["seed"]
    for key in keys:
        if key in named or key not in a:
            continue
        here, there = set(a[key].unique()), set(b[key].unique())
        # A key that has no value in common follows from one that is named, as bias_learning_rate from learning_rate.
        if len(here | there) > 1 and here & there:
            shared.append(key)
    column = claim.statistic.column
    for side, rows in (("where", a), ("versus", b)):
        if rows.duplicated(shared).any():
            most = int(rows.groupby(shared, observed=True).size().max())
            raise NoRuns(f"{side} selects up to {most:,} runs for one partner; name more keys in it")
    texts = {key: str for key in shared if key != "seed"}
    chance = [name for name in CHANCE if name in a and name not in shared]
    left, right = a[[*shared, *chance, column]].astype(texts), b[[*shared, column]].astype(texts)
    pairs = left.merge(right, on=shared, suffixes=("", " versus"))
    if pairs.empty:
        raise NoRuns("no run of where has a partner in versus")
    pairs["exact"] = exact_rows(a) and exact_rows(b)
    return pairs


def _paired(pairs: pd.DataFrame, statistic: Statistic) -> Estimate:
    """The median over pairs."""
    column = statistic.column
    seeds = pairs["seed"].to_numpy()
    x = numbers_of(pairs[column].to_numpy(), seeds, statistic, False)
    y = numbers_of(pairs[f"{column} versus"].to_numpy(), seeds, statistic, False)
    if len(x.numbers) < len(seeds) or len(y.numbers) < len(seeds):
        raise NoRuns(f"{column} is missing in some of these runs")
    values = pair_values(x, y, statistic.comparison, bool(pairs["exact"].all()))
    if not len(values.numbers):
        raise NoRuns(f"in every pair {column} is infinite, or zero, on both sides")
    return estimate(values, Statistic("quantile", column))
