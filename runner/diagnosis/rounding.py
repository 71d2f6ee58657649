"""Programs that round: to how many decimals weights, sums, outputs and errors of each layer are rounded.

Rounded numbers betray themselves: weights and errors of a layer are multiples of 0.1^n, and so are the activations that
stand as factors in the steps of the weights above them. What shows so is taken as a hypothesis, and the decimals that
show nowhere, those of the outputs, are tried one after the other; a formula with all of them is then matched to the
last digit, as any other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from runner.diagnosis.constants import products
from runner.diagnosis.formula import Formula
from runner.diagnosis.forward import Decimals, Forward
from runner.diagnosis.functions import Floats
from runner.diagnosis.identify import identify
from runner.diagnosis.observed import Observed
from runner.diagnosis.passes import plain_passes
from runner.diagnosis.process import Process, agreement, simulate

# Decimals that are looked for, the most first: more do not show in float64.
_MOST = 10
# So many numbers beside 0 must be multiples of 0.1^n.
_ENOUGH = 6
# Forward passes that are tried with other faults, with decimals that show, and with all that do not show.
_WITH_OTHERS, _SHOWN, _HIDDEN = 400, 200, 12
_KEEPS = ((1.0, 0.0),)

_INVERSES: dict[str, Callable[[Floats], Floats]] = {
    "sigmoid": lambda a: np.log(a / (1 - a)),
    "tanh": np.arctanh,
    "softplus": lambda a: np.log(np.expm1(a)),
    "softsign": lambda a: a / (1 - np.abs(a)),
    "leaky_relu": lambda a: np.where(a > 0, a, a / 0.01),
}


def rounded(
    seen: Observed, forwards: Sequence[Forward], learning_rate: float, sizes: Sequence[int], hidden: bool
) -> Formula | None:
    """The formula with weights, sums, outputs or errors rounded to some decimals; None where there is none.

    Parameters
    ----------
    hidden : bool
        Whether decimals are looked for that show nowhere, which takes long; otherwise those that show.
    """
    weights = _weights(seen)
    errors = _errors(seen, learning_rate)
    outputs = sizes[-1]

    def matched(hows: Sequence[Forward], round_errors: Decimals) -> Formula | None:
        # Rounding is not linear: the constant of the loss counts.
        for constant in dict.fromkeys((1.0, 2.0, 1.0 / outputs, 2.0 / outputs)) if round_errors else (1.0,):
            near = replace(seen, round_weights=weights, round_errors=round_errors, constant=constant)
            found = identify(near, hows, keeps=_KEEPS, partly=False)
            if found.known:
                if not weights:
                    return found.formula()
                if formula := _exactly(replace(found.formula(), round_weights=weights), seen, learning_rate, sizes):
                    return formula
        return None

    plain = plain_passes(forwards, _SHOWN)
    shown = [errors] if weights or errors else []
    if errors and all(seen.frozen(k)[1] for k in range(len(seen.W))):
        # Without biases, only those of the first layer show.
        shown.insert(0, dict.fromkeys(range(len(seen.W)), errors[0]))
    if not hidden:
        for hows in (plain, list(forwards)[:_WITH_OTHERS]):
            for round_errors in shown:
                if formula := matched(hows, round_errors):
                    return formula
        return next(filter(None, (matched([how], errors) for how in _shown(seen, plain))), None)
    few = plain[:_HIDDEN]
    for how in _hidden(plain, few):
        if formula := matched([how], errors):
            return formula
    # The steps of biases would have shown the decimals of errors.
    for n in range(_MOST, 0, -1) if all(seen.frozen(k)[1] for k in range(len(seen.b))) else ():
        layers = range(len(seen.W))
        for round_errors in (dict.fromkeys(layers, n), *({k: n} for k in layers)):
            if formula := matched(few, round_errors):
                return formula
    return None


def _decimals(numbers: Floats, error: Floats | float) -> int | None:
    """The fewest decimals that all these numbers have, each known to an error; None where there is no such number."""
    with np.errstate(all="ignore"):
        error = np.broadcast_to(np.asarray(error, float), numbers.shape)
        # Numbers that are known to few digits show nothing.
        used = np.isfinite(numbers) & (error < 1e-4) & (np.abs(numbers) > 1e3 * error)
    if np.count_nonzero(used) < _ENOUGH:
        return None
    numbers, error = numbers[used], error[used]
    if (np.abs(numbers - np.round(numbers)) <= error).all():
        # Thresholds put out whole numbers, and round nothing.
        return None
    for n in range(1, _MOST + 1):
        sharp = error * 10.0**n < 0.01
        scaled = numbers[sharp] * 10.0**n
        if len(scaled) < max(_ENOUGH, len(numbers) // 2):
            return None
        if (np.abs(scaled - np.round(scaled)) <= error[sharp] * 10.0**n).all():
            return n
    return None


def _weights(seen: Observed) -> dict[int, int]:
    """Decimals of the weights of layers after an update, where they have few."""
    found = {}
    for k in range(len(seen.W)):
        after, before = (
            np.concatenate([part.ravel() for part in parts])
            for parts in ((seen.W_after[k], seen.b_after[k]), (seen.W[k], seen.b[k]))
        )
        n = _decimals(after, 4e-16 * np.maximum(1.0, np.abs(after)))
        if n is not None and _decimals(before, 4e-16) is None:
            found[k] = n
    return found


def _errors(seen: Observed, learning_rate: float) -> dict[int, int]:
    """Decimals of the errors of layers, as the steps of their biases are multiples of the learning rate."""
    found = {}
    outputs = seen.t.shape[2]
    for k, (before, after) in enumerate(zip(seen.b, seen.b_after, strict=True)):
        if k == 0 and seen.frozen(0)[1] and seen.x.shape[1] == 1:
            # Without a bias, the steps of weights from inputs that are known.
            before, after = seen.W[0] / seen.x, seen.W_after[0] / seen.x
        for factor in dict.fromkeys((1.0, 2.0, 0.5, 1.0 / outputs, 2.0 / outputs)):
            step = abs(factor * learning_rate)
            n = _decimals((before - after) / step, 4 * seen.unit * (np.abs(before) + np.abs(after)) / step)
            if n is not None:
                found[k] = n
                break
    return found


def _ratios(seen: Observed, k: int) -> tuple[Floats, Floats]:
    """The steps of weights divided by those of their unit's bias, and the errors of that: mostly activations below."""
    with np.errstate(all="ignore"):
        dW, db = seen.W[k] - seen.W_after[k], (seen.b[k] - seen.b_after[k])[..., None]
        ratio = dW / db
        error = 4 * seen.unit * (np.abs(seen.W[k]) + np.abs(ratio) * np.abs(seen.b[k])[..., None]) / np.abs(db)
    return ratio, error


