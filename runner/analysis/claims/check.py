"""Check claims against a table: one verdict each."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from runner.analysis.claims.comparison import compare
from runner.analysis.claims.estimate import evaluate, values_of
from runner.analysis.claims.selection import NoRuns, load_rows, select
from runner.analysis.claims.verdict import CONFIDENCE, NO_RUNS, Checked
from runner.analysis.large_rows import RunTable
from runner.keys.issues import Invalid
from runner.results.reader import header
from runner.statistics.estimate import Estimate, Sample
from runner.statistics.intervals import clopper_pearson
from runner.statistics.reading import Statistic
from runner.studies.claims.expectation import FAILS, HOLDS, UNDECIDED

if TYPE_CHECKING:
    from runner.studies.claims.grammar import Claim

_MOST = 10**9
_MOST_EXACT = 10**5  # beyond so many runs a normal interval is as good, and quick


def check(path: Path, claims: Sequence[Claim]) -> list[Checked]:
    """Verdicts in the order of the claims.

    Parameters
    ----------
    path : Path
        `runs.csv` of a study.
    claims : sequence of Claim

    Raises
    ------
    RunnerError
        When the table cannot be read, or lacks a column.
    """
    if not claims:
        return []
    frame, names = load_rows(path, claims), header(path)
    return [_check_one(frame, claim, names) for claim in claims]


def _check_one(frame: RunTable, claim: Claim, names: list[str]) -> Checked:
    try:
        rows = select(frame, claim.where)
        if claim.statistic.comparison:
            try:
                others = select(frame, claim.versus)
            except NoRuns as nothing:
                raise NoRuns(f"versus: {nothing}") from None
            found = compare(frame, claim, names, rows, others)
        else:
            some = evaluate(frame[rows], claim.statistic)
            if some is None:
                raise NoRuns(f"no run has a {claim.statistic.subject}")
            found = some
    except (NoRuns, Invalid) as nothing:
        return Checked(claim, NO_RUNS, notes=(str(nothing),))
    direct = not claim.statistic.comparison and not claim.statistic.keys
    values = values_of(frame[rows], claim.statistic) if direct else None
    return _with_verdict(claim, found, values)


def _with_verdict(claim: Claim, found: Estimate, values: Sample | None) -> Checked:
    if math.isnan(found.low):
        verdict = HOLDS if claim.expect.accepts(found.value) else FAILS
        if math.isnan(found.value):
            verdict = UNDECIDED
    else:
        verdict = claim.expect.verdict(found.low, found.high)
    more, notes = None, found.notes
    if verdict == UNDECIDED:
        more = None if claim.statistic.plane else more_replicates(claim, found, values)
        how = "no number of replicates would decide it while the estimate is on the bound"
        if math.isnan(found.value):
            how = "there is no number to compare"
        elif claim.statistic.plane:
            how = "a plane with more values of its keys may decide it"
        elif more is not None:
            about = float(f"{more:.2g}") if more > 20 else more
            how = f"about {about:,.0f} more replicates would decide it ({found.seeds:,} seeds so far)"
        notes = (how, *notes)
    numbers_found = found.value, found.low, found.high, found.runs, found.seeds
    return Checked(claim, verdict, *numbers_found, more, notes, found.exact)


def more_replicates(claim: Claim, found: Estimate, values: Sample | None) -> int | None:
    """About how many more seeds would decide a claim, if the estimate stayed as it is; None when none would."""
    open_bounds = [bound for bound in claim.expect.bounds if found.low <= bound <= found.high]
    if not open_bounds or not found.seeds:
        return None
    needed = [_runs_needed(claim.statistic, found, values, bound) for bound in open_bounds]
    known = [runs for runs in needed if runs is not None]
    if len(known) < len(needed):
        return None
    # What an independent run costs in seeds stays as it is.
    seeds = max(known) * found.seeds / max(found.worth, 1.0)
    return max(math.ceil(seeds) - found.seeds, 1) if seeds < _MOST else None


def _runs_needed(statistic: Statistic, found: Estimate, values: Sample | None, bound: float) -> float | None:
    """Independent runs from which an interval leaves out a bound."""
    if values is not None and statistic.member.as_share is not None:
        return _trials(*statistic.member.as_share(values, statistic.q, bound), found.worth)
    distance = abs(found.value - bound)
    half = abs(found.value - (found.low if bound < found.value else found.high))
    if not distance or not math.isfinite(half) or not math.isfinite(distance):
        return None
    return found.worth * (half / distance) ** 2


def _trials(share: float, bound: float, start: float) -> float | None:
    """Trials from which the interval around a share leaves out a bound."""
    if share == bound:
        return None

    def apart(n: float) -> bool:
        low, high = _interval(share, n)
        return not low <= bound <= high

    high = max(start, 1.0)
    while not apart(high):
        high *= 2
        if high > _MOST:
            return None
    return _least(apart, max(start, high / 2), high)


def _interval(share: float, n: float) -> tuple[float, float]:
    if n <= _MOST_EXACT:
        return clopper_pearson(n if share == 1 else share * n, n, CONFIDENCE)
    half = 2.5758 * math.sqrt(share * (1 - share) / n)
    return (share - half, share + half) if half else (share - 5.3 / n, share + 5.3 / n)


def _least(holds: Callable[[float], bool], low: float, high: float) -> float:
    """About the least number from which a condition holds."""
    while high - low > max(0.5, 1e-3 * high):
        middle = (low + high) / 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high
