"""Faults of the gradient's direction and of the factor beside the error."""

from __future__ import annotations

from runner.kernels import codes
from runner.kernels.faulty import table
from runner.ops.faults.record import FAULTS, Fault

_STEP, _STEP_LINE = "w -= h g, b -= h g", "W[l] -= h * gW[l]; b[l] -= h * gb[l]"
_GRADIENT, _GRADIENT_LINE = "g_ji = d_j a_i", "gW[l] = d[l].T @ a[l-1]"

FAULTS.add(
    Fault(
        "ascent",
        "The gradient is added instead of subtracted.",
        "direction",
        "layer",
        formula="w += h g, b += h g",
        right=_STEP,
        line="W[l] += h * gW[l]; b[l] += h * gb[l]",
        right_line=_STEP_LINE,
        in_engine=True,
        entries=((table.UPHILL_WEIGHTS, 1), (table.UPHILL_BIASES, 1)),
        replaces="direction of a layer's step",
    )
)
FAULTS.add(
    Fault(
        "weight_ascent",
        "The gradient of the weights is added instead of subtracted; that of the biases is not.",
        "direction",
        "layer",
        formula="w += h g, b -= h g",
        right=_STEP,
        line="W[l] += h * gW[l]; b[l] -= h * gb[l]",
        right_line=_STEP_LINE,
        entries=((table.UPHILL_WEIGHTS, 1),),
        replaces="direction of a layer's step",
    )
)
FAULTS.add(
    Fault(
        "bias_ascent",
        "The gradient of the biases is added instead of subtracted; that of the weights is not.",
        "direction",
        "layer",
        formula="w -= h g, b += h g",
        right=_STEP,
        line="W[l] -= h * gW[l]; b[l] += h * gb[l]",
        right_line=_STEP_LINE,
        entries=((table.UPHILL_BIASES, 1),),
        replaces="direction of a layer's step",
    )
)
FAULTS.add(
    Fault(
        "weight_itself",
        "A weight's gradient has the weight itself as its factor instead of its input.",
        "factor",
        "layer",
        formula="g_ji = d_j w_ji",
        right=_GRADIENT,
        line="gW[l] = d[l].sum(0)[:, None] * W[l]",
        right_line=_GRADIENT_LINE,
        bit=codes.WEIGHT_ITSELF,
        entries=((table.FACTOR, table.WEIGHT),),
        replaces="input",
    )
)
FAULTS.add(
    Fault(
        "own_activation",
        "A weight's gradient has its unit's own activation as its factor instead of its input.",
        "factor",
        "layer",
        formula="g_ji = d_j a_j",
        right=_GRADIENT,
        line="gW[l] = (d[l] * a[l]).sum(0)[:, None] * np.ones_like(W[l])",
        right_line=_GRADIENT_LINE,
        bit=codes.OWN_ACTIVATION,
        entries=((table.FACTOR, table.OWN),),
        replaces="input",
    )
)
FAULTS.add(
    Fault(
        "no_factor",
        "A weight's gradient has no factor beside the error signal: its input is left out.",
        "factor",
        "layer",
        formula="g_ji = d_j",
        right=_GRADIENT,
        line="gW[l] = d[l].sum(0)[:, None] * np.ones_like(W[l])",
        right_line=_GRADIENT_LINE,
        bit=codes.NO_FACTOR,
        entries=((table.FACTOR, table.ONE),),
        replaces="input",
    )
)
FAULTS.add(
    Fault(
        "weighted_sum",
        "A weight's gradient has the weighted sum of the unit below as its factor instead of its activation.",
        "factor",
        "layer after hidden",
        formula="g_ji = d_j z_i",
        right=_GRADIENT,
        line="gW[l] = d[l].T @ z[l-1]",
        right_line=_GRADIENT_LINE,
        entries=((table.FACTOR, table.WEIGHTED_SUM),),
        replaces="input",
    )
)
FAULTS.add(
    Fault(
        "transposed_gradient",
        "The outer product of a gradient is transposed: a weight from i to j has the error of i and the input of j.",
        "factor",
        "layer",
        formula="g_ji = d_i a_j",
        right=_GRADIENT,
        line="gW[l] = a[l-1].T @ d[l]",
        right_line=_GRADIENT_LINE,
        entries=((table.FACTOR, table.OUTER_TRANSPOSED),),
        replaces="input",
        square=True,
    )
)
FAULTS.add(
    Fault(
        "error_below",
        "A weight's gradient has the error of the unit that it comes from instead of the one that it leads to.",
        "factor",
        "layer after hidden",
        formula="g_ji = d_i a_i",
        right=_GRADIENT,
        line="gW[l] = np.ones_like(b[l])[:, None] * (d[l-1] * a[l-1]).sum(0)",
        right_line=_GRADIENT_LINE,
        entries=((table.FACTOR, table.ERROR_BELOW),),
        replaces="input",
    )
)
FAULTS.add(
    Fault(
        "input_of_wrong_sample",
        "Input i of sample i stands in the gradient for input i of the sample itself.",
        "factor",
        "layer",
        formula="g_ji = d_j x_ii",
        right="g_ji = d_j x_ni",
        line="gW[1] = d[1].sum(0)[:, None] * np.diag(X)",
        right_line="gW[1] = d[1].T @ X",
        bit=codes.INPUT_OF_WRONG_SAMPLE,
        entries=((table.FACTOR, table.WRONG_SAMPLE),),
        replaces="input",
        single_layer=True,
    )
)
