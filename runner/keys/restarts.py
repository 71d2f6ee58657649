"""The key `restarts`: when a run that has not met its criterion starts again, from new initial weights."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from runner.keys.issues import Invalid, Issue, expected
from runner.keys.kinds import Kind, integer, read_parts
from runner.registry import NO_SYNONYMS

_MOST = 10**12
_EPOCHS, _TIMES = integer(1, _MOST), integer(1, _MOST)
_PARTS = {"after": _EPOCHS, "max": _TIMES}
_EXPECTED = "none or {after: EPOCHS, max: TIMES}"


@dataclass(frozen=True)
class Restarts:
    """When runs start again: `restarts: {after: 100, max: 5}`.

    Attributes
    ----------
    after : int
        Epochs since the last start after which a run that has not met its criterion starts again.
    most : int or None
        How many times at most; None for as often as the budget allows.
    """

    after: int
    most: int | None = None

    def __str__(self) -> str:
        return f"{{after: {self.after}}}" if self.most is None else f"{{after: {self.after}, max: {self.most}}}"


def _read_restarts(value: object, base: Path | None = None) -> Restarts | None:
    if value == "none":
        return None
    if not isinstance(value, dict) or not value:
        raise expected(_EXPECTED, value)
    given, issues = read_parts(value, _PARTS, NO_SYNONYMS, base)
    if "after" not in value:
        issues.append(Issue(f"after is missing; expected {_EXPECTED}"))
    if issues:
        raise Invalid(*issues)
    return Restarts(given["after"], given.get("max"))


_SCHEMA = {
    "anyOf": [
        {"const": "none"},
        {
            "type": "object",
            "properties": {name: dict(kind.schema) for name, kind in _PARTS.items()},
            "required": ["after"],
            "additionalProperties": False,
        },
    ]
}

RESTARTS = Kind(_read_restarts, str, _SCHEMA, none=True)
