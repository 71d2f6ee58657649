"""Constants of a step: which simple multiple of the author's learning rate a fitted number is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product

from runner.diagnosis.formula import Formula
from runner.diagnosis.match import close


@dataclass(frozen=True)
class Constant:
    """A step size as a formula.

    Attributes
    ----------
    value : float
        With its sign: below 0 where the step goes uphill.
    text : str
        Beside the learning rate: `2 / outputs`; "" where it is the rate itself; "?" where it is no multiple of it.
    """

    value: float
    text: str


def constant(fitted: float, learning_rate: float, sizes: Sequence[int], unit: float, samples: int = 1) -> Constant:
    """The number that a fit over many weights stands for.

    A fit finds a constant to about `unit` times the ratio of weights and steps; learning rate and factor are numbers
    that a person has written, so that the nearest simple product within 1e-6 (float64) is the number itself.
    """
    tolerance = 1e-6 if unit < 1e-12 else 1e-3
    sign = -1 if fitted < 0 else 1
    for value, text in products(abs(learning_rate), sizes, samples):
        if close(abs(fitted), value, tolerance):
            return Constant(sign * value, text)
    short = float(f"{fitted:.6g}")
    return Constant(short if close(fitted, short, tolerance / 100) else fitted, "?")


def products(rate: float, sizes: Sequence[int], samples: int = 1) -> Iterator[tuple[float, str]]:
    """Step sizes that a person may have written, and each beside the learning rate in words."""
    inputs, outputs = sizes[0], sizes[-1]
    units = [("", 1.0), (" / outputs", 1 / outputs), (" / samples", 1 / samples), (" / inputs", 1 / inputs)]
    for power, (unit, share), factor in product((1, 2, 0), units, (1.0, 2.0, 0.5, 4.0)):
        written = f"{factor:g}{unit}"
        text = {1: "" if written == "1" else written, 2: f"{written} times the learning rate", 0: f"{written} alone"}[
            power
        ]
        yield factor * share * rate**power, text


def settle(formula: Formula, learning_rate: float, sizes: Sequence[int], unit: float, samples: int = 1) -> Formula:
    """The formula with the constants that were written instead of those that were fitted."""
    layers = []
    for layer in formula.layers:
        rate = constant(layer.rate, learning_rate, sizes, unit, samples).value if layer.rate else 0.0
        bias_rate = constant(layer.bias_rate, learning_rate, sizes, unit, samples).value if layer.bias_rate else 0.0
        keep, bias_keep = _share(layer.keep, unit), _share(layer.bias_keep, unit)
        layers.append(replace(layer, rate=rate, bias_rate=bias_rate, keep=keep, bias_keep=bias_keep))
    return replace(formula, layers=tuple(layers))


def _share(keep: float, unit: float) -> float:
    """What is kept of a weight, with as many digits of what is lost as its fit has."""
    if unit < 1e-12:
        short = float(f"{keep:.8g}")
        return short if close(keep, short, 1e-11) else keep
    lost = float(f"{1 - keep:.3g}")
    return 1 - lost if abs(1 - keep - lost) < 10 * unit else keep
