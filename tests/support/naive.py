"""A plain NumPy trainer of one network, written from the mathematics: what the kernels are compared with.

It follows one run of one cell with matrices, one Python statement per formula, and knows nothing of lanes, tiles or
tables. `train` is the whole of it; the functions before it are the definitions of docs/study.md and docs/reference.md.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Floats = np.ndarray
Layers = list[tuple[Floats, Floats]]
"""Weights (fan_out, fan_in) and biases (fan_out,) of every layer."""


# Activations: the function of the weighted sum z, and its derivative by z.


def sigmoid(z: Floats) -> Floats:
    """1 / (1 + exp(-z)), without an exponential that overflows."""
    return np.where(z < 0, np.exp(-np.abs(z)), 1.0) / (1.0 + np.exp(-np.abs(z)))


def softmax(z: Floats) -> Floats:
    """exp(z_k) / sum_j exp(z_j) in every row, without an exponential that overflows."""
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


ACTIVATIONS: dict[str, tuple[Callable[[Floats], Floats], Callable[[Floats], Floats]]] = {
    "sigmoid": (sigmoid, lambda z: sigmoid(z) * sigmoid(-z)),
    "tanh": (np.tanh, lambda z: 1.0 - np.tanh(z) ** 2),
    "relu": (lambda z: np.maximum(z, 0.0), lambda z: np.where(z > 0, 1.0, 0.0)),
    "leaky_relu": (lambda z: np.where(z > 0, z, 0.01 * z), lambda z: np.where(z > 0, 1.0, 0.01)),
    "identity": (lambda z: z, np.ones_like),
    "softplus": (lambda z: np.logaddexp(0.0, z), sigmoid),
    "softsign": (lambda z: z / (1.0 + np.abs(z)), lambda z: 1.0 / (1.0 + np.abs(z)) ** 2),
    "step": (lambda z: np.where(z >= 0, 1.0, 0.0), np.zeros_like),
}

# A hidden activation counts as saturated within 1% of the range from one of its limits; where the range has no end,
# at 0.01 (softplus, which never reaches 0) or at the limit itself (relu).
SATURATED: dict[str, Callable[[Floats], Floats]] = {
    "sigmoid": lambda a: (a <= 0.01) | (a >= 0.99),
    "tanh": lambda a: np.abs(a) >= 0.98,
    "relu": lambda a: a <= 0,
    "leaky_relu": lambda a: np.zeros(a.shape, bool),
    "identity": lambda a: np.zeros(a.shape, bool),
    "softplus": lambda a: a <= 0.01,
    "softsign": lambda a: np.abs(a) >= 0.98,
    "step": lambda a: np.zeros(a.shape, bool),
}


# Losses: the value, and its derivative by the outputs' weighted sums.


def loss_value(cell: Any, z: Floats, t: Floats) -> float:
    """Loss of outputs with weighted sums z and targets t."""
    samples, elements = len(t), t.size
    if cell.loss == "binary_cross_entropy":  # -t log y - (1 - t) log(1 - y) with y = sigmoid(z)
        return float((np.logaddexp(0.0, z) - t * z).sum() / elements)
    if cell.loss == "cross_entropy":  # -t log y with y = softmax(z)
        log_y = z - z.max(axis=1, keepdims=True)
        log_y = log_y - np.log(np.exp(log_y).sum(axis=1, keepdims=True))
        return float(-(t * log_y).sum() / samples)
    squares = float(((outputs(cell, z) - t) ** 2).sum())
    return squares * {"half_sse": 0.5, "sse": 1.0, "half_mse": 0.5 / samples, "mse": 1.0 / elements}[cell.loss]


def output_error(cell: Any, z: Floats, t: Floats) -> Floats:
    """Derivative of the loss by z; for the perceptron rule the residual."""
    samples, elements = len(t), t.size
    y = outputs(cell, z)
    if cell.rule == "perceptron":
        return y - t
    if cell.loss == "binary_cross_entropy":
        return (y - t) / elements
    if cell.loss == "cross_entropy":
        return (y * t.sum(axis=1, keepdims=True) - t) / samples
    by_output = (y - t) * {"half_sse": 1.0, "sse": 2.0, "half_mse": 1.0 / samples, "mse": 2.0 / elements}[cell.loss]
    if cell.output == "softmax":  # dy_k / dz_j = y_k (delta_jk - y_j)
        return y * (by_output - (by_output * y).sum(axis=1, keepdims=True))
    return by_output * ACTIVATIONS[cell.output][1](z)


# The network.


def outputs(cell: Any, z: Floats) -> Floats:
    """Activations of the output layer."""
    return softmax(z) if cell.output == "softmax" else ACTIVATIONS[cell.output][0](z)


def seen(cell: Any, layer: int) -> list[int]:
    """Whose activations layer number `layer` of the weights takes: 0 are the inputs, k those of weights k - 1."""
    if cell.shortcuts == "all":
        return list(range(layer + 1))
    direct = cell.shortcuts == "input_output" and 0 < layer == len(cell.architecture) - 2
    return [0, layer] if direct else [layer]


def scale(cell: Any, layer: int) -> float:
    """Factor of a layer's weighted sum, before the bias is added."""
    if cell.parameterization == "standard":
        return 1.0
    fan_in = sum(cell.architecture[k] for k in seen(cell, layer))
    last = layer == len(cell.architecture) - 2
    return 1.0 / fan_in if last else math.sqrt(2.0 / fan_in)


