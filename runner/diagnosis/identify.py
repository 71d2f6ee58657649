"""Which formula an update is: every term matched against those that are known, from the outputs to the inputs.

The outputs' layer is matched first, under every forward pass that may be the program's: its errors depend on all that
went before, so that a match proves the forward pass as well. Then each layer below is matched given the one above. Of
several formulas that fit, which are then the same on this network, the one with the fewest wrong terms is taken.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import product

import numpy as np

from runner.diagnosis.candidates import WRONG, Above, Layer
from runner.diagnosis.formula import Formula, LayerFormula
from runner.diagnosis.forward import Decimals, Forward, Pass, run_forward
from runner.diagnosis.functions import HARD
from runner.diagnosis.layer import OTHER_RATE, UNKNOWN, Matched, match_apart, match_layer, observe_layer
from runner.diagnosis.match import close, fit, same
from runner.diagnosis.observed import Observed
from runner.diagnosis.passes import plain_passes, unlikely
from runner.diagnosis.terms import ERROR_BELOW, right

# Ways of matching the outputs that are followed down to the inputs.
_KEPT = 6
# Formulas that fit as well are told, where they are hardly less likely.
_SAME = 0.25
# How much of a weight an update may leave: all, or nothing where it is set to its step; a share, with weight decay.
KEEPS: tuple[tuple[float | None, ...], ...] = ((1.0, 0.0), (1.0, None))
# Forward passes that are tried with weight decay.
_DECAYING = 40
# Forward passes with which single terms are looked for, where no formula fits as a whole.
_PARTLY = 100


@dataclass(frozen=True, eq=False)
class Identified:
    """What is known of an update.

    Attributes
    ----------
    forward : Forward or None
        None where nothing is known.
    layers : tuple of Matched
        From the inputs' layer to the outputs'.
    passed : Pass or None
    cost : float
        How unlikely it is.
    same : tuple of str
        Other names of the same formula.
    round_errors, constant
        As they were supposed.
    """

    forward: Forward | None
    layers: tuple[Matched, ...]
    passed: Pass | None
    cost: float
    same: tuple[str, ...] = ()
    round_errors: Decimals = field(default_factory=dict)
    constant: float = 1.0

    @property
    def known(self) -> bool:
        """Whether every term is."""
        return self.forward is not None and all(
            m.error and m.factor and m.bias_step and not m.bias_error for m in self.layers
        )

    @property
    def hides_outputs(self) -> bool:
        """Whether another output activation might make the same update."""
        top = self.layers[-1].error
        return top is not None and top.terms[0].fault == "target_for_residual" and top.terms[1].wrong

    def formula(self) -> Formula:
        """The update; every term must be known."""
        assert self.forward is not None
        layers = []
        for k, m in enumerate(self.layers):
            assert m.error is not None
            assert m.factor is not None
            assert m.bias_step is not None
            *_, slope, extra = m.error.terms
            sent, way = right("sent_back"), right("way_back")
            if k:
                lower = self.layers[k - 1].error
                assert lower is not None
                sent, way = lower.terms[:2]
            layers.append(
                LayerFormula(slope, m.factor, m.bias_step, sent, way, m.rate, m.bias_rate, m.keep, m.bias_keep, extra)
            )
        top = self.layers[-1].error
        assert top is not None
        return Formula(self.forward, top.terms[0], tuple(layers), self.round_errors, constant=self.constant)


NOTHING = Identified(None, (), None, np.inf)


def identify(
    seen: Observed,
    forwards: Sequence[Forward],
    keeps: Sequence[tuple[float | None, ...]] = KEEPS,
    partly: bool = True,
) -> Identified:
    """The formula of an update, or as much of it as is known.

    Parameters
    ----------
    seen : Observed
    forwards : sequence of Forward
        Forward passes that may be the program's, the likeliest first.
    keeps : sequence
        What an update may leave of a weight, tried one after the other.
    partly : bool
        Whether a formula of which only some terms are known is worth the search.
    """
    best = NOTHING
    agrees = [seen.outputs is not None and same(seen.outputs, _pass(seen, how).y, seen.unit) for how in forwards]
    groups = [[how for how, said in zip(forwards, agrees, strict=True) if said is kind] for kind in (True, False)]
    for group, kept in product(groups, keeps):
        for how in group[:_DECAYING] if None in kept else group:
            for found in _match_all(replace(seen, keeps=kept), how, _pass(seen, how)):
                if found.cost < best.cost:
                    best = found
            # Another forward pass would have other numbers, but where its outputs have no part in the error.
            if best.known and not best.hides_outputs:
                break
        if best.known:
            return _among_thresholds(best, seen, group)
    for how in (groups[0] or plain_passes(groups[1], _PARTLY)) if partly else ():
        found = _match_partly(seen, how, _pass(seen, how))
        if found.cost < best.cost:
            best = found
    return best


def _among_thresholds(best: Identified, seen: Observed, forwards: Sequence[Forward]) -> Identified:
    """Thresholds all put out the same, whatever smooth function they stand for: the likeliest of them."""
    assert best.forward is not None
    shape = _outline(best.forward)
    if HARD in shape[0]:
        for how in forwards:
            if _outline(how) == shape:
                for found in _match_all(replace(seen, keeps=KEEPS[0]), how, _pass(seen, how)):
                    best = found if found.known and found.cost < best.cost else best
    return best


def _outline(how: Forward) -> tuple[tuple[str, ...], frozenset[int]]:
    """A forward pass by what it puts out."""
    return tuple(HARD if name.startswith((HARD, "step")) else name for name in how.functions), how.outside


def _pass(seen: Observed, how: Forward) -> Pass:
    return run_forward(how, seen.W, seen.b, seen.x, seen.t, seen.W_after)


def _layer(seen: Observed, p: Pass, k: int, above: Above | None = None) -> Layer:
    return Layer(p, k, above, seen.round_errors, seen.constant)


def _match_all(seen: Observed, how: Forward, p: Pass) -> Iterator[Identified]:
    """All layers given a forward pass; nothing where the outputs' layer does not match."""
    tops = match_layer(seen, _layer(seen, p, p.last))
    for top in sorted(tops, key=lambda m: m.cost)[:_KEPT]:
        layers, total = [top], unlikely(how) + top.cost + WRONG * ((top.rate or top.bias_rate) < 0)
        also: tuple[str, ...] = ()
        for k in range(p.last - 1, -1, -1):
            above = layers[0]
            ranked = sorted(_below(seen, p, k, above), key=lambda m: _beside(m, above, top))
            cost = _beside(ranked[0], above, top)
            total += cost
            near = [m for m in ranked[1:] if _beside(m, above, top) < cost + _SAME and not _other_rate(m, top)]
            also += tuple(m.text() for m in near)
            layers.insert(0, ranked[0])
        layers = _with_errors_below(seen, p, layers)
        total -= UNKNOWN * sum(m.factor is ERROR_BELOW for m in layers)
        yield Identified(how, tuple(layers), p, total, also, seen.round_errors, seen.constant)


