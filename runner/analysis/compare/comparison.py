"""What changes from one side to the other: rates and medians on the same seeds, outcomes, and settings one by one."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from runner.analysis.claims.estimate import estimate, exact_rows, numbers_of, pair_values
from runner.analysis.compare.result import CellChange, Compared, Medians, Rates
from runner.analysis.compare.show import write
from runner.analysis.compare.sides import NUMBERS, Differing, Partners, Side, differences, partners, read_sides
from runner.analysis.explain.factors import DERIVED
from runner.errors import Problem, StudyError
from runner.printed import Printed, Writer
from runner.statistics.estimate import Values
from runner.statistics.intervals import Triple, difference, pair_correlation, quantile, wilson
from runner.statistics.reading import Statistic
from runner.statistics.shares import Share, share_over_seeds, totals
from runner.terminal import Shortener, counted

if TYPE_CHECKING:
    from runner.studies.claims.grammar import Selection

CONFIDENCE = 0.95
_FEWEST = 3  # seeds from which a correlation over them can be told
_SHOWN = 5
_OUTCOMES = 6
_COUNTS = ("pairs", "a", "b", "both")
Interval = tuple[float, float]


@dataclass(frozen=True, repr=False)
class Comparison(Compared, Printed):
    """Two studies, or two parts of one, side by side; `print` shows the page of `compare`."""

    def write_page(self, writer: Writer) -> None:
        """Write the page of `compare`."""
        write(self, writer)

    def __repr__(self) -> str:
        found = "no runs in common" if self.rates is None else f"{self.rates.difference:+.1%} converged"
        return f"<Comparison of {self.a.name} and {self.b.name}: {counted(self.pairs, 'pair')}, {found}>"


def compare(
    tables: tuple[Path, Path], wheres: tuple[Selection, Selection], confidence: float = CONFIDENCE
) -> Comparison:
    """Compare two selections of runs.

    Parameters
    ----------
    tables : two Paths
        The same one twice for two parts of a study.
    wheres : two selections
        As `runner.analysis.claims.selection.read_where` returns them.
    confidence : float
        Of all intervals, between 0 and 1.

    Raises
    ------
    StudyError
        When the confidence is none.
    RunnerError
        When one is no table of results, a selection has no runs, or several runs have the same partner.
    """
    if not 0 < confidence < 1:
        raise StudyError([Problem(f"confidence: expected a number between 0 and 1, found {confidence:g}")])
    a, b = read_sides(tables, wheres, (_shown(wheres[0]), _shown(wheres[1])))
    differing = differences(a, b)
    found = partners(a, b, differing)
    first, second = (side.rows.iloc[rows].reset_index(drop=True) for side, rows in ((a, found.a), (b, found.b)))
    exact = bool(len(first)) and exact_rows(_whole(first, a)) and exact_rows(_whole(second, b))
    hits = [(rows["converged"] == "True").to_numpy() for rows in (first, second)]
    seeds = first["seed"].to_numpy()
    cells = _cells(first, found, hits[0], hits[1])
    change = ((cells["b"] - cells["a"]) / cells["pairs"]).to_numpy()
    order = np.argsort(-change, kind="stable")
    return Comparison(
        a,
        b,
        tuple(differing),
        found.n_cells,
        exact,
        len(first),
        len(np.unique(seeds)),
        _rates(hits[0], hits[1], seeds, exact, confidence) if len(first) else None,
        tuple(_medians(first, second, exact, confidence)),
        _outcomes(first, second),
        cells,
        _changes(cells, [k for k in order[:_SHOWN].tolist() if change[k] > 0], exact, confidence),
        _changes(cells, [k for k in order[::-1][:_SHOWN].tolist() if change[k] < 0], exact, confidence),
        tuple(_notes(a, b, differing)),
        confidence,
    )


def _shown(where: Selection) -> tuple[str, ...]:
    """A selection as it is written."""
    from runner.keys.definitions import KEYS

    def text(name: str, value: Any) -> str:
        if name in KEYS:
            return KEYS[name].text(value) or "none"
        return f"{value:g}" if isinstance(value, float) else f"{value}"

    found = []
    for name, values in where.items():
        texts = [text(name, value) for value in values]
        found.append(f"{name}={texts[0]}" if len(texts) == 1 else f"{name}=[{', '.join(texts)}]")
    return tuple(found)


def _whole(rows: pd.DataFrame, side: Side) -> pd.DataFrame:
    """Rows with the keys that are the same in all of them."""
    return rows.assign(**{key: pd.Categorical([text] * len(rows)) for key, text in side.fixed.items()})


def _rates(a: Any, b: Any, seeds: Any, exact: bool, confidence: float = CONFIDENCE) -> Rates:
    """Rates on both sides and their difference, over seeds that are drawn by chance.

    With one pair per seed the interval is method 10 of Newcombe (1998). With several, Wilson's intervals count with an
    effective number of runs, and the correlation is that of the shares of the seeds.
    """
    both, neither = int((a & b).sum()), int((~a & ~b).sum())
    only_a, only_b = int((a & ~b).sum()), int((~a & b).sum())
    _, of = np.unique(seeds, return_inverse=True)
    n = int(of.max()) + 1
    runs, hits_a, hits_b = totals(of, n), totals(of, n, a), totals(of, n, b)
    share_a, share_b = (share_over_seeds(hits, runs, exact, confidence) for hits in (hits_a, hits_b))
    r = pair_correlation(both, only_b, only_a, neither) if len(a) == n else _correlation(hits_a / runs, hits_b / runs)
    low, high = difference(_triple(share_b), _triple(share_a), r)
    return Rates(share_a, share_b, both, only_a, only_b, neither, low, high)


def _triple(share: Share) -> Triple:
    return share.rate, share.low, share.high


def _correlation(a: Any, b: Any) -> float:
    if len(a) < _FEWEST or np.ptp(a) == 0 or np.ptp(b) == 0:
        return 0.0
    return float(np.clip(np.corrcoef(a, b)[0, 1], -1.0, 1.0))


def _medians(first: pd.DataFrame, second: pd.DataFrame, exact: bool, confidence: float) -> Iterable[Medians]:
    for column in (name for name in NUMBERS if name in first and name in second):
        statistic = Statistic("quantile", column)
        seeds = first["seed"].to_numpy()
        x, y = (numbers_of(rows[column].to_numpy(), seeds, statistic, exact) for rows in (first, second))
        if len(x.numbers) < len(seeds) or len(y.numbers) < len(seeds):
            # Of what has no value in a run there is nothing to pair.
            there = ~(first[column].isna() | second[column].isna()).to_numpy()
            x, y = (Values(rows[column].to_numpy()[there], seeds[there], exact) for rows in (first, second))
        values = pair_values(y, x, "difference", exact)
        if not len(values.numbers):
            continue
        found = estimate(values, statistic, confidence)
        silent = len(seeds) - found.runs
        notes = (f"in {silent:,} pairs both are infinite or missing",) if silent else ()
        middles = [quantile(np.sort(each.numbers), 0.5) for each in (x, y)]
        yield Medians(column, middles[0], middles[1], found.value, found.low, found.high, found.runs, notes)


def _outcomes(first: pd.DataFrame, second: pd.DataFrame) -> tuple[tuple[str, str, int], ...]:
    pairs = Counter(zip(first["outcome"], second["outcome"], strict=True))
    counts = sorted((-n, str(a), str(b)) for (a, b), n in pairs.items() if a != b)
    return tuple((a, b, -n) for n, a, b in counts[:_OUTCOMES])


def _cells(first: pd.DataFrame, found: Partners, a: Any, b: Any) -> pd.DataFrame:
    """Every setting in common, in the order of the first side."""
    n = int(found.cells.max(initial=-1)) + 1
    starts = np.full(n, len(first), np.int64)
    np.minimum.at(starts, found.cells, np.arange(len(first)))
    order = np.argsort(starts)
    of = first.iloc[starts[order]]
    texts = {key: of[key].astype(str).to_numpy() for key in found.keys if key in of}
    hits = {"pairs": None, "a": a, "b": b, "both": a & b}
    counts = {name: totals(found.cells, n, each) for name, each in hits.items()}
    return pd.DataFrame(texts | {name: count[order].astype(np.int64) for name, count in counts.items()})


def _changes(cells: pd.DataFrame, places: Sequence[int], exact: bool, confidence: float) -> tuple[CellChange, ...]:
    keys = [key for key in cells.columns if key not in _COUNTS]
    # What follows from other keys says nothing new.
    own = [key for key in keys if key not in DERIVED] or keys
    short: Mapping[str, Shortener] = {key: Shortener(cells[key].unique().tolist()) for key in own}
    found = []
    for place in places:
        row = cells.iloc[place]
        label = ", ".join(f"{key} {short[key](row[key])}" for key in own)
        found.append(
            CellChange(label, int(row["pairs"]), int(row["a"]), int(row["b"]), *_interval(row, exact, confidence))
        )
    return tuple(found)


def _interval(row: Any, exact: bool, confidence: float) -> Interval:
    """Of one setting, whose seeds occur once: method 10 of Newcombe (1998)."""
    n, a, b, both = (int(row[name]) for name in _COUNTS)
    if exact:
        return (b - a) / n, (b - a) / n
    r = pair_correlation(both, b - both, a - both, n - a - b + both)
    return difference((b / n, *wilson(b, n, confidence)), (a / n, *wilson(a, n, confidence)), r)


def _notes(a: Side, b: Side, differing: Sequence[Differing]) -> Iterable[str]:
    if a.version != b.version and None not in (a.version, b.version):
        yield (
            f"{a.name} holds results of version {a.version} and {b.name} of version {b.version}: what an outcome "
            "means, or how a run is trained, may have changed between them."
        )
    # Partners have the same value of a key of which both sides have some values.
    keys = {each.key for each in differing if not each.in_common}
    if "criterion" in keys:
        yield "They have not the same criterion: to converge does not mean the same on both sides."
    start = sorted(keys & {"architecture", "init", "bias_init"})
    if start:
        yield f"Partners have the same seed, but not the same initial weights: they differ in {' and '.join(start)}."


def as_json(found: Comparison) -> dict[str, Any]:
    """The comparison as numbers and texts for another program."""
    rates = found.rates
    return {
        "a": _side(found.a),
        "b": _side(found.b),
        "differing": [{"key": d.key, "a": list(d.a), "b": list(d.b)} for d in found.differing],
        "cells": dict(zip(("in_common", "only_a", "only_b"), found.n_cells, strict=True)),
        "pairs": found.pairs,
        "seeds": found.seeds,
        "converged": None
        if rates is None
        else {
            "a": rates.a.as_json(),
            "b": rates.b.as_json(),
            "both": rates.both,
            "only_a": rates.only_a,
            "only_b": rates.only_b,
            "neither": rates.neither,
            **_known(difference=rates.difference, low=rates.low, high=rates.high),
        },
        "medians": [
            {"column": each.column, "pairs": each.pairs}
            | _known(a=each.a, b=each.b, difference=each.difference, low=each.low, high=each.high)
            for each in found.medians
        ],
        "outcomes": [{"a": a, "b": b, "pairs": n} for a, b, n in found.outcomes],
        "exact": found.exact,
        "confidence": found.confidence,
        "better": [vars(each) for each in found.better],
        "worse": [vars(each) for each in found.worse],
        "notes": list(found.notes),
    }


def _side(side: Side) -> dict[str, Any]:
    known = {"name": side.name, "results": str(side.table), "where": list(side.where), "runs": len(side.rows)}
    return known | {"results_version": side.version}


def _known(**numbers: float) -> dict[str, Any]:
    """Numbers for another program; one without end is the text "inf" or "-inf", as in the JSON of claims."""
    return {name: x if math.isfinite(x) else None if math.isnan(x) else str(x) for name, x in numbers.items()}
