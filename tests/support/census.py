"""Eight programs that people have asked about, as files for `diagnose`, each defect with a switch.

Each is written anew from its mathematics, as a text: it runs in a process of its own. `mend` names the defects that are
gone; what a right diagnosis finds is in `FAULTS`, defect by defect. Defects that are settings are not in it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

_TOP = """\
import numpy as np

def s(z):
    return 1 / (1 + np.exp(-z))

"""

_XOR = "[[0, 0], [0, 1], [1, 0], [1, 1]], [[0], [1], [1], [0]]"


@dataclass(frozen=True)
class Asked:
    """A program of the census.

    Attributes
    ----------
    text : str
        Its file, but for the line that says what is mended.
    faults : mapping of str to tuple of str
        For every defect of the update, the faults that are to be found.
    settings : tuple of str
        Defects that are none of the update.
    """

    text: str
    faults: Mapping[str, tuple[str, ...]]
    settings: tuple[str, ...] = ()

    def file(self, mend: Collection[str] = ()) -> str:
        return f"{_TOP}mend = {sorted(mend)!r}\n{self.text}"

    def expected(self, mend: Collection[str] = ()) -> set[str]:
        return {fault for defect, faults in self.faults.items() if defect not in mend for fault in faults}


PROGRAMS: dict[str, Asked] = {}

PROGRAMS["output_delta_everywhere"] = Asked(
    f"""\
architecture, learning_rate, updates = "2-2-1", 0.5, 40_000
inputs, targets = {_XOR}

def initial(seed):
    rng = np.random.default_rng(seed)
    return [rng.uniform(0, 1, (2, 2)), rng.uniform(0, 1, (1, 2))], [-rng.uniform(0, 1, 2), -rng.uniform(0, 1, 1)]

def update(weights, biases, x, y):
    (v, w), (c, b) = weights, biases
    for given, wanted in zip(x, y):
        hidden = s(v @ given + c)
        out = s(w @ hidden + b)
        error = (wanted - out) * out * (1 - out)
        below = np.array([error[0], error[0]])
        if "hidden" in mend:
            below = hidden * (1 - hidden) * error[0] * w[0]
        w += learning_rate * np.outer(error, hidden)
        b += learning_rate * error
        v += learning_rate * np.outer(below, given)
        c += learning_rate * below
""",
    {"hidden": ("no_hidden_slope", "unweighted_error")},
)

PROGRAMS["moved_weights"] = Asked(
    f"""\
architecture, learning_rate, updates = "2-2-1", 0.01, 200_000
inputs, targets = {_XOR}

def initial(seed):
    rng = np.random.default_rng(seed)
    return [rng.uniform(-1, 1, (2, 2)), rng.uniform(-1, 1, (1, 2))], [rng.uniform(-1, 1, 2), rng.uniform(-1, 1, 1)]

def predict(weights, biases, x):
    return s(s(x @ weights[0].T + biases[0]) @ weights[1].T + biases[1])

def update(weights, biases, x, y):
    (v, w), (c, b) = weights, biases
    for given, wanted in zip(x, y):
        hidden = s(v @ given + c)
        out = s(w @ hidden + b)
        residual = wanted - out
        error = residual * out * (1 - out)
        old = w.copy()
        w += learning_rate * np.outer(error, hidden)
        b += learning_rate * error
        through = old if "moved" in mend else w
        sent = error if "output_slope" in mend else residual
        below = hidden * (1 - hidden) * (sent @ through)
        v += learning_rate * np.outer(below, given)
        c += learning_rate * below

def train(weights, biases, inputs, targets, updates):
    rng = np.random.default_rng()
    for n in rng.integers(0, len(inputs), updates):
        update(weights, biases, inputs[n:n + 1], targets[n:n + 1])
""",
    {"moved": ("moved_weights",), "output_slope": ("no_output_derivative",)},
    ("rate", "width"),
)

PROGRAMS["step_for_weight"] = Asked(
    """\
architecture, learning_rate, updates = "4-4-1", 0.1, 3_200
inputs = np.array([[n >> 3 & 1, n >> 2 & 1, n >> 1 & 1, n & 1] for n in range(16)], float)
targets = inputs.sum(axis=1, keepdims=True) % 2

def initial(seed):
    rng = np.random.default_rng(seed)
    return [rng.uniform(-1, 1, (4, 4)), rng.uniform(-1, 1, (1, 4))], [np.ones(4), np.ones(1)]

def update(weights, biases, x, y):
    (v, w), (c, b) = weights, biases
    for given, wanted in zip(x, y):
        hidden = s(v @ given + c)
        out = s(w @ hidden + b)
        error = (wanted - out) * out * (1 - out)
        below = hidden * (1 - hidden) * (error @ w)
        if "assigned" not in mend:
            w, v = 0 * w, 0 * v
        w = w + learning_rate * np.outer(error, hidden)
        v = v + learning_rate * np.outer(below, given)
    return [v, w], biases
""",
    {"assigned": ("weight_set_to_step",)},
    ("bias", "rate", "width"),
)

PROGRAMS["endless_gradient"] = Asked(
    """\
architecture, learning_rate, updates = "2-2-1", 0.0001, 2_000
loss = "binary_cross_entropy"
inputs, targets = [[0, 0], [1, 0], [0, 1], [1, 1]], [[1], [0], [0], [1]]
sums = [0, 0, 0, 0]

