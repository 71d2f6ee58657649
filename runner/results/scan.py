"""Finding the complete rows of a CSV file that a dying process may have left torn, without parsing fields."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from runner.errors import Refused, RunnerError
from runner.results.columns import Ids, Indices
from runner.results.files import io_errors

_CHUNK = 1 << 19
_LONGEST_ROW = 1 << 26
_LONGEST_HEADER = 1 << 16
_ROW_START = re.compile(rb"\n[0-9a-f]{16},")
_ROW_BEGUN = re.compile(rb"[0-9a-f]{0,16}\Z|[0-9a-f]{16},")

_DIGIT = np.full(256, 255, np.uint8)
_DIGIT[np.frombuffer(b"0123456789abcdef", np.uint8)] = np.arange(16)
_SHIFTS = np.arange(60, -4, -4, dtype=np.uint64)


@dataclass(frozen=True)
class Rows:
    """Complete rows of a file.

    Attributes
    ----------
    ids : array of uint64, shape (n,)
        The first field of each row, a hexadecimal number of 16 digits.
    starts : array of int, shape (n + 1,)
        Where each row starts in the file, and last where the last one ends.
    size : int
        Of the file; what lies beyond `starts[-1]` is torn.
    """

    ids: Ids
    starts: Indices
    size: int

    @property
    def end(self) -> int:
        """Where the complete rows end."""
        return int(self.starts[-1])


def scan_rows(path: Path, header: bytes, descriptor: int) -> Rows:
    """Complete rows of a table.

    Parameters
    ----------
    path : Path
        What messages call the file.
    header : bytes
        The first line that it must have, with its line end.
    descriptor : int
        Of the open file; -1 when there is none.

    Returns
    -------
    Rows
        A torn tail is left out. With a torn header, `end` is 0.

    Raises
    ------
    Refused
        When the file has other columns.
    RunnerError
        When a line in the middle is no row of the table.
    """
    if descriptor < 0:
        return Rows(np.empty(0, np.uint64), np.zeros(1, np.int64), 0)
    with io_errors(path, "read"), open(descriptor, "rb", closefd=False) as file:
        size = file.seek(0, 2)
        file.seek(0)
        first = file.read(len(header))
        if len(first) < len(header) and header.startswith(first.rstrip(b"\0")):
            return Rows(np.empty(0, np.uint64), np.zeros(1, np.int64), size)
        if first != header:
            file.seek(0)
            raise Refused(_other_header(path, file.readline(_LONGEST_HEADER), header))
        parts = list(_parts(file, header))
        end = int(parts[-1][1][-1]) if parts else len(header)
        _no_rows_beyond(path, file, end, sum(len(ids) for ids, _ in parts))
    ids = np.concatenate([part[0] for part in parts]) if parts else np.empty(0, np.uint64)
    starts = np.concatenate([np.array([len(header)]), *[part[1] for part in parts]])
    return Rows(ids, starts, size)


def _other_header(path: Path, first: bytes, header: bytes) -> str:
    """What to say of a file with another first line."""
    names = first.removeprefix(codecs.BOM_UTF8).rstrip(b"\r\n").split(b",")
    if sorted(names) == sorted(header.rstrip(b"\n").split(b",")):
        ways = {
            "begins with a byte order mark": first.startswith(codecs.BOM_UTF8),
            "has lines that end in CR LF": first.endswith(b"\r\n"),
            "has its columns in another order": names != header.rstrip(b"\n").split(b","),
        }
        what = " and ".join(way for way, holds in ways.items() if holds)
        return (
            f"{path} {what}: another program, a spreadsheet perhaps, has saved it, and can have changed its rows too; "
            "bring back the file as it was, or pass --fresh to move it aside"
        )
    return (
        f"{path} has other columns than this version of the runner writes; "
        "pass another --out or name=..., or --fresh to move the old table aside"
    )


def _parts(file: BinaryIO, header: bytes) -> Iterator[tuple[Ids, Indices]]:
    """Identities and ends of the rows, chunk by chunk, until the first thing that is no row."""
    n_commas = header.count(b",")
    offset, rest = len(header), b""
    while data := file.read(_CHUNK):
        data = rest + data
        ids, ends, good = _split(np.frombuffer(data, np.uint8), n_commas)
        if len(ids):
            yield ids, offset + ends
        used = int(ends[-1]) if len(ends) else 0
        rest = data[used:]
        offset += used
        if not good or len(rest) > _LONGEST_ROW:
            return


def _split(data: NDArray[np.uint8], n_commas: int) -> tuple[Ids, Indices, bool]:
    """Rows at the start of `data`: identities, ends, and whether all complete lines were rows."""
    outside = _outside(data)
    ends = np.flatnonzero((data == ord("\n")) & outside) + 1
    if not len(ends):
        return np.empty(0, np.uint64), ends, True
    starts = np.concatenate([np.zeros(1, np.int64), ends[:-1]])
    commas = np.add.reduceat(((data == ord(",")) & outside)[: ends[-1]], starts, dtype=np.int64)
    good = (commas == n_commas) & (ends - starts > 17)
    padded = np.concatenate([data, np.zeros(17, np.uint8)])
    digits = _DIGIT[padded[starts[:, None] + np.arange(16)]]
    good &= (digits < 16).all(axis=1) & (padded[starts + 16] == ord(","))
    if not data[: ends[-1]].all():  # a loss of power can leave zeros where data had not reached the disk
        good &= np.minimum.reduceat(data[: ends[-1]], starts) > 0
    n = len(good) if good.all() else int(np.argmin(good))
    return _number_of(digits[:n]), ends[:n], n == len(good)


def ids_of(digits: NDArray[np.uint8]) -> Ids:
    """Identities as numbers, from their 16 digits, as bytes of shape (n, 16)."""
    return _number_of(_DIGIT[digits])


def _number_of(values: NDArray[np.uint8]) -> Ids:
    ids: Ids = (values.astype(np.uint64) << _SHIFTS).sum(axis=1, dtype=np.uint64)
    return ids


def _no_rows_beyond(path: Path, file: BinaryIO, end: int, n_rows: int) -> None:
    """A torn tail may be dropped; but whole lines from the first damage on are somebody's data.

    Unless the damage is zeros: after a loss of power some of what was written last may be missing in the middle. What
    lies beyond such a hole was never told to be safe, may have holes itself, and is made again.
    """
    file.seek(end)
    if b"\0" in file.readline():
        return
    file.seek(end)
    foreign = not _torn(file.read(_LONGEST_ROW))
    # A field of a torn row may hold line ends.
    file.seek(end + 1)
    last = b""
    while not foreign and (data := file.read(_CHUNK)):
        foreign = bool(_ROW_START.search(last + data))
        last = data[-20:]
    if foreign:
        raise RunnerError(
            f"{path}: row {n_rows + 1} is not a row of this table (changed by another program?); "
            "mend it, or pass --fresh to move the table aside"
        )


def _torn(tail: bytes) -> bool:
    """Whether this can be a row that was not written to its end; or nothing."""
    data = np.frombuffer(tail, np.uint8)
    ended = bool(((data == ord("\n")) & _outside(data)).any())
    return not ended and _ROW_BEGUN.match(tail.rstrip(b"\0")) is not None


def _outside(data: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Which bytes stand outside of quotes.

    A quote opens or closes a field, and a doubled one does both: whatever follows an odd number is inside.
    """
    return np.asarray(np.bitwise_xor.accumulate((data == ord('"')).view(np.uint8)) == 0)
