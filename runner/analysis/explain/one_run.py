"""One run in words: what it measured, how other seeds fared with its settings, and what saves it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from runner.analysis.explain.counterfactuals import ENOUGH, Change, cheapest_first
from runner.analysis.explain.levels import share_where
from runner.analysis.explain.next_sweep import NextSweep
from runner.analysis.explain.outcomes import meaning_of
from runner.analysis.explain.runs import Runs
from runner.statistics.shares import Share, share_over_seeds, totals
from runner.terminal import counted, percent


@dataclass(frozen=True)
class RunReport:
    """What there is to say about one run.

    Attributes
    ----------
    run_id, seed, outcome : str
    converged : bool
    settings : str
        Its values on the factors.
    words : tuple of str
        Its measurements, a sentence each.
    same_settings : Share
        Of all runs with its settings, those that converge.
    tried : int
        With how many other settings its seed was run.
    changes : tuple of Change
        What saves the same seed, cheapest first; of the fewest factors that have such a change.
    next : NextSweep or None
        For a run that failed and that no tried setting saves: what to try.
    """

    run_id: str
    seed: str
    outcome: str
    converged: bool
    settings: str
    words: tuple[str, ...]
    same_settings: Share
    tried: int
    changes: tuple[Change, ...]
    next: NextSweep | None = None


def run_report(runs: Runs, row: int, fields: Mapping[str, str]) -> RunReport:
    """Describe one run.

    Parameters
    ----------
    runs : Runs
    row : int
        Its number in the table.
    fields : mapping
        Its row.
    """
    own = runs.codes[row]
    distance = (runs.codes != own).sum(axis=1)
    cell = distance == 0
    settings = ", ".join(factor.label(int(value)) for factor, value in zip(runs.factors, own, strict=True))
    return RunReport(
        run_id=fields["run_id"],
        seed=fields["seed"],
        outcome=fields["outcome"],
        converged=bool(runs.converged[row]),
        settings=settings,
        words=words(fields),
        same_settings=share_where(runs, cell),
        tried=int(np.count_nonzero((runs.seeds == runs.seeds[row]) & ~cell)),
        changes=() if runs.converged[row] else _changes(runs, row, distance),
    )


def _changes(runs: Runs, row: int, distance: NDArray[np.int64]) -> tuple[Change, ...]:
    """From the nearest cells outwards until one saves this seed and most of the others that failed here."""
    best: tuple[Change, ...] = ()
    for size in range(1, len(runs.factors) + 1):
        found = _changes_of_size(runs, row, distance, size)
        if found and (not best or _most(found) > _most(best)):
            best = found
        if best and _most(best) >= ENOUGH:
            break
    return best


def _most(changes: tuple[Change, ...]) -> float:
    return max(change.saved.rate for change in changes)


def _changes_of_size(runs: Runs, row: int, distance: NDArray[np.int64], size: int) -> tuple[Change, ...]:
    """Cells that differ in so many factors and in which this seed converges, on the seeds that failed here."""
    here = (distance == 0) & ~runs.converged
    failed = totals(runs.seeds[here], runs.n_seeds)
    n_failed, spent = np.count_nonzero(failed), runs.cost[here].mean()
    rows = np.flatnonzero((distance == size) & (failed[runs.seeds] > 0))
    cells, index, cell = np.unique(runs.place(range(len(runs.factors)))[rows], return_index=True, return_inverse=True)
    n = len(cells)
    hits, counts, cost = (totals(cell, n, v) for v in (runs.converged[rows], np.ones(len(rows)), runs.cost[rows]))
    saves = np.zeros(n, bool)
    mine = runs.seeds[rows] == runs.seeds[row]
    saves[cell[mine & runs.converged[rows]]] = True
    candidates = [(float(cost[c] / counts[c] / spent), float(hits[c] / n_failed), c) for c in np.flatnonzero(saves)]
    found = []
    for c in cheapest_first(candidates):
        codes = runs.codes[rows[index[c]]]
        at = np.flatnonzero(codes != runs.codes[row])
        there = rows[cell == c]
        saved = totals(runs.seeds[there], runs.n_seeds, runs.converged[there])
        found.append(
            Change(
                factors=tuple(runs.factors[i] for i in at),
                values=tuple(int(codes[i]) for i in at),
                saved=share_over_seeds(saved, failed, runs.exact),
                counterparts=len(there),
                cost=float(cost[c] / counts[c] / spent),
                same_seed=True,
                own=tuple(int(runs.codes[row, i]) for i in at),
            )
        )
    return tuple(found)


def words(fields: Mapping[str, str]) -> tuple[str, ...]:
    """The measurements of a run as sentences."""
    get = _Numbers(fields)
    meaning = meaning_of(fields.get("outcome", ""), [fields.get("criterion", "")])
    said = [f"Outcome {fields.get('outcome', '')}: {meaning.what}" if meaning else ""]
    said.append(_about_restarts(get("restarts_made")))
    said.append(_about_loss(get("initial_loss"), get("final_loss"), get("best_loss"), get("epochs_to_diverge")))
    said.append(_about_time(get("epochs_run"), get("epochs_to_converge")))
    said.append(_about_outputs(get("output_min"), get("output_max"), get("output_spread")))
    said.append(_about_errors(get("max_error"), get("accuracy"), fields.get("criterion", "")))
    said.append(_about_weights(fields, get("grad_norm"), get("weight_norm"), get("learning_rate")))
    if (saturation := get("saturation")) >= 0:
        said.append(f"{percent(saturation, 0)} of the hidden units' outputs lie within 1% of their activation's limit.")
    return tuple(sentence for sentence in said if sentence)


class _Numbers:
    """The fields of a row as numbers; NaN where there is none."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        self._fields = fields

    def __call__(self, name: str) -> float:
        try:
            return float(self._fields.get(name, ""))
        except ValueError:
            return math.nan


