"""What each activation is outside the kernels: a function of NumPy, a module of PyTorch, nodes of ONNX.

One record is one activation. One that has none cannot leave the runner, and says so.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from runner.errors import RunnerError
from runner.registry import Registry

Array = Any
Emit = Callable[..., str]


@dataclass(frozen=True)
class Conversion:
    """An activation outside the kernels.

    Attributes
    ----------
    name : str
        As in a study.
    in_numpy : callable
        From weighted sums (samples, units) to activations, of the same type.
    in_torch : callable
        From what has `nn`, and modules of our own (`runner.networks.in_torch`), to an `nn.Module`.
    in_onnx : callable
        From a function that adds a node, `emit("Relu", z)`, and the name of the weighted sums to the name of the
        activations. A number among the inputs of a node is a constant of the network's type.
    """

    name: str
    in_numpy: Callable[[Array], Array]
    in_torch: Callable[[Any], Any]
    in_onnx: Callable[[Emit, str], str]


CONVERSIONS: Registry[Conversion] = Registry("activation")
"""All of them, by name."""


def conversion(name: str) -> Conversion:
    """What an activation is outside the kernels; RunnerError where that is not known."""
    if name not in CONVERSIONS:
        known = ", ".join(CONVERSIONS)
        raise RunnerError(f"activation {name} is known to the kernels only; networks with {known} can leave them")
    return CONVERSIONS[name]


def _sigmoid(z: Array) -> Array:
    e = np.exp(-np.abs(z))  # never overflows
    return np.where(z < 0, e, np.ones_like(e)) / (1 + e)


def _softmax(z: Array) -> Array:
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


# Klambauer et al. (2017), as PyTorch has them.
_SELU, _SELU_BELOW = 1.0507009873554804934193349852946, 1.6732632423543772848170429916717


def _expm1_below(emit: Emit, z: str) -> str:
    # exp(z) - 1 below 0, and 0 above
    return emit("Sub", emit("Exp", emit("Min", 0.0, z)), 1.0)


def _softplus_nodes(emit: Emit, z: str) -> str:
    # max(z, 0) + log(1 + exp(-|z|)): ONNX Runtime has Softplus for float32 alone.
    rest = emit("Log", emit("Add", 1.0, emit("Exp", emit("Neg", emit("Abs", z)))))
    return emit("Add", emit("Relu", z), rest)


for record in (
    Conversion("sigmoid", _sigmoid, lambda kit: kit.nn.Sigmoid(), lambda emit, z: emit("Sigmoid", z)),
    Conversion("tanh", np.tanh, lambda kit: kit.nn.Tanh(), lambda emit, z: emit("Tanh", z)),
    Conversion(
        "relu",
        lambda z: np.where(z < 0, np.zeros_like(z), z),
        lambda kit: kit.nn.ReLU(),
        lambda emit, z: emit("Relu", z),
    ),
    Conversion(
        "leaky_relu",
        lambda z: np.where(z < 0, z.dtype.type(0.01) * z, z),
        lambda kit: kit.nn.LeakyReLU(0.01),
        # max(z, 0.01 z), which ONNX Runtime has for float64 too.
        lambda emit, z: emit("Max", z, emit("Mul", 0.01, z)),
    ),
    Conversion("identity", lambda z: z, lambda kit: kit.nn.Identity(), lambda emit, z: emit("Identity", z)),
    Conversion(
        "softplus",
        lambda z: np.logaddexp(np.zeros_like(z), z),
        lambda kit: kit.nn.Softplus(threshold=50.0),  # beyond which it is z to the last digit
        _softplus_nodes,
    ),
    Conversion(
        "softsign",
        lambda z: z / (1 + np.abs(z)),
        lambda kit: kit.nn.Softsign(),
        lambda emit, z: emit("Div", z, emit("Add", 1.0, emit("Abs", z))),
    ),
    Conversion(
        "step",
        lambda z: np.where(np.isnan(z), z, (z >= 0).astype(z.dtype)),
        lambda kit: kit.Formula("step"),
        # (sign(z) + 1) / 2, with the sign of 0 taken as 1.
        lambda emit, z: emit("Relu", emit("Sign", emit("Add", emit("Mul", 2.0, emit("Sign", z)), 1.0))),
    ),
    Conversion("sign", np.sign, lambda kit: kit.Formula("sign"), lambda emit, z: emit("Sign", z)),
    Conversion(
        "elu",
        lambda z: np.where(z < 0, np.expm1(np.minimum(z, 0)), z),
        lambda kit: kit.nn.ELU(),
        lambda emit, z: emit("Add", emit("Relu", z), _expm1_below(emit, z)),
    ),
    Conversion(
        "selu",
        lambda z: _SELU * np.where(z < 0, _SELU_BELOW * np.expm1(np.minimum(z, 0)), z),
        lambda kit: kit.nn.SELU(),
        lambda emit, z: emit(
            "Mul", _SELU, emit("Add", emit("Relu", z), emit("Mul", _SELU_BELOW, _expm1_below(emit, z)))
        ),
    ),
    Conversion(
        "silu", lambda z: z * _sigmoid(z), lambda kit: kit.nn.SiLU(), lambda emit, z: emit("Mul", z, emit("Sigmoid", z))
    ),
    Conversion(
        "mish",
        lambda z: z * np.tanh(np.logaddexp(np.zeros_like(z), z)),
        lambda kit: kit.nn.Mish(),
        lambda emit, z: emit("Mul", z, emit("Tanh", _softplus_nodes(emit, z))),
    ),
    Conversion(
        "hardtanh",
        lambda z: np.clip(z, -1, 1),
        lambda kit: kit.nn.Hardtanh(),
        lambda emit, z: emit("Max", -1.0, emit("Min", 1.0, z)),
    ),
    Conversion(
        "relu6",
        lambda z: np.clip(z, 0, 6),
        lambda kit: kit.nn.ReLU6(),
        lambda emit, z: emit("Min", 6.0, emit("Relu", z)),
    ),
    Conversion("sin", np.sin, lambda kit: kit.Formula("sin"), lambda emit, z: emit("Sin", z)),
    Conversion(
        "gaussian",
        lambda z: np.exp(-z * z),
        lambda kit: kit.Formula("gaussian"),
        lambda emit, z: emit("Exp", emit("Neg", emit("Mul", z, z))),
    ),
    Conversion(
        "cube",
        lambda z: z * z * z,
        lambda kit: kit.Formula("cube"),
        lambda emit, z: emit("Mul", z, emit("Mul", z, z)),
    ),
    Conversion(
        "scaled_tanh",
        lambda z: 1.7159 * np.tanh(z * (2.0 / 3.0)),
        lambda kit: kit.Formula("scaled_tanh"),
        lambda emit, z: emit("Mul", 1.7159, emit("Tanh", emit("Mul", 2.0 / 3.0, z))),
    ),
    Conversion(
        "symmetric_sigmoid",
        lambda z: 0.5 * np.tanh(0.5 * z),
        lambda kit: kit.Formula("symmetric_sigmoid"),
        lambda emit, z: emit("Mul", 0.5, emit("Tanh", emit("Mul", 0.5, z))),
    ),
    # The sigmoid, but for its slope in training.
    Conversion("offset_sigmoid", _sigmoid, lambda kit: kit.nn.Sigmoid(), lambda emit, z: emit("Sigmoid", z)),
    Conversion("softmax", _softmax, lambda kit: kit.nn.Softmax(dim=1), lambda emit, z: emit("Softmax", z, axis=1)),
):
    CONVERSIONS.add(record)
