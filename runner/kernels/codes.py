"""Names for the codes and bits of a Job, and for the rows of the arrays that `structs` describes."""

from __future__ import annotations

# Job.bias: a bias for each unit, biases that keep their value, or one bias for all units of a layer.
TRAINED, FROZEN, SHARED = 0, 1, 2
# Job.order: which samples the updates of an epoch see.
SEQUENTIAL, SHUFFLED, WITH_REPLACEMENT = 0, 1, 2
# Bits of Job.watch by number, and rows of Runs.thresholds: the measures that a criterion may bound.
MAX_ERROR, LOSS, MSE, ACCURACY, GRAD_NORM = 0, 1, 2, 3, 4
TEST_LOSS, TEST_MSE, TEST_ACCURACY, TEST_MAX_ERROR = 5, 6, 7, 8
CRITERIA = 9
# Rows of Runs.settings: up to five settings of the optimizer, in the order of its record, and last weight_decay.
SLOTS = 6
# Bits of Job.faults.
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
# Rows of Out.values and of Buffers.live: what is measured after an event. V_MEETS is 1 where the criterion holds.
# V_VARIATION is the sum of the changes, without their signs, of the loss from evaluation to evaluation.
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
# Rows of Out.counts and of Buffers.counts, in updates: made before the first evaluation that met the criterion, and
# before the first one whose loss was not finite (-1: there was none); made in all (-1: the run has not stopped).
C_FIRST, C_DIVERGED, C_MADE = 0, 1, 2
COUNTS = 3
# Rows of Buffers.running: loss at the first, the best and the previous evaluation; its variation (see V_VARIATION); 1
# until the criterion has held once; 1 until the loss has not been finite once.
R_INITIAL, R_BEST, R_PREVIOUS, R_VARIATION, R_OPEN, R_FINITE = range(6)
RUNNING = 6
# Rows of Buffers.acc, over the samples of a pass: the sum of the loss values, the sum of the squared errors, the number
# of samples classified correctly, the largest error, the smallest and the largest output, the number of saturated
# activations. Three more rows per output follow for its spread.
A_LOSS, A_SSE, A_CORRECT, A_MAX_ERROR, A_MIN, A_MAX, A_SATURATED = range(7)
ACCUMULATORS = 7
# An evaluation of loss and criterion needs the first LIGHT rows only.
LIGHT = 4
