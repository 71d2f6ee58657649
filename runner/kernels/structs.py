"""What a kernel is given: named tuples of arrays and numbers, checked once by the caller.

The caller gives few arrays (Network, Data, LaneArrays, Out, Scratch). At a kernel's entry `buffers` takes them apart
into many pointers (Net, Runs, Out, Buffers), which have no shape of their own: the shapes given here say how their
numbers lie in memory, row by row. The lanes always come last, so that one number of all runs of a group is one vector.

The letters: G groups of L lanes, one lane per run; T samples of a tile, and S = T * L numbers in it; P parameters
(weights and biases) of the network; E events. A "float" array has the precision of the study, float64 or float32.
"""

from __future__ import annotations

from typing import Any, NamedTuple


class Network(NamedTuple):
    """A network as the caller gives it; Net names the rows of the two arrays.

    Attributes
    ----------
    layers, parameters, n_units : int
        Layers of weights; weights and biases (P); units of all layers, inputs included.
    gain : float
        Every activation is f(gain z).
    whole : int64 array (8, layers + 1)
        sizes, units, weights, biases, codes, fan_ins, seen, readers.
    real : float64 array (3, layers + 1)
        scales, lows, highs.
    activate, slope : Table
        Which activations the kernel knows, and the slopes of these.
    """

    layers: int
    parameters: int
    n_units: int
    gain: float
    whole: Any
    real: Any
    activate: Any
    slope: Any


class Net(NamedTuple):
    """A network within the kernel. Index 0 of each row belongs to the inputs.

    Attributes
    ----------
    layers, parameters, n_units, gain
        As in Network.
    sizes : int64 (layers + 1,)
        Units of each layer.
    units : int64 (layers + 1,)
        Number of the first unit of each layer among all units: in such an order that what a layer sees is contiguous.
    weights, biases : int64 (layers + 1,)
        Number of the first weight and of the first bias of each layer among the parameters: layer by layer,
        W (fan_out, fan_in) row-major, then b (fan_out,).
    codes : int64 (layers + 1,)
        Activation of each layer, a code of the two tables.
    fan_ins, seen : int64 (layers + 1,)
        How many units each layer sees, and the number of the first of them among all units: the layer below, and with
        shortcuts layers before that.
    readers : int64 (layers + 1,)
        The last layer that sees each layer; so do all those between.
    scales : float64 (layers + 1,)
        Factor of each layer's weighted sum: 1, or that of the mean-field parameterisation.
    lows, highs : float64 (layers + 1,)
        A hidden unit counts as saturated when its activation is at or beyond one of these.
    activate : Table
        Of functions (Z, A, first, end, tile): the activations of units into A, from their weighted sums in Z. In these
        tables capital letters are arrays of Buffers; `first` and `end` are indices into them, of units of a layer, or
        of weights or biases of one.
    slope : Table
        Of functions (Z, A, D, first, end, tile): dE/da of units, in D, is multiplied by da/dz.
    """

    layers: int
    parameters: int
    n_units: int
    gain: float
    sizes: Any
    units: Any
    weights: Any
    biases: Any
    codes: Any
    fan_ins: Any
    seen: Any
    readers: Any
    scales: Any
    lows: Any
    highs: Any
    activate: Any
    slope: Any


class Data(NamedTuple):
    """The data set, by arrays for the caller and by pointers within the kernel.

    Attributes
    ----------
    n : int
        Samples.
    inputs, targets : float arrays (n, inputs), (n, outputs)
    """

    n: int
    inputs: Any
    targets: Any


class LaneData(NamedTuple):
    """A data set for each lane: runs of one block that are trained on different samples, but on as many.

    Attributes
    ----------
    n : int
        Samples.
    inputs, targets : float arrays (G, n, inputs, L), (G, n, outputs, L)
        Within the kernel pointers to those of one group.
    """

    n: int
    inputs: Any
    targets: Any


