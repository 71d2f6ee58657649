"""The table at the end of a run: outcomes, and by the value of each axis what share converged and how well runs did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from numpy.typing import NDArray

from runner.analysis.streamed import Division, StreamedTable
from runner.analysis.tally import Group, Tallied, Tally, are_numbers, merged, tally_table
from runner.printed import Printed, Writer
from runner.results.manifest import in_parts
from runner.statistics.shares import Median, Share, median_over_seeds, share_over_seeds, totals
from runner.terminal import Shortener, counted, duration, listed, number, page, percent, table

_MOST_ROWS = 12
# What the medians are of, in a sentence and above a narrow column.
_WORDS = {"accuracy": "accuracy", "final_loss": "loss", "test_accuracy": "test accuracy"}
_HEADINGS = {"accuracy": "accuracy", "final_loss": "loss", "test_accuracy": "test"}
Rows = NDArray[np.int32]


@dataclass(frozen=True)
class Level:
    """The runs with one value of an axis, or with neighbouring values of it.

    Attributes
    ----------
    group : Group
        The values.
    share : Share
        How many of them converged.
    medians : mapping of str to Median
        Of `accuracy`, `final_loss` and `test_accuracy`, as far as the table has them.
    """

    group: Group
    share: Share
    medians: Mapping[str, Median]


@dataclass(frozen=True)
class AxisSummary:
    """Runs by one axis.

    Attributes
    ----------
    key : str
        The column.
    levels : tuple of Level
        One for each value, or for ranges of values when there are thousands.
    shown : tuple of pairs of str and (Level or None)
        At most twelve lines: neighbouring numbers together, else the middle left out.
    """

    key: str
    levels: tuple[Level, ...]
    shown: tuple[tuple[str, Level | None], ...]


@dataclass(frozen=True, repr=False)
class Summary(Printed):
    """What a table says in short.

    Attributes
    ----------
    name : str
        Of the study.
    path : Path
        The table.
    outcomes : mapping of str to Level
        Runs by outcome, the most frequent first.
    everything : Level
        All runs.
    axes : tuple of AxisSummary
        Every axis with more than one value.
    planned : int or None
        Runs of the study, which may have fewer rows yet; None when it is not known.
    """

    name: str
    path: Path
    outcomes: Mapping[str, Level]
    everything: Level
    axes: tuple[AxisSummary, ...]
    planned: int | None = None

    @property
    def runs(self) -> int:
        """Rows of the table."""
        return int(self.everything.share.runs)

    def __repr__(self) -> str:
        share = percent(self.everything.share.rate) if self.runs else "none"
        return f"<Summary of {self.name}: {counted(self.runs, 'run')}, {share} converged>"

    def write_page(self, writer: Writer) -> None:
        """Write the page of `report`."""
        of = f"{self.runs:,} of " if self.planned is not None and self.planned > self.runs else ""
        writer.print(f"{self.name}: {of}{counted(max(self.runs, self.planned or 0), 'run')}\n", style="bold")
        if self.runs:
            writer.print(_outcome_table(self), "")
            writer.print(_rate_table(self), "")
            if self.everything.medians:
                names = listed([_WORDS[name] for name in self.everything.medians], "and")
                writer.print(f"{names}: medians over the runs, at the end of their training\n")
        # Paths are to be copied, so they are never broken into lines.
        writer.print(f"results: {self.path}", soft_wrap=True)


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
    if in_parts(path):
        return _summarize_parts(path, axes, planned)
    tallied = tally_table(path, axes)
    outcomes = {level.group.first: level for level in _Levels(tallied, tallied.outcomes).each()}
    ordered = sorted(outcomes.items(), key=lambda item: (-item[1].share.runs, item[0]))
    everything = _level(tallied, Group("", "", ()), slice(None))
    found = (_axis(_Levels(tallied, tally)) for tally in tallied.axes if len(tally.groups()) > 1)
    return Summary(path.parent.name, path, dict(ordered), everything, tuple(found), planned)


def _summarize_parts(path: Path, axes: Sequence[str] | None, planned: int | None) -> Summary:
    """The same of a table that need not fit into memory."""
    table = StreamedTable(path, axes)
    everything = Tally("")
    everything.see([""])
    varied = [tally for tally in table.axes if len(tally.groups()) > 1]
    lines = [shortened(tally.groups()) for tally in varied]
    ranges = [[group for _, group in each if group and len(group.codes) > 1] for each in lines]
    divisions = [Division(tally, tally.groups()) for tally in (everything, table.outcomes, *varied)]
    divisions += [Division(tally, groups) for tally, groups in zip(varied, ranges, strict=True)]
    (whole,), outcomes, *others = [
        [Level(group, each.share, each.medians) for group, each in zip(division.groups, counted, strict=True)]
        for division, counted in zip(divisions, table.count(divisions), strict=True)
    ]
    ordered = sorted(outcomes, key=lambda level: (-level.share.runs, level.group.first))
    found = []
    for tally, shown, levels, of_ranges in zip(varied, lines, others, others[len(varied) :], strict=False):
        known = {level.group: level for level in (*levels, *of_ranges)}
        rows = tuple((label, known[group] if group else None) for label, group in shown)
        found.append(AxisSummary(tally.name, tuple(levels), rows))
    whole = Level(Group("", "", ()), whole.share, whole.medians)
    return Summary(path.parent.name, path, {each.group.first: each for each in ordered}, whole, tuple(found), planned)


class _Levels:
    """The rows of a table by the values of one column."""

    def __init__(self, tallied: Tallied, tally: Tally) -> None:
        self.name = tally.name
        self.groups = tally.groups()
        self._tallied = tallied
        self._order = np.argsort(tally.codes, kind="stable").astype(np.int32)
        self._bounds = np.concatenate([[0], np.cumsum(np.bincount(tally.codes))])

    def level(self, group: Group) -> Level:
        """What became of the runs of a group."""
        parts = [self._order[self._bounds[code] : self._bounds[code + 1]] for code in group.codes]
        return _level(self._tallied, group, np.concatenate(parts))

    def each(self) -> tuple[Level, ...]:
        """Every value, or range of values."""
        return tuple(map(self.level, self.groups))


def _axis(levels: _Levels) -> AxisSummary:
    each = levels.each()
    known = {level.group: level for level in each}

    def level(group: Group | None) -> Level | None:
        return None if group is None else known.get(group) or levels.level(group)

    shown = tuple((label, level(group)) for label, group in shortened(levels.groups))
    return AxisSummary(levels.name, each, shown)


def _level(tallied: Tallied, group: Group, rows: Rows | slice) -> Level:
    """What became of some rows."""
    seeds = tallied.seeds[rows]
    n = int(seeds.max(initial=-1)) + 1
    runs = totals(seeds, n)
    share = share_over_seeds(totals(seeds, n, tallied.converged[rows]), runs, tallied.exact)
    medians = {}
    for name, column in tallied.numbers.items():
        values = column[rows]
        if len(values) and not np.isnan(values).all():
            medians[name] = median_over_seeds(values, seeds, tallied.exact)
    return Level(group, share, medians)


def as_json(summary: Summary, timings: Mapping[str, Any]) -> dict[str, Any]:
    """The summary as numbers for another program."""
    return {
        "name": summary.name,
        "runs": summary.runs,
        "planned": summary.planned,
        "outcomes": {name: int(level.share.runs) for name, level in summary.outcomes.items()},
        "outcome_medians": {name: _medians(level) for name, level in summary.outcomes.items()},
        "converged": _rate(summary.everything),
        "axes": {axis.key: [_labels(level.group) | _rate(level) for level in axis.levels] for axis in summary.axes},
        "results": str(summary.path),
        **timings,
    }


def _rate(level: Level) -> dict[str, Any]:
    share = level.share
    counts = {"runs": int(share.runs), "converged": int(share.hits)}
    rate = share.rate if share.runs else None
    return counts | {"rate": rate, "low": share.low, "high": share.high} | _medians(level)


def _medians(level: Level) -> dict[str, Any]:
    return {f"median_{name}": median.as_json() for name, median in level.medians.items()}


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
        summary.write_page(console)
        if closing:
            console.print(closing)


def _outcome_table(summary: Summary) -> Any:
    names = tuple(summary.everything.medians)
    headings = (f"median {name}" for name in names)
    rows = table("outcome", "runs", "share", *headings, align="lrr" + "r" * len(names))
    for outcome, level in summary.outcomes.items():
        runs = level.share.runs
        rows.add_row(outcome, f"{runs:,.0f}", percent(runs / summary.runs), *_median_cells(level, names))
    return rows


def _rate_table(summary: Summary) -> Any:
    # The columns are narrow enough for a terminal of 80; medians have their names in the table above.
    names = tuple(summary.everything.medians)
    headings = (_HEADINGS[name] for name in names)
    rows = table(
        "converged by", "", "runs", "share", "95% interval", *headings, align="llrrr" + "r" * len(names), wrapped={1}
    )
    rows.add_row("all runs", "", *_cells(summary.everything, names))
    for axis in summary.axes:
        rows.add_row()
        for i, (value, level) in enumerate(axis.shown):
            rows.add_row("" if i else axis.key, value, *(_cells(level, names) if level else ()))
    return rows


def _cells(level: Level, names: Sequence[str]) -> tuple[str, ...]:
    share = level.share
    between = "exact" if share.low == share.high else f"{percent(share.low)} to {percent(share.high)}"
    return f"{share.runs:,.0f}", percent(share.rate), between, *_median_cells(level, names)


def _median_cells(level: Level, names: Sequence[str]) -> list[str]:
    return [number(level.medians[name].value, digits=3) if name in level.medians else "" for name in names]


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


def closing_line(seconds: float, runs: int) -> str:
    """What a session took."""
    rate = runs / seconds if seconds else 0.0
    return f"trained {counted(runs, 'run')} in {duration(seconds)}: {rate:,.{0 if rate >= 10 else 2}f} runs/s"
