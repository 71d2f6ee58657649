"""NumPy, vectorised over runs: runs lie along the last axis, in blocks that stay in the cache."""

from __future__ import annotations

import numpy as np

from benchmarks.peers import Peer, one_hidden_layer
from benchmarks.work import Floats, Program, Work

_BLOCK = 512


def _sigmoid(z: Floats) -> None:
    """In place."""
    np.negative(z, out=z)
    np.exp(z, out=z)
    z += 1
    np.reciprocal(z, out=z)


def _weighted(w: Floats, a: Floats, b: Floats, out: Floats, term: Floats) -> None:
    """out (units, samples, runs) = w (units, inputs, runs) a (inputs, samples, runs or 1) + b (units, runs)."""
    out[:] = b[:, None]
    for i in range(len(a)):
        np.multiply(w[:, i, None], a[i], out=term)
        out += term


def _slope(error: Floats, a: Floats, term: Floats) -> None:
    """error *= a (1 - a)."""
    error *= a
    np.subtract(1, a, out=term)
    error *= term


def _descend(w: Floats, b: Floats, error: Floats, a: Floats, rate: Floats, term: Floats) -> None:
    """w -= rate error a', summed over the samples; b likewise."""
    for i in range(len(a)):
        np.multiply(error, a[i], out=term)
        w[:, i] -= rate * term.sum(axis=1)
    b -= rate * error.sum(axis=1)


def _train(block: Floats, work: Work) -> Floats:
    """Final losses of the runs in the columns of `block` (parameters, runs)."""
    n_in, n_hidden, n_out = work.sizes
    runs, dtype = block.shape[1], block.dtype
    x, t = work.inputs.T[:, :, None], work.targets.T[:, :, None]
    rate = dtype.type(work.learning_rate)
    ends = np.cumsum([n_hidden * n_in, n_hidden, n_out * n_hidden])
    w1, b1, w2, b2 = np.split(block, ends)
    w1, w2 = w1.reshape(n_hidden, n_in, runs), w2.reshape(n_out, n_hidden, runs)
    hidden, e1, term1 = (np.empty((n_hidden, len(work.inputs), runs), dtype) for _ in range(3))
    output, e2, term2 = (np.empty((n_out, len(work.inputs), runs), dtype) for _ in range(3))
    for epoch in range(work.epochs + 1):
        _weighted(w1, x, b1, hidden, term1)
        _sigmoid(hidden)
        _weighted(w2, hidden, b2, output, term2)
        _sigmoid(output)
        np.subtract(output, t, out=e2)
        if epoch == work.epochs:
            break
        _slope(e2, output, term2)
        np.multiply(w2[0][:, None], e2[0], out=e1)
        for k in range(1, n_out):
            np.multiply(w2[k][:, None], e2[k], out=term1)
            e1 += term1
        _slope(e1, hidden, term1)
        _descend(w2, b2, e2, hidden, rate, term2)
        _descend(w1, b1, e1, x, rate, term1)
    losses: Floats = (e2 * e2).sum(axis=(0, 1)) / 2
    return losses


def _prepare(work: Work) -> Program:
    starts = range(0, work.runs, _BLOCK)

    def run() -> Floats:
        return np.concatenate([_train(work.weights[k : k + _BLOCK].T.copy(), work) for k in starts])

    return run


PEERS = (Peer("numpy runs", "NumPy, vectorised over runs", _prepare, one_hidden_layer, 8.0),)
