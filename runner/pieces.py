"""Activations, losses, optimizers, initialisers, schedules and data sets of your own: what a file of pieces imports.

A piece is one block, as in `runner/ops/`: a function, a name and a line of documentation. An activation, a loss and an
optimizer are functions of vectors (one number for each of many runs). Vectors know `+ - * /` and a sign; all else is
done by the functions of this module. docs/pieces.md has an example of each kind; `runner.testing` checks a piece.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, TypeVar

from runner.data import DATASETS
from runner.data.parameters import Entry, Integer, Number, Parameter
from runner.kernels.initial import NORMAL, UNIFORM
from runner.kernels.lanes.elementary import (
    clamp,
    cosine,
    exp,
    expm1,
    log,
    log1p,
    normal_cdf,
    sigmoid,
    sine,
    softplus,
    tanh,
)
from runner.kernels.lanes.functions import lane_function
from runner.kernels.lanes.operations import absolute, fma, maximum, minimum, rint, sqrt, where_le, where_lt
from runner.ops.initializers import Distribution
from runner.ops.own import activation, doc_of, initializer, load_file, loss, optimizer, put, schedule, source_hash

__all__ = [
    "absolute",
    "activation",
    "clamp",
    "cosine",
    "data_set",
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
    "schedule",
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

F = TypeVar("F", bound=Callable[..., Any])
_MOST = 2**63 - 1


def data_set(name: str) -> Callable[[F], F]:
    """Decorator: a function (...) -> (inputs, targets) is a data set.

    It gives two arrays, or lists of rows: (samples, inputs) and (samples, targets), or (samples,) for one target.

    Parameters
    ----------
    name : str
        What the function takes are numbers in the parentheses of a study: `name(100, 0.5)`; whole ones where its
        argument is annotated as `int`.
    """

    def register(function: F) -> F:
        declared: dict[str, Parameter] = {}
        for key, argument in inspect.signature(function).parameters.items():
            declared[key] = Integer(-_MOST, _MOST) if argument.annotation in (int, "int") else Number()
        put(DATASETS, Entry(name, doc_of(function), declared, function, source=source_hash(function)))
        return function

    return register


def uniform(low: float, high: float) -> Distribution:
    """What an initialiser gives for weights that are uniform between two numbers."""
    return Distribution(UNIFORM, low, high - low)


def normal(mean: float, std: float) -> Distribution:
    """What an initialiser gives for normal weights."""
    return Distribution(NORMAL, mean, std)
