"""What came out of checking a claim."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from runner.studies.claims.expectation import FAILS

if TYPE_CHECKING:
    from runner.studies.claims.grammar import Claim

NO_RUNS = "no runs"
CONFIDENCE = 0.99


@dataclass(frozen=True)
class Checked:
    """A claim and its verdict.

    Attributes
    ----------
    claim : Claim
    verdict : str
        holds, fails, undecided, or no runs.
    estimate, low, high : float
        The number in these results, and its 99% interval; NaN where there is none.
    runs, seeds : int
        How many it is made from.
    more : int or None
        About how many more replicates would decide it.
    notes : tuple of str
        What else there is to know.
    exact : bool
        Whether no chance is involved, so that the interval is the number itself.
    """

    claim: Claim
    verdict: str
    estimate: float = math.nan
    low: float = math.nan
    high: float = math.nan
    runs: int = 0
    seeds: int = 0
    more: int | None = None
    notes: tuple[str, ...] = ()
    exact: bool = False

    def as_json(self) -> dict[str, Any]:
        """For another program; a number without end is the text "inf" or "-inf"."""
        return {
            "name": self.claim.name,
            "statistic": self.claim.statistic.text,
            "expect": self.claim.expect.text,
            "source": self.claim.source,
            "published": self.claim.published,
            "tolerance": self.claim.tolerance,
            "verdict": self.verdict,
            "estimate": _plain(self.estimate),
            "low": _plain(self.low),
            "high": _plain(self.high),
            "confidence": CONFIDENCE,
            "exact": self.exact,
            "runs": self.runs,
            "seeds": self.seeds,
            "more_replicates": self.more,
            "notes": list(self.notes),
        }


def _plain(value: float) -> float | str | None:
    if math.isnan(value):
        return None
    return value if math.isfinite(value) else str(value)


def exit_code(checked: Iterable[Checked], partial: bool = False) -> int:
    """1 when a claim fails, or is about runs that there are not; else 0.

    Parameters
    ----------
    checked : iterable of Checked
    partial : bool
        Whether these are the results of a changed study, or of an interrupted one: runs may be missing.
    """
    failing = {FAILS} if partial else {FAILS, NO_RUNS}
    return int(any(each.verdict in failing for each in checked))
