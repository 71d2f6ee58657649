"""NumPy, one network, as in the posts."""

from __future__ import annotations

import numpy as np

from benchmarks.peers import Peer, one_hidden_layer
from benchmarks.work import Floats, Program, Work


def _sigmoid(z: Floats) -> Floats:
    return 1 / (1 + np.exp(-z))


def _train(weights: Floats, work: Work) -> float:
    n_in, n_hidden, n_out = work.sizes
    x, t, rate = work.inputs, work.targets, weights.dtype.type(work.learning_rate)
    ends = np.cumsum([n_hidden * n_in, n_hidden, n_out * n_hidden])
    w1, b1, w2, b2 = np.split(weights.copy(), ends)
    w1, w2 = w1.reshape(n_hidden, n_in), w2.reshape(n_out, n_hidden)
    for _ in range(work.epochs):
        hidden = _sigmoid(x @ w1.T + b1)
        output = _sigmoid(hidden @ w2.T + b2)
        output_error = (output - t) * output * (1 - output)
        hidden_error = output_error @ w2 * hidden * (1 - hidden)
        w2 -= rate * output_error.T @ hidden
        b2 -= rate * output_error.sum(axis=0)
        w1 -= rate * hidden_error.T @ x
        b1 -= rate * hidden_error.sum(axis=0)
    output = _sigmoid(_sigmoid(x @ w1.T + b1) @ w2.T + b2)
    return float(((output - t) ** 2).sum() / 2)


def _prepare(work: Work) -> Program:
    return lambda: np.array([_train(row, work) for row in work.weights])


PEERS = (Peer("numpy", "NumPy, one network after the other, as in the posts", _prepare, one_hidden_layer, 512.0),)
