"""A statistic in the words of claims, of every group of rows, with its interval: what figures and tables show.

It is the same number that a claim is checked with, and at 99% the same interval.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from runner.analysis.claims.estimate import estimate, evaluate, raw_values, settle
from runner.analysis.large_rows import RunTable
from runner.errors import Problem, StudyError, nearest
from runner.keys.issues import Invalid
from runner.measurements import MEASUREMENTS, OUTCOMES
from runner.statistics.estimate import Estimate
from runner.statistics.reading import FORMS, NUMBERS, Statistic, read_statistic
from runner.statistics.shares import CHANCE, is_deterministic
from runner.statistics.weights import read_weights

CONFIDENCE = 0.95
"""Of the intervals of figures and tables, where nothing else is asked for."""
Ints = NDArray[np.int64]


def read_measure(text: str) -> Statistic:
    """The statistic that a text names; of an outcome alone its rate, of a column alone its median.

    Raises
    ------
    Invalid
        When it names none, or one that compares two selections of runs.

    Examples
    --------
    >>> read_measure("converged").text, read_measure("final_loss").text, read_measure("max(mse)").text
    ('rate(converged)', 'median(final_loss)', 'max(mse)')
    """
    name = text.strip()
    if name in OUTCOMES:
        return read_statistic(f"rate({name})")
    if name in {column.name for column in MEASUREMENTS} or read_weights(name):
        return read_statistic(f"median({name})")
    if "(" not in name:
        hint = nearest(name, (*OUTCOMES, *NUMBERS))
        raise Invalid(
            f"expected a measured column, an outcome, or one of {', '.join(FORMS[:-2])}, found '{name}'{hint}"
        )
    statistic = read_statistic(name)
    if statistic.comparison:
        raise Invalid(
            f"{statistic.comparison} compares two selections of runs; expected one of {', '.join(FORMS[:-2])}"
        )
    return statistic


def evaluate_groups(
    frame: RunTable, statistic: Statistic, groups: Ints, n: int, confidence: float = CONFIDENCE
) -> list[Estimate | None]:
    """A statistic of every group of rows.

    Parameters
    ----------
    frame : DataFrame or LargeRows
        As `evaluate` takes it.
    statistic : Statistic
    groups : array of int, shape (rows,)
        The group of every row, from 0 to n - 1.
    n : int
        How many groups.
    confidence : float

    Returns
    -------
    list of Estimate or None
        One for each group; None for a group without rows or values.

    Raises
    ------
    StudyError
        When a slope is asked for over a key that has no two places on an axis in any group.
    """
    if statistic.trend is not None:
        return _slopes(frame, statistic, groups, n, confidence)
    # What is the same for all groups is done once: a map may have ten thousand of them.
    values, exact = raw_values(frame, statistic), _without_chance(frame)
    found: list[Estimate | None] = []
    for rows in members(groups, n):
        here = settle(values.take(rows, bool(exact[rows].all())), statistic)
        found.append(estimate(here, statistic, confidence) if len(here) else None)
    return found


def _slopes(frame: RunTable, statistic: Statistic, groups: Ints, n: int, confidence: float) -> list[Estimate | None]:
    """The slope in every group; None where a group has none, which is told when no group has one."""
    found: list[Estimate | None] = []
    issues: list[Invalid] = []
    for rows in members(groups, n):
        try:
            found.append(evaluate(frame.take(rows), statistic, confidence))
        except Invalid as invalid:
            issues.append(invalid)
            found.append(None)
    if issues and not any(found):
        raise StudyError([Problem(f"{statistic.text}: {issues[0]}")])
    return found


def _without_chance(frame: RunTable) -> NDArray[np.bool_]:
    """For each row, whether the seed makes no difference to its run."""
    exact = np.full(len(frame), all(name in frame for name in CHANCE))
    for place, name in enumerate(CHANCE if exact.any() else ()):
        texts: list[list[str]] = [[] for _ in CHANCE]
        fixed = []
        for text in frame[name].cat.categories:
            texts[place] = [str(text)]
            fixed.append(is_deterministic(*texts))
        exact &= np.array(fixed, bool)[frame[name].cat.codes.to_numpy()]
    return exact


def members(groups: Ints, n: int) -> Iterator[Ints]:
    """The rows of each of n groups, in the order of the rows."""
    order = np.argsort(groups, kind="stable")
    ends = np.searchsorted(groups[order], np.arange(n + 1))
    for start, end in zip(ends[:-1].tolist(), ends[1:].tolist(), strict=True):
        yield order[start:end]
