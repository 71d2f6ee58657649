"""Scalings of the inputs: each is one block here, a function of one column.

Sums are correctly rounded (math.fsum), everything else is one IEEE operation per NumPy call: the same bits on
every processor. NaN and infinite numbers (missing: keep) spread through their column as in NumPy.
"""

from __future__ import annotations

import math

import numpy as np

from runner.data import portable_math
from runner.data.parameters import Divisor, Entry, Floats, register
from runner.registry import Call, Registry

SCALINGS: Registry[Entry[Floats]] = Registry("scaling")


def scale(inputs: Floats, scaling: Call) -> Floats:
    """Every column of the inputs, scaled.

    Raises
    ------
    ValueError
        When there is no such scaling, or its arguments are wrong.
    """
    entry = SCALINGS.find(scaling.name)
    args = entry.bind(scaling.args)
    scaled = np.empty_like(inputs)
    with np.errstate(invalid="ignore", over="ignore", under="ignore"):
        for k in range(inputs.shape[1]):
            scaled[:, k] = entry.function(inputs[:, k], *args)
    return scaled


@register(SCALINGS, "none")
def none(column: Floats) -> Floats:
    """The inputs as they are."""
    return column


@register(SCALINGS, "minmax")
def minmax(column: Floats) -> Floats:
    """(x - smallest) / (largest - smallest) of each column, from 0 to 1; a constant column becomes 0."""
    column = _near_one(column)
    smallest, largest = column.min(), column.max()
    if smallest == largest:
        return np.zeros_like(column)
    scaled: Floats = (column - smallest) / (largest - smallest)
    return scaled


@register(SCALINGS, "max")
def by_largest(column: Floats) -> Floats:
    """Each column divided by its largest absolute value; a column of zeros stays."""
    size = np.abs(column).max()
    return column.copy() if size == 0 else column / size


@register(SCALINGS, "standardize")
def standardize(column: Floats) -> Floats:
    """(x - mean) / population standard deviation of each column; a constant column becomes 0."""
    column = _near_one(column)
    if column.min() == column.max():
        return np.zeros_like(column)
    deviation = column - _mean(column)
    scaled: Floats = deviation / math.sqrt(_mean(deviation * deviation))
    return scaled


@register(SCALINGS, "divide", c=Divisor())
def divide(column: Floats, c: float) -> Floats:
    """Every input divided by c."""
    return column / c


@register(SCALINGS, "sigmoid")
def sigmoid(column: Floats) -> Floats:
    """1 / (1 + exp(-x)) of every input."""
    values, places = np.unique(column, return_inverse=True)
    return np.array([portable_math.sigmoid(value) for value in values.tolist()])[places]


def _near_one(column: Floats) -> Floats:
    """The column times a power of two, so that neither differences nor squares overflow or vanish.

    The power is exact and cancels in scalings that do not depend on the unit.
    """
    size = float(np.abs(column).max())
    if size == 0 or not math.isfinite(size):
        return column
    return np.ldexp(column, -math.frexp(size)[1])


def _mean(column: Floats) -> float:
    """The correctly rounded sum divided by the count; NaN when it is not defined."""
    if np.isnan(column).any() or np.isinf(column).any():
        return float(np.mean(column))
    return math.fsum(column.tolist()) / len(column)
