"""The answer in a few sentences: what decides, what helps, and what never works."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from runner.analysis.explain.counterfactuals import ENOUGH, TASK, Change
from runner.analysis.explain.explanation import Explanation, most_in_any_cell
from runner.analysis.explain.one_run import RunReport
from runner.analysis.explain.outcomes import MEANINGS, commonest_failure
from runner.analysis.shares import Share
from runner.terminal import counted, listed, percent

_NEVER = 0.02
_LITTLE = 0.02
_MUCH = 0.2
_SELDOM = 0.2
_LISTED = 3
_UNIT = " of the differences between settings"


def answer(found: Explanation) -> list[str]:
    """The sentences with which an explanation begins, each on its own."""
    if found.run is not None:
        return [*_about_run(found.run), *_best(found)]
    everything = found.all_runs
    first = f"{percent(everything.rate)} of the {len(found.runs):,} runs converged ({tried(found)})."
    if found.runs.converged.all():
        return [first, "Nothing failed, so there is nothing to mend."]
    if not found.runs.converged.any():
        return [_none_converged(found), *_broken_data(found)]
    parts = (_broken_data, _what_decides, _what_helps, _never_works, _best)
    return [first, *(sentence for part in parts for sentence in part(found))]


def tried(found: Explanation) -> str:
    """`336 settings, 100 seeds each`."""
    settings, seeds = found.n_cells, found.runs.n_seeds
    return f"{counted(settings, 'setting')}, {counted(seeds, 'seed')}{' each' if settings > 1 else ''}"


def between(share: Share) -> str:
    """Its 95% interval in words."""
    if share.low == share.high:
        return "exact: no chance is involved"
    return f"95% interval {100 * share.low:.1f}% to {100 * share.high:.1f}%"


def times(cost: float) -> str:
    """A cost beside another one."""
    if 0.95 <= cost < 1.05:
        return "the same"
    if cost > 1:
        return f"{cost:,.0f} x" if cost >= 10 else f"{cost:.1f} x"
    return f"{cost:.2g} x"


def _none_converged(found: Explanation) -> str:
    common = commonest_failure(found.runs)
    share = next(each.share for each in found.outcomes if each.name == common)
    text = f"None of the {len(found.runs):,} runs converged ({tried(found)})"
    if found.factors:
        names = listed([report.factor.name for report in found.factors])
        text += f": none of the tried values of {names} helps by itself or together with the others"
    meaning = MEANINGS.get(common)
    told = f" {meaning.what} {meaning.helps}" if meaning else ""
    return f"{text}. {percent(share.rate)} ended as {common}.{told}"


def _broken_data(found: Explanation) -> list[str]:
    n = found.runs.born_broken
    if not n:
        return []
    return [
        f"In {n:,} runs the loss was not a number before the first update: that is the data, not the training. "
        "A value is missing, or far too large."
    ]


def _what_decides(found: Explanation) -> list[str]:
    if found.effects is None:
        return _what_decides_loosely(found)
    if found.effects.total <= 1e-6:
        return ["All settings do equally well: whether a run converges is a matter of its seed alone."]
    names = [report.factor.name for report in found.factors]
    main = [effect for effect in found.effects.main if effect.share >= _LITTLE][:_LISTED]
    pair = next((effect for effect in found.effects.pairs if effect.share >= 0.05), None)
    parts = [
        f"{names[effect.factors[0]]} ({effect.share:.0%}{_UNIT if not i else ''})" for i, effect in enumerate(main)
    ]
    if pair:
        parts.append(f"the interplay of {names[pair.factors[0]]} and {names[pair.factors[1]]} ({pair.share:.0%})")
    little = [names[effect.factors[0]] for effect in found.effects.main if effect.share < _LITTLE]
    involved = {at for effect in found.effects.pairs if effect.share >= _LITTLE for at in effect.factors}
    little = [name for name in little if names.index(name) not in involved]
    if found.effects.rest >= _MUCH:
        parts.append(f"three or more settings at once, each of no use without the others ({found.effects.rest:.0%})")
    text = f"What decides: {listed(parts)}." if parts else ""
    if little and parts:
        text += f" {listed(little)} hardly matter{'s' if len(little) == 1 else ''}."
    return [text] if text else []


def _what_decides_loosely(found: Explanation) -> list[str]:
    known = [report for report in found.factors if report.typical >= 0.01]
    known.sort(key=lambda report: -report.typical)
    parts = [f"{report.factor.name} (by {100 * report.typical:.0f} points)" for report in known[:_LISTED]]
    guessed = [report for report in found.factors if report.explained >= 0.05]
    guessed.sort(key=lambda report: -report.explained)
    text = []
    if parts:
        text.append(f"What moves the share that converges when nothing else changes: {listed(parts)}.")
    if guessed:
        shares = [
            f"{report.factor.name} (about {report.explained:.0%}{'' if i else _UNIT})"
            for i, report in enumerate(guessed[:_LISTED])
        ]
        text.append(f"What decides: {listed(shares)}.")
    return text


def _what_helps(found: Explanation) -> list[str]:
    if not found.changes:
        return []
    size = max(found.changes)
    some = found.changes[size]
    best = max(some, key=lambda change: change.saved.rate)
    if size > 1:
        fewer = max((c for n, each in found.changes.items() if n < size for c in each), key=_rate, default=None)
        lead = f"No {_kinds(size - 1)} saves half of the failed runs"
        lead += f" (the best, {fewer.label}, saves {percent(fewer.saved.rate)})" if fewer else ""
        return [f"{lead}. {_words(size)} together: {_saves(best)}."]
    same = [change for change in some if change.cost < 1.05]
    cheap = max(same, key=_rate, default=None)
    if cheap and cheap is not best and cheap.saved.rate > 0.1:
        return [
            f"What would have saved the failed runs, without longer training: {_saves(cheap)}.",
            f"Most of all: {_saves(best)}{_price(best)}.",
        ]
    return [f"What would have saved the failed runs: {_saves(best)}{_price(best)}."]


def _price(change: Change) -> str:
    return "" if change.cost < 1.05 else f", at {times(change.cost)} the cost"


def _rate(change: Change) -> float:
    return change.saved.rate


def _kinds(size: int) -> str:
    return "single change" if size == 1 else f"change of up to {size} settings"


def _words(size: int) -> str:
    return {2: "Two", 3: "Three", 4: "Four", 5: "Five"}.get(size, f"{size}")


def _saves(change: Change) -> str:
    return (
        f"{change.phrase}, {percent(change.saved.rate)} of them converge from the same initial weights "
        f"({between(change.saved)})"
    )


def _never_works(found: Explanation) -> list[str]:
    """Values with which nothing converges, though much does without them."""
    if found.best.share.rate < ENOUGH:
        return []
    labels: list[str] = []
    for at, factor in enumerate(found.runs.factors):
        most = most_in_any_cell(found.runs, at)
        never = [factor.label(value) for value, rate in enumerate(most) if rate <= _NEVER]
        # Many values of a fine factor are one statement each, and no news.
        if never and len(never) < len(most) and len(never) <= _LISTED:
            labels += never
    if not labels:
        return []
    return [f"Whatever else is set, (nearly) nothing converges {_with(labels)}."]


def _with(labels: Iterable[str]) -> str:
    return listed([label if label.startswith(("with ", "without ")) else f"with {label}" for label in labels], "or")


def _best(found: Explanation) -> list[str]:
    if not found.factors or not found.best.share.hits or any(factor.name == TASK for factor in found.runs.factors):
        return []
    share = found.best.share
    return [f"Best of all settings tried: {found.best.label}: {int(share.hits)} of {int(share.runs)} converge."]


def _about_run(run: RunReport) -> list[str]:
    where = f" ({run.settings})" if run.settings else ""
    told = f"Run {run.run_id}, seed {run.seed}{where}, ended as {run.outcome}."
    others = run.same_settings
    if run.converged:
        same = f"{percent(others.rate)} of the {int(others.runs):,} runs with the same settings"
        return [told, f"It converged, as did {same} ({between(others)})."]
    meaning = MEANINGS.get(run.outcome)
    lines = [f"{told} {meaning.what if meaning else ''}".strip()]
    if others.runs > 1:
        luck = _luck(others)
        how_many = f"{int(others.hits):,} of the {int(others.runs):,} runs with these settings converge"
        lines.append(f"{how_many} ({between(others)}): it is {luck}.")
    if not run.changes:
        return [*lines, "No other setting that was tried saves this seed."]
    return [*lines, *_saving_changes(run.changes)]


def _luck(others: Share) -> str:
    """Whether other seeds fare better with the same settings."""
    if others.rate > ENOUGH:
        return "bad luck with the initial weights"
    seldom = others.rate <= _SELDOM
    return "not bad luck but the settings" if seldom else "partly bad luck, which these settings make likely"


def _saving_changes(changes: Sequence[Change]) -> list[str]:
    size = len(changes[0].factors)
    first = "The cheapest change that saves it:" if size == 1 else f"It takes {size} changes at once. The cheapest:"
    lines = [f"{first} {changes[0].phrase}, this very seed converges{_so_do(changes[0])}."]
    surest = max(changes, key=_rate)
    if surest is not changes[0]:
        share = f"{percent(surest.saved.rate)} of them converge, this one included"
        lines.append(f"The surest: {surest.phrase}, {share}{_price(surest)}.")
    return lines


def _so_do(change: Change) -> str:
    saved = change.saved
    if saved.runs <= 1:
        return _price(change)
    failed = f"of the {int(saved.runs):,} seeds that failed here ({between(saved)})"
    return f", and so do {percent(saved.rate)} {failed}{_price(change)}"
