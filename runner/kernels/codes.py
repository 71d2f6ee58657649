"""Numbers with a name: codes and bits of a Job, and the rows of the arrays that layout.py describes."""

from __future__ import annotations

# Job.bias
TRAINED, FROZEN, SHARED = 0, 1, 2
# Job.order
SEQUENTIAL, SHUFFLED, WITH_REPLACEMENT = 0, 1, 2
# Job.watch, and the rows of Runs.thresholds
MAX_ERROR, LOSS, MSE, ACCURACY, GRAD_NORM = 0, 1, 2, 3, 4
CRITERIA = 5
# Rows of Runs.settings: settings of the optimizer, the last one weight_decay
SLOTS = 6
# Job.faults
(
    WEIGHT_ITSELF,
    OWN_ACTIVATION,
    NO_FACTOR,
    INPUT_OF_WRONG_SAMPLE,
    EARLY_DERIVATIVE,
    NO_OUTPUT_DERIVATIVE,
    ACTIVATION_FACTOR,
    SCALAR_COST,
    COST_TIMES_RESIDUAL,
    MEAN_COST_TIMES_RESIDUAL,
    EPOCH_SLICE,
    BIAS_PER_WEIGHT,
    ROUND_SUMS,
    ROUND_OUTPUTS,
    ROUND_WEIGHTS,
) = (1 << bit for bit in range(15))
# Rows of Out.values
(
    V_LOSS,
    V_MSE,
    V_ACCURACY,
    V_MAX_ERROR,
    V_GRAD_NORM,
    V_OUTPUT_MIN,
    V_OUTPUT_MAX,
    V_SPREAD,
    V_SATURATION,
    V_WEIGHT_NORM,
    V_MEETS,
    V_INITIAL,
    V_BEST,
    V_VARIATION,
) = range(14)
VALUES = 14
# Rows of Out.counts
C_FIRST, C_DIVERGED, C_MADE = 0, 1, 2
COUNTS = 3
# Rows of Buffers.running
R_INITIAL, R_BEST, R_PREVIOUS, R_VARIATION, R_OPEN, R_FINITE = range(6)
RUNNING = 6
# Rows of Buffers.acc; three more per output follow for its spread.
A_LOSS, A_SSE, A_CORRECT, A_MAX_ERROR, A_MIN, A_MAX, A_SATURATED = range(7)
ACCUMULATORS = 7
# The first of them are all that an evaluation needs.
LIGHT = 4
