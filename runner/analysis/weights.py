"""Columns of a table together with numbers of the weights beside it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from runner.errors import RunnerError
from runner.results.reader import header, read_columns
from runner.results.weights import WEIGHTS, read_final
from runner.statistics.weights import read_weights

_NEEDED = ("run_id", "architecture")


def read_measured(path: Path, texts: Iterable[str], numbers: Iterable[str]) -> pd.DataFrame:
    """Some columns of a table, as `runner.results.reader.read_columns` reads them.

    Parameters
    ----------
    path : Path
    texts, numbers : iterable of str
        Among the numbers may be those of weights, such as `weight[3]`: NaN of a run that has none.

    Raises
    ------
    RunnerError
        When the table lacks a column, or no weights were recorded.
    """
    numbers = list(numbers)
    makers = {name: found[1] for name in numbers if (found := read_weights(name)) is not None}
    if not makers:
        return read_columns(path, texts, numbers)
    file = path.parent / WEIGHTS
    if not file.is_file():
        name = next(iter(makers))
        raise RunnerError(f"{path.parent} has no {WEIGHTS}, which {name} is made from: run with record.weights=true")
    # Tables from before there were shortcuts have no such column.
    shape_keys = [name for name in ("bias", "shortcuts") if name in header(path)]
    frame = read_columns(path, [*texts, *_NEEDED, *shape_keys], [name for name in numbers if name not in makers])
    columns = {name: np.full(len(frame), np.nan) for name in makers}
    ids, shapes = frame["run_id"].astype(str), frame["bias"].astype(str)
    if "shortcuts" in frame:
        shapes = shapes + " " + frame["shortcuts"].astype(str)
    for architecture, run_ids, final in read_final(file):
        sizes = tuple(map(int, architecture.split("-")))
        places = pd.Index(run_ids.astype(str)).get_indexer(ids)
        for shape in shapes[places >= 0].unique():
            rows = np.flatnonzero((places >= 0) & (shapes == shape))
            bias, _, shortcuts = str(shape).partition(" ")
            for name, make in makers.items():
                columns[name][rows] = make(final[places[rows]], sizes, bias, shortcuts or None)
    return frame.assign(**columns)
