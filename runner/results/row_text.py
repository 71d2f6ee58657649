"""Rows as text: RFC 4180 with as few quotes as possible, and numbers that read back exactly.

There are two writers of the same bytes: Python for the first rows, and compiled kernels, many times as fast, for a
study that has many. The kernels leave the interpreter's lock free, so that threads write their rows side by side.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from runner.keys.identity import Identity
from runner.measurements import MISSING, MISSING_BITS
from runner.results.columns import Header, Ids, Indices, PlanLike, Records, Written
from runner.results.sums import sums_of

# The kernel that writes rows is imported by the functions that use it: small tables need none.
if TYPE_CHECKING:
    from runner.kernels import csv_rows

_TO_QUOTE = frozenset('",\n\r')
# In the time that a first start takes to compile the kernel that writes, or those that identify rows and add them up,
# Python does so many rows.
ROWS_BY_PYTHON, HASHES_BY_PYTHON = 20_000, 200_000


# Most texts of keys come again and again.
@lru_cache(maxsize=4096)
def field(text: str) -> str:
    """One field of a CSV row, in quotes when it needs them."""
    if _TO_QUOTE.isdisjoint(text):
        return text
    return '"' + text.replace('"', '""') + '"'


def column_text(column: Records, kind: str) -> list[str]:
    """Every value of a column as text; a missing one is empty.

    Parameters
    ----------
    column : array of float, shape (n,)
    kind : {"float", "int", "bool"}
        See `runner.measurements.Column`.
    """
    column = np.ascontiguousarray(column, np.float64)
    if kind == "float":
        texts = list(map(repr, column.tolist()))
    elif kind == "int":
        texts = list(map(str, np.nan_to_num(column).astype(np.int64).tolist()))
    else:
        texts = list(map(str, (column != 0).tolist()))
    # One NaN stands for "no such value"; any other was measured, and is shown.
    for i in np.flatnonzero(column.view(np.uint64) == MISSING_BITS).tolist():
        texts[i] = ""
    return texts


_TRUTH = {b"": MISSING, b"True": 1.0, b"False": 0.0}


def record_of(line: bytes, header: Header) -> list[float]:
    """The code of the outcome and the measurements that stand in a row.

    Raises
    ------
    ValueError
        When it is no such row. The texts need not be those that the runner writes for the numbers.
    """
    # What follows the keys holds no comma and no quote.
    _, outcome, *fields = line.rstrip(b"\n").rsplit(b",", 1 + len(header.measurements))
    record: list[float] = [header.outcomes.index(outcome.decode(errors="replace"))]
    for text, (name, kind) in zip(fields, header.measurements, strict=True):
        if kind != "bool":
            record.append(float(text or MISSING))
        elif text in _TRUTH:
            record.append(_TRUTH[text])
        else:
            raise ValueError(f"{name}: {text!r}")
    return record


@dataclass(frozen=True)
class Starts:
    """What stands in n rows before their measurements.

    Attributes
    ----------
    ids : array of uint64, shape (n,)
        Identities of the runs.
    keys : tuple of str, m of them
        What stands between the identity and the seed, commas included, of each cell.
    sizes : array of int, shape (m,)
        How many rows in succession belong to each cell.
    seeds : array of uint64, shape (n,)
    codes : array of int, shape (n,)
        Of the outcomes.
    """

    ids: Ids
    keys: tuple[str, ...]
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

    def written(self, runs: Indices, records: Records, most: int) -> list[Written]:
        """Rows of runs in any order, at most so many together; several threads may ask at once."""
        order = np.argsort(runs, kind="stable")
        found = []
        for start in range(0, len(order), most):
            part = order[start : start + most]
            ids, text, ends = self.rows(runs[part], records[part])
            found.append(Written(part, ids, text, ends, sums_of(text, ends, many=self._made > HASHES_BY_PYTHON)))
        return found

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
        kernel = self._made > ROWS_BY_PYTHON
        return starts.ids, *rows_text(self._header, starts, records[:, 1:], kernel=kernel)

    def _starts(self, runs: Indices, codes: Indices) -> Starts:
        """Identities, keys, seeds and codes of outcomes of some runs."""
        cells, places = np.divmod(runs, len(self._seeds))
        firsts = np.flatnonzero(np.diff(cells, prepend=-1))
        sizes = np.diff(firsts, append=len(runs))
        seeds = self._seeds[places]
        identities, keys = zip(*map(self._cell, cells[firsts].tolist()), strict=True)
        ids = identify(identities, sizes, seeds, many=self._made > HASHES_BY_PYTHON)
        return Starts(ids, keys, sizes, seeds, codes)

    def _cell_text(self, index: int) -> tuple[Identity, str]:
        """The identity of a cell, and the text between the identity of a run and its seed."""
        cell = self._plan.cell(index)
        return cell.identity, "," + ",".join((cell.cell_id, *map(field, cell.texts))) + ","


def identify(cells: Iterable[Identity], sizes: Indices, seeds: NDArray[np.uint64], *, many: bool) -> Ids:
    """Identities of runs.

    Parameters
    ----------
    cells : iterable of Identity, m of them
    sizes : array of int, shape (m,)
        How many runs in succession belong to each cell.
    seeds : array of uint64, shape (n,)
    many : bool
        Whether there are so many in all that the kernel pays, which is compiled once on a machine.
    """
    ids = np.empty(len(seeds), np.uint64)
    if many:
        from runner.kernels.run_ids import identify_runs

        identify_runs(_pieces([cell.text for cell in cells]), sizes, seeds, ids)
        return ids
    start = 0
    for cell, size in zip(cells, sizes.tolist(), strict=True):
        ids[start : start + size] = cell.run_ids(seeds[start : start + size].tolist())
        start += size
    return ids


def rows_text(header: Header, starts: Starts, numbers: Records, *, kernel: bool) -> tuple[bytes, Indices]:
    """The rows, and where each one ends.

    Parameters
    ----------
    header : Header
        Tells the columns.
    starts : Starts
        What stands in the rows before their measurements.
    numbers : array of float, shape (n, measurements)
    kernel : bool
        Whether the kernel writes them; both writers give the same bytes.
    """
    return (_by_kernel if kernel else _by_python)(header, starts, numbers)


def _by_python(header: Header, starts: Starts, numbers: Records) -> tuple[bytes, Indices]:
    """The rows, and where each one ends, written by Python."""
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
    """The rows, and where each one ends, written by the kernel; Python's lock is free meanwhile."""
    from runner.kernels import csv_rows
    from runner.kernels.decimals import powers_of_ten

    keys = _pieces([text.encode() for text in starts.keys])
    outcomes = _pieces([f",{name}".encode() for name in header.outcomes])
    which = np.repeat(np.arange(len(starts.keys)), starts.sizes)
    names = csv_rows.Names(starts.ids, keys, which, starts.seeds, outcomes, starts.codes)
    numbers = np.ascontiguousarray(numbers, np.float64)
    codes = {"float": csv_rows.FLOAT, "int": csv_rows.INT, "bool": csv_rows.BOOL}
    kinds = np.array([codes[kind] for _, kind in header.measurements], np.int64)
    measured = csv_rows.Measurements(numbers, numbers.view(np.uint64), kinds, np.uint64(MISSING_BITS), powers_of_ten())
    longest = int(np.diff(outcomes.starts).max()) + csv_rows.MOST_NAME + csv_rows.MOST_BYTES * len(kinds)
    most_bytes = len(numbers) * longest + int(np.diff(keys.starts) @ starts.sizes)
    out, ends = np.empty(most_bytes, np.uint8), np.empty(len(numbers), np.int64)
    csv_rows.write_rows(names, measured, out, ends)
    return out[: ends[-1]].tobytes(), ends


def _pieces(data: list[bytes]) -> csv_rows.Pieces:
    """Texts for the kernel to choose from."""
    from runner.kernels import csv_rows

    starts = np.zeros(len(data) + 1, np.int64)
    np.cumsum([len(piece) for piece in data], out=starts[1:])
    return csv_rows.Pieces(np.frombuffer(b"".join(data), np.uint8), starts)
