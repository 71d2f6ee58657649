"""What a claim expects of its number, and whether an interval meets it."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from runner.keys.issues import Invalid, expected
from runner.keys.scalars import resolve

HOLDS, FAILS, UNDECIDED = "holds", "fails", "undecided"
_ONE = re.compile(r"\s*(<=|>=|<|>)\s*(\S+)\s*")
_TWO = re.compile(r"\s*(?:between\s+)?(\S+)\s+(?:to|and)\s+(\S+)\s*")


@dataclass(frozen=True)
class Expectation:
    """A range that a number is to lie in.

    Attributes
    ----------
    low, high : float
        Its bounds; infinite where there is none.
    strict : bool
        Whether the bounds themselves are left out.
    text : str
        As it is shown.
    """

    low: float
    high: float
    strict: bool
    text: str

    @property
    def bounds(self) -> tuple[float, ...]:
        """Those that there are."""
        return tuple(bound for bound in (self.low, self.high) if math.isfinite(bound))

    def accepts(self, value: float) -> bool:
        """Whether a number lies in the range."""
        return self.low < value < self.high if self.strict else self.low <= value <= self.high

    def verdict(self, low: float, high: float) -> str:
        """Whether all of an interval lies in the range, none of it, or some."""
        if math.isnan(low) or math.isnan(high):
            return UNDECIDED
        if self._within(low, high):
            return HOLDS
        apart = (high <= self.low or low >= self.high) if self.strict else (high < self.low or low > self.high)
        return FAILS if apart else UNDECIDED

    def _within(self, low: float, high: float) -> bool:
        # A strict range leaves its bound out; the other end is infinite, and leaves out nothing.
        above = low > self.low if self.strict and math.isfinite(self.low) else low >= self.low
        below = high < self.high if self.strict and math.isfinite(self.high) else high <= self.high
        return above and below


def read_expectation(value: object, limits: tuple[float, float] | None = None) -> Expectation:
    """The range that a text such as `"< 0.02"` or `0.1 to 0.2` names; raises Invalid.

    Parameters
    ----------
    value : object
        As YAML reads it.
    limits : pair of float, optional
        The least and the greatest value that the number can have at all.
    """
    what = 'a comparison such as "< 0.02", ">= 0.9" or "0.1 to 0.2"'
    if not isinstance(value, str):
        raise expected(what, value)
    if match := _ONE.fullmatch(value):
        sign, bound = match[1], _number(match[2], value, what)
        low, high = (-math.inf, bound) if "<" in sign else (bound, math.inf)
        found = Expectation(low, high, "=" not in sign, f"{sign} {match[2]}")
    elif match := _TWO.fullmatch(value):
        low, high = _number(match[1], value, what), _number(match[2], value, what)
        if not low <= high:
            raise Invalid(f"expected the smaller bound first, found '{value.strip()}'")
        found = Expectation(low, high, False, f"{match[1]} to {match[2]}")
    else:
        raise expected(what, value)
    _check_possible(found, limits)
    return found


def _number(text: str, whole: str, what: str) -> float:
    number = resolve(text)
    if isinstance(number, bool) or not isinstance(number, int | float) or not math.isfinite(number):
        raise expected(what, whole)
    return float(number)


def _check_possible(found: Expectation, limits: tuple[float, float] | None) -> None:
    """A bound beyond what a rate can be is a mistake, most often a percentage."""
    if limits is None:
        return
    low, high = limits
    for bound in found.bounds:
        if not low <= bound <= high:
            raise Invalid(f"expected a number from {low:g} to {high:g} for a rate, found {bound:g}")
    if found.strict and (found.high <= low or found.low >= high):
        raise Invalid(f"no rate is {found.text}")
