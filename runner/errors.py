"""What can go wrong, in words for the user: problems with their places, errors with exit codes, hints at known names.

The command line shows these errors as they are, without a traceback:

    RunnerError          exit code 1, something failed while it ran
    |- StudyError        exit code 2, a study or an argument is wrong, and nothing ran
    |  `- DataError      its data cannot be used
    `- Refused           exit code 3, a well-formed request is turned down
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_SEPARATORS = re.compile(r"[\W_]+")
_LONGEST = 60  # letters of a name for which a hint is looked for: nobody misspells more
_MOST_EDITS = 3
_SHORTEST_PART = 3  # letters of a name that is taken for a part of a longer one
_MOST_NAMES = 3

NO_FOLDER = "the folder in which this was started is no longer there: change to another one (cd), and start again"


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
        line = f"{':'.join(place)}: {self.message}" if place else self.message
        # A line break is one of a user's text or of the name of a file.
        return line.replace("\n", "\\n")


class RunnerError(Exception):
    """Base of every error that is told to the user in words; its class carries the exit code."""

    exit_code = 1

    @property
    def lines(self) -> Sequence[str]:
        """What is told: a line each, which may hold line breaks of a user's texts."""
        return (str(self),)


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
        return "\n".join(self.lines)

    @property
    def lines(self) -> Sequence[str]:
        """One for each problem."""
        return tuple(map(str, self.problems))


class DataError(StudyError):
    """The data of a study cannot be used; `problems` say why, with file, line and field where known."""


class Refused(RunnerError):  # noqa: N818 - a request is refused, nothing failed
    """A well-formed request that is turned down: locked by another runner, over `--max-runs`, or for want of a card."""

    exit_code = 3


def folded(name: str) -> str:
    """A name without case and separators: `LeakyReLU`, `leaky-relu` and `leaky_relu` are the same to people."""
    return _SEPARATORS.sub("", name.casefold())


def closest(name: str, names: Iterable[str]) -> tuple[str, ...]:
    """The known names that someone may have meant who wrote another one.

    Parameters
    ----------
    name : str
        What was written.
    names : iterable of str
        What would have been understood.

    Returns
    -------
    tuple of str
        Those that differ by the fewest edits: a letter put in, left out or replaced, or two that change places. More
        than three, or more than a third of the letters, are too many. Else those that begin with what was written, or
        have it as their last word. Empty where there are none, or more than three.

    Examples
    --------
    >>> closest("sigmiod", ["tanh", "sigmoid"]), closest("beta", ["beta1", "beta2"])
    (('sigmoid',), ('beta1', 'beta2'))
    >>> closest("rate", ["learning_rate", "momentum"]), closest("kaiming_uniform", ["xavier_uniform", "uniform"])
    (('learning_rate',), ())
    """
    written = folded(name)
    if not 0 < len(written) <= _LONGEST:
        return ()
    known = {each: folded(each) for each in names}
    found: list[str] = []
    least = len(written)
    for each, letters in known.items():
        most = min(least, max(len(written), len(letters)) // 3, _MOST_EDITS)
        edits = _edits(written, letters, most)
        if edits > most:
            continue
        if edits < least:
            found, least = [], edits
        found.append(each)
    if not found and len(written) >= _SHORTEST_PART:
        last_word = re.compile(rf"[\W_]{re.escape(name)}$", re.IGNORECASE)
        found = [each for each in known if known[each].startswith(written) or last_word.search(each)]
    return tuple(found) if len(found) <= _MOST_NAMES else ()


def _edits(a: str, b: str, most: int) -> int:
    """Optimal string alignment distance (Damerau 1964): letters put in, left out, replaced, or swapped with the next.

    Beyond `most` only that it is more is told.
    """
    if abs(len(a) - len(b)) > most:
        return most + 1
    before, last = [0] * (len(b) + 1), list(range(len(b) + 1))
    for i, letter in enumerate(a, 1):
        line = [i]
        for j, other in enumerate(b, 1):
            cost = min(last[j] + 1, line[-1] + 1, last[j - 1] + (letter != other))
            if i > 1 and j > 1 and letter == b[j - 2] and a[i - 2] == other:
                cost = min(cost, before[j - 2] + 1)
            line.append(cost)
        if min(line) > most:
            return most + 1
        before, last = last, line
    return last[-1]


def nearest(name: object, names: Iterable[str]) -> str:
    """Tail of a message that names the closest known names; empty when nothing is close.

    Examples
    --------
    >>> nearest("sigmiod", ["tanh", "sigmoid"])
    "; did you mean 'sigmoid'?"
    >>> nearest("hello", ["tanh", "sigmoid"])
    ''
    """
    return did_you_mean(closest(str(name), names))


def did_you_mean(names: Sequence[str]) -> str:
    """`; did you mean 'a'?`, `; did you mean 'a', 'b' or 'c'?`; empty without names."""
    quoted = [f"'{name}'" for name in names]
    return f"; did you mean {' or '.join(filter(None, [', '.join(quoted[:-1]), quoted[-1]]))}?" if quoted else ""
