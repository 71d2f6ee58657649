"""What was seen of a program: weights before and after updates, one row for each."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from runner.diagnosis.forward import Decimals, Layers
from runner.diagnosis.functions import Floats
from runner.diagnosis.rules import Rule


@dataclass(frozen=True, eq=False)
class Observed:
    """Updates of a program, each from other weights and other samples; and what is supposed of them.

    Attributes
    ----------
    W, b, W_after, b_after : tuples of array (probes, ...)
        Weights and biases before and after.
    x, t : arrays (probes, samples, units)
    outputs : array (probes, samples, outputs) or None
        What the program predicts before the update.
    unit : float
        Unit roundoff of its arithmetic.
    keeps : tuple of float or None
        Shares of a weight that an update may leave; None for any.
    rule, calls, rate : Rule, int and float
        An optimizer, how many successive updates each start has, and the learning rate that the author believes in.
    round_weights, round_errors : mapping of int to int
        Decimals to which the program rounds the weights of layers after an update, and their errors dE/dz.
    constant : float
        Of the loss, where it stands in what is rounded.
    """

    W: Layers
    b: Layers
    W_after: Layers
    b_after: Layers
    x: Floats
    t: Floats
    outputs: Floats | None
    unit: float
    keeps: tuple[float | None, ...] = (1.0,)
    rule: Rule | None = None
    calls: int = 1
    rate: float = 1.0
    round_weights: Decimals = field(default_factory=dict)
    round_errors: Decimals = field(default_factory=dict)
    constant: float = 1.0

    def directions(self, gradients: Floats) -> Floats:
        """What a rule with memory makes of gradients (candidates, probes, ...); probes are the calls of each start."""
        if self.rule is None:
            return gradients
        n, probes, *shape = gradients.shape
        by_call = np.moveaxis(gradients.reshape(n, probes // self.calls, self.calls, *shape), 2, 0)
        memory: list[Any] = [None]
        with np.errstate(all="ignore"):
            made = [self.rule.advance(memory, 0, g, n, self.rate) for n, g in enumerate(by_call, start=1)]
        return np.stack(made, axis=2).reshape(gradients.shape)

    def possible_keeps(self, before: Floats, after: Floats) -> tuple[float | None, ...]:
        """The shares that may stay of these weights: not 0 where they are much as they were."""
        staying = float((before * after).sum()) > 0.5 * float((before * before).sum())
        return tuple(keep for keep in self.keeps if keep != 0 or not staying)

    def slack(self, k: int) -> float:
        """What weights of a layer may be off where they are rounded: half a unit, and what that does to a fit."""
        return 0.75 * 10.0 ** -self.round_weights[k] if k in self.round_weights else 0.0

    def frozen(self, k: int) -> tuple[bool, bool]:
        """Whether the weights, and the biases, of a layer do not move."""
        pairs = (self.W[k], self.W_after[k]), (self.b[k], self.b_after[k])
        weights, biases = (bool((before == after).all()) for before, after in pairs)
        return weights, biases
