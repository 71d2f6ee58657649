"""Losses: what is minimised, as a function of the outputs y and their targets t.

One block is one loss: its value for one output of one sample as a function of z, y and t (z: the weighted sum of the
output), its slope as a function of y and t, both of vectors, and `LOSSES.add`. A loss is a factor times the sum of its
values over samples and outputs; the factor is a constant, divided by nothing, by the number of samples, or by that of
samples times outputs. The four squared losses differ only in this factor.

A loss may compare each output with that of the sample's class (`pairwise`): it is then a function of their difference.

Where a loss and an output activation cancel, as cross-entropy and softmax do (Bishop, Pattern Recognition and Machine
Learning, 2006, section 4.3.6: canonical link functions), dE/dz is the factor times the residual y - t, and the slope of
the activation is not used.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from runner.kernels.lanes.elementary import clamp, exp, log, log1p, tanh
from runner.kernels.lanes.functions import lane_function
from runner.kernels.lanes.operations import absolute, fma, maximum, where_lt
from runner.registry import Registry

Per = Literal["sum", "samples", "elements"]


@dataclass(frozen=True)
class Loss:
    """A registered loss.

    Attributes
    ----------
    name, doc : str
        As in a study; one line for the reference.
    value, slope : callable
        Its functions for the kernels' tables `loss_value` and `loss_slope`.
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
    classes : tuple of two floats or None
        The only values that targets may have; None for any between the limits.
    pairwise : bool
        Whether it compares each output with that of the sample's class, and couples the outputs of a sample so:
        `value` and `slope` are given the difference in the place of y, and minus infinity for that class itself.
    of_labels : bool
        Whether its targets are classes, or probabilities of them, whose labels may be smoothed and which may have
        weights: it is a cross-entropy, of the outputs or of the two classes of each output.
    source : str
        As of an activation.
    """

    name: str
    doc: str
    value: Callable[..., Any]
    slope: Callable[..., Any]
    factor: float
    per: Per
    outputs: tuple[str, ...] | None = None
    fused: bool = False
    squares: bool = False
    low: float = -math.inf
    high: float = math.inf
    classes: tuple[float, float] | None = None
    pairwise: bool = False
    of_labels: bool = False
    source: str = ""


LOSSES: Registry[Loss] = Registry("loss")


@lane_function
def _square(z: Any, y: Any, t: Any) -> Any:
    return (y - t) * (y - t)


@lane_function
def _square_slope(y: Any, t: Any) -> Any:
    return (y - t) * 2.0


_SQUARE = _square, _square_slope

LOSSES.add(
    Loss("half_sse", "Half the squared error, summed over samples, outputs.", *_SQUARE, 0.5, "sum", squares=True)
)
LOSSES.add(Loss("sse", "Squared error, summed over samples and outputs.", *_SQUARE, 1.0, "sum", squares=True))
LOSSES.add(Loss("half_mse", "half_sse divided by the number of samples.", *_SQUARE, 0.5, "samples", squares=True))
LOSSES.add(Loss("mse", "Mean of the squared error over samples and outputs.", *_SQUARE, 1.0, "elements", squares=True))


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
        _binary_cross_entropy,
        _residual,
        1.0,
        "elements",
        outputs=("sigmoid",),
        fused=True,
        low=0.0,
        high=1.0,
        of_labels=True,
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
        _cross_entropy,
        _residual,
        1.0,
        "samples",
        outputs=("softmax",),
        fused=True,
        of_labels=True,
    )
)


@lane_function
def _absolute(z: Any, y: Any, t: Any) -> Any:
    return absolute(y - t)


@lane_function
def _sign(y: Any, t: Any) -> Any:
    # 0 where the error is 0, as in PyTorch; NaN stays NaN.
    error = y - t
    return where_lt(0.0, error, 1.0, where_lt(error, 0.0, -1.0, 0.0 * error))


LOSSES.add(Loss("mae", "Mean of the absolute error, as torch.nn.L1Loss.", _absolute, _sign, 1.0, "elements"))


@lane_function
def _huber(z: Any, y: Any, t: Any) -> Any:
    error = absolute(y - t)
    return where_lt(error, 1.0, 0.5 * error * error, error - 0.5)


@lane_function
def _huber_slope(y: Any, t: Any) -> Any:
    return clamp(y - t, 1.0)


LOSSES.add(
    Loss(
        "huber",
        "Half the squared error up to 1, and the absolute error less 1/2 beyond (Huber 1964), mean, as "
        "torch.nn.HuberLoss.",
        _huber,
        _huber_slope,
        1.0,
        "elements",
    )
)
LOSSES.add(
    Loss(
        "smooth_l1",
        "The same as huber, under the name of torch.nn.SmoothL1Loss: at their default of 1 they are equal.",
        _huber,
        _huber_slope,
        1.0,
        "elements",
    )
)


@lane_function
def _log_cosh(z: Any, y: Any, t: Any) -> Any:
    # log cosh x = |x| + log(1 + exp(-2 |x|)) - log 2, without overflow.
    error = absolute(y - t)
    return error + (log1p(exp(-2.0 * error)) - 0.6931471805599453)


@lane_function
def _log_cosh_slope(y: Any, t: Any) -> Any:
    return tanh(y - t)


LOSSES.add(
    Loss(
        "log_cosh",
        "Mean of log cosh(y - t), a huber loss without a seam.",
        _log_cosh,
        _log_cosh_slope,
        1.0,
        "elements",
    )
)


@lane_function
def _hinge(z: Any, y: Any, t: Any) -> Any:
    return maximum(1.0 - y * t, 0.0)


@lane_function
def _hinge_slope(y: Any, t: Any) -> Any:
    return where_lt(y * t, 1.0, -t, 0.0 * y)


LOSSES.add(
    Loss(
        "hinge",
        "Mean of max(0, 1 - y t) for targets -1 and 1 (Cortes and Vapnik 1995).",
        _hinge,
        _hinge_slope,
        1.0,
        "elements",
        classes=(-1.0, 1.0),
    )
)


@lane_function
def _squared_hinge(z: Any, y: Any, t: Any) -> Any:
    missing = maximum(1.0 - y * t, 0.0)
    return missing * missing


@lane_function
def _squared_hinge_slope(y: Any, t: Any) -> Any:
    return -2.0 * t * maximum(1.0 - y * t, 0.0)


LOSSES.add(
    Loss(
        "squared_hinge",
        "Mean of max(0, 1 - y t)^2 for targets -1 and 1.",
        _squared_hinge,
        _squared_hinge_slope,
        1.0,
        "elements",
        classes=(-1.0, 1.0),
    )
)


@lane_function
def _excess(z: Any, y: Any, t: Any) -> Any:
    return maximum(1.0 + y, 0.0)


@lane_function
def _excess_slope(y: Any, t: Any) -> Any:
    return where_lt(-1.0, y, 1.0, where_lt(y, 0.0, 0.0, y))


LOSSES.add(
    Loss(
        "multi_class_hinge",
        "Sum of max(0, 1 - y_c + y_j) over all classes but c, that of the sample, divided by the classes; mean over "
        "samples, as torch.nn.MultiMarginLoss (Weston and Watkins 1999).",
        _excess,
        _excess_slope,
        1.0,
        "elements",
        pairwise=True,
    )
)

# Fahlman's program has the slope +-17 where an error is larger than this.
_MOST, _STEEPEST = 0.9999999, 17.0


@lane_function
def _hyperbolic(z: Any, y: Any, t: Any) -> Any:
    # The integral of log((1 + e) / (1 - e)) over e.
    error = absolute(y - t)
    e = clamp(error, _MOST)
    inside = (1.0 + e) * log(1.0 + e) + (1.0 - e) * log(1.0 - e)
    return fma(error - e, _STEEPEST, inside)


@lane_function
def _hyperbolic_slope(y: Any, t: Any) -> Any:
    error = y - t
    e = clamp(error, _MOST)
    inside = log(1.0 + e) - log(1.0 - e)
    return where_lt(_MOST, error, _STEEPEST, where_lt(error, -_MOST, -_STEEPEST, inside))


LOSSES.add(
    Loss(
        "hyperbolic",
        "The sum of what has the slope 2 arctanh(y - t), at most 17: Fahlman's (1988) hyperbolic arctangent error.",
        _hyperbolic,
        _hyperbolic_slope,
        1.0,
        "sum",
    )
)
