"""Ratios and differences of two selections of runs on the same seeds.

Of a bare column: each run with its partner, the run of the other selection with the same seed and otherwise the same
settings, and the median over the pairs. Of a statistic: that of one selection against that of the other; the interval
is recovered from theirs and from how much they vary together over the seeds (MOVER: Zou and Donner, 2008, Statistics
in Medicine 27; on logarithms for a ratio).
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from runner.analysis.claims.estimate import Estimate, estimate, exact_rows, numbers_of, pair_values, values_of
from runner.analysis.claims.selection import Mask, NoRuns
from runner.analysis.intervals import difference
from runner.analysis.shares import CHANCE
from runner.registry import column_of
from runner.results.columns import key_columns
from runner.studies.claims.statistic import Statistic

if TYPE_CHECKING:
    from runner.studies.claims.grammar import Claim

_FEWEST = 3  # seeds in common from which a correlation can be told


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
        found = _combined(_of(a, claim.statistic), _of(b, claim.statistic), claim.statistic.comparison)
    return replace(found, notes=notes + found.notes)


def _of(rows: pd.DataFrame, statistic: Statistic) -> Estimate:
    values = values_of(rows, statistic)
    if not len(values.numbers):
        raise NoRuns(f"no run has a {statistic.subject}")
    return estimate(values, statistic)


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


def _combined(a: Estimate, b: Estimate, comparison: str) -> Estimate:
    """Two estimates with their intervals as one."""
    r = _correlation(a.influence, b.influence)
    ratio = comparison == "ratio"
    with np.errstate(all="ignore"):
        value = float(np.float64(a.value) / b.value) if ratio else a.value - b.value
    if math.isnan(a.low) or math.isnan(b.low):
        low = high = math.nan
    elif ratio:
        low, high = _ratio(a, b, r)
    else:
        low, high = difference((a.value, a.low, a.high), (b.value, b.low, b.high), r)
    notes = [f"where: {note}" for note in a.notes] + [f"versus: {note}" for note in b.notes]
    worth = min(a.worth, b.worth)
    if exact := a.exact and b.exact:
        low = high = value
    runs, seeds = a.runs + b.runs, min(a.seeds, b.seeds)
    return Estimate(value, low, high, runs, seeds, worth, a.influence, tuple(notes), exact)


def _correlation(a: pd.Series[float], b: pd.Series[float]) -> float:
    """How much two estimates vary together over the seeds."""
    both = pd.concat([a, b], axis=1, join="inner").to_numpy(float)
    if len(both) < _FEWEST or np.ptp(both, axis=0).min(initial=np.inf) == 0:
        return 0.0
    # Together they are surer than apart; that they vary against each other is more often chance, and is heeded too.
    return float(np.clip(np.corrcoef(both.T)[0, 1], -1.0, 1.0))


def _ratio(a: Estimate, b: Estimate, r: float) -> tuple[float, float]:
    numbers = (a.value, a.low, a.high, b.value, b.low, b.high)
    if min(a.low, b.low) > 0 and all(map(math.isfinite, numbers)):
        logs = [math.log(number) for number in numbers]
        low, high = difference((logs[0], logs[1], logs[2]), (logs[3], logs[4], logs[5]), r)
        return math.exp(low), math.exp(high)
    if min(a.low, b.low) < 0:
        return -math.inf, math.inf
    # At an end of what can be, the two least favourable ends: wide, and never too narrow.
    low = 0.0 if math.isinf(b.high) or not b.high else a.low / b.high
    return low, (a.high / b.low if b.low else math.inf)
