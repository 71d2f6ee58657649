"""What a kernel is given: named tuples of arrays and numbers, checked once by the engine.

The engine gives few arrays (Network, Data, LaneArrays, Out, Scratch); at a kernel's entry they become many pointers
(Net, Runs, Buffers), for which the shapes given here are a matter of index arithmetic, the lanes always innermost.
"""

from __future__ import annotations

from typing import Any, NamedTuple


class Network(NamedTuple):
    """A network as the engine gives it; rows of the arrays are named in Net.

    Attributes
    ----------
    layers, parameters, n_units : int
        Layers of weights; weights and biases; units of all layers, inputs included.
    whole : int64 array (5, layers + 1)
        sizes, units, weights, biases, codes.
    real : float64 array (3, layers + 1)
        scales, lows, highs.
    """

    layers: int
    parameters: int
    n_units: int
    whole: Any
    real: Any


class Net(NamedTuple):
    """A network within the kernel. Index 0 of each row belongs to the inputs.

    Attributes
    ----------
    layers, parameters, n_units : int
    sizes : (layers + 1,)
        Units of each layer.
    units : (layers + 1,)
        Number of the first unit of each layer.
    weights, biases : (layers + 1,)
        Number of the first weight and bias of each layer among the parameters: layer by layer, W (fan_out, fan_in)
        row-major, then b.
    codes : (layers + 1,)
        Activation of each layer, a code of table ACTIVATE.
    scales : (layers + 1,)
        Factor of each layer's weighted sum: 1, or that of the mean-field parameterisation.
    lows, highs : (layers + 1,)
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
    lows: Any
    highs: Any


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
    squares : int
        1 where the loss is a factor times the squared error, which is summed anyway.
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
    squares: int
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


class LaneArrays(NamedTuple):
    """What differs from lane to lane, as the engine gives it; G groups of L lanes.

    Attributes
    ----------
    groups : int
        G.
    seeds : uint64 array (G, L)
    weights : array (G, P, L)
        Initial weights; empty where `start` is not 0.
    numbers : array (G, 2 * layers + SLOTS + CRITERIA, L)
        Learning rate of the weights of each layer, then of the biases; settings of the optimizer; thresholds of the
        criterion.
    clock0, clock1 : float
        The optimizer's clock before the first update.
    events : int64 array (E,)
        Numbers of updates after which everything is measured, ascending; the last one is the budget.
    start, until : int
        Updates made before this call, and after which it ends: 0 and the budget, or multiples of Job.every between.
    state : array (G, carried_rows(...), L), counts : int64 array (G, COUNTS, L)
        What runs carry from call to call: read where `start` is not 0, written where `until` is not the budget.
    """

    groups: int
    seeds: Any
    weights: Any
    numbers: Any
    clock0: float
    clock1: float
    events: Any
    start: int
    until: int
    state: Any
    counts: Any


class Runs(NamedTuple):
    """The lanes of one group within the kernel; fields as in LaneArrays."""

    seeds: Any
    weights: Any
    rates: Any
    settings: Any
    thresholds: Any
    clock0: float
    clock1: float
    n_events: int
    events: Any
    start: int
    until: int
    state: Any
    counts: Any


class Out(NamedTuple):
    """Where a kernel writes.

    Attributes
    ----------
    n_kept : int
        Events after which the weights are wanted.
    kept : int64 array (E,)
        Number of each event among these, or -1.
    values : (G, E, VALUES, L)
        Measurements after each event.
    counts : int64 (G, E, COUNTS, L)
        FIRST, DIVERGED (-1: never) and MADE, in updates.
    weights : (G, n_kept, P, L)
    """

    n_kept: int
    kept: Any
    values: Any
    counts: Any
    weights: Any


class Scratch(NamedTuple):
    """Memory that the engine lends a call.

    Attributes
    ----------
    numbers : array (scratch_rows(...) * L,), aligned to 64 bytes
    counts : int64 array (COUNTS * L,)
    n_order : int
        Samples drawn per epoch and lane.
    order : int32 array (L * n_order,)
    """

    numbers: Any
    counts: Any
    n_order: int
    order: Any


class Buffers(NamedTuple):
    """The scratch memory within the kernel. S: lanes times samples of a tile.

    Attributes
    ----------
    W, S0, S1, running, clock : (P, L), (P, L), (P, L), (RUNNING, L), (2, L)
        What a run carries from call to call: weights, the optimizer's state, what is kept from evaluation to
        evaluation, the optimizer's clock. One after the other, so that they are copied as one.
    G : (P, L)
        Gradient of the weights.
    A, Z, D : (units, S)
        Activations, weighted sums and error signals of a tile of samples.
    T, E : (outputs, S)
        Targets of a tile, and the error signal dE/dy.
    F : (units, S)
        Activations that only a fault makes.
    mask : (S,)
        1 for the samples of a tile, 0 for what fills an incomplete one.
    acc : (ACCUMULATORS + 3 * outputs, L)
        Sums over the samples.
    live : (VALUES, L)
        Measurements now.
    counts : int64 (COUNTS, L)
    n_order : int
    order : int32 (L, n_order)
    """

    W: Any
    S0: Any
    S1: Any
    running: Any
    clock: Any
    G: Any
    A: Any
    Z: Any
    D: Any
    T: Any
    E: Any
    F: Any
    mask: Any
    acc: Any
    live: Any
    counts: Any
    n_order: int
    order: Any


class Width(NamedTuple):
    """Vectors whose sizes are known at compile time.

    Attributes
    ----------
    lanes : Lanes
        Runs side by side.
    tile : Lanes
        Lanes times samples of a tile.
    rows : Lanes
        Units of a layer that share a pass over its inputs.
    """

    lanes: Any
    tile: Any
    rows: Any
