"""A file of rows as an earlier start left it, and as it grows since, readable by row number."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from runner.errors import RunnerError
from runner.results.columns import Ids, Indices
from runner.results.files import io_errors, open_if_there
from runner.results.growing import Growing
from runner.results.scan import Rows, scan_rows
from runner.results.sums import RowSums, sums_of

_PIECE = 1 << 23


class RowFile:
    """A table as an earlier start left it, and as it grows since.

    It is read through the file that was found when this was made, whatever becomes of its name.

    Parameters
    ----------
    path : Path
        The file; it need not exist.
    header : bytes
        Its first line.

    Attributes
    ----------
    path : Path
    descriptor : int
        Of the open file; -1 when there is none.
    """

    def __init__(self, path: Path, header: bytes) -> None:
        self.path = path
        self._file = open_if_there(path)
        self.descriptor = self._file.descriptor if self._file else -1
        rows = scan_rows(path, header, self.descriptor)
        self._ids, self._starts, self._size = Growing(rows.ids), Growing(rows.starts), rows.size
        # Of the rows that were found, it is computed when it is asked for: that reads all of the file.
        self._sums, self._unsummed = Growing(np.empty(0, np.uint32)), len(rows.ids)
        self._header = len(header)
        self.end = rows.end or self._header

    def __len__(self) -> int:
        return len(self._ids)

    @property
    def ids(self) -> Ids:
        """Identities of all rows."""
        return self._ids.array

    def read_from(self, descriptor: int) -> None:
        """Read through another descriptor of the file from now on: one that is open for writing, or made the file."""
        if self._file and not os.path.samestat(os.fstat(self.descriptor), os.fstat(descriptor)):
            raise RunnerError(f"{self.path} was replaced by another program just now; the same command goes on")
        self.descriptor = descriptor

    def grown(self, ids: Ids, ends: Indices, sums: RowSums) -> None:
        """Take note of rows appended to the file: their identities, where each ends in their text, their checksums."""
        if not self._starts.array[-1]:
            # A file that was empty has had its header written since.
            self._starts = Growing(np.array([self._header]))
        self._ids.extend(ids)
        self._starts.extend(self.end + ends)
        self._sums.extend(sums)
        self.end += int(ends[-1])
        self._size = self.end

    @property
    def rows(self) -> Rows:
        """All rows, those appended since among them."""
        return Rows(self._ids.array, self._starts.array, self._size)

    @property
    def sums(self) -> RowSums:
        """Checksum of every row."""
        if self._unsummed:
            starts, parts = self._starts.array[: self._unsummed + 1], list[RowSums]()
            first = 0
            while first < len(starts) - 1:
                last = max(int(np.searchsorted(starts, starts[first] + _PIECE)) - 1, first + 1)
                text = self._read(int(starts[first]), int(starts[last]))
                parts.append(sums_of(text, starts[first + 1 : last + 1] - starts[first]))
                first = last
            self._sums = Growing(np.concatenate([*parts, self._sums.array]))
            self._unsummed = 0
        return self._sums.array

    def row(self, number: int) -> bytes:
        """One row."""
        return b"".join(self.segments(np.array([number])))

    def segments(self, numbers: Indices) -> Iterator[bytes]:
        """Rows of some numbers, in that order, neighbours in one piece."""
        cuts = np.flatnonzero(np.diff(numbers) != 1) + 1
        firsts = numbers[np.concatenate([np.zeros(1, np.int64), cuts])]
        lasts = numbers[np.concatenate([cuts - 1, [len(numbers) - 1]])]
        starts, ends = self._starts.array[firsts].tolist(), self._starts.array[lasts + 1].tolist()
        with io_errors(self.path, "read"):
            for start, end in zip(starts, ends, strict=True):
                # Mostly all of it: a table that is put in order is read row by row.
                text = os.pread(self.descriptor, end - start, start)
                yield text if len(text) == end - start and text.endswith(b"\n") else self._read(start, end)

    def _read(self, start: int, end: int) -> bytes:
        """What stands between two places; rows that are found have their place in the file for ever."""
        text = b""
        with io_errors(self.path, "read"):
            while len(text) < end - start:
                more = os.pread(self.descriptor, end - start - len(text), start + len(text))
                if not more:
                    break
                text += more
        if len(text) < end - start or not text.endswith(b"\n"):
            raise RunnerError(f"{self.path} was changed by another program while this runner read it: start it again")
        return text
