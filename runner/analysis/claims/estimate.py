"""From selected rows to a number with its interval: 99% for claims, any other for who draws or tabulates.

How numbers and intervals are made stands in `runner.statistics`; here the rows of a table become what they are made
from.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, overload

import numpy as np
import pandas as pd

from runner.analysis.claims.verdict import CONFIDENCE
from runner.analysis.large_rows import LargeRows, RunTable
from runner.keys.issues import Invalid
from runner.statistics import plane, trend
from runner.statistics.estimate import Bools, Estimate, Floats, Ints, Sample, Values
from runner.statistics.reading import UNBOUNDED, Statistic, Trend
from runner.statistics.shares import CHANCE, is_deterministic
from runner.terminal import counted


def evaluate(rows: RunTable, statistic: Statistic, confidence: float = CONFIDENCE) -> Estimate | None:
    """A statistic of some rows; None when no row has a value.

    Parameters
    ----------
    rows : DataFrame or LargeRows
        With `seed`, the columns of `runner.statistics.shares.CHANCE`, and the statistic's own, texts as categories.
    statistic : Statistic
    confidence : float
        Of the interval, between 0 and 1.

    Raises
    ------
    Invalid
        When the values of the key of a slope, or of a plane's keys, have no places on an axis, or where a plane has not
        one run for each pair.
    """
    if statistic.trend is not None:
        return _slope(rows, statistic, statistic.trend, confidence)
    if statistic.plane is not None:
        return _dimension(rows, statistic, statistic.plane, confidence)
    values = values_of(rows, statistic)
    return estimate(values, statistic, confidence) if len(values) else None


def _slope(rows: RunTable, statistic: Statistic, line: Trend, confidence: float) -> Estimate | None:
    whole = values_of(rows, statistic)
    if not len(whole):
        return None
    texts = [str(text) for text in rows[line.key].unique()]
    estimates = []
    for text in texts:
        here = values_of(rows[_equals(rows[line.key], text)], statistic)
        if not len(here):
            raise Invalid(f"no run with {line.key} {text} has a {statistic.subject}")
        # What is missing is told once, of all of them.
        estimates.append(estimate(here.renewed(notes=()), statistic, confidence))
    found = trend.fit(trend.places(texts), estimates, line.x_scale, line.y_scale)
    return replace(found, notes=(*whole.notes, *found.notes))


def _dimension(rows: RunTable, statistic: Statistic, keys: tuple[str, str], confidence: float) -> Estimate:
    frame = rows.frame([*keys, statistic.column]) if isinstance(rows, LargeRows) else rows

    def places(key: str) -> Floats:
        texts = frame[key].astype("category")
        return np.array(trend.places([str(text) for text in texts.cat.categories]))[texts.cat.codes.to_numpy()]

    hits = raw_values(frame, statistic).numbers > 0
    return plane.box_dimension(places(keys[0]), places(keys[1]), hits, confidence)


@overload
def raw_values(rows: pd.DataFrame, statistic: Statistic) -> Values: ...
@overload
def raw_values(rows: RunTable, statistic: Statistic) -> Sample: ...
def raw_values(rows: RunTable, statistic: Statistic) -> Sample:
    """What a statistic is made from: hits as 0 and 1, or the numbers of a column, NaN where there is none."""
    needs = statistic.member.needs
    if isinstance(rows, LargeRows):
        columns = (statistic.column, *needs)
        return rows.values(lambda frame: raw_values(frame, statistic), columns, exact_rows(rows))
    column = rows[statistic.column]
    if statistic.name == "rate":
        numbers = _equals(column, "True" if statistic.column == "converged" else statistic.subject).astype(float)
    else:
        numbers = column.to_numpy()
    converged = _equals(rows["converged"], "True") if "converged" in needs else None
    return Values(numbers, rows["seed"].to_numpy(), exact_rows(rows), (), converged)


def _equals(column: pd.Series[Any], text: str) -> Bools:
    return np.asarray(column == text)


def values_of(rows: RunTable, statistic: Statistic) -> Sample:
    """The same, with what is no number settled."""
    return settle(raw_values(rows, statistic), statistic)


def exact_rows(rows: RunTable) -> bool:
    """Whether the seed makes no difference to these runs."""
    texts = [[str(text) for text in rows[name].unique()] for name in CHANCE if name in rows]
    return len(texts) == len(CHANCE) and all(texts) and is_deterministic(*texts)


@overload
def settle(values: Values, statistic: Statistic) -> Values: ...
@overload
def settle(values: Sample, statistic: Statistic) -> Sample: ...
def settle(values: Sample, statistic: Statistic) -> Sample:
    """What is no number becomes infinite where it means "never" or "overflowed", else it is left out."""
    count = values.missing
    if not count:
        return values
    infinite = statistic.subject in UNBOUNDED and not statistic.member.left_out
    how = "count as infinite" if infinite else "are left out"
    note = f"{statistic.subject} is missing in {counted(count, 'run')}, which {how}"
    return values.settled(infinite).renewed(notes=(*values.notes, note))


def numbers_of(numbers: Floats, seeds: Ints, statistic: Statistic, exact: bool) -> Values:
    """Numbers of a column, settled."""
    return settle(Values(numbers, seeds, exact), statistic)


def pair_values(x: Values, y: Values, comparison: str, exact: bool) -> Values:
    """The ratio or difference of every pair of numbers; pairs that say nothing are left out.

    Parameters
    ----------
    x, y : Values
        Partners at the same places.
    comparison : {"ratio", "difference"}
    exact : bool
        Whether no chance is in them.
    """
    with np.errstate(all="ignore"):
        found = x.numbers / y.numbers if comparison == "ratio" else x.numbers - y.numbers
    said = ~np.isnan(found)
    notes = notes_on_pairs(x, y, int(np.count_nonzero(~said)), comparison)
    return Values(found[said], x.seeds[said], exact, notes)


def notes_on_pairs(x: Sample, y: Sample, silent: int, comparison: str) -> tuple[str, ...]:
    """What there is to say of both sides of pairs, of which some say nothing."""
    notes = [f"where: {note}" for note in x.notes] + [f"versus: {note}" for note in y.notes]
    if silent:
        why = "infinite or zero" if comparison == "ratio" else "infinite"
        notes.append(f"{silent:,} pairs in which both are {why} say nothing and are left out")
    return tuple(notes)


def estimate(values: Sample, statistic: Statistic, confidence: float = CONFIDENCE) -> Estimate:
    """The statistic of some values, of which there is at least one, with its interval."""
    return statistic.member.estimate(values, statistic.q, confidence)
