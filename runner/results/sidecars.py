"""Curves and weights beside the table: in the journal while the study trains, files when it ends."""

from __future__ import annotations

import os
import zlib
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from runner.results.columns import Ids, Indices, PlanLike, Records, ResultLike
from runner.results.curves import CURVES, HEADER, TESTED_HEADER, Expected, OldCurves, curves_file
from runner.results.files import io_errors, link_aside, move_aside, sync_folder, write_all
from runner.results.held import Held
from runner.results.inventory import NO_PLACE, Inventory
from runner.results.journal import JOURNAL, Frame, Journal, places_of
from runner.results.sums import RowSums
from runner.results.weights import WEIGHTS, OldWeights, write_weights


@dataclass(frozen=True)
class Recording:
    """What a study records besides the rows.

    Attributes
    ----------
    points : int
        About how many points of each run's curves; 0 for none.
    weights : bool
        Whether initial and final weights are kept.
    epochs : callable, optional
        From the number of a cell to the epochs of its runs' curves, and whether a curve may end before the last.
    tested : bool
        Whether curves have columns of held-out samples.
    """

    points: int = 0
    weights: bool = False
    epochs: Expected | None = field(default=None, compare=False)
    tested: bool = False

    def __bool__(self) -> bool:
        return bool(self.points or self.weights)


