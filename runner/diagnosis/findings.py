"""What is wrong in a training step, what is not known, and what is worth a note: as data for the page and for JSON."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from runner.diagnosis.find import Found
from runner.diagnosis.formula import LayerFormula
from runner.diagnosis.identify import FUSED, Matched
from runner.diagnosis.order import Order
from runner.diagnosis.process import BATCHES, Process
from runner.diagnosis.rules import Momentum
from runner.diagnosis.terms import EXTRAS, SLOPES, Term, right
from runner.ops.faults import FAULTS

SQUARED = ("half_sse", "sse", "half_mse", "mse")


@dataclass(frozen=True)
class Finding:
    """One term that stands wrong.

    Attributes
    ----------
    term : str
        Which term of the update it is.
    layer : int or None
        The layer of weights, from 1; None where it is all of them, or none.
    says : str
        In words.
    is_, should_be : str
        As formulas.
    fault : str or None
        As the key `faults` of a study has it; None where the formula is known and has no name.
    line : str
        The line of NumPy to look for.
    exact : bool
        Whether a study with this fault trains the same.
    """

    term: str
    layer: int | None
    says: str
    is_: str
    should_be: str
    fault: str | None
    line: str
    exact: bool = True

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "term": self.term,
            "layer": self.layer,
            "says": self.says,
            "is": self.is_,
            "should_be": self.should_be,
            "fault": self.fault,
            "line": self.line,
        }


@dataclass(frozen=True)
class _Wrong:
    """A term of one layer that stands wrong, before layers are put together."""

    name: str
    term: str
    layers: Sequence[int]
    """Layers in which it could stand."""
    layer: int
    says: str
    is_: str
    should_be: str
    line: str
    exact: bool = True


def findings(
    process: Process, believed_loss: str | None, sizes: Sequence[int], shared_bias: bool = False
) -> list[Finding]:
    """All that is wrong in a training step that is known.

    Parameters
    ----------
    process : Process
    believed_loss : str or None
        The loss that the author says he has.
    sizes : sequence of int
        Units of every layer: over one unit, a sum shows nothing.
    shared_bias : bool
        Whether a layer has one bias for all its units: its step is the sum over them.
    """
    if shared_bias:
        process = _without_sums(process)
    wrong = [
        *_of_forward(process),
        *_of_terms(process, believed_loss, sizes),
        *_of_steps(process),
        *_of_memory(process),
    ]
    if process.batch == "weight_by_weight":
        wrong.append(
            _network(
                "bias_per_weight",
                "bias_step",
                "every weight is updated in a pass of its own, its unit's bias once more with each of them",
                "b_j -= h d_j, once for every weight",
                "b_j -= h d_j, once",
                "for i in range(n_inputs): W[:, i] -= step; b -= step_of_bias",
            )
        )
    if process.batch in ("first", "last"):
        says = f"of the samples of a call, {BATCHES[process.batch].removeprefix('it uses ')}"
        wrong.append(
            _network("", "batch", says, f"the {process.batch} sample", "all samples", "return inside the loop")
        )
    return list(_together(wrong))


def _without_sums(process: Process) -> Process:
    layers = tuple(
        replace(layer, bias_step=right("bias_step")) if layer.bias_step.fault == "bias_step_summed" else layer
        for layer in process.formula.layers
    )
    return replace(process, formula=replace(process.formula, layers=layers))


def _network(name: str, term: str, says: str, is_: str, should_be: str, line: str) -> _Wrong:
    return _Wrong(name, term, (0,), 0, says, is_, should_be, line)


def _together(wrong: Sequence[_Wrong]) -> Iterator[Finding]:
    """One finding for what stands in all layers in which it can."""
    done: set[str] = set()
    for one in wrong:
        key = one.name or one.is_
        layers = [other.layer for other in wrong if (other.name or other.is_) == key]
        everywhere = set(layers) == set(one.layers)
        if everywhere and key in done:
            continue
        done.add(key)
        fault: str | None = one.name or None
        if fault and not everywhere:
            inner = f"{fault[:-1]}, layer={one.layer})" if fault.endswith(")") else f"{fault}(layer={one.layer})"
            fault = inner
        layer = one.layer if one.layer and len(layers if everywhere else [1]) == 1 else None
        yield Finding(one.term, layer, *_words(one), fault, _line(one), one.exact)


def _words(one: _Wrong) -> tuple[str, str, str]:
    """The registry's words where it has them: they are the same in the documentation of studies."""
    record = _record(one)
    says = getattr(record, "doc", "").rstrip(".") or one.says
    return (
        says[0].upper() + says[1:],
        getattr(record, "formula", "") or one.is_,
        getattr(record, "right", "") or one.should_be,
    )


