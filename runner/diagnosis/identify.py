"""Which formula an update is: every term matched against those that are known, from the outputs to the inputs.

The outputs' layer is matched first, under every forward pass that may be the program's: its errors depend on all that
went before, so that a match proves the forward pass as well. Then each layer below is matched given the one above. Of
several formulas that fit, which are then the same on this network, the one with the fewest wrong terms is taken.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import product

import numpy as np

from runner.diagnosis.formula import Formula, LayerFormula
from runner.diagnosis.forward import Forward, Layers, Pass, run_forward
from runner.diagnosis.functions import HIDDEN, OUTPUT, Floats
from runner.diagnosis.match import close, fit, same
from runner.diagnosis.rules import Rule
from runner.diagnosis.terms import BIAS_STEPS, ERROR_BELOW, EXTRAS, FACTORS, SENT, SIGNALS, SLOPES, WAYS, Term, right

# What makes a formula less likely than another that fits as well: a wrong term, another step size than the rest.
WRONG, OTHER_RATE, UNLIKE_BELIEF, UNKNOWN = 1.0, 0.4, 0.01, 10.0
# Output activations with which the residual alone is the slope of a loss by z (cross-entropy, or the perceptron rule).
FUSED = ("sigmoid", "softmax", "step", "softmax_over_batch", "softmax_over_all")
WRONG_FORWARD = (
    "falling_sigmoid",
    "softmax_over_batch",
    "softmax_over_all",
    "sigmoid_twice",
    "softmax_twice",
    "hard_sigmoid",
    "hard_tanh",
)
KEPT = 6
# Formulas that fit as well are told, where they are hardly less likely.
SAME = 0.25
_COMMON = {"sigmoid", "tanh", "relu", "identity", "softmax"}
# How much of a weight an update may leave: all; nothing, where it is set to its step; a share, with weight decay.
KEEPS: tuple[tuple[float | None, ...], ...] = ((1.0,), (1.0, 0.0), (1.0, None))
_FEW = 4
# Forward passes that are tried with weight decay.
_DECAYING = 40


@dataclass(frozen=True, eq=False)
class Observed:
    """Updates of a program, each from other weights and other samples.

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
    rule, calls : Rule and int
        An optimizer, and how many successive updates each start has.
    slack : float
        What weights may be off beside rounding, where a program rounds them itself.
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
    slack: float = 0.0

    def directions(self, gradients: Floats) -> Floats:
        """What a rule with memory makes of gradients (candidates, probes, ...); probes are the calls of each start."""
        if self.rule is None:
            return gradients
        n, probes, *shape = gradients.shape
        by_call = np.moveaxis(gradients.reshape(n, probes // self.calls, self.calls, *shape), 2, 0)
        with np.errstate(all="ignore"):
            made = self.rule.directions(list(by_call), 0)
        return np.stack(made, axis=2).reshape(gradients.shape)


@dataclass(frozen=True, eq=False)
class Error:
    """A candidate for the error dE/dz of a layer: the terms it is made of, and its numbers.

    `terms` are (slot, term); `e` is dE/da before the slope.
    """

    terms: tuple[Term, ...]
    e: Floats
    d: Floats
    cost: float


@dataclass(frozen=True, eq=False)
class Candidates:
    """Many candidates for the error of a layer, one above the other."""

    terms: Sequence[tuple[Term, ...]]
    e: Floats
    d: Floats
    costs: Floats

    def __getitem__(self, i: int) -> Error:
        return Error(self.terms[i], self.e[i], self.d[i], float(self.costs[i]))

    def __len__(self) -> int:
        return len(self.terms)


@dataclass(frozen=True, eq=False)
class Matched:
    """One layer whose update is known: its error, factor, bias step, and constants; None is what is not known."""

    error: Error | None
    factor: Term | None
    bias_step: Term | None
    rate: float
    bias_rate: float
    keep: float = 1.0
    bias_keep: float = 1.0
    d: Floats | None = None
    bias_error: Error | None = None

    def text(self) -> str:
        """Its wrong terms."""
        terms = (*(self.error.terms if self.error else ()), self.factor, self.bias_step)
        return (
            ", ".join(term.fault or term.formula for term in terms if term is not None and term.wrong) or "no mistake"
        )

    @property
    def cost(self) -> float:
        """How unlikely it is."""
        cost = self.error.cost if self.error else UNKNOWN
        for term in (self.factor, self.bias_step):
            cost += UNKNOWN if term is None else WRONG * term.wrong
        cost += WRONG * (self.keep == 0) + (UNKNOWN / 2 if self.bias_error else 0)
        if self.rate and self.bias_rate and not close(self.rate, self.bias_rate):
            cost += WRONG if self.rate * self.bias_rate < 0 else OTHER_RATE
        return cost


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
    """

    forward: Forward | None
    layers: tuple[Matched, ...]
    passed: Pass | None
    cost: float
    same: tuple[str, ...] = field(default_factory=tuple)

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
            sent, way = right("sent_back"), right("way_back")
            slope = m.error.terms[1] if k == len(self.layers) - 1 else m.error.terms[2]
            extra = right("extra") if k == len(self.layers) - 1 else m.error.terms[3]
            if k:
                lower = self.layers[k - 1].error
                assert lower is not None
                sent, way = lower.terms[0], lower.terms[1]
            layers.append(
                LayerFormula(slope, m.factor, m.bias_step, sent, way, m.rate, m.bias_rate, m.keep, m.bias_keep, extra)
            )
        top = self.layers[-1].error
        assert top is not None
        return Formula(self.forward, top.terms[0], tuple(layers))


def identify(
    seen: Observed,
    forwards: Sequence[Forward],
    errors_rounded: int | None = None,
    keeps: Sequence[tuple[float | None, ...]] = KEEPS,
    partly: bool = True,
) -> Identified:
    """The formula of an update, or as much of it as is known.

    Parameters
    ----------
    seen : Observed
    forwards : sequence of Forward
        Forward passes that may be the program's, the likeliest first.
    errors_rounded : int or None
        Decimals to which errors dE/dz are rounded.
    keeps : sequence
        What an update may leave of a weight, tried one after the other.
    partly : bool
        Whether a formula of which only some terms are known is worth the search.
    """
    best = Identified(None, (), None, np.inf)
    passes: tuple[list[tuple[Forward, Pass]], list[tuple[Forward, Pass]]] = ([], [])
    for how in forwards:
        p = run_forward(how, seen.W, seen.b, seen.x, seen.t, seen.W_after)
        passes[seen.outputs is None or not same(seen.outputs, p.y, seen.unit)].append((how, p))
    for group, kept in product(passes, keeps):
        for how, p in group[:_DECAYING] if None in kept else group:
            found = _match_all(replace(seen, keeps=kept), how, p, errors_rounded)
            if found is not None and found.cost < best.cost:
                best = found
            # Another forward pass would have other numbers, but where its outputs have no part in the error.
            if best.known and not best.hides_outputs:
                return best
        if best.known:
            return best
    for how, p in (passes[0] or passes[1]) if partly else ():
        found = _match_partly(seen, how, p, errors_rounded)
        if found is not None and found.cost < best.cost:
            best = found
    return best


def forwards(sizes: Sequence[int], hidden: str | None, output: str | None) -> list[Forward]:
    """Forward passes to try: what the author believes first, then plain ones, then wrong ones."""
    n_layers = len(sizes) - 1
    hiddens = sorted(HIDDEN, key=lambda name: name != hidden) if n_layers > 1 else ["identity"]
    # One output's softmax is 1, but for its sums over a batch.
    possible = [name for name in OUTPUT if sizes[-1] > 1 or name not in ("softmax", "softmax_twice")]
    outputs = sorted(possible, key=lambda name: name != output)
    found = [
        Forward((h,) * (n_layers - 1) + (o,), outside)
        for outside in (False, True)
        for h, o in product(hiddens, outputs)
    ]
    if n_layers > 2:
        mixed = product(hiddens[:4], repeat=n_layers - 1) if n_layers < 5 else ()
        found += [Forward((*m, o)) for m in mixed if len(set(m)) > 1 for o in outputs[:5]]
    return sorted(found, key=lambda how: (_unlikely(how), len(set(how.functions) - _COMMON)))


def _unlikely(how: Forward) -> float:
    wrong = len({name for name in how.functions if name in WRONG_FORWARD})
    # A falling sigmoid with its right slope is 1 - sigmoid: rare, but no mistake.
    return WRONG * how.outside + 0.9 * wrong


def _match_all(seen: Observed, how: Forward, p: Pass, rounded: int | None) -> Identified | None:
    """All layers given a forward pass; None where the outputs' layer does not match."""
    tops = _match_layer(seen, p, p.last, output_errors(p, rounded))
    best: Identified | None = None
    for top in sorted(tops, key=lambda m: m.cost)[:KEPT]:
        layers, total = [top], _unlikely(how) + top.cost + WRONG * ((top.rate or top.bias_rate) < 0)
        also: tuple[str, ...] = ()
        for k in range(p.last - 1, -1, -1):
            above = layers[0]
            matched = _match_layer(seen, p, k, _hidden_errors(p, k, above, rounded)) or _observed(seen, p, k)
            ranked = sorted(matched, key=lambda m: _beside(m, above, top))
            total += _beside(ranked[0], above, top)
            limit = _beside(ranked[0], above, top) + SAME
            also += tuple(m.text() for m in ranked[1:] if _beside(m, above, top) < limit and not _other_rate(m, top))
            layers.insert(0, ranked[0])
        layers = _with_errors_below(seen, p, layers)
        total -= UNKNOWN * sum(m.factor is ERROR_BELOW for m in layers)
        if best is None or total < best.cost:
            best = Identified(how, tuple(layers), p, total, also)
    return best


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
            G = ERROR_BELOW.value(p, k, lower)[None]
            for keep in seen.keeps:
                fitted = fit(G, seen.W[k], seen.W_after[k], seen.unit, keep)
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


def _match_partly(seen: Observed, how: Forward, p: Pass, rounded: int | None) -> Identified | None:
    """Where the outputs' error is not known: its numbers are taken from their biases or weights."""
    tops = _observed(seen, p, p.last)
    if not tops:
        return None
    layers = [tops[0]]
    for k in range(p.last - 1, -1, -1):
        candidates = _hidden_errors(p, k, layers[0], rounded)
        matched = _match_layer(seen, p, k, candidates) or _observed(seen, p, k)
        if not matched:
            return None
        layers.insert(0, min(matched, key=lambda m: m.cost))
    return Identified(how, tuple(layers), p, _unlikely(how) + sum(m.cost for m in layers))


def _round(d: Floats, decimals: int | None) -> Floats:
    return d if decimals is None else np.round(d, decimals)


def output_errors(p: Pass, rounded: int | None) -> Candidates:
    """What may stand as the error dE/dz of the outputs."""
    k = p.last
    with np.errstate(all="ignore"):
        signals = [signal for signal in SIGNALS if signal.applies(p, k)]
        e = np.stack([signal.value(p) for signal in signals])
        terms: list[tuple[Term, ...]] = []
        costs: list[float] = []
        d = []
        for slope in SLOPES:
            if slope.applies(p, k):
                d.append(_round(slope.value(p, k, e), rounded))
                terms += [(signal, slope) for signal in signals]
                costs += [_output_cost(p, signal, slope) for signal in signals]
    return _finite(terms, np.concatenate([e] * len(d)), np.concatenate(d), costs)


def _output_cost(p: Pass, signal: Term, slope: Term) -> float:
    if slope.fault == "no_slope" and not signal.wrong and p.functions[-1].name in FUSED and p.a[-1] is p.values[-1]:
        # The residual with such an output is the slope of the cross-entropy, whose own slope is another.
        return 0.005 if signal in (SIGNALS[0], SIGNALS[2]) else WRONG
    if signal is SIGNALS[2]:
        return WRONG + _slope_cost(p, p.last, slope)
    if signal is SIGNALS[1] and p.functions[-1].name in FUSED and p.functions[-1].slope is not None and not slope.wrong:
        # With a sigmoid the two of them are the residual, which is what a program has.
        return 0.006
    return WRONG * signal.wrong + _slope_cost(p, p.last, slope)


def _finite(terms: Sequence[tuple[Term, ...]], e: Floats, d: Floats, costs: Sequence[float]) -> Candidates:
    """Without those that are not numbers."""
    kept = np.flatnonzero(np.isfinite(d).all(axis=tuple(range(1, d.ndim))))
    return Candidates([terms[i] for i in kept.tolist()], e[kept], d[kept], np.asarray(costs)[kept])


def _slope_cost(p: Pass, k: int, slope: Term) -> float:
    if p.functions[k].name == "falling_sigmoid" and (slope.fault == "exponent_sign" or not slope.wrong):
        # The forward pass has its cost already; that somebody means 1 minus the sigmoid is rarer.
        return 0.1 if slope.wrong else 0.2
    return WRONG * slope.wrong


def _hidden_errors(p: Pass, k: int, above: Matched, rounded: int | None) -> Candidates | None:
    """What may stand as the error dE/dz of a hidden layer, given what the layer above has."""
    d_above = above.error.d if above.error else above.d
    if d_above is None:
        return None
    e_above = above.error.e if above.error else d_above
    with np.errstate(all="ignore"):
        ways, e = [], []
        for sent, way in product(SENT, WAYS):
            known = above.error is not None or not sent.wrong or sent.fault == "outputs_sent_back"
            if known and sent.applies(p, k + 1) and way.applies(p, k + 1):
                ways.append((sent, way))
                e.append(way.value(p, k + 1, sent.value(p, k + 1, e_above, d_above)))
        terms: list[tuple[Term, ...]] = []
        costs: list[float] = []
        stacked, d = np.stack(e), []
        for slope, extra in product(SLOPES, EXTRAS):
            if slope.applies(p, k):
                d.append(_round(extra.value(p, k, slope.value(p, k, stacked)), rounded))
                terms += [(sent, way, slope, extra) for sent, way in ways]
                own = WRONG * extra.wrong + _slope_cost(p, k, slope)
                costs += [WRONG * (sent.wrong + way.wrong) + own for sent, way in ways]
    return _finite(terms, np.concatenate([stacked] * len(d)), np.concatenate(d), costs)


def _frozen(before: Floats, after: Floats) -> bool:
    return bool((before == after).all())


def _match_layer(seen: Observed, p: Pass, k: int, errors: Candidates | None) -> list[Matched]:
    """All ways in which a layer's update is made of known terms."""
    if not errors:
        return []
    D = errors.d
    biases, weights = _fit_biases(seen, p, k, D), _fit_weights(seen, p, k, D)
    found = []
    for i in sorted(weights.keys() & biases.keys()):
        error = errors[i]
        for (factor, rate, keep), (bias_step, bias_rate, bias_keep) in product(weights[i], biases[i]):
            if rate or bias_rate:
                found.append(Matched(error, factor, bias_step, rate, bias_rate, keep, bias_keep, error.d))
    if found:
        return found
    # Weights and biases may have errors of their own.
    both = [(i, j) for i in weights for j in biases]
    for i, j in sorted(both, key=lambda pair: errors[pair[0]].cost + errors[pair[1]].cost)[:1]:
        (factor, rate, keep), (bias_step, bias_rate, bias_keep) = weights[i][0], biases[j][0]
        if rate and bias_rate:
            other = errors[j]
            found.append(Matched(errors[i], factor, bias_step, rate, bias_rate, keep, bias_keep, errors[i].d, other))
    if not found and weights and not biases:
        i = min(weights, key=lambda i: errors[i].cost)
        factor, rate, keep = weights[i][0]
        if rate:
            found.append(Matched(errors[i], factor, None, rate, 0.0, keep, 1.0, errors[i].d))
    if not found and biases and not weights:
        i = min(biases, key=lambda i: errors[i].cost)
        bias_step, bias_rate, bias_keep = biases[i][0]
        if bias_rate:
            found.append(Matched(errors[i], None, bias_step, 0.0, bias_rate, 1.0, bias_keep, errors[i].d))
    return found


_Parts = dict[int, list[tuple[Term, float, float]]]


def _fit_weights(seen: Observed, p: Pass, k: int, D: Floats) -> _Parts:
    """Errors and factors that make the weights' step: for the number of an error, (factor, rate, keep)."""
    before, after = seen.W[k], seen.W_after[k]
    if _frozen(before, after):
        return {i: [(right("factor"), 0.0, 1.0)] for i in range(len(D))}
    return _fit_group(seen, p, k, D, FACTORS, before, after)


def _fit_biases(seen: Observed, p: Pass, k: int, D: Floats) -> _Parts:
    before, after = seen.b[k], seen.b_after[k]
    if _frozen(before, after):
        return {i: [(right("bias_step"), 0.0, 1.0)] for i in range(len(D))}
    return _fit_group(seen, p, k, D, BIAS_STEPS, before, after)


def _fit_group(
    seen: Observed, p: Pass, k: int, D: Floats, terms: Sequence[Term], before: Floats, after: Floats
) -> _Parts:
    found: _Parts = {}
    few = p.first(_FEW)
    for keep in seen.keeps:
        for term in terms:
            if not term.applies(p, k):
                continue
            # Few probes sort most candidates out.
            with np.errstate(all="ignore"):
                G = seen.directions(term.value(few, k, D[:, :_FEW]))
            matches = fit(G, before[:_FEW], after[:_FEW], seen.unit, keep, seen.slack).matches
            if term.fault == "weight_itself":
                # With an error that is the same for all, it would only be weight decay.
                sizes = np.abs(D[:, :_FEW]).reshape(len(D), -1)
                matches &= np.ptp(sizes, axis=1) > 1e-9 * sizes.max(axis=1)
            near = np.flatnonzero(matches)
            if len(near):
                G = seen.directions(term.value(p, k, D[near]))
                fitted = fit(G, before, after, seen.unit, keep, seen.slack)
                for i in np.flatnonzero(fitted.matches).tolist():
                    found.setdefault(int(near[i]), []).append((term, float(fitted.rate[i]), float(fitted.keep[i])))
        if found:
            break
    return found


def _observed(seen: Observed, p: Pass, k: int) -> list[Matched]:
    """A layer whose error is not known, but for its numbers: those of its biases, or of weights with their inputs."""
    moves_w, moves_b = not _frozen(seen.W[k], seen.W_after[k]), not _frozen(seen.b[k], seen.b_after[k])
    candidates: list[Floats] = []
    if moves_b and p.a[0].shape[1] == 1:
        candidates.append((seen.b[k] - seen.b_after[k])[:, None])
    if moves_w and p.a[0].shape[1] == 1:
        a = p.a[k][:, 0]
        with np.errstate(all="ignore"):
            d = np.einsum("poi,pi->po", seen.W[k] - seen.W_after[k], a) / (a * a).sum(-1, keepdims=True)
        candidates.append(d[:, None])
    for d in candidates:
        weights, biases = _fit_weights(seen, p, k, d[None]), _fit_biases(seen, p, k, d[None])
        if 0 in weights and 0 in biases and (moves_w and (p.a[k].shape[2] > 1 or moves_b)):
            (factor, rate, keep), (bias_step, bias_rate, bias_keep) = weights[0][0], biases[0][0]
            return [Matched(None, factor, bias_step, rate, bias_rate, keep, bias_keep, d)]
    return [Matched(None, None, None, 0.0, 0.0)]
