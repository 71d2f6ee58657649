"""Optimizers: how a gradient becomes a change of the weights. One block is one optimizer.

The formulas are PyTorch's (torch.optim, 2.x) where it has the method, and so are the defaults; the papers stand in each
block. A method with state is a function (w, g, s, h, c, rate) -> (w, s) of vectors, one number for each run:

- `w` a weight or bias, and `g` its gradient;
- `s` two numbers that the method keeps for each weight, 0 at first;
- `h` six numbers: the settings in the order of the record, and weight_decay as the last one;
- `c` the clock, two numbers for each run. `tick` (h, c, loss) -> c changes them once per update, before the weights, so
  that what depends only on the number of the update is computed once for all weights. `loss` is that of the batch,
  without its factor, and something else for a method that does not ask for it (`needs_loss`);
- `rate` the learning rate.

A method without state is a function (w, g, h, rate) -> w.

Methods that look at all weights of a network at once are in `runner.ops.second_order`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from runner.kernels.lanes.functions import lane_function
from runner.kernels.lanes.operations import fma, sqrt, where_le, where_lt
from runner.kernels.loops import stateless_update_loop, update_loop
from runner.registry import Registry


@dataclass(frozen=True)
class Setting:
    """A number that some optimizers take: a key of its own in a study.

    Attributes
    ----------
    name, doc : str
        The key; one line for the reference.
    low, high : float
        The smallest and the largest value.
    high_included : bool
        Whether `high` itself is allowed.
    whole : bool
        Whether it is a whole number.
    """

    name: str
    doc: str
    low: float
    high: float
    high_included: bool = True
    whole: bool = False


@dataclass(frozen=True)
class Iteration:
    """How a method of second order makes one update: by passes over the whole data set, without a learning rate.

    Attributes
    ----------
    iterate : callable
        Its function for the table `iterate` of `runner.kernels.second_order`.
    kept_rows, work_rows : callable (parameters, history) -> int
        Vectors that a run carries from call to call, and those that an update needs meanwhile.
    work : callable (parameters, samples, outputs) -> float
        Multiply-adds of one update, roughly, beside those of the pass that gives its gradient.
    of_residuals : bool
        Whether it needs the residual of each sample by itself, and so a squared loss.
    """

    iterate: Callable[..., Any]
    kept_rows: Callable[[int, int], int]
    work_rows: Callable[[int, int], int]
    work: Callable[[int, int, int], float]
    of_residuals: bool = False


@dataclass(frozen=True)
class Optimizer:
    """A registered optimizer.

    Attributes
    ----------
    name, doc : str
        As in a study; one line for the reference.
    loop : callable
        Its function for the kernels' table `update`, or `update_stateless` where it keeps no state.
    settings : mapping of str to float
        The settings that it takes (at most five), in the order of `h`, and their defaults.
    weight_decay : float
        Default of the key `weight_decay`.
    clock : tuple of two floats
        The clock before the first update.
    keeps_state : bool
        Whether it keeps state from update to update.
    needs_loss : bool
        Whether its clock needs the loss of every batch.
    source : str
        As of an activation.
    update, tick : callable or None
        Its functions as they stand in its block; without state there is no `tick`, and a method of second order has
        neither.
    iteration : Iteration or None
        What makes it a method of second order. It needs all samples in every update.
    """

    name: str
    doc: str
    loop: Callable[..., Any] | None
    settings: Mapping[str, float]
    weight_decay: float = 0.0
    clock: tuple[float, float] = (0.0, 0.0)
    keeps_state: bool = True
    needs_loss: bool = False
    source: str = ""
    update: Callable[..., Any] | None = field(kw_only=True)
    tick: Callable[..., Any] | None = field(kw_only=True)
    iteration: Iteration | None = field(kw_only=True, default=None)

    def takes(self, key: str) -> bool:
        """Whether it has a use for a key of `SETTINGS`, `RATES` or `SCHEDULED`."""
        return self.iteration is None if key in RATES else SCHEDULED.get(key, key) in self.settings


RATES = ("learning_rate", "bias_learning_rate")
"""The keys of learning rates, which methods of second order have not."""
SCHEDULED: Mapping[str, str] = MappingProxyType({"momentum_schedule": "momentum"})
"""Keys that change a setting from epoch to epoch, and the setting."""

SETTINGS: Registry[Setting] = Registry("optimizer setting")
"""Keys that only some optimizers have a use for, beside the learning rates."""
OPTIMIZERS: Registry[Optimizer] = Registry("optimizer")

SETTINGS.add(Setting("momentum", "Share of the last change that is kept.", 0.0, 1.0, high_included=False))
SETTINGS.add(Setting("dampening", "Share of the gradient that momentum leaves out.", 0.0, 1.0))
SETTINGS.add(Setting("eta_minus", "Factor of a weight's step where its gradient changed its sign.", 0.0, 1.0))
SETTINGS.add(Setting("eta_plus", "Factor of a weight's step where its gradient kept its sign.", 1.0, 1e6))
SETTINGS.add(Setting("step_min", "Smallest step of a weight.", 0.0, 1e300))
SETTINGS.add(Setting("step_max", "Largest step of a weight.", 0.0, 1e300))
SETTINGS.add(Setting("kappa", "delta_bar_delta: what is added to a weight's rate.", 0.0, 1e300))
SETTINGS.add(Setting("phi", "delta_bar_delta: the share that is taken off a weight's rate.", 0.0, 1.0))
SETTINGS.add(Setting("theta", "delta_bar_delta: smoothing of the gradient.", 0.0, 1.0, high_included=False))
SETTINGS.add(Setting("max_growth", "quickprop: largest ratio of a step to the one before.", 0.0, 1e6))
SETTINGS.add(Setting("lr_decay", "adagrad: decay of the learning rate per update.", 0.0, 1e300))
SETTINGS.add(
    Setting(
        "alpha", "Smoothing of the squared gradient; the rho of torch.optim.Adadelta.", 0.0, 1.0, high_included=False
    )
)
SETTINGS.add(Setting("beta1", "Smoothing of the gradient.", 0.0, 1.0, high_included=False))
SETTINGS.add(Setting("beta2", "Smoothing of the squared gradient.", 0.0, 1.0, high_included=False))
SETTINGS.add(Setting("epsilon", "Added to a denominator.", 0.0, 1e300))
SETTINGS.add(Setting("damping", "levenberg_marquardt (its mu), scg (its lambda): the first damping.", 1e-20, 1e300))
SETTINGS.add(
    Setting("damping_decrease", "levenberg_marquardt: factor of the damping after a step that is made.", 1e-6, 1.0)
)
SETTINGS.add(
    Setting("damping_increase", "levenberg_marquardt: factor of the damping after a step that is not made.", 1.0, 1e6)
)
SETTINGS.add(Setting("damping_max", "levenberg_marquardt: the largest damping.", 1e-20, 1e300))
SETTINGS.add(Setting("sigma", "scg: how far away the second gradient is taken.", 1e-12, 1.0))
SETTINGS.add(Setting("history", "lbfgs: how many changes of weights and gradient it remembers.", 1, 1000, whole=True))


def register(
    name: str,
    doc: str,
    update: Callable[..., Any],
    tick: Callable[..., Any] | None = None,
    settings: Mapping[str, float] | None = None,
    **facts: Any,
) -> None:
    """Register an optimizer by its functions; without `tick` it is a method without state."""
    loop = stateless_update_loop(update) if tick is None else update_loop(update)
    settings = MappingProxyType(dict(settings or {}))
    kept = tick is not None
    OPTIMIZERS.add(Optimizer(name, doc, loop, settings, keeps_state=kept, update=update, tick=tick, **facts))


@lane_function
def decayed(w: Any, g: Any, h: Any) -> Any:
    """The gradient of the loss with weight_decay / 2 times the squared weights added to it."""
    return fma(h[5], w, g)


@lane_function
def no_tick(h: Any, c: Any, loss: Any) -> Any:
    return c


@lane_function
def count(h: Any, c: Any, loss: Any) -> Any:
    """From the clock (-1, 0): c[0] is the number of earlier updates, c[1] is 0 in the first one and then 1."""
    return c[0] + 1.0, where_lt(c[0], 0.0, 0.0 * c[0], 1.0)


@lane_function
def _sgd(w: Any, g: Any, h: Any, rate: Any) -> Any:
    return fma(-rate, decayed(w, g, h), w)


register("sgd", "Gradient descent: w -= learning_rate g.", _sgd)


@lane_function
def _momentum(w: Any, g: Any, s: Any, h: Any, c: Any, rate: Any) -> Any:
    # PyTorch's momentum buffer: the first gradient, then momentum * buffer + (1 - dampening) * gradient.
    velocity = fma(h[0], s[0], (1.0 - h[1] * c[1]) * decayed(w, g, h))
    return fma(-rate, velocity, w), (velocity, s[1])


register(
    "momentum",
    "Gradient descent with momentum (Polyak 1964), as torch.optim.SGD.",
    _momentum,
    count,
    {"momentum": 0.9, "dampening": 0.0},
    clock=(-1.0, 0.0),
)


@lane_function
def _nesterov(w: Any, g: Any, s: Any, h: Any, c: Any, rate: Any) -> Any:
    # Nesterov (1983) in the form of Sutskever et al. (2013), as PyTorch has it.
    velocity = fma(h[0], s[0], decayed(w, g, h))
    return fma(-rate, fma(h[0], velocity, decayed(w, g, h)), w), (velocity, s[1])


register(
    "nesterov",
    "Nesterov momentum, as torch.optim.SGD(nesterov=True).",
    _nesterov,
    no_tick,
    {"momentum": 0.9},
)


@lane_function
def rprop(w: Any, g: Any, s: Any, h: Any, c: Any, rate: Any) -> Any:
    # PyTorch's variant, which is iRprop- (Igel and Huesken, 2000): where the gradient changes its sign the weight stays
    # as it is, and the next update leaves its step unchanged. s: gradient and step of the last update.
    g = decayed(w, g, h)
    agreement = g * s[0]
    step = where_lt(c[0], 0.5, rate, s[1])
    step = where_lt(0.0, agreement, step * h[1], where_lt(agreement, 0.0, step * h[0], step))
    step = where_lt(step, h[2], h[2], where_lt(h[3], step, h[3], step))
    g = where_lt(agreement, 0.0, 0.0 * g, g)
    change = where_lt(0.0, g, step, where_lt(g, 0.0, -step, 0.0 * g))
    return w - change, (g, step)


register(
    "rprop",
    "iRprop- (Igel and Huesken 2000, after Riedmiller and Braun 1993), as torch.optim.Rprop; learning_rate is the "
    "first step.",
    rprop,
    count,
    {"eta_minus": 0.5, "eta_plus": 1.2, "step_min": 1e-6, "step_max": 50.0},
    clock=(-1.0, 0.0),
)


@lane_function
def _quickprop(w: Any, g: Any, s: Any, h: Any, c: Any, rate: Any) -> Any:
    # s: gradient and change of the last update. `jump` leads to the minimum of the parabola through the two slopes.
    slope, last_slope, last = decayed(w, g, h), s[0], s[1]
    grown = h[0] * last
    shrunk = last_slope * (h[0] / (1.0 + h[0]))
    jump = last * (slope / (last_slope - slope))
    # Along the last change a slope that leads down is negative. The jump is at most max_growth times the last change as
    # long as the slope is at most max_growth / (1 + max_growth) times the last one. Beyond that the minimum is too far
    # away, or behind: the change is then max_growth times the last one.
    step_up = where_le(slope, shrunk, grown, jump)
    step_down = where_le(shrunk, slope, grown, jump)
    step = where_lt(0.0, last, step_up, where_lt(last, 0.0, step_down, 0.0 * last))
    # -rate * gradient is added where it leads the same way as the last change, and where there was none.
    uphill = where_lt(0.0, last, slope, where_lt(last, 0.0, -slope, 0.0 * slope - 1.0))
    step = where_lt(uphill, 0.0, fma(-rate, slope, step), step)
    return w + step, (slope, step)


register(
    "quickprop",
    "Second-order steps from successive gradients (Fahlman 1988, CMU-CS-88-162); full batch.",
    _quickprop,
    no_tick,
    {"max_growth": 1.75},
)


@lane_function
def _adagrad(w: Any, g: Any, s: Any, h: Any, c: Any, rate: Any) -> Any:
    g = decayed(w, g, h)
    total = fma(g, g, s[0])
    return w - (rate / fma(c[0], h[0], 1.0)) * (g / (sqrt(total) + h[1])), (total, s[1])


register(
    "adagrad",
    "Steps divided by the root of all squared gradients so far (Duchi et al. 2011), as torch.optim.Adagrad.",
    _adagrad,
    count,
    {"lr_decay": 0.0, "epsilon": 1e-10},
    clock=(-1.0, 0.0),
)


@lane_function
def _rmsprop(w: Any, g: Any, s: Any, h: Any, c: Any, rate: Any) -> Any:
    g = decayed(w, g, h)
    square = fma(h[0], s[0], (1.0 - h[0]) * (g * g))
    velocity = fma(h[2], s[1], g / (sqrt(square) + h[1]))
    return fma(-rate, velocity, w), (square, velocity)


register(
    "rmsprop",
    "Steps divided by a running root mean square of the gradient (Hinton 2012), as torch.optim.RMSprop.",
    _rmsprop,
    no_tick,
    {"alpha": 0.99, "epsilon": 1e-8, "momentum": 0.0},
)


@lane_function
def adam_tick(h: Any, c: Any, loss: Any) -> Any:
    """From the clock (1, 1): beta1 and beta2 to the power of the update's number, which begins with 1."""
    return c[0] * h[0], c[1] * h[1]


