"""The answer in a few sentences: what decides, what helps, and what never works.

Every number stands beside what it is a part of. `tests/analysis/test_explain_truth.py` reads the sentences and counts
each of them anew in the table.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np

from runner.analysis.explain.answer_one import about_cell, about_run, what_helps_there
from runner.analysis.explain.counterfactuals import ENOUGH, Change
from runner.analysis.explain.criterion import asked
from runner.analysis.explain.explanation import Explanation, most_in_any_cell
from runner.analysis.explain.factors import TASK
from runner.analysis.explain.levels import GRID, FactorReport
from runner.analysis.explain.outcomes import commonest_failure
from runner.analysis.explain.wording import between, price
from runner.terminal import counted, listed, percent

_NEVER = 0.02
_LITTLE = 0.02
_MUCH_TOGETHER = 0.05
_LISTED = 3
_LISTED_VALUES = 5


def answer(found: Explanation) -> list[str]:
    """The sentences with which an explanation begins, each on its own."""
    return [sentence for paragraph in paragraphs(found) for sentence in paragraph]


def paragraphs(found: Explanation) -> list[list[str]]:
    """The same by subject."""
    if found.run is not None:
        helps = [] if found.cell is None else what_helps_there(found.cell)
        return [part for part in (*about_run(found.run), _part(found), helps, _best(found)) if part]
    if found.cell is not None:
        return [
            part for part in (about_cell(found.cell), _part(found), what_helps_there(found.cell), _best(found)) if part
        ]
    converged = found.runs.converged
    if len(found.runs) == 1:
        first = f"The only run {'converged' if converged.all() else 'did not converge'}."
    else:
        some = f"{percent(found.all_runs.rate)} of the" if converged.any() else "None of the"
        some = "All" if converged.all() else some
        first = f"{some} {len(found.runs):,} runs converged ({tried(found)})."
    about = [first, *_part(found), *_criterion(found), *_values(found)]
    if converged.all():
        return [about, ["Nothing failed, so there is nothing to mend."]]
    if not converged.any():
        return [about, [*_nearly_right(found), *_none_converged(found), *_broken_data(found)]]
    parts = (_what_decides, _what_helps, _never_works, _best)
    about += [*_broken_data(found), *_nearly_right(found)]
    return [about, *(sentences for part in parts if (sentences := part(found)))]


def tried(found: Explanation) -> str:
    """`336 settings, 100 seeds each`."""
    runs, settings = found.runs, found.n_cells
    seeds = counted(runs.n_seeds, "seed")
    if settings == 1:
        return f"1 setting, {seeds}"
    even = len(runs) == settings * runs.n_seeds
    return f"{settings:,} settings, {seeds} each" if even else f"{settings:,} settings, {seeds}, not all with each"


def _part(found: Explanation) -> list[str]:
    """Of a table that is too large for memory, what is looked at."""
    part = found.runs.part
    if part is None:
        return []
    return [
        f"These are the runs of {counted(len(part.seeds), 'seed')} of {part.n_seeds:,}: the table has {part.n_rows:,} "
        "runs, too many to be looked at one by one."
    ]


def _criterion(found: Explanation) -> list[str]:
    """What converged means here."""
    if len(found.runs.criteria) != 1:
        return []
    return [f"Converged means, at the end of training: {asked(found.runs.criteria[0])}."]


def _values(found: Explanation) -> list[str]:
    """Which values of every setting were tried."""
    told = []
    for factor in found.runs.factors:
        n = len(factor.values)
        short = [factor.short(i) for i in range(n)]
        if factor.is_fault:
            told.append(f"with and without {factor.name}")
        elif n <= _LISTED_VALUES:
            told.append(f"{factor.name} {listed(short)}")
        elif factor.is_numeric:
            told.append(f"{factor.name} {short[0]} to {short[-1]} ({n:,} values)")
        else:
            some = [*short[: _LISTED_VALUES - 1], f"{n - _LISTED_VALUES + 1:,} more"]
            told.append(f"{factor.name} {listed(some)}")
    return [f"Tried: {'; '.join(told)}."] if told else []


def _none_converged(found: Explanation) -> list[str]:
    names = [report.factor.name for report in found.factors]
    sentences = [f"No value of {listed(names, 'or')} that was tried helps, alone or with the others."] if names else []
    trends = [(each.lower.rate, each, each.lower) for each in found.nearness if each.is_trend and each.lower]
    if trends:
        _, most, lower = max(trends, key=lambda each: each[0])
        sentences.append(
            f"Still, with {most.factor} {most.best.value} the loss ends lower than with {most.worst.value} in "
            f"{int(lower.hits):,} of the {counted(int(lower.runs), 'pair')} of runs that agree in all else "
            f"({between(lower)})."
        )
    common = commonest_failure(found.runs)
    outcome = next(each for each in found.outcomes if each.name == common)
    share = outcome.share
    whole = (
        "It" if len(found.runs) == 1 else f"{share.hits:,.0f} of the {len(found.runs):,} runs ({percent(share.rate)})"
    )
    return [*sentences, " ".join(filter(None, [f"{whole} ended as {common}.", outcome.meaning.what, outcome.helps]))]


def _nearly_right(found: Explanation) -> list[str]:
    """Runs that fail by little may fail by their criterion alone."""
    if (gap := found.gap) is None:
        return []
    half = f"the middle half of these runs: {percent(gap.low)} to {percent(gap.high)}"
    return [
        f"The {counted(gap.failed, 'failed run')} {'is' if gap.failed == 1 else 'are'} right for {percent(gap.median)} "
        f"of the samples (the median; {half}).",
        "The criterion asks for more.",
        f"With criterion={{accuracy: {gap.limit:g}}}, {gap.meet:,} of the {len(found.runs):,} runs would have "
        "converged.",
    ]


def _broken_data(found: Explanation) -> list[str]:
    n = found.runs.broken_at_start
    if not n:
        return []
    return [
        f"In {counted(n, 'run')} the loss was infinite or not a number before the first update: look for values of the "
        "data that are missing or far too large, and at the initial weights."
    ]


def _what_decides(found: Explanation) -> list[str]:
    if found.effects is None:
        return _what_decides_loosely(found)
    some = f"the {found.in_grid:,} settings{'' if found.in_grid == found.n_cells else ' that form a full grid'}"
    if found.effects.total <= 1e-6:
        return [f"No difference in success rate between {some} can be told from chance."]
    names = [report.factor.name for report in found.factors]
    main = [effect for effect in found.effects.main if effect.share >= _LITTLE][:_LISTED]
    parts = [(effect.share, f"from {names[effect.factors[0]]} alone") for effect in main]
    together = max(1.0 - sum(effect.share for effect in found.effects.main), 0.0)
    pair = max(found.effects.pairs, key=lambda effect: effect.share, default=None)
    if pair and together >= _MUCH_TOGETHER and pair.share >= together / 2:
        parts.append((pair.share, f"from how {listed([names[at] for at in pair.factors])} act together"))
    elif together >= _MUCH_TOGETHER:
        parts.append((together, "from how several settings act together"))
    left = 1.0 - sum(share for share, _ in parts)
    told = [f"{percent(share, 0)} {'come ' if not i else ''}{source}" for i, (share, source) in enumerate(parts)]
    if left >= 0.01:
        told.append(f"{percent(left, 0)} from all else")
    of = "Of the differences in success rate (the share of runs that converge) between"
    sentences = [f"{of} {some}, {listed(told)}."]
    involved = {at for effect in found.effects.pairs if effect.share >= _LITTLE for at in effect.factors}
    little = [effect.factors[0] for effect in found.effects.main if effect.share < _LITTLE]
    if dull := [names[at] for at in little if at not in involved]:
        hardly = f"{listed(dull)} hardly matter{'s' if len(dull) == 1 else ''}"
        sentences.append(f"{hardly}: at most 2% alone, and at most 2% together with any one other setting.")
    return sentences


def _what_decides_loosely(found: Explanation) -> list[str]:
    matched = sorted((r for r in found.factors if r.typical >= 0.01), key=lambda report: -report.typical)
    mixed = sorted((r for r in found.factors if r.explained >= 0.05), key=lambda report: -report.explained)
    sentences = []
    if matched:
        moves = [f"{report.factor.name} by {100 * report.typical:.0f}" for report in matched[:_LISTED]]
        sentences.append(
            "Among runs that agree in all else, the success rate (the share of runs that converge) typically moves "
            f"with {listed(moves)} percentage points."
        )
    if mixed:
        shares = [
            f"about {percent(report.explained, 0)} {'' if i else 'go '}with {report.factor.name}"
            for i, report in enumerate(mixed[:_LISTED])
        ]
        of = "Of the differences in success rate (the share of runs that converge) between"
        sentences.append(f"{of} the {found.n_cells:,} settings, {listed(shares)}.")
    return sentences


def _what_helps(found: Explanation) -> list[str]:
    if not found.changes:
        return []
    failed = int(np.count_nonzero(~found.runs.converged))
    sentences = [f"{counted(failed, 'run')} failed."]
    size = max(found.changes)
    some = found.changes[size]
    best = max(some, key=_rate)
    if size > 1:
        fewer = max((c for n, each in found.changes.items() if n < size for c in each), key=_rate, default=None)
        lead = "No single change saves half of them"
        if size > 2:
            lead = f"No change of up to {size - 1} settings was found that saves half of them"
        lead += f" (the best, {fewer.label}, saves {percent(fewer.saved.rate)} of them)" if fewer else ""
        return [*sentences, f"{lead}.", f"The best {size} changes at once are {_told(best)}"]
    if failed == 1:
        return [*sentences, f"It converges with another setting: {best.label}{price(best.cost)}."]
    cheap = max((change for change in some if change.cost < 1.05), key=_rate, default=None)
    if cheap and cheap is not best and cheap.saved.rate > 0.1:
        return [
            *sentences,
            f"The best single change that costs no more training is {_told(cheap)}",
            f"The best at any cost is {_told(best)}",
            *_what_decides_more(found, [cheap, best]),
        ]
    return [*sentences, f"The best single change is {_told(best)}", *_what_decides_more(found, [best])]


def _what_decides_more(found: Explanation, told: Sequence[Change]) -> list[str]:
    """Why the setting that decides most is not the one to change."""
    if found.effects is None or found.effects.total <= 1e-6:
        return []
    first = found.effects.main[0]
    name = found.factors[first.factors[0]].factor.name
    change = next((change for change in found.by_factor if change.factors[0].name == name), None)
    if change is None or first.share < _LITTLE or any(each.factors[0].name == name for each in told):
        return []
    saved, failed = int(change.saved.hits), int(change.saved.runs)
    return [
        f"{name} decides most on average over all settings, but for the runs that failed a change of it does less: the "
        f"best, {change.label}, saves {saved:,} of the {failed:,} ({percent(change.saved.rate)})."
    ]


def _told(change: Change) -> str:
    """How many failed runs a change saves, of how many."""
    n, failed, saved = change.counterparts, int(change.saved.runs), int(change.saved.hits)
    some = "all failed runs were" if n == failed else f"{n:,} of the failed runs {'was' if n == 1 else 'were'}"
    return (
        f"{change.label}: {some} also run with that, with the same seed and all else the same, and {saved:,} of these "
        f"converged, which is {percent(change.saved.rate)} of all the failed runs "
        f"({between(change.saved)}){price(change.cost)}."
    )


def _rate(change: Change) -> float:
    return change.saved.rate


def _never_works(found: Explanation) -> list[str]:
    """Values with which nothing converges, though much does without them."""
    if found.best.share.rate < ENOUGH:
        return []
    labels: list[str] = []
    highest = 0.0
    for at, factor in enumerate(found.runs.factors):
        most = most_in_any_cell(found.runs, at)
        # What was tried in one cell only may fail there for another reason.
        never = [value for value, (rate, cells) in enumerate(most) if rate <= _NEVER and cells > 1]
        # Many values of a fine factor are one statement each, and no news.
        if never and len(never) < len(most) and len(never) <= _LISTED:
            labels += [factor.label(value) for value in never]
            highest = max(highest, *(most[value][0] for value in never))
    if not labels:
        return []
    bound = f"{math.ceil(1000 * highest) / 10:.1f}%"
    what = f"at most {bound} of the runs of any setting converge" if highest else "no run converges"
    return [f"Whatever else is set, {what} {_with(labels)}."]


def _with(labels: Iterable[str]) -> str:
    return listed([label if label.startswith(("with ", "without ")) else f"with {label}" for label in labels], "or")


def _best(found: Explanation) -> list[str]:
    best = found.best
    if not found.factors or not best.share.hits or any(factor.name in TASK for factor in found.runs.factors):
        return []
    many = f" (the cheapest to train of {best.equals:,} that do equally well)" if best.equals > 1 else ""
    how_many = f"{int(best.share.hits):,} of {counted(int(best.share.runs), 'run')}"
    sentences = [f"The best of all settings tried{many} is {best.label}: {how_many} converged."]
    values = {factor.name: factor.short(i) for factor, i in zip(found.runs.factors, best.values, strict=True)}
    labels = {factor.name: factor.label(i) for factor, i in zip(found.runs.factors, best.values, strict=True)}
    worst = [
        labels[report.factor.name]
        for report in found.factors
        if _tells_worst(found, report) and report.worst.value == values[report.factor.name]
    ]
    if found.run is not None or found.cell is not None:
        return sentences
    numbers = {factor.name: i for factor, i in zip(found.runs.factors, best.values, strict=True)}
    for report in found.factors:
        # Ranges are made of a number on the grid, whose values may be fewer than all that there are.
        if report.ranges and _tells_worst(found, report):
            name = report.factor.name
            whole = next(factor for factor in found.runs.factors if factor.name == name)
            if whole.values[numbers[name]] in {report.factor.values[i] for i in report.worst.members}:
                sentences.append(
                    f"On average over everything else, the worst values of {name} are {report.worst.value}; with the "
                    "rest of this setting, one of them does as well as any."
                )
    if worst:
        is_worst = "is the worst value" if len(worst) == 1 else "are the worst values"
        sentences.append(
            f"On average over everything else, {listed(worst)} {is_worst}; together with the rest of this setting "
            f"{'it does' if len(worst) == 1 else 'they do'} as well as any."
        )
    return sentences


def _tells_worst(found: Explanation, report: FactorReport) -> bool:
    """Whether it is on the grid, has a worst value, and makes a noticeable part of the differences."""
    return report.how == GRID and report.worst.order < report.best.order and _matters(found, report)


def _matters(found: Explanation, report: FactorReport) -> bool:
    """Whether a factor alone makes a noticeable part of the differences."""
    mains = found.effects.main if found.effects else ()
    return any(each.share >= _LITTLE and found.factors[each.factors[0]] is report for each in mains)
