"""A page of results: laid out in full, then written to a terminal or a file at once."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from runner.errors import visible

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
