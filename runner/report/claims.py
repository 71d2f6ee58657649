"""Claims as they are drawn: what was expected as a range on a line, what was found as an interval on it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from runner.analysis.claims.show import found_in_words
from runner.analysis.claims.verdict import CONFIDENCE, Checked
from runner.terminal import number

_DECADES = 100.0
_ROOM = 0.3


@dataclass(frozen=True)
class Track:
    """A claim on a line from 0 to 100.

    Attributes
    ----------
    name, verdict, statistic, expected, found, interval, source : str
        In words.
    notes : tuple of str
    words : str
        All of it in a sentence, for who does not see the line.
    region : pair of float or None
        Where the number was expected; None where there is nothing to draw, for no run was found.
    bar : pair of float or None
        The interval; None where there is none.
    point : float or None
    ends : pair of str
        What the ends of the line stand for.
    """

    name: str
    verdict: str
    statistic: str
    expected: str
    found: str
    interval: str
    source: str
    notes: tuple[str, ...]
    words: str
    region: tuple[float, float] | None = None
    bar: tuple[float, float] | None = None
    point: float | None = None
    ends: tuple[str, str] = ("", "")


def tracks(checked: Sequence[Checked]) -> list[Track]:
    """One for each claim, in their order."""
    return [_track(each) for each in checked]


def _track(each: Checked) -> Track:
    claim = each.claim
    found, interval = found_in_words(each)
    words = f"{claim.name}: {each.verdict}. {claim.statistic.text} was expected {claim.expect.text}"
    words += f" and is {found}" if found else ""
    words += f", {CONFIDENCE:.0%} interval {interval}." if interval else "."
    track = Track(
        claim.name,
        each.verdict,
        claim.statistic.text,
        claim.expect.text,
        found,
        interval,
        claim.source,
        each.notes,
        words,
    )
    if math.isnan(each.estimate):
        return track
    place, ends = _line(each)
    bar = None if math.isnan(each.low) else (place(each.low), place(each.high))
    region = place(claim.expect.low), place(claim.expect.high)
    return Track(**vars(track) | {"region": region, "bar": bar, "point": place(each.estimate), "ends": ends})


def _line(each: Checked) -> tuple[Callable[[float], float], tuple[str, str]]:
    """From a number to its place in percent, and what stands at both ends: room around all that is to be seen."""
    least, most = each.claim.statistic.limits or (-math.inf, math.inf)
    seen = [x for x in (each.estimate, each.low, each.high, *each.claim.expect.bounds) if math.isfinite(x)]
    low, high = min(seen, default=0.0), max(seen, default=1.0)
    log = low > 0 and high / low >= _DECADES and math.isinf(most)
    if log:
        room = (high / low) ** _ROOM
        low, high = low / room, high * room
    else:
        room = _ROOM * (high - low) or 0.5 * abs(high) or 0.5
        # A line that nearly reaches 0 begins there, where nothing can be below it.
        low = 0.0 if 0 <= low < 2 * room else low - room
        low, high = max(low, least), min(high + room, most)

    def place(x: float) -> float:
        if x <= low:
            return 0.0
        if x >= high:
            return 100.0
        share = math.log(x / low) / math.log(high / low) if log else (x - low) / (high - low)
        return round(100 * share, 2)

    return place, (number(low, digits=2), number(high, digits=2))