def gain(cell: Any) -> float:
    """The factor in f(gain z)."""
    return 1.0 if cell.gain is None else cell.gain


def hidden_activation(cell: Any, layer: int) -> str:
    """Of hidden layer number `layer`, counted from 0."""
    return cell.activation if isinstance(cell.activation, str) else cell.activation[layer]


def forward(cell: Any, layers: Layers, inputs: Floats) -> tuple[list[Floats], list[Floats]]:
    """Weighted sums of all layers, and activations of all layers with the inputs first."""
    sums, activations = [], [inputs]
    for k, (W, b) in enumerate(layers):
        taken = np.hstack([activations[j] for j in seen(cell, k)])
        sums.append(gain(cell) * (scale(cell, k) * (taken @ W.T) + b))
        hidden = k < len(layers) - 1
        z = sums[-1]
        activations.append(ACTIVATIONS[hidden_activation(cell, k)][0](z) if hidden else outputs(cell, z))
    return sums, activations


def gradient(cell: Any, layers: Layers, inputs: Floats, targets: Floats) -> Layers:
    """Derivative of the loss of these samples by all weights and biases; none for biases that are not trained."""
    sums, activations = forward(cell, layers, inputs)
    return back(cell, layers, sums, activations, output_error(cell, sums[-1], targets))


def back(cell: Any, layers: Layers, sums: list[Floats], activations: list[Floats], error: Floats) -> Layers:
    """Derivatives by all weights and biases, from those by the weighted sums of the outputs; `sums` as of `forward`."""
    found: Layers = []
    # The derivative by the activations of each layer comes from all layers that take them.
    by_activation = [np.zeros_like(a) for a in activations]
    for k in reversed(range(len(layers))):
        error = gain(cell) * error
        by_bias = error.sum(axis=0)
        if cell.bias == "shared":
            by_bias = np.full_like(by_bias, by_bias.sum())
        elif cell.bias != "trained":
            by_bias = np.zeros_like(by_bias)
        taken = [activations[j] for j in seen(cell, k)]
        found.append((scale(cell, k) * (error.T @ np.hstack(taken)), by_bias))
        parts = np.split(scale(cell, k) * (error @ layers[k][0]), np.cumsum([a.shape[1] for a in taken])[:-1], axis=1)
        for j, part in zip(seen(cell, k), parts, strict=True):
            by_activation[j] = by_activation[j] + part
        if k > 0:
            error = by_activation[k] * ACTIVATIONS[hidden_activation(cell, k - 1)][1](sums[k - 1])
    return found[::-1]


def unflatten(cell: Any, numbers: Floats) -> Layers:
    """Layers from the numbers of weights.npz: layer by layer W row-major, then the trained biases."""
    layers, at = [], 0
    for k, fan_out in enumerate(cell.architecture[1:]):
        fan_in = sum(cell.architecture[j] for j in seen(cell, k))
        W = numbers[at : at + fan_in * fan_out].reshape(fan_out, fan_in)
        at += W.size
        n = {"trained": fan_out, "shared": 1}.get(cell.bias, 0)
        fixed = 0.0 if n or cell.bias == "none" else cell.bias
        b = np.full(fan_out, fixed) if n == 0 else np.broadcast_to(numbers[at : at + n], fan_out)
        at += n
        layers.append((W.astype(float), b.astype(float)))
    assert at == len(numbers)
    return layers


