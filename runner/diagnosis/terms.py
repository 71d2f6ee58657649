"""The terms of one update, right and wrong: one block is one term with its formula, its line in NumPy and its words.

An update of layer l is a product of few terms: the error *signal* of the outputs, their *slope*, what is *sent* back,
the *way* back through the weights, the slope of a hidden layer, and the *factor* of each weight's gradient. Biases take
a *step* of their own. Every term is a function of a forward pass (`Pass`); layers are counted from 0 here. In formulas,
a is an activation, z its weighted sum, d = dE/dz, f' a slope, y an output and t its target.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from runner.diagnosis.forward import Pass
from runner.diagnosis.functions import FUNCTIONS, Floats, sigmoid, slope_of


@dataclass(frozen=True)
class Term:
    """One term as it may stand in a program.

    Attributes
    ----------
    fault : str
        Name of the fault, as `runner.ops.faults` has it; "" where the term is right, or is wrong and has no name.
    slot : str
        Which term of the update it is.
    formula, line : str
        In mathematics, and the line of NumPy to look for.
    says : str
        A sentence about it, without a full stop.
    value : callable
        Its arrays; what it takes is said at the tables below.
    applies : callable
        From a pass and a layer to whether the term can stand there.
    batch : bool
        Whether it only differs from the right one where an update has several samples.
    wrong : bool
    exact : bool
        Whether the fault of this name is the same formula, so that a study can train it.
    """

    fault: str
    slot: str
    formula: str
    line: str
    says: str
    value: Callable[..., Any]
    applies: Callable[[Pass, int], bool] = lambda p, k: True
    batch: bool = False
    wrong: bool = True
    exact: bool = True


def _table() -> tuple[list[Term], Callable[..., None]]:
    terms: list[Term] = []

    def add(fault: str, *args: Any, **facts: Any) -> None:
        # The first of a table is the right one.
        terms.append(Term(fault, *args, **({"wrong": bool(terms)} | facts)))

    return terms, add


# The error signal dE/dy: value(pass).

SIGNALS, _signal = _table()


def _cost(p: Pass) -> Floats:
    """Squared error of all samples of a probe."""
    return np.asarray(((p.y - p.t) ** 2).sum((1, 2), keepdims=True))


def _cross_entropy(p: Pass) -> Floats:
    with np.errstate(all="ignore"):
        if p.functions[-1].slope is None:
            return np.asarray(-p.t / p.y)
        return np.asarray((p.y - p.t) / (p.y * (1 - p.y)))


def _probable(p: Pass, k: int) -> bool:
    return p.functions[-1].name in ("sigmoid", "softmax", "softmax_over_batch", "softmax_over_all")


_signal("", "signal", "y - t", "error = y - t", "the error signal is the residual", lambda p: p.y - p.t)
_signal(
    "",
    "signal",
    "dE/dy of the cross-entropy",
    "error = -t / y",
    "the error signal is the slope of the cross-entropy",
    _cross_entropy,
    _probable,
    wrong=False,
)
_signal(
    "",
    "signal",
    "y sum t - t",
    "error = y * t.sum(1, keepdims=True) - t",
    "the error signal is that of the cross-entropy by the weighted sums, for targets of any sum",
    lambda p: p.y * p.t.sum(-1, keepdims=True) - p.t,
    lambda p, k: p.functions[-1].slope is None and not p.functions[-1].name.endswith("_twice"),
    wrong=False,
)
_signal(
    "target_for_residual",
    "signal",
    "-t",
    "error = -t",
    "the target alone stands where the residual belongs: the outputs have no part in their own error",
    lambda p: -p.t,
)
_signal(
    "scalar_cost",
    "signal",
    "sum (y - t)^2",
    "error = np.sum((y - t)**2)",
    "the cost, one number that has no sign, stands where the residual belongs",
    lambda p: _cost(p) * np.ones_like(p.y),
)
_signal(
    "cost_times_residual",
    "signal",
    "(y - t) sum (y - t)^2",
    "error = (y - t) * cost",
    "the residual is multiplied by the cost",
    lambda p: (p.y - p.t) * _cost(p),
)
_signal(
    "mean_cost_times_residual",
    "signal",
    "(y - t) mean (y - t)^2",
    "error = (y - t) * cost.mean()",
    "the residual is multiplied by the mean cost",
    lambda p: (p.y - p.t) * _cost(p) / p.y.shape[1],
    batch=True,
)
_signal(
    "",
    "signal",
    "y",
    "error = y",
    "the output stands where the residual belongs: the target has no part in the error",
    lambda p: p.y,
)
_signal(
    "",
    "signal",
    "|y - t|",
    "error = np.abs(y - t)",
    "the residual has lost its sign",
    lambda p: np.abs(p.y - p.t),
)
_signal(
    "",
    "signal",
    "(y - t)^2",
    "error = (y - t)**2",
    "the squared error stands where its slope belongs",
    lambda p: (p.y - p.t) ** 2,
)
_signal(
    "",
    "signal",
    "sign(y - t)",
    "error = np.sign(y - t)",
    "only the sign of the residual is left",
    lambda p: np.sign(p.y - p.t),
)
_signal(
    "output_twice",
    "signal",
    "f(y) - t",
    "error = sigmoid(y) - t",
    "the loss applies the output's activation once more to outputs that have it already",
    lambda p: p.functions[-1].value(p.y) - p.t,
    _probable,
)
for _way_of_summing, _value in (
    ("mean", lambda p: p.y - p.t.mean(1, keepdims=True)),
    ("sum", lambda p: (p.y - p.t.mean(1, keepdims=True)) * p.y.shape[1]),
):
    _signal(
        "all_pairs",
        "signal",
        f"{_way_of_summing} over m of (y_n - t_m)",
        "error = y - t   # y of shape (N, 1), t of shape (N,)",
        "every output is compared with the targets of all samples: shapes (N, 1) and (N,) make (N, N)",
        _value,
        lambda p, k: p.y.shape[2] == 1,
        batch=True,
    )

# The slope of a layer: value(pass, layer, dE/da) is dE/dz.

SLOPES, _slope = _table()


def _own(p: Pass, k: int) -> bool:
    return p.functions[k].slope is not None


def _f(p: Pass, k: int, at: Floats) -> Floats:
    """Slope of the layer's activation at another place."""
    f = p.functions[k]
    if f.name == "falling_sigmoid":
        # Who has lost the sign of the exponent still has the rising function's slope.
        return sigmoid(at) * sigmoid(-at)
    return f.slope(at, f.value(at)) if f.slope else np.full_like(at, np.nan)


