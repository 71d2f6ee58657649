"""Right programs in different dress, as files for `diagnose`: nothing in them is a mistake."""

from __future__ import annotations

_XOR = "inputs, targets = [[0, 0], [0, 1], [1, 0], [1, 1]], [[0], [1], [1], [0]]\n"
_TOP = "import numpy as np\n\ndef s(z):\n    return 1 / (1 + np.exp(-z))\n\n"

# Forward and backward pass of two layers, weights (fan_out, fan_in); {hidden} and {out} are activations, {error} is
# dE/dz of the outputs and {slope} the slope of the hidden layer.
_TWO = """\
architecture, learning_rate = "{sizes}", 0.2
{data}
def update(weights, biases, x, y):
    (v, w), (c, b) = weights, biases
    z = x @ v.T + c
    a = {hidden}
    u = a @ w.T + b
    out = {out}
    error = {error}
    below = error @ w * ({slope})
    g = below.T @ x, error.T @ a, below.sum(0), error.sum(0)
{step}
"""
PLAIN_STEP = """\
    for parameter, gradient in zip((v, w, c, b), g):
        parameter -= learning_rate * gradient
"""
_SIGMOID = {"hidden": "s(z)", "slope": "a * (1 - a)", "out": "s(u)", "error": "(out - y) * out * (1 - out)"}
_CLASSES = "inputs, targets = np.random.default_rng(0).normal(size=(9, 2)), np.eye(3)[[0, 1, 2] * 3]\n"


def _two(sizes: str = "2-3-1", data: str = _XOR, step: str = PLAIN_STEP, before: str = "", **parts: str) -> str:
    return _TOP + before + _TWO.format(sizes=sizes, data=data, step=step, **(_SIGMOID | parts))


def with_step(step: str, before: str = "") -> str:
    """The plain program with another step of its parameters v, w, c, b, whose gradients are `g`."""
    return _two(step=step, before=before)


