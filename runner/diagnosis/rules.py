"""What becomes of a gradient before it moves a weight: optimizers, and the ways in which memory goes wrong.

A rule is asked call by call for one group of weights: `advance` keeps what it remembers in `memory[place]` and gives
the direction that takes the gradient's place. Formulas and defaults are PyTorch's, as in `runner.ops.optimizers`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from runner.diagnosis.functions import Floats


@dataclass(frozen=True)
class Rule:
    """A rule without memory: the gradient itself. Also the base of all others."""

    def advance(self, memory: list[Any], place: int, g: Floats, made: int, group: int) -> Floats:
        """The direction of update number `made`, from 1; `group` is 0 for weights and 1 for biases."""
        return g

    def directions(self, gradients: list[Floats], group: int) -> list[Floats]:
        """Directions of successive updates with these gradients."""
        memory: list[Any] = [None]
        return [self.advance(memory, 0, g, made, group) for made, g in enumerate(gradients, start=1)]


@dataclass(frozen=True)
class Sgd(Rule):
    """Plain gradient descent."""


@dataclass(frozen=True)
class Momentum(Rule):
    """v = m v + (1 - dampening) g from the second update on, and v = g in the first; w -= rate v.

    Attributes
    ----------
    momentum, bias_momentum : float
        1 where gradients are never zeroed; below 0 where the sign is wrong.
    late : bool
        Whether w moves by the v of the update before.
    """

    momentum: float = 0.9
    bias_momentum: float = 0.9
    dampening: float = 0.0
    late: bool = False

    def advance(self, memory: list[Any], place: int, g: Floats, made: int, group: int) -> Floats:
        m, last = (self.bias_momentum if group else self.momentum), memory[place]
        v = g if last is None else m * last + (1 - self.dampening) * g
        memory[place] = v
        if self.late:
            return np.zeros_like(g) if last is None else last
        return v


@dataclass(frozen=True)
class Nesterov(Rule):
    """v = m v + g; w -= rate (g + m v)."""

    momentum: float = 0.9

    def advance(self, memory: list[Any], place: int, g: Floats, made: int, group: int) -> Floats:
        v = g if memory[place] is None else self.momentum * memory[place] + g
        memory[place] = v
        return g + self.momentum * v


@dataclass(frozen=True)
class Adam(Rule):
    """Adaptive moments; without `corrected`, the means are not divided by 1 - beta^n."""

    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    corrected: bool = True
    scale: float = 1.0

    def advance(self, memory: list[Any], place: int, g: Floats, made: int, group: int) -> Floats:
        g = self.scale * g
        m, v = memory[place] if memory[place] is not None else (np.zeros_like(g), np.zeros_like(g))
        m = self.beta1 * m + (1 - self.beta1) * g
        v = self.beta2 * v + (1 - self.beta2) * g * g
        memory[place] = m, v
        if self.corrected:
            m, v = m / (1 - self.beta1**made), v / (1 - self.beta2**made)
        return np.asarray(m / (np.sqrt(v) + self.epsilon))


@dataclass(frozen=True)
class RmsProp(Rule):
    """g over the root of a running mean of g^2."""

    alpha: float = 0.99
    epsilon: float = 1e-8
    scale: float = 1.0

    def advance(self, memory: list[Any], place: int, g: Floats, made: int, group: int) -> Floats:
        g = self.scale * g
        v = memory[place] if memory[place] is not None else np.zeros_like(g)
        memory[place] = v = self.alpha * v + (1 - self.alpha) * g * g
        return np.asarray(g / (np.sqrt(v) + self.epsilon))


@dataclass(frozen=True)
class Adagrad(Rule):
    """g over the root of the sum of all g^2."""

    epsilon: float = 1e-10
    scale: float = 1.0

    def advance(self, memory: list[Any], place: int, g: Floats, made: int, group: int) -> Floats:
        g = self.scale * g
        v = memory[place] if memory[place] is not None else np.zeros_like(g)
        memory[place] = v = v + g * g
        return np.asarray(g / (np.sqrt(v) + self.epsilon))


# Rules whose first step has nearly the same size for every weight, with the constants that libraries and texts have.
# `scale` is the constant of the loss, such as the 2 of a squared error: beside an epsilon it counts.
ADAPTIVE: tuple[Adam | RmsProp | Adagrad, ...] = (
    Adam(),
    Adam(epsilon=1e-7),
    Adam(corrected=False),
    RmsProp(),
    RmsProp(0.9),
    RmsProp(0.9, 1e-7),
    RmsProp(0.99, 1e-7),
    Adagrad(),
    Adagrad(1e-8),
    Adagrad(1e-7),
)
