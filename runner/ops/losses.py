"""Losses: what is minimised, as a function of the outputs y and their targets t.

One block is one loss: its value for one output of one sample as a function of z, y and t (z: the weighted sum of the
output), its slope as a function of y and t, both of vectors, and `LOSSES.add`. A loss is a factor times the sum of its
values over samples and outputs; the factor is a constant, divided by nothing, by the number of samples, or by that of
samples times outputs. The four squared losses differ only in this factor.

Where a loss and an output activation cancel, as cross-entropy and softmax do (Bishop, Pattern Recognition and Machine
Learning, 2006, section 4.3.6: canonical link functions), dE/dz is the factor times the residual y - t, and the slope of
the activation is not used.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from runner.kernels.lanes.elementary import exp, lane_function, log1p
from runner.kernels.lanes.operations import absolute, fma, where_lt
from runner.kernels.lanes.switch import LOSS_SLOPE, LOSS_VALUE
from runner.registry import Registry

Per = Literal["sum", "samples", "elements"]


@dataclass(frozen=True)
class Loss:
    """A registered loss.

    Attributes
    ----------
    name, doc : str
        As in a study; one line for the reference.
    code : int
        Its place in the kernels' tables LOSS_VALUE and LOSS_SLOPE.
    factor : float
        Of the sum of the values.
    per : {"sum", "samples", "elements"}
        What the factor is divided by: nothing, the samples of the batch, or samples times outputs.
    outputs : tuple of str or None
        Output activations it can be used with; None for any.
    fused : bool
        Whether it cancels with all `outputs`, so that dE/dz = factor (y - t).
    squares : bool
        Whether the value is the squared error itself.
    low, high : float
        Targets must lie between these, limits included.
    """

    name: str
    doc: str
    code: int
    factor: float
    per: Per
    outputs: tuple[str, ...] | None = None
    fused: bool = False
    squares: bool = False
    low: float = -math.inf
    high: float = math.inf


LOSSES: Registry[Loss] = Registry("loss")


def _table(value: Callable[..., Any], slope: Callable[..., Any]) -> int:
    """Put a value and its slope into the kernels' tables; returns their code."""
    LOSS_SLOPE.add(slope)
    return LOSS_VALUE.add(value)


@lane_function
def _square(z: Any, y: Any, t: Any) -> Any:
    return (y - t) * (y - t)


@lane_function
def _square_slope(y: Any, t: Any) -> Any:
    return (y - t) * 2.0


_SQUARE = _table(_square, _square_slope)

LOSSES.add(Loss("half_sse", "Half the squared error, summed over samples, outputs.", _SQUARE, 0.5, "sum", squares=True))
LOSSES.add(Loss("sse", "Squared error, summed over samples and outputs.", _SQUARE, 1.0, "sum", squares=True))
LOSSES.add(Loss("half_mse", "half_sse divided by the number of samples.", _SQUARE, 0.5, "samples", squares=True))
LOSSES.add(Loss("mse", "Mean of the squared error over samples and outputs.", _SQUARE, 1.0, "elements", squares=True))


@lane_function
def _binary_cross_entropy(z: Any, y: Any, t: Any) -> Any:
    # -t log y - (1 - t) log(1 - y) with y = sigmoid(z) is max(z, 0) - t z + log(1 + exp(-|z|)), which takes no
    # logarithm of a number near 0 (PyTorch's BCEWithLogitsLoss).
    return fma(-t, z, where_lt(z, 0.0, 0.0, z)) + log1p(exp(-absolute(z)))


@lane_function
def _residual(y: Any, t: Any) -> Any:
    return y - t


LOSSES.add(
    Loss(
        "binary_cross_entropy",
        "-t log y - (1 - t) log(1 - y), mean over samples and outputs; with sigmoid outputs.",
        _table(_binary_cross_entropy, _residual),
        1.0,
        "elements",
        outputs=("sigmoid",),
        fused=True,
        low=0.0,
        high=1.0,
    )
)


@lane_function
def _cross_entropy(z: Any, y: Any, t: Any) -> Any:
    # -t log y: with softmax outputs the training loop has put log y in the place of z (see kernels/network.py).
    return -t * z


LOSSES.add(
    Loss(
        "cross_entropy",
        "-sum t log y over the classes, mean over samples; with softmax outputs.",
        _table(_cross_entropy, _residual),
        1.0,
        "samples",
        outputs=("softmax",),
        fused=True,
    )
)
