"""What a kernel is given: named tuples of arrays and numbers, checked once by the engine.

At a kernel's entry the arrays are replaced by pointers (`entered`); the shapes given here are then a matter of index
arithmetic, always with the lanes innermost.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from runner.kernels.lane_ops import advanced, kernel, pointer


class Net(NamedTuple):
    """Shape of the network. Index 0 of each array belongs to the inputs.

    Attributes
    ----------
    layers, parameters, n_units : int
        Layers of weights; weights and biases; units of all layers, inputs included.
    sizes : int64 (layers + 1,)
        Units of each layer.
    units : int64 (layers + 1,)
        Number of the first unit of each layer.
    weights, biases : int64 (layers + 1,)
        Number of the first weight and bias of each layer among the parameters: layer by layer, W (fan_out, fan_in)
        row-major, then b.
    codes : int64 (layers + 1,)
        Activation of each layer, a code of table ACTIVATE.
    scales : float64 (layers + 1,)
        Factor of each layer's weighted sum: 1, or that of the mean-field parameterisation.
    bounds : float64 (layers + 1, 2)
        Activations at or beyond these count as saturated.
    """

    layers: int
    parameters: int
    n_units: int
    sizes: Any
    units: Any
    weights: Any
    biases: Any
    codes: Any
    scales: Any
    bounds: Any


class Data(NamedTuple):
    """`n` samples: inputs (n, inputs) and targets (n, outputs), of the precision of the study."""

    n: int
    inputs: Any
    targets: Any


class Job(NamedTuple):
    """What is done to the network: equal for all runs of a block, so that no branch depends on a lane.

    Attributes
    ----------
    loss, optimizer : int
        Codes of the tables.
    states : int
        Whether the optimizer keeps state (1) or not (0).
    residual : int
        1 where dE/dz at the outputs is a factor times y - t (a fused loss, the perceptron rule).
    softmax, one_hot : int
    middle : float
        Between the two sides that an output's accuracy is judged by.
    factor : float
        Of the error signal of one batch.
    per : int
        What `factor` is divided by: 0 nothing, 1 the samples of the batch, 2 samples times outputs.
    loss_factor : float
        From the summed loss values of all samples to the loss.
    bias : int
        TRAINED, FROZEN or SHARED.
    batch, order : int
        Samples per update; SEQUENTIAL, SHUFFLED or WITH_REPLACEMENT.
    every : int
        Updates between two evaluations of the criterion.
    watch : int
        Bits of the criterion's measures.
    stop : int
        1 to stop a run that meets its criterion.
    faults : int
        Bits of the faults; 0 for a right program.
    cost_factor : float
        From the summed loss values of a batch to its cost, for faults that take the cost into the error signal.
    sum_scale, output_scale, weight_scale : float
        Powers of ten, for faults that round.
    """

    loss: int
    optimizer: int
    states: int
    residual: int
    softmax: int
    one_hot: int
    middle: float
    factor: float
    per: int
    loss_factor: float
    bias: int
    batch: int
    order: int
    every: int
    watch: int
    stop: int
    faults: int
    cost_factor: float
    sum_scale: float
    output_scale: float
    weight_scale: float


class Runs(NamedTuple):
    """What differs from lane to lane; G groups of L lanes.

    Attributes
    ----------
    groups : int
        G.
    seeds : uint64 (G, L)
    weights : (G, P, L)
        Initial weights.
    rates : (G, 2 * layers, L)
        Learning rate of the weights of each layer, then of the biases.
    settings : (G, SLOTS, L)
    thresholds : (G, CRITERIA, L)
        Of the criterion.
    clock : float64 (2,)
        The optimizer's clock before the first update.
    n_events : int
    events : int64 (E,)
        Numbers of updates after which everything is measured, ascending; the last one is the budget.
    """

    groups: int
    seeds: Any
    weights: Any
    rates: Any
    settings: Any
    thresholds: Any
    clock: Any
    n_events: int
    events: Any


class Out(NamedTuple):
    """Where a kernel writes.

    Attributes
    ----------
    keep_weights : int
        Whether `weights` are wanted.
    values : (G, E, VALUES, L)
        Measurements after each event.
    counts : int64 (G, E, COUNTS, L)
        FIRST, DIVERGED (-1: never) and MADE, in updates.
    weights : (G, E, P, L), or empty
    """

    keep_weights: int
    values: Any
    counts: Any
    weights: Any


class Buffers(NamedTuple):
    """Scratch of one thread, aligned to 64 bytes. S: lanes times samples of a tile.

    Attributes
    ----------
    W, G, S0, S1 : (P, L)
        Weights, their gradient, the optimizer's state.
    A, Z, D : (units, S)
        Activations, weighted sums and error signals of a tile of samples.
    T, E : (outputs, S)
        Targets of a tile, and the error signal dE/dy.
    mask : (S,)
        1 for the samples of a tile, 0 for what fills an incomplete one.
    acc : (ACCUMULATORS + 3 * outputs, L)
        Sums over the samples.
    live, frozen : (VALUES, L)
        Measurements now, and of runs that have stopped.
    running : (RUNNING, L)
        What is kept from evaluation to evaluation.
    counts : int64 (COUNTS, L)
    clock : (2, L)
    kept : (P, L)
        Weights of runs that have stopped.
    n_order : int
        Samples drawn per epoch and lane.
    order : int32 (L, n_order)
    """

    W: Any
    G: Any
    S0: Any
    S1: Any
    A: Any
    Z: Any
    D: Any
    T: Any
    E: Any
    mask: Any
    acc: Any
    live: Any
    frozen: Any
    running: Any
    counts: Any
    clock: Any
    kept: Any
    n_order: int
    order: Any


class Width(NamedTuple):
    """Lanes of a run and of a tile, known at compile time."""

    lanes: Any
    tile: Any


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


@kernel  # type: ignore[misc]
def sound(job: Any) -> Any:
    """The same job with the gradient mathematics makes: for measurements, which no fault of the training touches.

    What a faulty forward pass rounds stays rounded, for that is the network as it is.
    """
    return Job(
        job.loss,
        job.optimizer,
        job.states,
        job.residual,
        job.softmax,
        job.one_hot,
        job.middle,
        job.factor,
        job.per,
        job.loss_factor,
        job.bias,
        job.batch,
        job.order,
        job.every,
        job.watch,
        job.stop,
        job.faults & (ROUND_SUMS | ROUND_OUTPUTS),
        job.cost_factor,
        job.sum_scale,
        job.output_scale,
        job.weight_scale,
    )


@kernel  # type: ignore[misc]
def entered(net: Any, data: Any, runs: Any, out: Any, buf: Any) -> Any:
    """The same with pointers for arrays."""
    return (
        Net(
            net.layers,
            net.parameters,
            net.n_units,
            pointer(net.sizes),
            pointer(net.units),
            pointer(net.weights),
            pointer(net.biases),
            pointer(net.codes),
            pointer(net.scales),
            pointer(net.bounds),
        ),
        Data(data.n, pointer(data.inputs), pointer(data.targets)),
        Runs(
            runs.groups,
            pointer(runs.seeds),
            pointer(runs.weights),
            pointer(runs.rates),
            pointer(runs.settings),
            pointer(runs.thresholds),
            pointer(runs.clock),
            runs.n_events,
            pointer(runs.events),
        ),
        Out(out.keep_weights, pointer(out.values), pointer(out.counts), pointer(out.weights)),
        Buffers(
            pointer(buf.W),
            pointer(buf.G),
            pointer(buf.S0),
            pointer(buf.S1),
            pointer(buf.A),
            pointer(buf.Z),
            pointer(buf.D),
            pointer(buf.T),
            pointer(buf.E),
            pointer(buf.mask),
            pointer(buf.acc),
            pointer(buf.live),
            pointer(buf.frozen),
            pointer(buf.running),
            pointer(buf.counts),
            pointer(buf.clock),
            pointer(buf.kept),
            buf.n_order,
            pointer(buf.order),
        ),
    )


@kernel  # type: ignore[misc]
def group(runs: Any, out: Any, net: Any, g: int, L: int, slots: int) -> Any:
    """Runs and Out of one group: the same with the pointers moved on."""
    P, layers = net.parameters, net.layers
    runs_of_group = Runs(
        1,
        advanced(runs.seeds, g * L),
        advanced(runs.weights, g * P * L),
        advanced(runs.rates, g * 2 * layers * L),
        advanced(runs.settings, g * slots * L),
        advanced(runs.thresholds, g * CRITERIA * L),
        runs.clock,
        runs.n_events,
        runs.events,
    )
    events = g * runs.n_events * L
    out_of_group = Out(
        out.keep_weights,
        advanced(out.values, events * VALUES),
        advanced(out.counts, events * COUNTS),
        advanced(out.weights, events * P * out.keep_weights),
    )
    return runs_of_group, out_of_group
