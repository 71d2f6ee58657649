"""Faults of the biases, and of memory: what should be kept from update to update, or should not be."""

from __future__ import annotations

from runner.kernels import codes
from runner.kernels.faulty import table
from runner.ops.faults.record import FAULTS, SQUARED, Fault

_MOMENTUM, _MOMENTUM_LINE = "v = m v + g, w -= h v", "v = m * v + g; w -= h * v"
_STEP = "w -= h g"

FAULTS.add(
    Fault(
        "bias_per_weight",
        "Every weight is updated in a pass of its own, and its unit's bias once more with each of them.",
        "bias",
        "network",
        formula="b_j -= h d_j, once for every weight of the unit",
        right="b_j -= h d_j",
        line="for i in range(n_inputs): W[1][:, i] -= h * g[:, i]; b[1] -= h * d",
        right_line="W[1] -= h * g; b[1] -= h * d",
        bit=codes.BIAS_PER_WEIGHT,
        single_layer=True,
    )
)
FAULTS.add(
    Fault(
        "bias_step_summed",
        "Every bias of a layer moves by the sum over the units of the layer.",
        "bias",
        "layer",
        formula="b_j -= h sum_i d_i",
        right="b_j -= h d_j",
        line="b[l] -= h * d[l].sum()",
        right_line="b[l] -= h * d[l].sum(0)",
        entries=((table.BIAS_STEP, table.OVER_UNITS),),
    )
)
FAULTS.add(
    Fault(
        "bias_outside",
        "The bias is added to the activation instead of the weighted sum; the slope is f'(W x).",
        "bias",
        "layer",
        formula="a_j = f(sum_i w_ji a_i) + b_j",
        right="a_j = f(sum_i w_ji a_i + b_j)",
        line="a[l] = f(a[l-1] @ W[l].T) + b[l]",
        right_line="a[l] = f(a[l-1] @ W[l].T + b[l])",
        entries=((table.BIAS, table.OUTSIDE),),
        losses=SQUARED,
        softmax=False,
    )
)
FAULTS.add(
    Fault(
        "momentum_sign",
        "The velocity is subtracted from the gradient instead of added.",
        "memory",
        "network",
        formula="v = g - m v, w -= h v",
        right=_MOMENTUM,
        line="v = g - m * v; w -= h * v",
        right_line=_MOMENTUM_LINE,
        in_engine=True,
        replaces="velocity",
        optimizer="momentum",
    )
)
FAULTS.add(
    Fault(
        "momentum_late",
        "The step is that of the velocity before the update: a gradient counts one update late.",
        "memory",
        "network",
        formula="w -= h v, then v = m v + g",
        right=_MOMENTUM,
        line="w -= h * v; v = m * v + g",
        right_line=_MOMENTUM_LINE,
        entries=((table.VELOCITY, table.ONE_UPDATE_LATE),),
        optimizer="momentum",
    )
)
FAULTS.add(
    Fault(
        "momentum_of_weights_only",
        "Weights have momentum and biases have none.",
        "memory",
        "layer",
        formula="v = m v + g, w -= h v, b -= h g",
        right="v = m v + g, w -= h v, and the same for b",
        line="v = m * v + gW[l]; W[l] -= h * v; b[l] -= h * gb[l]",
        right_line="vb = m * vb + gb[l]; b[l] -= h * vb",
        entries=((table.BIAS_MOVE, table.WITHOUT_STATE),),
        replaces="step of the biases",
        optimizer="momentum",
    )
)
FAULTS.add(
    Fault(
        "gradient_never_zeroed",
        "Gradients are added up from update to update: every step is one of the sum of all of them.",
        "memory",
        "layer",
        formula="s = s + g, w -= h s",
        right=_STEP,
        line="loss.backward(); optimizer.step()",
        right_line="optimizer.zero_grad(); loss.backward(); optimizer.step()",
        entries=((table.ZEROED, table.NEVER),),
    )
)
FAULTS.add(
    Fault(
        "weight_set_to_step",
        "A weight is set to its step instead of moved by it.",
        "memory",
        "layer",
        formula="w = -h g",
        right=_STEP,
        line="W[l] = -h * gW[l]",
        right_line="W[l] -= h * gW[l]",
        entries=((table.WEIGHT_MOVE, table.SET_TO_STEP),),
        replaces="step of the weights",
    )
)
FAULTS.add(
    Fault(
        "bias_set_to_step",
        "A bias is set to its step instead of moved by it.",
        "memory",
        "layer",
        formula="b = -h g",
        right="b -= h g",
        line="b[l] = -h * gb[l]",
        right_line="b[l] -= h * gb[l]",
        entries=((table.BIAS_MOVE, table.SET_TO_STEP),),
        replaces="step of the biases",
    )
)
FAULTS.add(
    Fault(
        "weights_not_trained",
        "The optimizer was not given the weights of a layer: they stay as they began.",
        "memory",
        "layer",
        formula="w = w(0)",
        right=_STEP,
        line="optimizer = SGD([b for W, b in layers], h)",
        right_line="optimizer = SGD(model.parameters(), h)",
        entries=((table.WEIGHT_MOVE, table.NOT_AT_ALL),),
        replaces="step of the weights",
    )
)
FAULTS.add(
    Fault(
        "biases_not_trained",
        "The optimizer was not given the biases of a layer: they stay as they began.",
        "memory",
        "layer",
        formula="b = b(0)",
        right="b -= h g",
        line="optimizer = SGD([W for W, b in layers], h)",
        right_line="optimizer = SGD(model.parameters(), h)",
        entries=((table.BIAS_MOVE, table.NOT_AT_ALL),),
        replaces="step of the biases",
    )
)
FAULTS.add(
    Fault(
        "sum_from_last_output",
        "The weighted sum starts from what the unit put out for the sample before, 0 for the first of all.",
        "memory",
        "layer",
        formula="z_j = sum_i w_ji a_i + b_j + a_j of the sample before",
        right="z_j = sum_i w_ji a_i + b_j",
        line="neuron.value += w @ x + b; neuron.value = f(neuron.value)",
        right_line="neuron.value = f(w @ x + b)",
        entries=((table.SUM, table.FROM_LAST_OUTPUT),),
        softmax=False,
    )
)
