"""Claims and their verdicts as a table."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any, TextIO

from runner.analysis.claims.verdict import CONFIDENCE, Checked
from runner.terminal import WIDTH, page, visible

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
        console.print(_table(checked))
        if remarks := _remarks(checked):
            console.print("")
            for line in remarks:
                console.print(line)
        console.print("")
        console.print(summary(checked))


def _table(checked: Sequence[Checked]) -> Any:
    from rich.table import Table
    from rich.text import Text

    rows = [
        (each.claim.expect.text, number(each.estimate), interval(each), each.verdict, visible(each.claim.source))
        for each in checked
    ]
    headings = ("expected", "found", f"{CONFIDENCE:.0%} interval", "verdict", "source")
    *widths, source = [max(map(len, column)) for column in zip(headings, *rows, strict=True)]
    with_source = any(row[-1] for row in rows)
    source = min(source, _SOURCE) if with_source else 0
    claim = max(WIDTH - sum(widths) - 2 * len(widths) - (source + 2 if with_source else 0) - 2, _NARROWEST)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("claim", overflow="fold", width=claim)
    for heading, width, justify in zip(headings, widths, ("left", "right", "right", "left"), strict=False):
        table.add_column(heading, justify=justify, no_wrap=True, width=width)  # type: ignore[arg-type]
    if with_source:
        table.add_column("source", overflow="fold", width=source)
    for each, row in zip(checked, rows, strict=True):
        name = Text.assemble(visible(each.claim.name), "\n  ", (each.claim.statistic.text, "dim"))
        verdict = Text(each.verdict, style=_STYLES[each.verdict])
        table.add_row(*(name, *row[:3], verdict, row[4])[: len(table.columns)])
    return table


def interval(each: Checked) -> str:
    """The interval as it is shown; empty where there is none."""
    if each.exact:
        return "exact"
    if math.isnan(each.low):
        return ""
    return " to ".join(dict.fromkeys((number(each.low), number(each.high))))


def number(value: float) -> str:
    """A number with few digits."""
    if math.isnan(value):
        return ""
    if math.isfinite(value) and (value == int(value) or abs(value) >= 1e4):
        return f"{value:,.0f}" if abs(value) < 1e9 else f"{value:.3g}"
    return f"{value:.4g}"


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
    return f"{len(checked)} claim{'' if len(checked) == 1 else 's'}: {', '.join(parts)}"