class Sidecars:
    """What a study records besides its rows.

    Parameters
    ----------
    folder : Path
        The folder of results.
    plan : Plan
        The runs.
    state : Inventory
        What an earlier start has left.
    recording : Recording
        What is recorded.
    """

    def __init__(self, folder: Path, plan: PlanLike, state: Inventory, recording: Recording) -> None:
        self._folder = folder
        self._plan = plan
        self._index = state.index
        self._n_points = recording.points
        self._weights = recording.weights
        self._wanted = bool(recording)
        self._places = np.full(plan.n_runs if self._wanted else 0, NO_PLACE, np.int64)
        self._unclaimed = False
        for offset, frame in state.journal.frames():
            self._claim(frame, places_of(offset, len(frame.ids)))
        n_seeds, epochs = len(plan.seeds), recording.epochs
        expected = (lambda run: epochs(run // n_seeds)) if epochs else None
        self._header = TESTED_HEADER if recording.tested else HEADER
        self._old_curves = None
        if recording.points:
            self._old_curves = OldCurves(folder / CURVES, state.index, expected, state.sums, self._header)
        self._old_weights = OldWeights(folder / WEIGHTS, state.index) if recording.weights else None
        self._fresh = bool((self._places >= 0).any())

    def _claim(self, frame: Frame, places: Indices) -> None:
        """Take note of a frame that an earlier start has left."""
        runs = self._index.find(frame.ids)
        mine = runs >= 0
        fits = self._wanted and (frame.n_points == self._n_points or not self._n_points)
        fits = fits and bool(frame.initial.shape[1] or not self._weights)
        self._unclaimed |= bool(frame.n_points or frame.initial.shape[1]) and not (fits and mine.all())
        if fits:
            self._places[runs[mine]] = places[mine]

    @property
    def complete(self) -> NDArray[np.bool_] | bool:
        """Which runs have everything that is recorded."""
        if not self._wanted:
            return True
        in_journal = self._places >= 0
        complete = np.ones(len(in_journal), np.bool_)
        if self._old_curves is not None:
            complete &= in_journal | _mask(self._old_curves.runs[self._old_curves.whole], len(in_journal))
        if self._old_weights is not None:
            rows = np.concatenate([np.empty(0, np.int64), *self._old_weights.rows.values()])
            complete &= in_journal | _mask(rows, len(in_journal))
        return complete

    @property
    def n_torn(self) -> int:
        """Curves of the plan's runs that are to be trained again: they lack points, or have others."""
        old = self._old_curves
        torn = old.runs[~old.whole & (old.runs >= 0)] if old is not None else np.empty(0, np.int64)
        return int(np.count_nonzero(self._places[torn] < 0))

    def pack(self, result: ResultLike, order: Indices) -> tuple[int, Indices, Records, Records, Records]:
        """The parts of a journal frame that hold a result's curves and weights."""
        n = len(order)
        sizes, points = np.zeros(n, np.int64), np.empty((0, 3))
        initial = final = np.empty((n, 0))
        if self._n_points and result.curves is not None:
            curves = [result.curves[i] for i in order.tolist()]
            sizes, points = np.array([len(curve) for curve in curves]), np.concatenate(curves)
        if self._weights and result.weights is not None:
            initial, final = (np.asarray(part, np.float64)[order] for part in result.weights)
        n_points = self._n_points if result.curves is not None else 0
        return n_points, np.cumsum(sizes), np.asarray(points, np.float64), initial, final

    def note(self, runs: Indices, places: Indices) -> None:
        """Remember where the journal holds some runs."""
        if self._wanted:
            self._places[runs] = places
            self._fresh = True

    def hold(self, held: Held) -> None:
        """Hold the files of earlier starts, from which new ones will be made."""
        if self._old_curves is not None and self._old_curves.file.descriptor >= 0:
            held.keep(CURVES, self._old_curves.file.descriptor)
        if self._old_weights is not None and self._old_weights.file:
            held.keep(WEIGHTS, self._old_weights.file.descriptor)

    def write(self, held: Held, journal: Journal) -> tuple[Ids, RowSums] | None:
        """Make the files, from the journal and from the files of earlier starts.

        Returns
        -------
        pair of array or None
            Identities of the runs that have curves, and checksums of these; None where the file stays as it is.
        """
        sums = None
        curves, old = self._old_curves, self._old_weights
        if curves is not None:
            replaced = ~curves.whole & (self._places[curves.runs] >= 0)
            lost = bool((replaced | (curves.runs < 0)).any())
            if self._needed(held, CURVES, lost, not curves.tidy or _shuffled(curves.runs)):
                found: list[tuple[int, int]] = []
                with held.replacing(CURVES) as descriptor:
                    write_all(descriptor, self._header)
                    for run, text in curves_file(self._index.ids, journal, self._places, curves, self._header):
                        write_all(descriptor, text)
                        found.append((run, zlib.crc32(text)))
                runs = np.array([run for run, _ in found], np.int64)
                sums = self._index.ids[runs], np.array([each for _, each in found], np.uint32)
        if old is not None:
            rows = list(old.rows.values())
            if self._needed(held, WEIGHTS, any((runs < 0).any() for runs in rows), any(map(_shuffled, rows))):
                with held.replacing(WEIGHTS) as descriptor, os.fdopen(os.dup(descriptor), "wb") as file:
                    write_weights(file, self._plan, journal, self._places, old, self._index.ids)
        return sums

    def put_away(self, held: Held, journal: Journal) -> None:
        """Remove the journal: all of it stands elsewhere. One with curves that nobody asks for now is kept aside."""
        held.check()
        held.drop(JOURNAL)
        journal.close()
        if self._unclaimed:
            move_aside(journal.path)
        with io_errors(journal.path, "remove"):
            journal.path.unlink(missing_ok=True)
            sync_folder(held.descriptor)

    def _needed(self, held: Held, name: str, lost: bool, shuffled: bool) -> bool:
        """Whether a file has to be written; one of whose contents some would be lost gets a second name before."""
        path = self._folder / name
        if lost and path.exists():
            held.check()
            link_aside(path)
        return self._fresh or lost or shuffled or not path.exists()


def _shuffled(runs: Indices) -> bool:
    """Whether they are in another order than the plan's."""
    return bool((np.diff(runs) < 0).any())


def _mask(runs: Indices, n: int) -> NDArray[np.bool_]:
    """Which of n runs are among these; -1 is none."""
    mask = np.zeros(n, np.bool_)
    mask[runs[runs >= 0]] = True
    return mask
