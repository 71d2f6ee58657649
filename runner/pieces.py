"""Activations, losses, optimizers and initialisers of your own: what a file of pieces imports.

A piece is one block, as in `runner/ops/`: a function of vectors (one number for each of many runs), a name and a line
of documentation. Vectors know `+ - * /` and a sign; all else is done by the functions of this module. docs/pieces.md
has an example of each kind; `runner.testing` checks a piece.
"""

from __future__ import annotations

from runner.kernels.initial import NORMAL, UNIFORM
from runner.kernels.lanes.elementary import (
    clamp,
    cosine,
    exp,
    expm1,
    lane_function,
    log,
    log1p,
    normal_cdf,
    sigmoid,
    sine,
    softplus,
    tanh,
)
from runner.kernels.lanes.operations import absolute, fma, maximum, minimum, rint, sqrt, where_le, where_lt
from runner.ops.initializers import Distribution
from runner.ops.own import activation, initializer, load_file, loss, optimizer

__all__ = [
    "absolute",
    "activation",
    "clamp",
    "cosine",
    "exp",
    "expm1",
    "fma",
    "function",
    "initializer",
    "load",
    "log",
    "log1p",
    "loss",
    "maximum",
    "minimum",
    "normal",
    "normal_cdf",
    "optimizer",
    "rint",
    "sigmoid",
    "sine",
    "softplus",
    "sqrt",
    "tanh",
    "uniform",
    "where_le",
    "where_lt",
]

function = lane_function
"""Decorator of a function of vectors that pieces call."""
load = load_file


def uniform(low: float, high: float) -> Distribution:
    """What an initialiser gives for weights that are uniform between two numbers."""
    return Distribution(UNIFORM, low, high - low)


def normal(mean: float, std: float) -> Distribution:
    """What an initialiser gives for normal weights."""
    return Distribution(NORMAL, mean, std)