def flatten(cell: Any, layers: Layers) -> Floats:
    """The inverse of `unflatten`."""
    kept = {"trained": slice(None), "shared": slice(0, 1)}.get(cell.bias, slice(0, 0))
    return np.concatenate([part for W, b in layers for part in (W.ravel(), b[kept])])


# Optimizers: new parameters from old ones and their gradient. `s` holds what is kept from update to update of one
# array, `t` counts the updates from 1.


def sgd(cell: Any, w: Floats, g: Floats, rate: float, s: dict[str, Any], t: int) -> Floats:
    return w - rate * g


def momentum(cell: Any, w: Floats, g: Floats, rate: float, s: dict[str, Any], t: int) -> Floats:
    s["v"] = g if t == 1 else cell.setting("momentum") * s["v"] + (1 - cell.setting("dampening")) * g
    return w - rate * s["v"]


def nesterov(cell: Any, w: Floats, g: Floats, rate: float, s: dict[str, Any], t: int) -> Floats:
    s["v"] = g if t == 1 else cell.setting("momentum") * s["v"] + g
    return w - rate * (g + cell.setting("momentum") * s["v"])


def rprop(cell: Any, w: Floats, g: Floats, rate: float, s: dict[str, Any], t: int) -> Floats:
    agreement = np.sign(g * s.get("g", np.zeros_like(g)))
    factor = np.where(agreement > 0, cell.setting("eta_plus"), np.where(agreement < 0, cell.setting("eta_minus"), 1.0))
    s["step"] = np.clip(
        s.get("step", np.full_like(g, rate)) * factor, cell.setting("step_min"), cell.setting("step_max")
    )
    s["g"] = np.where(agreement < 0, 0.0, g)
    return w - np.sign(s["g"]) * s["step"]


def quickprop(cell: Any, w: Floats, g: Floats, rate: float, s: dict[str, Any], t: int) -> Floats:
    """Fahlman 1988, CMU-CS-88-162, with the maximum growth factor mu and without mode-switch threshold.

    Told along the direction of the last change, in which the slope was negative: while it is still negative, gradient
    descent is added; and the step is that to the minimum of the parabola through the two slopes, or mu times the last
    change where the slope has not fallen to less than mu / (1 + mu) of the one before.
    """
    last, before = s.get("step", np.zeros_like(g)), s.get("g", np.zeros_like(g))
    direction = np.sign(last)
    slope, slope_before, change = g * direction, before * direction, np.abs(last)
    mu = cell.setting("max_growth")
    with np.errstate(all="ignore"):
        parabola = change * slope / (slope_before - slope)
    along = np.where(slope <= mu / (1 + mu) * slope_before, mu * change, parabola)
    along = along - np.where(slope < 0, rate * slope, 0.0)
    s["step"], s["g"] = np.where(direction == 0, -rate * g, direction * along), g
    return w + s["step"]


def adagrad(cell: Any, w: Floats, g: Floats, rate: float, s: dict[str, Any], t: int) -> Floats:
    s["sum"] = s.get("sum", 0.0) + g**2
    return w - rate / (1 + (t - 1) * cell.setting("lr_decay")) * g / (np.sqrt(s["sum"]) + cell.setting("epsilon"))


def rmsprop(cell: Any, w: Floats, g: Floats, rate: float, s: dict[str, Any], t: int) -> Floats:
    s["square"] = cell.setting("alpha") * s.get("square", 0.0) + (1 - cell.setting("alpha")) * g**2
    s["v"] = cell.setting("momentum") * s.get("v", 0.0) + g / (np.sqrt(s["square"]) + cell.setting("epsilon"))
    return w - rate * s["v"]


