"""Plain scalars: what an unquoted text means by the rules of YAML 1.2, and how messages quote a value."""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal

from runner.registry import shortest

_INTEGER = re.compile(r"[-+]?[0-9]+(_[0-9]+)*")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"([-+]?)\.(inf|Inf|INF|nan|NaN|NAN)")
_LONGEST_INTEGER = 300  # digits; beyond it no float can hold the number, and int() becomes slow


def resolve(text: str) -> object:
    """What a plain scalar means: None, a bool, an int, a float, or the text itself."""
    if text in ("", "~", "null", "Null", "NULL"):
        return None
    if text in ("true", "True", "TRUE", "false", "False", "FALSE"):
        return text[0] in "tT"
    if _INTEGER.fullmatch(text):
        return int(text) if len(text) <= _LONGEST_INTEGER else float(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    if special := _NOT_FINITE.fullmatch(text):
        return float(special[1] + special[2])
    return text


def list_text(value: Iterable[float]) -> str:
    """Numbers as a YAML list: `[1, 0.5]`."""
    return f"[{', '.join(map(shortest, value))}]"


_FEWEST_DIGITS = 3
_ALL_DIGITS = 17


def meant(value: float, among: Iterable[float]) -> list[float]:
    """The numbers that a number may stand for that was copied from a report, where numbers have few digits.

    Parameters
    ----------
    value : float
        As it was written.
    among : iterable of float
        The values that there are.

    Returns
    -------
    list of float
        `value` alone where it is among them; else those that are `value` when they are rounded to as many digits as it
        has, or to three where it has fewer. A whole number is written in full, so nothing else stands for it.

    Examples
    --------
    >>> meant(4.642, [0.1, 4.641588833612779, 10.0]), meant(4.6, [4.641588833612779]), meant(0.5, [0.5, 0.50001])
    ([4.641588833612779], [], [0.5])
    """
    there = list(dict.fromkeys(among))
    if value in there:
        return [value]
    fewest = max(len(Decimal(repr(value)).normalize().as_tuple().digits), _FEWEST_DIGITS)
    # Zeros at the end are not written: `1` may be 0.99999 in four digits, and is not 1.004 then.
    for digits in range(_ALL_DIGITS, fewest - 1, -1):
        if found := [x for x in there if x != round(x) and float(f"{x:.{digits - 1}e}") == value]:
            return found
    return []


SHOWN = 60
"""Characters of a value that a message quotes, at most."""


def found(value: object) -> str:
    """A value as messages quote it: `'fast'`, `3`, `a list`, `nothing`."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return "a list" if value else "an empty list"
    if isinstance(value, dict):
        return "a mapping" if value else "an empty mapping"
    text = shortest(value) if isinstance(value, float) else str(value)
    text = text if len(text) <= SHOWN else f"{text[: SHOWN - 3]}..."
    return f"'{text}'" if isinstance(value, str) else text
