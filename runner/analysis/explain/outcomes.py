"""The outcomes in plain words: how often, what each means, and what helps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from runner.analysis.explain.runs import Runs
from runner.analysis.shares import Share, share_over_seeds, totals


@dataclass(frozen=True)
class Meaning:
    """What an outcome says.

    Attributes
    ----------
    what : str
        What happened.
    helps : str
        What to try.
    """

    what: str
    helps: str


MEANINGS: Mapping[str, Meaning] = MappingProxyType(
    {
        "converged": Meaning("The criterion holds: the task is learned.", ""),
        "learning": Meaning(
            "The loss was still falling when the budget ended.",
            "More epochs; or a larger learning_rate, to get there sooner.",
        ),
        "mostly_right": Meaning(
            "At least 95% of the samples are right and the loss has stopped falling; the criterion asks for more.",
            "Ask whether the criterion is the one that is meant, for instance criterion={accuracy: 0.95}. "
            "The samples that are left may be noise, or need more hidden units.",
        ),
        "constant_output": Meaning(
            "Nearly the same output for every input, about the mean of the targets.",
            "Mostly far too few or too small updates: many more epochs or a larger learning_rate. "
            "If neither helps, the gradient is wrong, or the network cannot express the task.",
        ),
        "saturated": Meaning(
            "Hidden units are pinned at a limit of their activation, where its slope is nearly zero: "
            "almost no error gets through to the weights before them.",
            "Smaller initial weights, scaled inputs, or a smaller learning_rate.",
        ),
        "stuck": Meaning(
            "The loss has stopped falling, on a plateau or in a local minimum: some inputs are right, others not.",
            "Other initial weights (another seed), more hidden units, or a larger learning_rate.",
        ),
        "oscillating": Meaning(
            "The loss jumps up and down instead of falling.",
            "A smaller learning_rate, or a larger batch.",
        ),
        "diverged": Meaning(
            "The loss grew without limit or is not a number.",
            "A much smaller learning_rate or scaled inputs; look for missing values and for a wrong sign.",
        ),
    }
)


@dataclass(frozen=True)
class OutcomeShare:
    """One outcome.

    Attributes
    ----------
    name : str
    share : Share
    """

    name: str
    share: Share

    @property
    def meaning(self) -> Meaning:
        """In words; an outcome of another version has none."""
        return MEANINGS.get(self.name, Meaning("", ""))


def outcome_shares(runs: Runs) -> tuple[OutcomeShare, ...]:
    """All outcomes that there are, the most frequent first."""
    everything = totals(runs.seeds, runs.n_seeds)
    found = []
    for i, name in enumerate(runs.outcome_names):
        hits = totals(runs.seeds, runs.n_seeds, runs.outcomes == i)
        found.append(OutcomeShare(name, share_over_seeds(hits, everything, runs.exact)))
    return tuple(sorted(found, key=lambda each: -each.share.hits))


def commonest_failure(runs: Runs) -> str:
    """The most frequent outcome of runs that failed; empty when there is none."""
    failed = runs.outcomes[~runs.converged]
    if not len(failed):
        return ""
    return runs.outcome_names[int(np.argmax(np.bincount(failed, minlength=len(runs.outcome_names))))]