@lane_function
def _adam_step(w: Any, g: Any, s: Any, h: Any, c: Any, rate: Any) -> Any:
    # Algorithm 1 of Kingma and Ba (2015), with the two moments in s.
    mean = fma(1.0 - h[0], g - s[0], s[0])
    square = fma(h[1], s[1], (1.0 - h[1]) * (g * g))
    # Neither 1 / sqrt(1 - c[1]) nor rate / (1 - c[0]) depends on the weight: they are computed once for a layer.
    scale = fma(sqrt(square), 1.0 / sqrt(1.0 - c[1]), h[2])
    return w - (rate / (1.0 - c[0])) * (mean / scale), (mean, square)


@lane_function
def _adam(w: Any, g: Any, s: Any, h: Any, c: Any, rate: Any) -> Any:
    return _adam_step(w, decayed(w, g, h), s, h, c, rate)


register(
    "adam",
    "Adaptive moments (Kingma and Ba 2015), as torch.optim.Adam.",
    _adam,
    adam_tick,
    {"beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8},
    clock=(1.0, 1.0),
)


@lane_function
def _adamw(w: Any, g: Any, s: Any, h: Any, c: Any, rate: Any) -> Any:
    return _adam_step(w - rate * h[5] * w, g, s, h, c, rate)


register(
    "adamw",
    "Adam with decoupled weight decay (Loshchilov and Hutter 2019), as torch.optim.AdamW.",
    _adamw,
    adam_tick,
    {"beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8},
    weight_decay=0.01,
    clock=(1.0, 1.0),
)
