"""`curves.csv`: loss and accuracy of every run over its epochs, in the plan's order."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from runner.store.header import Ids, Indices, Records
from runner.store.journal import Journal
from runner.store.rowtext import column_text
from runner.store.survey import Index, RowFile

CURVES = "curves.csv"
_HEADER = b"run_id,epoch,loss,accuracy\n"


class OldCurves:
    """The curves that stand in the file now.

    Parameters
    ----------
    path : Path
        The file; it need not exist.
    index : Index
        Of the plan's runs.
    """

    def __init__(self, path: Path, index: Index) -> None:
        self._file = RowFile(path, _HEADER)
        ids = self._file.rows.ids
        firsts = (
            np.flatnonzero(np.concatenate([[True], ids[1:] != ids[:-1]]))
            if len(ids)
            else np.empty(0, np.int64)
        )
        # A curve's points stand together: its rows are those from its first to the next one's first.
        self._bounds = np.concatenate([firsts, [len(ids)]])
        self.runs = index.find(ids[firsts])

    def text(self, number: int) -> bytes:
        """Rows of the curve with some number in the file."""
        return b"".join(self._file.segments(np.arange(self._bounds[number], self._bounds[number + 1])))


def curve_text(run_id: int, points: Records) -> str:
    """Rows of one curve."""
    epochs = [str(int(epoch)) if epoch.is_integer() else repr(epoch) for epoch in points[:, 0].tolist()]
    losses, accuracies = column_text(points[:, 1], "float"), column_text(points[:, 2], "float")
    start = f"{run_id:016x}"
    rows = zip(epochs, losses, accuracies, strict=True)
    return "".join([f"{start},{epoch},{loss},{accuracy}\n" for epoch, loss, accuracy in rows])


def curves_file(ids: Ids, journal: Journal, places: Indices, old: OldCurves) -> Iterator[bytes]:
    """The whole file, in pieces.

    Parameters
    ----------
    ids : array of uint64, shape (n_runs,)
        Identities of the plan's runs.
    journal : Journal
        Holds new curves.
    places : array of int, shape (n_runs,)
        Place of each run in the journal; -1 where the curve is an old one or there is none.
    old : OldCurves
        The curves of earlier starts.
    """
    yield _HEADER
    old_number = np.full(len(ids), -1, np.int64)
    known = old.runs >= 0
    old_number[old.runs[known]] = np.flatnonzero(known)
    for run in np.flatnonzero((places >= 0) | (old_number >= 0)).tolist():
        if places[run] >= 0:
            frame, i = journal.find(int(places[run]))
            start = int(frame.curve_ends[i - 1]) if i else 0
            yield curve_text(int(ids[run]), frame.points[start : frame.curve_ends[i]]).encode()
        else:
            yield old.text(int(old_number[run]))
