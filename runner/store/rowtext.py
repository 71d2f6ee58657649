"""Rows as text: RFC 4180 with as few quotes as possible, numbers that read back exactly, many at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, lru_cache

import numpy as np
from numpy.typing import NDArray

from runner.columns import MISSING_BITS
from runner.kernels import text as kernels
from runner.kernels.cache import enable
from runner.kernels.decimals import powers_of_ten
from runner.store.header import Header, Ids, Indices, PlanLike, Records

_TO_QUOTE = frozenset('",\n\r')
_CODES = {"float": kernels.FLOAT, "int": kernels.INT, "bool": kernels.BOOL}


@lru_cache(maxsize=1 << 14)  # the same few texts stand in the keys of every cell
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
        self._seeds = np.array(plan.seeds, np.uint64)
        self._outcomes = _pieces([f",{name}".encode() for name in header.outcomes])
        self._kinds = np.array([_CODES[kind] for _, kind in header.measurements], np.int64)
        # Keys are the same for all runs of a cell, so their text is made once.
        self._cell = lru_cache(maxsize=1024)(self._cell_text)

    def rows(self, runs: Indices, records: Records) -> tuple[Ids, bytes, Indices]:
        """Text of some runs.

        Parameters
        ----------
        runs : array of int, shape (n,)
            Indices of the runs in the plan; fastest when those of a cell are neighbours.
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
        n = len(runs)
        if not n:
            return np.empty(0, np.uint64), b"", np.empty(0, np.int64)
        cells, places = np.divmod(runs, len(self._seeds))
        first = np.flatnonzero(np.diff(cells, prepend=-1))
        sizes = np.diff(first, append=n)
        keys, ids = [], []
        for cell, begin, size in zip(cells[first].tolist(), first.tolist(), sizes.tolist(), strict=True):
            run_ids, text = self._cell(cell)
            keys.append(text)
            ids.append(run_ids(self._seeds[places[begin : begin + size]].tolist()))
        names = kernels.Names(
            np.concatenate(ids),
            _pieces(keys),
            np.repeat(np.arange(len(keys)), sizes),
            self._seeds[places],
            self._outcomes,
            records[:, 0].astype(np.int64),
        )
        return names.ids, *self._written(names, sizes, np.ascontiguousarray(records[:, 1:], np.float64))

    def _written(self, names: kernels.Names, sizes: Indices, numbers: Records) -> tuple[bytes, Indices]:
        """The rows, and where each one ends; `sizes` tells how many of them have each of the keys."""
        _keep_compiled()
        measured = kernels.Measurements(
            numbers, numbers.view(np.uint64), self._kinds, np.uint64(MISSING_BITS), powers_of_ten()
        )
        longest = int(np.diff(self._outcomes.starts).max()) + kernels.MOST_NAME + kernels.MOST_BYTES * numbers.shape[1]
        room = len(numbers) * longest + int(np.diff(names.keys.starts) @ sizes)
        out, ends = np.empty(room, np.uint8), np.empty(len(numbers), np.int64)
        kernels.write_rows(names, measured, out, ends)
        return out[: ends[-1]].tobytes(), ends

    def _cell_text(self, index: int) -> tuple[Callable[[Sequence[int]], Ids], bytes]:
        cell = self._plan.cell(index)
        return cell.run_ids, ("," + ",".join((cell.cell_id, *map(field, cell.texts))) + ",").encode()


def _pieces(texts: list[bytes]) -> kernels.Pieces:
    """Texts for the kernel to choose from."""
    starts = np.zeros(len(texts) + 1, np.int64)
    np.cumsum([len(text) for text in texts], out=starts[1:])
    return kernels.Pieces(np.frombuffer(b"".join(texts), np.uint8), starts)


@cache
def _keep_compiled() -> None:
    """Load the kernel from the disk cache, or keep it there; where that fails, the engine has told so."""
    enable(kernels.write_rows, tell=lambda reason: None)
