"""What earlier starts have left: which runs have rows, where those are, and which rows are of no run of the plan."""

from __future__ import annotations

import hashlib
import itertools
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from runner.errors import RunnerError
from runner.machine import compiles
from runner.results.columns import Header, Ids, Indices, PlanLike
from runner.results.files import ORPHANS, TABLE
from runner.results.journal import JOURNAL, Journal, places_of
from runner.results.parts import PartRows
from runner.results.row_check import check_rows
from runner.results.row_file import RowFile
from runner.results.row_text import plan_ids
from runner.results.sums import SUMS, RowSums, Sums

NO_PLACE = -1
# Where a run's row is: the source in the high bits, the row's number or its place in the journal in the low
# ones. One integer per run, because ten million runs must be known without ten million Python objects.
SOURCE = 60
IN_TABLE, IN_ORPHANS, IN_JOURNAL, IN_PARTS = (source << SOURCE for source in range(4))
_LOW = (1 << SOURCE) - 1
# Rows that are looked up together.
_TOGETHER = 1 << 20


class Index:
    """Finds the runs of a plan by their identities."""

    def __init__(self, plan: PlanLike, header: Header) -> None:
        self._plan = plan
        self._header = header
        self._ids: Ids | None = None
        self._order: Indices | None = None

    @property
    def ids(self) -> Ids:
        """Identities in plan order, made when first asked for: a fresh start never needs them."""
        if self._ids is None:
            self._ids = plan_ids(self._plan, self._header)
        return self._ids

    def find(self, ids: Ids) -> Indices:
        """Index of the run that has each identity; -1 where none has."""
        if not len(ids):
            return np.empty(0, np.int64)
        if np.array_equal(self.ids[: len(ids)], ids):  # the usual case: a table that has grown from the front
            return np.arange(len(ids))
        if self._order is None:
            self._order = np.argsort(self.ids, kind="stable")
        spot = np.searchsorted(self.ids, ids, sorter=self._order)
        found = self._order[np.minimum(spot, len(self._order) - 1)]
        return np.where(self.ids[found] == ids, found, NO_PLACE)


@dataclass
class Inventory:
    """What a folder of results holds of a plan.

    Attributes
    ----------
    table, orphans : RowFile
        The table, and the rows that were set aside when the study no longer had them.
    journal : Journal
        Finished runs that are not in the table.
    parts : PartRows
        The rows that have moved into parts.
    index : Index
        Of the plan's runs.
    place : array of int, shape (n_runs,)
        Where the row of each run is; -1 when there is none.
    to_orphans, orphan_ids : array
        Places and identities of the rows that are in the table or the journal but not in the plan.
    last : int
        The greatest index of a run in the table; -1 when it has none.
    tidy : bool
        Whether the table's rows are runs of the plan in its order (perhaps with gaps): it can be appended to.
    sums : Sums
        The checksums that are known of rows.
    unsummed : tuple of array
        Numbers of the rows of the table, and of those set aside, of which none is known.
    """

    table: RowFile
    orphans: RowFile
    journal: Journal
    parts: PartRows
    index: Index
    place: Indices
    to_orphans: Indices
    orphan_ids: Ids
    last: int
    tidy: bool
    sums: Sums
    unsummed: tuple[Indices, Indices]

    @property
    def n_orphans(self) -> int:
        """Rows that the study no longer has, each once."""
        # There are none in almost every start, which is spared the import of NumPy's masked arrays by `unique`.
        return len(np.unique(self.orphan_ids)) if len(self.orphan_ids) else 0

    @property
    def n_kept(self) -> int:
        """Runs of the plan that have their rows."""
        return int(np.count_nonzero(self.place != NO_PLACE))

    def sums_at(self, places: Indices) -> tuple[Ids, RowSums]:
        """Identities and checksums of the rows at some places."""
        ids, sums = np.empty(len(places), np.uint64), np.empty(len(places), np.uint32)
        for first in range(0, len(places), _TOGETHER):
            part = slice(first, first + _TOGETHER)
            ids[part], sums[part] = self._sums_at(places[part])
        return ids, sums

    def _sums_at(self, places: Indices) -> tuple[Ids, RowSums]:
        kinds, numbers = places >> SOURCE, places & _LOW
        ids, sums = np.empty(len(places), np.uint64), np.empty(len(places), np.uint32)
        for kind, file in enumerate((self.table, self.orphans)):
            mine = kinds == kind
            ids[mine], sums[mine] = file.rows.ids[numbers[mine]], file.sums[numbers[mine]]
        for at in np.flatnonzero(kinds == IN_JOURNAL >> SOURCE).tolist():
            frame, i = self.journal.find(int(numbers[at]))
            ids[at], sums[at] = frame.ids[i], zlib.crc32(b"".join(self.journal.segments(numbers[at : at + 1])))
        mine = kinds == IN_PARTS >> SOURCE
        if mine.any():
            ids[mine], sums[mine] = self.parts.ids[numbers[mine]], self.parts.sums_at(numbers[mine])
        return ids, sums


