"""Optimizers that give each weight a step of its own, by whether its gradient changes its sign; see `optimizers`.

The names are those of Igel and Huesken, Empirical Evaluation of the Improved Rprop Learning Algorithms (Neurocomputing
50, 2003). Two choices tell the members of the family apart where a gradient has changed its sign: whether the last
change is taken back, and whether the next update leaves the step as it is. They are made for full batches.

In all of them but the last the state of a weight is its gradient and its step of the last update. A gradient of 0 is
kept where the sign has changed, so that the next update leaves the step as it is.
"""

from __future__ import annotations

import math
from typing import Any

from runner.kernels.lanes.functions import lane_function
from runner.kernels.lanes.operations import fma, where_lt
from runner.ops.optimizers import count, decayed, register, rprop


@lane_function
def _adapted(agreement: Any, s: Any, h: Any, begun: Any, rate: Any) -> Any:
    """The step of this update; `begun` is 0 in the first one, and 1 or more then."""
    step = where_lt(begun, 0.5, rate, s[1])
    step = where_lt(0.0, agreement, step * h[1], where_lt(agreement, 0.0, step * h[0], step))
    return where_lt(step, h[2], h[2], where_lt(h[3], step, h[3], step))


@lane_function
def signed(step: Any, g: Any) -> Any:
    """The step with the sign of a gradient; 0 where that is 0, and NaN where it is NaN."""
    return where_lt(0.0, g, step, where_lt(g, 0.0, -step, 0.0 * g))


@lane_function
def _rprop_minus(w: Any, g: Any, s: Any, h: Any, c: Any, rate: Any) -> Any:
    g = decayed(w, g, h)
    step = _adapted(g * s[0], s, h, c[1], rate)
    return w - signed(step, g), (g, step)


_RPROP = {"eta_minus": 0.5, "eta_plus": 1.2, "step_min": 1e-6, "step_max": 50.0}

register(
    "rprop_minus",
    "Rprop-: every weight moves by its step in every update (Riedmiller 1994); learning_rate is the first step.",
    _rprop_minus,
    count,
    _RPROP,
    clock=(-1.0, 0.0),
)


@lane_function
def _rprop_plus(w: Any, g: Any, s: Any, h: Any, c: Any, rate: Any) -> Any:
    g = decayed(w, g, h)
    agreement = g * s[0]
    step = _adapted(agreement, s, h, c[1], rate)
    # Where a gradient is kept, the last change was the last step against it.
    change = where_lt(agreement, 0.0, -signed(s[1], s[0]), signed(step, g))
    return w - change, (where_lt(agreement, 0.0, 0.0 * g, g), step)


register(
    "rprop_plus",
    "Rprop+, rprop as published: where the gradient changed its sign, the last change is taken back (Riedmiller and "
    "Braun 1993); learning_rate is the first step.",
    _rprop_plus,
    count,
    _RPROP,
    clock=(-1.0, 0.0),
)

register(
    "irprop_minus",
    "The same as rprop, under the name of Igel and Huesken (2003): iRprop-.",
    rprop,
    count,
    _RPROP,
    clock=(-1.0, 0.0),
)


@lane_function
def _note_rise(h: Any, c: Any, loss: Any) -> Any:
    """From the clock (infinity, 0): the loss of this batch; 0 in the first update, then 2 where it has risen, or 1."""
    rose = where_lt(c[0], loss, 2.0, 1.0)
    return loss, where_lt(c[0], math.inf, rose, 0.0)


@lane_function
def _irprop_plus(w: Any, g: Any, s: Any, h: Any, c: Any, rate: Any) -> Any:
    g = decayed(w, g, h)
    agreement = g * s[0]
    step = _adapted(agreement, s, h, c[1], rate)
    back = where_lt(1.5, c[1], -signed(s[1], s[0]), 0.0 * g)
    change = where_lt(agreement, 0.0, back, signed(step, g))
    return w - change, (where_lt(agreement, 0.0, 0.0 * g, g), step)


register(
    "irprop_plus",
    "iRprop+: the last change is taken back where the gradient changed its sign and the loss of the batch has risen "
    "(Igel and Huesken 2003); learning_rate is the first step.",
    _irprop_plus,
    _note_rise,
    _RPROP,
    clock=(math.inf, 0.0),
    needs_loss=True,
)


@lane_function
def _supersab(w: Any, g: Any, s: Any, h: Any, c: Any, rate: Any) -> Any:
    # s: gradient and rate of the last update, whose change was their product.
    g = decayed(w, g, h)
    agreement = g * s[0]
    own = where_lt(c[1], 0.5, rate, s[1])
    own = where_lt(0.0, agreement, own * h[1], where_lt(agreement, 0.0, own * h[0], own))
    change = where_lt(agreement, 0.0, -s[1] * s[0], own * g)
    return w - change, (where_lt(agreement, 0.0, 0.0 * g, g), own)


register(
    "supersab",
    "A learning rate for each weight, and the last change taken back where the gradient changed its sign (Tollenaere "
    "1990), without momentum; learning_rate is the first rate.",
    _supersab,
    count,
    {"eta_minus": 0.5, "eta_plus": 1.05},
    clock=(-1.0, 0.0),
)


@lane_function
def _delta_bar_delta(w: Any, g: Any, s: Any, h: Any, c: Any, rate: Any) -> Any:
    # s: the averaged gradient and the rate of the last update. Equation 5 of the paper, and after it the step, with the
    # rate that has just changed.
    g = decayed(w, g, h)
    agreement = g * s[0]
    own = where_lt(c[1], 0.5, rate, s[1])
    own = where_lt(0.0, agreement, own + h[0], where_lt(agreement, 0.0, own - h[1] * own, own))
    return w - own * g, (fma(h[2], s[0], (1.0 - h[2]) * g), own)


register(
    "delta_bar_delta",
    "A learning rate for each weight, which grows by kappa where the gradient has the sign of its average and shrinks "
    "by the share phi where it has not; the average keeps the share theta (Jacobs 1988), without momentum; "
    "learning_rate is the first rate.",
    _delta_bar_delta,
    count,
    {"kappa": 0.1, "phi": 0.5, "theta": 0.7},
    clock=(-1.0, 0.0),
)
