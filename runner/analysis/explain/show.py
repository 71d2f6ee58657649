"""An explanation as a page of plain text."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any, TextIO

import numpy as np

from runner.analysis.explain.anova import Effect
from runner.analysis.explain.answer import paragraphs
from runner.analysis.explain.counterfactuals import Change
from runner.analysis.explain.explanation import Explanation
from runner.analysis.explain.levels import GRID, MATCHED, MOST_VALUES, RANGES, FactorReport, Level, coarsened
from runner.analysis.explain.nearness import Nearness
from runner.analysis.explain.one_cell import CellReport
from runner.analysis.explain.wording import interval, median, medians, times
from runner.printed import Printed, Writer
from runner.terminal import counted, listed, page, percent, table

_LEAST = 0.02
_MOST_PAIRS = 4
_LEAST_SPAN = 0.05
_LEAST_REST = 0.005


@dataclass(frozen=True, repr=False)
class PrintedExplanation(Printed, Explanation):
    """An explanation that shows itself as the command `explain` does: what `runner.explain` gives."""

    @classmethod
    def of(cls, found: Explanation) -> PrintedExplanation:
        """The same explanation."""
        return cls(**{each.name: getattr(found, each.name) for each in fields(found)})

    def write_page(self, writer: Writer) -> None:
        """Write the page of `explain`."""
        _write(self, writer)

    def __repr__(self) -> str:
        return f"<Explanation of {self.name}: {counted(len(self.runs), 'run')}>"


def show(found: Explanation, stream: TextIO | None = None) -> None:
    """Print an explanation.

    Parameters
    ----------
    found : Explanation
    stream : file
        Default stdout; plain text when it is no terminal.
    """
    with page(stream) as console:
        _write(found, console)


def _write(found: Explanation, writer: Writer) -> None:
    writer.print(f"{found.name}\n", style="bold")
    for sentences in paragraphs(found):
        writer.print(" ".join(sentences))
    for heading, parts in _sections(found):
        writer.print(f"\n{heading}", style="bold")
        for part in parts:
            writer.print(part)
    if found.run is not None and found.run.next is not None:
        sweep = found.run.next
        runs = f"{counted(sweep.cells * sweep.seeds, 'run')}: {counted(sweep.cells, 'setting')}"
        writer.print(f"\nA sweep to try ({runs}, {counted(sweep.seeds, 'seed')} each)", style="bold")
        # A command is to be copied, so it is never broken into lines.
        writer.print(sweep.command, soft_wrap=True)


def _sections(found: Explanation) -> Iterable[tuple[str, list[Any]]]:
    if found.run is not None:
        yield "This run", [*found.run.words]
        if some := found.run.changes:
            told = _what_changes_are("seeds that failed with these settings", some)
            yield "What saves this seed, cheapest first", [told, _changes(some)]
    if found.cell is not None:
        if found.cell.steps:
            yield "From these settings, one change at a time", [*_steps(found.cell)]
        return
    yield f"What became of the {counted(len(found.runs), 'run')}", [_outcomes(found)]
    mixed = found.runs.converged.any() and not found.runs.converged.all()
    if found.nearness:
        yield "How near the runs came", [*_nearness(found.nearness)]
    if found.factors and mixed:
        yield "Which settings matter", [*_what_is_listed(found), _settings(found)]
    if found.effects is not None and (pairs := [e for e in found.effects.pairs if e.share >= _LEAST]):
        yield "Which settings depend on each other", [_pair(found, effect) for effect in pairs[:_MOST_PAIRS]]
    # What two would save is no news where three are needed.
    for size in sorted({min(found.changes, default=0), max(found.changes, default=0)} - {0}):
        some = found.changes[size]
        what = "one change" if size == 1 else f"{size} changes at once"
        told = _what_changes_are("failed runs", some)
        yield f"What would have saved the failed runs: {what}, cheapest first", [told, _changes(some)]
    if found.factors and mixed:
        yield "How to read this", _notes(found)


def _outcomes(found: Explanation) -> Any:
    rows = table("outcome", "share", "what it means, medians (95% interval), and what helps", align="lrl", wrapped={2})
    for each in found.outcomes:
        told = " ".join(filter(None, [each.meaning.what, medians(each.medians), each.helps]))
        rows.add_row(each.name, percent(each.share.rate), told)
    return rows


def _nearness(found: Sequence[Nearness]) -> Iterable[Any]:
    yield "Medians at the end of training by each value, whatever else is set, and their 95% intervals."
    names = list(found[0].values[0].medians)
    rows = table("setting", "value", *names, align="ll" + "l" * len(names), wrapped=range(1, 2 + len(names)))
    for each in found:
        for i, value in enumerate(each.values):
            cells = [median(value.medians[name]) for name in names]
            rows.add_row("" if i else each.factor, value.value, *cells)
    yield rows


def _steps(cell: CellReport) -> Iterable[Any]:
    yield (
        "Of each setting the value that helps most, on the seeds that were run with both: how many converge with it, "
        "how many converge here, how many with it alone (gained) and how many here alone (lost)."
    )
    rows = table("change", "seeds", "with it", "here", "gained", "lost", "average cost", align="lrrrrrr", wrapped={0})
    for step in cell.steps:
        numbers = int(step.share.runs), int(step.share.hits), step.before, step.saved, step.lost
        rows.add_row(step.label, *(f"{n:,}" for n in numbers), times(step.cost))
    yield rows


def _what_is_listed(found: Explanation) -> Iterable[str]:
    """What the columns of the settings hold, in words."""
    hows = {report.how for report in found.factors}
    of = "of the differences in success rate between"
    if GRID in hows:
        some = "all settings"
        if found.in_grid < found.n_cells:
            some = f"the {found.in_grid:,} settings that form a full grid"
        there = "in that grid" if found.in_grid < found.n_cells else "that was tried"
        fine = any(report.ranges for report in found.factors)
        ends = f" (or ranges, of a number with more than {MOST_VALUES} values)" if fine else ""
        yield (
            f"decides: the part {of} {some} that comes from this one alone. worst, best: the values{ends} with the "
            f"lowest and the highest success rate, averaged over everything else {there} (95% interval)."
        )
    if MATCHED in hows:
        yield (
            "points: how far the success rate with one of its values typically is from the mean of runs that agree in "
            "all else, in percentage points; then how far it is with its worst and its best value."
        )
    if RANGES in hows:
        yield (
            f"~: about what part {of} all settings goes with this one; then the success rates in its worst and its "
            "best range of values (95% interval)."
        )


def _settings(found: Explanation) -> Any:
    headings = (
        "setting",
        "points" if found.factors[0].how == MATCHED else "decides",
        "worst on average",
        "best on average",
    )
    rows = table(*headings, align="lrll", wrapped={2, 3})
    weighed = sorted(_weighed(found), key=lambda each: (each[0].how != GRID, -each[1]))
    for i, (report, share) in enumerate(weighed):
        ends = _level(report, report.worst), _level(report, report.best)
        if report.worst.order == report.best.order:
            ends = "all values do equally well", ""
        rows.add_row(report.factor.name, _weight(report, share), *ends)
        if report.how == GRID and (i + 1 == len(weighed) or weighed[i + 1][0].how != GRID):
            for row in _together(found):
                rows.add_row(*row)
    return rows


def _together(found: Explanation) -> Iterable[tuple[str, str]]:
    """What no setting makes alone, so that the parts of the grid add up."""
    if found.effects is not None and found.effects.total > 1e-6:
        pairs = sum(effect.share for effect in found.effects.pairs)
        for name, share in (("two settings together", pairs), ("three or more", found.effects.rest)):
            if share >= _LEAST_REST:
                yield name, percent(share, 0)


def _weighed(found: Explanation) -> list[tuple[FactorReport, float]]:
    shares = {effect.factors[0]: effect.share for effect in (found.effects.main if found.effects else ())}
    values = [
        shares[i] if report.how == GRID else report.typical if report.how == MATCHED else report.explained
        for i, report in enumerate(found.factors)
    ]
    return [(r, 0.0 if math.isnan(value) else value) for r, value in zip(found.factors, values, strict=True)]


def _weight(report: FactorReport, weight: float) -> str:
    if report.how == MATCHED:
        return f"{100 * weight:.1f} points"
    return f"{'' if report.how == GRID else '~'}{percent(weight, 0)}"


def _level(report: FactorReport, level: Level) -> str:
    if report.how != MATCHED:
        return f"{level.value}: {percent(level.share.rate)} ({interval(level.share)})"
    reach = f" +- {100 * level.reach:.1f}" if math.isfinite(level.reach) and level.reach else ""
    return f"{level.value}: {100 * level.lead:+.1f} points{reach}"


def _what_changes_are(what: str, some: Sequence[Change]) -> str:
    failed = f"{int(some[0].saved.runs):,}"
    told = "how many could be tried, how many of these it saves, and their share of all"
    return f"Of the {failed} {what}: {told} {failed}."


def _changes(some: Sequence[Change]) -> Any:
    headings = "change", "tried", "saved", "share of all", "95% interval", "average cost"
    rows = table(*headings, align="lrrrrr", wrapped={0})
    for change in some:
        share, saved = change.saved, f"{int(change.saved.hits):,}"
        numbers = f"{change.counterparts:,}", saved, percent(share.rate), interval(share), times(change.cost)
        rows.add_row(change.label, *numbers)
    return rows


def _pair(found: Explanation, effect: Effect) -> str:
    """How much one factor moves the rate at each end of the other."""
    runs = found.grid
    assert runs is not None
    # The one with fewer values tells how the other changes.
    by, of = sorted(effect.factors, key=lambda at: (runs.levels[at], at))
    (first, across), (second, down) = (coarsened(runs.factors[at], runs.codes[:, at]) for at in (of, by))
    shape = len(second.values), len(first.values)
    place = down * shape[1] + across
    size = shape[0] * shape[1]
    rates = (np.bincount(place, runs.converged, size) / np.bincount(place, minlength=size)).reshape(shape)
    spans = rates.max(axis=1) - rates.min(axis=1)
    low, high = int(spans.argmin()), int(spans.argmax())
    if spans[high] - spans[low] < _LEAST_SPAN:
        # It moves the rate as much everywhere, but elsewhere: the value that gains most tells where.
        value = int((rates.max(axis=0) - rates.min(axis=0)).argmax())
        places = int(rates[:, value].argmin()), int(rates[:, value].argmax())
        ends = [f"{percent(rates[i, value], 0)} {_at(second.label(i))}" for i in places]
        return f"{percent(effect.share, 0)}  {_at(first.label(value))}, the success rate is {listed(ends, 'but')}"
    ends = []
    for i in sorted((low, high)):
        best = f" (best: {first.short(int(rates[i].argmax()))})" if spans[i] >= _LEAST_SPAN else ""
        ends.append(f"by {_points(spans[i])} {_at(second.label(i))}{best}")
    return f"{percent(effect.share, 0)}  {first.name} moves the success rate {listed(ends)}"


def _points(span: float) -> str:
    text = f"{100 * span:.0f}"
    return {"0": "less than 1 point", "1": "1 point"}.get(text, f"{text} points")


def _at(label: str) -> str:
    return label if label.startswith(("with ", "without ")) else f"at {label}"


def _notes(found: Explanation) -> list[str]:
    """What the numbers mean, and what they are not."""
    notes = [_method(found)]
    if found.changes:
        shorter = any(factor.is_budget for factor in found.runs.factors)
        nor = ", nor on those that it would train for a shorter time" if shorter else ""
        notes.append(
            "A change is tried on every failed run that was also run with the new values, the same seed and all else "
            f"the same: not on those that have these values already{nor}. A change that saves no more than a cheaper "
            "one is not listed. Average cost: how many times as much the training with the change takes as that of "
            "the same runs without it; it is counted as epochs that were run x trained parameters."
        )
    if not found.runs.exact:
        many = found.runs.n_seeds > 1
        seeds = f"other seeds than these {found.runs.n_seeds:,}" if many else "another seed than this one"
        shared = "share the seeds" if many else "have the same seed"
        notes.append(
            f"A 95% interval says between which values the share would lie, had {seeds} been drawn. All settings "
            f"{shared}, so that more settings do not make an interval narrower."
        )
    return notes


def _method(found: Explanation) -> str:
    parts = [_grid_method(found)] if found.effects is not None else []
    matched = [report.factor.name for report in found.factors if report.how == MATCHED]
    if matched:
        beside = f"For {listed(matched)}" if parts else "Not every combination was run:"
        parts.append(
            f"{beside} only runs are compared that agree in the seed and in all other settings. Points are above or "
            "below the mean of such runs; the first number is their typical size (root mean square)."
        )
    if loose := [report.factor.name for report in found.factors if report.how == RANGES]:
        parts.append(
            f"For {listed(loose)} no runs agree in all other settings: ~ is an estimate from ranges of values, with "
            "all other settings mixed."
        )
    return " ".join(parts)


def _grid_method(found: Explanation) -> str:
    assert found.effects is not None
    assert found.grid is not None
    whole = "Every combination of the values was run"
    if found.in_grid < found.n_cells:
        on = {factor.name: factor.values for factor in found.grid.factors}
        beside = [
            (at, i)
            for at, factor in enumerate(found.runs.factors)
            for i, value in enumerate(factor.values)
            if factor.name in on and value not in on[factor.name]
        ]
        off_grid = np.any([found.runs.codes[:, at] == i for at, i in beside], axis=0) if beside else np.zeros(0)
        without = ""
        if 0 < len(beside) <= _MOST_PAIRS and np.count_nonzero(off_grid) == len(found.runs) - len(found.grid):
            without = f" (without {listed([found.runs.factors[at].label(i) for at, i in beside])})"
        whole = f"{found.in_grid:,} of the {found.n_cells:,} settings form a full grid{without}"
    sentences = [
        f"{whole}, so the differences can be divided exactly: into the part that each setting makes alone, averaged "
        "over the values of all others, the parts that only two settings together make, and so on. Differences are "
        "measured as a variance; the parts add up to 100%."
    ]
    if found.effects.rest >= 0.01:
        sentences.append(f"{percent(found.effects.rest, 0)} is made by three or more settings together.")
    if found.complete_seeds == 1 and not found.runs.exact:
        sentences.append("With one seed, the luck of that seed is in all parts.")
    elif not found.runs.exact:
        sentences.append("What chance adds to the differences, for there are few seeds, is estimated and taken out.")
    if left := found.runs.n_seeds - found.complete_seeds:
        were = "that was not run with all of them is" if left == 1 else "that were not run with all of them are"
        sentences.append(f"{counted(left, 'seed')} {were} left out.")
    return " ".join(sentences)
