"""Recorded curves as a page shows them: median and quartiles by the values of each axis, and some single runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from runner.analysis.explain.runs import Runs
from runner.analysis.groups import QUARTILES
from runner.figures.curves import CurvePoints, Quantiles, curve_quantiles, read_curves
from runner.report.axes import PageAxis, plain
from runner.results.curves import CURVES, curve_columns
from runner.results.reader import read_columns

_MOST_BYTES = 200_000_000
_MOST_AXES, _MOST_LINES, _MOST_POINTS, _MOST_SINGLES = 6, 8, 80, 60


def curves_json(table: Path, runs: Runs, axes: Sequence[PageAxis]) -> dict[str, Any] | None:
    """What the script draws of the curves beside a table.

    Returns
    -------
    dict or None
        For each measurement `all` and, by the number of an axis, `lines`: epochs and quartiles; and `singles`. With
        `note` only where there are too many points; None where nothing was recorded.
    """
    path = table.parent / CURVES
    if not path.is_file():
        return None
    if path.stat().st_size > _MOST_BYTES:
        return {"note": f"{CURVES} is too large for this page; `plot --kind curves` draws it."}
    seeds = None if runs.part is None else runs.part.seeds
    frame = read_columns(table, ["run_id", "stop"], ["epochs_to_converge"], seeds)
    if len(frame) != len(runs):
        return None  # rows have come meanwhile
    values = {}
    for column in curve_columns(path):
        points = read_curves(table, column)
        unbounded = column.endswith("loss")
        everything = curve_quantiles(points, frame, QUARTILES, unbounded)
        if everything is None:
            continue  # none of these runs holds samples out
        by = {str(at): _lines(points, frame, axis, unbounded) for at, axis in enumerate(axes[:_MOST_AXES])}
        values[column] = {"all": _line(everything), "by": by, "singles": _singles(points, frame, runs)}
    return values or None


def _lines(points: CurvePoints, frame: pd.DataFrame, axis: PageAxis, unbounded: bool) -> list[dict[str, Any]]:
    """A line for each value, or for some that are evenly chosen."""
    chosen = np.unique(np.linspace(0, len(axis) - 1, min(len(axis), _MOST_LINES)).round().astype(np.int64))
    found = []
    for value in chosen.tolist():
        line = curve_quantiles(points, frame[axis.codes == value], QUARTILES, unbounded)
        if line is not None:
            found.append({"value": value, **_line(line)})
    return found


def _line(found: Quantiles) -> dict[str, Any]:
    kept = _thinned(len(found.epochs))
    return {"epochs": plain(found.epochs[kept]), "quartiles": [plain(row[kept]) for row in found.quantiles]}


def _singles(points: CurvePoints, frame: pd.DataFrame, runs: Runs) -> list[dict[str, Any]]:
    """Some of the runs, evenly chosen, with the numbers of their outcomes."""
    recorded = [row for row, run in enumerate(frame["run_id"].astype(str)) if run in points.places]
    chosen = np.unique(np.linspace(0, len(recorded) - 1, min(len(recorded), _MOST_SINGLES)).round().astype(np.int64))
    found = []
    for row in (recorded[k] for k in chosen.tolist()):
        start, end = points.places[str(frame["run_id"].iloc[row])]
        kept = start + _thinned(end - start)
        epochs, values = plain(points.epochs[kept]), plain(points.values[kept])
        found.append({"outcome": int(runs.outcomes[row]), "epochs": epochs, "values": values})
    return found


def _thinned(n: int) -> Any:
    """Numbers of at most so many of n points as are drawn, evenly chosen, both ends among them."""
    return np.unique(np.linspace(0, n - 1, min(n, _MOST_POINTS)).round().astype(np.int64))
