"""An explanation as a page of plain text."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, TextIO

from runner.analysis.explain.anova import Effect
from runner.analysis.explain.answer import answer, between, times
from runner.analysis.explain.counterfactuals import Change
from runner.analysis.explain.explanation import Explanation
from runner.analysis.explain.factors import Factor
from runner.analysis.explain.levels import GRID, MATCHED, FactorReport, Level
from runner.analysis.explain.runs import Runs
from runner.analysis.shares import Share
from runner.terminal import counted, listed, page, percent, table

_LEAST = 0.02
_MOST_PAIRS = 4
_LEAST_SPAN = 0.05


def show(found: Explanation, stream: TextIO | None = None) -> None:
    """Print an explanation.

    Parameters
    ----------
    found : Explanation
    stream : file
        Default stdout; plain text when it is no terminal.
    """
    with page(stream) as console:
        console.print(f"{found.name}\n", style="bold")
        console.print(" ".join(answer(found)))
        for heading, parts in _sections(found):
            console.print(f"\n{heading}", style="bold")
            for part in parts:
                console.print(part)


def _sections(found: Explanation) -> Iterable[tuple[str, list[Any]]]:
    if found.run is not None:
        yield "This run", [*found.run.words]
        if found.run.changes:
            heading = "What saves this seed, nearest and cheapest first"
            yield heading, _changes(found.run.changes, "of those that fail here")
        return
    yield "What became of the runs", [_outcomes(found)]
    mixed = found.runs.converged.any() and not found.runs.converged.all()
    if found.factors and mixed:
        yield "Which settings matter", _settings(found)
    if found.effects is not None and (pairs := [e for e in found.effects.pairs if e.share >= _LEAST]):
        yield "Which settings depend on each other", [_pair(found, effect) for effect in pairs[:_MOST_PAIRS]]
    # What two in between would save is no news where three are needed.
    for size in sorted({min(found.changes, default=0), max(found.changes, default=0)} - {0}):
        some = found.changes[size]
        what = "one change" if size == 1 else f"{size} changes at once"
        yield f"What would have saved the failed runs: {what}, cheapest first", _changes(some, "saved")
    if found.factors and mixed:
        yield "How to read this", _notes(found)


def _outcomes(found: Explanation) -> Any:
    rows = table("outcome", "share", "what it means, and what helps", align="lrl", wrapped={2})
    for each in found.outcomes:
        rows.add_row(each.name, percent(each.share.rate), f"{each.meaning.what} {each.meaning.helps}".strip())
    return rows


def _settings(found: Explanation) -> list[Any]:
    mixed = len({report.how == MATCHED for report in found.factors}) > 1
    part = "moves by" if found.factors[0].how == MATCHED else "decides"
    headings = "setting", "matters" if mixed else part, "worst value", "best value"
    rows = table(*headings, align="lrll", wrapped={2, 3})
    for report, weight in sorted(_weighed(found), key=lambda each: (each[0].how != GRID, -each[1])):
        ends = _level(report, report.worst), _level(report, report.best)
        rows.add_row(report.factor.name, _weight(report, weight), *ends)
    return [rows]


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
    return f"{'' if report.how == GRID else '~'}{'<1%' if 0 < weight < 0.01 else f'{weight:.0%}'}"


def _level(report: FactorReport, level: Level) -> str:
    if report.how != MATCHED:
        return f"{level.value}: {percent(level.share.rate)} {_short_interval(level.share)}"
    reach = f" +- {100 * level.reach:.1f}" if math.isfinite(level.reach) and level.reach else ""
    return f"{level.value}: {100 * level.lead:+.1f} points{reach}"


def _short_interval(share: Share) -> str:
    return "(exact)" if share.low == share.high else f"({100 * share.low:.1f} to {100 * share.high:.1f})"


def _changes(changes: Sequence[Change], heading: str) -> list[Any]:
    rows = table("change", heading, "95% interval", "training cost", align="lrrr", wrapped={0})
    for change in changes:
        interval = between(change.saved).removeprefix("95% interval ").removesuffix(": no chance is involved")
        rows.add_row(change.label, percent(change.saved.rate), interval, times(change.cost))
    return [rows]


def _pair(found: Explanation, effect: Effect) -> str:
    """How much one factor moves the rate at each end of the other."""
    runs = found.grid
    assert runs is not None
    # The one with fewer values tells how the other changes.
    by, of = sorted(effect.factors, key=lambda at: (runs.levels[at], at))
    rates = _rates(runs, by, of)
    spans = rates.max(axis=1) - rates.min(axis=1)
    low, high = int(spans.argmin()), int(spans.argmax())
    first, second = runs.factors[of], runs.factors[by]
    if spans[high] - spans[low] < _LEAST_SPAN:
        # It moves the rate as much everywhere, but elsewhere: the value that gains most tells where.
        value = int((rates.max(axis=0) - rates.min(axis=0)).argmax())
        ends = [f"{100 * rates[i, value]:.0f}% {_at(second.label(i))}" for i in _ends(rates[:, value])]
        return f"{effect.share:.0%}  {_at(first.label(value))}: {listed(ends, 'but')}"
    ends = [
        f"by {100 * spans[i]:.0f} points {_at(second.label(i))}{_best(first, rates[i])}" for i in sorted((low, high))
    ]
    return f"{effect.share:.0%}  {first.name} moves the share that converges {listed(ends)}"


def _ends(rates: Any) -> tuple[int, int]:
    return int(rates.argmin()), int(rates.argmax())


def _best(factor: Factor, rates: Any) -> str:
    """Which value is best, where it makes a difference."""
    low, high = _ends(rates)
    return f" (best: {factor.short(high)})" if rates[high] - rates[low] >= _LEAST_SPAN else ""


def _at(label: str) -> str:
    return label if label.startswith(("with ", "without ")) else f"at {label}"


def _rates(runs: Runs, by: int, of: int) -> Any:
    import numpy as np

    shape = runs.levels[by], runs.levels[of]
    place = runs.codes[:, by] * shape[1] + runs.codes[:, of]
    size = shape[0] * shape[1]
    return (np.bincount(place, runs.converged, size) / np.bincount(place, minlength=size)).reshape(shape)


def _notes(found: Explanation) -> list[str]:
    """What the numbers mean, and what they are not."""
    notes = [_method(found)]
    if found.changes:
        notes.append(
            "A change is tried on the failed runs themselves: same seed, so same initial weights, all else as it was. "
            "Cost is epochs x trained parameters, beside that of the failed runs."
        )
    if not found.runs.exact:
        seeds = found.runs.n_seeds
        notes.append(
            f"Intervals count the {counted(seeds, 'seed')} as what chance has drawn: all settings share them, "
            "so that many settings make no interval narrower by themselves."
        )
    return notes


def _method(found: Explanation) -> str:
    parts = [_grid_method(found)] if found.effects is not None else []
    matched = [report.factor.name for report in found.factors if report.how == MATCHED]
    if matched:
        beside = f"For {listed(matched)}" if parts else "Not every combination was run:"
        parts.append(
            f"{beside} only runs are compared that agree in all other settings; 'points' are percentage points "
            "above or below the mean of such runs, and the first number is how far they usually are from it."
        )
    if loose := [report.factor.name for report in found.factors if report.how not in (GRID, MATCHED)]:
        parts.append(
            f"For {listed(loose)} no runs agree in all other settings: ~ is an estimate from ranges of values, "
            "all else mixed."
        )
    return " ".join(parts)


def _beside(found: Explanation) -> str:
    """Values of the factors of the grid that are not on it, when they are few."""
    on = {factor.name: factor.values for factor in (found.grid.factors if found.grid else ())}
    beside = [
        factor.label(i)
        for factor in found.runs.factors
        for i, value in enumerate(factor.values)
        if factor.name in on and value not in on[factor.name]
    ]
    return f" (without {listed(beside)})" if 0 < len(beside) <= _MOST_PAIRS else ""


def _grid_method(found: Explanation) -> str:
    assert found.effects is not None
    noise = "exact, for no chance is involved" if found.runs.exact else "the noise of few seeds taken out"
    if found.complete_seeds == 1 and not found.runs.exact:
        noise = "with one seed the luck of that seed is in it"
    left = found.runs.n_seeds - found.complete_seeds
    missing = f" ({counted(left, 'seed')} without all settings left out)" if left else ""
    whole = "Every combination was run"
    if found.in_grid < found.n_cells:
        whole = f"{found.in_grid:,} of the {found.n_cells:,} settings are a full grid{_beside(found)}"
    rest = f"; {found.effects.rest:.0%} takes three or more settings together" if found.effects.rest >= 0.01 else ""
    return (
        f"{whole}, so the parts are exact: 'decides' is how much of the differences (the variance) between the "
        "settings' shares of converged runs comes from this one alone, averaged over all others "
        f"({noise}){missing}{rest}."
    )
