"""Activations: the output a of a unit as a function of its weighted sum z, and the derivative da/dz.

One block is one activation: a function of z, its slope as a function of z and a, both of vectors, and `_register`.

Sources: sigmoid and its slope, Rumelhart, Hinton and Williams (1986); relu, Nair and Hinton (2010); leaky_relu, Maas,
Hannun and Ng (2013); softplus, Dugas et al. (2001); softsign, Bergstra et al. (2009); step, Rosenblatt (1958); softmax,
Bridle (1990); elu, Clevert, Unterthiner and Hochreiter (2015); selu, Klambauer et al. (2017); gelu, Hendrycks and
Gimpel (2016); silu, Elfwing, Uchibe and Doya (2017); mish, Misra (2019); scaled_tanh, LeCun et al., Efficient BackProp
(1998); symmetric_sigmoid, Stornetta and Huberman (1987); offset_sigmoid, Fahlman (1988). Where a slope has a jump, it
has PyTorch's value there.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from runner.kernels.lanes import elementary
from runner.kernels.lanes.functions import lane_function
from runner.kernels.lanes.operations import fma, where_le, where_lt
from runner.kernels.loops import activation_loop, slope_loop
from runner.registry import Registry


@dataclass(frozen=True)
class Activation:
    """A registered activation.

    Attributes
    ----------
    name, doc : str
        As in a study; one line for the reference.
    activate, slope : callable
        Its loops for the kernels' tables `activate` and `slope`.
    low, high : float
        A hidden unit whose activation is at or beyond one of these counts as saturated: it is within 1% of the range
        from a limit of a bounded activation, or at a limit that an unbounded one reaches exactly (softplus: within
        0.01 of its limit). Infinite where there is no limit.
    hidden, output : bool
        Whether hidden layers and the output layer may have it.
    couples : bool
        Whether a unit's activation depends on the other units of its layer (softmax).
    exact : bool
        Whether its slope is the derivative: for some method it is something else on purpose.
    source : str
        Of a piece of a user's own, the hash of the file that it was written in; empty for the members of the package.
    """

    name: str
    doc: str
    activate: Callable[..., Any]
    slope: Callable[..., Any]
    low: float = -math.inf
    high: float = math.inf
    hidden: bool = True
    output: bool = True
    couples: bool = False
    exact: bool = True
    source: str = ""


ACTIVATIONS: Registry[Activation] = Registry("activation")


def _register(name: str, activate: Callable[..., Any], slope: Callable[..., Any], doc: str, **facts: Any) -> None:
    """Register an activation by its function and its slope."""
    ACTIVATIONS.add(Activation(name, doc, activation_loop(activate), slope_loop(slope), **facts))


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


@lane_function
def _elu(z: Any) -> Any:
    return where_lt(z, 0.0, elementary.expm1(z), z)


@lane_function
def _elu_slope(z: Any, a: Any) -> Any:
    return where_lt(z, 0.0, a + 1.0, 1.0)


_register("elu", _elu, _elu_slope, "z above 0, exp(z) - 1 below, as torch.nn.ELU.", low=-0.99)


@lane_function
def _selu(z: Any) -> Any:
    return where_lt(z, 0.0, 1.7580993408473768599 * elementary.expm1(z), 1.0507009873554804935 * z)


@lane_function
def _selu_slope(z: Any, a: Any) -> Any:
    return where_lt(0.0, z, 1.0507009873554804935, a + 1.7580993408473768599)


_register("selu", _selu, _selu_slope, "1.0507 z above 0, 1.7581 (exp(z) - 1) below, as torch.nn.SELU.", low=-1.748)


@lane_function
def _gelu(z: Any) -> Any:
    return z * elementary.normal_cdf(z)


@lane_function
def _gelu_slope(z: Any, a: Any) -> Any:
    density = 0.3989422804014327 * elementary.exp(-0.5 * z * z)
    return fma(z, density, elementary.normal_cdf(z))


_register("gelu", _gelu, _gelu_slope, "z times the share of a standard normal distribution below z, as torch.nn.GELU.")


@lane_function
def _gelu_tanh(z: Any) -> Any:
    # 0.5 (1 + tanh x) is sigmoid(2 x), which does not cancel below 0.
    return z * elementary.sigmoid(1.5957691216057308 * fma(0.044715 * z * z, z, z))


@lane_function
def _gelu_tanh_slope(z: Any, a: Any) -> Any:
    s = elementary.sigmoid(1.5957691216057308 * fma(0.044715 * z * z, z, z))
    return fma(a * (1.0 - s), 1.5957691216057308 * fma(0.134145 * z, z, 1.0), s)


_register(
    "gelu_tanh",
    _gelu_tanh,
    _gelu_tanh_slope,
    "0.5 z (1 + tanh(sqrt(2 / pi) (z + 0.044715 z^3))), as torch.nn.GELU('tanh').",
)


@lane_function
def _silu(z: Any) -> Any:
    return z * elementary.sigmoid(z)


@lane_function
def _silu_slope(z: Any, a: Any) -> Any:
    s = elementary.sigmoid(z)
    return fma(a, 1.0 - s, s)


_register("silu", _silu, _silu_slope, "z sigmoid(z), as torch.nn.SiLU; also called swish.")


@lane_function
def _mish_parts(z: Any) -> tuple[Any, Any, Any]:
    # tanh(log(1 + e)) = ((1 + e)^2 - 1) / ((1 + e)^2 + 1) = n / (n + 2) with e = exp(z); it is 1 to all digits long
    # before z = 20.
    y = where_lt(20.0, z, 20.0, z)
    e = elementary.exp(y)
    return y, e, e * (e + 2.0)


@lane_function
def _mish(z: Any) -> Any:
    _, _, n = _mish_parts(z)
    return z * (n / (n + 2.0))


@lane_function
def _mish_slope(z: Any, a: Any) -> Any:
    # With t = n / (n + 2): t + z sigmoid(z) (1 - t^2) = t + z 4 e (1 + e) / (n + 2)^2.
    y, e, n = _mish_parts(z)
    share = 1.0 / (n + 2.0)
    return fma(4.0 * y * (e * (1.0 + e)) * share, share, n * share)


_register("mish", _mish, _mish_slope, "z tanh(log(1 + exp(z))), as torch.nn.Mish.")


@lane_function
def _hardtanh(z: Any) -> Any:
    return elementary.clamp(z, 1.0)


@lane_function
def _hardtanh_slope(z: Any, a: Any) -> Any:
    return where_lt(-1.0, z, where_lt(z, 1.0, 1.0, 0.0), 0.0)


_register("hardtanh", _hardtanh, _hardtanh_slope, "z within -1 and 1, as torch.nn.Hardtanh.", low=-0.98, high=0.98)


@lane_function
def _relu6(z: Any) -> Any:
    return where_lt(z, 0.0, 0.0, where_lt(6.0, z, 6.0, z))


@lane_function
def _relu6_slope(z: Any, a: Any) -> Any:
    return where_lt(0.0, z, where_lt(z, 6.0, 1.0, 0.0), 0.0)


_register("relu6", _relu6, _relu6_slope, "z within 0 and 6, as torch.nn.ReLU6.", low=0.06, high=5.94)


@lane_function
def _sin_slope(z: Any, a: Any) -> Any:
    return elementary.cosine(z)


_register("sin", elementary.sine, _sin_slope, "The sine of z, for |z| up to a million (float32: a thousand).")


@lane_function
def _gaussian(z: Any) -> Any:
    return elementary.exp(-z * z)


@lane_function
def _gaussian_slope(z: Any, a: Any) -> Any:
    return -2.0 * z * a


_register("gaussian", _gaussian, _gaussian_slope, "exp(-z^2), between 0 and 1.", low=0.01)


@lane_function
def _cube(z: Any) -> Any:
    return z * z * z


@lane_function
def _cube_slope(z: Any, a: Any) -> Any:
    return 3.0 * z * z


_register("cube", _cube, _cube_slope, "z^3.")


@lane_function
def _scaled_tanh(z: Any) -> Any:
    return 1.7159 * elementary.tanh(z * (2.0 / 3.0))


@lane_function
def _scaled_tanh_slope(z: Any, a: Any) -> Any:
    # 1.7159 * 2/3 * (1 - tanh^2), with tanh = a / 1.7159.
    return fma(a * a, -2.0 / (3.0 * 1.7159), 1.7159 * 2.0 / 3.0)


_register(
    "scaled_tanh",
    _scaled_tanh,
    _scaled_tanh_slope,
    "1.7159 tanh(2/3 z), which is 1 at 1 (LeCun et al. 1998).",
    low=-1.681,
    high=1.681,
)


@lane_function
def _symmetric_sigmoid(z: Any) -> Any:
    return 0.5 * elementary.tanh(0.5 * z)


@lane_function
def _symmetric_sigmoid_slope(z: Any, a: Any) -> Any:
    return 0.25 - a * a


_register(
    "symmetric_sigmoid",
    _symmetric_sigmoid,
    _symmetric_sigmoid_slope,
    "The sigmoid less 1/2, between -1/2 and 1/2.",
    low=-0.49,
    high=0.49,
)


@lane_function
def _offset_slope(z: Any, a: Any) -> Any:
    return fma(a, 1.0 - a, 0.1)


@lane_function
def _sign(z: Any) -> Any:
    return where_lt(z, 0.0, -1.0, where_lt(0.0, z, 1.0, z))


_register(
    "sign",
    _sign,
    _step_slope,
    "-1 below 0, 0 at 0, 1 above; its slope is 0, so only the bipolar_perceptron rule trains it.",
)


_register(
    "offset_sigmoid",
    elementary.sigmoid,
    _offset_slope,
    "The sigmoid, in whose slope 0.1 is added on the way back (Fahlman's sigmoid-prime offset).",
    low=0.01,
    high=0.99,
    exact=False,
)
