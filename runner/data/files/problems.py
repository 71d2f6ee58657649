"""What is wrong with a data set: every problem of one file, up to a readable number."""

from __future__ import annotations

from pathlib import PurePath
from typing import NoReturn

from runner.errors import DataError, Problem

LISTED = 20
"""Problems of one file that are shown; the rest is counted."""


# What files of data are called.
_ENDINGS = frozenset([".csv", ".tsv", ".tab", ".txt", ".dat", ".data", ".npz", ".parquet"])


def _is_data(file: str) -> bool:
    """Whether a file is called like data, or stands beside the study or below it.

    Any file can be named in a study that somebody has sent; the messages do not show its lines then.
    """
    path = PurePath(file)
    return path.suffix.casefold() in _ENDINGS or not (path.is_absolute() or ".." in path.parts)


class FileProblems:
    """Collects the problems of one file and raises them together.

    Parameters
    ----------
    file : str
        The file as the study names it.

    Attributes
    ----------
    quotes : bool
        Whether messages may show what stands in the file.
    """

    def __init__(self, file: str) -> None:
        self._file = file
        self.quotes = _is_data(file)
        self._listed: list[Problem] = []
        self._count = 0

    def add(self, message: str, line: int | None = None, column: int | None = None) -> None:
        """Note a problem; beyond `LISTED` of them it is only counted."""
        self._count += 1
        if len(self._listed) < LISTED:
            self._listed.append(Problem(message, self._file, line, column))

    def count_more(self, n: int) -> None:
        """Note that there are so many problems more of a kind that has been noted `LISTED` times."""
        self._count += max(n, 0)

    def fail(self, message: str, line: int | None = None, column: int | None = None) -> NoReturn:
        """Note a problem that ends the reading, and raise everything noted so far."""
        self.add(message, line, column)
        raise self._error()

    def raise_any(self) -> None:
        """Raise DataError when anything was noted."""
        if self._count:
            raise self._error()

    def _error(self) -> DataError:
        more = self._count - len(self._listed)
        tail = [Problem(f"and {more:,} more", self._file)] if more else []
        return DataError(self._listed + tail)
