"""Faults of the forward pass, which stay when a network is tried: softmax's axis, a sign, a threshold."""

from __future__ import annotations

from runner.kernels.faulty import table
from runner.ops.faults.record import FAULTS, SQUARED, Fault

_SOFTMAX, _SOFTMAX_LINE = "y_nk = exp(z_nk) / sum_m exp(z_nm)", "y = e / e.sum(axis=1, keepdims=True)"

FAULTS.add(
    Fault(
        "softmax_over_batch",
        "Softmax divides by the sum over the samples of the batch instead of over the outputs.",
        "axis",
        "network",
        formula="y_nk = exp(z_nk) / sum_m exp(z_mk), m over samples",
        right=_SOFTMAX,
        line="y = e / e.sum(axis=0)",
        right_line=_SOFTMAX_LINE,
        entries=((table.AXIS, table.OVER_BATCH),),
        replaces="axis of softmax",
        softmax=True,
    )
)
FAULTS.add(
    Fault(
        "softmax_over_all",
        "Softmax divides by the sum over samples and outputs of the batch.",
        "axis",
        "network",
        formula="y_nk = exp(z_nk) / sum_ml exp(z_ml), over samples and outputs",
        right=_SOFTMAX,
        line="y = e / e.sum()",
        right_line=_SOFTMAX_LINE,
        entries=((table.AXIS, table.OVER_ALL),),
        replaces="axis of softmax",
        softmax=True,
    )
)
FAULTS.add(
    Fault(
        "exponent_sign",
        "The minus in the exponent of the sigmoid is missing: it falls, and its slope is taken as a (1 - a).",
        "forward",
        "layer",
        formula="a_j = 1 / (1 + exp(z_j)), f' = a (1 - a)",
        right="a_j = 1 / (1 + exp(-z_j)), f' = a (1 - a)",
        line="a[l] = 1 / (1 + np.exp(z[l]))",
        right_line="a[l] = 1 / (1 + np.exp(-z[l]))",
        entries=((table.ACTIVATION, table.MIRRORED),),
        replaces="activation",
        activation="sigmoid",
    )
)
FAULTS.add(
    Fault(
        "hard_threshold",
        "A unit puts out 1 where its weighted sum is at least 0, else 0; the slope is that of the smooth activation.",
        "output",
        "layer",
        formula="a_j = 1 if z_j >= 0 else 0, with f'(z_j) as its slope",
        right="a_j = f(z_j)",
        line="a[l] = (z[l] >= 0) * 1.0",
        right_line="a[l] = f(z[l])",
        entries=((table.ACTIVATION, table.HARD_THRESHOLD),),
        replaces="activation",
        losses=SQUARED,
        softmax=False,
    )
)
