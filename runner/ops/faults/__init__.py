"""Faults: named defects of hand-written programs, each an exact restatement of one wrong line. One block is one fault.

A fault is a term of the formulas of training and what stands in its place, in one layer or in all of them. Faults can
be combined freely, but for those that replace the same quantity of the same layer. The kernel, the study, the
diagnosis of programs and the documentation are all made from these records. What a fault does in a kernel is in
`runner.kernels.faults`, for those that the ordinary kernel knows, and in `runner.kernels.faulty` for all.
"""

# The order of the modules is that of the registry, in which faults are written in the results.
from runner.ops.faults import gradient, hidden_error, output, steps, arithmetic, forward  # noqa: F401, I001
from runner.ops.faults.record import (
    FAULTS,
    LAYER,
    SQUARED,
    Fault,
    arguments_of,
    layer_of,
    needs_table,
    of_layer,
    table_entries,
)

__all__ = [
    "FAULTS",
    "LAYER",
    "SQUARED",
    "Fault",
    "arguments_of",
    "layer_of",
    "needs_table",
    "of_layer",
    "table_entries",
]
