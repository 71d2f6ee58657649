"""What the rates say: what to mend, what to set otherwise, and which mistakes make up for each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from runner.diagnosis.cost import Rate
from runner.diagnosis.settings import WORKS
from runner.terminal import counted, listed

# A difference of two shares that is worth a word; the runs of both begin with the same weights.
_WORSE = 0.02


def advice(rates: Sequence[Rate], sizes: Sequence[int]) -> list[str]:
    """Sentences without a full stop."""
    if not rates:
        return []
    plain = [rate for rate in rates if not rate.settings]
    as_it_is, mended = plain[0], plain[-1]
    other = next((rate for rate in rates if rate.settings), None)
    return [*_alone(plain), _first(as_it_is, mended, other, sizes)]


def label(rate: Rate, rates: Sequence[Rate]) -> str:
    """What was trained."""
    faults = max((each.mended for each in rates), key=len)
    if rate.settings:
        settings = ", ".join(f"{key}: {_number(value)}" for key, value in rate.settings.items())
        return f"all mended, {settings}" if faults else f"with {settings}"
    if not rate.mended:
        return "as it is"
    if len(rate.mended) == len(faults):
        return "all mended" if len(faults) > 1 else "mended"
    return f"{rate.mended[0]} mended alone"


def _first(as_it_is: Rate, mended: Rate, other: Rate | None, sizes: Sequence[int]) -> str:
    """What to do."""
    n = len(mended.mended)
    works = f"{mended.share:.1%} of your {mended.runs:,} initial weights learn it"
    these = {0: "", 1: "mend it", 2: "mend both"}.get(n, f"mend all {n}")
    if other is None:
        if mended.share >= WORKS:
            was = f" instead of {as_it_is.share:.1%}" if n else ""
            return f"{these}: {works}{was}" if n else f"your program is right, and {works}"
        start = f"{these}; then" if n else "your program is right, and"
        return f"{start} {works}, and none of the other settings that were tried does better"
    start = f"{these} AND more: with your settings" if n else "your program is right, but"
    reasons = listed([*_reasons(other.settings, sizes)])
    start = f"{start} {reasons}" if not n else f"{these} AND more, for then {reasons}"
    best = "" if other.share >= WORKS else ", the best of what was tried"
    with_ = listed([*_settings(other.settings, sizes)])
    return f"{start}: {works}, and {other.share:.1%} with {with_}{best}"


def _reasons(settings: Mapping[str, Any], sizes: Sequence[int]) -> Iterator[str]:
    """What is wrong with the author's settings, as the others are better."""
    if "learning_rate" in settings:
        yield "its steps are of the wrong size"
    if "output" in settings:
        yield "its outputs can not reach the targets"
    if settings.get("bias") == "trained":
        yield "it lacks biases that are trained"
    elif "init" in settings and "architecture" not in settings:
        yield "its initial weights are too small, too large or too much alike"
    if "architecture" in settings:
        hidden = listed([str(units) for units in sizes[1:-1]] or ["no"])
        yield f"{hidden} hidden units are too few" if hidden != "1" else "1 hidden unit is too few"
    if "updates" in settings:
        yield "it is not patient enough"


def _settings(settings: Mapping[str, Any], sizes: Sequence[int]) -> Iterator[str]:
    """The settings in words."""
    if "updates" in settings:
        yield counted(settings["updates"], "update")
    if "learning_rate" in settings:
        yield f"learning_rate {_number(settings['learning_rate'])}"
    if "output" in settings:
        yield "a linear output (output: identity)"
    if settings.get("bias") == "trained":
        yield "biases that are trained"
    if "architecture" in settings:
        hidden = settings["architecture"].split("-")[1:-1]
        yield f"{listed(hidden)} hidden units"
    if "init" in settings:
        yield f"initial weights evenly from {settings['init'][8:-1].replace(', ', ' to ')}"


def _number(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_number, value))}]"
    return f"{value:,}" if isinstance(value, int) else f"{value:g}" if isinstance(value, float) else str(value)


def _alone(plain: Sequence[Rate]) -> Iterator[str]:
    """Mistakes that make up for each other."""
    as_it_is, mended = plain[0], plain[-1]
    for rate in plain[1:-1]:
        if rate.share < as_it_is.share - _WORSE:
            yield (
                f"mending {rate.mended[0]} alone makes it worse, {rate.share:.1%} instead of {as_it_is.share:.1%}: "
                "two mistakes partly mend each other"
            )
    if mended.share < as_it_is.share - _WORSE:
        yield (
            f"with everything mended and your settings fewer learn it, {mended.share:.1%} instead of "
            f"{as_it_is.share:.1%}: the mistakes make up for a setting that does not fit"
        )
