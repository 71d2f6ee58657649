"""The table at the end of a run: outcomes, and the share that converged by the value of each axis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from runner.analysis.intervals import wilson
from runner.analysis.tally import Group, are_numbers, count, merged
from runner.terminal import Shortener, counted, duration, page, percent, table

_MOST_ROWS = 12


@dataclass(frozen=True)
class AxisSummary:
    """Convergence by one axis.

    Attributes
    ----------
    key : str
        The column.
    groups : tuple of Group
        One for each value, or for ranges of values when there are thousands.
    """

    key: str
    groups: tuple[Group, ...]


@dataclass(frozen=True)
class Summary:
    """What a table says in short.

    Attributes
    ----------
    name : str
        Of the study.
    path : Path
        The table.
    outcomes : mapping of str to int
        Runs by outcome, the most frequent first.
    converged : int
        Runs whose criterion holds at the end.
    axes : tuple of AxisSummary
        Every axis with more than one value.
    planned : int or None
        Runs of the study, which may have fewer rows yet; None when it is not known.
    """

    name: str
    path: Path
    outcomes: Mapping[str, int]
    converged: int
    axes: tuple[AxisSummary, ...]
    planned: int | None = None

    @property
    def runs(self) -> int:
        """Rows of the table."""
        return sum(self.outcomes.values())


def summarize(path: Path, axes: Sequence[str] | None = None, planned: int | None = None) -> Summary:
    """Summary of a table, in one pass.

    Parameters
    ----------
    path : Path
        `runs.csv` of a study.
    axes : sequence of str, optional
        Keys that the study sweeps; when not given, those that have more than one value in the table.
    planned : int, optional
        Runs of the study, where that is known.
    """
    outcomes, converged, tallies = count(path, axes)
    found = (AxisSummary(tally.name, tuple(tally.groups())) for tally in tallies)
    ordered = dict(sorted(outcomes.items(), key=lambda item: (-item[1], item[0])))
    varied = tuple(axis for axis in found if len(axis.groups) > 1)
    return Summary(path.parent.name, path, ordered, converged, varied, planned)


def as_json(summary: Summary, timings: Mapping[str, Any]) -> dict[str, Any]:
    """The summary as numbers for another program."""
    return {
        "name": summary.name,
        "runs": summary.runs,
        "planned": summary.planned,
        "outcomes": dict(summary.outcomes),
        "converged": _rate(summary.converged, summary.runs),
        "axes": {
            axis.key: [_labels(group) | _rate(group.converged, group.runs) for group in axis.groups]
            for axis in summary.axes
        },
        "results": str(summary.path),
        **timings,
    }


def _rate(converged: int, runs: int) -> dict[str, Any]:
    low, high = wilson(converged, runs)
    rate = converged / runs if runs else None
    return {"runs": runs, "converged": converged, "rate": rate, "low": low, "high": high}


def _labels(group: Group) -> dict[str, str]:
    return {"value": group.first} if group.first == group.last else {"from": group.first, "to": group.last}


def show(summary: Summary, closing: str, stream: TextIO | None = None) -> None:
    """Print the summary.

    Parameters
    ----------
    summary : Summary
        What is printed.
    closing : str
        A line of its own below, about the time it took.
    stream : file
        Default stdout; plain text when it is no terminal.
    """
    with page(stream) as console:
        of = f"{summary.runs:,} of " if summary.planned is not None and summary.planned > summary.runs else ""
        console.print(f"{summary.name}: {of}{counted(max(summary.runs, summary.planned or 0), 'run')}\n", style="bold")
        if summary.runs:
            console.print(_outcome_table(summary), "")
            console.print(_rate_table(summary), "")
        # Paths are to be copied, so they are never broken into lines.
        console.print(f"results: {summary.path}", soft_wrap=True)
        if closing:
            console.print(closing)


def _outcome_table(summary: Summary) -> Any:
    rows = table("outcome", "runs", "share", align="lrr")
    for outcome, runs in summary.outcomes.items():
        rows.add_row(outcome, f"{runs:,}", percent(runs / summary.runs))
    return rows


def _rate_table(summary: Summary) -> Any:
    rows = table("converged by", "", "runs", "share", "95% interval", align="llrrr")
    rows.add_row("all runs", "", *_cells(summary.converged, summary.runs))
    for axis in summary.axes:
        rows.add_row()
        for i, (value, group) in enumerate(shortened(axis.groups)):
            cells = _cells(group.converged, group.runs) if group else ()
            rows.add_row("" if i else axis.key, value, *cells)
    return rows


def shortened(groups: Sequence[Group]) -> list[tuple[str, Group | None]]:
    """At most twelve lines for an axis: neighbouring numbers added up, else the middle left out."""
    short = Shortener([text for group in groups for text in (group.first, group.last)])

    def label(group: Group) -> str:
        return " to ".join(dict.fromkeys((short(group.first), short(group.last))))

    if len(groups) <= _MOST_ROWS:
        return [(label(group), group) for group in groups]
    if are_numbers([group.first for group in groups]):
        # The least and the greatest value stay on their own: there an axis ends, or ought to go on.
        inner = merged(groups[1:-1], _MOST_ROWS - 2)
        return [(label(group), group) for group in (groups[0], *inner, groups[-1])]
    head, tail = _MOST_ROWS // 2, _MOST_ROWS - _MOST_ROWS // 2 - 1
    left_out = len(groups) - head - tail
    lines: list[tuple[str, Group | None]] = [(label(group), group) for group in groups[:head]]
    lines.append((f"... {left_out:,} more", None))
    return lines + [(label(group), group) for group in groups[-tail:]]


def _cells(converged: int, runs: int) -> tuple[str, str, str]:
    low, high = wilson(converged, runs)
    return f"{runs:,}", percent(converged / runs), f"{percent(low)} to {percent(high)}"


def closing_line(seconds: float, runs: int) -> str:
    """What a session took."""
    rate = runs / seconds if seconds else 0.0
    return f"trained {counted(runs, 'run')} in {duration(seconds)}: {rate:,.{0 if rate >= 10 else 2}f} runs/s"