def adam(cell: Any, w: Floats, g: Floats, rate: float, s: dict[str, Any], t: int) -> Floats:
    s["m"] = cell.setting("beta1") * s.get("m", 0.0) + (1 - cell.setting("beta1")) * g
    s["v"] = cell.setting("beta2") * s.get("v", 0.0) + (1 - cell.setting("beta2")) * g**2
    m, v = s["m"] / (1 - cell.setting("beta1") ** t), s["v"] / (1 - cell.setting("beta2") ** t)
    return w - rate * m / (np.sqrt(v) + cell.setting("epsilon"))


def adamw(cell: Any, w: Floats, g: Floats, rate: float, s: dict[str, Any], t: int) -> Floats:
    return adam(cell, w * (1 - rate * cell.weight_decay), g, rate, s, t)


OPTIMIZERS: dict[str, Callable[..., Floats]] = {
    f.__name__: f for f in (sgd, momentum, nesterov, rprop, quickprop, adagrad, rmsprop, adam, adamw)
}


def schedule_factor(schedule: Any, epoch: int) -> float:
    """What multiplies the learning rate or the momentum in an epoch, from 0 on."""
    if schedule is None:
        return 1.0
    a = schedule.args
    formulas: dict[str, Callable[[], float]] = {
        "constant": lambda: 1.0,
        "step": lambda: a[1] ** (epoch // a[0]),
        "exponential": lambda: a[0] ** epoch,
        "inverse": lambda: 1.0 / (1.0 + epoch / a[0]),
        "search_converge": lambda: (1 + a[0] * epoch / a[1]) / (1 + a[0] * epoch / a[1] + epoch**2 / a[1]),
        "cosine": lambda: (1.0 + math.cos(math.pi * epoch / a[0])) / 2.0,
        "linear": lambda: a[0] + (a[1] - a[0]) * min(epoch / a[2], 1.0),
        "warmup": lambda: min((epoch + 1) / a[0], 1.0),
        "one_cycle": lambda: _one_cycle(min(epoch, a[0] - 1), a[0], (0.04, 1.0, 4e-6)),
        "cycle_momentum": lambda: _one_cycle(min(epoch, a[1] - 1), a[1], (1.0, a[0], 1.0)),
    }
    return formulas[schedule.name]()


def _one_cycle(epoch: int, n: int, factors: tuple[float, float, float]) -> float:
    """Two halves of a cosine between three factors (Smith and Topin 2018, as in PyTorch)."""
    first, middle, last = factors
    top = 0.3 * n - 1
    if epoch <= top:
        return middle + (first - middle) * (1 + math.cos(math.pi * epoch / top)) / 2
    return last + (middle - last) * (1 + math.cos(math.pi * (epoch - top) / (n - 1 - top))) / 2


@dataclass
class Optimizer:
    """One update of all layers, with what is kept between updates."""

    cell: Any
    made: int = 0
    state: list[dict[str, Any]] = field(default_factory=list)

    def update(self, layers: Layers, gradients: Layers) -> Layers:
        """The layers after the next update."""
        cell = self.cell
        self.state = self.state or [{} for _ in range(2 * len(layers))]
        self.made += 1
        decay = 0.0 if cell.optimizer == "adamw" else cell.weight_decay
        factor = schedule_factor(cell.learning_rate_schedule, (self.made - 1) // cell.updates_per_epoch)
        found = []
        for k, pair in enumerate(zip(layers, gradients, strict=True)):
            new = []
            for j, (w, g) in enumerate(zip(*pair, strict=True)):
                rate = np.broadcast_to((cell.learning_rate, cell.bias_learning_rate)[j], len(layers))[k]
                if j == 1 and cell.bias not in ("trained", "shared"):
                    new.append(w)
                    continue
                step = OPTIMIZERS[cell.optimizer]
                new.append(step(cell, w, g + decay * w, factor * float(rate), self.state[2 * k + j], self.made))
            found.append((new[0], new[1]))
        return found


# Measurements.


def measure(cell: Any, layers: Layers) -> dict[str, float]:
    """Measurements of a network on the whole data set, by the names of the columns."""
    data = cell.data_set
    sums, activations = forward(cell, layers, data.inputs)
    y, t = activations[-1], data.targets
    if data.one_hot:
        right = y.argmax(axis=1) == t.argmax(axis=1)
    else:
        right = (np.sign(y - data.middle) == np.sign(t - data.middle)).all(axis=1)
    hidden = [SATURATED[hidden_activation(cell, k)](a).ravel() for k, a in enumerate(activations[1:-1])]
    return {
        "loss": loss_value(cell, sums[-1], t),
        "mse": float(((y - t) ** 2).mean()),
        "accuracy": float(right.mean()),
        "max_error": float(np.abs(y - t).max()),
        "grad_norm": float(np.linalg.norm(flatten(cell, gradient(cell, layers, data.inputs, t)))),
        "output_min": float(y.min()),
        "output_max": float(y.max()),
        "output_spread": float(y.std(axis=0).max()),
        "saturation": float(np.concatenate(hidden).mean()) if hidden else math.nan,
        "weight_norm": float(np.linalg.norm(flatten(cell, layers))),
    }


def meets(cell: Any, measured: dict[str, float]) -> bool:
    """Whether every condition of the criterion holds."""
    return all(
        measured[name] >= limit if name == "accuracy" else measured[name] < limit for name, limit in cell.criterion
    )


# Training.


def epoch_order(cell: Any, seed: int, epoch: int) -> Floats:
    """The samples of an epoch in the order in which they are used.

    32-bit halves, low one first, of the Philox words of key (seed, 2) and counter (block, epoch); a half h chooses
    number h n / 2^32 of n. Shuffled: Fisher-Yates from the end.
    """
    n = len(cell.data_set.inputs)
    if cell.order == "sequential":
        return np.arange(n)
    count = n if cell.order == "shuffled" else cell.updates_per_epoch * cell.batch
    generator = np.random.Philox(key=[seed, 2], counter=[0, epoch, 0, 0])
    generator.advance(-1 % 2**256)  # NumPy adds 1 to the counter before it draws
    halves = generator.random_raw(-(-count // 2)).astype("<u8").view("<u4")[:count]
    if cell.order == "with_replacement":
        return np.array([int(h) * n >> 32 for h in halves])
    order = np.arange(n)
    for last, h in zip(range(n - 1, -1, -1), halves, strict=True):
        other = int(h) * (last + 1) >> 32
        order[[last, other]] = order[[other, last]]
    return order


@dataclass
class Trained:
    """What became of a run: final weights, measurements by the names of the columns, and the loss at evaluations."""

    weights: Floats
    row: dict[str, float]
    losses: list[float]


def train(cell: Any, initial: Floats, order: Callable[[int], Floats] = lambda epoch: np.arange(0)) -> Trained:
    """Train one run of a cell.

    Parameters
    ----------
    cell
        The keys of the run as attributes.
    initial : array
        In the order of weights.npz.
    order : callable
        From the number of an epoch to the samples in the order in which they are used; unused for a full batch.
    """
    data, layers, optimizer = cell.data_set, unflatten(cell, initial), Optimizer(cell)
    everything = np.arange(len(data.inputs))
    first = diverged = None
    losses: list[float] = []
    made = 0
    while True:
        if made % cell.evaluate_every == 0 or made == cell.budget:
            with np.errstate(all="ignore"):
                measured = measure(cell, layers)
            losses.append(measured["loss"])
            if first is None and meets(cell, measured):
                first = made
            if diverged is None and not math.isfinite(measured["loss"]):
                diverged = made
            if made == cell.budget or (cell.stop == "converged" and first is not None):
                break
        if cell.batch == "full":
            chosen = everything
        else:
            epoch, place = divmod(made, cell.updates_per_epoch)
            chosen = order(epoch)[place * cell.batch : (place + 1) * cell.batch]
        with np.errstate(all="ignore"):
            layers = optimizer.update(layers, gradient(cell, layers, data.inputs[chosen], data.targets[chosen]))
        made += 1
    per_epoch = cell.updates_per_epoch
    row = {
        **{name: value for name, value in measured.items() if name != "loss"},
        "converged": float(meets(cell, measured)),
        "epochs_to_diverge": math.nan if diverged is None else diverged / per_epoch,
        "epochs_to_converge": math.nan if first is None else first / per_epoch,
        "updates_to_converge": math.nan if first is None else first,
        "epochs_run": made / per_epoch,
        "initial_loss": losses[0],
        "final_loss": losses[-1],
        "best_loss": float(np.fmin.reduce(losses)),
    }
    return Trained(flatten(cell, layers), row, losses)
