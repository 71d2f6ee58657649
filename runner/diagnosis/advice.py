"""What the rates say: what to mend, what to set otherwise, and which mistakes make up for each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from runner.diagnosis.cost import Rate, Trial
from runner.diagnosis.settings import WORKS, unusual_weights
from runner.terminal import counted, listed

# A difference of two shares that is worth a word; the runs of both begin with the same weights.
_WORSE = 0.02


def advice(rates: Sequence[Rate], trial: Trial) -> list[str]:
    """Sentences without a full stop."""
    if not rates:
        return []
    plain = [rate for rate in rates if not rate.settings]
    as_it_is, mended = plain[0], plain[-1]
    other = next((rate for rate in rates if rate.settings), None)
    return [*_alone(plain), _first(as_it_is, mended, other, trial)]


def label(rate: Rate, rates: Sequence[Rate]) -> str:
    """What was trained."""
    faults = max((each.mended for each in rates), key=len)
    everything = "all mended" if len(faults) > 1 else "mended"
    if rate.settings:
        return f"{everything}, with other settings" if faults else "with other settings"
    if not rate.mended:
        return "as it is"
    if len(rate.mended) == len(faults):
        return everything
    return f"{rate.mended[0]} mended alone"


def _first(as_it_is: Rate, mended: Rate, other: Rate | None, trial: Trial) -> str:
    """What to do."""
    n = len(mended.mended)
    start = {0: "your program is right", 1: "mend it", 2: "mend both"}.get(n, f"mend all {n}")
    networks = counted(mended.runs, "network")
    if other is None:
        if mended.share >= WORKS:
            was = f" instead of {as_it_is.share:.1%}" if n else ""
            return f"{start}{':' if n else ', and'} {mended.share:.1%} of {networks} learn it{was}"
        none = "none of the other settings that were tried is better"
        return f"{start}{': then' if n else ', and'} {mended.share:.1%} of {networks} learn it, and {none}"
    reasons = listed([*_reasons(other.settings, trial)])
    settings = listed([*_settings(other.settings)])
    best = "" if other.share >= WORKS else ", the best of what was tried"
    if n:
        return (
            f"{start} AND take {settings}: then {other.share:.1%} of {networks} learn it{best}. "
            f"With your settings {mended.share:.1%} would: {reasons}"
        )
    return (
        f"{start}, but {reasons}: {mended.share:.1%} of {networks} learn it with your settings, and {other.share:.1%} "
        f"with {settings}{best}"
    )


def _reasons(settings: Mapping[str, Any], trial: Trial) -> Iterator[str]:
    """What is wrong with the author's settings, as the others are better."""
    if "learning_rate" in settings:
        larger = np.max(settings["learning_rate"]) > np.max(trial.rates["learning_rate"])
        whose = " for linear outputs" if "output" in settings else ""
        yield f"its steps are too {'small' if larger else 'large'}{whose}"
    if "output" in settings:
        yield "its outputs can not reach the targets"
    if settings.get("bias") == "trained":
        yield "it lacks trained biases"
    if "init" in settings and (unusual := unusual_weights(trial)):
        yield f"its initial weights are {listed(unusual)}"
    if "architecture" in settings:
        hidden = trial.sizes[1:-1]
        units = "unit is" if hidden == (1,) else "units are"
        yield f"{listed([str(n) for n in hidden])} hidden {units} too few" if hidden else "it has no hidden layer"
    if "updates" in settings:
        yield "it is not patient enough"


def _settings(settings: Mapping[str, Any]) -> Iterator[str]:
    """The settings in words."""
    if "updates" in settings:
        yield counted(settings["updates"], "update")
    if "learning_rate" in settings:
        yield f"learning_rate {_number(settings['learning_rate'])}"
    if "output" in settings:
        yield "a linear output (output: identity)"
    if settings.get("bias") == "trained":
        yield "trained biases"
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
            f"{as_it_is.share:.1%}: the mistakes made up for settings that do not fit"
        )
