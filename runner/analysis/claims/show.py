"""Claims and their verdicts as a table."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any, TextIO

from runner.analysis.claims.verdict import CONFIDENCE, Checked
from runner.printed import Writer
from runner.terminal import counted, number, page, page_width, table, visible

_SOURCE = 16
_NARROWEST = 24
_STYLES = {"holds": "green", "fails": "bold red", "undecided": "yellow", "no runs": "bold red"}


def show(checked: Sequence[Checked], stream: TextIO | None = None) -> None:
    """Print claims.

    Parameters
    ----------
    checked : sequence of Checked
    stream : file
        Default stdout; plain text when it is no terminal.
    """
    with page(stream) as console:
        write(checked, console, page_width(stream))


def write(checked: Sequence[Checked], writer: Writer, width: int) -> None:
    """Write claims and their verdicts.

    Parameters
    ----------
    checked : sequence of Checked
    writer : Writer
    width : int
        Columns of the page.
    """
    writer.print(_table(checked, width))
    if remarks := _remarks(checked):
        writer.print("")
        for line in remarks:
            writer.print(line)
    writer.print("")
    writer.print(summary(checked))


def _table(checked: Sequence[Checked], width: int) -> Any:
    from rich.text import Text

    texts = [
        (each.claim.expect.text, *found_in_words(each), each.verdict, visible(each.claim.source)) for each in checked
    ]
    headings = ("expected", "found", f"{CONFIDENCE:.0%} interval", "verdict", "source")
    *widths, source = [max(map(len, column)) for column in zip(headings, *texts, strict=True)]
    with_source = any(row[-1] for row in texts)
    source = min(source, _SOURCE) if with_source else 0
    claim = max(width - sum(widths) - 2 * len(widths) - (source + 2 if with_source else 0) - 2, _NARROWEST)
    shown = 6 if with_source else 5
    rows = table("claim", *headings[: shown - 1], align="llrrll"[:shown], wrapped={0, 5})
    for column, wide in zip(rows.columns, (claim, *widths, source), strict=False):
        column.width = wide
    for each, row in zip(checked, texts, strict=True):
        name = Text.assemble(visible(each.claim.name), "\n  ", (each.claim.statistic.text, "dim"))
        verdict = Text(each.verdict, style=_STYLES[each.verdict])
        rows.add_row(*(name, *row[:3], verdict, row[4])[:shown])
    return rows


def found_in_words(each: Checked) -> tuple[str, str]:
    """The number and its interval, with as many digits as tell them from the bounds of the claim."""

    def text(value: float) -> str:
        return number(value, beside=each.claim.expect.bounds)

    if each.exact:
        return text(each.estimate), "exact"
    if math.isnan(each.low):
        return text(each.estimate), ""
    return text(each.estimate), " to ".join(dict.fromkeys((text(each.low), text(each.high))))


def _remarks(checked: Sequence[Checked]) -> list[str]:
    """What is to be known about claims that do not simply hold, and about runs without a number."""
    return [visible(f"{each.claim.name}: {'; '.join(each.notes)}") for each in checked if each.notes]


def summary(checked: Sequence[Checked]) -> str:
    """`3 claims: 2 hold, 1 undecided`."""
    counts = Counter(each.verdict for each in checked)
    words = {
        "holds": ("holds", "hold"),
        "fails": ("fails", "fail"),
        "undecided": ("is undecided", "are undecided"),
        "no runs": ("is about runs that there are not", "are about runs that there are not"),
    }
    parts = [f"{counts[verdict]} {words[verdict][counts[verdict] > 1]}" for verdict in words if counts[verdict]]
    return f"{counted(len(checked), 'claim')}: {', '.join(parts)}"
