"""Programs in the manner of the census, in other dress: classes, lists, transposed, columns, float32, several defects.

Each is a file for `diagnose`, with the faults that are to be found.
"""

from __future__ import annotations

_TOP = """\
import math
import random
import numpy as np

def s(z):
    return 1 / (1 + np.exp(-z))

"""
_XOR = "inputs, targets = [[0, 0], [0, 1], [1, 0], [1, 1]], [[0], [1], [1], [0]]\n"
_CLASSES = "inputs, targets = np.random.default_rng(0).normal(size=(9, 4)), np.eye(3)[[0, 1, 2] * 3]\n"

OTHERS: dict[str, tuple[str, set[str]]] = {}


def _add(name: str, faults: set[str], sizes: str, text: str, data: str = _XOR, rate: float = 0.2) -> None:
    head = f'{_TOP}architecture, learning_rate = "{sizes}", {rate}\n{data}'
    OTHERS[name] = head + text, faults


_add(
    "a class, neuron by neuron: slope of a sigmoid's output, biases uphill",
    {"slope_of_activation(layer=1)", "bias_ascent"},
    "2-3-1",
    """
class Neuron:
    def __init__(self, weights, bias):
        self.weights, self.bias = list(weights), float(np.ravel(bias)[0])
    def fire(self, given):
        self.given = given
        self.value = s(self.bias + sum(w * g for w, g in zip(self.weights, given)))
        return self.value
    def learn(self, delta):
        self.weights = [w - learning_rate * delta * g for w, g in zip(self.weights, self.given)]
        self.bias = self.bias + learning_rate * delta

def update(weights, biases, x, y):
    hidden = [Neuron(w, b) for w, b in zip(weights[0], biases[0])]
    out = Neuron(weights[1][0], biases[1][0])
    for given, wanted in zip(x, y):
        o = out.fire([n.fire(given) for n in hidden])
        delta = (o - wanted[0]) * o * (1 - o)
        back = [delta * w for w in out.weights]
        out.learn(delta)
        for n, e in zip(hidden, back):
            n.learn(e * s(n.value) * (1 - s(n.value)))
    return ([np.array([n.weights for n in hidden]), np.array([out.weights])],
            [np.array([n.bias for n in hidden]), np.array([out.bias])])
""",
)
_add(
    "transposed, float32, whole batch: 1 - z^2 for 1 - tanh^2",
    {"slope_at_sum(layer=1)"},
    "2-4-1",
    """
def initial(seed):
    r = np.random.default_rng(seed)
    weights = [r.normal(size=n).astype('f') for n in ((2, 4), (4, 1))]
    return weights, [np.zeros((1, n), 'f') for n in (4, 1)]

def update(weights, biases, x, y):
    x, y = x.astype('f'), y.astype('f')
    z1 = x @ weights[0] + biases[0]
    a1 = np.tanh(z1)
    a2 = np.tanh(a1 @ weights[1] + biases[1])
    d2 = (a2 - y) * (1 - a2**2)
    d1 = d2 @ weights[1].T * (1 - z1**2)
    rate = np.float32(learning_rate)
    weights[1] -= rate * a1.T @ d2
    biases[1] -= rate * d2.sum(0, keepdims=True)
    weights[0] -= rate * x.T @ d1
    biases[0] -= rate * d1.sum(0, keepdims=True)
""",
)
_add(
    "a bias as the weight of an input -1: weights that have moved, no slope on the way back",
    {"moved_weights", "no_output_derivative"},
    "2-3-1",
    """
def initial(seed):
    r = np.random.default_rng(seed)
    return [r.normal(size=(3, 3)), r.normal(size=(1, 4))], None

def update(weights, biases, x, y):
    v, w = weights
    for given, wanted in zip(x, y):
        given = np.append(given, -1)
        hidden = np.append(s(v @ given), -1)
        out = s(w @ hidden)
        error = out - wanted
        w -= learning_rate * np.outer(error * out * (1 - out), hidden)
        below = (w.T @ error)[:-1] * hidden[:-1] * (1 - hidden[:-1])
        v -= learning_rate * np.outer(below, given)
""",
)
_add(
    "softmax along the wrong axis, mean of the batch",
    {"softmax_over_batch"},
    "4-5-3",
    """
def update(weights, biases, X, Y):
    A = np.maximum(0, X @ weights[0].T + biases[0])
    Z = A @ weights[1].T + biases[1]
    E = np.exp(Z - Z.max())
    P = E / E.sum(axis=0)
    dZ = (P - Y) / len(X)
    dA = dZ @ weights[1] * (A > 0)
    weights[1] -= learning_rate * dZ.T @ A
    biases[1] -= learning_rate * dZ.sum(axis=0)
    weights[0] -= learning_rate * dA.T @ X
    biases[0] -= learning_rate * dA.sum(axis=0)
""",
    _CLASSES,
)
_add(
    "cross-entropy of probabilities: softmax once more, momentum of the wrong sign",
    {"output_twice", "momentum_sign"},
    "4-5-3",
    """
loss = "cross_entropy"
velocity = [0, 0, 0, 0]

def softmax(z):
    e = np.exp(z - z.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)

def update(weights, biases, X, Y):
    A = np.tanh(X @ weights[0].T + biases[0])
    P = softmax(A @ weights[1].T + biases[1])
    G = (softmax(P) - Y) / len(X)
    dZ = P * (G - (G * P).sum(1, keepdims=True))
    dA = dZ @ weights[1] * (1 - A**2)
    for i, (p, g) in enumerate(zip((*weights, *biases), (dA.T @ X, dZ.T @ A, dA.sum(0), dZ.sum(0)))):
        velocity[i] = g - 0.9 * velocity[i]
        p -= learning_rate * velocity[i]
""",
    _CLASSES,
)
_add(
    "shapes (N, 1) and (N,)",
    {"all_pairs"},
    "2-3-1",
    """
loss = "mse"

def update(weights, biases, x, y):
    a = np.tanh(x @ weights[0].T + biases[0])
    out = a @ weights[1].T + biases[1]
    error = out - y.ravel()
    d = 2 * error.sum(1, keepdims=True) / error.size
    below = d @ weights[1] * (1 - a**2)
    weights[1] -= learning_rate * d.T @ a
    biases[1] -= learning_rate * d.sum(0)
    weights[0] -= learning_rate * below.T @ x
    biases[0] -= learning_rate * below.sum(0)
""",
)
_add(
    "three layers: one step for all biases of a layer, the slope left out below",
    {"bias_step_summed", "no_hidden_slope"},
    "3-4-3-2",
    """
def update(weights, biases, x, y):
    a = [x]
    for w, b in zip(weights, biases):
        a.append(s(a[-1] @ w.T + b))
    d = (a[-1] - y) * a[-1] * (1 - a[-1])
    for k in (2, 1, 0):
        below = d @ weights[k]
        weights[k] = weights[k] - learning_rate * d.T @ a[k]
        biases[k] = biases[k] - learning_rate * np.sum(d)
        d = below
    return weights, biases
""",
    "inputs, targets = np.random.default_rng(0).normal(size=(7, 3)), np.random.default_rng(1).random((7, 2))\n",
)
_add(
    "sums for activations in the gradient, and the rate divided by N: one is a setting",
    {"weighted_sum"},
    "2-5-1",
    """
def update(weights, biases, x, y):
    m = len(x)
    z1 = x @ weights[0].T + biases[0]
    a1 = s(z1)
    a2 = s(a1 @ weights[1].T + biases[1])
    d2 = a2 - y
    d1 = d2 @ weights[1] * a1 * (1 - a1)
    weights[1] -= learning_rate / m * d2.T @ z1
    biases[1] -= learning_rate / m * d2.sum(0)
    weights[0] -= learning_rate / m * d1.T @ x
    biases[0] -= learning_rate / m * d1.sum(0)
""",
)
_add(
    "a gate: threshold and residual, the sign lost",
    {"ascent"},
    "2-1",
    """
def initial(seed):
    return [[[0.1, -0.2]]], [[0.3]]

def predict(weights, biases, x):
    return [[1 if sum(w * g for w, g in zip(weights[0][0], given)) + biases[0][0] >= 0 else 0] for given in x]

def update(weights, biases, x, y):
    weights, b = weights[0], biases[0][0]
    for given, wanted in zip(x, y):
        out = 1 if sum(w * g for w, g in zip(weights[0], given)) + b >= 0 else 0
        error = out - wanted[0]
        weights[0] = [w + learning_rate * error * g for w, g in zip(weights[0], given)]
        b += learning_rate * error
    return [weights], [[b]]
""",
    "inputs, targets = [[0, 0], [0, 1], [1, 0], [1, 1]], [[0], [0], [0], [1]]\n",
)
_add(
    "predictions are rounded, the update is not: the minus of the exponent, gradients never zeroed",
    {"exponent_sign", "gradient_never_zeroed"},
    "2-2-1",
    """
sums = [0, 0, 0, 0]

def f(z):
    return 1 / (1 + np.exp(z))

def predict(weights, biases, x):
    return np.round(f(f(x @ weights[0].T + biases[0]) @ weights[1].T + biases[1]))

def update(weights, biases, x, y):
    (v, w), (c, b) = weights, biases
    a = f(x @ v.T + c)
    out = f(a @ w.T + b)
    d = (out - y) * out * (1 - out)
    e = d @ w * a * (1 - a)
    for i, (p, g) in enumerate(zip((v, w, c, b), (e.T @ x, d.T @ a, e.sum(0), d.sum(0)))):
        sums[i] = sums[i] + g
        p -= learning_rate * sums[i]
""",
)
_add(
    "Bias after the activation, the error in every unit, targets alone",
    {"bias_outside", "unweighted_error", "target_for_residual"},
    "2-3-2",
    """
def update(weights, biases, x, y):
    for given, wanted in zip(x, y):
        p = np.tanh(weights[0] @ given)
        h = p + biases[0]
        q = np.tanh(weights[1] @ h)
        d = -wanted * (1 - q**2)
        e = (1 - p**2) * d.sum()
        weights[1] = weights[1] - learning_rate * np.outer(d, h)
        biases[1] = biases[1] - learning_rate * d
        weights[0] = weights[0] - learning_rate * np.outer(e, given)
        biases[0] = biases[0] - learning_rate * e
    return weights, biases
""",
    "inputs, targets = np.random.default_rng(0).normal(size=(5, 2)), np.random.default_rng(1).random((5, 2))\n",
)
_add(
    "dictionaries: transposed weights on the way back, weights set to their step in one layer",
    {"transposed_weights", "weight_set_to_step(layer=2)"},
    "2-3-3",
    """
def update(weights, biases, x, y):
    net = dict(W1=weights[0], W2=weights[1], b1=biases[0], b2=biases[1])
    h = s(x @ net["W1"].T + net["b1"])
    o = h @ net["W2"].T + net["b2"]
    d = (o - y) / len(x)
    e = d @ net["W2"].T * h * (1 - h)
    net["W2"] = -learning_rate * d.T @ h
    net["b2"] = net["b2"] - learning_rate * d.sum(0)
    net["W1"] = net["W1"] - learning_rate * e.T @ x
    net["b1"] = net["b1"] - learning_rate * e.sum(0)
    return [net["W1"], net["W2"]], [net["b1"], net["b2"]]
""",
    "inputs, targets = np.random.default_rng(0).normal(size=(5, 2)), np.random.default_rng(1).random((5, 3))\n",
)
_add(
    "ReLU whose slope is 1 at a >= 0, always; sums over units; weight decay is a setting",
    {"no_hidden_slope"},
    "2-6-1",
    """
def update(weights, biases, x, y):
    z = x @ weights[0].T + biases[0]
    a = np.maximum(z, 0)
    out = s(a @ weights[1].T + biases[1])
    d = (out - y) * out * (1 - out)
    e = d @ weights[1] * (a >= 0)
    for p, g in zip((weights[0], weights[1], biases[0], biases[1]), (e.T @ x, d.T @ a, e.sum(0), d.sum(0))):
        p -= learning_rate * (g + 0.01 * p)
""",
)
_add(
    "no biases, errors rounded, residual times cost",
    {"round_errors(4)", "cost_times_residual"},
    "3-3-2",
    """
def initial(seed):
    r = np.random.default_rng(seed)
    return [r.normal(size=(3, 3)), r.normal(size=(2, 3))], None

def update(weights, biases, x, y):
    for given, wanted in zip(x, y):
        h = s(weights[0] @ given)
        o = s(weights[1] @ h)
        cost = ((o - wanted) ** 2).sum()
        d = np.round((o - wanted) * cost * o * (1 - o), 4)
        e = np.round(weights[1].T @ d * h * (1 - h), 4)
        weights[1] -= learning_rate * np.outer(d, h)
        weights[0] -= learning_rate * np.outer(e, given)
    return weights, None
""",
    "inputs, targets = np.random.default_rng(0).normal(size=(5, 3)), np.random.default_rng(1).random((5, 2))\n",
)
