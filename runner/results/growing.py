"""Arrays that grow at their end."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


class Growing:
    """An array that pieces are put behind.

    Its memory is one piece, twice as large as what was there when it was full. Thousands of small arrays, to be put
    together in the end, would be in memory twice then, and what they leave goes back to the system only when all
    between them has gone.

    Parameters
    ----------
    start : array, shape (n,)
        What it begins with; its type is that of all pieces.
    """

    def __init__(self, start: NDArray[Any]) -> None:
        self._memory, self._n = start, len(start)

    def __len__(self) -> int:
        return self._n

    @property
    def array(self) -> NDArray[Any]:
        """All there is; it stays as it is while more is put behind it."""
        return self._memory[: self._n]

    def extend(self, piece: NDArray[Any]) -> None:
        """Put a piece behind the others."""
        n = self._n + len(piece)
        if n > len(self._memory):
            # The system gives memory of this size when it is written to, and not before.
            larger = np.empty(max(2 * self._n, n), self._memory.dtype)
            larger[: self._n] = self.array
            self._memory = larger
        self._memory[self._n : n] = piece
        self._n = n
