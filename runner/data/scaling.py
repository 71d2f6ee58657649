"""Scalings of the inputs: each is one block here, from one column to what scales it, and other inputs like it.

Sums are correctly rounded (math.fsum), everything else is one IEEE operation per NumPy call: the same bits on
every processor. NaN and infinite numbers (missing: keep) spread through their column as in NumPy.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from runner.data import portable_math
from runner.data.parameters import Divisor, Entry, Floats, register
from runner.registry import Call, Registry


@dataclass(frozen=True)
class Linear:
    """(x - shift) / divisor, as it was found from one column.

    Attributes
    ----------
    shift, divisor : float
        Of x times 2^-power.
    power : int
        The power of two by which x is divided first, which is exact and keeps differences and squares from overflowing.
    constant : bool
        Whether the column had one value only; every input becomes 0 then.
    """

    shift: float = 0.0
    divisor: float = 1.0
    power: int = 0
    constant: bool = False

    def __call__(self, column: Floats) -> Floats:
        """A column, scaled."""
        if self.constant:
            return np.zeros_like(column)
        near = np.ldexp(column, -self.power) if self.power else column
        scaled: Floats = (near - self.shift) / self.divisor
        return scaled

    @property
    def in_units(self) -> tuple[float, float]:
        """Shift and divisor of x itself; of a constant column the divisor is infinite."""
        if self.constant:
            return 0.0, math.inf
        return math.ldexp(self.shift, self.power), math.ldexp(self.divisor, self.power)


Fitted = Linear | Callable[[Floats], Floats]
"""A scaling after it has seen a column: from inputs to scaled ones."""
SCALINGS: Registry[Entry[Fitted]] = Registry("scaling")


def fit(inputs: Floats, scaling: Call) -> tuple[Fitted, ...]:
    """The scaling of every column, as the inputs determine it.

    Raises
    ------
    ValueError
        When there is no such scaling, or its arguments are wrong.
    """
    entry = SCALINGS.find(scaling.name)
    args = entry.bind(scaling.args)
    with np.errstate(invalid="ignore", over="ignore", under="ignore"):
        return tuple(entry.function(inputs[:, k], *args) for k in range(inputs.shape[1]))


def apply(fitted: Sequence[Fitted], inputs: Floats) -> Floats:
    """Inputs, perhaps others than those that the scalings were found from, scaled column by column."""
    scaled = np.empty_like(inputs)
    with np.errstate(invalid="ignore", over="ignore", under="ignore"):
        for k, function in enumerate(fitted):
            scaled[:, k] = function(inputs[:, k])
    return scaled


def scale(inputs: Floats, scaling: Call) -> Floats:
    """Every column of the inputs, scaled by itself; ValueError as of `fit`."""
    return apply(fit(inputs, scaling), inputs)


@register(SCALINGS, "none")
def none(column: Floats) -> Fitted:
    """The inputs as they are."""
    return Linear()


@register(SCALINGS, "minmax")
def minmax(column: Floats) -> Fitted:
    """(x - smallest) / (largest - smallest) of each column, from 0 to 1; a constant column becomes 0."""
    column, power = _near_one(column)
    smallest, largest = float(column.min()), float(column.max())
    return Linear(smallest, largest - smallest, power, constant=smallest == largest)


@register(SCALINGS, "max")
def by_largest(column: Floats) -> Fitted:
    """Each column divided by its largest absolute value; a column of zeros stays."""
    return Linear(divisor=float(np.abs(column).max()) or 1.0)


@register(SCALINGS, "standardize")
def standardize(column: Floats) -> Fitted:
    """(x - mean) / population standard deviation of each column; a constant column becomes 0."""
    column, power = _near_one(column)
    if column.min() == column.max():
        return Linear(constant=True)
    mean = _mean(column)
    deviation = column - mean
    return Linear(mean, math.sqrt(_mean(deviation * deviation)), power)


@register(SCALINGS, "divide", c=Divisor())
def divide(column: Floats, c: float) -> Fitted:
    """Every input divided by c."""
    return Linear(divisor=float(c))


@register(SCALINGS, "sigmoid")
def sigmoid(column: Floats) -> Fitted:
    """1 / (1 + exp(-x)) of every input."""
    return _sigmoid


def _sigmoid(column: Floats) -> Floats:
    values, places = np.unique(column, return_inverse=True)
    return np.array([portable_math.sigmoid(value) for value in values.tolist()])[places]


def _near_one(column: Floats) -> tuple[Floats, int]:
    """The column divided by a power of two, so that neither differences nor squares overflow or vanish, and the power.

    The power is exact and cancels in scalings that do not depend on the unit.
    """
    size = float(np.abs(column).max())
    if size == 0 or not math.isfinite(size):
        return column, 0
    power = math.frexp(size)[1]
    return np.ldexp(column, -power), power


def _mean(column: Floats) -> float:
    """The correctly rounded sum divided by the count; NaN when it is not defined."""
    if np.isnan(column).any() or np.isinf(column).any():
        return float(np.mean(column))
    return math.fsum(column.tolist()) / len(column)
