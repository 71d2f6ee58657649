"""`runs.sums`: what every row was when it was written, and by which version of the results.

A row that another program has rounded, or in which a byte has flipped, may still look like a row. So a checksum of each
is kept beside the table. A run always gives the same row, hence one checksum for each identity is enough, whatever
order the rows are in and whoever removes some of them. The same holds for its curve. The first line tells what all rows
depend on: it is written before the first row.
"""

from __future__ import annotations

import os
import re
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from runner.errors import Refused
from runner.results.columns import Ids, Indices
from runner.results.files import io_errors, open_if_there, write_all
from runner.results.held import Held

SUMS = "runs.sums"
RowSums = NDArray[np.uint32]
# Of a row: its identity, the checksum of its bytes, and a checksum of these two.
_RECORD = np.dtype([("id", "<u8"), ("sum", "<u4"), ("check", "<u4")])
# Records that are packed together.
_TOGETHER = 1 << 16
_FIRST = re.compile(rb"runner sums, ([^\n]{1,200})\n+")
_MADE = re.compile(r"results (\d{1,9})\b.*?(, without compiling)?$")
# Every identity begins with a letter, a to f; that of a run's curve is the same number without it.
_LETTER = np.uint64(0xA << 60)
_MIX, _SHIFT = np.uint64(0x9E3779B97F4A7C15), np.uint64(32)


def sums_of(data: bytes | memoryview, ends: Indices, *, many: bool = False) -> RowSums:
    """Checksum of each row of a text; row i ends where row i + 1 starts, the first at 0.

    With `many` by a kernel, which is compiled once on a machine and leaves the interpreter's lock free.
    """
    if many:
        from runner.kernels.checksums import remainders, sum_rows

        sums = np.empty(len(ends), np.uint32)
        sum_rows(np.frombuffer(data, np.uint8), ends, remainders(), sums)
        return sums
    view, starts = memoryview(data), [0, *ends[:-1].tolist()]
    found = [zlib.crc32(view[start:end]) for start, end in zip(starts, ends.tolist(), strict=True)]
    return np.array(found, np.uint32)


def curves_of(ids: Ids) -> Ids:
    """Under which identity the checksum of each run's curve is kept."""
    return ids - _LETTER


def made_by(path: Path) -> tuple[int, bool] | None:
    """Version of the results, and whether kernels ran without compiling, of the rows beside a file of checksums."""
    return made_so(label_in(path))


def label_in(path: Path) -> str:
    """What all rows beside a file of checksums depend on; "" where that is not known."""
    try:
        with path.open("rb") as file:
            first = _FIRST.match(file.read(256))
    except OSError:
        return ""
    return first[1].decode(errors="replace") if first else ""


def made_so(label: str) -> tuple[int, bool] | None:
    """The same from what is written of all rows."""
    found = _MADE.match(label)
    return (int(found[1]), bool(found[2])) if found else None


class Sums:
    """Checksums of rows by their identities.

    Parameters
    ----------
    path : Path
        The file; it need not exist.
    label : str
        What all rows depend on (columns, version); a file with another label is refused.
    """

    def __init__(self, path: Path, label: str) -> None:
        self._path = path
        first = f"runner sums, {label}\n".encode()
        self._first = first + b"\n" * (-len(first) % _RECORD.itemsize)
        self._descriptor = -1
        self._content = b""
        if file := open_if_there(path):
            with io_errors(path, "read"), open(file.descriptor, "rb", closefd=False) as stream:
                self._content = stream.read()
            file.close()
        found = _FIRST.match(self._content)
        if found and found[1].decode(errors="replace") != label and _MADE.match(found[1].decode(errors="replace")):
            raise Refused(
                f"{path} was written by another version of the runner; "
                "pass another --out or name=..., or --fresh to move it aside"
            )
        # What is damaged is as if it were not there: its rows are looked at one by one.
        self._sound = self._content.startswith(self._first)
        self._end = len(self._first)
        records = np.empty(0, _RECORD)
        if self._sound:
            n = (len(self._content) - len(self._first)) // _RECORD.itemsize
            self._end += n * _RECORD.itemsize
            records = np.frombuffer(self._content, _RECORD, n, len(self._first))
            records = records[records["check"] == _check(records["id"], records["sum"])]
        self._curves = records[records["id"] < _LETTER]
        # The last of several for one run is the one that holds.
        self._ids, last = np.unique(records["id"][::-1], return_index=True)
        self._sums = records["sum"][::-1][last]

    def find(self, ids: Ids) -> tuple[RowSums, NDArray[np.bool_]]:
        """Checksum of each row, and whether there is one."""
        if not len(self._ids):
            return np.zeros(len(ids), np.uint32), np.zeros(len(ids), np.bool_)
        spots = np.minimum(np.searchsorted(self._ids, ids), len(self._ids) - 1)
        return self._sums[spots], self._ids[spots] == ids

    def begin(self, held: Held) -> None:
        """Open the file for writing, before the first row is written."""
        self._descriptor = held.open(SUMS, os.O_RDWR | os.O_CREAT)
        with io_errors(self._path):
            if self._sound:
                os.ftruncate(self._descriptor, self._end)
            else:
                os.ftruncate(self._descriptor, 0)
                write_all(self._descriptor, self._first)
                os.fsync(self._descriptor)
            os.lseek(self._descriptor, 0, os.SEEK_END)

    def append(self, ids: Ids, sums: RowSums) -> None:
        """Write checksums of rows that are about to be written."""
        with io_errors(self._path):
            write_all(self._descriptor, _packed(ids, sums))

    def sync(self) -> None:
        """Make all checksums survive a loss of power."""
        with io_errors(self._path):
            os.fsync(self._descriptor)

    def finish(self, held: Held, ids: Ids, sums: RowSums, curves: tuple[Ids, RowSums] | None) -> None:
        """Put the checksums of all rows into the order of the table, whatever order they came in.

        Parameters
        ----------
        held : Held
            The folder.
        ids, sums : array, shape (n,)
            Identity and checksum of every row.
        curves : pair of array or None
            The same of the runs that have curves; None where these are as they were.
        """
        of_curves = self._curves.tobytes() if curves is None else _packed(curves_of(curves[0]), curves[1])

        def content() -> Iterator[bytes]:
            yield self._first
            for first in range(0, len(ids), _TOGETHER):
                yield _packed(ids[first : first + _TOGETHER], sums[first : first + _TOGETHER])
            yield of_curves

        with io_errors(self._path, "read"):
            size = os.fstat(self._descriptor).st_size
            if size == len(self._first) + len(ids) * _RECORD.itemsize + len(of_curves):
                with open(self._descriptor, "rb", closefd=False) as file:
                    file.seek(0)
                    if all(file.read(len(part)) == part for part in content()):
                        return
        with held.replacing(SUMS) as descriptor:
            for part in content():
                write_all(descriptor, part)

    def close(self) -> None:
        """Close the file and leave it where it is."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def _packed(ids: Ids, sums: RowSums) -> bytes:
    """Records as they stand in the file."""
    records = np.empty(len(ids), _RECORD)
    records["id"], records["sum"], records["check"] = ids, sums, _check(ids, sums)
    return records.tobytes()


def _check(ids: Ids, sums: RowSums) -> RowSums:
    """Checksum of records; a hole of zeros has a wrong one."""
    mixed = (np.asarray(ids, np.uint64) * _MIX ^ np.asarray(sums, np.uint64)) * _MIX + _MIX
    return np.asarray(mixed >> _SHIFT, np.uint32)
