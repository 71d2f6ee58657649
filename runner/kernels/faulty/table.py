"""Which term of which layer is replaced by what: the table that the faulty kernel looks its formulas up in.

A row is a term, a column a layer (1 to the number of layers of weights; column 0 is for what belongs to no layer).
0 stands for the right formula, everything else for the replacement of that number.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from runner.kernels.lanes.functions import kernel, lane_function
from runner.kernels.lanes.operations import advanced, pointer

# Rows of Faults.whole
(
    SUM,
    ACTIVATION,
    BIAS,
    SLOPE,
    SLOPE_OF,
    WAY_BACK,
    SENT_BACK,
    UNSLOPED,
    EXTRA,
    FACTOR,
    SIGNAL,
    AXIS,
    ORDER,
    PAIRS,
    UPHILL_WEIGHTS,
    UPHILL_BIASES,
    BIAS_STEP,
    WEIGHT_MOVE,
    BIAS_MOVE,
    VELOCITY,
    ZEROED,
    ROUNDED_SUM,
    ROUNDED_OUTPUT,
    ROUNDED_ERROR,
    ROUNDED_WEIGHT,
) = range(25)
ROWS = 25
# Rows of Faults.real: powers of ten for what is rounded, and when a sample counts as right.
SUM_SCALE, OUTPUT_SCALE, ERROR_SCALE, WEIGHT_SCALE, TOLERANCE = range(5)
REALS = 5
# SUM
FROM_LAST_OUTPUT = 1
# ACTIVATION
HARD_THRESHOLD, MIRRORED = 1, 2
# BIAS
OUTSIDE = 1
# SLOPE; OF is that of the activation in row SLOPE_OF.
NONE, OF, OF_ACTIVATION, AT_SUM, AT_ERROR, IS_ACTIVATION, LATE, SUMMED, EARLY = range(1, 10)
# WAY_BACK: the weights by which the errors of the layer above come back to a hidden layer
MOVED, UNWEIGHTED, SUM_OF_WEIGHTS, DIAGONAL, TRANSPOSED = range(1, 6)
# SENT_BACK: what comes back to a hidden layer instead of the errors of the layer above. UNSLOPED is the same by the
# layer that sends: its errors as they are before its slope.
OUTPUTS = 1
# EXTRA
TIMES_ACTIVATION = 1
# FACTOR
WEIGHT, OWN, ONE, WRONG_SAMPLE, WEIGHTED_SUM, OUTER_TRANSPOSED, ERROR_BELOW = range(1, 8)
# SIGNAL
TARGET, ALL_PAIRS, TWICE = range(1, 4)
# AXIS
OVER_BATCH, OVER_ALL = 1, 2
# ORDER
UNTIL_RIGHT, FIRST_BATCH = 1, 2
# PAIRS
APART = 1
# BIAS_STEP
OVER_UNITS = 1
# WEIGHT_MOVE, BIAS_MOVE
SET_TO_STEP, NOT_AT_ALL, WITHOUT_STATE = 1, 2, 3
# VELOCITY
ONE_UPDATE_LATE = 1
# ZEROED
NEVER = 1


class Faults(NamedTuple):
    """The table as the engine gives it.

    Attributes
    ----------
    columns : int
        Layers of weights, and one.
    whole : int64 array (ROWS, columns)
    real : float64 array (REALS, columns)
    keeps_weights : int
        Whether the weights before an update are needed during it.
    """

    columns: int
    whole: Any
    real: Any
    keeps_weights: int


class Wrong(NamedTuple):
    """The table within the kernel, and the memory that only faults need.

    Attributes
    ----------
    columns, whole, real, keeps_weights
        As in Faults.
    old : (P, L)
        Weights before the update.
    aside : (P, L)
        Weights that an update is not to change yet.
    total : (P, L)
        Sum of all gradients so far.
    last, now : (units, L)
        Activations of the sample before, as training left them, and within a pass.
    errors, slopes : (units, L)
        dE/da before the slope; what a replaced slope is computed in.
    sums : (3 * outputs, L)
        Over the batch: largest weighted sum and sum of the exponentials of each output; mean of the targets.
    idle : (L,)
        1 where there is no sample left to learn from.
    current : int64 (L,)
        The sample that is trained until it is right.
    """

    columns: int
    whole: Any
    real: Any
    keeps_weights: int
    old: Any
    aside: Any
    total: Any
    last: Any
    now: Any
    errors: Any
    slopes: Any
    sums: Any
    idle: Any
    current: Any


def memory_rows(parameters: int, n_units: int, outputs: int) -> int:
    """Rows of L numbers that `opened_faults` divides up."""
    return 3 * parameters + 4 * n_units + 3 * outputs + 1


@kernel
def opened_faults(net: Any, faults: Any, memory: Any, current: Any, width: Any) -> Any:
    """The table as pointers, with the memory divided up."""
    L = width.lanes.n
    parameters, units = net.parameters * L, net.n_units * L
    old = pointer(memory)
    aside = advanced(old, parameters)
    total = advanced(aside, parameters)
    last = advanced(total, parameters)
    now = advanced(last, units)
    errors = advanced(now, units)
    slopes = advanced(errors, units)
    sums = advanced(slopes, units)
    idle = advanced(sums, 3 * net.sizes[net.layers] * L)
    return Wrong(
        faults.columns,
        pointer(faults.whole),
        pointer(faults.real),
        faults.keeps_weights,
        old,
        aside,
        total,
        last,
        now,
        errors,
        slopes,
        sums,
        idle,
        pointer(current),
    )


@lane_function
def formula(wrong: Any, row: Any, layer: Any) -> Any:
    """What stands for a term in a layer: 0 for the right formula."""
    return wrong.whole[row * wrong.columns + layer]


@lane_function
def number(wrong: Any, row: Any, layer: Any) -> Any:
    """The number that belongs to a fault of a layer."""
    return wrong.real[row * wrong.columns + layer]
