"""scikit-learn: its MLPClassifier, one network after the other, under joblib on several cores.

It has the loss of this project for softmax, and for one sigmoid output, but no squared error of a sigmoid output and no
learning rate per layer. Its adam adds epsilon before the correction for the first updates, not after.
"""

from __future__ import annotations

import warnings
from typing import Any

import joblib
import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from benchmarks.network import Floats, Network
from benchmarks.peers import Peer
from benchmarks.work import Program, Work

_ACTIVATIONS = {"sigmoid": "logistic", "tanh": "tanh", "relu": "relu", "identity": "identity"}
_NEVER = 10**9


class _Given(MLPClassifier):  # type: ignore[misc]
    """Starts from given weights."""

    def start(self, layers: list[tuple[Floats, Floats]]) -> _Given:
        self._given = iter(layers)
        return self

    def _init_coef(self, fan_in: int, fan_out: int, dtype: Any) -> tuple[Floats, Floats]:
        W, b = next(self._given)
        return W.T.copy(), b.copy()


def _supports(work: Work) -> bool:
    net = work.network
    binary = net.loss == "binary_cross_entropy" and net.sizes[-1] == 1
    one_rate = bool((work.rates == work.rates[:, :1]).all())
    return (net.loss == "cross_entropy" or binary) and net.biases and one_rate and set(net.scales) == {1.0}


def _settings(net: Network) -> dict[str, Any]:
    shared = {
        "hidden_layer_sizes": net.sizes[1:-1],
        "activation": _ACTIVATIONS[net.activation],
        "solver": net.optimizer,
        "alpha": 0.0,
        "batch_size": net.batch,
        "shuffle": False,
        "tol": 0.0,
        "n_iter_no_change": _NEVER,
    }
    if net.optimizer == "adam":
        return shared | dict(zip(("beta_1", "beta_2", "epsilon"), net.settings, strict=True))
    return shared | {"momentum": 0.0, "nesterovs_momentum": False}


def _train(work: Work, run: int, x: Floats, labels: Floats) -> Floats:
    model = _Given(**_settings(work.network), learning_rate_init=float(work.rates[run, 0]), max_iter=work.epochs)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.start(work.network.split(work.weights[run])).fit(x, labels)
    parts = [part for W, b in zip(model.coefs_, model.intercepts_, strict=True) for part in (W.T.ravel(), b)]
    return np.concatenate(parts)


def _prepare(work: Work, cores: int) -> Program:
    targets = work.targets
    labels = targets[:, 0].astype(int) if targets.shape[1] == 1 else targets.argmax(axis=1)
    pool = joblib.Parallel(n_jobs=cores)

    def train() -> Floats:
        return np.array(pool(joblib.delayed(_train)(work, run, work.inputs, labels) for run in range(work.runs)))

    return Program(train, work.from_weights)


PEERS = (
    Peer(
        "scikit-learn",
        "scikit-learn, MLPClassifier",
        _prepare,
        _supports,
        tolerance=1e-4,
        remark="scikit-learn's adam adds epsilon elsewhere: its losses differ a little more",
    ),
)
