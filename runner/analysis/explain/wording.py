"""How an answer and its page say a share's interval, a cost, and a median."""

from __future__ import annotations

import math
from collections.abc import Mapping

from runner.statistics.shares import Median, Share
from runner.terminal import number, percent

_DIGITS = 3


def interval(share: Share) -> str:
    """The ends of its 95% interval; `exact` where no chance is involved."""
    return "exact" if share.low == share.high else f"{percent(share.low)} to {percent(share.high)}"


def between(share: Share) -> str:
    """Its 95% interval in words."""
    return "exact: no chance is involved" if share.low == share.high else f"95% interval {interval(share)}"


def times(cost: float) -> str:
    """A training cost beside another one: `the same`, `30 times`, `0.45 times`."""
    if 0.95 <= cost < 1.05:
        return "the same"
    if cost > 1:
        return f"{cost:,.0f} times" if cost >= 10 else f"{cost:.1f} times"
    return f"{cost:.2g} times"


def price(cost: float) -> str:
    """What a change costs, as the end of a sentence; nothing where it costs no more."""
    return "" if cost < 1.05 else f", at {times(cost)} the training cost on average"


def median(found: Median) -> str:
    """A median and its 95% interval: `0.469 (0.461 to 0.475)`; the median alone where both ends are the same."""
    if not math.isfinite(found.value):
        return "infinite"
    ends = found.low, found.high
    if found.value == found.low == found.high:
        return number(found.value, digits=_DIGITS)
    if not any(map(math.isfinite, ends)):
        return f"{number(found.value, digits=_DIGITS)} (too few runs for an interval)"
    # A digit more where that shows that an end is another number.
    short = number(found.value, digits=_DIGITS)
    digits = _DIGITS + any(number(end, digits=_DIGITS) == short for end in ends if end != found.value)
    value, low, high = (
        number(each, digits=digits) if math.isfinite(each) else "no bound" for each in (found.value, *ends)
    )
    return f"{value} ({low} to {high})"


def medians(found: Mapping[str, Median]) -> str:
    """`Median accuracy 0.75, median loss 0.469 (0.461 to 0.475).`"""
    text = ", ".join(f"median {name} {median(each)}" for name, each in found.items())
    return f"{text[:1].upper()}{text[1:]}{'.' if text else ''}"
