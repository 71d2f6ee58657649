"""Plain scalars: what an unquoted text means by the rules of YAML 1.2, and how messages quote a value."""

from __future__ import annotations

import re
from collections.abc import Iterable

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
