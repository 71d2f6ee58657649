"""The journal: finished runs with their curves and weights, until the study ends and these get files of their own.

A file of frames, each the rows of some runs as text with their curves and weights under one checksum. A frame is
complete or it does not count, so a process may die at any byte.
"""

from __future__ import annotations

import mmap
import os
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from runner.errors import Refused
from runner.results.columns import Ids, Indices, Records
from runner.results.files import MISSING_CALLS, io_errors, open_if_there, sync_folder, write_all

JOURNAL = "runs.journal"
_MAGIC = b"frm1"
# magic, checksum of all that follows it, bytes of the body, runs, points of curves asked for, weights per run, and
# columns of points that are more than three
_HEAD = struct.Struct("<4sIQIIII")
_COLUMNS = 3
_CHECKED = 8
_MOST_TOUCHED = 1 << 26
# A place packs the offset of a frame and a run's number in it into one integer: ten million places are 80 MB.
PLACE_BITS = 20
LARGEST_FRAME = (1 << PLACE_BITS) - 1


def places_of(offset: int, n: int) -> Indices:
    """Places of the n runs of the frame at an offset."""
    return (offset << PLACE_BITS) + np.arange(n)


@dataclass(frozen=True)
class Frame:
    """Some finished runs.

    Attributes
    ----------
    ids : array of uint64, shape (n,)
        Identities of the runs.
    text : bytes or memoryview
        Their rows.
    ends : array of int, shape (n,)
        Where each row ends in the text.
    n_points : int
        How many points the curves were asked for; 0 when there are none.
    curve_ends : array of int, shape (n,)
        Where each run's points end in `points`.
    points : array of float, shape (p, 3) or (p, 5)
        Epoch, loss and accuracy, and where samples are held out the same of these.
    initial, final : array of float, shape (n, P)
        Weights; P is 0 when they are not recorded.
    """

    ids: Ids
    text: bytes | memoryview
    ends: Indices
    n_points: int
    curve_ends: Indices
    points: Records
    initial: Records
    final: Records

    def pack(self) -> bytes:
        """The frame as it stands in the file."""
        arrays = (self.ids, self.ends, self.curve_ends, self.points, self.initial, self.final)
        body = b"".join([*(np.ascontiguousarray(array).tobytes() for array in arrays), self.text])
        n_bytes = len(body)
        body += b"\0" * (-n_bytes % 8)  # frames stay aligned, so that arrays can be read in place
        more = self.points.shape[1] - _COLUMNS
        head = _HEAD.pack(_MAGIC, 0, n_bytes, len(self.ids), self.n_points, self.initial.shape[1], more)
        checksum = zlib.crc32(body, zlib.crc32(head[_CHECKED:]))
        return head[:4] + struct.pack("<I", checksum) + head[_CHECKED:] + body


def _unpack(data: memoryview, offset: int, check: bool) -> tuple[Frame, int] | None:
    """The frame at an offset and where it ends; None when it is torn."""
    if offset + _HEAD.size > len(data):
        return None
    magic, checksum, n_bytes, n, n_points, width, more = _HEAD.unpack_from(data, offset)
    start = offset + _HEAD.size
    end = start + n_bytes + (-n_bytes % 8)
    if magic != _MAGIC or end > len(data) or n_bytes < 24 * n + 16 * n * width:
        return None
    if check and zlib.crc32(data[offset + _CHECKED : end]) != checksum:
        return None

    def take(kind: type[np.generic], count: int) -> NDArray[np.generic]:
        nonlocal start
        array = np.frombuffer(data, kind, count, start)
        start += array.nbytes
        return array

    ids, ends, curve_ends = take(np.uint64, n), take(np.int64, n), take(np.int64, n)
    n_rows = int(curve_ends[-1]) if n else 0
    columns = _COLUMNS + more
    points = take(np.float64, columns * n_rows).reshape(-1, columns)
    initial, final = (take(np.float64, n * width).reshape(n, width) for _ in range(2))
    text = data[start : offset + _HEAD.size + n_bytes]
    return Frame(ids, text, ends, n_points, curve_ends, points, initial, final), end  # type: ignore[arg-type]


