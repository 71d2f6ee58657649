"""A page of results: laid out in full, then written to a terminal or a file at once."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from rich.console import Console


WIDTH = 100


@contextmanager
def page(stream: TextIO | None = None) -> Iterator[Console]:
    """A console whose lines are written when the block ends.

    Parameters
    ----------
    stream : file
        Default stdout; plain text when it is no terminal.
    """
    from rich.console import Console

    stream = stream or sys.stdout
    text = io.StringIO()
    yield Console(file=text, width=WIDTH, force_terminal=stream.isatty(), highlight=False, markup=False)
    lines = visible(text.getvalue(), styled=stream.isatty()).splitlines()
    stream.write("".join(line.rstrip() + "\n" for line in lines))
    stream.flush()


# Control characters but for tabs and line ends, those that turn the direction of text, and halves of characters.
_UNSEEN = (
    "[\\x00-\\x08\\x0b-\\x1a\\x1c-\\x1f\\x7f-\\x9f\\u061c\\u200e\\u200f\\u2028-\\u202e\\u2066-\\u2069\\ud800-\\udfff]"
)
_PLAIN = re.compile(f"{_UNSEEN}|\\x1b")
_STYLED = re.compile(f"{_UNSEEN}|\\x1b(?!\\[[0-9;]*m)")


def visible(text: str, styled: bool = False) -> str:
    """Text for a terminal, in which what a study or a table says does nothing to it.

    Parameters
    ----------
    text : str
        May hold names and values of a user's files.
    styled : bool
        Whether colours are left as they are.

    Examples
    --------
    >>> print(visible("sig\\x1b[2Jmoid"))
    sig\\x1b[2Jmoid
    """
    return (_STYLED if styled else _PLAIN).sub(lambda found: ascii(found[0])[1:-1], text)


def duration(seconds: float) -> str:
    """A time in words: `0.42 s`, `12.3 s`, `2 min 5 s`, `3 h 20 min`."""
    if seconds < 60:
        return f"{seconds:.{2 if seconds < 10 else 1}f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"
