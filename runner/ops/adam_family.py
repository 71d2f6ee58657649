"""Optimizers that divide by a running size of the gradient, or take its sign alone; see `optimizers`.

A clock has two numbers. Where a method needs more that depends on the number of the update alone, its powers are made
from that number.
"""

from __future__ import annotations

from typing import Any

from runner.kernels.lanes.elementary import exp, log
from runner.kernels.lanes.functions import lane_function
from runner.kernels.lanes.operations import absolute, fma, maximum, sqrt, where_lt
from runner.ops.optimizers import adam_tick, count, decayed, no_tick, register
from runner.ops.rprop_family import signed


@lane_function
def _adadelta(w: Any, g: Any, s: Any, h: Any, c: Any, rate: Any) -> Any:
    g = decayed(w, g, h)
    square = fma(h[0], s[0], (1.0 - h[0]) * (g * g))
    change = sqrt(s[1] + h[1]) / sqrt(square + h[1]) * g
    return fma(-rate, change, w), (square, fma(h[0], s[1], (1.0 - h[0]) * (change * change)))


register(
    "adadelta",
    "Steps by the ratio of the recent changes to the recent gradients (Zeiler 2012), as torch.optim.Adadelta, whose "
    "learning rate is 1.",
    _adadelta,
    no_tick,
    {"alpha": 0.9, "epsilon": 1e-6},
)


@lane_function
def _adamax(w: Any, g: Any, s: Any, h: Any, c: Any, rate: Any) -> Any:
    g = decayed(w, g, h)
    mean = fma(1.0 - h[0], g - s[0], s[0])
    largest = maximum(h[1] * s[1], absolute(g) + h[2])
    return w - (rate / (1.0 - c[0])) * (mean / largest), (mean, largest)


register(
    "adamax",
    "Adam with the largest recent gradient in the place of the root of its square (Kingma and Ba 2015), as "
    "torch.optim.Adamax.",
    _adamax,
    adam_tick,
    {"beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8},
    clock=(1.0, 1.0),
)


@lane_function
def _power(base: Any, n: Any) -> Any:
    """base^n for 0 <= base < 1; 0 to any power is 0."""
    return where_lt(0.0, base, exp(n * log(base)), 0.0 * base)


@lane_function
def _share(h: Any, n: Any) -> Any:
    """Dozat's momentum of update number n: beta1 (1 - 0.5 * 0.96^(n / 250))."""
    return h[0] * (1.0 - 0.5 * exp(n * (0.004 * -0.04082199452025517)))


@lane_function
def _nadam_tick(h: Any, c: Any, loss: Any) -> Any:
    """From the clock (1, 0): the product of the momentums so far, and the number of the update, from 1."""
    n = c[1] + 1.0
    return c[0] * _share(h, n), n


@lane_function
def _nadam(w: Any, g: Any, s: Any, h: Any, c: Any, rate: Any) -> Any:
    g = decayed(w, g, h)
    mean = fma(1.0 - h[0], g - s[0], s[0])
    square = fma(h[1], s[1], (1.0 - h[1]) * (g * g))
    scale = fma(sqrt(square), 1.0 / sqrt(1.0 - _power(h[1], c[1])), h[2])
    of_gradient = rate * (1.0 - _share(h, c[1])) / (1.0 - c[0])
    following = _share(h, c[1] + 1.0)
    of_mean = rate * following / (1.0 - c[0] * following)
    return w - fma(of_gradient, g, of_mean * mean) / scale, (mean, square)


register(
    "nadam",
    "Adam with Nesterov momentum (Dozat 2016), as torch.optim.NAdam with its momentum_decay of 0.004.",
    _nadam,
    _nadam_tick,
    {"beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8},
    clock=(1.0, 0.0),
)


@lane_function
def _radam(w: Any, g: Any, s: Any, h: Any, c: Any, rate: Any) -> Any:
    # c[0] is the number of the update, less 1.
    n = c[0] + 1.0
    g = decayed(w, g, h)
    mean = fma(1.0 - h[0], g - s[0], s[0])
    square = fma(h[1], s[1], (1.0 - h[1]) * (g * g))
    power = _power(h[1], n)
    longest = 2.0 / (1.0 - h[1]) - 1.0
    length = longest - 2.0 * n * power / (1.0 - power)
    rectified = sqrt(
        (length - 4.0) * (length - 2.0) * longest / ((longest - 4.0) * (longest - 2.0) * length) * (1.0 - power)
    )
    factor = where_lt(5.0, length, rectified / (sqrt(square) + h[2]), 1.0)
    return w - rate / (1.0 - _power(h[0], n)) * mean * factor, (mean, square)


register(
    "radam",
    "Adam whose steps are rectified while the variance of its gradients is unknown (Liu et al. 2019), as "
    "torch.optim.RAdam.",
    _radam,
    count,
    {"beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8},
    clock=(-1.0, 0.0),
)


@lane_function
def _lion(w: Any, g: Any, s: Any, h: Any, c: Any, rate: Any) -> Any:
    direction = fma(1.0 - h[0], g - s[0], s[0])
    step = signed(rate, direction)
    return w - rate * h[5] * w - step, (fma(1.0 - h[1], g - s[0], s[0]), s[1])


register(
    "lion",
    "Steps of one size against the sign of a running mean of the gradient, and decoupled weight decay (Chen et al. "
    "2023).",
    _lion,
    no_tick,
    {"beta1": 0.9, "beta2": 0.99},
)
