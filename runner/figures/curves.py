"""Recorded curves of many runs, at common epochs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from runner.errors import RunnerError
from runner.figures.rows import Floats
from runner.results.curves import CURVES, curve_columns
from runner.results.reader import read_curve_points

_MOST_EPOCHS = 400
_MOST_SINGLES = 25


@dataclass(frozen=True)
class CurvePoints:
    """All recorded points, run by run.

    Attributes
    ----------
    epochs, values : array
    places : mapping of str to (int, int)
        Where the points of a run begin and end.
    """

    epochs: Floats
    values: Floats
    places: dict[str, tuple[int, int]]


@dataclass(frozen=True)
class Quantiles:
    """Quantiles of curves.

    Attributes
    ----------
    epochs : array of shape (n,)
    quantiles : array of shape (quantiles, n)
        Over the runs that were trained so long; NaN where there is none.
    singles : list of (array, array)
        Epochs and values of some of the runs.
    """

    epochs: Floats
    quantiles: Floats
    singles: list[tuple[Floats, Floats]]


def read_curves(table: Path, column: str) -> CurvePoints:
    """The recorded points beside a table, in order."""
    path = table.parent / CURVES
    if not path.is_file():
        raise RunnerError(
            f"there is no {path}: this study records no curves; add record: {{curves: 100}} to it and run it again"
        )
    if column not in curve_columns(path):
        raise RunnerError(f"there is no {column} in {path}: no run of this study holds samples out")
    points = read_curve_points(path, column)
    runs = points["run_id"].to_numpy()
    codes, names = pd.factorize(runs)
    order = np.lexsort((points["epoch"].to_numpy(), codes))
    ends = np.searchsorted(codes[order], np.arange(len(names) + 1)).tolist()
    places = {str(name): (ends[k], ends[k + 1]) for k, name in enumerate(names)}
    return CurvePoints(points["epoch"].to_numpy()[order], points[column].to_numpy()[order], places)


def read_tested_curves(table: Path, column: str) -> CurvePoints | None:
    """The points of held-out samples beside those of a column; None where there are none."""
    tested = f"test_{column}"
    return read_curves(table, tested) if tested in curve_columns(table.parent / CURVES) else None


def curve_quantiles(
    points: CurvePoints, runs: pd.DataFrame, shares: tuple[float, ...], unbounded: bool
) -> Quantiles | None:
    """Quantiles over runs at every epoch that any of them has a point at, thinned to some hundreds.

    Between two points a curve has the value of the first. A run that stopped at its criterion keeps its last value;
    one whose budget ended is left out beyond.

    Parameters
    ----------
    points : CurvePoints
    runs : DataFrame
        With `run_id`, `stop` and `epochs_to_converge`.
    shares : tuple of float
        Which quantiles; between two values, their mean.
    unbounded : bool
        Whether what is no number is infinite, as a loss that overflowed.

    Returns
    -------
    Quantiles or None
        None when no run has a curve.
    """
    early = ~runs["stop"].isin(["budget", "converged"])
    stopped = (early | ((runs["stop"] == "converged") & runs["epochs_to_converge"].notna())).to_numpy()
    curves = []
    for run, stays in zip(runs["run_id"].astype(str), stopped.tolist(), strict=True):
        if run in points.places:
            start, end = points.places[run]
            values = points.values[start:end]
            values = np.where(np.isnan(values), np.inf, values) if unbounded else values
            curves.append((points.epochs[start:end], values, stays))
    if not curves:
        return None
    grid = np.unique(np.concatenate([epochs for epochs, *_ in curves]))
    if len(grid) > _MOST_EPOCHS:
        grid = grid[np.unique(np.linspace(0, len(grid) - 1, _MOST_EPOCHS).round().astype(np.int64))]
    at = np.full((len(curves), len(grid)), np.nan)
    for k, (epochs, values, stays) in enumerate(curves):
        known = np.searchsorted(epochs, grid, "right") - 1
        inside = (known >= 0) & ((grid <= epochs[-1]) | stays)
        at[k, inside] = values[known[inside]]
    at.sort(axis=0)
    present = (~np.isnan(at)).sum(axis=0)
    found = np.full((len(shares), len(grid)), np.nan)
    some = np.flatnonzero(present)
    for row, q in enumerate(shares):
        place = q * present[some]
        low = np.maximum(np.ceil(place).astype(np.int64), 1) - 1
        high = np.where(place == np.floor(place), np.minimum(low + 1, present[some] - 1), low)
        found[row, some] = at[low, some] / 2 + at[high, some] / 2
    chosen = np.unique(np.linspace(0, len(curves) - 1, min(len(curves), _MOST_SINGLES)).round().astype(np.int64))
    return Quantiles(grid, found, [curves[k][:2] for k in chosen.tolist()])
