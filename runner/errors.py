"""What can go wrong, in words for the user: problems with their places, and errors with their exit codes.

The command line shows these errors as they are, without a traceback:

    RunnerError          exit code 1, something failed while it ran
    |- StudyError        exit code 2, a study or an argument is wrong, and nothing ran
    |  `- DataError      its data cannot be used
    `- Refused           exit code 3, a well-formed request is turned down
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong, and where it stands.

    Attributes
    ----------
    message : str
        What was expected and what was found, without a full stop.
    file : str
        The file as the user named it; empty when there is none.
    line, column : int or None
        Position in the file, both counted from 1.
    """

    message: str
    file: str = ""
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        place = [str(part) for part in (self.file, self.line, self.column) if part not in ("", None)]
        return f"{':'.join(place)}: {self.message}" if place else self.message


class RunnerError(Exception):
    """Base of every error that is told to the user in words; its class carries the exit code."""

    exit_code = 1


class StudyError(RunnerError):
    """A study or an argument is wrong: nothing ran.

    Parameters
    ----------
    problems : sequence of Problem
        All of them, in the order in which they are shown.
    """

    exit_code = 2

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__(problems)
        self.problems = tuple(problems)

    def __str__(self) -> str:
        return "\n".join(map(str, self.problems))


class DataError(StudyError):
    """The data of a study cannot be used; `problems` say why, with file, line and field where known."""


class Refused(RunnerError):  # noqa: N818 - a request is refused, nothing failed
    """A well-formed request that is turned down: locked by another runner, or over `--max-runs`."""

    exit_code = 3


def nearest(name: object, names: Iterable[str]) -> str:
    """Tail of a message that names the closest known name.

    Parameters
    ----------
    name : object
        What was written.
    names : iterable of str
        What would have been understood.

    Returns
    -------
    str
        ``"; did you mean 'sigmoid'?"``, or an empty string when nothing is close.

    Examples
    --------
    >>> nearest("sigmiod", ["tanh", "sigmoid"])
    "; did you mean 'sigmoid'?"
    >>> nearest("hello", ["tanh", "sigmoid"])
    ''
    """
    folded = {known.casefold(): known for known in names}
    close = difflib.get_close_matches(str(name).casefold(), folded, n=1, cutoff=0.6)
    return f"; did you mean '{folded[close[0]]}'?" if close else ""
