"""Methods of second order in plain NumPy, each from its paper: what the kernels of `second_order` are compared with."""

from __future__ import annotations

from typing import Any

import numpy as np

from support import naive

Floats = np.ndarray


class Task:
    """The objective of a cell as functions of its trained parameters, a vector w.

    Parameters
    ----------
    cell : Cell
    initial : array (stored parameters,)
        As `weights.npz` has them: layer by layer W, then the biases that are trained.
    """

    def __init__(self, cell: Any, initial: Floats) -> None:
        self.cell = cell
        self.x, self.t = cell.data_set.inputs, cell.data_set.targets
        self.start = initial.copy()

    def loss(self, w: Floats) -> float:
        """Loss and weight decay."""
        sums, _ = naive.forward(self.cell, naive.unflatten(self.cell, w), self.x)
        return naive.loss_value(self.cell, sums[-1], self.t) + 0.5 * self.cell.weight_decay * float(w @ w)

    def gradient(self, w: Floats) -> Floats:
        """Its derivative."""
        cell = self.cell
        found = naive.gradient(cell, naive.unflatten(self.cell, w), self.x, self.t)
        return naive.flatten(cell, found) + self.cell.weight_decay * w

    def residuals(self, w: Floats) -> tuple[Floats, Floats]:
        """Outputs less targets (samples * outputs,), and their Jacobian (samples * outputs, parameters)."""
        cell, layers = self.cell, naive.unflatten(self.cell, w)
        sums, activations = naive.forward(cell, layers, self.x)
        y = activations[-1]
        rows = np.empty((*y.shape, len(w)))
        for sample in range(len(y)):
            one = slice(sample, sample + 1)
            of_one = [z[one] for z in sums], [a[one] for a in activations]
            for output in range(y.shape[1]):
                error = np.eye(y.shape[1])[output : output + 1]
                if cell.output == "softmax":
                    error = y[one] * (error - error @ y[sample])
                else:
                    error = error * naive.ACTIVATIONS[cell.output][1](sums[-1][one])
                rows[sample, output] = naive.flatten(cell, naive.back(cell, layers, *of_one, error))
        return (y - self.t).ravel(), rows.reshape(-1, len(w))


def levenberg_marquardt(
    task: Task, trials: int, mu: float = 1e-3, dec: float = 0.1, inc: float = 10.0, most: float = 1e10
) -> Floats:
    """Weights before and after every trial, by Hagan and Menhaj (1994)."""
    w, found = task.start, [task.start]
    elements, samples = task.t.size, len(task.t)
    # The loss is this times the sum of squares.
    factor = {"half_sse": 0.5, "sse": 1.0, "half_mse": 0.5 / samples, "mse": 1.0 / elements}[task.cell.loss]
    decay = 0.5 * task.cell.weight_decay / factor
    for _ in range(trials):
        r, J = task.residuals(w)
        step = np.linalg.solve(J.T @ J + (mu + decay) * np.eye(len(w)), -(J.T @ r + decay * w))
        if task.loss(w + step) < task.loss(w):
            w, mu = w + step, mu * dec
        else:
            mu = min(mu * inc, most)
        found.append(w)
    return np.array(found)


def scg(task: Task, iterations: int, sigma: float = 1e-4, first_lambda: float = 1e-6) -> Floats:
    """Weights before and after every iteration, by the nine steps of Moller (1993)."""
    w, found = task.start, [task.start]
    damping, raised, success = first_lambda, 0.0, True
    r = -task.gradient(w)
    p = r
    delta = 0.0
    for k in range(1, iterations + 1):
        if success:
            short = sigma / np.linalg.norm(p)
            s = (task.gradient(w + short * p) - task.gradient(w)) / short
            delta = p @ s
        delta += (damping - raised) * (p @ p)
        if delta <= 0:
            raised = 2 * (damping - delta / (p @ p))
            delta = -delta + damping * (p @ p)
            damping = raised
        mu, length = p @ r, p @ p
        alpha = mu / delta
        agreement = 2 * delta * (task.loss(w) - task.loss(w + alpha * p)) / mu**2
        success = bool(agreement >= 0)
        if success:
            w = w + alpha * p
            new = -task.gradient(w)
            raised = 0.0
            p = new if k % len(w) == 0 else new + (new @ new - new @ r) / mu * p
            r = new
            if agreement >= 0.75:
                damping = damping / 4
        else:
            raised = damping
        if agreement < 0.25:
            damping = damping + delta * (1 - agreement) / length
        found.append(w)
    return np.array(found)


def lbfgs(task: Task, iterations: int, history: int = 10) -> Floats:
    """Weights before and after every iteration: algorithms 7.4 and 7.5 of Nocedal and Wright (2006).

    The step is that of algorithm 2.6 of Lewis and Overton (2013), from 1 on; the first direction is not longer than 1.
    """
    w, found, pairs = task.start, [task.start], []
    g, scale = task.gradient(w), None
    for _ in range(iterations):
        first = min(1.0, 1.0 / np.linalg.norm(g))
        q, shares = g.copy(), []
        for s, y in reversed(pairs):
            shares.append(s @ q / (s @ y))
            q = q - shares[-1] * y
        q = q * (first if scale is None else scale)
        for (s, y), a in zip(pairs, reversed(shares), strict=True):
            q = q + s * (a - y @ q / (s @ y))
        d = -q
        low, high, t = 0.0, np.inf, 1.0
        while True:
            if task.loss(w + t * d) > task.loss(w) + 1e-4 * t * (g @ d):
                high = t
            elif task.gradient(w + t * d) @ d < 0.9 * (g @ d):
                low = t
            else:
                break
            t = (low + high) / 2 if high < np.inf else 2 * low
        new = w + t * d
        s, y = new - w, task.gradient(new) - g
        pairs = [*pairs, (s, y)][-history:]
        scale = (s @ y) / (y @ y)
        w, g = new, g + y
        found.append(w)
    return np.array(found)