class Job(NamedTuple):
    """What is done to the network. It is the same for all runs of a block, so that no branch depends on a lane.

    Attributes
    ----------
    loss : int
        Code of the tables `loss_value` and `loss_slope`.
    squares : int
        1 where the value of the loss is the squared error, which is summed for the `mse` anyway.
    optimizer : int
        Code of the table `update_stateless`, or of `update` and `tick` where `states` is 1.
    states : int
        1 where the optimizer keeps state from update to update.
    residual : int
        1 where dE/dz at the outputs is `factor` times y - t: for a loss that cancels with the output activation, and
        for the perceptron rules.
    band : tuple of one float, or ()
        Half the width of the band of weighted sums in which a bipolar perceptron is undecided, whose dE/dz is -t where
        y is not t (see `perceptron`); an empty tuple for any other network.
    softmax : int
        1 where the outputs are a softmax.
    one_hot : int
        1 where a sample is classified by its largest output, 0 where each output is judged by itself.
    middle : float
        Halfway between the smallest and the largest target: which side of it an output is on decides its accuracy.
    margin : float
        How large (output - middle) (target - middle) must be for an output that is right; 0 for any output on the
        right side.
    factor : float
        From the slope of the loss to the error signal of a batch; negative for the fault `ascent`.
    per : int
        What `factor` is divided by: 0 nothing, 1 the samples of the batch, 2 samples times outputs.
    loss_factor : float
        From the loss values, summed over all samples and outputs, to the loss.
    bias : int
        TRAINED, FROZEN or SHARED.
    batch : int
        Samples per update.
    order : int
        SEQUENTIAL, SHUFFLED or WITH_REPLACEMENT.
    every : int
        Updates between two evaluations of the criterion.
    watch : int
        Bit k is set where the criterion has a threshold for measure k (MAX_ERROR to TEST_MAX_ERROR of `codes`).
    stop : int
        1 where a run stops as soon as it meets its criterion.
    faults : int
        Bits of the faults; 0 for a correct program.
    cost_factor : float
        From the summed loss values of a batch to its cost, for faults that take the cost into the error signal.
    sum_losses : int
        1 where a pass that trains adds up what an evaluation does, whether one is due or not: for the optimizer's
        clock, which needs the summed loss values of every batch, or for a criterion about what training sees.
    sum_scale, output_scale, weight_scale : float
        10 to the number of decimals that a fault rounds weighted sums, activations or weights to.
    loss_value : Table
        Of functions (z, y, t) -> the loss value of an output y with weighted sum z and target t, before the loss's
        factor.
    loss_slope : Table
        Of functions (y, t) -> its derivative with respect to y, or to z for a loss that cancels with the output
        activation.
    update_stateless : Table
        Of functions (buf, settings, rate, first, end, lanes): parameters in buf.W are changed by an optimizer without
        state.
    update : Table
        The same by an optimizer with state in buf.S0 and buf.S1 and a clock in buf.clock.
    tick : Table
        Of functions (settings, clock, cost) -> the clock of an optimizer with state for the next update. `cost` is the
        sum of the loss values of its batch, where `sum_losses` asks for it.
    labels : labels.Labels or ()
        What the loss makes of its targets; an empty tuple where it takes them as they are.
    pairwise : tuple of one float, or ()
        The middle between the targets, for a loss that compares each output with that of the sample's class (see
        `pairwise`); an empty tuple where each output has a loss of its own.
    """

    loss: int
    squares: int
    optimizer: int
    states: int
    residual: int
    band: Any
    softmax: int
    one_hot: int
    middle: float
    margin: float
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
    sum_losses: int
    sum_scale: float
    output_scale: float
    weight_scale: float
    loss_value: Any
    loss_slope: Any
    update_stateless: Any
    update: Any
    tick: Any
    labels: Any
    pairwise: Any


class LaneArrays(NamedTuple):
    """What differs from lane to lane, as the caller gives it.

    Attributes
    ----------
    first, end : int
        The groups from number `first` to before `end` are trained; elsewhere than on a graphics card, whose threads
        train one each, these are all G.
    seeds : uint64 array (G, L)
    weights : float array (G, P, L)
        Initial weights; empty where `start` is not 0.
    numbers : float array (G, 2 * layers + SLOTS + CRITERIA, L)
        Learning rates of the weights, layer by layer, then of the biases; settings of the optimizer; thresholds of the
        criterion.
    clock0, clock1 : float
        The optimizer's clock before the first update.
    events : int64 array (E,)
        Numbers of updates after which everything is measured, ascending; the last one is the largest budget.
    start, until : int
        Updates made before this call, and those after which it ends. `start` is 0 or a multiple of Job.every; `until`
        is the last event or a multiple of Job.every.
    state : float array (G, carried_rows(P), L)
        What runs carry from call to call (see Buffers): read where `start` is not 0, written where `until` is before
        the last event, and otherwise empty.
    counts : int64 array (G, COUNTS, L)
        Likewise Buffers.counts.
    schedule : schedules.Schedule or ()
        Of learning rates and momentum; an empty tuple where they stay as they are.
    held : held_out.HeldOut or ()
        The samples that are not trained on; an empty tuple where there are none.
    judged : criterion.Judged or ()
        How the criterion is judged; an empty tuple where that is by each evaluation alone.
    adjustment : gradients.Adjustment or ()
        What is done to gradients; an empty tuple where they are taken as they are.
    noise : noise.Noise or ()
        What is random in training; an empty tuple where nothing is.
    """

    first: int
    end: int
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
    schedule: Any
    held: Any
    judged: Any
    adjustment: Any
    noise: Any


