"""The ten programs of the posts in plain NumPy, each from the mathematics of its own post: what tests compare with.

Every program is a function of the initial weights, the order of the samples, the number of updates and the defects
switched on. `weights` is W of shape (fan_out, fan_in) and b of shape (fan_out,), layer by layer, also where a program
has no bias (b = 0 then, and it stays). What is returned is a list of the weights after each update, in the same form.
The defaults are the posted program; `faults=frozenset()` is that program with its defects mended.

Nothing here is shared with the runner. A defect carries the name of its fault; what is no fault is a setting.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import cycle, islice, pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Weights = list[Floats]

XOR_INPUTS = ((1, 0), (0, 1), (1, 1), (0, 0))
XOR_TARGETS = ((1,), (1,), (0,), (0,))


def flat(weights: Weights, bias: str | float = "trained") -> Floats:
    """The weights as one vector, in the order of `weights.npz`: of the biases, those that `bias` leaves free."""
    kept = {"trained": slice(None), "shared": slice(1)}.get(str(bias), slice(0))
    return np.concatenate([part.ravel() if part.ndim == 2 else part[kept] for part in weights])


def shaped(numbers: ArrayLike, sizes: Sequence[int], bias: str | float = "trained") -> Weights:
    """The inverse of `flat`, for layers of these sizes; biases that are not free are 0, or the number `bias`."""
    rest, parts = np.asarray(numbers, float), []
    for fan_in, fan_out in pairwise(sizes):
        free = {"trained": fan_out, "shared": 1}.get(str(bias), 0)
        b = np.full(fan_out, 0.0 if isinstance(bias, str) else bias)
        W, free_biases, rest = np.split(rest, [fan_out * fan_in, fan_out * fan_in + free])
        if free:
            b[:] = free_biases
        parts += [W.reshape(fan_out, fan_in).copy(), b]
    return parts


def outputs(weights: Weights, inputs: ArrayLike) -> Floats:
    """Outputs of a network of sigmoid units, one row per sample."""
    a = np.asarray(inputs, float)
    for W, b in zip(weights[::2], weights[1::2], strict=True):
        a = _sigmoid(a @ W.T + b)
    return a


def _sigmoid(z: Floats) -> Floats:
    return 1 / (1 + np.exp(-z))


def _copy(weights: Weights) -> Weights:
    return [np.array(part, float) for part in weights]


def _known(faults: Iterable[str], *names: str) -> frozenset[str]:
    """The faults, none of which may be unknown to the program."""
    if unknown := set(faults) - set(names):
        raise ValueError(f"not a fault of this program: {unknown}")
    return frozenset(faults)


def boolean_3_4_1(
    weights: Weights,
    order: Iterable[int],
    updates: int = 999,
    faults: Iterable[str] = (),
    *,
    learning_rate: float = 0.2,
    table: str = "11101011",
) -> list[Weights]:
    """One sample per update, half the squared error, biases like weights: nothing is wrong with the gradient."""
    _known(faults)
    w, trail = _copy(weights), []
    bits = int(math.log2(len(table)))
    for s in islice(order, updates):
        a = [np.array([s >> k & 1 for k in reversed(range(bits))], float)]
        for W, b in zip(w[::2], w[1::2], strict=True):
            a.append(_sigmoid(W @ a[-1] + b))
        d = (a[-1] - int(table[s])) * a[-1] * (1 - a[-1])
        steps: Weights = []
        for layer in reversed(range(len(w) // 2)):
            steps = [np.outer(d, a[layer]), d, *steps]
            d = (w[2 * layer].T @ d) * a[layer] * (1 - a[layer])
        w = [part - learning_rate * step for part, step in zip(w, steps, strict=True)]
        trail.append(_copy(w))
    return trail


def parity_1_1_1(
    weights: Weights,
    order: Iterable[int],
    updates: int = 10_000,
    faults: Iterable[str] = ("weight_itself", "no_output_derivative"),
    *,
    learning_rate: float = 0.1,
    inputs: ArrayLike = (1 / 9, 2 / 9, 3 / 9, 4 / 9, 5 / 9, 6 / 9, 7 / 9, 8 / 9, 9 / 9),
    targets: ArrayLike = (0, 1, 0, 1, 0, 1, 0, 1, 0),
    wrong_layers: Sequence[int] = (1, 2),
) -> list[Weights]:
    """Two units in a row, squared error of one sample.

    The post has `weight_itself` twice, in both layers: `wrong_layers` tells where it stands.
    """
    faults = _known(faults, "weight_itself", "no_output_derivative")
    w1, b1, w2, b2 = (float(part.item()) for part in weights)
    x, t, trail = np.ravel(inputs), np.ravel(targets), []
    for s in islice(order, updates):
        h = 1 / (1 + math.exp(-(w1 * x[s] + b1)))
        y = 1 / (1 + math.exp(-(w2 * h + b2)))
        of_y = 2 * (y - t[s])
        of_sum = of_y * y * (1 - y)
        of_h = w2 * (of_y if "no_output_derivative" in faults else of_sum)
        of_sum_h = of_h * h * (1 - h)
        factor1 = w1 if "weight_itself" in faults and 1 in wrong_layers else x[s]
        factor2 = w2 if "weight_itself" in faults and 2 in wrong_layers else h
        w1, b1 = w1 - learning_rate * of_sum_h * factor1, b1 - learning_rate * of_sum_h
        w2, b2 = w2 - learning_rate * of_sum * factor2, b2 - learning_rate * of_sum
        trail.append([np.array([[w1]]), np.array([b1]), np.array([[w2]]), np.array([b2])])
    return trail


def one_hot_xor_2_2_2(
    weights: Weights,
    order: Iterable[int] | None = None,
    updates: int = 1000,
    faults: Iterable[str] = ("epoch_slice",),
    *,
    learning_rate: float = 0.1,
    inputs: ArrayLike = ((1, 1), (0, 0), (1, 0), (0, 1)),
    labels: Sequence[int] = (0, 0, 1, 1),
) -> list[Weights]:
    """The mean over a batch of half the squared error of one-hot targets; the batch is all four samples.

    In update e the post takes samples e to e + 4: all, three, two, one, and none from the fifth update on.
    """
    faults = _known(faults, "epoch_slice")
    x, t = np.array(inputs, float), np.eye(weights[-1].size)[list(labels)]
    w, trail = _copy(weights), []
    for e in range(updates):
        batch = range(len(x))[e : e + len(x) + 1] if "epoch_slice" in faults else range(len(x))
        total = [np.zeros_like(part) for part in w]
        for s in batch:
            a = [x[s]]
            for W, b in zip(w[::2], w[1::2], strict=True):
                a.append(_sigmoid(W @ a[-1] + b))
            d = (a[-1] - t[s]) * a[-1] * (1 - a[-1])
            for layer in reversed(range(len(w) // 2)):
                total[2 * layer] += np.outer(d, a[layer]) / len(batch)
                total[2 * layer + 1] += d / len(batch)
                d = (w[2 * layer].T @ d) * a[layer] * (1 - a[layer])
        w = [part - learning_rate * step for part, step in zip(w, total, strict=True)]
        trail.append(_copy(w))
    return trail


def index_and_sign_2_2_1(
    weights: Weights,
    order: Iterable[int],
    updates: int = 1000,
    faults: Iterable[str] = ("ascent", "own_activation", "early_derivative"),
    *,
    learning_rate: float = 0.1,
    trained_bias: bool = False,
    inputs: ArrayLike = XOR_INPUTS,
    targets: ArrayLike = XOR_TARGETS,
) -> list[Weights]:
    """One sample per update, half the squared error, no biases.

    The weighted sums of the inputs' layer, which the hidden errors of the post look up, are never set: they are 0.
    """
    faults = _known(faults, "ascent", "own_activation", "early_derivative")
    x, t = np.array(inputs, float), np.array(targets, float)
    sign = 1 if "ascent" in faults else -1
    w, trail = _copy(weights), []
    for s in islice(order, updates):
        z, a = [np.zeros_like(x[s])], [x[s]]
        for W, b in zip(w[::2], w[1::2], strict=True):
            z.append(W @ a[-1] + b)
            a.append(_sigmoid(z[-1]))
        errors = [(a[-1] - t[s]) * a[-1] * (1 - a[-1])]
        for layer in reversed(range(1, len(w) // 2)):
            slope = _sigmoid(z[layer - 1 if "early_derivative" in faults else layer])
            errors.insert(0, (w[2 * layer].T @ errors[0]) * slope * (1 - slope))
        for layer, d in enumerate(errors):
            below = a[layer]
            if "own_activation" in faults:
                w[2 * layer] += sign * learning_rate * (d * a[layer + 1])[:, None]
            else:
                w[2 * layer] += sign * learning_rate * np.outer(d, below)
            if trained_bias:
                w[2 * layer + 1] += sign * learning_rate * d
        trail.append(_copy(w))
    return trail


def finally_2_3_2_1(
    weights: Weights,
    order: Iterable[int],
    updates: int = 20_000,
    faults: Iterable[str] = (),
    *,
    learning_rate: float = 0.4,
    bias_learning_rate: float = 1.0,
    inputs: ArrayLike = XOR_INPUTS,
    targets: ArrayLike = XOR_TARGETS,
) -> list[Weights]:
    """One sample per update, half the squared error; biases take their whole gradient, without a learning rate."""
    _known(faults)
    x, t = np.array(inputs, float), np.array(targets, float)
    w, trail = _copy(weights), []
    for s in islice(order, updates):
        a = [x[s]]
        for W, b in zip(w[::2], w[1::2], strict=True):
            a.append(_sigmoid(W @ a[-1] + b))
        errors = [(t[s] - a[-1]) * a[-1] * (1 - a[-1])]
        for layer in reversed(range(1, len(w) // 2)):
            errors.insert(0, (w[2 * layer].T @ errors[0]) * a[layer] * (1 - a[layer]))
        for layer, d in enumerate(errors):
            w[2 * layer] += learning_rate * np.outer(d, a[layer])
            w[2 * layer + 1] += bias_learning_rate * d
        trail.append(_copy(w))
    return trail


def object_2_4_1(
    weights: Weights,
    order: Iterable[int] | None = None,
    updates: int = 1000,
    faults: Iterable[str] = ("no_factor", "activation_factor"),
    *,
    learning_rate: float = 0.1,
    squashed: bool = True,
    trained_bias: bool = False,
    inputs: ArrayLike = ((1, 2), (3, 4)),
    targets: ArrayLike = ((0,), (1,)),
    stop_below: float = 0.0,
) -> list[Weights]:
    """Full batch, the mean over samples of half the squared error; the units of the inputs' layer are sigmoids.

    The post goes on until the loss is below `stop_below` = 0.001, which is looked at after every update.
    """
    faults = _known(faults, "no_factor", "activation_factor")
    x, t = np.array(inputs, float), np.array(targets, float)
    x = _sigmoid(x) if squashed else x
    w, trail = _copy(weights), []
    for _ in range(updates):
        total = [np.zeros_like(part) for part in w]
        for s in range(len(x)):
            a = [x[s]]
            for W, b in zip(w[::2], w[1::2], strict=True):
                a.append(_sigmoid(W @ a[-1] + b))
            d = (a[-1] - t[s]) * a[-1] * (1 - a[-1])
            for layer in reversed(range(len(w) // 2)):
                factor = np.ones_like(a[layer]) if "no_factor" in faults else a[layer]
                total[2 * layer] += np.outer(d, factor) / len(x)
                total[2 * layer + 1] += d / len(x)
                d = (w[2 * layer].T @ d) * a[layer] * (1 - a[layer])
                if "activation_factor" in faults:
                    d = d * a[layer]
        for k in range(0, len(w), 1 if trained_bias else 2):
            w[k] -= learning_rate * total[k]
        trail.append(_copy(w))
        if np.mean((outputs(w, x) - t) ** 2) / 2 < stop_below:
            break
    return trail


def line_fit(
    weights: Weights,
    order: Iterable[int] | None = None,
    updates: int = 4,
    faults: Iterable[str] = (),
    *,
    points: ArrayLike,
    learning_rate: float = 1e-7,
) -> list[Weights]:
    """y = m x + b on rows of (x, y), mean squared error, m and b moved together; no number is a NaN."""
    _known(faults)
    m, b = (float(part.item()) for part in weights)
    rows, trail = np.asarray(points, float), []
    for _ in range(updates):
        of_b = of_m = 0.0
        for x, y in rows.tolist():
            of_b += -(2 / len(rows)) * (y - (m * x + b))
            of_m += -(2 / len(rows)) * x * (y - (m * x + b))
        m, b = m - learning_rate * of_m, b - learning_rate * of_b
        trail.append([np.array([[m]]), np.array([b])])
    return trail


def perceptron_gates(
    weights: Weights,
    order: Iterable[int] | None = None,
    updates: int = 4000,
    faults: Iterable[str] = ("round_sums", "round_weights"),
    *,
    learning_rate: float = 0.1,
    table: str = "0001",
    trained_threshold: bool = False,
    decimals: int = 10,
    stop: bool = False,
) -> list[Weights]:
    """A step unit on the four rows of two bits, in order; the threshold is -b, and the post keeps it where it is.

    With `stop`, the end is that of the post: after a pass without an error.
    """
    faults = _known(faults, "round_sums", "round_weights")
    (w0, w1), theta = weights[0].ravel().tolist(), -float(weights[1].item())
    errors, trail = 0, []
    for made, s in enumerate(islice(cycle(range(4)) if order is None else order, updates), start=1):
        x0, x1 = s >> 1, s & 1
        total = w0 * x0 + w1 * x1
        if "round_sums" in faults:
            total = round(total, decimals)
        error = int(table[s]) - (1 if total - theta >= 0 else 0)
        w0, w1 = w0 + error * learning_rate * x0, w1 + error * learning_rate * x1
        theta = theta - error * learning_rate if trained_threshold else theta
        if "round_weights" in faults:
            w0, w1, theta = round(w0, decimals), round(w1, decimals), round(theta, decimals)
        trail.append([np.array([[w0, w1]]), np.array([-theta])])
        errors += error != 0
        if stop and made % 4 == 0:
            if errors == 0:
                break
            errors = 0
    return trail


def raw_inputs_2_2(
    weights: Weights,
    order: Iterable[int] | None = None,
    updates: int = 100_000,
    faults: Iterable[str] = ("ascent", "input_of_wrong_sample", "bias_per_weight", "round_outputs"),
    *,
    learning_rate: float = 0.05,
    shared_bias: bool = True,
    decimals: int = 8,
    divisor: float = 1.0,
    inputs: ArrayLike = ((10, 20), (15, 30), (8, 16), (3, 9), (6, 18), (2, 6)),
    targets: ArrayLike = ((1, 0), (1, 0), (1, 0), (0, 1), (0, 1), (0, 1)),
) -> list[Weights]:
    """One layer, full batch, summed squared error; one bias for both units, kept here as two equal numbers.

    An update is a whole pass. The post goes through the weights of a pass one by one, and moves the bias with each.
    """
    faults = _known(faults, "ascent", "input_of_wrong_sample", "bias_per_weight", "round_outputs")
    x, t = np.array(inputs, float) / divisor, np.array(targets, float)
    W, b = _copy(weights)
    step = learning_rate if "ascent" in faults else -learning_rate
    trail = []

    def of_sums(unit: int) -> Floats:
        """dE/dz of one unit for every sample."""
        y = _sigmoid(x @ W[unit] + b[unit])
        if "round_outputs" in faults:
            y = np.array([round(value, decimals) for value in y.tolist()])
        return np.asarray(2 * (y - t[:, unit]) * y * (1 - y))

    def of_weight(d: Floats, i: int) -> float:
        return float(np.sum(d * (x[i, i] if "input_of_wrong_sample" in faults else x[:, i])))

    units, places = range(W.shape[0]), range(W.shape[1])
    for _ in range(updates):
        if "bias_per_weight" in faults:
            for unit in units:
                for i in places:
                    d = of_sums(unit)
                    W[unit, i] += step * of_weight(d, i)
                    b[slice(None) if shared_bias else unit] += step * np.sum(d)
        else:
            d = np.array([of_sums(unit) for unit in units])
            W += step * np.array([[of_weight(d[unit], i) for i in places] for unit in units])
            b += step * (np.sum(d) if shared_bias else np.sum(d, axis=1))
        trail.append(_copy([W, b]))
    return trail


def error_signal_2_5_1(
    weights: Weights,
    order: Iterable[int] | None = None,
    updates: int = 10_000,
    faults: Iterable[str] = ("scalar_cost",),
    *,
    learning_rate: float = 0.3,
    cost_factor: float | None = None,
    inputs: ArrayLike = ((0, 0), (0, 1), (1, 0), (1, 1)),
    targets: ArrayLike = ((0,), (1,), (1,), (0,)),
) -> list[Weights]:
    """Full batch, gradients summed over samples, no biases; three error signals in place of y - t.

    The first program of the post (`scalar_cost`) takes the summed squared error for the cost, its second
    (`cost_times_residual`) half of it; the answer's shorter cost (`mean_cost_times_residual`) is half the mean.
    """
    faults = _known(faults, "scalar_cost", "cost_times_residual", "mean_cost_times_residual")
    x, t = np.array(inputs, float), np.array(targets, float)
    w, trail = _copy(weights), []
    for _ in range(updates):
        a = [x]
        for W, b in zip(w[::2], w[1::2], strict=True):
            a.append(_sigmoid(a[-1] @ W.T + b))
        squares = float(np.sum((a[-1] - t) ** 2))
        signal = a[-1] - t
        if "scalar_cost" in faults:
            signal = np.full_like(signal, squares * (1 if cost_factor is None else cost_factor))
        elif "cost_times_residual" in faults:
            signal = signal * squares * (0.5 if cost_factor is None else cost_factor)
        elif "mean_cost_times_residual" in faults:
            signal = signal * squares / len(x) * (0.5 if cost_factor is None else cost_factor)
        d = signal * a[-1] * (1 - a[-1])
        for layer in reversed(range(len(w) // 2)):
            step = learning_rate * d.T @ a[layer]
            d = (d @ w[2 * layer]) * a[layer] * (1 - a[layer])
            w[2 * layer] = w[2 * layer] - step
        trail.append(_copy(w))
    return trail
