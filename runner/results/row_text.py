"""Rows as text: RFC 4180 with as few quotes as possible, numbers that read back exactly, many at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from runner.measurements import MISSING_BITS
from runner.results.columns import Header, Ids, Indices, PlanLike, Records

# The kernel that writes rows is imported by the function that calls it: small tables need none.
if TYPE_CHECKING:
    from runner.kernels import csv_rows

_TO_QUOTE = frozenset('",\n\r')
# A small study is done before a first start has compiled what writes rows fifteen times as fast.
SLOWLY = 20_000


# Most texts of keys come again and again.
@lru_cache(maxsize=4096)
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


@dataclass(frozen=True)
class Starts:
    """What stands in n rows before their measurements.

    Attributes
    ----------
    ids : array of uint64, shape (n,)
    keys : list of str
        Of every cell: commas and keys between the identity and the seed.
    sizes : array of int
        How many rows, one behind the other, each of them has.
    seeds : array of uint64, shape (n,)
    codes : array of int, shape (n,)
        Of the outcomes.
    """

    ids: Ids
    keys: list[str]
    sizes: Indices
    seeds: NDArray[np.uint64]
    codes: Indices


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
        self._seeds = np.array(plan.seeds, np.uint64)
        self._made = 0
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
        if not len(runs):
            return np.empty(0, np.uint64), b"", np.empty(0, np.int64)
        self._made += len(runs)
        starts = self._starts(runs, records[:, 0].astype(np.int64))
        if self._made <= SLOWLY:
            return starts.ids, *_by_python(self._header, starts, records[:, 1:])
        return starts.ids, *_by_kernel(self._header, starts, records[:, 1:])

    def _starts(self, runs: Indices, codes: Indices) -> Starts:
        cells, places = np.divmod(runs, len(self._seeds))
        firsts = np.flatnonzero(np.diff(cells, prepend=-1))
        sizes = np.diff(firsts, append=len(runs))
        seeds = self._seeds[places]
        keys: list[str] = []
        ids: list[int] = []
        listed = seeds.tolist()
        for cell, first, size in zip(cells[firsts].tolist(), firsts.tolist(), sizes.tolist(), strict=True):
            run_ids, text = self._cell(cell)
            keys.append(text)
            ids += run_ids(listed[first : first + size])
        return Starts(np.array(ids, np.uint64), keys, sizes, seeds, codes)

    def _cell_text(self, index: int) -> tuple[Callable[[Iterable[int]], list[int]], str]:
        cell = self._plan.cell(index)
        return cell.run_ids, "," + ",".join((cell.cell_id, *map(field, cell.texts))) + ","


def _by_python(header: Header, starts: Starts, numbers: Records) -> tuple[bytes, Indices]:
    """The rows, and where each one ends, by Python alone."""
    keys = np.repeat(np.array(starts.keys, object), starts.sizes).tolist()
    names = zip(starts.ids.tolist(), keys, starts.seeds.tolist(), strict=True)
    columns = [
        [f"{run_id:016x}{key}{seed}" for run_id, key, seed in names],
        [header.outcomes[code] for code in starts.codes.tolist()],
    ]
    for i, (_, kind) in enumerate(header.measurements):
        columns.append(column_text(numbers[:, i], kind))
    rows = [f"{','.join(row)}\n".encode() for row in zip(*columns, strict=True)]
    return b"".join(rows), np.cumsum(np.array([len(row) for row in rows], np.int64))


def _by_kernel(header: Header, starts: Starts, numbers: Records) -> tuple[bytes, Indices]:
    """Rows, and where each one ends; Python's lock is free meanwhile.

    Parameters
    ----------
    header : Header
        Tells the columns.
    starts : Starts
        What stands before the measurements.
    numbers : array of float, shape (n, number of measurements)
    """
    from runner.kernels import csv_rows
    from runner.kernels.decimals import powers_of_ten

    _keep_compiled()
    keys, outcomes = _pieces(starts.keys), _pieces([f",{name}" for name in header.outcomes])
    which = np.repeat(np.arange(len(starts.keys)), starts.sizes)
    names = csv_rows.Names(starts.ids, keys, which, starts.seeds, outcomes, starts.codes)
    numbers = np.ascontiguousarray(numbers, np.float64)
    codes = {"float": csv_rows.FLOAT, "int": csv_rows.INT, "bool": csv_rows.BOOL}
    kinds = np.array([codes[kind] for _, kind in header.measurements], np.int64)
    measured = csv_rows.Measurements(numbers, numbers.view(np.uint64), kinds, np.uint64(MISSING_BITS), powers_of_ten())
    longest = int(np.diff(outcomes.starts).max()) + csv_rows.MOST_NAME + csv_rows.MOST_BYTES * len(kinds)
    room = len(numbers) * longest + int(np.diff(keys.starts) @ starts.sizes)
    out, ends = np.empty(room, np.uint8), np.empty(len(numbers), np.int64)
    csv_rows.write_rows(names, measured, out, ends)
    return out[: ends[-1]].tobytes(), ends


def _pieces(texts: list[str]) -> csv_rows.Pieces:
    """Texts for the kernel to choose from."""
    from runner.kernels import csv_rows

    data = [text.encode() for text in texts]
    starts = np.zeros(len(data) + 1, np.int64)
    np.cumsum([len(piece) for piece in data], out=starts[1:])
    return csv_rows.Pieces(np.frombuffer(b"".join(data), np.uint8), starts)


@cache
def _keep_compiled() -> None:
    """Load the kernel from the disk cache, or keep it there; where that fails, training has said so already."""
    from runner.kernels.cache import enable
    from runner.kernels.csv_rows import write_rows

    enable(write_rows, tell=lambda reason: None)
