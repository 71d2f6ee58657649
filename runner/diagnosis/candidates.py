"""What may stand as the error dE/dz of a layer: every combination of known terms, and how likely each is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import product

import numpy as np

from runner.diagnosis.forward import Decimals, Pass, rounded
from runner.diagnosis.functions import Floats
from runner.diagnosis.terms import (
    CROSS_ENTROPY,
    CROSSED,
    EXPONENT_SIGN,
    EXTRAS,
    NO_SLOPE,
    RESIDUAL,
    SENT,
    SIGNALS,
    SLOPES,
    WAYS,
    Term,
)

# What makes a formula less likely than another that fits as well.
WRONG = 1.0
# Output activations with which the residual alone is the slope of a loss by z (cross-entropy, or the perceptron rule).
FUSED = ("sigmoid", "softmax", "step", "softmax_over_batch", "softmax_over_all")


@dataclass(frozen=True, eq=False)
class Error:
    """The error of a layer: the terms it is made of, dE/da before its slope, dE/dz, and how unlikely it is."""

    terms: tuple[Term, ...]
    e: Floats
    d: Floats
    cost: float


@dataclass(frozen=True, eq=False)
class Above:
    """What the layer above has: dE/da, None where only its dE/dz is known."""

    e: Floats | None
    d: Floats

    def first(self, n: int) -> Above:
        """The same of the first probes only."""
        return Above(None if self.e is None else self.e[:n], self.d[:n])


@dataclass(frozen=True, eq=False)
class Layer:
    """A layer whose error is looked for.

    Attributes
    ----------
    p : Pass
    k : int
    above : Above or None
        None for the outputs.
    round_errors : mapping of int to int
        Decimals to which errors dE/dz of layers are rounded.
    constant : float
        Of the loss, in the error signal of the outputs.
    """

    p: Pass
    k: int
    above: Above | None = None
    round_errors: Decimals = field(default_factory=dict)
    constant: float = 1.0

    def first(self, n: int) -> Layer:
        """The same of the first probes only."""
        above = None if self.above is None else self.above.first(n)
        return replace(self, p=self.p.first(n), above=above)

    def candidates(self) -> tuple[list[tuple[Term, ...]], Floats]:
        """All that may stand there: the terms of each, and dE/dz of all, one above the other."""
        with np.errstate(all="ignore"):
            sources = self._sources()
            e = np.stack([value for _, value in sources])
            terms: list[tuple[Term, ...]] = []
            d = []
            for slope, extra in product(SLOPES, EXTRAS if self.above else EXTRAS[:1]):
                if slope.applies(self.p, self.k):
                    d.append(self._sloped(slope, extra, e))
                    terms += [(*source, slope, extra) for source, _ in sources]
        return terms, np.concatenate(d)

    def error(self, terms: tuple[Term, ...]) -> Error:
        """One of the candidates."""
        *source, slope, extra = terms
        with np.errstate(all="ignore"):
            e = self._source(source)
            return Error(terms, e, self._sloped(slope, extra, e), self.cost(terms))

    def cost(self, terms: tuple[Term, ...]) -> float:
        """How unlikely it is that these stand there."""
        *source, slope, extra = terms
        if self.above is None:
            return _output_cost(self.p, source[0], slope)
        return WRONG * (sum(term.wrong for term in source) + extra.wrong) + _slope_cost(self.p, self.k, slope)

    def _sources(self) -> list[tuple[tuple[Term, ...], Floats]]:
        """What comes to the layer: dE/da with the terms that it is made of."""
        p, k, above = self.p, self.k, self.above
        if above is None:
            return [((signal,), self._source((signal,))) for signal in SIGNALS if signal.applies(p, k)]
        found: list[tuple[tuple[Term, ...], Floats]] = []
        for sent, way in product(SENT, WAYS):
            known = above.e is not None or not sent.wrong or sent.fault == "outputs_sent_back"
            if known and sent.applies(p, k + 1) and way.applies(p, k + 1):
                found.append(((sent, way), self._source((sent, way))))
        return found

    def _source(self, terms: Sequence[Term]) -> Floats:
        if self.above is None:
            return np.asarray(self.constant * terms[0].value(self.p))
        sent, way = terms
        e = self.above.d if self.above.e is None else self.above.e
        return np.asarray(way.value(self.p, self.k + 1, sent.value(self.p, self.k + 1, e, self.above.d)))

    def _sloped(self, slope: Term, extra: Term, e: Floats) -> Floats:
        d = extra.value(self.p, self.k, slope.value(self.p, self.k, e))
        return rounded(d, self.round_errors, self.k)


def _output_cost(p: Pass, signal: Term, slope: Term) -> float:
    fused = p.functions[-1].name in FUSED
    if slope is NO_SLOPE and fused and p.a[-1] is p.values[-1] and (not signal.wrong or "cross_entropy" in signal.loss):
        # The residual with such an output is the slope of the cross-entropy, whose own slope is another.
        return WRONG * signal.wrong + (0.005 if signal is not CROSS_ENTROPY else WRONG)
    if signal is CROSSED or "cross_entropy" in signal.loss:
        return WRONG + _slope_cost(p, p.last, slope)
    if signal is CROSS_ENTROPY and fused and p.functions[-1].slope is not None and not slope.wrong:
        # With a sigmoid the two of them are the residual, which is what a program has.
        return 0.006
    return WRONG * signal.wrong + _slope_cost(p, p.last, slope) + (0.0 if signal is RESIDUAL else 0.001)


def _slope_cost(p: Pass, k: int, slope: Term) -> float:
    if p.functions[k].name == "falling_sigmoid" and (slope is EXPONENT_SIGN or not slope.wrong):
        # The forward pass has its cost already; that somebody means 1 minus the sigmoid is rarer.
        return 0.1 if slope.wrong else 0.2
    return WRONG * slope.wrong
