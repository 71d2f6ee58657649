"""The results table: rows as they finish, in the plan's order at the end, and nothing lost in between.

A run's row is appended to `runs.csv` the moment it is there, whichever run it is: so pandas can read the file at
any time, and a killed study has lost nothing that was done. When a start ends and rows stand in another order than the
plan's, the table is written anew beside the old one and takes its place in one step. Rows are never written a second
time in other words: what an earlier start has left is kept byte for byte.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from runner.errors import RunnerError
from runner.results.columns import Header, Ids, Indices, PlanLike, Records, ResultLike, Written
from runner.results.curves import CURVES
from runner.results.failed import FAILED
from runner.results.files import (
    MANIFEST,
    ORPHANS,
    PAGE,
    PARTS,
    TABLE,
    io_errors,
    refuse_links,
    refuse_shared,
    remove_leftovers,
    sync_folder,
    table_path,
    write_all,
)
from runner.results.held import Held
from runner.results.inventory import IN_JOURNAL, IN_ORPHANS, IN_PARTS, IN_TABLE, NO_PLACE, label_of, take_inventory
from runner.results.journal import JOURNAL, LARGEST_FRAME, Frame
from runner.results.part_file import Form, key_kinds
from runner.results.provenance import ENVIRONMENT, STUDY
from runner.results.rebuild import (
    forget_adopted,
    keep_orphans,
    places_of_new_orphans,
    rebuild_parts,
    rebuild_table,
)
from runner.results.row_text import RowText
from runner.results.sidecars import Recording, Sidecars
from runner.results.staging import STAGED, Arrivals, Staged, clear_leftovers, discard, remove_parts
from runner.results.sums import SUMS, RowSums
from runner.results.weights import WEIGHTS

# Every file of a folder of results, the table first.
FILES = (TABLE, MANIFEST, PARTS, STAGED, SUMS, JOURNAL, ORPHANS, CURVES, WEIGHTS, FAILED, STUDY, ENVIRONMENT, PAGE)
# Those that grow in place; the others are only ever replaced, whatever other names they have.
_GROWING = (TABLE, SUMS, JOURNAL, ORPHANS)
_SYNC_SECONDS = 3.0
Store = Literal["csv", "parquet"]
"""As what the rows of a complete study are kept."""
STORES: tuple[Store, ...] = ("csv", "parquet")
Writer = Literal["client", "workers"]
"""Who writes the rows of a study that is trained on a cluster."""


class Table:
    """The table of a plan in a folder that this process has locked.

    Parameters
    ----------
    folder : Path
        The folder of results, which exists.
    plan : Plan
        The runs.
    recording : Recording
        What is kept besides the rows.
    version : int
        Of the results: a journal of another version is refused.
    header : Header
        The columns.
    held : Held, optional
        The folder, when it is held open already, and locked.
    store : {"csv", "parquet"}
        As what the rows are kept when the study is complete.

    Attributes
    ----------
    done : array of bool, shape (n_runs,)
        Which runs need not be trained.
    """

    def __init__(
        self,
        folder: Path,
        plan: PlanLike,
        recording: Recording,
        version: int,
        header: Header,
        held: Held | None = None,
        store: Store = "csv",
    ) -> None:
        refuse_links(folder, FILES)
        refuse_shared(folder, _GROWING)
        remove_leftovers(folder, FILES)
        clear_leftovers(folder, header)
        self.folder = folder
        self.header = header
        self._plan = plan
        self._store = store
        self._label = label_of(version, header)
        self._state = take_inventory(folder, plan, version, self.header)
        self._text = RowText(plan, self.header)
        self._sidecars = Sidecars(folder, plan, self._state, recording)
        self._recording = recording
        self._in_order = self._state.tidy
        self._last = self._state.last
        self._synced = time.monotonic()
        self._mine = held is None
        self.held = held or Held(folder)
        self._arrivals: Arrivals | None = None
        self._descriptor = self._open()
        self._hold()

    @property
    def path(self) -> Path:
        """What readers of the table are given: `runs.csv`, or the folder of its parts."""
        return table_path(self.folder)

    @property
    def n_lost(self) -> int:
        """Rows of parts that are not there any more."""
        return self._state.parts.missing

    @property
    def done(self) -> NDArray[np.bool_]:
        """Which runs have their row, and the curves and weights the study asks for."""
        done: NDArray[np.bool_] = (self._state.place != NO_PLACE) & self._sidecars.complete
        return done

    @property
    def n_orphans(self) -> int:
        """Rows that the study no longer has."""
        return self._state.n_orphans

    @property
    def n_bare(self) -> int:
        """Rows of the plan's runs whose curves or weights are nowhere; torn curves are counted apart."""
        return int(np.count_nonzero((self._state.place != NO_PLACE) & ~self.done)) - self.n_torn_curves

    @property
    def n_returned(self) -> int:
        """Those of them that were set aside when the study had lost their runs."""
        place = self._state.place
        return int(np.count_nonzero((place >= IN_ORPHANS) & (place < IN_JOURNAL) & ~self.done))

    @property
    def n_torn_curves(self) -> int:
        """Curves in their file that lack points, or have others than the study asks for."""
        return self._sidecars.n_torn

    @property
    def n_kept(self) -> int:
        """Runs that have their row."""
        return self._state.n_kept

    def find(self, ids: Ids) -> Indices:
        """Index of the run of the plan that has each identity; -1 where none has."""
        return self._state.index.find(ids)

    def identities(self, runs: Indices) -> Ids:
        """Identities of some runs."""
        return self._state.index.ids[runs]

    def add(self, result: ResultLike) -> None:
        """Take finished runs: once this returns, the death of this process does not lose them."""
        for rows in self.write(result.runs, result.records) if result.rows is None else result.rows:
            self._add(result, rows)
        self.watch()

    def take(self, runs: Indices, staged: Staged) -> None:
        """Take the part that another process has written with the rows of some runs, which ascend.

        It counts within some seconds; a death of this process before then loses it.
        """
        if self._arrivals is None:
            self._arrivals = Arrivals(self.held, Form(self.header, key_kinds(self._plan, self.header)), self._label)
        first = IN_PARTS + len(self._state.parts) + self._arrivals.rows
        self._arrivals.add(staged)
        self._state.place[runs] = first + np.arange(len(runs))
        self.watch()

    def write(self, runs: Indices, records: Records) -> list[Written]:
        """The rows of finished runs, to be taken by `add`; the threads that train may ask for them at the same time."""
        return self._text.written(runs, records, LARGEST_FRAME)

    def watch(self) -> None:
        """Every few seconds, make sure of what was taken, and that the files are still those that were opened.

        Raises
        ------
        RunnerError
            When another program has moved, removed or changed one of them.
        """
        if time.monotonic() - self._synced > _SYNC_SECONDS:
            self.sync()

    def sync(self) -> None:
        """Make everything taken so far survive a loss of power."""
        with io_errors(self.folder / TABLE):
            os.fsync(self._descriptor)
        self._state.sums.sync()
        if self._recording:
            self._state.journal.sync()
        if self._arrivals is not None:
            self._arrivals.name()
        self._check()
        self._synced = time.monotonic()

    def finish(self, *, complete: bool = True) -> None:
        """Bring all rows into the plan's order, and what else was recorded into its files.

        Parameters
        ----------
        complete : bool
            False when the study goes on at another start: curves and weights stay in the journal till then, and rows
            that are not in parts yet in `runs.csv`.
        """
        state, line, held = self._state, self.header.line, self.held
        self._check()
        to_parts = self._store == "parquet" and complete
        if self._arrivals is not None and (manifest := self._arrivals.name()) and to_parts:
            state.parts.add(manifest, self._arrivals.parts)
        discard(self.folder / STAGED)
        keep_orphans(held, state, line)
        # The places of the rows that runs.csv is to have.
        places = state.place[state.place != NO_PLACE]
        if self._store == "parquet":
            places = places[:0] if complete else places[places < IN_PARTS]
        # Of rows that may be in parts which are about to be replaced.
        sums = self._all_sums(places)
        if to_parts:
            rebuild_parts(held, state, self._plan, self.header, self._label)
        elif not self._in_order or (places >= IN_ORPHANS).any():
            rebuild_table(held, state, line, places)
        else:
            with io_errors(self.folder / TABLE):
                os.fsync(self._descriptor)
        if to_parts:
            self._drop_csv()
        elif self._store == "csv" and state.parts.manifest is not None:
            remove_parts(held)
        forget_adopted(held, state, line)
        curves = self._sidecars.write(held, state.journal) if complete else None
        state.sums.finish(held, *sums, curves)
        if complete or not self._recording:
            self._sidecars.put_away(held, state.journal)
        else:
            state.journal.sync()

    def close(self) -> None:
        """Close the files as they are."""
        self._state.sums.close()
        self._state.journal.close()
        if self._mine:
            self.held.close()
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _hold(self) -> None:
        """Hold all files from which rows, curves and weights are read later."""
        state = self._state
        for name, descriptor in ((ORPHANS, state.orphans.descriptor), (JOURNAL, state.journal.descriptor)):
            if descriptor >= 0:
                self.held.keep(name, descriptor)
        if state.parts.manifest is not None:
            self.held.hold(MANIFEST)
        self._sidecars.hold(self.held)
        self._check()

    def _check(self) -> None:
        """See that the files are those that were opened, and hold what was written into them."""
        self.held.check()
        for name, descriptor, size in (
            (TABLE, self._descriptor, self._state.table.end),
            (JOURNAL, self._state.journal.descriptor, self._state.journal.end),
        ):
            if descriptor >= 0 and (found := os.fstat(descriptor).st_size) < size:
                raise RunnerError(
                    f"{self.folder / name} was cut short by another program while runs were added: it has {found:,} "
                    f"bytes, and {size:,} were written; the same command trains again what is missing"
                )

    def _drop_csv(self) -> None:
        """Remove `runs.csv`, whose rows have all moved into parts."""
        self.held.check()
        self.held.drop(TABLE)
        os.close(self._descriptor)
        self._descriptor = -1
        with io_errors(self.folder / TABLE, "remove"):
            os.unlink(TABLE, dir_fd=self.held.descriptor)
            sync_folder(self.held.descriptor)

    def _all_sums(self, places: Indices) -> tuple[Ids, RowSums]:
        """Identity and checksum of all rows of `runs.csv`, at their places, and then of those set aside."""
        state = self._state
        aside = np.flatnonzero(state.index.find(state.orphans.rows.ids) < 0)
        return state.sums_at(np.concatenate([places, IN_ORPHANS + aside, places_of_new_orphans(state)]))

    def _add(self, result: ResultLike, rows: Written) -> None:
        runs, ids, text, ends, sums = result.runs[rows.order], rows.ids, rows.text, rows.ends, rows.sums
        if self._recording:
            # The frame first: a row without its curve would be trained again, a curve without its row has one here.
            frame = Frame(ids, text, ends, *self._sidecars.pack(result, rows.order))
            if JOURNAL not in self.held:
                self.held.check()
            self._sidecars.note(runs, self._state.journal.append(frame))
            if JOURNAL not in self.held:
                self.held.keep(JOURNAL, self._state.journal.descriptor)
        known = self._state.place[runs] != NO_PLACE
        if known.any():  # trained again for the sake of its curve or its weights
            text, ends = _without(text, ends, known)
            runs, ids, sums = runs[~known], ids[~known], sums[~known]
        if len(runs):
            self._append(runs, ids, text, ends, sums)

    def _append(self, runs: Indices, ids: Ids, text: bytes, ends: Indices, sums: RowSums) -> None:
        """Write rows behind the others; `runs` ascend."""
        state = self._state
        # The checksums first: a row without one is only as good as it looks.
        state.sums.append(ids, sums)
        with io_errors(self.folder / TABLE):
            write_all(self._descriptor, text)
        state.place[runs] = IN_TABLE + len(state.table) + np.arange(len(runs))
        state.table.grown(ids, ends, sums)
        self._in_order = self._in_order and bool(runs[0] > self._last)
        self._last = int(runs[-1])

    def _open(self) -> int:
        """Open the table behind its last complete row; a torn one is cut off."""
        state = self._state
        # What all rows depend on is written before the first one.
        state.sums.begin(self.held)
        for file, rows in zip((state.table, state.orphans), state.unsummed, strict=True):
            state.sums.append(file.rows.ids[rows], file.sums[rows])
        descriptor = self.held.open(TABLE, os.O_RDWR | os.O_CREAT)
        with io_errors(self.folder / TABLE):
            try:
                state.table.read_from(descriptor)
                os.ftruncate(descriptor, state.table.rows.end)
                os.lseek(descriptor, 0, os.SEEK_END)
                if not state.table.rows.end:
                    write_all(descriptor, self.header.line)
                    os.fsync(descriptor)
                    sync_folder(self.held.descriptor)
            except BaseException:
                os.close(descriptor)
                raise
        return descriptor


def _without(text: bytes, ends: Indices, left_out: NDArray[np.bool_]) -> tuple[bytes, Indices]:
    """Text and ends of the rows that are not left out."""
    starts = np.concatenate([np.zeros(1, np.int64), ends[:-1]])
    kept = np.flatnonzero(~left_out)
    pieces = [text[start:end] for start, end in zip(starts[kept].tolist(), ends[kept].tolist(), strict=True)]
    return b"".join(pieces), np.cumsum(np.array([len(piece) for piece in pieces], np.int64))