def _shown(seen: Observed, hows: Sequence[Forward]) -> Iterator[Forward]:
    """Forward passes with the decimals that show in steps: those of the layer below, or of the layer itself."""
    names = {name for how in hows for name in how.functions if name in _INVERSES}
    for shift in (1, 0):
        outputs: dict[int, int] = {}
        sums: dict[tuple[int, str], int] = {}
        for k in range(len(seen.W) - shift):
            ratio, error = _ratios(seen, k + shift)
            if (n := _decimals(ratio, error)) is not None:
                outputs[k] = n
            for name in names:
                with np.errstate(all="ignore"):
                    z = _INVERSES[name](ratio)
                    off = np.abs(_INVERSES[name](ratio + error) - z) + 1e-15 * np.abs(z)
                if (n := _decimals(z, off)) is not None:
                    sums[k, name] = n
        if outputs or sums:
            for how in hows:
                own = {k: sums[k, name] for k, name in enumerate(how.functions) if (k, name) in sums}
                yield from _with_outputs(how, own, outputs)


def _with_outputs(how: Forward, sums: dict[int, int], outputs: dict[int, int]) -> Iterator[Forward]:
    """With decimals that show, of sums or of what is put out, and with as many for the outputs."""
    last = len(how.functions) - 1
    rest = {k: n for k, n in outputs.items() if k not in sums}
    hypotheses: list[tuple[dict[int, int], dict[int, int]]] = [(sums, rest), ({}, outputs), (outputs | sums, {})]
    for i, (of_sums, of_outputs) in enumerate(hypotheses):
        if (of_sums or of_outputs) and (of_sums, of_outputs) not in hypotheses[:i]:
            either = how.rounding("sums", of_sums).rounding("outputs", of_outputs)
            yield either
            for n in {*of_sums.values(), *of_outputs.values()}:
                yield either.rounding("sums", {last: n})
                yield either.rounding("outputs", {last: n})


def _hidden(plain: Sequence[Forward], few: Sequence[Forward]) -> Iterator[Forward]:
    """Forward passes with decimals that show nowhere: those of all layers, or of single ones."""
    for n in range(_MOST, 0, -1):
        for how in plain:
            every = range(len(how.functions))
            for layers in (tuple(every), *((k,) for k in every if how in few)):
                for what in ("sums", "outputs"):
                    yield how.rounding(what, dict.fromkeys(layers, n))


def _exactly(formula: Formula, seen: Observed, learning_rate: float, sizes: Sequence[int]) -> Formula | None:
    """The formula with the constants that give exactly the rounded weights; None where none do.

    Steps that end in rounded weights tell their constants to few digits: those that a person may write are tried.
    """
    largest = max(float(np.abs(w).max()) for w in seen.W)
    possible = [value for value, _ in products(learning_rate, sizes)]

    def nearest(rate: float) -> float:
        return float(np.sign(rate)) * min(possible, key=lambda value: abs(value - abs(rate)))

    fitted = max(abs(rate) for layer in formula.layers for rate in (layer.rate, layer.bias_rate))
    alike = sorted({value for value in possible if abs(value - fitted) < 0.3 * fitted}, key=lambda v: abs(v - fitted))
    for rate in (None, *alike):
        layers = []
        for layer in formula.layers:
            rates = nearest(layer.rate), nearest(layer.bias_rate)
            if rate is not None:
                rates = float(np.sign(layer.rate)) * rate, float(np.sign(layer.bias_rate)) * rate
            layers.append(replace(layer, rate=rates[0], bias_rate=rates[1]))
        settled = replace(formula, layers=tuple(layers))
        made = list(simulate(Process(settled), seen.W, seen.b, [(seen.x, seen.t)]))
        if agreement(made, [(seen.W_after, seen.b_after)])[0] <= 1e-14 * max(1.0, largest):
            return settled
    return None
