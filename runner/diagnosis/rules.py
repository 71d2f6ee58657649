"""What becomes of a gradient before it moves a weight: optimizers, and the ways in which memory goes wrong.

A rule is asked update by update for one group of weights: `advance` keeps what it remembers in `memory[place]` and
gives the direction that takes the gradient's place. A place is a group: 2 k are the weights of layer k, 2 k + 1 its
biases. The optimizers themselves are those of `runner.ops.optimizers` (see `registered`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from runner.diagnosis.functions import Floats
from runner.ops.members import CORE_OPTIMIZERS
from runner.ops.optimizers import OPTIMIZERS

# First steps of an optimizer that divides by the gradient's size are as large for every weight, but for its epsilon.
ALIKE = 1e-2


@dataclass(frozen=True)
class Rule:
    """A rule without memory: the gradient itself. Also the base of all others."""

    @property
    def rescales(self) -> bool:
        """Whether the first step has nearly the same size whatever the gradient's is."""
        with np.errstate(all="ignore"):
            first = self.advance([None], 0, np.array([0.1, 0.3]), 1, 0.1)
        return bool(abs(first[1] / first[0] - 1) < ALIKE)

    def advance(self, memory: list[Any], place: int, g: Floats, made: int, rate: float) -> Floats:
        """The direction of update number `made`, from 1: weights move by -rate times it."""
        return g


@dataclass(frozen=True)
class Sgd(Rule):
    """Plain gradient descent."""


@dataclass(frozen=True)
class Momentum(Rule):
    """v = m v + (1 - dampening) g from the second update on, and v = g in the first; w -= rate v.

    Attributes
    ----------
    momenta : tuple of float
        m of every place: below 0 where its sign is wrong.
    dampening : float
    summed : set of int
        Places whose gradients are never zeroed: g is the sum of all of them.
    late : set of int
        Places in which w moves by the v of the update before.
    """

    momenta: tuple[float, ...]
    dampening: float = 0.0
    summed: frozenset[int] = frozenset()
    late: frozenset[int] = frozenset()

    @property
    def momentum(self) -> float:
        """The momentum of those places that have one; 0 where none has."""
        return next((m for m in self.momenta if m), 0.0)

    def advance(self, memory: list[Any], place: int, g: Floats, made: int, rate: float) -> Floats:
        before, total = memory[place] or (None, 0.0)
        total = total + g if place in self.summed else g
        m = self.momenta[place]
        v = total if before is None else m * before + (1 - self.dampening * bool(m)) * total
        memory[place] = v, total
        if place in self.late:
            return np.zeros_like(g) if before is None else before
        return np.asarray(v)


@dataclass(frozen=True)
class Registered(Rule):
    """An optimizer of the registry.

    Attributes
    ----------
    name : str
    settings : tuple of (str, float)
    scale : float
        The constant of the loss, such as the 2 of a squared error: beside an epsilon it counts.
    """

    name: str
    settings: tuple[tuple[str, float], ...]
    scale: float = 1.0

    def advance(self, memory: list[Any], place: int, g: Floats, made: int, rate: float) -> Floats:
        record = OPTIMIZERS[self.name]
        # Up to five settings, and no weight decay.
        h = [*(value for _, value in self.settings), *[0.0] * 6][:6]
        h[5] = 0.0
        zero = np.zeros_like(g)
        state, clock = memory[place] or ((zero, zero), record.clock)
        assert record.tick is not None
        assert record.update is not None
        clock = record.tick(h, clock, 0.0)
        uphill = self.scale * g if rate > 0 else -self.scale * g
        # From a weight of 0, the new one is the change itself, with all its digits.
        change, state = record.update(zero, uphill, state, h, clock, abs(rate))
        memory[place] = state, clock
        return np.asarray(-change / rate)


@dataclass(frozen=True)
class UncorrectedAdam(Rule):
    """Adam whose means are not divided by 1 - beta^n."""

    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    scale: float = 1.0

    def advance(self, memory: list[Any], place: int, g: Floats, made: int, rate: float) -> Floats:
        g = self.scale * g
        m, v = memory[place] or (0.0, 0.0)
        m = self.beta1 * m + (1 - self.beta1) * g
        v = self.beta2 * v + (1 - self.beta2) * g * g
        memory[place] = m, v
        return np.asarray(m / (np.sqrt(v) + self.epsilon))