class Runs(NamedTuple):
    """The lanes of one group within the kernel, as in LaneArrays without the axis G.

    Attributes
    ----------
    seeds : uint64 (L,)
    weights : float (P, L)
    rates, settings, thresholds : float (2 * layers, L), (SLOTS, L), (CRITERIA, L)
        The three parts of LaneArrays.numbers.
    clock0, clock1 : float
    n_events : int
        E.
    events : int64 (E,)
    start, until : int
    state : float (carried_rows(P), L)
    counts : int64 (COUNTS, L)
    schedule : schedules.Schedule or ()
    held : held_out.HeldOut or ()
    judged : criterion.Judged or ()
    adjustment : gradients.Adjustment or ()
    noise : noise.Noise or ()
    """

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
    schedule: Any
    held: Any
    judged: Any
    adjustment: Any
    noise: Any


class Out(NamedTuple):
    """Where a kernel writes its results; within the kernel pointers to those of one group, without the axis G.

    Attributes
    ----------
    n_kept : int
        Number of events after which the weights are kept.
    kept : int64 array (E,)
        Number of each event among these, or -1.
    values : float array (G, E, VALUES, L)
        Measurements after each event, in the order of the V_ codes.
    counts : int64 array (G, E, COUNTS, L)
        Numbers of updates as of each event, in the order of the C_ codes.
    weights : float array (G, n_kept, P, L)
    """

    n_kept: int
    kept: Any
    values: Any
    counts: Any
    weights: Any


class Scratch(NamedTuple):
    """Memory that the caller lends for one call; its contents before and after mean nothing.

    Attributes
    ----------
    numbers : float array (scratch_rows(...) * L,), aligned to 64 bytes
    counts : int64 array (COUNTS * L,)
    n_order : int
        Samples drawn per epoch and lane; 0 in sequential order.
    order : int32 array (L * n_order,)
    """

    numbers: Any
    counts: Any
    n_order: int
    order: Any


class Buffers(NamedTuple):
    """The scratch memory within the kernel; floats where nothing else is said.

    Attributes
    ----------
    W, S0, S1, running, clock : (P, L), (P, L), (P, L), (RUNNING, L), (2, L)
        What a run carries from call to call: its parameters, the optimizer's two state vectors, what is kept from
        evaluation to evaluation (R_ codes), and the optimizer's clock. They lie one after the other, so that they are
        copied as one.
    G : (P, L)
        Gradient of the loss with respect to the parameters.
    A, Z, D : (n_units, S)
        Activations, weighted sums, and error signals dE/da or dE/dz of a tile of samples.
    T : (outputs, S)
        Targets of a tile.
    E : (outputs, S)
        The error signal dE/dy of a tile, for the fault that leaves the slope of the outputs out on the way back.
    F : (n_units, S)
        Activations that only a fault needs, or dropout.
    mask : (S,)
        1 for the samples of a tile, 0 for what fills an incomplete one.
    acc : (ACCUMULATORS + 3 * outputs, L)
        Sums over the samples (A_ codes); then, for the spread of each output, its first value, and the sum and the sum
        of squares of its differences from that.
    live : (VALUES, L)
        The latest measurements (V_ codes).
    counts : int64 (COUNTS, L)
        Numbers of updates (C_ codes).
    n_order : int
        As in Scratch.
    order : int32 (L, n_order)
        Numbers of the samples of this epoch, in each lane's own order.
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
    """How many numbers a vector has, for three kinds of vectors; all are known when a kernel is compiled.

    Attributes
    ----------
    lanes : Lanes
        L: runs side by side.
    tile : Lanes
        S: lanes times samples of a tile.
    rows : Lanes
        Units of a layer that share a pass over its inputs (see lanes/rows.py).
    """

    lanes: Any
    tile: Any
    rows: Any
