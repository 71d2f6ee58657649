"""Some columns of a CSV table, read some megabytes at a time by NumPy: no Python for each field.

A field that stands in several rows in succession, as most keys do, is made a text once.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from operator import itemgetter
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

_PIECE = 1 << 21
_COMMA, _QUOTE, _LINE_END = (ord(sign) for sign in ',"\n')


class Fields(NamedTuple):
    """One column of some rows.

    Attributes
    ----------
    texts : list of str
        Its fields; of neighbours that are the same, the first one.
    counts : int64 array
        In how many rows in succession each of them stands.
    """

    texts: list[str]
    counts: NDArray[np.int64]

    def made(self, make: Callable[[str], Any], dtype: Any) -> NDArray[Any]:
        """What is made of the field of each row."""
        return np.repeat(np.fromiter(map(make, self.texts), dtype, len(self.texts)), self.counts)


def read_fields(file: BinaryIO, n: int, places: Sequence[int]) -> Iterator[list[Fields]]:
    """Columns of the rows of a table, some thousand rows at a time; a line that has not n fields is left out.

    Parameters
    ----------
    file : binary file
        Behind its header.
    n : int
    places : sequence of int
        Of the columns that are wanted.

    Raises
    ------
    UnicodeDecodeError
        When the file is not UTF-8 text.
    """
    for piece in _pieces(file):
        if not piece.isascii():
            # Whether all of it is text: columns that are not wanted are looked at no further.
            piece.decode()
        separators = _separators(piece, n)
        if separators is not None:
            text = np.frombuffer(piece, np.uint8)
            found = [_column(text, separators[:, place] + 1, separators[:, place + 1]) for place in places]
            if all(column is not None for column in found):
                yield [column for column in found if column is not None]
                continue
        rows = list(map(itemgetter(*places), _rows(piece.decode(), n)))
        columns = zip(*rows, strict=True) if len(places) > 1 else [rows]
        if rows:
            yield [Fields(list(column), np.ones(len(rows), np.int64)) for column in columns]


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    """The file in pieces of whole rows: a line end in quotes does not end one."""
    while piece := file.read(_PIECE):
        lines = [piece, file.readline()]
        odd = sum(line.count(b'"') for line in lines) % 2
        while odd and (line := file.readline()):
            lines.append(line)
            odd ^= line.count(b'"') % 2
        yield b"".join(lines)


def _separators(piece: bytes, n: int) -> NDArray[np.int64] | None:
    """Where the fields of each row begin and end, one before the first and last the line end: shape (rows, n + 1).

    None where not every line is a row of n fields, as the runner writes it.
    """
    if not piece.endswith(b"\n") or b"\r" in piece or b"\0" in piece:
        return None
    text = np.frombuffer(piece, np.uint8)
    # Quotes count as they open and close: what is between an odd one and the next one separates nothing.
    at = np.flatnonzero((text == _COMMA) | (text == _LINE_END) | (text == _QUOTE))
    signs = text[at]
    quotes = signs == _QUOTE
    if quotes.any():
        outside = ~(np.bitwise_xor.accumulate(quotes) | quotes)
        at, signs = at[outside], signs[outside]
    if (
        len(at) % n
        or not (signs.reshape(-1, n)[:, -1] == _LINE_END).all()
        or (signs == _LINE_END).sum() != len(at) // n
    ):
        return None
    ends = at.reshape(-1, n)
    starts = np.concatenate([[-1], ends[:-1, -1]])
    return np.column_stack([starts, ends])


def _column(text: NDArray[np.uint8], starts: NDArray[np.int64], ends: NDArray[np.int64]) -> Fields | None:
    """The fields between some places; None where one of them is so long that all would take too much memory."""
    lengths = ends - starts
    width = max(int(lengths.max()), 1)
    if width * len(starts) > 4 * max(len(text), _PIECE):
        return None
    if len(text) < width + starts[-1]:
        text = np.concatenate([text, np.zeros(width, np.uint8)])
    padded = sliding_window_view(text, width)[starts]
    padded[np.arange(width, dtype=np.int32) >= lengths.astype(np.int32)[:, None]] = 0
    changes = (padded[1:] != padded[:-1]).any(axis=1)
    firsts = np.concatenate([[0], np.flatnonzero(changes) + 1])
    fields = np.ascontiguousarray(padded[firsts]).view(f"S{width}").ravel().tolist()
    texts = b"\0".join(fields).decode().split("\0")
    if (padded[firsts, 0] == _QUOTE).any():
        texts = list(map(_unquoted, texts))
    return Fields(texts, np.diff(firsts, append=len(starts)))


def _unquoted(field: str) -> str:
    return field[1:-1].replace('""', '"') if field.startswith('"') else field


def _rows(text: str, n: int) -> Iterator[list[str]]:
    """The rows of n fields in a piece that is not quite as the runner writes it, such as one edited elsewhere."""
    return (row for row in csv.reader(text.splitlines(keepends=True)) if len(row) == n)
