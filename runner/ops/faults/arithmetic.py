"""Faults of arithmetic: numbers rounded to n decimals, half to even as NumPy does."""

from __future__ import annotations

from runner.kernels import codes
from runner.kernels.faulty import table
from runner.ops.faults.record import FAULTS, Fault


def _rounding(name: str, doc: str, formula: str, line: str, bit: int, row: int, number: int) -> None:
    right, right_line = (text.split(" = ")[0] for text in (formula, line))
    FAULTS.add(
        Fault(
            name,
            doc,
            "arithmetic",
            "layer",
            formula=formula,
            right=right,
            line=line,
            right_line=right_line,
            bit=bit,
            entries=((row, 1),),
            number=number,
            parameters=("n",),
        )
    )


_rounding(
    "round_sums",
    "Weighted sums are rounded to n decimals.",
    "z = round(z, n)",
    "z[l] = np.round(z[l], n)",
    codes.ROUND_SUMS,
    table.ROUNDED_SUM,
    table.SUM_SCALE,
)
_rounding(
    "round_outputs",
    "Activations are rounded to n decimals; those of softmax are not.",
    "a = round(a, n)",
    "a[l] = np.round(a[l], n)",
    codes.ROUND_OUTPUTS,
    table.ROUNDED_OUTPUT,
    table.OUTPUT_SCALE,
)
_rounding(
    "round_weights",
    "Weights and biases are rounded to n decimals after every update.",
    "w = round(w, n)",
    "W[l] = np.round(W[l], n); b[l] = np.round(b[l], n)",
    codes.ROUND_WEIGHTS,
    table.ROUNDED_WEIGHT,
    table.WEIGHT_SCALE,
)
_rounding(
    "round_errors",
    "Errors are rounded to n decimals, as they are before the gradient.",
    "d = round(d, n)",
    "d[l] = np.round(d[l], n)",
    0,
    table.ROUNDED_ERROR,
    table.ERROR_SCALE,
)
