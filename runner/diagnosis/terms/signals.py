"""The error signal dE/dy of the outputs: value(pass)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from runner.diagnosis.forward import Pass
from runner.diagnosis.functions import Floats
from runner.diagnosis.terms.record import Table, Words

SIGNALS = Table("signal")


def _cost(p: Pass) -> Floats:
    """Squared error of all samples of a probe."""
    return np.asarray(((p.y - p.t) ** 2).sum((1, 2), keepdims=True))


def _crossed_cost(p: Pass) -> Floats:
    """Cross-entropy of all samples of a probe."""
    with np.errstate(all="ignore"):
        each = -p.t * np.log(p.y)
        if p.functions[-1].slope is not None:
            each = each - (1 - p.t) * np.log1p(-p.y)
    return np.asarray(each.sum((1, 2), keepdims=True))


def _cross_entropy(p: Pass) -> Floats:
    with np.errstate(all="ignore"):
        if p.functions[-1].slope is None:
            return np.asarray(-p.t / p.y)
        return np.asarray((p.y - p.t) / (p.y * (1 - p.y)))


def _residual(p: Pass) -> Floats:
    """dE/dz of the cross-entropy, for targets of any sum, and dE/dy of half the squared error."""
    return p.y * p.t.sum(-1, keepdims=True) - p.t if p.functions[-1].slope is None else p.y - p.t


def _probable(p: Pass, k: int) -> bool:
    return p.functions[-1].name in ("sigmoid", "softmax", "softmax_over_batch", "softmax_over_all")


RESIDUAL = SIGNALS.add(Words("y - t", "error = y - t", "the error signal is the residual"), lambda p: p.y - p.t)
CROSS_ENTROPY = SIGNALS.add(
    Words("dE/dy of the cross-entropy", "error = -t / y", "the error signal is the slope of the cross-entropy"),
    _cross_entropy,
    _probable,
    wrong=False,
)
CROSSED = SIGNALS.add(
    Words(
        "y sum t - t",
        "error = y * t.sum(1, keepdims=True) - t",
        "the error signal is that of the cross-entropy by the weighted sums, for targets of any sum",
    ),
    _residual,
    lambda p, k: p.functions[-1].slope is None and not p.functions[-1].name.endswith("_twice"),
    wrong=False,
)
SIGNALS.add("target_for_residual", lambda p: -p.t)
SIGNALS.add("scalar_cost", lambda p: _cost(p) * np.ones_like(p.y), loss="sse")
SIGNALS.add("scalar_cost", lambda p: _crossed_cost(p) * np.ones_like(p.y), _probable, loss="cross_entropy")
SIGNALS.add("cost_times_residual", lambda p: (p.y - p.t) * _cost(p), loss="sse")
SIGNALS.add("cost_times_residual", lambda p: _residual(p) * _crossed_cost(p), _probable, loss="cross_entropy")
# The cost divided by the number of samples, once or, where the loss is a mean already, once more.
for _power in (1, 2):
    SIGNALS.add(
        "mean_cost_times_residual",
        lambda p, power=_power: (p.y - p.t) * _cost(p) / p.y.shape[1] ** power,
        batch=True,
        loss="sse" if _power == 1 else "mse",
    )
    SIGNALS.add(
        "mean_cost_times_residual",
        lambda p, power=_power: _residual(p) * _crossed_cost(p) / p.y.shape[1] ** power,
        _probable,
        batch=True,
        loss="cross_entropy" if _power == 1 else "mean of cross_entropy",
    )
for _words, _value in (
    (
        Words("y", "error = y", "the output stands where the residual belongs: the target has no part in the error"),
        lambda p: p.y,
    ),
    (Words("|y - t|", "error = np.abs(y - t)", "the residual has lost its sign"), lambda p: np.abs(p.y - p.t)),
    (
        Words("(y - t)^2", "error = (y - t)**2", "the squared error stands where its slope belongs"),
        lambda p: (p.y - p.t) ** 2,
    ),
    (
        Words("sign(y - t)", "error = np.sign(y - t)", "only the sign of the residual is left"),
        lambda p: np.sign(p.y - p.t),
    ),
):
    SIGNALS.add(_words, _value)
SIGNALS.add("output_twice", lambda p: p.functions[-1].value(p.y) - p.t, _probable)


def _all_pairs(share: Callable[[Pass], int]) -> None:
    SIGNALS.add(
        "all_pairs",
        lambda p: (p.y - p.t.mean(1, keepdims=True)) * share(p),
        lambda p, k: p.y.shape[2] == 1,
        batch=True,
        loss="mean of all pairs" if share is _once else "",
    )


def _once(p: Pass) -> int:
    return 1


# Over the pairs of a sample with all targets: their mean, or their sum.
_all_pairs(_once)
_all_pairs(lambda p: p.y.shape[1])
