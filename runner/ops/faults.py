"""Faults: named defects of hand-written programs, each an exact restatement of one wrong line. One block is one fault.

They can be combined freely, but for two that replace the same term. What they do in the kernel is in
`runner/kernels/faulty.py`.
"""

from __future__ import annotations

from dataclasses import dataclass

from runner.kernels import codes
from runner.registry import Registry


@dataclass(frozen=True)
class Fault:
    """A registered fault.

    Attributes
    ----------
    name, doc : str
    family : str
        What it is a defect of; two faults with the same `replaces` exclude each other.
    bit : int
        Its bit in the kernels; 0 where the engine does it.
    replaces : str
        The term that stands wrong; "" where it only adds one.
    parameters : tuple of str
        Names of its arguments.
    single_layer : bool
        Whether the network must have one layer of weights.
    equal_widths : bool
        Whether every hidden layer must be as wide as the layer before it.
    """

    name: str
    doc: str
    family: str
    bit: int
    replaces: str = ""
    parameters: tuple[str, ...] = ()
    single_layer: bool = False
    equal_widths: bool = False


FAULTS: Registry[Fault] = Registry("fault")

FAULTS.add(Fault("ascent", "The gradient is added instead of subtracted.", "direction", 0))
FAULTS.add(
    Fault(
        "weight_itself",
        "A weight's gradient has the weight itself as its factor instead of its input.",
        "factor",
        codes.WEIGHT_ITSELF,
        replaces="input",
    )
)
FAULTS.add(
    Fault(
        "own_activation",
        "A weight's gradient has its unit's own activation as its factor instead of its input.",
        "factor",
        codes.OWN_ACTIVATION,
        replaces="input",
    )
)
FAULTS.add(
    Fault(
        "no_factor",
        "A weight's gradient has no factor beside the error signal: its input is left out.",
        "factor",
        codes.NO_FACTOR,
        replaces="input",
    )
)
FAULTS.add(
    Fault(
        "input_of_wrong_sample",
        "Input i of sample i stands in the gradient for input i of the sample itself.",
        "factor",
        codes.INPUT_OF_WRONG_SAMPLE,
        replaces="input",
        single_layer=True,
    )
)
FAULTS.add(
    Fault(
        "early_derivative",
        "A hidden error has the slope at the weighted sum of the layer before, 0 for the inputs.",
        "hidden error",
        codes.EARLY_DERIVATIVE,
        equal_widths=True,
    )
)
FAULTS.add(
    Fault(
        "no_output_derivative",
        "The slope of the outputs is left out on the way back to the hidden units.",
        "hidden error",
        codes.NO_OUTPUT_DERIVATIVE,
    )
)
FAULTS.add(
    Fault(
        "activation_factor",
        "A hidden error has an extra factor, the unit's activation.",
        "hidden error",
        codes.ACTIVATION_FACTOR,
    )
)
FAULTS.add(
    Fault(
        "scalar_cost",
        "The cost of the batch, one number, stands as the error signal of every output.",
        "error signal",
        codes.SCALAR_COST,
        replaces="residual",
    )
)
FAULTS.add(
    Fault(
        "cost_times_residual",
        "The error signal is multiplied by the cost of the batch.",
        "error signal",
        codes.COST_TIMES_RESIDUAL,
        replaces="residual",
    )
)
FAULTS.add(
    Fault(
        "mean_cost_times_residual",
        "The error signal is multiplied by the cost of the batch divided by its number of samples.",
        "error signal",
        codes.MEAN_COST_TIMES_RESIDUAL,
        replaces="residual",
    )
)
FAULTS.add(
    Fault(
        "epoch_slice",
        "A batch is sliced by the number of the epoch: samples e to e + batch in epoch e, counted from 0.",
        "sampling",
        codes.EPOCH_SLICE,
    )
)
FAULTS.add(
    Fault(
        "bias_per_weight",
        "Every weight is updated in a pass of its own, and its unit's bias once more with each of them.",
        "bias",
        codes.BIAS_PER_WEIGHT,
        single_layer=True,
    )
)
FAULTS.add(
    Fault(
        "round_sums",
        "Weighted sums are rounded to n decimals.",
        "arithmetic",
        codes.ROUND_SUMS,
        parameters=("n",),
    )
)
FAULTS.add(
    Fault(
        "round_outputs",
        "Activations are rounded to n decimals.",
        "arithmetic",
        codes.ROUND_OUTPUTS,
        parameters=("n",),
    )
)
FAULTS.add(
    Fault(
        "round_weights",
        "Weights and biases are rounded to n decimals after every update.",
        "arithmetic",
        codes.ROUND_WEIGHTS,
        parameters=("n",),
    )
)
