"""Numbers of a run that are made from its final weights, and stand where a column may: `weight[3]`."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from runner.keys.architecture import Sizes, fan_ins, parameter_count
from runner.keys.issues import Invalid
from runner.registry import Registry, element
from runner.statistics.estimate import Floats

NumberOfWeights = Callable[[Floats, Sizes, str | float, str | None], Floats]
"""From final weights (runs, parameters), layer sizes and the keys `bias` and `shortcuts` to one number per run; NaN of
none."""


@dataclass(frozen=True)
class WeightNumber:
    """A kind of number that is made from weights.

    Attributes
    ----------
    name : str
    form : str
        How it is written.
    doc : str
    arguments : int
        How many there are, whole numbers.
    make : callable
        From the arguments to what makes the numbers.
    """

    name: str
    form: str
    doc: str
    arguments: int
    make: Callable[..., NumberOfWeights]


WEIGHTS: Registry[WeightNumber] = Registry("number of weights")
"""All of them by name."""


def _weight(k: int) -> NumberOfWeights:
    def number(final: Floats, sizes: Sizes, bias: str | float, shortcuts: str | None) -> Floats:
        return final[:, k] if k < final.shape[1] else np.full(len(final), np.nan)

    return number


WEIGHTS.add(
    WeightNumber(
        "weight",
        "weight[K]",
        "the final weight or bias number K, from 0, in the order of `weights.npz` and of `init`",
        1,
        _weight,
    )
)


def _size_ratio(layer: int, unit: int, i: int, j: int) -> NumberOfWeights:
    def number(final: Floats, sizes: Sizes, bias: str | float, shortcuts: str | None) -> Floats:
        nothing = np.full(len(final), np.nan)
        if not (1 <= layer < len(sizes) and 1 <= unit <= sizes[layer]):
            return nothing
        fan_in = fan_ins(sizes, shortcuts)[layer - 1]
        # What `input_output` adds belongs to the last layer, which no layer comes after.
        before = parameter_count(sizes[:layer], bias, shortcuts if shortcuts == "all" else None)
        first = before + (unit - 1) * fan_in
        if not (1 <= i <= fan_in and 1 <= j <= fan_in and first + fan_in <= final.shape[1]):
            return nothing
        ordered = np.sort(np.abs(final[:, first : first + fan_in]), axis=1)
        with np.errstate(all="ignore"):
            return np.asarray(ordered[:, i - 1] / ordered[:, j - 1], np.float64)

    return number


WEIGHTS.add(
    WeightNumber(
        "size_ratio",
        "size_ratio(LAYER, UNIT, I, J)",
        "of the weights into a unit, the I-th smallest in size divided by the J-th smallest; all counted from 1, "
        "layer 1 is the first with weights",
        4,
        _size_ratio,
    )
)

_CALL = re.compile(r"\s*([a-z_]+)\s*\((.*)\)\s*")


def read_weights(text: str) -> tuple[str, NumberOfWeights] | None:
    """A number of weights by its canonical text; None for a text that is none.

    Raises
    ------
    Invalid
        When its arguments are wrong.

    Examples
    --------
    >>> read_weights("size_ratio(1,2, 3, 1)")[0], read_weights("final_loss")
    ('size_ratio(1, 2, 3, 1)', None)
    """
    name = text.strip()
    if (one := element(name)) is not None and one.key == "weight":
        return name, WEIGHTS["weight"].make(one.k)
    match = _CALL.fullmatch(name)
    found = WEIGHTS.get(match[1] if match else name.split("[")[0])
    if found is None:
        return None
    parts = [part.strip() for part in match[2].split(",")] if match else []
    if found.arguments != len(parts) or found.arguments == 1 or not all(part.isdecimal() for part in parts):
        raise Invalid(f"expected {found.form} with whole numbers, found '{name}'")
    numbers = [int(part) for part in parts]
    return f"{found.name}({', '.join(map(str, numbers))})", found.make(*numbers)
