"""Rows as text: RFC 4180 with as few quotes as possible, numbers that read back exactly, many at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from runner.columns import MISSING_BITS
from runner.store.header import Header, Ids, Indices, PlanLike, Records

_TO_QUOTE = frozenset('",\n\r')


def field(text: str) -> str:
    """One field of a CSV row, in quotes when it needs them."""
    if _TO_QUOTE.isdisjoint(text):
        return text
    return '"' + text.replace('"', '""') + '"'


def _floats(column: NDArray[np.float64]) -> list[str]:
    return list(map(repr, column.tolist()))


def _ints(column: NDArray[np.float64]) -> list[str]:
    return list(map(str, np.nan_to_num(column).astype(np.int64).tolist()))


def _bools(column: NDArray[np.float64]) -> list[str]:
    return list(map(str, (column != 0).tolist()))


_Column = NDArray[np.float64]
_BY_KIND: dict[str, Callable[[_Column], list[str]]] = {"float": _floats, "int": _ints, "bool": _bools}


def column_text(column: NDArray[np.float64], kind: str) -> list[str]:
    """Every value of a column as text; a missing one is empty."""
    column = np.ascontiguousarray(column, np.float64)
    texts = _BY_KIND[kind](column)
    # One NaN stands for "no such value"; any other was measured, and is shown.
    for i in np.flatnonzero(column.view(np.uint64) == MISSING_BITS).tolist():
        texts[i] = ""
    return texts


class RowText:
    """Makes the rows of a plan's runs.

    Parameters
    ----------
    plan : Plan
        Tells the keys of a run.
    header : Header
        Tells the columns.
    """

    def __init__(self, plan: PlanLike, header: Header) -> None:
        self._plan = plan
        self._header = header
        # Keys are the same for all runs of a cell, so their text is made once.
        self._cell = lru_cache(maxsize=1024)(self._cell_text)

    def rows(self, runs: Indices, records: Records) -> tuple[Ids, bytes, Indices]:
        """Text of some runs.

        Parameters
        ----------
        runs : array of int, shape (n,)
            Indices of the runs in the plan.
        records : array of float, shape (n, 1 + number of measurements)
            What was measured of each, the code of the outcome first.

        Returns
        -------
        ids : array of uint64, shape (n,)
        text : bytes
            The n rows, each with its line end.
        ends : array of int, shape (n,)
            Where each row ends in `text`.
        """
        seeds, step = self._plan.seeds, len(self._plan.seeds)
        ids, keys = [], []
        for cell, k in zip((runs // step).tolist(), (runs % step).tolist(), strict=True):
            run_id, text = self._cell(cell)
            ids.append(run_id(seeds[k]))
            keys.append(f"{ids[-1]}{text}{seeds[k]}")
        names = self._header.outcomes
        outcomes = [names[code] for code in records[:, 0].astype(np.int64).tolist()]
        columns: list[list[str]] = [keys, outcomes]
        for i, (_, kind) in enumerate(self._header.measurements, start=1):
            columns.append(column_text(records[:, i], kind))
        rows = list(map(",".join, zip(*columns, strict=True)))
        text_bytes, ends = _lines(rows)
        return np.array([int(run_id, 16) for run_id in ids], np.uint64), text_bytes, ends

    def _cell_text(self, index: int) -> tuple[Callable[[int], str], str]:
        cell = self._plan.cell(index)
        return cell.run_id, "," + ",".join((cell.cell_id, *map(field, cell.texts))) + ","


def _lines(rows: list[str]) -> tuple[bytes, Indices]:
    """Rows joined and encoded, and where each one ends."""
    text = "".join([row + "\n" for row in rows])
    sizes: Iterable[int] = map(len, rows) if text.isascii() else (len(row.encode()) for row in rows)
    return text.encode(), np.cumsum(np.fromiter(sizes, np.int64, len(rows)) + 1)
