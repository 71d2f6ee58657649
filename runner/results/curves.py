"""`curves.csv`: loss and accuracy of every run over its epochs, in the plan's order.

That of a study with held-out samples has two columns more, the same of these; they are empty in the curves of runs
without any.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from runner.errors import RunnerError
from runner.results.columns import Ids, Indices, Records
from runner.results.files import io_errors
from runner.results.inventory import Index
from runner.results.journal import Journal
from runner.results.row_file import RowFile
from runner.results.row_text import column_text
from runner.results.sums import Sums, curves_of

CURVES = "curves.csv"
HEADER = b"run_id,epoch,loss,accuracy\n"
TESTED_HEADER = b"run_id,epoch,loss,accuracy,test_loss,test_accuracy\n"
_MORE = TESTED_HEADER.count(b",") - HEADER.count(b",")
Epochs = NDArray[np.float64]
Expected = Callable[[int], tuple[Epochs, bool]]


class OldCurves:
    """The curves that stand in the file now, even if another program has changed the order of their points.

    Parameters
    ----------
    path : Path
        The file; it need not exist.
    index : Index
        Of the plan's runs.
    expected : callable, optional
        From the number of a run to the epochs of its curve, and whether it may end before the last of them.
    sums : Sums, optional
        Checksums of the curves that are known.
    header : bytes
        The columns that curves are to have: HEADER or TESTED_HEADER. Those of the file may be the other ones.

    Attributes
    ----------
    file : RowFile
        The file, open.
    runs : array of int
        Of each curve, the run of the plan; -1 for none.
    whole : array of bool
        Which curves have all their points, and are as they were written.
    tidy : bool
        Whether the points of every curve stand together and in order, with the columns that they are to have.
    """

    def __init__(
        self,
        path: Path,
        index: Index,
        expected: Expected | None = None,
        sums: Sums | None = None,
        header: bytes = HEADER,
    ) -> None:
        found = _header_of(path, header)
        self._more = (header.count(b",") - found.count(b",")) // _MORE
        self.file = RowFile(path, found)
        ids = self.file.rows.ids
        epochs = _epochs(self.file)
        starts = np.flatnonzero(np.concatenate([[len(ids) > 0], ids[1:] != ids[:-1]]))
        names, first, which = np.unique(ids[starts], return_index=True, return_inverse=True)
        # Numbered as they come first in the file.
        rank = np.argsort(np.argsort(first))
        curve = np.repeat(rank[which], np.diff(starts, append=len(ids)))
        self._order = np.lexsort((epochs, curve))
        self.tidy = bool((np.diff(self._order) == 1).all()) and not self._more
        self._bounds = np.concatenate([[0], np.cumsum(np.bincount(curve, minlength=len(names)))]).astype(np.int64)
        self.runs = index.find(names[np.argsort(first)])
        self.whole = self._check(epochs[self._order], expected)
        if sums is not None:
            known, there = sums.find(curves_of(names[np.argsort(first)]))
            for number in np.flatnonzero(there & self.whole).tolist():
                self.whole[number] = zlib.crc32(self._text(number)) == known[number]

    def text(self, number: int) -> bytes:
        """Rows of the curve with some number in the file, with the columns that they are to have."""
        text = self._text(number)
        if self._more > 0:
            return text.replace(b"\n", b"," * _MORE + b"\n")
        if self._more < 0:
            return b"".join([line.rsplit(b",", _MORE)[0] + b"\n" for line in text.splitlines()])
        return text

    def _text(self, number: int) -> bytes:
        """The same as it stands there."""
        return b"".join(self.file.segments(self._order[self._bounds[number] : self._bounds[number + 1]]))

    def _check(self, epochs: Epochs, expected: Expected | None) -> NDArray[np.bool_]:
        """Which curves have each point once, and none between others that is missing."""
        whole = np.ones(len(self.runs), np.bool_)
        if expected is None:
            return whole
        ends = self._bounds.tolist()
        for number in np.flatnonzero(self.runs >= 0).tolist():
            wanted, may_stop = expected(int(self.runs[number]))
            found = epochs[ends[number] : ends[number + 1]]
            n = len(found)
            if may_stop and 0 < n <= len(wanted):
                # That of a stopped run ends with the epoch at which it stopped.
                before = wanted[n - 2] if n > 1 else -1.0
                whole[number] = np.array_equal(found[:-1], wanted[: n - 1]) and before < found[-1] <= wanted[n - 1]
            else:
                whole[number] = np.array_equal(found, wanted)
        return whole


def _header_of(path: Path, wanted: bytes) -> bytes:
    """The first line of a file of curves; the one that is wanted where it has neither."""
    if not path.is_file():
        return wanted
    with io_errors(path, "read"), open(path, "rb") as file:
        first = file.readline(len(TESTED_HEADER))
    return first if first in (HEADER, TESTED_HEADER) else wanted


def curve_columns(path: Path) -> tuple[str, ...]:
    """What a file of curves has of each point beside its run and epoch."""
    return tuple(_header_of(path, HEADER).decode().rstrip("\n").split(","))[2:]


def _epochs(rows: RowFile) -> Epochs:
    """Epochs of all points."""
    if not len(rows):
        return np.empty(0)
    try:
        with io_errors(rows.path, "read"), open(rows.descriptor, encoding="utf-8", closefd=False) as file:
            file.seek(0)
            return np.loadtxt(file, delimiter=",", comments=None, skiprows=1, usecols=1, max_rows=len(rows), ndmin=1)
    except ValueError as error:
        raise RunnerError(f"{rows.path} is not a file of curves: move it away, or pass --fresh ({error})") from None


def curve_text(run_id: int, points: Records, header: bytes = HEADER) -> str:
    """Rows of one curve; columns of the header that its points have not are empty."""
    epochs = [str(int(epoch)) if epoch.is_integer() else repr(epoch) for epoch in points[:, 0].tolist()]
    n = header.count(b",")
    columns = [column_text(column, "float") for column in points.T[1:n]]
    end = "," * (n - 1 - len(columns)) + "\n"
    rows = zip(epochs, *columns, strict=True)
    return "".join([f"{run_id:016x},{','.join(row)}{end}" for row in rows])


def curves_file(
    ids: Ids, journal: Journal, places: Indices, old: OldCurves, header: bytes
) -> Iterator[tuple[int, bytes]]:
    """Every run that has a curve, in order, and the text of that.

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
    header : bytes
        HEADER or TESTED_HEADER.
    """
    old_number = np.full(len(ids), -1, np.int64)
    known = old.runs >= 0
    old_number[old.runs[known]] = np.flatnonzero(known)
    for run in np.flatnonzero((places >= 0) | (old_number >= 0)).tolist():
        if places[run] >= 0:
            frame, i = journal.find(int(places[run]))
            start = int(frame.curve_ends[i - 1]) if i else 0
            yield run, curve_text(int(ids[run]), frame.points[start : frame.curve_ends[i]], header).encode()
        else:
            yield run, old.text(int(old_number[run]))
