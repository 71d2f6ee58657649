"""What a user meets beside the speed of training: one module each, with `measure(order)`, which gives facts."""

from __future__ import annotations

from dataclasses import dataclass

ASPECTS = ("peak", "axis", "stages", "growth", "start", "stream", "cluster")
# These use all the cores there are; the others one.
TWO_CORES = ("threads",)
# This one is measured where it is named.
NAMED = ("card",)


@dataclass(frozen=True)
class Fact:
    """One thing that was measured.

    Attributes
    ----------
    aspect, what, value : str
    goal : str
        What is aimed at; empty when nothing is.
    met : bool or None
    """

    aspect: str
    what: str
    value: str
    goal: str = ""
    met: bool | None = None