RIGHT_PROGRAMS: dict[str, str] = {
    "in place": _two(),
    "sum of squares": _two(error="2 * (out - y) * out * (1 - out)"),
    "mean": _two(error="(out - y) * out * (1 - out) / len(x)"),
    "float32": _two(
        step="    return [np.float32(p - learning_rate * q) for p, q in zip((v, w), g[:2])], "
        "[np.float32(p - learning_rate * q) for p, q in zip((c, b), g[2:])]\n",
        before="def initial(seed):\n    r = np.random.default_rng(seed)\n"
        "    return [r.normal(size=n).astype('f') for n in ((3, 2), (1, 3))], [np.zeros(n, 'f') for n in (3, 1)]\n\n",
    ),
    "tanh": _two(hidden="np.tanh(z)", slope="1 - a**2", out="np.tanh(u)", error="(out - y) * (1 - out**2)"),
    "ReLU": _two(hidden="np.maximum(z, 0)", slope="z > 0", out="u", error="out - y"),
    "softmax with cross-entropy": _two(
        sizes="2-4-3",
        data=_CLASSES,
        out="np.exp(u) / np.exp(u).sum(1, keepdims=True)",
        error="(out - y) / len(x)",
    ),
    "momentum": _two(
        before="velocity = [0, 0, 0, 0]\n",
        step="""\
    for i, parameter in enumerate((v, w, c, b)):
        velocity[i] = 0.9 * velocity[i] + g[i]
        parameter -= learning_rate * velocity[i]
""",
    ),
    "adam": _two(
        before="m, q, made = [0] * 4, [0] * 4, [0]\n",
        step="""\
    made[0] += 1
    for i, parameter in enumerate((v, w, c, b)):
        m[i] = 0.9 * m[i] + 0.1 * g[i]
        q[i] = 0.999 * q[i] + 0.001 * g[i] ** 2
        parameter -= 0.2 * (m[i] / (1 - 0.9 ** made[0])) / (np.sqrt(q[i] / (1 - 0.999 ** made[0])) + 1e-8)
""",
    ),
    "transposed": _TOP
    + f"""\
architecture, learning_rate = "2-3-1", 0.2
{_XOR}
def update(weights, biases, x, y):
    a = s(x @ weights[0] + biases[0])
    out = s(a @ weights[1] + biases[1])
    error = (out - y) * out * (1 - out)
    below = error @ weights[1].T * a * (1 - a)
    return (
        [weights[0] - learning_rate * x.T @ below, weights[1] - learning_rate * a.T @ error],
        [biases[0] - learning_rate * below.sum(0), biases[1] - learning_rate * error.sum(0)],
    )
""",
    "bias as a column": _TOP
    + f"""\
architecture, learning_rate = "2-3-1", 0.2
{_XOR}
def initial(seed):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=(3, 3)), rng.normal(size=(1, 4))], None

def update(weights, biases, x, y):
    for given, wanted in zip(x, y):
        given = np.append(given, 1.0)
        a = np.append(s(weights[0] @ given), 1.0)
        out = s(weights[1] @ a)
        error = (out - wanted) * out * (1 - out)
        below = (weights[1].T @ error * a * (1 - a))[:-1]
        weights[1] -= learning_rate * np.outer(error, a)
        weights[0] -= learning_rate * np.outer(below, given)
""",
    "three layers": _TOP
    + f"""\
architecture, learning_rate = [2, 4, 3, 1], 0.2
{_XOR}
def update(weights, biases, x, y):
    a = [x]
    for W, b in zip(weights, biases):
        a.append(s(a[-1] @ W.T + b))
    d, new = (a[-1] - y) * a[-1] * (1 - a[-1]), []
    for k in (2, 1, 0):
        new.insert(0, (weights[k] - learning_rate * d.T @ a[k], biases[k] - learning_rate * d.sum(0)))
        d = d @ weights[k] * a[k] * (1 - a[k])
    return [W for W, b in new], [b for W, b in new]
""",
    "tanh, then ReLU": _TOP
    + f"""\
architecture, learning_rate = [2, 4, 3, 1], 0.1
{_XOR}
def update(weights, biases, x, y):
    a = [x]
    for W, b, f in zip(weights, biases, (np.tanh, lambda z: np.maximum(z, 0), s)):
        a.append(f(a[-1] @ W.T + b))
    slopes, d, new = [None, 1 - a[1] ** 2, a[2] > 0], (a[-1] - y) * a[-1] * (1 - a[-1]), []
    for k in (2, 1, 0):
        new.insert(0, (weights[k] - learning_rate * d.T @ a[k], biases[k] - learning_rate * d.sum(0)))
        d = d @ weights[k] * slopes[k] if k else None
    return [W for W, b in new], [b for W, b in new]
""",
    "lists of lists": """\
import math

architecture, learning_rate = "2-2-1", 0.2
inputs, targets = [[0, 0], [0, 1], [1, 0], [1, 1]], [[0], [1], [1], [0]]

def initial(seed):
    return [[[0.1, -0.2], [0.3, 0.4]], [[0.5, -0.6]]], [[0.0, 0.0], [0.0]]

def update(weights, biases, x, y):
    s = lambda z: 1 / (1 + math.exp(-z))
    for given, wanted in zip(x, y):
        a = [s(sum(w * g for w, g in zip(row, given)) + b) for row, b in zip(weights[0], biases[0])]
        out = s(sum(w * h for w, h in zip(weights[1][0], a)) + biases[1][0])
        error = (out - wanted[0]) * out * (1 - out)
        below = [error * w * h * (1 - h) for w, h in zip(weights[1][0], a)]
        for j, h in enumerate(a):
            weights[1][0][j] -= learning_rate * error * h
        biases[1][0] -= learning_rate * error
        for j, d in enumerate(below):
            for i, g in enumerate(given):
                weights[0][j][i] -= learning_rate * d * g
            biases[0][j] -= learning_rate * d
""",
}