@dataclass(frozen=True)
class FallingRate(Rule):
    """A learning rate that falls from update to update.

    Attributes
    ----------
    kind : str
        `power`: times `amount` in every update; `inverse`: divided by 1 + amount (n - 1) in update n; `root`: by the
        root of that.
    amount : float
    """

    kind: str
    amount: float

    def advance(self, memory: list[Any], place: int, g: Floats, made: int, rate: float) -> Floats:
        return self.share(made) * g

    def share(self, made: int) -> float:
        """The rate of update number `made`, divided by that of the first."""
        if self.kind == "power":
            return float(self.amount ** (made - 1))
        return float((1 + self.amount * (made - 1)) ** (-1 if self.kind == "inverse" else -0.5))


def shows_constant(rule: Rule, unit: float) -> bool:
    """Whether it shows in the steps of a rule by which constant the loss is multiplied: a mean or a sum.

    Where every gradient is divided by its size, only the epsilon beside that size tells, and this is lost in the
    rounding of float32.

    Parameters
    ----------
    unit : float
        Unit roundoff of the program's arithmetic.
    """
    return not rule.rescales or (unit < 1e-12 and not signs_alone(rule))


def signs_alone(rule: Rule) -> bool:
    """Whether a rule takes nothing but the sign of a gradient, as rprop does."""
    return isinstance(rule, Registered) and rule.rescales and "epsilon" not in dict(rule.settings)


# Values that libraries and texts have beside the defaults of the registry.
_USUAL: dict[str, tuple[float, ...]] = {
    "epsilon": (1e-8, 1e-7, 1e-10, 1e-6, 1e-5),
    "alpha": (0.99, 0.9, 0.95),
    "momentum": (0.9, 0.5),
    "beta2": (0.99,),
    "max_growth": (2.0, 1.5),
    "step_max": (1.0,),
    "eta_plus": (1.1,),
}


def registered() -> Iterator[Registered]:
    """Every usual optimizer that remembers something, with its defaults and with other usual settings."""
    for record in map(OPTIMIZERS.__getitem__, CORE_OPTIMIZERS):
        # Momentum is found with any settings, place by place; weight decay of its own is found beside any rule.
        if not record.keeps_state or record.name == "momentum" or record.weight_decay:
            continue
        plain = dict(record.settings)
        yield Registered(record.name, tuple(plain.items()))
        tried = {tuple(plain.items())}
        for name in plain:
            for value in _USUAL.get(name, ()):
                for epsilon in (plain.get("epsilon", 0.0), 1e-7):
                    changed = plain | {name: value} | ({"epsilon": epsilon} if name == "alpha" else {})
                    settings = tuple(changed.items())
                    if settings not in tried:
                        tried.add(settings)
                        yield Registered(record.name, settings)


# Optimizers of the registry whose weights shrink beside the step.
WITH_DECAY = {"adam": "adamw"}


def describe(rule: Rule, decays_beside: bool = False) -> str:
    """The rule in words, for a note.

    Parameters
    ----------
    decays_beside : bool
        Whether weights shrink beside the step, instead of by a part of the gradient.
    """
    match rule:
        case Momentum():
            return f"momentum {rule.momentum:g}"
        case Registered(name="nesterov"):
            return f"Nesterov momentum {dict(rule.settings)['momentum']:g}"
        case Registered():
            own = WITH_DECAY.get(rule.name, rule.name) if decays_beside else rule.name
            return f"{own} ({', '.join(f'{name} {value:g}' for name, value in rule.settings)})"
        case UncorrectedAdam():
            return "adam without its correction of the first means (they are not divided by 1 - beta^n)"
        case FallingRate(kind="power", amount=q):
            return f"gradient descent with a learning rate that is multiplied by {q:g} in every update"
        case FallingRate(kind=kind, amount=a):
            root = "the root of " if kind == "root" else ""
            return f"gradient descent with a learning rate that is divided by {root}1 + {a:g} n, n updates being made"
    return "plain gradient descent"