def label_of(version: int, header: Header) -> str:
    """What all rows of a folder depend on, as its journal and its checksums tell it."""
    columns = hashlib.sha256(header.line).hexdigest()[:16]
    return f"results {version}, columns {columns}{'' if compiles() else ', without compiling'}"


def take_inventory(folder: Path, plan: PlanLike, version: int, header: Header) -> Inventory:
    """Look at a folder of results without changing anything.

    Parameters
    ----------
    folder : Path
        It need not exist.
    plan : Plan
        What the study asks for now.
    version : int
        Of the results: a journal of another version is refused.
    header : Header
        The columns.

    Raises
    ------
    Refused
        When a file has other columns, or is of another version, or a row is not as the runner wrote it.
    RunnerError
        When a row is damaged, or two rows of one run differ.
    """
    table = RowFile(folder / TABLE, header.line)
    orphans = RowFile(folder / ORPHANS, header.line)
    label = label_of(version, header)
    journal = Journal(folder / JOURNAL, label)
    sums = Sums(folder / SUMS, label)
    parts = PartRows(folder, header, label)
    index = Index(plan, header)
    place = np.full(plan.n_runs, NO_PLACE, np.int64)
    without_run: list[tuple[Indices, Ids]] = []

    def assign(ids: Ids, places: Indices) -> Indices:
        """Give rows at some places to their runs, unless these have one already."""
        runs = index.find(ids)
        mine = runs >= 0
        fresh = mine & (place[runs] == NO_PLACE)
        place[runs[fresh]] = places[fresh]
        without_run.append((places[~mine], ids[~mine]))
        return runs

    assign(parts.ids, IN_PARTS + np.arange(len(parts)))
    in_table = assign(table.rows.ids, IN_TABLE + np.arange(len(table.rows.ids)))
    for offset, frame in journal.frames():
        assign(frame.ids, IN_JOURNAL + places_of(offset, len(frame.ids)))
    to_orphans, orphan_ids = (np.concatenate(parts) for parts in zip(*without_run, strict=True))
    # Rows set aside earlier come back when the study has their runs again.
    in_orphans = assign(orphans.rows.ids, IN_ORPHANS + np.arange(len(orphans.rows.ids)))
    last = int(in_table.max(initial=-1))
    tidy = bool((np.diff(in_table) > 0).all()) and bool((in_table >= 0).all())
    if not tidy or len(orphans):
        _refuse_contradictions(table, orphans)
    unsummed = (
        check_rows(table, in_table, plan, header, sums),
        check_rows(orphans, in_orphans, plan, header, sums),
    )
    if len(parts):
        _refuse_other_contents(table, parts)
    return Inventory(table, orphans, journal, parts, index, place, to_orphans, orphan_ids, last, tidy, sums, unsummed)


def _refuse_contradictions(*files: RowFile) -> None:
    """Two rows of one run that differ: only one of them can be true, and only the user can know which.

    The same row twice is what a process leaves that died between writing it here and removing it there.
    """
    ids = np.concatenate([file.rows.ids for file in files])
    order = np.argsort(ids, kind="stable")
    again = np.flatnonzero(ids[order[1:]] == ids[order[:-1]])
    ends = np.cumsum([len(file) for file in files])

    def place(row: int) -> tuple[RowFile, int]:
        at = int(np.searchsorted(ends, row, side="right"))
        return files[at], row - int(ends[at - 1] if at else 0)

    for k in again.tolist():
        (one, i), (other, j) = place(int(order[k])), place(int(order[k + 1]))
        if one.row(i) != other.row(j):
            where = f"rows {i + 1} and {j + 1}"
            if one is not other:
                where = f"row {i + 1}, and row {j + 1} of {other.path.name},"
            raise RunnerError(
                f"{one.path}: {where} are the same run, {ids[order[k]]:016x}, with different contents; "
                "remove one of them, or pass --fresh to move the table aside"
            )


def _refuse_other_contents(table: RowFile, parts: PartRows) -> None:
    """Rows that have moved into parts and still stand in the table must be the same in both."""
    _, here, there = np.intersect1d(table.rows.ids, parts.ids, return_indices=True)
    order = np.argsort(there)
    here, there = here[order], there[order]
    if (differing := np.flatnonzero(table.sums[here] != parts.sums_at(there))).size:
        at = here[differing[0]]
        raise RunnerError(
            f"{table.path}: row {at + 1} is a run that stands in {parts.path} too, {table.rows.ids[at]:016x}, with "
            "different contents; remove the row, or pass --fresh to move everything aside"
        )


def gather(state: Inventory, places: Indices) -> Iterator[bytes | memoryview]:
    """Rows at some places, in that order."""
    if not len(places):
        return
    sources: dict[int, RowFile | Journal | PartRows] = {
        0: state.table,
        1: state.orphans,
        2: state.journal,
        3: state.parts,
    }
    kinds = places >> SOURCE
    cuts = [0, *(np.flatnonzero(np.diff(kinds)) + 1).tolist(), len(places)]
    for start, end in itertools.pairwise(cuts):
        yield from sources[int(kinds[start])].segments(places[start:end] & _LOW)
