"""The answer about one run, and about one setting."""

from __future__ import annotations

from collections.abc import Sequence

from runner.analysis.explain.counterfactuals import ENOUGH, Change
from runner.analysis.explain.one_cell import CellReport, Step
from runner.analysis.explain.one_run import RunReport
from runner.analysis.explain.outcomes import MEANINGS
from runner.analysis.explain.wording import between, price
from runner.terminal import counted, listed

_SELDOM = 0.2


def about_run(run: RunReport) -> list[list[str]]:
    where = f" ({run.settings})" if run.settings else ""
    first = [f"Run {run.run_id}, seed {run.seed}{where}, ended as {run.outcome}."]
    meaning = MEANINGS.get(run.outcome)
    if meaning and not run.converged:
        first.append(meaning.what)
    first.append(_other_seeds(run))
    if run.converged:
        return [first]
    if run.changes:
        return [first, _saving_changes(run.changes)]
    if run.tried:
        others = "the other setting" if run.tried == 1 else f"any of the {run.tried:,} other settings"
        second = [f"This seed did not converge with {others} with which it was run."]
    else:
        second = ["No other setting was tried with this seed, so nothing can be said about what would save it."]
    if run.next is not None:
        second.append(f"The sweep below tries other values of {listed(run.next.keys)}.")
    return [first, second]


def _other_seeds(run: RunReport) -> str:
    """Whether other seeds fare better with the same settings."""
    others = run.same_settings
    if others.runs == 1:
        return "No other seed was run with these settings."
    told = f"{int(others.hits):,} of the {int(others.runs):,} runs with these settings converged ({between(others)})"
    if run.converged or others.low == others.high:
        return f"{told}."
    if others.rate > ENOUGH:
        return f"{told}: it was bad luck with the initial weights."
    if others.rate > _SELDOM:
        return f"{told}: it was partly bad luck, which these settings make likely."
    return f"{told}: it was not bad luck but the settings."


def _saving_changes(changes: Sequence[Change]) -> list[str]:
    size = len(changes[0].factors)
    first = "The cheapest change that saves it is" if size == 1 else f"It takes {size} changes at once, at the cheapest"
    sentences = [f"{first} {changes[0].label}{price(changes[0].cost)}.{_others_saved(changes[0])}"]
    surest = max(changes, key=lambda change: change.saved.rate)
    if surest is not changes[0]:
        sentences.append(f"The surest is {surest.label}{price(surest.cost)}.{_others_saved(surest)}")
    return sentences


def _others_saved(change: Change) -> str:
    """How many of the seeds that failed with the run's settings a change saves."""
    failed, saved = int(change.saved.runs), int(change.saved.hits)
    if failed == 1:
        return ""
    return f" It saves {saved:,} of the {failed:,} seeds that failed here ({between(change.saved)})."


def about_cell(cell: CellReport) -> list[str]:
    """How the runs with one setting fared, and how they failed."""
    where = f" ({cell.settings})" if cell.settings else ""
    share = cell.share
    hits, runs = int(share.hits), int(share.runs)
    sentences = [f"At your settings{where} {hits:,} of {counted(runs, 'run')} converged ({between(share)})."]
    if cell.failures:
        ended = [f"{n:,} {'as' if i else 'ended as'} {name}" for i, (name, n) in enumerate(cell.failures)]
        sentences.append(f"Of those that failed, {listed(ended)}.")
        commonest = cell.failures[0][0]
        if meaning := MEANINGS.get(commonest):
            sentences.append(f"{commonest} means: {meaning.what[:1].lower()}{meaning.what[1:]}")
    return sentences


def what_helps_there(cell: CellReport) -> list[str]:
    """Which single changes of the setting help, and which do not."""
    if cell.share.hits == cell.share.runs:
        return []
    sentences = []
    if helping := cell.helping:
        best = helping[0]
        sentences.append(f"The single change from there that helps most is {best.label}: {_counts(best)}.")
        if len(helping) > 1:
            others = [f"{step.label} ({_brief(step)})" for step in helping[1:]]
            sentences.append(f"Sure to help as well, but less: {listed(others)}.")
    elif cell.steps:
        sentences.append("No single change from there that was tried surely helps.")
    if unsure := [step for step in cell.steps if step.gain > 0 and not cell.helps(step)]:
        told = listed([f"{step.label} ({_brief(step)})" for step in unsure])
        helps = "helps" if len(unsure) == 1 else "help"
        sentences.append(f"Whether {told} {helps} is not sure: that may be chance.")
    if dull := [step.factor.name for step in cell.steps if step.gain <= 0]:
        sentences.append(f"No other value of {listed(dull, 'or')} helps by itself.")
    if cell.untried:
        sentences.append(f"No other value of {listed(cell.untried, 'or')} was run with all else as there.")
    return sentences


def _counts(step: Step) -> str:
    """How many of the same seeds converge with it."""
    n = int(step.share.runs)
    return (
        f"{int(step.share.hits):,} of the same {counted(n, 'seed')} {'converges' if n == 1 else 'converge'}, in place "
        f"of {step.before:,} ({between(step.share)}){price(step.cost)}"
    )


def _brief(step: Step) -> str:
    return f"{int(step.share.hits):,} of {int(step.share.runs):,} in place of {step.before:,}"
