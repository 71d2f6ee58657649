"""How things are shown: the one way to write each kind of number and list, a table, and a page."""

from __future__ import annotations

import io
import math
import os
import re
import sys
from collections.abc import Container, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

_WIDEST, _NARROWEST = 100, 60
_ENDLESS = 10_000
_LONGEST_VALUE = 40
_DIGITS = 4
_ALL_DIGITS = 17  # tell any two numbers of float64 apart


def page_width(stream: TextIO | None = None) -> int:
    """Columns of a page: those of the terminal, from 60 to 100; 100 in a file or a pipe.

    Parameters
    ----------
    stream : file
        Default stdout.
    """
    try:
        columns = os.get_terminal_size((stream or sys.stdout).fileno()).columns
    except (OSError, ValueError):
        return _WIDEST
    return min(max(columns, _NARROWEST), _WIDEST)


@contextmanager
def page(stream: TextIO | None = None, width: int | None = None) -> Iterator[Console]:
    """A console whose lines are written when the block ends.

    A table that does not fit is as wide as it has to be, and the terminal breaks its lines: no number loses a digit.

    Parameters
    ----------
    stream : file
        Default stdout; plain text when it is no terminal.
    width : int, optional
        Columns; default those of the stream.
    """
    from rich.console import Console
    from rich.measure import Measurement
    from rich.table import Table

    class Page(Console):
        def print(self, *parts: Any, **how: Any) -> None:
            usual = self.width
            for part in parts:
                if isinstance(part, Table):
                    _keep_whole(part)
                    least = Measurement.get(self, self.options.update_width(_ENDLESS), part).minimum
                    self.width = max(self.width, least)
            super().print(*parts, **how)
            self.width = usual

    stream = stream or sys.stdout
    text = io.StringIO()
    width = page_width(stream) if width is None else width
    yield Page(file=text, width=width, force_terminal=stream.isatty(), highlight=False, markup=False)
    lines = visible(text.getvalue(), styled=stream.isatty()).splitlines()
    stream.write("".join(line.rstrip() + "\n" for line in lines))
    stream.flush()


def _keep_whole(rows: Table) -> None:
    """Let the columns that may not take several lines be no narrower than what stands in them."""
    for column in rows.columns:
        if column.no_wrap:
            texts = (str(text) for text in (column.header, *column.cells))
            column.min_width = max(len(line) for text in texts for line in (text.splitlines() or [""]))


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


def one_line(text: str) -> str:
    """As `visible`, in a single line: what is told about a text or the name of a file that has line breaks.

    Examples
    --------
    >>> print(one_line("2-2-1\\n"))
    2-2-1\\n
    """
    return visible(text).replace("\n", "\\n")


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


def percent(share: float, digits: int = 1) -> str:
    """A share between 0 and 1; some never look like none, nor like all.

    Examples
    --------
    >>> percent(0.5), percent(0.0001), percent(0.9999), percent(1)
    ('50.0%', '<0.1%', '>99.9%', '100.0%')
    >>> percent(0.47, 0), percent(0.004, 0)
    ('47%', '<1%')
    """
    text = f"{100 * share:.{digits}f}%"
    if share > 0 and text == f"{0:.{digits}f}%":
        return f"<{10**-digits:.{digits}f}%"
    if share < 1 and text == f"{100:.{digits}f}%":
        return f">{100 - 10**-digits:.{digits}f}%"
    return text


def number(value: float, beside: Iterable[float] = (), digits: int = _DIGITS) -> str:
    """A measured number with four digits, or with as many as show on which side of some bounds it lies.

    Parameters
    ----------
    value : float
        NaN gives an empty text.
    beside : iterable of float
        What the reader compares it with.
    digits : int
        How many there are at least.

    Examples
    --------
    >>> number(0.012345), number(12345.6), number(0.0078650549, [0.007865055])
    ('0.01235', '12,346', '0.0078650549')
    """
    if math.isnan(value):
        return ""
    bounds = [bound for bound in beside if bound != value]
    for n in range(digits, _ALL_DIGITS):
        text = _with_digits(value, n)
        if all(_with_digits(bound, n) != text for bound in bounds):
            return text
    return repr(value)


def _with_digits(value: float, digits: int) -> str:
    """A number with so many significant digits, but for those before the decimal point, which all stand there."""
    if not math.isfinite(value) or abs(value) >= 1e9:
        return f"{value:.{digits - 1}g}"
    if value == int(value):
        return f"{value:,.0f}"
    if abs(value) >= 1e4:
        return f"{value:,.{max(digits - len(str(int(abs(value)))), 0)}f}"
    return f"{value:.{digits}g}"


class Shortener:
    """Writes the values of an axis as people do: each in a short text that no other value of the axis has.

    Parameters
    ----------
    values : sequence of str
        All values, as they stand in a table; empty for none.

    Examples
    --------
    >>> short = Shortener(["0.1", "0.46415888336127786", "10.0", "he_normal", ""])
    >>> [short(text) for text in ("0.46415888336127786", "10.0", "he_normal", "")]
    ['0.4642', '10', 'he_normal', 'none']
    >>> Shortener(["0.46415", "0.46416"])("0.46415")
    '0.46415'
    """

    def __init__(self, values: Sequence[str]) -> None:
        self._values = values

    def __call__(self, text: str) -> str:
        if not text:
            return "none"
        if (value := _as_number(text)) is None:
            line = visible(" ".join(text.split()))
            return line if len(line) <= self._length else f"{line[: self._length - 3]}..."
        return text if text.lstrip("-").isdigit() else _plain(value, self._digits)

    @cached_property
    def _digits(self) -> int:
        """Digits that tell all numbers apart: of sorted ones, the neighbours."""
        found = {value for text in self._values if text and (value := _as_number(text)) is not None}
        alike = list(pairwise(sorted(found)))
        for digits in range(_DIGITS, _ALL_DIGITS):
            alike = [(a, b) for a, b in alike if float(_plain(a, digits)) == float(_plain(b, digits))]
            if not alike:
                return digits
        return _ALL_DIGITS

    @cached_property
    def _length(self) -> int:
        """How much of a long text is shown: all of it where the beginning is that of another value as well."""
        texts = {visible(" ".join(text.split())) for text in self._values if text and _as_number(text) is None}
        beginnings = {text[: _LONGEST_VALUE - 3] for text in texts}
        return _LONGEST_VALUE if len(beginnings) == len(texts) else max(map(len, texts))


def _as_number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _plain(value: float, digits: int) -> str:
    """A number with so many digits, and no exponent where people write none."""
    if math.isfinite(value) and abs(value) < 1e9:
        if value == int(value):
            return f"{value:.0f}"
        digits = max(digits, len(str(int(abs(value)))))
    return f"{value:.{digits}g}"


def counted(n: int, one: str, many: str = "") -> str:
    """`1 seed`, `2,000 seeds`; `many` is the plural where it takes more than an s."""
    return f"{n:,} {one if n == 1 else many or one + 's'}"


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


def show_markdown(text: str) -> None:
    """Show a text in Markdown: laid out in a pager where somebody looks at it, as it is where a program reads it."""
    if not sys.stdout.isatty():
        print(text, end="")
        return
    from rich.console import Console
    from rich.markdown import Markdown

    console = Console()
    with console.pager(styles=True):
        console.print(Markdown(text))