def _line(one: _Wrong) -> str:
    return getattr(_record(one), "line", "") or one.line


def _record(one: _Wrong) -> Any:
    name = one.name.split("(")[0]
    return FAULTS[name] if name in set(FAULTS) else None


def _of_forward(process: Process) -> Iterator[_Wrong]:
    how = process.formula.forward
    every = range(1, len(how.functions) + 1)
    for layer, name in zip(every, how.functions, strict=True):
        if name.startswith("hard_"):
            says = "a unit puts out 1 where its weighted sum is at least 0, else 0; its slope is a smooth one"
            yield _Wrong("hard_threshold", "forward", every, layer, says, "1 if z >= 0 else 0", "f(z)", "a = z >= 0")
    if how.outside:
        for layer in every:
            says = "the bias is added to the activation instead of the weighted sum"
            yield _Wrong(
                "bias_outside", "forward", every, layer, says, "f(W x) + b", "f(W x + b)", "a = f(x @ W.T) + b"
            )
    last = how.functions[-1]
    if last.startswith("softmax_over"):
        says = "softmax divides by a sum over the wrong axis"
        is_ = (
            "exp(z_nk) / sum over m of exp(z_mk)"
            if last.endswith("batch")
            else "exp(z_nk) / sum over all m, l of exp(z_ml)"
        )
        line = "y = e / e.sum(axis=0)" if last.endswith("batch") else "y = e / e.sum()"
        yield _network(last, "forward", says, is_, "exp(z_nk) / sum over l of exp(z_nl)", line)
    if last.endswith("_twice"):
        says = "the output activation is applied twice"
        yield _network("", "forward", says, "f(f(z))", "f(z)", "y = f(f(z))")
    if how.carries:
        for layer in every:
            says = "a weighted sum starts from what the unit put out before, instead of from 0"
            line = "neuron.value += w * x"
            yield _Wrong("sum_from_last_output", "memory", every, layer, says, "W x + b + a_last", "W x + b", line)
    formula = process.formula
    for name, decimals in (
        ("round_sums", how.round_sums),
        ("round_outputs", how.round_outputs),
        ("round_errors", formula.round_errors),
        ("round_weights", formula.round_weights),
    ):
        if decimals is not None:
            what = name.removeprefix("round_")
            says = f"{what} are rounded to {decimals} decimals"
            call = f"round({what}, {decimals})"
            yield _network(f"{name}({decimals})", "arithmetic", says, call, what, call)


