"""The slope of a layer, value(pass, layer, dE/da) to dE/dz, and what else a hidden error is multiplied with."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from runner.diagnosis.forward import Pass
from runner.diagnosis.functions import FUNCTIONS, Floats, sigmoid, slope_of, smooth
from runner.diagnosis.terms.record import Table, Words

SLOPES = Table("slope")


def _own(p: Pass, k: int) -> bool:
    return p.functions[k].slope is not None


def _curved(p: Pass, k: int) -> bool:
    return _own(p, k) and p.functions[k].name != "identity"


def _f(p: Pass, k: int, at: Floats) -> Floats:
    """Slope of the layer's activation at another place."""
    f = p.functions[k]
    if f.name == "falling_sigmoid":
        # Who has lost the sign of the exponent still has the rising function's slope.
        return sigmoid(at) * sigmoid(-at)
    return f.slope(at, f.value(at)) if f.slope else np.full_like(at, np.nan)


def _here(p: Pass, k: int) -> Floats:
    """Slope of the layer's activation, as it follows from weighted sum and activation, which may be rounded."""
    f = p.functions[k]
    if f.name == "falling_sigmoid" or f.slope is None:
        return _f(p, k, p.z[k])
    return np.asarray(f.slope(p.z[k], smooth(f.name, p.z[k], p.values[k])))


def _early(p: Pass, k: int, e: Floats) -> Floats:
    """The slope at the weighted sums of the layer below, of which inputs have none."""
    at = p.z[k - 1] if k else np.zeros_like(p.a[0])
    return np.asarray(e * _f(p, k, at))


SLOPES.add(
    Words("f'(z)", "delta = error * slope", "the slope is right"),
    lambda p, k, e: p.functions[k].pull(p.z[k], p.values[k], e),
)
# The same in another way, which shows where activations are rounded.
SLOPES.add(
    Words("(1 - |a|)^2", "delta = error * (1 - np.abs(a)) ** 2", "the slope is right"),
    lambda p, k, e: e * (1 - np.abs(p.values[k])) ** 2,
    lambda p, k: p.functions[k].name == "softsign",
    wrong=False,
)
EXPONENT_SIGN = SLOPES.add(
    "exponent_sign",
    lambda p, k, e: e * p.values[k] * (1 - p.values[k]),
    lambda p, k: p.functions[k].name == "falling_sigmoid",
)
# Two names in the registry, for the outputs and for hidden layers.
NO_SLOPE = SLOPES.add(Words("1", "delta = error", "the slope is left out"), lambda p, k, e: e * np.ones_like(p.z[k]))
SLOPES.add("slope_of_activation", lambda p, k, e: e * _f(p, k, p.a[k + 1]), _own)
SLOPES.add(
    Words("f'(z)^2", "delta = error * slope * slope", "the slope stands there twice"),
    lambda p, k, e: e * _here(p, k) ** 2,
    _own,
)
SLOPES.add("summed_slope", lambda p, k, e: e * _here(p, k).sum(-1, keepdims=True), _own)
SLOPES.add("early_derivative", _early, lambda p, k: _own(p, k) and p.a[k].shape[2] == p.z[k].shape[2])
# The error has the constant of its loss in it.
SLOPES.add("slope_at_error", lambda p, k, e: e * _f(p, k, e), _curved)
SLOPES.add("slope_at_error", lambda p, k, e: 2 * e * _f(p, k, 2 * e), _curved, loss="sse")
SLOPES.add(
    "slope_at_error",
    lambda p, k, e: 2 / p.t.shape[2] * e * _f(p, k, 2 / p.t.shape[2] * e),
    lambda p, k: _curved(p, k) and p.t.shape[2] > 2,
    loss="mse",
)
SLOPES.add(
    "slope_at_error",
    lambda p, k, e: e / p.t.shape[2] * _f(p, k, e / p.t.shape[2]),
    lambda p, k: _curved(p, k) and p.t.shape[2] > 1,
    loss="binary_cross_entropy",
)
SLOPES.add(
    Words(
        "f'(error) alone",
        "delta = slope(error)",
        "the slope is taken at the error, and the error itself is no factor",
    ),
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


def _any_of(*names: str) -> Callable[[Pass, int], bool]:
    return lambda p, k: p.functions[k].name in names


def _of_another(name: str) -> Callable[[Pass, int], bool]:
    return lambda p, k: p.functions[k].name not in (name, f"hard_{name}", "step")


def _slope_of(name: str, p: Pass, k: int) -> Floats:
    return slope_of(name, p.z[k], smooth(p.functions[k].name, p.z[k], p.values[k]))


for _name in _RULES:
    SLOPES.add(
        "late_slope",
        _formula_at(_name, lambda p, k: p.a[k + 1]),
        _any_of(_name, f"hard_{_name}", f"falling_{_name}"),
    )
    SLOPES.add("slope_at_sum", _formula_at(_name, lambda p, k: p.z[k]), _any_of(_name, f"falling_{_name}"))
SLOPES.add("slope_is_activation", lambda p, k, e: e * p.a[k + 1])
for _name in ("sigmoid", "tanh", "relu", "leaky_relu", "softplus", "softsign"):
    SLOPES.add(
        f"slope_of({_name})",
        lambda p, k, e, name=_name: e * _slope_of(name, p, k),
        _of_another(_name),
    )
    # The same at the weighted sum.
    SLOPES.add(
        f"slope_of({_name})",
        lambda p, k, e, name=_name: e * slope_of(name, p.z[k], FUNCTIONS[name].value(p.z[k])),
        _of_another(_name),
        exact=False,
    )
for _text, _line, _instead in (
    ("s(z)", "delta = error / (1 + np.exp(-z))", lambda p, k: sigmoid(p.z[k])),
    ("1 - a", "delta = error * (1 - a)", lambda p, k: 1 - p.a[k + 1]),
    ("z", "delta = error * z", lambda p, k: p.z[k]),
):
    SLOPES.add(
        Words(_text, _line, f"{_text} stands where the slope belongs"),
        lambda p, k, e, value=_instead: e * value(p, k),
    )

# What a hidden error is multiplied with beside all that: value(pass, layer, dE/dz).

EXTRAS = Table("extra")
EXTRAS.add(Words("nothing", "", "there is no extra factor"), lambda p, k, d: d)
EXTRAS.add("activation_factor", lambda p, k, d: d * p.a[k + 1])
