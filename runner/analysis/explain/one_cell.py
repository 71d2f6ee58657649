"""One setting by itself: how its runs fared, and what each single change from there does to the same seeds.

An average over a grid hides what decides at one's own settings. A change is compared by pairs of runs with the same
seed: those that only the new settings let converge, and those that only the old ones do. That the one number is greater
is told from chance by the sign test (McNemar, 1947, Psychometrika 12, exact), sharpened for the number of changes that
were tried (Bonferroni).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from runner.analysis.explain.factors import TASK, Factor
from runner.analysis.explain.levels import share_where
from runner.analysis.explain.runs import Runs
from runner.errors import Problem, StudyError
from runner.keys.issues import Invalid
from runner.statistics.shares import Share, share_over_seeds, totals
from runner.terminal import listed

if TYPE_CHECKING:
    from runner.studies.claims.grammar import Selection

_ALPHA = 0.05
_LISTED = 6


@dataclass(frozen=True)
class Step:
    """One other value of one factor, on the seeds that were run with the old value and with this one.

    Attributes
    ----------
    factor : Factor
    value, own : int
        The new value and the old one.
    share : Share
        Of these seeds, those that converge with the new value.
    before : int
        How many of them converge with the old one.
    saved, lost : int
        How many converge with the new value alone, and with the old one alone.
    cost : float
        Mean training cost, as a multiple of that with the old value.
    chance : float
        How probable it is that so many more are saved than lost, or lost than saved, if the change does nothing.
    """

    factor: Factor
    value: int
    own: int
    share: Share
    before: int
    saved: int
    lost: int
    cost: float
    chance: float

    @property
    def label(self) -> str:
        """`learning_rate 2`."""
        return self.factor.label(self.value, self.own)

    @property
    def gain(self) -> int:
        """How many more converge."""
        return self.saved - self.lost

    def as_json(self) -> dict[str, Any]:
        """For another program."""
        numbers = {"before": self.before, "saved": self.saved, "lost": self.lost, "cost": self.cost}
        return {"set": self.factor.settings(self.value), **self.share.as_json(), **numbers, "chance": self.chance}


@dataclass(frozen=True)
class CellReport:
    """One setting.

    Attributes
    ----------
    settings : str
        Its values on the factors; empty where there are none.
    share : Share
        Of its runs that converge.
    failures : tuple of pairs of str and int
        The outcomes of those that failed, the most frequent first.
    steps : tuple of Step
        For every factor with other values the best one; the most helpful first, of equal ones the cheapest.
    tried : int
        How many values were tried in all.
    untried : tuple of str
        Factors of which no other value was run with all else the same.
    exact : bool
        Whether no chance is involved.
    """

    settings: str
    share: Share
    failures: tuple[tuple[str, int], ...]
    steps: tuple[Step, ...]
    tried: int
    untried: tuple[str, ...]
    exact: bool

    def helps(self, step: Step) -> bool:
        """Whether a step is told from chance to let more runs converge."""
        return step.gain > 0 and (self.exact or step.chance * self.tried < _ALPHA)

    @property
    def helping(self) -> tuple[Step, ...]:
        """The steps that help."""
        return tuple(step for step in self.steps if self.helps(step))

    def as_json(self) -> dict[str, Any]:
        """For another program."""
        steps = [{**step.as_json(), "helps": self.helps(step)} for step in self.steps]
        return {"settings": self.settings, **self.share.as_json(), "changes": steps, "untried": list(self.untried)}


def cell_report(runs: Runs, row: int) -> CellReport:
    """Describe the setting of one run.

    Parameters
    ----------
    runs : Runs
    row : int
        Its number in the table.
    """
    own = runs.codes[row]
    differs = runs.codes != own
    here = ~differs.any(axis=1)
    best, untried, tried = [], [], 0
    for at, factor in enumerate(runs.factors):
        others = [i for i in range(len(runs.factors)) if i != at]
        alone = differs[:, at] & ~differs[:, others].any(axis=1)
        steps = [_step(runs, at, int(own[at]), value, here, alone) for value in np.unique(runs.codes[alone, at])]
        steps = [step for step in steps if step.share.runs]
        tried += len(steps)
        if steps:
            best.append(min(steps, key=_order))
        elif factor.name not in TASK:
            untried.append(factor.name)
    return CellReport(
        settings=", ".join(factor.label(int(value)) for factor, value in zip(runs.factors, own, strict=True)),
        share=share_where(runs, here),
        failures=tuple(Counter(runs.outcome_names[i] for i in runs.outcomes[here & ~runs.converged]).most_common()),
        steps=tuple(sorted(best, key=_order)),
        tried=tried,
        untried=tuple(untried),
        exact=runs.exact,
    )


def _order(step: Step) -> tuple[float, float]:
    return -step.gain / step.share.runs, step.cost


def _step(runs: Runs, at: int, own: int, value: int, here: NDArray[np.bool_], alone: NDArray[np.bool_]) -> Step:
    """Compare the runs with one other value with those of the cell, by seed."""
    from scipy.special import bdtr

    n = runs.n_seeds
    there = alone & (runs.codes[:, at] == value)
    counts, hits, costs = [], [], []
    for rows in (here, there):
        counts.append(totals(runs.seeds[rows], n))
        hits.append(totals(runs.seeds[rows], n, runs.converged[rows]) > 0)
        costs.append(totals(runs.seeds[rows], n, runs.cost[rows]))
    both = (counts[0] > 0) & (counts[1] > 0)
    before, after = hits[0] & both, hits[1] & both
    saved, lost = int(np.count_nonzero(after & ~before)), int(np.count_nonzero(before & ~after))
    changed = saved + lost
    chance = min(2 * float(bdtr(min(saved, lost), changed, 0.5)), 1.0) if changed else 1.0
    return Step(
        factor=runs.factors[at],
        value=int(value),
        own=own,
        share=share_over_seeds(after.astype(float), both.astype(float), runs.exact),
        before=int(np.count_nonzero(before)),
        saved=saved,
        lost=lost,
        cost=float(costs[1][both].sum() / costs[0][both].sum()) if both.any() else 1.0,
        chance=chance,
    )


def read_setting(at: Sequence[str] | Mapping[str, Any]) -> Selection:
    """The values of keys that name a setting, from `key=value` texts or a mapping.

    Raises
    ------
    StudyError
        With everything that is wrong with them.
    """
    # It takes long to import, for it knows all keys.
    from runner.analysis.claims.selection import read_where

    try:
        return read_where(at)
    except Invalid as invalid:
        raise StudyError([Problem(f"at: {issue.message}") for issue in invalid.issues]) from None


def row_at(path: Path, runs: Runs, at: Selection) -> int:
    """The number of a run with the settings that are named.

    Parameters
    ----------
    path : Path
        The table that the runs were read from.
    runs : Runs
    at : mapping of str to tuple
        Values of keys: as many as tell one setting.

    Raises
    ------
    RunnerError
        When no run has them; a StudyError when several settings do.
    """
    from runner.analysis.claims.selection import rows_of

    rows = rows_of(path, at, None if runs.part is None else runs.part.seeds)
    codes = runs.codes[rows]
    open_ones = []
    for i, factor in enumerate(runs.factors):
        if len(values := np.unique(codes[:, i])) > 1:
            shown = [factor.short(int(value)) for value in values[:_LISTED]]
            open_ones.append(f"{factor.name} ({', '.join([*shown, *(['...'] if len(values) > _LISTED else [])])})")
    if open_ones:
        raise StudyError([Problem(f"at: expected one setting; say also which {listed(open_ones)}")])
    return int(np.flatnonzero(rows)[0])
