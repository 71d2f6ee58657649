"""The results table: rows as they finish, in the plan's order at the end, and nothing lost in between.

A run's row goes to `runs.csv` as soon as all runs before it are there, and until then to the journal. What an
earlier start has left is kept byte for byte. When rows have to stand between older ones, the table is written
anew beside the old one and takes its place in one step.
"""

from __future__ import annotations

import hashlib
import os
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from runner.environment import ENVIRONMENT
from runner.store.curves import CURVES
from runner.store.files import TABLE, refuse_links, remove_leftovers, sync_folder, told, write_all
from runner.store.header import Header, Indices, PlanLike, ResultLike, standard_header
from runner.store.journal import JOURNAL, LARGEST_FRAME, Frame
from runner.store.rebuild import forget_adopted, keep_orphans, rebuild_table
from runner.store.rowtext import RowText
from runner.store.sidecars import Sidecars
from runner.store.survey import IN_JOURNAL, IN_ORPHANS, MISSING, ORPHANS, Survey, gather, survey
from runner.store.weights import WEIGHTS

STUDY = "study.yaml"
FAILED = "failed.csv"
# Every file of a folder of results, the table first.
FILES = (TABLE, JOURNAL, ORPHANS, CURVES, WEIGHTS, FAILED, STUDY, ENVIRONMENT)
_SYNC_SECONDS = 3.0
_BLOCK = 1 << 15


@dataclass(frozen=True)
class Recording:
    """What a study records besides the rows.

    Attributes
    ----------
    points : int
        About how many points of each run's curves; 0 for none.
    weights : bool
        Whether initial and final weights are kept.
    """

    points: int = 0
    weights: bool = False

    def __bool__(self) -> bool:
        return bool(self.points or self.weights)


def look(folder: Path, plan: PlanLike, version: int, header: Header | None = None) -> Survey:
    """What a folder of results holds of a plan, without changing anything.

    Parameters
    ----------
    folder : Path
        It need not exist.
    plan : Plan
        The runs.
    version : int
        Of the results: a journal of another version is refused.
    header : Header, optional
        The columns.
    """
    header = header or standard_header()
    columns = hashlib.sha256(header.line).hexdigest()[:16]
    return survey(folder, plan, header, f"results {version}, columns {columns}")


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
    header : Header, optional
        The columns.

    Attributes
    ----------
    done : array of bool, shape (n_runs,)
        Which runs need not be trained.
    """

    def __init__(
        self,
        folder: Path,
        plan: PlanLike,
        recording: Recording = Recording(),
        version: int = 0,
        header: Header | None = None,
    ) -> None:
        refuse_links(folder, FILES)
        remove_leftovers(folder, FILES)
        self.folder = folder
        self.header = header or standard_header()
        self._state = look(folder, plan, version, self.header)
        self._text = RowText(plan, self.header)
        self._sidecars = Sidecars(folder, plan, self._state, recording.points, recording.weights)
        self._recording = recording
        self._last = self._state.last
        self._synced = time.monotonic()
        self._descriptor = self._open()
        self._drain()

    @property
    def done(self) -> NDArray[np.bool_]:
        """Which runs have their row, and the curves and weights the study asks for."""
        done: NDArray[np.bool_] = (self._state.place != MISSING) & self._sidecars.complete
        return done

    @property
    def n_orphans(self) -> int:
        """Rows that the study no longer has."""
        return len(np.unique(self._state.orphan_ids))

    @property
    def n_kept(self) -> int:
        """Runs that have their row."""
        return self._state.n_kept

    def add(self, result: ResultLike) -> None:
        """Take finished runs: once this returns, the death of this process does not lose them."""
        order = np.argsort(result.runs, kind="stable")
        for start in range(0, len(order), LARGEST_FRAME):
            self._add(result, order[start : start + LARGEST_FRAME])
        if time.monotonic() - self._synced > _SYNC_SECONDS:
            self.sync()

    def sync(self) -> None:
        """Make everything taken so far survive a loss of power."""
        with told(self.folder / TABLE):
            os.fsync(self._descriptor)
        if self._recording or (self._state.place >= IN_JOURNAL).any():
            self._state.journal.sync()
        else:
            self._state.journal.clear()
        self._synced = time.monotonic()

    def finish(self, *, complete: bool = True) -> None:
        """Bring every row taken so far into the table, in the plan's order.

        Parameters
        ----------
        complete : bool
            False when the study goes on at another start: curves and weights stay in the journal till then.
        """
        state, line = self._state, self.header.line
        keep_orphans(self.folder, state, line)
        waiting = np.flatnonzero(state.place >= IN_ORPHANS)
        if state.tidy and (not len(waiting) or waiting[0] > self._last):
            self._append(waiting)
            with told(self.folder / TABLE):
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
        state, runs = self._state, result.runs[order]
        ids, text, ends = self._text.rows(runs, result.records[order])
        n = len(runs)
        front = self._last + 1
        if not self._recording and self._growing() and runs[0] == front and runs[-1] == front + n - 1:
            self._write(text)
            state.place[runs] = runs
            self._last += n
        else:
            frame = Frame(ids, text, ends, *self._sidecars.pack(result, order))
            places = state.journal.append(frame)
            fresh = state.place[runs] == MISSING
            state.place[runs[fresh]] = IN_JOURNAL + places[fresh]
            self._sidecars.note(runs, places)
        self._drain()

    def _growing(self) -> bool:
        """Whether the table is the plan's front, without gaps, so that rows can be appended as they come."""
        return self._state.tidy and self._front_is_whole

    def _open(self) -> int:
        """Open the table behind its last complete row; a torn one is cut off."""
        state, path = self._state, self.folder / TABLE
        in_table = np.count_nonzero((state.place >= 0) & (state.place < IN_ORPHANS))
        self._front_is_whole = in_table == self._last + 1
        with told(path):
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
            os.ftruncate(descriptor, state.table.rows.end)
            os.lseek(descriptor, 0, os.SEEK_END)
            if not state.table.rows.end:
                write_all(descriptor, self.header.line)
                os.fsync(descriptor)
                sync_folder(self.folder)
        return descriptor

    def _write(self, data: bytes) -> None:
        with told(self.folder / TABLE):
            write_all(self._descriptor, data)

    def _drain(self) -> None:
        """Append the rows that have been waiting for those before them."""
        place = self._state.place
        while self._growing():
            block = place[self._last + 1 : self._last + 1 + _BLOCK]
            n = len(block) if (block >= IN_ORPHANS).all() else int(np.argmin(block >= IN_ORPHANS))
            if not n:
                return
            self._append(np.arange(self._last + 1, self._last + 1 + n))

    def _append(self, runs: Indices) -> None:
        """Append the rows of some runs, all of them beyond the table's last."""
        for start in range(0, len(runs), _BLOCK):
            block = runs[start : start + _BLOCK]
            self._write(b"".join(gather(self._state, self._state.place[block])))
            self._state.place[block] = block
            self._last = int(block[-1])
