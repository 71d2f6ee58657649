"""Activations: the output a of a unit as a function of its weighted sum z, and the derivative da/dz.

One block is one activation: a function of z, its slope as a function of z and a, both of vectors, and `_register`.

Sources: sigmoid and its slope, Rumelhart, Hinton and Williams (1986); relu, Nair and Hinton (2010); leaky_relu, Maas,
Hannun and Ng (2013); softplus, Dugas et al. (2001); softsign, Bergstra et al. (2009); step, Rosenblatt (1958); softmax,
Bridle (1990). Where a slope has a jump, it has PyTorch's value there.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from runner.kernels.lanes import elementary
from runner.kernels.lanes.elementary import lane_function
from runner.kernels.lanes.operations import where_le, where_lt
from runner.kernels.lanes.switch import ACTIVATE, SLOPE
from runner.kernels.loops import activation_loop, slope_loop
from runner.registry import Registry


@dataclass(frozen=True)
class Activation:
    """A registered activation.

    Attributes
    ----------
    name, doc : str
        As in a study; one line for the reference.
    code : int
        Its place in the kernels' tables ACTIVATE and SLOPE.
    low, high : float
        A hidden unit whose activation is at or beyond one of these counts as saturated: it is within 1% of the range
        from a limit of a bounded activation, or at a limit that an unbounded one reaches exactly (softplus: within
        0.01 of its limit). Infinite where there is no limit.
    hidden, output : bool
        Whether hidden layers and the output layer may have it.
    couples : bool
        Whether a unit's activation depends on the other units of its layer (softmax).
    """

    name: str
    doc: str
    code: int
    low: float = -math.inf
    high: float = math.inf
    hidden: bool = True
    output: bool = True
    couples: bool = False


ACTIVATIONS: Registry[Activation] = Registry("activation")


def _register(name: str, activate: Callable[..., Any], slope: Callable[..., Any], doc: str, **facts: Any) -> None:
    """Put an activation and its slope into the kernels' tables, and register it."""
    code = ACTIVATE.add(activation_loop(activate))
    SLOPE.add(slope_loop(slope))
    ACTIVATIONS.add(Activation(name, doc, code, **facts))


@lane_function
def _sigmoid_slope(z: Any, a: Any) -> Any:
    return a * (1.0 - a)


_register("sigmoid", elementary.sigmoid, _sigmoid_slope, "1 / (1 + exp(-z)), between 0 and 1.", low=0.01, high=0.99)


@lane_function
def _tanh_slope(z: Any, a: Any) -> Any:
    return 1.0 - a * a


_register("tanh", elementary.tanh, _tanh_slope, "Hyperbolic tangent, between -1 and 1.", low=-0.98, high=0.98)


@lane_function
def _relu(z: Any) -> Any:
    return where_lt(z, 0.0, 0.0, z)


@lane_function
def _relu_slope(z: Any, a: Any) -> Any:
    return where_lt(0.0, z, 1.0, 0.0)


_register("relu", _relu, _relu_slope, "max(0, z); slope 0 at 0, as in PyTorch.", low=0.0)


@lane_function
def _leaky_relu(z: Any) -> Any:
    return where_lt(z, 0.0, 0.01 * z, z)


@lane_function
def _leaky_relu_slope(z: Any, a: Any) -> Any:
    return where_lt(0.0, z, 1.0, 0.01)


_register("leaky_relu", _leaky_relu, _leaky_relu_slope, "z above 0, 0.01 z below.")


@lane_function
def _identity(z: Any) -> Any:
    return z


@lane_function
def _identity_slope(z: Any, a: Any) -> Any:
    # A vector of ones: z < z is nowhere true.
    return where_lt(z, z, z, 1.0)


_register("identity", _identity, _identity_slope, "z itself: a linear unit.")


@lane_function
def _softplus_slope(z: Any, a: Any) -> Any:
    return elementary.sigmoid(z)


_register("softplus", elementary.softplus, _softplus_slope, "log(1 + exp(z)), a smooth max(0, z).", low=0.01)


@lane_function
def _softsign(z: Any) -> Any:
    return z / (1.0 + where_lt(z, 0.0, -z, z))


@lane_function
def _softsign_slope(z: Any, a: Any) -> Any:
    rest = 1.0 - where_lt(a, 0.0, -a, a)
    return rest * rest


_register("softsign", _softsign, _softsign_slope, "z / (1 + |z|), between -1 and 1.", low=-0.98, high=0.98)


@lane_function
def _step(z: Any) -> Any:
    return where_lt(z, 0.0, 0.0, where_le(0.0, z, 1.0, z))


@lane_function
def _step_slope(z: Any, a: Any) -> Any:
    return where_lt(z, z, z, 0.0)


_register("step", _step, _step_slope, "1 where z >= 0, else 0; its slope is 0, so only the perceptron rule trains it.")


# Softmax is a function of a whole layer, so the training loop computes it itself (kernels/network.py), and also the
# step from dE/dy to dE/dz. Its entries in the tables leave every unit as it is.
_register(
    "softmax",
    _identity,
    _identity_slope,
    "exp(z_j) / sum exp(z): class probabilities; output layer only.",
    hidden=False,
    couples=True,
)