def _below(seen: Observed, p: Pass, k: int, above: Matched) -> list[Matched]:
    """A hidden layer, given what is known of the one above it."""
    d = above.error.d if above.error else above.d
    if d is None:
        return [observe_layer(seen, p, k)]
    layer = _layer(seen, p, k, Above(above.error.e if above.error else None, d))
    return match_layer(seen, layer) or match_apart(seen, layer) or [observe_layer(seen, p, k)]


def _beside(m: Matched, above: Matched, top: Matched) -> float:
    """How unlikely a layer is below another: the same mistake in both is one."""
    cost = m.cost + _other_rate(m, top)
    if m.factor is not None and m.factor.wrong and above.factor is not None:
        cost += -0.9 if m.factor is above.factor else 0.3
    if m.bias_step is not None and m.bias_step.wrong and m.bias_step is above.bias_step:
        cost -= 0.9
    if m.keep == 0 == above.keep:
        cost -= 0.9
    if m.error is not None and above.error is not None:
        cost -= 0.9 * sum(term.wrong for term in m.error.terms if term in above.error.terms)
    return cost


def _with_errors_below(seen: Observed, p: Pass, layers: list[Matched]) -> list[Matched]:
    """Weights that no factor fits may have the error of the layer below in their gradient."""
    found = list(layers)
    for k in range(1, len(layers)):
        lower = layers[k - 1].d
        if layers[k].factor is None and layers[k].error is not None and lower is not None:
            G = seen.directions(ERROR_BELOW.value(p, k, lower)[None])
            for keep in seen.keeps:
                fitted = fit(G, seen.W[k], seen.W_after[k], seen.unit, keep, seen.slack(k))
                if fitted.matches[0]:
                    rate, kept = float(fitted.rate[0]), float(fitted.keep[0])
                    found[k] = replace(layers[k], factor=ERROR_BELOW, rate=rate, keep=kept)
                    break
    return found


def _other_rate(m: Matched, top: Matched) -> float:
    ours, theirs = m.rate or m.bias_rate, top.rate or top.bias_rate
    if not ours or not theirs or close(ours, theirs):
        return 0.0
    return WRONG if ours * theirs < 0 else OTHER_RATE


def _match_partly(seen: Observed, how: Forward, p: Pass) -> Identified:
    """Where weights and biases of the outputs have no common error that is known."""
    seen = replace(seen, keeps=KEEPS[0])
    tops = match_apart(seen, _layer(seen, p, p.last)) or [observe_layer(seen, p, p.last)]
    layers = tops[:1]
    for k in range(p.last - 1, -1, -1):
        layers.insert(0, min(_below(seen, p, k, layers[0]), key=lambda m: m.cost))
    layers = _with_errors_below(seen, p, layers)
    return Identified(how, tuple(layers), p, unlikely(how) + sum(m.cost for m in layers))
