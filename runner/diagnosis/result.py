"""What a diagnosis is: findings, what is not known, notes, the twin, and what mistakes cost."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from runner.diagnosis.cost import Rate
from runner.diagnosis.find import Found
from runner.diagnosis.findings import Finding


@dataclass(frozen=True)
class Diagnosis:
    """What is known of a program.

    Attributes
    ----------
    file : Path
    right : bool or None
        None where a term is not known.
    findings : tuple of Finding
    unknown : tuple of dict
        With `term`, `layer`, `says` and perhaps `numbers`.
    notes : tuple of str
    twin : dict or None
        Updates compared, largest difference, and the first update after which the twin and the program part.
    rates : tuple of Rate
        What each mistake costs.
    advice : tuple of str
        Those of the notes that say what to do.
    criterion : str
        When a network has learnt it.
    """

    file: Path
    findings: tuple[Finding, ...]
    unknown: tuple[dict[str, Any], ...]
    notes: tuple[str, ...]
    twin: dict[str, Any] | None = None
    rates: tuple[Rate, ...] = ()
    advice: tuple[str, ...] = ()
    criterion: str = ""
    found: Found | None = field(default=None, repr=False, compare=False)

    @property
    def right(self) -> bool | None:
        """Whether nothing is wrong."""
        return None if self.unknown else not self.findings

    @property
    def exit_code(self) -> int:
        """0 right, 1 findings or not known."""
        return 0 if self.right else 1

    def noting(self, *more: str) -> Diagnosis:
        """With more notes."""
        return replace(self, notes=(*self.notes, *more))

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "right": self.right,
            "findings": [finding.as_json() for finding in self.findings],
            "unknown": [_plain(each) for each in self.unknown],
            "notes": list(self.notes),
            "twin": self.twin,
            "rates": [rate.as_json() for rate in self.rates],
        }


def _plain(value: Any) -> Any:
    """Without what JSON has not: numbers that are infinite or none are null."""
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