def _early(p: Pass, k: int, e: Floats) -> Floats:
    """The slope at the weighted sums of the layer below, of which inputs have none."""
    at = p.z[k - 1] if k else np.zeros_like(p.a[0])
    return np.asarray(e * _f(p, k, at))


_slope(
    "",
    "slope",
    "f'(z)",
    "delta = error * slope",
    "the slope is right",
    lambda p, k, e: p.functions[k].pull(p.z[k], p.values[k], e),
)
_slope(
    "exponent_sign",
    "slope",
    "a (1 - a), where a = 1 / (1 + exp(z)) falls",
    "a = 1 / (1 + np.exp(z))",
    "the minus sign of the exponent is missing, and the slope is still that of the rising function",
    lambda p, k, e: e * p.values[k] * (1 - p.values[k]),
    lambda p, k: p.functions[k].name == "falling_sigmoid",
)
_slope(
    "no_slope",
    "slope",
    "1",
    "delta = error",
    "the slope is left out",
    lambda p, k, e: e * np.ones_like(p.z[k]),
)
_slope(
    "slope_of_activation",
    "slope",
    "f'(a)",
    "delta = error * slope(a)   # slope(v) = f(v) * (1 - f(v)), given an activation",
    "the slope is taken at the activation instead of the weighted sum: the function is applied once too often",
    lambda p, k, e: e * _f(p, k, p.a[k + 1]),
    _own,
)
_slope(
    "",
    "slope",
    "f'(z)^2",
    "delta = error * slope * slope",
    "the slope stands there twice",
    lambda p, k, e: e * _f(p, k, p.z[k]) ** 2,
    _own,
)
_slope(
    "summed_slope",
    "slope",
    "sum_i f'(z_i)",
    "delta = error * slope.sum()",
    "the slope is summed over the units of the layer",
    lambda p, k, e: e * _f(p, k, p.z[k]).sum(-1, keepdims=True),
    _own,
)
_slope(
    "early_derivative",
    "slope",
    "f'(z of the layer below)",
    "delta = error * slope(z[l - 1])",
    "the slope is taken at the weighted sums of the layer below",
    _early,
    lambda p, k: _own(p, k) and p.a[k].shape[2] == p.z[k].shape[2],
)
_slope(
    "slope_at_error",
    "slope",
    "f'(error)",
    "delta = slope(error)",
    "the slope is taken at the error",
    lambda p, k, e: e * _f(p, k, e),
    _own,
)
_slope(
    "",
    "slope",
    "f'(error) alone",
    "delta = slope(error)",
    "the slope is taken at the error, and the error itself is no factor",
    lambda p, k, e: _f(p, k, e),
    _own,
)


