"""Programs with any faults, in plain NumPy: what the kernel for faults is compared with.

One network, arrays with a row for each sample, one statement for each wrong line, by the formulas of `naive` where
nothing is wrong. Layers are counted from 1; index 0 of every list belongs to the inputs. Nothing here is shared with
the runner but the names of the faults.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from support import naive

Floats = np.ndarray

# The derivative of an activation as programs write it: in terms of the weighted sum z or of the activation a.
SLOPES: dict[str, Callable[[Floats, Floats], Floats]] = {
    "sigmoid": lambda z, a: a * (1 - a),
    "tanh": lambda z, a: 1 - a**2,
    "relu": lambda z, a: (z > 0) * 1.0,
    "leaky_relu": lambda z, a: np.where(z > 0, 1.0, 0.01),
    "identity": lambda z, a: np.ones_like(z),
    "softplus": lambda z, a: naive.sigmoid(z),
    "softsign": lambda z, a: (1 - np.abs(a)) ** 2,
    "step": lambda z, a: np.zeros_like(z),
}
FACTORS = {"half_sse": 1.0, "sse": 2.0, "half_mse": 1.0, "mse": 2.0}


def split(fault: Any) -> tuple[str, tuple[Any, ...], int | None]:
    """Name, arguments and layer of `round_errors(3, layer=1)`."""
    *args, last = fault.args or (None,)
    if isinstance(last, str) and last.startswith("layer="):
        return fault.name, tuple(args), int(last[6:])
    return fault.name, tuple(fault.args), None


@dataclass
class Pass:
    """Sums, f(z) and what is put out, layer by layer."""

    z: list[Floats]
    f: list[Floats]
    a: list[Floats]


class Program:
    """A network of a cell with its faults, and what it remembers."""

    def __init__(self, cell: Any, numbers: Floats) -> None:
        self.cell = cell
        self.sizes = cell.architecture
        self.L = len(self.sizes) - 1
        layers = naive.unflatten(cell, numbers)
        self.W = [np.zeros((0, 0)), *(W.copy() for W, b in layers)]
        self.b = [np.zeros(0), *(b.copy() for W, b in layers)]
        self.faults = [split(fault) for fault in cell.faults]
        self.last = [np.zeros(n) for n in self.sizes]
        self.velocity: dict[tuple[str, int], Floats] = {}
        self.sums: dict[tuple[str, int], Floats] = {}
        self.sample = 0
        self.made = 0

    def has(self, name: str, layer: int | None = None) -> bool:
        """Whether a fault stands in a layer (None: of the network)."""
        return any(n == name and at in (None, layer) for n, _, at in self.faults)

    def args(self, name: str, layer: int | None = None) -> tuple[Any, ...]:
        return next(args for n, args, at in self.faults if n == name and at in (None, layer))

    def rounded(self, name: str, layer: int, x: Floats) -> Floats:
        return np.round(x, self.args(name, layer)[0]) if self.has(name, layer) else x

    def function(self, layer: int) -> str:
        return str(self.cell.activation if layer < self.L else self.cell.output)

    # Forward.

    def forward(self, x: Floats) -> Pass:
        if len(x) > 1 and any(name == "sum_from_last_output" for name, _, _ in self.faults):
            rows = [self._forward(row[None]) for row in x]
            z, f, a = (
                [np.concatenate(parts) for parts in zip(*(getattr(row, kind) for row in rows), strict=True)]
                for kind in ("z", "f", "a")
            )
            return Pass(z, f, a)
        return self._forward(x)

    def _forward(self, x: Floats) -> Pass:
        z, f, a = [np.zeros_like(x)], [x], [x]
        for layer in range(1, self.L + 1):
            outside = self.has("bias_outside", layer)
            s = naive.scale(self.cell, layer - 1) * (a[-1] @ self.W[layer].T) + (0.0 if outside else self.b[layer])
            if self.has("sum_from_last_output", layer):
                s = s + self.last[layer]
            s = self.rounded("round_sums", layer, s)
            if self.function(layer) == "softmax":
                y = self.softmax(s)
                out = p = y
            else:
                p = naive.ACTIVATIONS[self.function(layer)][0](-s if self.has("exponent_sign", layer) else s)
                out = (s >= 0) * 1.0 if self.has("hard_threshold", layer) else p
                out = out + self.b[layer] if outside else out
            z.append(s)
            rounds = self.function(layer) != "softmax"
            f.append(self.rounded("round_outputs", layer, p) if rounds else p)
            a.append(self.rounded("round_outputs", layer, out) if rounds else out)
            self.last[layer] = a[-1][-1] if len(x) else self.last[layer]
        return Pass(z, f, a)

    def softmax(self, z: Floats) -> Floats:
        if self.has("softmax_over_batch"):
            return np.exp(z) / np.exp(z).sum(axis=0, keepdims=True)
        if self.has("softmax_over_all"):
            return np.exp(z) / np.exp(z).sum()
        return np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)

    # Backward.

    def signal(self, z: Floats, y: Floats, t: Floats) -> tuple[Floats, bool]:
        """dE/dy, and whether the slope of the outputs is still to be applied (else dE/dz)."""
        cell, n, k = self.cell, max(len(t), 1), max(t.size, 1)
        fused = cell.loss in ("binary_cross_entropy", "cross_entropy")
        factor = 1.0 / k if cell.loss == "binary_cross_entropy" else 1.0 / n
        if self.has("output_twice"):
            again = naive.softmax(y) if cell.output == "softmax" else naive.sigmoid(y)
            return (again - t) * factor, True
        if not fused:
            factor = FACTORS[cell.loss] / {"half_mse": n, "mse": k}.get(cell.loss, 1)
        y = 0.0 * y if self.has("target_for_residual") else y
        if self.has("all_pairs"):
            pairs = y - t.ravel()  # (N, N)
            per = {"half_mse": n, "mse": n * n, "binary_cross_entropy": n * n}.get(cell.loss, 1)
            return pairs.sum(axis=1, keepdims=True) * (1.0 if fused else FACTORS[cell.loss]) / per, not fused
        e = (y * t.sum(axis=1, keepdims=True) - t if cell.loss == "cross_entropy" else y - t) * factor
        if self.has("scalar_cost"):
            e = np.full_like(e, self.cost(z, y, t))
        elif self.has("cost_times_residual"):
            e = e * self.cost(z, y, t)
        elif self.has("mean_cost_times_residual"):
            e = e * self.cost(z, y, t) / n
        return e, not fused

    def cost(self, z: Floats, y: Floats, t: Floats) -> float:
        """The cost of a batch, divided by the number of samples that batches are to have."""
        cell = self.cell
        named = len(t) if cell.batch == "full" else cell.batch
        if cell.loss in FACTORS:
            return float(
                FACTORS[cell.loss]
                / 2
                * ((y - t) ** 2).sum()
                / {"half_mse": named, "mse": named * t.shape[1]}.get(cell.loss, 1)
            )
        z = -z if self.has("exponent_sign", self.L) else z
        return naive.loss_value(cell, z, t) * len(t) / named if len(t) else 0.0

    def slope(self, layer: int, run: Pass, e: Floats) -> Floats:
        """dE/dz of a layer from its dE/da."""
        name = self.function(layer)
        z, p, a = run.z[layer], run.f[layer], run.a[layer]
        slope, f = SLOPES[name], naive.ACTIVATIONS[name][0]
        if (self.has("no_hidden_slope", layer) and layer < self.L) or (self.has("no_output_slope") and layer == self.L):
            return e
        if self.has("slope_of_activation", layer):
            return e * slope(a, f(a))
        if self.has("slope_at_sum", layer):
            return e * slope(z, z)
        if self.has("slope_of", layer):
            return e * SLOPES[self.args("slope_of", layer)[0]](z, p)
        if self.has("slope_is_activation", layer):
            return e * a
        if self.has("slope_at_error", layer):
            return e * slope(e, f(e))
        if self.has("summed_slope", layer):
            return e * slope(z, p).sum(axis=1, keepdims=True)
        if self.has("late_slope", layer):
            return e * slope(z, a)
        if self.has("early_derivative", layer) and layer < self.L:
            below = run.z[layer - 1] if layer > 1 else np.zeros_like(z)
            return e * slope(below, f(below))
        return e * slope(z, p)

    def output_error(self, run: Pass, t: Floats) -> tuple[Floats, Floats]:
        """dE/dy and dE/dz of the outputs."""
        y = run.a[-1]
        e, open_ = self.signal(run.z[-1], y, t)
        if not open_:
            d = e
        elif self.cell.output == "softmax":
            d = e if self.has("no_output_slope") else y * (e - (e * y).sum(axis=1, keepdims=True))
        elif self.has("output_twice"):
            d = e * y * (1 - y)
        else:
            d = self.slope(self.L, run, e)
        return e, self.rounded("round_errors", self.L, d)

    def sent_back(self, layer: int, run: Pass, d: Floats, e: Floats, before: Floats) -> Floats:
        """dE/da of hidden layer layer from the errors of the layer above."""
        W = self.W[layer + 1] if self.has("moved_weights", layer) else before
        if self.has("outputs_sent_back", layer):
            d = run.a[layer + 1]
        elif self.has("no_output_derivative") and layer + 1 == self.L:
            d = e
        if self.has("unweighted_error", layer):
            return np.repeat(d.sum(axis=1, keepdims=True), self.sizes[layer], axis=1)
        if self.has("summed_weights", layer):
            return np.repeat((d * W.sum(axis=1)).sum(axis=1, keepdims=True), self.sizes[layer], axis=1)
        if self.has("diagonal_weights", layer):
            return np.repeat((d * np.diag(W)).sum(axis=1, keepdims=True), self.sizes[layer], axis=1)
        return d @ W.T if self.has("transposed_weights", layer) else d @ W

    def factor(self, layer: int, run: Pass, d: list[Floats]) -> Floats:
        """The gradient of the weights of a layer."""
        below, error = run.a[layer - 1], d[layer].sum(axis=0)[:, None]
        if self.has("weight_itself", layer):
            return error * self.W[layer]
        if self.has("own_activation", layer):
            return (d[layer] * run.a[layer]).sum(axis=0)[:, None] * np.ones_like(self.W[layer])
        if self.has("no_factor", layer):
            return error * np.ones_like(self.W[layer])
        if self.has("weighted_sum", layer) and layer > 1:
            return d[layer].T @ run.z[layer - 1]
        if self.has("transposed_gradient", layer):
            return below.T @ d[layer]
        if self.has("error_below", layer) and layer > 1:
            return np.ones_like(self.b[layer])[:, None] * (d[layer - 1] * below).sum(axis=0)
        if self.has("input_of_wrong_sample", layer):
            return error * np.diag(self.cell.data_set.inputs)
        return d[layer].T @ below

    # The update.

    def learn(self, x: Floats, t: Floats) -> None:
        """One update, each layer moved as soon as its gradient is known where a fault wants it so."""
        run = self.forward(x)
        before = [W.copy() for W in self.W]
        d: list[Floats] = [np.zeros(0)] * (self.L + 1)
        e, d[self.L] = self.output_error(run, t)
        self.made += 1
        moves = any(name == "moved_weights" for name, _, _ in self.faults)
        waiting = []
        for layer in range(self.L, 0, -1):
            waiting.append(layer)
            if moves:
                self.step(waiting.pop(), run, d)
            if layer > 1:
                h = layer - 1
                back = naive.scale(self.cell, layer - 1) * self.sent_back(h, run, d[layer], e, before[layer])
                d[h] = self.slope(h, run, back)
                if self.has("activation_factor", h):
                    d[h] = d[h] * run.a[h]
                d[h] = self.rounded("round_errors", h, d[h])
        for layer in waiting:
            self.step(layer, run, d)

    def step(self, layer: int, run: Pass, d: list[Floats]) -> None:
        gW = naive.scale(self.cell, layer - 1) * self.factor(layer, run, d)
        gb = d[layer].sum(axis=0)
        if self.has("bias_step_summed", layer) or self.cell.bias == "shared":
            gb = np.full_like(gb, gb.sum())
        rates = (
            np.broadcast_to(rate, self.L)[layer - 1] for rate in (self.cell.learning_rate, self.cell.bias_learning_rate)
        )
        for kind, array, g, rate in zip("Wb", (self.W, self.b), (gW, gb), rates, strict=True):
            weights = kind == "W"
            if weights or self.cell.bias in ("trained", "shared"):
                array[layer] = self.moved(array[layer], layer, weights, g, float(rate))
            array[layer] = self.rounded("round_weights", layer, array[layer])

    def moved(self, w: Floats, layer: int, weights: bool, g: Floats, rate: float) -> Floats:
        """The weights or the biases of a layer after their step."""
        key = "W" if weights else "b", layer
        wrong_way = self.has("ascent", layer) or self.has("weight_ascent" if weights else "bias_ascent", layer)
        g = -g if wrong_way else g
        if self.has("gradient_never_zeroed", layer):
            g = self.sums[key] = self.sums.get(key, 0.0) + g
        if self.has("weights_not_trained" if weights else "biases_not_trained", layer):
            return w
        if self.has("weight_set_to_step" if weights else "bias_set_to_step", layer):
            w = np.zeros_like(w)
        g = g + self.cell.weight_decay * w
        plain = self.cell.optimizer == "sgd" or (not weights and self.has("momentum_of_weights_only", layer))
        return w - rate * (g if plain else self.momentum(key, g))

    def momentum(self, key: tuple[str, int], g: Floats) -> Floats:
        """The velocity that a step is made with."""
        assert self.cell.optimizer == "momentum"
        old = self.velocity.get(key, np.zeros_like(g))
        m = self.cell.setting("momentum") * (-1 if self.has("momentum_sign") else 1)
        undamped = 1.0 if self.made == 1 else 1.0 - self.cell.setting("dampening")
        self.velocity[key] = m * old + undamped * g
        return old if self.has("momentum_late") else self.velocity[key]

    def choose(self, order: Callable[[int], Floats]) -> tuple[Floats, Floats] | None:
        """Inputs and targets of the next update; None where no sample is left to learn from."""
        cell, data = self.cell, self.cell.data_set
        n = len(data.inputs)
        batch = n if cell.batch == "full" else cell.batch
        epoch, place = divmod(self.made, -(-n // batch))
        if self.has("until_right"):
            (tolerance,) = self.args("until_right")
            for _ in range(n):
                s = [self.sample]
                if np.abs(self.forward(data.inputs[s]).a[-1] - data.targets[s]).max() > tolerance:
                    return data.inputs[s], data.targets[s]
                self.sample = (self.sample + 1) % n
            return None
        chosen = order(epoch)[place * batch : (place + 1) * batch]
        of_targets = chosen
        if self.has("inputs_shuffled_apart"):
            of_targets = np.arange(n)[place * batch : (place + 1) * batch]
        elif self.has("first_batch"):
            chosen = of_targets = np.arange(n)[:batch]
        elif self.has("epoch_slice"):
            chosen = of_targets = np.arange(n)[epoch : epoch + batch + 1]
        return data.inputs[chosen], data.targets[of_targets]


def train(cell: Any, initial: Floats, order: Callable[[int], Floats], looked_at: Sequence[int]) -> dict[int, Floats]:
    """The weights of a cell after some numbers of updates, in the order of weights.npz."""
    program, found = Program(cell, initial), {}
    with np.errstate(all="ignore"):
        for update in range(1, max(looked_at) + 1):
            samples = program.choose(order)
            if samples is None:
                program.made += 1
            elif program.has("bias_per_weight"):
                _weight_by_weight(program, *samples)
            else:
                program.learn(*samples)
            if update in looked_at:
                found[update] = naive.flatten(cell, list(zip(program.W[1:], program.b[1:], strict=True)))
    return found


def _weight_by_weight(program: Program, x: Floats, t: Floats) -> None:
    """Every weight in a pass of its own, with the bias of its unit once more."""
    made = program.made
    for j, i in np.ndindex(program.W[1].shape):
        W, b = (program.rounded("round_weights", 1, old) for old in (program.W[1].copy(), program.b[1].copy()))
        program.made = made
        program.learn(x, t)
        W[j, i], b[j] = program.W[1][j, i], program.b[1][j]
        program.W[1], program.b[1] = W, b
