"""What is wrong with a data set: every problem of one file, up to a readable number."""

from __future__ import annotations

from typing import NoReturn

from runner.errors import DataError, Problem

LISTED = 20
"""Problems of one file that are shown; the rest is counted."""


class FileProblems:
    """Collects the problems of one file and raises them together.

    Parameters
    ----------
    file : str
        The file as the study names it.
    """

    def __init__(self, file: str) -> None:
        self._file = file
        self._listed: list[Problem] = []
        self._count = 0

    def add(self, message: str, line: int | None = None, column: int | None = None) -> None:
        """Note a problem; beyond `LISTED` of them it is only counted."""
        self._count += 1
        if len(self._listed) < LISTED:
            self._listed.append(Problem(message, self._file, line, column))

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