_RULES: dict[str, Callable[[Floats], Floats]] = {
    "sigmoid": lambda a: a * (1 - a),
    "tanh": lambda a: 1 - a * a,
    "softsign": lambda a: (1 - np.abs(a)) ** 2,
}


def _formula_at(name: str, at: Callable[[Pass, int], Floats]) -> Callable[[Pass, int, Floats], Floats]:
    """The slope of a function, as a formula in its activation, with something else in its place."""
    return lambda p, k, e: np.asarray(e * _RULES[name](at(p, k)))


for _name in _RULES:
    _slope(
        "late_slope",
        "slope",
        "f' as a formula of what the unit puts out",
        f"delta = error * ({FUNCTIONS[_name].slope_line})   # with the bias in a already",
        "the slope is computed from what the unit puts out, its bias added to it",
        _formula_at(_name, lambda p, k: p.a[k + 1]),
        lambda p, k, name=_name: p.functions[k].name in (name, f"hard_{name}", f"falling_{name}"),
    )
    _slope(
        "slope_at_sum",
        "slope",
        f"{FUNCTIONS[_name].slope_line} with the weighted sum z for a",
        f"delta = error * ({FUNCTIONS[_name].slope_line.replace('a', 'z')})",
        "a slope that is written for the activation is given the weighted sum",
        _formula_at(_name, lambda p, k: p.z[k]),
        lambda p, k, name=_name: p.functions[k].name in (name, f"falling_{name}"),
    )
_slope(
    "slope_is_activation",
    "slope",
    "a",
    "delta = error * a",
    "the activation itself stands where its slope belongs",
    lambda p, k, e: e * p.a[k + 1],
)
for _name in ("sigmoid", "tanh", "relu", "leaky_relu", "softplus", "softsign"):
    _slope(
        f"slope_of({_name})",
        "slope",
        f"{FUNCTIONS[_name].slope_line}, the slope of {_name}",
        f"delta = error * ({FUNCTIONS[_name].slope_line})",
        f"the slope is that of {_name}",
        lambda p, k, e, name=_name: e * slope_of(name, p.z[k], p.a[k + 1]),
        lambda p, k, name=_name: p.functions[k].name not in (name, "step", "hard_sigmoid", "hard_tanh"),
    )
    _slope(
        f"slope_of({_name})",
        "slope",
        f"the slope of {_name} at the weighted sum",
        f"delta = error * {_name}_slope(z)",
        f"the slope is that of {_name}",
        lambda p, k, e, name=_name: e * slope_of(name, p.z[k], FUNCTIONS[name].value(p.z[k])),
        lambda p, k, name=_name: p.functions[k].name not in (name, "step", "hard_sigmoid", "hard_tanh"),
        exact=False,
    )
for _text, _line, _instead in (
    ("s(z)", "delta = error / (1 + np.exp(-z))", lambda p, k: sigmoid(p.z[k])),
    ("1 - a", "delta = error * (1 - a)", lambda p, k: 1 - p.a[k + 1]),
    ("z", "delta = error * z", lambda p, k: p.z[k]),
):
    _slope(
        "",
        "slope",
        _text,
        _line,
        f"{_text} stands where the slope belongs",
        lambda p, k, e, value=_instead: e * value(p, k),
    )

