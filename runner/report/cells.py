"""The table of settings: one row for each cell, and in which order the rows stand when a column is sorted."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from runner.analysis.explain.runs import Runs
from runner.analysis.explain.wording import interval
from runner.analysis.groups import Grouping
from runner.statistics.reading import NEVER
from runner.terminal import number, percent

_MOST, _MOST_FIELDS = 500, 6_000
_MEASURED = {"epochs_to_converge": "median epochs", "accuracy": "median accuracy", "final_loss": "median loss"}


@dataclass(frozen=True)
class Cells:
    """Settings and what became of their runs.

    Attributes
    ----------
    headings : tuple of str
    numeric : tuple of bool
        Which columns hold numbers.
    rows : list of tuple of str
        In the order of the study.
    orders : list of list of int
        For each column the rows' numbers, ascending.
    note : str
        Which settings are listed, where not all are.
    """

    headings: tuple[str, ...]
    numeric: tuple[bool, ...]
    rows: list[tuple[str, ...]]
    orders: list[list[int]]
    note: str


def cells_of(runs: Runs, grouping: Grouping) -> Cells:
    """The table; of thousands of settings those in which the largest and the smallest shares of runs converge."""
    place = runs.place(range(len(runs.factors)))
    _, first, cell = np.unique(place, return_index=True, return_inverse=True)
    n, note = len(first), ""
    kept = np.arange(n)
    most = min(_MOST, max(_MOST_FIELDS // (len(runs.factors) + 7), 20))
    if n > most:
        order = np.argsort(-np.bincount(cell, runs.converged) / np.bincount(cell), kind="stable")
        half = most // 2
        kept = np.sort(np.concatenate([order[:half], order[-half:]]))
        note = f"{2 * half} of {n:,} settings are listed: the {half} of the highest and the {half} of the lowest rates."
    number_of = np.full(n, -1)
    number_of[kept] = np.arange(len(kept))
    groups = grouping.by(number_of[cell], len(kept))
    columns: list[tuple[str, bool, list[str], Sequence[Any]]] = []
    for at, factor in enumerate(runs.factors):
        values = runs.codes[first[kept], at].tolist()
        columns.append((factor.name, factor.is_numeric, [factor.short(value) for value in values], values))
    counts = [int(share.runs) for share in groups.shares]
    columns.append(("runs", True, [f"{count:,}" for count in counts], counts))
    rates = [share.rate for share in groups.shares]
    columns.append(("converged", True, [percent(rate) for rate in rates], rates))
    lows = [share.low for share in groups.shares]
    columns.append(("95% interval", True, [interval(share) for share in groups.shares], lows))
    for name, heading in _MEASURED.items():
        if name in groups.quartiles:
            medians = groups.quartiles[name][:, 1].tolist()
            never = "never" if name in NEVER else "infinite"
            texts = [never if math.isinf(median) else number(median) for median in medians]
            columns.append((heading, True, texts, medians))
    commonest = groups.outcomes.argmax(axis=1).tolist()
    names = [runs.outcome_names[outcome] for outcome in commonest]
    columns.append(("mostly", False, names, names))
    headings, numeric, texts_of, keys = zip(*columns, strict=True)
    # NumPy sorts what is no number behind all that is, and stably keeps the order of the study among equals.
    orders = [np.argsort(np.array(key), kind="stable").tolist() for key in keys]
    return Cells(headings, numeric, list(zip(*texts_of, strict=True)), orders, note)
