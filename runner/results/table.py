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

import numpy as np
from numpy.typing import NDArray

from runner.results.columns import Header, Ids, Indices, PlanLike, ResultLike
from runner.results.curves import CURVES
from runner.results.failed import FAILED
from runner.results.files import (
    PAGE,
    TABLE,
    io_errors,
    refuse_links,
    refuse_shared,
    remove_leftovers,
    sync_folder,
    write_all,
)
from runner.results.inventory import IN_ORPHANS, IN_TABLE, NO_PLACE, ORPHANS, take_inventory
from runner.results.journal import JOURNAL, LARGEST_FRAME, Frame
from runner.results.provenance import ENVIRONMENT, STUDY
from runner.results.rebuild import forget_adopted, keep_orphans, rebuild_table
from runner.results.row_text import RowText
from runner.results.sidecars import Recording, Sidecars
from runner.results.weights import WEIGHTS

# Every file of a folder of results, the table first.
FILES = (TABLE, JOURNAL, ORPHANS, CURVES, WEIGHTS, FAILED, STUDY, ENVIRONMENT, PAGE)
# Those that grow in place; the others are only ever replaced, whatever other names they have.
_GROWING = (TABLE, JOURNAL, ORPHANS)
_SYNC_SECONDS = 3.0


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

    Attributes
    ----------
    done : array of bool, shape (n_runs,)
        Which runs need not be trained.
    """

    def __init__(self, folder: Path, plan: PlanLike, recording: Recording, version: int, header: Header) -> None:
        refuse_links(folder, FILES)
        refuse_shared(folder, _GROWING)
        remove_leftovers(folder, FILES)
        self.folder = folder
        self.header = header
        self._state = take_inventory(folder, plan, version, self.header)
        self._text = RowText(plan, self.header)
        self._sidecars = Sidecars(folder, plan, self._state, recording)
        self._recording = recording
        self._in_order = self._state.tidy
        self._last = self._state.last
        self._synced = time.monotonic()
        self._descriptor = self._open()

    @property
    def done(self) -> NDArray[np.bool_]:
        """Which runs have their row, and the curves and weights the study asks for."""
        done: NDArray[np.bool_] = (self._state.place != NO_PLACE) & self._sidecars.complete
        return done

    @property
    def n_orphans(self) -> int:
        """Rows that the study no longer has."""
        return len(np.unique(self._state.orphan_ids))

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
        order = np.argsort(result.runs, kind="stable")
        for start in range(0, len(order), LARGEST_FRAME):
            self._add(result, order[start : start + LARGEST_FRAME])
        if time.monotonic() - self._synced > _SYNC_SECONDS:
            self.sync()

    def sync(self) -> None:
        """Make everything taken so far survive a loss of power."""
        with io_errors(self.folder / TABLE):
            os.fsync(self._descriptor)
        if self._recording:
            self._state.journal.sync()
        self._synced = time.monotonic()

    def finish(self, *, complete: bool = True) -> None:
        """Bring all rows into the plan's order, and what else was recorded into its files.

        Parameters
        ----------
        complete : bool
            False when the study goes on at another start: curves and weights stay in the journal till then.
        """
        state, line = self._state, self.header.line
        keep_orphans(self.folder, state, line)
        if self._in_order and not (state.place >= IN_ORPHANS).any():
            with io_errors(self.folder / TABLE):
                os.fsync(self._descriptor)
        else:
            rebuild_table(self.folder, state, line)
        forget_adopted(self.folder, state, line)
        if complete:
            self._sidecars.write(state.journal)
        if complete or not self._recording:
            self._sidecars.put_away(state.journal)
        else:
            state.journal.sync()

    def close(self) -> None:
        """Close the files as they are."""
        self._state.journal.close()
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _add(self, result: ResultLike, order: Indices) -> None:
        runs = result.runs[order]
        ids, text, ends = self._text.rows(runs, result.records[order])
        if self._recording:
            # The frame first: a row without its curve would be trained again, a curve without its row has one here.
            frame = Frame(ids, text, ends, *self._sidecars.pack(result, order))
            self._sidecars.note(runs, self._state.journal.append(frame))
        known = self._state.place[runs] != NO_PLACE
        if known.any():  # trained again for the sake of its curve or its weights
            text, ends = _without(text, ends, known)
            runs, ids = runs[~known], ids[~known]
        if len(runs):
            self._append(runs, ids, text, ends)

    def _append(self, runs: Indices, ids: Ids, text: bytes, ends: Indices) -> None:
        """Write rows behind the others; `runs` ascend."""
        state = self._state
        with io_errors(self.folder / TABLE):
            write_all(self._descriptor, text)
        state.place[runs] = IN_TABLE + len(state.table) + np.arange(len(runs))
        state.table.grown(ids, ends)
        self._in_order = self._in_order and bool(runs[0] > self._last)
        self._last = int(runs[-1])

    def _open(self) -> int:
        """Open the table behind its last complete row; a torn one is cut off."""
        state, path = self._state, self.folder / TABLE
        with io_errors(path):
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
            try:
                os.ftruncate(descriptor, state.table.rows.end)
                os.lseek(descriptor, 0, os.SEEK_END)
                if not state.table.rows.end:
                    write_all(descriptor, self.header.line)
                    os.fsync(descriptor)
                    sync_folder(self.folder)
            except OSError:
                os.close(descriptor)
                raise
        return descriptor


def _without(text: bytes, ends: Indices, left_out: NDArray[np.bool_]) -> tuple[bytes, Indices]:
    """Text and ends of the rows that are not left out."""
    starts = np.concatenate([np.zeros(1, np.int64), ends[:-1]])
    kept = np.flatnonzero(~left_out)
    pieces = [text[start:end] for start, end in zip(starts[kept].tolist(), ends[kept].tolist(), strict=True)]
    return b"".join(pieces), np.cumsum(np.array([len(piece) for piece in pieces], np.int64))