class Journal:
    """Frames in a file.

    Parameters
    ----------
    path : Path
        The file; it is made by the first `append`.
    label : str
        What the rows depend on (columns, version); a journal with another label is refused.

    Attributes
    ----------
    end : int
        Where the last complete frame ends; 0 when there is no file.
    """

    def __init__(self, path: Path, label: str) -> None:
        self.path = path
        self._file = open_if_there(path)
        first = f"runner journal, {label}\n".encode()
        self._first = first + b"\n" * (-len(first) % 8)
        self._descriptor = -1
        self._map: mmap.mmap | None = None
        self._data = memoryview(b"")
        self._touched = 0
        self.size = os.fstat(self._file.descriptor).st_size if self._file else 0
        self.end = self._recover()

    @property
    def descriptor(self) -> int:
        """Of the open file; -1 when there is none."""
        return self._descriptor if self._descriptor >= 0 or not self._file else self._file.descriptor

    def frames(self) -> Iterator[tuple[int, Frame]]:
        """Every complete frame with its offset."""
        offset = len(self._first)
        while offset < self.end and (found := self._read(offset)):
            yield offset, found[0]
            offset = found[1]

    def append(self, frame: Frame) -> Indices:
        """Write a frame; once this returns, the death of the process does not lose it.

        Returns
        -------
        array of int, shape (n,)
            The place of each run: what `segments` and `find` take.
        """
        with io_errors(self.path):
            if self._descriptor < 0:
                self._open()
            write_all(self._descriptor, data := frame.pack())
        places = places_of(self.end, len(frame.ids))
        self.end += len(data)
        return places

    def segments(self, places: Indices) -> Iterator[memoryview]:
        """Rows at some places, in that order, neighbours in one piece."""
        cuts = np.flatnonzero(np.diff(places) != 1) + 1
        firsts = places[np.concatenate([np.zeros(1, np.int64), cuts])].tolist()
        lasts = places[np.concatenate([cuts - 1, [len(places) - 1]])].tolist()
        for first, last in zip(firsts, lasts, strict=True):
            frame, i = self.find(first)
            start = int(frame.ends[i - 1]) if i else 0
            yield memoryview(frame.text)[start : frame.ends[i + last - first]]

    def find(self, place: int) -> tuple[Frame, int]:
        """Frame of a place, and the number of its run there."""
        found = self._read(place >> PLACE_BITS)
        assert found is not None, "a place is only ever made for a complete frame"
        return found[0], place & LARGEST_FRAME

    def sync(self) -> None:
        """Make all frames survive a loss of power."""
        if self._descriptor >= 0:
            with io_errors(self.path):
                os.fsync(self._descriptor)

    def close(self) -> None:
        """Close the file and leave it where it is."""
        self._forget_view()
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _open(self) -> None:
        """Open for writing behind the last complete frame; a torn one is cut off."""
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        self._descriptor = os.open(self.path, flags, 0o666)
        self._forget_view()
        os.ftruncate(self._descriptor, self.end)
        if not self.end:
            write_all(self._descriptor, self._first)
            self.end = len(self._first)
            sync_folder(self.path.parent)
        os.lseek(self._descriptor, 0, os.SEEK_END)

    def _recover(self) -> int:
        """Where the last complete frame of the file ends."""
        if not self.size:
            return 0
        self.end = self.size
        data = self._view()
        if bytes(data[: len(self._first)]) != self._first:
            if self._first.startswith(bytes(data).rstrip(b"\0")):
                return 0  # torn in its first line
            raise Refused(
                f"{self.path} was written by another version of the runner; "
                "pass another --out or name=..., or --fresh to move it aside"
            )
        offset = len(self._first)
        while found := self._read(offset, check=True):
            offset = found[1]
        beyond = bytes(self._view()[offset : offset + len(_MAGIC)]).rstrip(b"\0")
        if not _MAGIC.startswith(beyond):
            raise Refused(
                f"{self.path}: what begins with byte {offset + 1:,} was not written by the runner; "
                "move the file away, or pass --fresh to move all files aside"
            )
        return offset

    def _read(self, offset: int, check: bool = False) -> tuple[Frame, int] | None:
        """The frame at an offset and where it ends; None when it is torn."""
        found = _unpack(self._view(), offset, check)
        if found:
            self._touched += found[1] - offset
            if self._touched > _MOST_TOUCHED and self._map is not None:
                # Pages that have been read count as this process's memory until it lets them go.
                self._map.madvise(mmap.MADV_DONTNEED)
                self._touched = 0
        return found

    def _view(self) -> memoryview:
        """The file's bytes, at least up to `end`."""
        if len(self._data) < self.end:
            with io_errors(self.path, "read"):
                try:
                    self._map = mmap.mmap(self.descriptor, 0, access=mmap.ACCESS_READ)
                    self._data = memoryview(self._map)
                except OSError as error:
                    if error.errno not in MISSING_CALLS:
                        raise
                    # Some FUSE have no mmap: then it is held in memory.
                    with open(self.descriptor, "rb", closefd=False) as file:
                        place = file.tell()
                        file.seek(0)
                        self._data = memoryview(file.read())
                        file.seek(place)
        return self._data

    def _forget_view(self) -> None:
        # Arrays may still look into the map, so it is not closed: it goes when the last of them does.
        self._map, self._data = None, memoryview(b"")