def _of_terms(process: Process, believed_loss: str | None, sizes: Sequence[int]) -> Iterator[_Wrong]:
    formula = process.formula
    n = len(formula.layers)
    every, hidden = range(1, n + 1), range(1, n)
    if formula.signal.wrong:
        yield _wrong(formula.signal, (0,), 0)
    for k, layer in enumerate(formula.layers):
        number = k + 1
        places = hidden if k < n - 1 else (n,)
        if formula.forward.functions[k] == "falling_sigmoid" and layer.slope.wrong:
            yield _wrong(_EXPONENT, every, number)
        if layer.slope.wrong and layer.slope.fault == "no_slope":
            how = formula.forward
            fused = k == n - 1 and how.functions[k] in FUSED and not formula.signal.wrong and not how.outside
            if not fused or (believed_loss in SQUARED and formula.forward.functions[k] != "step"):
                name = "no_output_slope" if k == n - 1 else "no_hidden_slope"
                yield _wrong(layer.slope, places, number, name)
        elif layer.slope.fault != "exponent_sign" and layer.slope.wrong:
            yield _wrong(layer.slope, places if not _anywhere(formula.layers, "slope", layer.slope) else every, number)
        if layer.extra.wrong:
            yield _wrong(layer.extra, hidden, number)
        if layer.factor.wrong:
            yield _wrong(layer.factor, range(2, n + 1) if layer.factor.fault in _ABOVE else every, number)
        if layer.bias_step.wrong:
            summed = layer.bias_step.fault == "bias_step_summed"
            yield _wrong(layer.bias_step, [at for at in every if sizes[at] > 1 or not summed], number)
        if k < n - 1:
            above = formula.layers[k + 1]
            if above.sent.fault == "no_output_derivative":
                yield _wrong(above.sent, (number,), number)
            elif above.sent.wrong:
                yield _wrong(above.sent, hidden, number)
            if above.way.wrong:
                yield _wrong(above.way, hidden, number)


_EXPONENT = next(term for term in SLOPES if term.fault == "exponent_sign")
_ABOVE = ("weighted_sum", "error_below")


def _anywhere(layers: Iterable[LayerFormula], slot: str, term: Term) -> bool:
    return all(getattr(layer, slot).fault == term.fault for layer in layers)


def _wrong(term: Term, places: Sequence[int], layer: int, name: str | None = None) -> _Wrong:
    should = right(term.slot).formula
    slot = "slope" if term.slot == "extra" else term.slot
    if term in EXTRAS:
        should = right("slope").formula
    return _Wrong(name or term.fault, slot, places, layer, term.says, term.formula, should, term.line, term.exact)


def _of_steps(process: Process) -> Iterator[_Wrong]:
    """Direction of each group of weights, and weights that do not move or do not stay."""
    layers = process.formula.layers
    every = range(1, len(layers) + 1)
    trained = any(layer.bias_rate for layer in layers)
    for number, layer in zip(every, layers, strict=True):
        w_up, b_up = layer.rate < 0, layer.bias_rate < 0
        if (w_up or not layer.rate) and (b_up or not layer.bias_rate) and (w_up or b_up):
            says = "the gradient is added instead of subtracted"
            yield _Wrong("ascent", "direction", every, number, says, "w += h g", "w -= h g", "W += rate * gradient")
        elif w_up:
            says = "the gradient of the weights is added instead of subtracted; that of the biases is not"
            yield _Wrong(
                "weight_ascent", "direction", every, number, says, "w += h g", "w -= h g", "W += rate * gradient"
            )
        elif b_up:
            says = "the gradient of the biases is added instead of subtracted; that of the weights is not"
            yield _Wrong(
                "bias_ascent", "direction", every, number, says, "b += h g", "b -= h g", "b += rate * gradient"
            )
        if layer.keep == 0:
            says = "a weight is set to its step instead of moved by it"
            yield _Wrong(
                "weight_set_to_step", "memory", every, number, says, "w = -h g", "w -= h g", "W = -rate * gradient"
            )
        if layer.bias_keep == 0:
            says = "a bias is set to its step instead of moved by it"
            yield _Wrong(
                "bias_set_to_step", "memory", every, number, says, "b = -h g", "b -= h g", "b = -rate * gradient"
            )
        if not layer.rate:
            says = "the weights of this layer do not move"
            yield _Wrong("weights_not_trained", "memory", every, number, says, "w = w(0)", "w -= h g", "optimizer(...)")
        if trained and not layer.bias_rate:
            says = "the biases of this layer do not move, those of other layers do"
            yield _Wrong("biases_not_trained", "memory", every, number, says, "b = b(0)", "b -= h g", "optimizer(...)")


