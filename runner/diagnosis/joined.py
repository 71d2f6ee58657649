"""The formula of a whole line as it stands, for lines in which more than one term is wrong.

Every fault has a formula in which all else is right. Where two of them stand in one line of a program, neither of the
two formulas is in it: here is the one that has both.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from runner.diagnosis.formula import LayerFormula
from runner.diagnosis.functions import FUNCTIONS
from runner.diagnosis.process import Process
from runner.diagnosis.terms import EXPONENT_SIGN, NO_SLOPE, RESIDUAL, Term, right
from runner.diagnosis.wrong import Wrong

# Which lines of a layer a term stands in; a fault that is not in the line of its term, after it.
_TERMS = {
    "signal": ("error",),
    "slope": ("error",),
    "sent_back": ("error",),
    "way_back": ("error",),
    "factor": ("weights",),
    "bias_step": ("biases",),
    "forward": ("activation",),
}
_FAULTS = {
    "exponent_sign": ("activation",),
    "sum_from_last_output": ("activation",),
    "round_sums": ("activation",),
    "round_outputs": ("activation",),
    "round_errors": ("error",),
    "ascent": ("weights", "biases"),
    "weight_ascent": ("weights",),
    "bias_ascent": ("biases",),
    "weight_set_to_step": ("weights",),
    "bias_set_to_step": ("biases",),
    "bias_per_weight": (),
}
Place = tuple[str, int]


def places(one: Wrong, n_layers: int) -> list[Place]:
    """The lines in which a wrong term stands: `error`, `weights`, `biases` or `activation`, and the layer from 1.

    What is said of no layer is a term of the outputs.
    """
    kinds = _FAULTS.get(one.name.split("(")[0], _TERMS.get(one.term, ()))
    return [(kind, one.layer or n_layers) for kind in kinds]


def joined(process: Process, lines: Sequence[Place]) -> tuple[str, str]:
    """What stands in some lines, and what should: one formula, or several with their layers.

    Parameters
    ----------
    process : Process
    lines : sequence of (kind, layer)
    """
    stands: dict[str, list[int]] = {}
    should: dict[str, list[int]] = {}
    for kind, layer in lines:
        is_, right_one = _LINES[kind](process, layer - 1)
        stands.setdefault(is_, []).append(layer)
        should.setdefault(right_one, []).append(layer)
    return _listed(stands), _listed(should)


def _listed(formulas: Mapping[str, Sequence[int]]) -> str:
    """Formulas, with their layers where these are not the same for all."""
    if len({tuple(layers) for layers in formulas.values()}) == 1:
        return ", ".join(formulas)
    return "; ".join(
        f"in layer{'s' * (len(layers) > 1)} {' and '.join(map(str, layers))} {formula}"
        for formula, layers in formulas.items()
    )


def _error(process: Process, k: int) -> tuple[str, str]:
    """dE/dz of a layer."""
    formula, layer = process.formula, process.formula.layers[k]
    if k == len(formula.layers) - 1:
        # The residual in it is that of half the squared error; another loss is told apart.
        source = _signal(formula.signal)
        should = (
            "d_k = f'(z_k) (y_k - t_k)" if formula.signal.wrong or formula.signal is RESIDUAL else "d_k = f'(z_k) e_k"
        )
        stands = _with_slope(layer, source, "k")
    else:
        above = formula.layers[k + 1]
        source = _way(above.way).replace("d_k", _sent(above.sent, formula.signal))
        should = "d_j = f'(z_j) sum_k w_kj d_k"
        stands = _with_slope(layer, source, "j")
    if k in formula.round_errors:
        stands = f"{stands.replace(' = ', ' = round(', 1)}, {formula.round_errors[k]})"
    return stands, should


def _with_slope(layer: LayerFormula, source: str, unit: str) -> str:
    """The error of a unit: what comes to it, times the slope and what else it is multiplied with."""
    slope = layer.slope
    if slope is NO_SLOPE:
        rule = "e_j"
    elif not slope.wrong or slope is EXPONENT_SIGN:
        rule = "f'(z_j) e_j"
    elif slope.fault:
        rule = slope.formula.removeprefix("d_j = ").replace("sum_k w_kj d_k", "e_j")
    else:
        # What is no fault is written as what stands for the slope itself; one of them has the error in it.
        rule = "f'(e_j)" if slope.formula == "f'(error) alone" else f"{_units(slope.formula)} e_j"
    extra = "a_j " if layer.extra.wrong else ""
    if rule.endswith("e_j") and rule.count("e_j") == 1:
        stands = f"d_j = {extra}{rule.removesuffix('e_j')}{source}"
    else:
        stands = f"d_j = {extra}{rule}, e_j = {source}"
    return stands.replace("_j", "_k") if unit == "k" else stands


def _units(formula: str) -> str:
    """A formula of a whole layer, of its unit j."""
    return {"f'(z)^2": "f'(z_j)^2", "s(z)": "s(z_j)", "1 - a": "(1 - a_j)", "z": "z_j"}.get(formula, formula)


def _signal(signal: Term) -> str:
    """dE/dy of an output."""
    if signal is RESIDUAL:
        return "(y_j - t_j)"
    if signal.fault:
        return signal.formula.split(" = ", 1)[1].split(", over")[0].replace("_k", "_j")
    return {"y": "y_j", "|y - t|": "|y_j - t_j|", "(y - t)^2": "(y_j - t_j)^2", "sign(y - t)": "sign(y_j - t_j)"}.get(
        signal.formula, "e_j"
    )


def _sent(sent: Term, signal: Term) -> str:
    """What goes back from a unit k."""
    if not sent.wrong:
        return "d_k"
    return {
        "no_output_derivative": "(y_k - t_k)" if signal is RESIDUAL else "dE/dy_k",
        "outputs_sent_back": "a_k",
        "": "(-t_k)" if sent.formula == "-t" else "e_k",
    }[sent.fault]


def _way(way: Term) -> str:
    """The sum over the units above."""
    return way.formula.removeprefix("d_j = f'(z_j) ") if way.wrong else right("way_back").formula


def _weights(process: Process, k: int) -> tuple[str, str]:
    """The step of the weights of a layer."""
    layer = process.formula.layers[k]
    factor = layer.factor.formula.removeprefix("g_ji = ")
    how = (
        "= -" if layer.keep == 0 and layer.rate > 0 else "= " if layer.keep == 0 else "+= " if layer.rate < 0 else "-= "
    )
    return f"w_ji {how}h {factor}", "w_ji -= h d_j a_i"


def _biases(process: Process, k: int) -> tuple[str, str]:
    """The step of the biases of a layer."""
    layer = process.formula.layers[k]
    step = "sum_i d_i" if layer.bias_step.wrong else "d_j"
    return f"b_j {_sign(layer.bias_rate, layer.bias_keep)}h {step}", "b_j -= h d_j"


def _sign(rate: float, keep: float) -> str:
    """How a step is made: added, subtracted, or put in the place of what was there."""
    up = rate < 0
    return ("= " if up else "= -") if keep == 0 else ("+= " if up else "-= ")


def _activation(process: Process, k: int) -> tuple[str, str]:
    """What a layer puts out."""
    how = process.formula.forward
    name = how.functions[k]
    z = "sum_i w_ji a_i" + ("" if k in how.outside else " + b_j")
    z += " + a_j of the sample before" if k in how.carries else ""
    if k in how.round_sums:
        z = f"round({z}, {how.round_sums[k]})"
    plain = not (name.startswith("hard_") or name == "falling_sigmoid" or "_over_" in name or name.endswith("_twice"))
    out = f"f({z})" if plain else f"({FUNCTIONS[name].formula})"
    out = f"round({out}, {how.round_outputs[k]})" if k in how.round_outputs else out
    stands = f"a_j = {out}{' + b_j' if k in how.outside else ''}"
    return stands if plain else f"{stands}, z = {z}", "a_j = f(sum_i w_ji a_i + b_j)"


_LINES: Mapping[str, Callable[[Process, int], tuple[str, str]]] = {
    "error": _error,
    "weights": _weights,
    "biases": _biases,
    "activation": _activation,
}
