"""Texts of many cells, each put together from one piece of every key: pieces that come again are made once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from runner.keys.columns import Column, Indices

# The kernels that use such texts are imported by the functions that call them: small tables need none.
if TYPE_CHECKING:
    from runner.kernels.csv_rows import Joined, Pieces


class JoinedTexts:
    """Texts of n cells.

    Parameters
    ----------
    n : int
    keys : sequence of str
    columns : sequence of Column, as many
        Of which the texts count.
    piece : callable (key, text) -> str
        What stands in the text of a cell for a key of it.
    """

    def __init__(
        self, n: int, keys: Sequence[str], columns: Sequence[Column], piece: Callable[[str, str], str]
    ) -> None:
        self._n = n
        self._parts: list[tuple[list[str], Indices | None]] = []
        common = ""
        for key, (_, texts, which) in zip(keys, columns, strict=True):
            pieces = [piece(key, text) for text in texts]
            if which is None:
                common += pieces[0]
                continue
            # What all cells have between two keys that differ is one piece.
            self._parts += [([common], None), (pieces, which)]
            common = ""
        self._parts.append(([common], None))

    def texts(self) -> list[str]:
        """Every text, put together by Python."""
        parts = (
            pieces * self._n if which is None else map(pieces.__getitem__, which.tolist())
            for pieces, which in self._parts
        )
        return list(map("".join, zip(*parts, strict=True)))

    def for_kernels(self) -> tuple[Joined, Indices]:
        """The pieces, for the kernels to put together; and how many bytes each text has."""
        from runner.kernels.csv_rows import Joined

        which = np.empty((self._n, len(self._parts)), np.int64)
        before = 0
        for part, (pieces, numbers) in enumerate(self._parts):
            which[:, part] = before if numbers is None else before + numbers
            before += len(pieces)
        packed = pack([piece.encode() for pieces, _ in self._parts for piece in pieces])
        return Joined(packed, which), np.diff(packed.starts)[which].sum(axis=1)


def pack(data: Sequence[bytes]) -> Pieces:
    """Texts for a kernel to choose from."""
    from runner.kernels.csv_rows import Pieces

    starts = np.zeros(len(data) + 1, np.int64)
    np.cumsum([len(piece) for piece in data], out=starts[1:])
    return Pieces(np.frombuffer(b"".join(data), np.uint8), starts)