def _of_memory(process: Process) -> Iterator[_Wrong]:
    rule = process.rule
    if not isinstance(rule, Momentum):
        return
    every = range(1, len(process.formula.layers) + 1)
    trained = any(layer.bias_rate for layer in process.formula.layers)
    if rule.momentum == 1:
        for number in every:
            says = "gradients are never set to zero: every step is one of the sum of all of them"
            line = "gradient += ...   # and never gradient[:] = 0"
            yield _Wrong("gradient_never_zeroed", "memory", every, number, says, "v = v + g", "v = g", line)
    if rule.momentum < 0:
        says = "the velocity has the wrong sign"
        yield _network("momentum_sign", "memory", says, "v = g - m v", "v = g + m v", "v = gradient - m * v")
    if rule.late:
        says = "the step is that of the update before: a gradient counts one update late"
        yield _network(
            "momentum_late", "memory", says, "w -= h v, then v = m v + g", "v = m v + g, then w -= h v", "W -= rate * v"
        )
    if trained and rule.bias_momentum == 0 != rule.momentum:
        for number in every:
            says = "weights have momentum and biases have none"
            yield _Wrong(
                "momentum_of_weights_only", "memory", every, number, says, "b -= h g", "b -= h v", "b -= rate * delta"
            )


def unknown(found: Found) -> list[dict[str, Any]]:
    """What is not known, with the numbers of the first probe."""
    told: list[dict[str, Any]] = []
    if not found.deterministic:
        return [
            {
                "term": "update",
                "layer": None,
                "says": "the program is not deterministic: the same update twice gives other weights",
            }
        ]
    if found.process is None:
        layers = found.identified.layers or (None,) * found.seen.W.__len__()
        for k, matched in enumerate(layers):
            for term, says in _missing(matched):
                told.append({"term": term, "layer": k + 1, "says": says, "numbers": _numbers(found, k)})
        if found.identified.forward is None:
            told.insert(0, {"term": "forward", "layer": None, "says": "no forward pass that is known fits the update"})
    if not found.memory_known:
        says = "what an update keeps from the one before is none of the known sums, momenta and optimizers"
        told.append({"term": "memory", "layer": None, "says": says})
    if not found.batch_known:
        says = "how the samples of one call are put together is not known"
        told.append({"term": "batch", "layer": None, "says": says})
    return told


def _missing(matched: Matched | None) -> Iterator[tuple[str, str]]:
    if matched is None or (matched.error is None and matched.factor is None):
        yield "layer", "the update of this layer is none of the known formulas"
        return
    if matched.error is None:
        yield "error", "the error dE/dz of this layer is none of the known formulas; its factor is known"
    if matched.factor is None:
        yield "factor", "the step of the weights is no known factor times the error of the layer"
    if matched.bias_step is None or matched.bias_error is not None:
        yield "bias_step", "the step of the biases is not made from the error of the layer"


def _numbers(found: Found, k: int) -> dict[str, Any]:
    """Weights and steps of a layer in the first probe, for who wants to look."""
    seen = found.seen
    return {
        "weights": seen.W[k][0].tolist(),
        "step": (seen.W_after[k][0] - seen.W[k][0]).tolist(),
        "bias_step": (seen.b_after[k][0] - seen.b[k][0]).tolist(),
    }


_ORDERS = {
    "until_right": ("the same sample until it is right, then the next", "while abs(error) > tolerance: update(x, t)"),
    "first_batch": ("the same samples in every update", "update(X[0], T[0])"),
    "epoch_slice": ("samples e, ..., e + B in epoch e", "batch = X[epoch : epoch + B + 1]"),
    "nothing": ("no update, or one too few", "for u in range(1, updates)"),
}


def order_finding(order: Order) -> Finding | None:
    """What is wrong in the order of the samples."""
    if order.name not in _ORDERS:
        return None
    is_, line = _ORDERS[order.name]
    name = order.name if order.name != "nothing" else ""
    wrong = _network(name, "order", order.says, is_, "every sample in turn, or shuffled", line)
    return replace(next(_together([wrong])), says=order.says[0].upper() + order.says[1:])
