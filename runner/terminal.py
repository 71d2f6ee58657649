"""How things are shown: the one way to write each kind of number and list, a table, and a page."""

from __future__ import annotations

import io
import math
import re
import sys
from collections.abc import Container, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

WIDTH = 100
_LONGEST_VALUE = 40


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


def table(*headings: str, align: str, wrapped: Container[int] = ()) -> Table:
    """An empty table without lines.

    Parameters
    ----------
    *headings : str
    align : str
        A letter for each column: `l` where texts begin at the left, `r` where numbers end at the right.
    wrapped : container of int
        Columns whose texts may take several lines.
    """
    from rich.table import Table

    empty = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for i, (heading, side) in enumerate(zip(headings, align, strict=True)):
        empty.add_column(heading, justify="right" if side == "r" else "left", no_wrap=i not in wrapped, overflow="fold")
    return empty


def percent(share: float) -> str:
    """A share between 0 and 1 with one digit; some never look like none, nor like all.

    Examples
    --------
    >>> percent(0.5), percent(0.0001), percent(0.9999), percent(1)
    ('50.0%', '<0.1%', '>99.9%', '100.0%')
    """
    text = f"{100 * share:.1f}%"
    if text == "0.0%" and share > 0:
        return "<0.1%"
    return ">99.9%" if text == "100.0%" and share < 1 else text


def number(value: float) -> str:
    """A measured number with four digits; empty where there is none.

    Examples
    --------
    >>> number(0.012345), number(12345.6), number(float("nan"))
    ('0.01235', '12,346', '')
    """
    if math.isnan(value):
        return ""
    if math.isfinite(value) and (value == int(value) or abs(value) >= 1e4):
        return f"{value:,.0f}" if abs(value) < 1e9 else f"{value:.3g}"
    return f"{value:.4g}"


def short(text: str, digits: int = 5) -> str:
    """A value of a key as people write it: a number with few digits, anything else on one line and not too long.

    Parameters
    ----------
    text : str
        As it stands in a table; empty for none.
    digits : int
        Significant digits of a number that is not whole.

    Examples
    --------
    >>> short("0.46415888"), short("10000"), short("he_normal"), short("")
    ('0.46416', '10000', 'he_normal', '(none)')
    """
    if not text:
        return "(none)"
    try:
        return text if text.lstrip("-").isdigit() else f"{float(text):.{digits}g}"
    except ValueError:
        line = visible(" ".join(text.split()))
        return line if len(line) <= _LONGEST_VALUE else line[: _LONGEST_VALUE - 3] + "..."


def counted(n: int, what: str) -> str:
    """`1 seed`, `2,000 seeds`."""
    return f"{n:,} {what}{'' if n == 1 else 's'}"


def listed(words: Sequence[str], last: str = "and") -> str:
    """`a`, `a and b`, `a, b and c`."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} {last} {words[-1]}"


def size(n_bytes: float) -> str:
    """A number of bytes in units of a thousand: `512 bytes`, `1.5 kB`, `20.0 MB`."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if n_bytes < 1000:
            return f"{n_bytes:.{0 if unit == 'bytes' or n_bytes >= 100 else 1}f} {unit}"
        n_bytes /= 1000
    return f"{n_bytes:,.1f} TB"


def duration(seconds: float) -> str:
    """A time in words: `0.42 s`, `12.3 s`, `2 min 5 s`, `3 h 20 min`."""
    if seconds < 60:
        return f"{seconds:.{2 if seconds < 10 else 1}f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"