# What a hidden error is multiplied with beside all that: value(pass, layer, dE/dz).

EXTRAS, _extra = _table()
_extra("", "extra", "nothing", "", "there is no extra factor", lambda p, k, d: d)
_extra(
    "activation_factor",
    "extra",
    "a f'(z)",
    "delta = error * slope * a",
    "there is an extra factor, the unit's activation",
    lambda p, k, d: d * p.a[k + 1],
)

# What goes back from a layer: value(pass, layer, dE/da, dE/dz), of the same shape.

SENT, _sent = _table()
_sent("", "sent_back", "d", "back = delta", "the error d of the layer goes back", lambda p, k, e, d: d)
_sent(
    "no_output_derivative",
    "sent_back",
    "y - t",
    "back = y - t",
    "the residual goes back, without the slope of the outputs",
    lambda p, k, e, d: e,
    lambda p, k: k == p.last,
)
_sent(
    "",
    "sent_back",
    "d / f'",
    "back = error",
    "the error goes back before its layer's slope is applied",
    lambda p, k, e, d: e,
    lambda p, k: k < p.last,
)
_sent(
    "outputs_sent_back",
    "sent_back",
    "y",
    "back = y",
    "the outputs go back where their error belongs",
    lambda p, k, e, d: p.a[k + 1],
)
_sent(
    "",
    "sent_back",
    "-t",
    "back = -t",
    "the targets go back where the outputs' error belongs",
    lambda p, k, e, d: -p.t,
    lambda p, k: k == p.last,
)

# The way back through the weights of a layer to the activations below: value(pass, layer, sent).

WAYS, _way = _table()


def _square(p: Pass, k: int) -> bool:
    return bool(p.W[k].shape[1] == p.W[k].shape[2])


def _spread(p: Pass, k: int, s: Floats) -> Floats:
    return np.asarray(s * np.ones(p.a[k].shape[-1:]))


_way(
    "",
    "way_back",
    "sum_k w_kj d_k",
    "back @ W",
    "the way back is right",
    lambda p, k, s: np.einsum("poi,...pno->...pni", p.W[k], s),
)
_way(
    "moved_weights",
    "way_back",
    "sum_k w_kj(new) d_k",
    "W2 -= step; back = delta @ W2",
    "the error is sent back through weights that this very update has moved already",
    lambda p, k, s: np.einsum("poi,...pno->...pni", p.moved[k], s),
    lambda p, k: len(p.moved) > k,
)
_way(
    "unweighted_error",
    "way_back",
    "sum_k d_k",
    "hidden_error = delta",
    "every hidden unit has the error of the layer above as it is, without the weight in between",
    lambda p, k, s: _spread(p, k, s.sum(-1, keepdims=True)),
)
_way(
    "summed_weights",
    "way_back",
    "sum_k d_k sum_i w_ki",
    "hidden_error = delta @ W.sum(axis=1)",
    "the weights are summed over the hidden units, so that all of them have the same error",
    lambda p, k, s: _spread(p, k, np.einsum("poi,...pno->...pn", p.W[k], s)[..., None]),
)
_way(
    "diagonal_weights",
    "way_back",
    "sum_k w_kk d_k",
    "hidden_error[j] += W[k][k] * delta[k]",
    "the weight has the wrong index: w_kk stands for w_kj",
    lambda p, k, s: _spread(p, k, np.einsum("pkk,...pnk->...pn", p.W[k][:, :, : p.W[k].shape[1]], s)[..., None]),
    lambda p, k: p.W[k].shape[1] <= p.W[k].shape[2],
)
_way(
    "diagonal_weights",
    "way_back",
    "w_jj d_j",
    "hidden_error[j] = W[j][j] * delta[j]",
    "the weight has the wrong index: w_jj stands for all of w_kj",
    lambda p, k, s: np.einsum("pkk,...pnk->...pnk", p.W[k], s),
    _square,
    exact=False,
)
_way(
    "transposed_weights",
    "way_back",
    "sum_k w_jk d_k",
    "back @ W.T",
    "the weights are transposed the wrong way",
    lambda p, k, s: np.einsum("pio,...pno->...pni", p.W[k], s),
    _square,
)

