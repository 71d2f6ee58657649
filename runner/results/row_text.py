"""Rows as text: RFC 4180 with as few quotes as possible, and numbers that read back exactly.

There are two writers of the same bytes: Python for the first rows, and compiled kernels, many times as fast, for a
study that has many. The kernels leave the interpreter's lock free, so that threads write their rows side by side.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from runner.keys.columns import Column
from runner.keys.identity import Identity, line
from runner.measurements import MISSING, MISSING_BITS
from runner.results.columns import Header, Ids, Indices, PlanLike, Records, Written
from runner.results.joined import JoinedTexts, pack
from runner.results.sums import sums_of

_TO_QUOTE = frozenset('",\n\r')
# In the time that a first start takes to compile the kernel that writes, or those that identify rows and add them up,
# Python does so many rows; and so many while it loads a kernel that is on disk.
ROWS_BY_PYTHON, HASHES_BY_PYTHON, _WHILE_LOADING = 20_000, 200_000, 1_000
# Runs of a plan that are identified together.
_TOGETHER = 1 << 14


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
    cell_ids : array of uint64, shape (m,)
        Of the cells.
    keys : JoinedTexts
        What stands in each cell's rows between its identity and the seed: its fields, with a comma after each.
    sizes : array of int, shape (m,)
        How many rows in succession belong to each cell.
    seeds : array of uint64, shape (n,)
    codes : array of int, shape (n,)
        Of the outcomes.
    """

    ids: Ids
    cell_ids: Ids
    keys: JoinedTexts
    sizes: Indices
    seeds: NDArray[np.uint64]
    codes: Indices


def key_texts(keys: Sequence[str], columns: Sequence[Column], n: int) -> JoinedTexts:
    """The fields of the keys of n cells, but for the seed, as they stand in rows."""
    return JoinedTexts(n, keys, columns, lambda key, text: f"{field(text)},")


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

    def written(self, runs: Indices, records: Records, most: int) -> list[Written]:
        """Rows of runs in any order, at most so many together; several threads may ask at once."""
        order = np.argsort(runs, kind="stable")
        found = []
        for start in range(0, len(order), most):
            part = order[start : start + most]
            ids, text, ends = self.rows(runs[part], records[part])
            found.append(Written(part, ids, text, ends, sums_of(text, ends, many=_pays("sum_rows", self._made))))
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
        kernel = _pays("write_rows", self._made)
        return starts.ids, *rows_text(self._header, starts, records[:, 1:], kernel=kernel)

    def _starts(self, runs: Indices, codes: Indices) -> Starts:
        """Identities, keys, seeds and codes of outcomes of some runs."""
        cells, places = np.divmod(runs, len(self._seeds))
        firsts = np.flatnonzero(np.diff(cells, prepend=-1))
        sizes = np.diff(firsts, append=len(runs))
        seeds = self._seeds[places]
        keys, columns = self._header.keys[:-1], self._plan.columns(cells[firsts])
        lines = JoinedTexts(len(firsts), keys, columns, line)
        ids, cell_ids = identify(lines, sizes, seeds, many=_pays("identify_runs", self._made))
        return Starts(ids, cell_ids, key_texts(keys, columns, len(firsts)), sizes, seeds, codes)


def _pays(kernel: str, rows: int) -> bool:
    """Whether so many rows are worth a kernel."""
    most = ROWS_BY_PYTHON if kernel == "write_rows" else HASHES_BY_PYTHON
    if rows <= min(most, _WHILE_LOADING):
        return False
    if rows > most:
        return True
    from runner.kernels.cache import at_hand

    return at_hand(kernel)


def plan_ids(plan: PlanLike, header: Header) -> Ids:
    """Identity of every run of a plan as a number, in plan order."""
    seeds = np.array(plan.seeds, np.uint64)
    ids = np.empty(plan.n_runs, np.uint64)
    if many := _pays("identify_runs", plan.n_runs):
        from runner.kernels import cache, run_ids

        # No kernel has been asked for yet: what is wrong with them is told when they are.
        cache.enable(run_ids.identify_runs, not_kept=lambda reason: None, not_used=lambda file, reason: None)
    step = max(_TOGETHER // len(seeds), 1)
    for first in range(0, plan.n_cells, step):
        cells = np.arange(first, min(first + step, plan.n_cells))
        lines = JoinedTexts(len(cells), header.keys[:-1], plan.columns(cells), line)
        sizes = np.full(len(cells), len(seeds))
        found, _ = identify(lines, sizes, np.tile(seeds, len(cells)), many=many)
        ids[first * len(seeds) : first * len(seeds) + len(found)] = found
    return ids


def identify(lines: JoinedTexts, sizes: Indices, seeds: NDArray[np.uint64], *, many: bool) -> tuple[Ids, Ids]:
    """Identities of runs and of their cells.

    Parameters
    ----------
    lines : JoinedTexts, m of them
        Of each cell what is hashed: the lines of its keys (`runner.keys.identity.line`).
    sizes : array of int, shape (m,)
        How many runs in succession belong to each cell.
    seeds : array of uint64, shape (n,)
    many : bool
        Whether there are so many in all that the kernel pays, which is compiled once on a machine.

    Returns
    -------
    ids : array of uint64, shape (n,)
    cell_ids : array of uint64, shape (m,)
    """
    ids, cell_ids = np.empty(len(seeds), np.uint64), np.empty(len(sizes), np.uint64)
    if many:
        from runner.kernels.run_ids import identify_runs, make_work

        joined, lengths = lines.for_kernels()
        identify_runs(joined, sizes, seeds, ids, cell_ids, make_work(int(lengths.max(initial=0))))
        return ids, cell_ids
    start = 0
    for k, (text, size) in enumerate(zip(lines.texts(), sizes.tolist(), strict=True)):
        identity = Identity.of_text(text)
        cell_ids[k] = identity.cell_number
        ids[start : start + size] = identity.run_ids(seeds[start : start + size].tolist())
        start += size
    return ids, cell_ids


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
    cells = [
        f"{cell_id:016x},{text}" for cell_id, text in zip(starts.cell_ids.tolist(), starts.keys.texts(), strict=True)
    ]
    each = np.repeat(np.array(cells, object), starts.sizes).tolist()
    names = zip(starts.ids.tolist(), each, starts.seeds.tolist(), strict=True)
    columns = [
        [f"{run_id:016x},{cell}{seed}" for run_id, cell, seed in names],
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

    keys, lengths = starts.keys.for_kernels()
    outcomes = pack([f",{name}".encode() for name in header.outcomes])
    names = csv_rows.Names(starts.ids, starts.cell_ids, keys, starts.sizes, starts.seeds, outcomes, starts.codes)
    numbers = np.ascontiguousarray(numbers, np.float64)
    codes = {"float": csv_rows.FLOAT, "int": csv_rows.INT, "bool": csv_rows.BOOL}
    kinds = np.array([codes[kind] for _, kind in header.measurements], np.int64)
    measured = csv_rows.Measurements(numbers, numbers.view(np.uint64), kinds, np.uint64(MISSING_BITS), powers_of_ten())
    longest = int(np.diff(outcomes.starts).max()) + csv_rows.MOST_NAME + csv_rows.MOST_BYTES * len(kinds)
    most_bytes = len(numbers) * longest + int(lengths @ starts.sizes)
    out, ends = np.empty(most_bytes, np.uint8), np.empty(len(numbers), np.int64)
    csv_rows.write_rows(names, measured, out, ends)
    return out[: ends[-1]].tobytes(), ends