def _about_restarts(made: float) -> str:
    if not made > 0:
        return ""
    times = counted(int(made), "time")
    return f"It started again {times}, from other weights: all that is said of it but its epochs is of the last start."


def _about_loss(first: float, last: float, best: float, broke: float) -> str:
    if broke == 0:
        return "The loss is not a number before the first update: a value is missing in the data, or far too large."
    if math.isnan(first) and math.isnan(last) and math.isnan(broke):
        return ""
    if not math.isfinite(last):
        when = f" after {broke:,.6g} epochs" if math.isfinite(broke) else ""
        return f"The loss began at {first:.4g} and was no longer finite{when}."
    if not math.isfinite(first) or first == 0:
        return f"The loss ended at {last:.4g}."
    change = last / first - 1
    how = f"fell by {percent(-change, 2)}" if change < 0 else f"rose by {change:.2%}"
    low = f"; its lowest was {best:.4g}" if best < 0.99 * last else ""
    return f"The loss went from {first:.4g} to {last:.4g}: it {how}{low}."


def _about_time(trained: float, reached: float) -> str:
    if not math.isfinite(trained):
        return ""
    if math.isfinite(reached):
        return f"It trained for {trained:,.6g} epochs and met the criterion first after {reached:,.6g}."
    return f"It trained for {trained:,.6g} epochs and never met the criterion."


def _about_outputs(low: float, high: float, spread: float) -> str:
    if not (math.isfinite(low) and math.isfinite(high)):
        return ""
    same = "nearly the same for every input" if spread < 0.05 * max(abs(low), abs(high), 1e-300) else "different"
    vary = f"; from input to input they vary by {spread:.3g}" if math.isfinite(spread) else ""
    return f"Its outputs lie between {low:.4g} and {high:.4g}{vary}: {same}."


def _about_errors(largest: float, accuracy: float, criterion: str) -> str:
    parts = []
    if math.isfinite(largest):
        parts.append(f"its largest error is {largest:.4g}")
    if math.isfinite(accuracy):
        parts.append(f"{percent(accuracy, 0)} of the samples are on the right side of the middle")
    if not parts:
        return ""
    asked = f" (the criterion is {criterion.strip('{}')})" if criterion else ""
    text = " and ".join(parts) + asked
    return f"{text[0].upper()}{text[1:]}."


def _about_weights(fields: Mapping[str, str], gradient: float, weights: float, rate: float) -> str:
    if not (math.isfinite(gradient) and math.isfinite(weights)) or weights == 0:
        return ""
    text = f"Its weights have length {weights:.4g} and its gradient {gradient:.3g}"
    if fields.get("optimizer") == "sgd" and math.isfinite(rate):
        step = abs(rate) * gradient / weights
        text += f": another full-batch update would move the weights by {step:.2g} of their length"
    return f"{text}."