# The factor of the error in a weight's gradient: value(pass, layer, dE/dz) of shape (probes, fan_out, fan_in).

FACTORS, _factor = _table()


def _sum(d: Floats, p: Pass, k: int) -> Floats:
    """Over the samples, for all weights of a unit."""
    return np.asarray(d.sum(-2)[..., None] * np.ones(p.W[k].shape[2]))


_factor(
    "",
    "factor",
    "d_j a_i",
    "gradient = delta.T @ below",
    "the factor is right: the activation below",
    lambda p, k, d: np.einsum("...pno,pni->...poi", d, p.a[k]),
)
_factor(
    "weighted_sum",
    "factor",
    "d_j z_i",
    "gradient = delta.T @ z_below",
    "the weighted sum of the unit below stands where its activation belongs",
    lambda p, k, d: np.einsum("...pno,pni->...poi", d, p.z[k - 1]),
    lambda p, k: k > 0,
)
_factor(
    "own_activation",
    "factor",
    "d_j a_j",
    "gradient = delta * own_activation",
    "a weight's gradient has its unit's own activation as its factor instead of its input",
    lambda p, k, d: _sum(d * p.a[k + 1], p, k),
)
_factor(
    "no_factor",
    "factor",
    "d_j",
    "gradient = delta",
    "a weight's gradient has no factor: its input is left out",
    lambda p, k, d: _sum(d, p, k),
)
_factor(
    "weight_itself",
    "factor",
    "d_j w_ji",
    "gradient = delta * W",
    "a weight's gradient has the weight itself as its factor instead of its input",
    lambda p, k, d: d.sum(-2)[..., None] * p.W[k],
)
_factor(
    "transposed_gradient",
    "factor",
    "d_i a_j",
    "gradient = below.T @ delta",
    "the product of error and activation is transposed: error of unit i times activation j",
    lambda p, k, d: np.einsum("...pni,pno->...poi", d, p.a[k]),
    lambda p, k: p.W[k].shape[1] == p.W[k].shape[2],
)
# The error of the layer below is known only when that layer is (see `identify`): dE/dz and activation there.
ERROR_BELOW = Term(
    "error_below",
    "factor",
    "d_i a_i",
    "gradient = np.ones(...) * (d_below * a_below)",
    "a weight's gradient has the error of the unit that it comes from instead of the one that it leads to",
    lambda p, k, below: (below * p.a[k]).sum(-2)[..., None, :] * np.ones((p.W[k].shape[1], 1)),
)
_factor(
    "input_of_wrong_sample",
    "factor",
    "d_j x_i of sample i",
    "gradient = delta * x[i][i]",
    "input i of sample i stands in the gradient for input i of the sample itself",
    lambda p, k, d: d.sum(-2)[..., None] * np.einsum("pii->pi", p.a[k][:, : p.a[k].shape[2]])[:, None],
    lambda p, k: k == 0 and p.a[0].shape[1] >= p.a[0].shape[2],
    batch=True,
)

# The step of a bias: value(pass, layer, dE/dz) of shape (probes, fan_out).

BIAS_STEPS, _bias = _table()
_bias("", "bias_step", "d_j", "b -= rate * delta", "the step of the biases is right", lambda p, k, d: d.sum(-2))
_bias(
    "bias_step_summed",
    "bias_step",
    "sum_i d_i",
    "b -= rate * delta.sum()",
    "the step of a bias is summed over all units of its layer",
    lambda p, k, d: d.sum((-2, -1))[..., None] * np.ones(d.shape[-1:]),
)

TABLES = {
    "signal": SIGNALS,
    "slope": SLOPES,
    "extra": EXTRAS,
    "sent_back": SENT,
    "way_back": WAYS,
    "factor": FACTORS,
    "bias_step": BIAS_STEPS,
}


def right(slot: str) -> Term:
    """The term that should stand there."""
    return TABLES[slot][0]
