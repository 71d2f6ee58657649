"""Activations in NumPy, with the slopes that programs write for them: what a unit makes of its weighted sum."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Function:
    """An activation of a whole layer, the units along the last axis.

    Attributes
    ----------
    name : str
        As the key `activation` or `output` has it; another name where the runner has no such activation.
    value : callable
        From weighted sums to activations.
    pull : callable
        From weighted sums, activations and dE/da to dE/dz.
    slope : callable or None
        da/dz as a function of weighted sum and activation; None where units depend on each other (softmax).
    formula, slope_line : str
        In words of mathematics, and the slope as it is written in NumPy.
    hidden, output : bool
        Where it is looked for.
    """

    name: str
    value: Callable[[Floats], Any]
    slope: Callable[[Floats, Floats], Any] | None
    formula: str
    slope_line: str
    hidden: bool = True
    output: bool = True

    def pull(self, z: Floats, a: Floats, e: Floats) -> Floats:
        """dE/dz from dE/da."""
        if self.slope is None:
            return _softmax_pull(self, z, a, e)
        return np.asarray(e * self.slope(z, a))


def sigmoid(z: Floats) -> Floats:
    """1 / (1 + exp(-z)), without overflow."""
    small = np.exp(-np.abs(z))
    return np.asarray(np.where(z < 0, small, 1.0) / (1.0 + small))


def softmax(z: Floats, axis: int | tuple[int, ...] = -1) -> Floats:
    """exp(z) divided by its sum along an axis."""
    e = np.exp(z - z.max(axis=axis, keepdims=True))
    return np.asarray(e / e.sum(axis=axis, keepdims=True))


def _softmax_pull(function: Function, z: Floats, a: Floats, e: Floats) -> Floats:
    axis = SOFTMAX_AXES[function.name.removesuffix("_twice")]
    if function.name.endswith("_twice"):
        e = a * (e - (e * a).sum(axis=axis, keepdims=True))
        a = softmax(z, axis)
    return np.asarray(a * (e - (e * a).sum(axis=axis, keepdims=True)))


# Arrays are (probes, samples, units).
SOFTMAX_AXES: dict[str, int | tuple[int, ...]] = {
    "softmax": -1,
    "softmax_over_batch": -2,
    "softmax_over_all": (-2, -1),
}
FUNCTIONS: dict[str, Function] = {}


def _add(
    name: str,
    value: Callable[[Floats], Any],
    slope: Callable[[Floats, Floats], Any] | None,
    formula: str,
    slope_line: str,
    hidden: bool = True,
    output: bool = True,
) -> None:
    FUNCTIONS[name] = Function(name, value, slope, formula, slope_line, hidden, output)


_add("sigmoid", sigmoid, lambda z, a: a * (1 - a), "1 / (1 + exp(-z))", "a * (1 - a)")
_add("tanh", np.tanh, lambda z, a: 1 - a * a, "tanh(z)", "1 - a**2")
_add("relu", lambda z: np.maximum(z, 0), lambda z, a: (z > 0) * 1.0, "max(0, z)", "z > 0")
_add("identity", lambda z: z, lambda z, a: np.ones_like(z), "z", "1")
_add("softmax", softmax, None, "exp(z_k) / sum_m exp(z_m)", "y * (e - (e * y).sum(1, keepdims=True))", hidden=False)
_add(
    "leaky_relu",
    lambda z: np.where(z > 0, z, 0.01 * z),
    lambda z, a: np.where(z > 0, 1.0, 0.01),
    "z above 0, 0.01 z below",
    "np.where(z > 0, 1, 0.01)",
)
_add("softplus", lambda z: np.logaddexp(0.0, z), lambda z, a: sigmoid(z), "log(1 + exp(z))", "1 / (1 + np.exp(-z))")
_add(
    "softsign",
    lambda z: z / (1 + np.abs(z)),
    lambda z, a: 1 / (1 + np.abs(z)) ** 2,
    "z / (1 + |z|)",
    "1 / (1 + abs(z))**2",
)
_add("step", lambda z: (z >= 0) * 1.0, lambda z, a: np.zeros_like(z), "1 where z >= 0, else 0", "0")
_add("falling_sigmoid", lambda z: sigmoid(-z), lambda z, a: -a * (1 - a), "1 / (1 + exp(z))", "-a * (1 - a)")
_add(
    "softmax_over_batch",
    lambda z: softmax(z, -2),
    None,
    "exp(z_nk) / sum_m exp(z_mk)",
    "y * (e - (e * y).sum(0))",
    hidden=False,
)
_add(
    "softmax_over_all",
    lambda z: softmax(z, (-2, -1)),
    None,
    "exp(z_nk) / sum_mi exp(z_mi)",
    "y * (e - (e * y).sum())",
    hidden=False,
)
_add(
    "sigmoid_twice",
    lambda z: sigmoid(sigmoid(z)),
    lambda z, a: a * (1 - a) * sigmoid(z) * sigmoid(-z),
    "s(s(z))",
    "y * (1 - y) * s(z) * (1 - s(z))",
    hidden=False,
)
_add(
    "softmax_twice",
    lambda z: softmax(softmax(z)),
    None,
    "softmax(softmax(z))",
    "",
    hidden=False,
)


def slope_of(name: str, z: Floats, a: Floats) -> Floats:
    """The slope of an activation that is no softmax."""
    slope = FUNCTIONS[name].slope
    assert slope is not None
    return np.asarray(slope(z, a))


def smooth(name: str, z: Floats, a: Floats) -> Floats:
    """What a layer puts out, but for a threshold: what its activation would have given."""
    return np.asarray(FUNCTIONS[name.removeprefix(HARD)].value(z)) if name.startswith(HARD) else a


def _smooth_slope(name: str, z: Floats, a: Floats) -> Floats:
    return slope_of(name, z, FUNCTIONS[name].value(z))


HARD = "hard_"
for _name in ("sigmoid", "tanh", "relu", "identity", "leaky_relu", "softplus", "softsign"):
    # A threshold at 0, with the slope of the function that it stands for.
    _add(
        f"{HARD}{_name}",
        lambda z: (z >= 0) * 1.0,
        partial(_smooth_slope, _name),
        "1 where z >= 0, else 0",
        f"the slope of {_name}",
    )
HIDDEN = tuple(f.name for f in FUNCTIONS.values() if f.hidden)
OUTPUT = tuple(f.name for f in FUNCTIONS.values() if f.output)
