"""What callers of the public functions give, checked before anything is done with it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from runner.study import Study


def path(name: str, value: Any) -> Path:
    """A file or a folder.

    Raises
    ------
    TypeError
        In these words: the argument, what was expected, what was found.
    """
    if not isinstance(value, str | os.PathLike):
        raise _unfit(name, "a str or a Path", value)
    return Path(value)


def study(name: str, value: Any) -> Study:
    """What `load` returns."""
    from runner.study import Study

    if not isinstance(value, Study):
        raise _unfit(name, "a Study, as load() returns it", value)
    return value


def texts(name: str, values: tuple[Any, ...]) -> tuple[str, ...]:
    """Each of them a text."""
    for value in values:
        if not isinstance(value, str):
            raise _unfit(name, "a str, 'key=value', each", value)
    return values


def text(name: str, value: Any) -> str | None:
    """A text or None."""
    if value is not None and not isinstance(value, str):
        raise _unfit(name, "a str or None", value)
    return value


def count(name: str, value: Any) -> int | None:
    """A whole number of at least 1, or None.

    Raises
    ------
    ValueError
        When it is less than 1.
    """
    if value is None:
        return None
    # NumPy's whole numbers are some too; True is not.
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise _unfit(name, "a whole number or None", value)
    if int(value) < 1:
        raise ValueError(f"{name}: expected a whole number of at least 1, found {value}")
    return int(value)


def threads(value: Any) -> int | None:
    """How many threads, or None."""
    from runner.arguments import MOST_THREADS

    n = count("threads", value)
    if n is not None and n > MOST_THREADS:
        raise ValueError(f"threads: expected at most {MOST_THREADS:,}, found {n:,}")
    return n


def _unfit(name: str, expected: str, value: Any) -> TypeError:
    return TypeError(f"{name}: expected {expected}, found {type(value).__name__}")
