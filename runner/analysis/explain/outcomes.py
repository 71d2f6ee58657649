"""The outcomes in plain words: how often, what each means, and what helps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from runner.analysis.explain.counterfactuals import Change, best_by_factor
from runner.analysis.explain.factors import BUDGETS
from runner.analysis.explain.nearness import Nearness, medians_of
from runner.analysis.explain.runs import Runs
from runner.statistics.shares import Median, Share, share_over_seeds, totals
from runner.terminal import listed

_WORTH_SAYING = 0.1


@dataclass(frozen=True)
class Advice:
    """What usually helps.

    Attributes
    ----------
    keys : tuple of str
        What it changes; when a study varies one of them, its own runs tell more.
    text : str
    towards : int
        1 for larger values, -1 for smaller ones, 0 where that is not the question.
    """

    keys: tuple[str, ...]
    text: str
    towards: int = 0


_LONGER = Advice(BUDGETS, "longer training", 1)
_FASTER = Advice(("learning_rate",), "a larger learning_rate", 1)
_SLOWER = Advice(("learning_rate",), "a smaller learning_rate", -1)
_SCALED = Advice(("scaling",), "scaled inputs")
_WIDER = Advice(("architecture",), "more hidden units")


@dataclass(frozen=True)
class Meaning:
    """What an outcome says.

    Attributes
    ----------
    what : str
        What happened.
    advice : tuple of Advice
        What usually helps.
    beside : str
        What else to think of.
    """

    what: str
    advice: tuple[Advice, ...] = ()
    beside: str = ""


MEANINGS: Mapping[str, Meaning] = MappingProxyType(
    {
        "converged": Meaning("The criterion holds: the task is learned."),
        "learning": Meaning("The loss was still falling when the budget ended.", (_LONGER, _FASTER)),
        "mostly_right": Meaning(
            "At least 95% of the samples are right and the loss has stopped falling; the criterion asks for more.",
            (Advice(("criterion",), "the criterion that is meant, such as criterion={accuracy: 0.95}"), _WIDER),
            "The samples that are left may be noise.",
        ),
        "constant_output": Meaning(
            "Nearly the same output for every input, about the mean of the targets: mostly far too few or too small "
            "updates.",
            (_LONGER, _FASTER),
            "Where longer training and larger steps do not help, the gradient is wrong, or the network cannot express "
            "the task.",
        ),
        "saturated": Meaning(
            "Hidden units are pinned at a limit of their activation, where its slope is nearly zero: "
            "almost no error gets through to the weights before them.",
            (Advice(("init",), "smaller initial weights"), _SCALED, _SLOWER),
        ),
        "stuck": Meaning(
            "The loss has stopped falling, on a plateau or in a local minimum: some inputs are right, others not.",
            (Advice(("seed",), "other initial weights (another seed)"), _WIDER, _FASTER),
        ),
        "oscillating": Meaning(
            "The loss jumps up and down instead of falling.", (_SLOWER, Advice(("batch",), "a larger batch", 1))
        ),
        "diverged": Meaning(
            "The loss grew without limit or is not a number.",
            (Advice(("learning_rate",), "a much smaller learning_rate", -1), _SCALED),
            "Look for missing values and for a wrong sign.",
        ),
    }
)


# The same where the criterion is about samples that are held out.
_MEANINGS_HELD_OUT: Mapping[str, Meaning] = MappingProxyType(
    {
        "learning": Meaning(
            "The loss of the samples that are trained on was still falling when the budget ended.",
            (_LONGER, _FASTER),
            "Where nearly all of these are right already, longer training seldom helps those that are held out.",
        ),
        "mostly_right": Meaning(
            "At least 95% of the samples that are trained on are right and their loss has stopped falling; the "
            "held-out samples do not meet the criterion.",
            (
                Advice(("stop",), "an earlier stop, such as stop=patience(20)"),
                Advice(("weight_decay",), "a weight_decay", 1),
                Advice(("architecture",), "fewer hidden units", -1),
            ),
            "Where nothing else helps, more samples do.",
        ),
    }
)


def meaning_of(outcome: str, criteria: Sequence[str]) -> Meaning | None:
    """What an outcome says of runs with these criteria; None for one of another version."""
    held_out = bool(criteria) and all("test_" in criterion for criterion in criteria)
    return (_MEANINGS_HELD_OUT.get(outcome) if held_out else None) or MEANINGS.get(outcome)


@dataclass(frozen=True)
class OutcomeShare:
    """One outcome.

    Attributes
    ----------
    name : str
    meaning : Meaning
        In words; an outcome of another version has none.
    share : Share
    medians : mapping of str to Median
        Of what `Runs.measured` has.
    saving : Change or None
        The change of one factor that saves most of the runs that failed so, where it saves a tenth of them.
    helps : str
        What helps, as far as this study shows it, and what usually does and was not tried.
    """

    name: str
    meaning: Meaning
    share: Share
    medians: Mapping[str, Median]
    saving: Change | None
    helps: str


def outcome_shares(runs: Runs, nearness: Sequence[Nearness] = ()) -> tuple[OutcomeShare, ...]:
    """All outcomes that there are, the most frequent first.

    Parameters
    ----------
    runs : Runs
    nearness : sequence of Nearness
        How well runs did by the values of each factor, where none converged.
    """
    everything = totals(runs.seeds, runs.n_seeds)
    found = []
    for i, name in enumerate(runs.outcome_names):
        these = runs.outcomes == i
        meaning = meaning_of(name, runs.criteria) or Meaning("")
        hits = totals(runs.seeds, runs.n_seeds, these)
        medians = medians_of(runs, these)
        failed = these & ~runs.converged
        best = best_by_factor(runs, failed) if failed.any() and runs.converged.any() else ()
        saving = best[0] if best and best[0].saved.rate >= _WORTH_SAYING else None
        helps = _helps(runs, meaning, best, saving, nearness) if failed.any() else ""
        found.append(
            OutcomeShare(name, meaning, share_over_seeds(hits, everything, runs.exact), medians, saving, helps)
        )
    return tuple(sorted(found, key=lambda each: -each.share.hits))


def _helps(
    runs: Runs, meaning: Meaning, best: Sequence[Change], saving: Change | None, nearness: Sequence[Nearness]
) -> str:
    """What helps runs of an outcome: what this study shows first, and nothing that contradicts it."""
    said = []
    if saving is not None:
        hits, failed = int(saving.saved.hits), int(saving.saved.runs)
        them = "it" if failed == 1 else f"{hits:,} of these {failed:,}"
        said.append(f"Here {saving.label} would have saved {them}.")
    elif best:
        said.append("No single change that was tried here would have saved a tenth of them.")
    tried = {*runs.varied, *(["seed"] if runs.n_seeds > 1 else [])}
    # A batch of all samples can not be larger.
    tried |= {"batch"} if runs.full_batch else set()
    tried |= {"learning_rate"} if runs.without_rate else set()
    untried = [advice.text for advice in meaning.advice if tried.isdisjoint(advice.keys)]
    if not runs.converged.any():
        untried += [text for advice in meaning.advice for each in nearness if (text := _beyond(runs, each, advice))]
    if untried:
        what = "What usually helps and was not tried here" if runs.factors else "What usually helps"
        said.append(f"{what}: {listed(untried, 'or')}.")
    if meaning.beside and saving is None:
        said.append(meaning.beside)
    return " ".join(said)


def _beyond(runs: Runs, nearness: Nearness, advice: Advice) -> str:
    """Values of a factor beyond all that were tried, where the loss falls towards them."""
    factor = next(factor for factor in runs.factors if factor.name == nearness.factor)
    if factor.name not in advice.keys or not advice.towards or not factor.is_numeric or not nearness.is_trend:
        return ""
    # Numbers are in ascending order.
    end = -1 if advice.towards > 0 else 0
    if nearness.values[end] is not nearness.best:
        return ""
    beyond = "above" if advice.towards > 0 else "below"
    last = factor.short(end % len(factor.values))
    return f"{factor.name} {beyond} {last}, where the loss is lowest so far"


def commonest_failure(runs: Runs) -> str:
    """The most frequent outcome of runs that failed; empty when there is none."""
    failed = runs.outcomes[~runs.converged]
    if not len(failed):
        return ""
    return runs.outcome_names[int(np.argmax(np.bincount(failed, minlength=len(runs.outcome_names))))]