def initial(seed):
    rng = np.random.default_rng(seed)
    return [rng.uniform(-.01, .01, (2, 2)), rng.uniform(-.01, .01, (1, 2))], [rng.uniform(-.01, .01, n) for n in (2, 1)]

def update(weights, biases, x, y):
    (v, w), (c, b) = weights, biases
    hidden = s(x @ v.T + c)
    error = s(hidden @ w.T + b) - y
    below = hidden * (1 - hidden) * (error @ w)
    for i, g in enumerate((below.T @ x, error.T @ hidden, below.sum(0), error.sum(0))):
        sums[i] = g if "zeroed" in mend else sums[i] + g
    for i, parameter in enumerate((v, w, c, b)):
        parameter -= learning_rate / len(x) * sums[i]
""",
    {"zeroed": ("gradient_never_zeroed",)},
    ("rate", "init"),
)

PROGRAMS["bias_outside"] = Asked(
    """\
architecture, learning_rate, updates, loss = "1-20-1", 0.1, 5_000, "half_mse"
inputs = np.linspace(-np.pi, np.pi, 50)[:, None]
targets = np.sin(inputs)

def initial(seed):
    rng = np.random.default_rng(seed)
    return [rng.standard_normal((20, 1)), rng.standard_normal((1, 20))], [np.zeros(20), np.zeros(1)]

def forward(weights, biases, x):
    (v, w), (c, b) = weights, biases
    last = (lambda z: z) if "output" in mend else s
    if "bias" in mend:
        z = x @ v.T + c
        a = np.tanh(z)
        return z, a, last(a @ w.T + b)
    z = x @ v.T
    a = np.tanh(z) + c
    return z, a, last(a @ w.T) + b

def predict(weights, biases, x):
    return forward(weights, biases, x)[2]

def update(weights, biases, x, y):
    z, a, out = forward(weights, biases, x)
    error = (out - y) / len(x)
    below = error @ weights[1] * (1 - a ** 2)
    factor = a if "factor" in mend else z
    return (
        [weights[0] - learning_rate * below.T @ x, weights[1] - learning_rate * error.T @ factor],
        [biases[0] - learning_rate * below.sum(0), biases[1] - learning_rate * error.sum(0)],
    )
""",
    {"bias": ("bias_outside", "late_slope"), "factor": ("weighted_sum",), "output": ("no_output_slope",)},
)

PROGRAMS["contrary"] = Asked(
    """\
architecture, learning_rate, updates = "1-1", 0.1, 1_000
inputs, targets = [[-3], [-2], [2], [3]], [[0], [0], [1], [1]]

def initial(seed):
    return [np.random.default_rng(seed).standard_normal((1, 1))], [np.zeros(1)]

def update(weights, biases, x, y):
    out = s(x @ weights[0].T + biases[0])
    error = (out - y) / (len(x) if "mean" in mend else x.shape[1])
    factor = x if "factor" in mend else out
    weights[0] -= learning_rate * error.T @ factor
    biases[0] -= learning_rate * error.sum(0)
""",
    {"factor": ("own_activation",)},
    ("mean",),
)

PROGRAMS["small_positive"] = Asked(
    f"""\
architecture, learning_rate, updates = "2-4-1", 1.0, 1_000
loss = "binary_cross_entropy"
inputs, targets = {_XOR}

def initial(seed):
    rng = np.random.default_rng(seed)
    return [0.0288 * rng.random((4, 2)), 0.0288 * rng.random((1, 4))], [0.0288 * rng.random(4), 0.0288 * rng.random(1)]

def update(weights, biases, x, y):
    (v, w), (c, b) = weights, biases
    hidden = s(x @ v.T + c)
    error = (s(hidden @ w.T + b) - y) / len(x)
    below = hidden * (1 - hidden) * (error @ w)
    steps = [below.T @ x, error.T @ hidden], [below.sum(0), error.sum(0)]
    return [[p - learning_rate * g for p, g in zip(*pair)] for pair in zip((weights, biases), steps)]

def train(weights, biases, inputs, targets, updates):
    for _ in range(updates):
        weights, biases = update(weights, biases, inputs, targets)
    return weights, biases
""",
    {},
    ("init", "budget"),
)

PROGRAMS["falling_sigmoid"] = Asked(
    f"""\
architecture, learning_rate, updates = "2-3-1", 0.5, 8_000
inputs, targets = {_XOR}
sign = -1 if "exponent" in mend else 1

def f(z):
    return 1 / (1 + np.exp(sign * z))

def initial(seed):
    rng = np.random.default_rng(seed)
    return [rng.uniform(0, 1, (3, 2)), rng.uniform(0, 1, (1, 3))], None

def predict(weights, biases, x):
    return f(f(x @ weights[0].T) @ weights[1].T)

def update(weights, biases, x, y):
    v, w = weights
    for given, wanted in zip(x, y):
        hidden = f(v @ given)
        out = f(w @ hidden)
        error = (wanted - out) * out * (1 - out)
        below = hidden * (1 - hidden) * (error @ w)
        w += learning_rate * np.outer(error, hidden)
        v += learning_rate * np.outer(below, given)

def train(weights, biases, inputs, targets, updates):
    for u in range(updates):
        n = u % len(inputs)
        update(weights, biases, inputs[n:n + 1], targets[n:n + 1])
""",
    {"exponent": ("exponent_sign",)},
    ("bias",),
)
