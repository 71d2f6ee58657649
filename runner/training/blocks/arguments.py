"""From a cell to what the kernels take of all runs of a block, which `lane_values` does for each of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from runner.data import DataSet, FileData
from runner.data.targets import are_classes, largest_deviation
from runner.kernels import codes, criterion, cuda, held_out, structs
from runner.kernels.absent import NONE
from runner.kernels.faulty import table
from runner.kernels.lanes.switch import Table
from runner.kernels.lanes.vector import Lanes
from runner.keys.architecture import fan_ins, hidden_activations, seen_by
from runner.keys.columns import Column
from runner.keys.restarts import Restarts
from runner.ops import ACTIVATIONS, LOSSES, OPTIMIZERS, SCHEDULES, Members
from runner.ops.faults import needs_table
from runner.ops.optimizers import Iteration
from runner.ops.schedules import CONSTANT
from runner.registry import Call
from runner.studies.cells import PLACE
from runner.training.blocks.job import PER, faults_of, job_of
from runner.training.blocks.lane_values import ADJUSTMENTS, LANE_KEYS, NOISES

if TYPE_CHECKING:
    from runner.kernels.cuda import Card
    from runner.studies.cells import Cell


Floats = NDArray[np.float64]

_SHARED = [place for key, place in PLACE.items() if key not in LANE_KEYS | {"bias", "criterion"}]
_BIAS, _CRITERION = PLACE["bias"], PLACE["criterion"]
# Keys that change a kernel by being given, whatever their value.
_OPTIONS = *ADJUSTMENTS, *NOISES


def shared_key(cell: Cell) -> tuple[Any, ...]:
    """What is equal for cells that can train side by side in the lanes of one block."""
    values = cell.values
    of_parts = _kind_of_bias(values[_BIAS]), _watched(values[_CRITERION])
    return *(values[place] for place in _SHARED), *of_parts, *(_is_given(values[place]) for place in _OPTIONS)


def shared_columns(columns: Sequence[Column]) -> list[Column]:
    """The same of many cells."""
    of_parts = columns[_BIAS].reduced(_kind_of_bias), columns[_CRITERION].reduced(_watched)
    return [
        *(columns[place] for place in _SHARED),
        *of_parts,
        *(columns[place].reduced(_is_given) for place in _OPTIONS),
    ]


def _kind_of_bias(bias: str | float) -> str:
    return bias if isinstance(bias, str) else "none"


def _watched(criterion: tuple[tuple[str, float], ...]) -> tuple[str, ...]:
    return tuple(name for name, _ in criterion)


def _is_given(value: Any) -> bool:
    return value is not None


@dataclass(frozen=True, eq=False)
class Shared:
    """What all runs of a block share.

    Attributes
    ----------
    net, data, job, width
        The kernel's arguments, arrays included (see `runner.kernels.structs`).
    dtype : dtype
        Of the training.
    sizes : int64 array (layers + 1,)
    parameters : int
        Weights and biases, one bias per unit whether it is trained or not.
    classes : bool
        Whether the targets tell classes apart, so that a sample is right or wrong.
    target_spread : float
        Largest standard deviation of a target over the samples.
    updates_per_epoch : int
    schedule : Call
        Of the learning rates.
    momentum_schedule : Call or None
        Of the momentum.
    momentum_row : int
        The place of the momentum among the settings of the optimizer, where it has a schedule; else 0.
    restarts : Restarts or None
        When runs start again.
    clock : tuple of two floats
        The optimizer's clock before the first update.
    faults : table.Faults or None
        What stands for which term, where the kernel without a table does not know it.
    held : HeldOut or None
        Held-out samples, without what is kept of each run.
    judged : Judged or None
        How the criterion is judged, without what is kept of each run; None where that is by each evaluation alone.
    data_of : callable (seed) -> DataSet, or None
        The samples of the runs with a seed, where they are not those of `data`.
    iteration : Iteration or None
        How a method of second order makes an update.
    iterate : Table
        The methods of second order that its kernel knows.
    history : int
        What such a method remembers; 0 for one that remembers nothing.
    members : str
        The name of the members that its kernel knows.
    adjusts : tuple of three bools
        Whether gradients get a penalty, are clipped number by number, are clipped as a whole.
    noises : tuple of two bools
        Whether inputs are noisy in training, and whether hidden units are dropped.
    card : Card or None
        The graphics card that trains these runs.
    """

    net: structs.Network
    data: structs.Data
    job: structs.Job
    width: structs.Width
    dtype: np.dtype[Any]
    sizes: NDArray[np.int64]
    parameters: int
    classes: bool
    target_spread: float
    updates_per_epoch: int
    schedule: Call
    momentum_schedule: Call | None
    momentum_row: int
    restarts: Restarts | None
    clock: tuple[float, float]
    faults: table.Faults | None
    held: held_out.HeldOut | None
    judged: criterion.Judged | None
    data_of: Callable[[int], DataSet] | None
    iteration: Iteration | None
    iterate: Table
    history: int
    members: str
    adjusts: tuple[bool, ...]
    noises: tuple[bool, ...]
    card: Card | None = None

    @property
    def stops(self) -> bool:
        """Whether a run may stop before the end of its budget."""
        return bool(self.job.stop or (self.held is not None and self.held.rule != held_out.NEVER))

    @property
    def samples_per_update(self) -> int:
        """Samples that one update sees."""
        return min(self.job.batch, self.data.n)

    @property
    def numbers_of_samples(self) -> int:
        """Numbers of the samples that it is trained on and tested with."""
        parts = [self.data] if self.held is None else [self.data, self.held.samples]
        return sum(array.size for data in parts for array in data[1:])

    @property
    def is_regularised(self) -> bool:
        """Whether its kernel is one for adjusted gradients, other targets of the loss, noise or dropout."""
        return any(self.adjusts) or any(self.noises) or self.job.labels != NONE

    @property
    def is_scheduled(self) -> bool:
        """Whether a learning rate or the momentum changes from epoch to epoch."""
        return self.schedule.name != CONSTANT or self.momentum_schedule is not None

    @property
    def follows(self) -> bool:
        """Whether the learning rates follow a loss."""
        return bool(SCHEDULES[self.schedule.name].follows)

    @property
    def repeats(self) -> bool:
        """Whether every update is the same function of the weights and of nothing else, as the kernel sees it."""
        full = self.job.batch >= self.data.n and self.job.order == codes.SEQUENTIAL
        plain = not self.job.states and not self.job.faults and not any(self.noises)
        plain = plain and self.faults is None and self.held is None and self.judged is None
        return bool(full and plain and not self.is_scheduled)

    @property
    def work_per_update(self) -> float:
        """Multiply-adds of one update of one run, roughly, and of its share of the evaluations."""
        return self._work(1)

    @property
    def lane_work_per_update(self) -> float:
        """Multiply-adds of one update of one lane as the kernel computes them, with what only fills its tiles."""
        return self._work(int(self.width.tile.n) // int(self.width.lanes.n))

    def _work(self, tile: int) -> float:
        """Multiply-adds of an update that sees its samples in tiles of so many."""
        per_sample = 3 * self.parameters + 30 * self.net.n_units
        samples, evaluated = (-(-n // tile) * tile for n in (self.samples_per_update, self.data.n))
        # With full batches, the pass that trains evaluates as well, unless something in it is random.
        apart = self.job.batch < self.data.n or any(self.noises)
        evaluations = evaluated / self.job.every if apart else 0
        work = float((samples + evaluations) * per_sample)
        # A random number takes about as long as so many multiply-adds.
        hidden = int(self.sizes[1:-1].sum())
        drawn = int(self.sizes[0]) * self.noises[0] + hidden * self.noises[1]
        work += 20.0 * drawn * self.samples_per_update
        if self.held is not None:
            # A forward pass is a third of what learning takes.
            tested = -(-self.held.samples.n // tile) * tile
            work += tested / self.job.every * per_sample / 3
        if self.iteration is not None:
            work += self.iteration.work(self.parameters, self.data.n, int(self.sizes[-1]))
        return work

    @property
    def kernel(self) -> str:
        """Which of the compiled kernels trains it: precision, lanes, lanes by samples of a tile, and what apart."""
        width = self.width
        parts = [self.dtype.name, str(width.lanes.n), str(width.tile.n)]
        if self.schedule.name != CONSTANT:
            parts.append("following" if self.follows else "scheduled")
        parts += ["moved"] * (self.momentum_schedule is not None)
        parts += ["faulty"] * (self.faults is not None)
        parts += ["tested"] * (self.held is not None) + ["judged"] * (self.judged is not None)
        parts += ["undecided"] * bool(self.job.band) + ["pairwise"] * bool(self.job.pairwise)
        parts += ["divided"] * (self.data_of is not None) + ["noisy"] * any(self.noises)
        parts += ["adjusted"] * any(self.adjusts) + ["labelled"] * (self.job.labels != NONE)
        parts += [self.iterate.name] * (self.iteration is not None)
        return "-".join([*parts, *filter(None, [self.members])])

    def on(self, card: Card) -> Shared:
        """The same for runs that a graphics card trains, if it can train them; else as it is."""
        wide = cuda.width(self.samples_per_update == 1)
        plain = self.faults is None and self.iteration is None and not self.is_regularised
        plain = plain and self.momentum_schedule is None and not self.follows
        return replace(self, width=wide, card=card) if plain and card.takes(self.net, wide, self.dtype) else self


def make_shared(cell: Cell, members: Members) -> Shared:
    """What a cell shares with all others of its study that have the same `shared_key`.

    Parameters
    ----------
    cell : Cell
    members : Members
        What its kernel must know: those of the whole study, so that all its cells have one.
    """
    data, dtype = cell.data_set, np.dtype(cell.precision)
    sizes = np.array(cell.architecture, np.int64)
    net = _net(cell, sizes, members)
    batch = len(data.inputs) if cell.batch == "full" else int(cell.batch)
    single = batch == 1 and len(data.inputs) > 1
    faults = faults_of(cell.faults, len(sizes) - 1, members) if needs_table(cell.faults) else None
    optimizer = OPTIMIZERS[cell.optimizer]
    iteration = optimizer.iteration
    return Shared(
        net,
        samples_of(data, dtype),
        job_of(cell, data, batch, members),
        _width(dtype, single or faults is not None, net.parameters, iteration),
        dtype,
        sizes,
        net.parameters,
        are_classes(data.targets),
        largest_deviation(_all_targets(cell, data)),
        cell.updates_per_epoch,
        cell.learning_rate_schedule,
        cell.momentum_schedule,
        0 if cell.momentum_schedule is None else list(optimizer.settings).index("momentum"),
        cell.restarts,
        optimizer.clock,
        faults,
        _held(cell, data, dtype),
        _judged(cell, dtype),
        data.of_seed if data.depends_on_seed else None,
        iteration,
        members.iterate(cell.optimizer),
        int(cell.setting("history") or 0),
        members.name,
        tuple(_is_given(cell.values[place]) for place in ADJUSTMENTS),
        tuple(_is_given(cell.values[place]) for place in NOISES),
    )


def _all_targets(cell: Cell, data: DataSet) -> Floats:
    """The targets with which the spread of the outputs is compared: those of all samples, where a seed divides them."""
    if data.test is None or isinstance(cell.test, FileData):
        return data.targets
    return np.concatenate([data.targets, data.test.targets])


def samples_of(data: DataSet, dtype: np.dtype[Any]) -> structs.Data:
    """A data set in the precision of the training."""
    inputs, targets = np.ascontiguousarray(data.inputs, dtype), np.ascontiguousarray(data.targets, dtype)
    return structs.Data(len(inputs), inputs, targets)


_RULES = {"patience": held_out.PATIENCE, "gl": held_out.LOST, "pq": held_out.QUOTIENT, "up": held_out.RISING}


def _held(cell: Cell, data: DataSet, dtype: np.dtype[Any]) -> held_out.HeldOut | None:
    """The held-out samples of a cell."""
    if data.test is None:
        return None
    loss, (n, outputs) = LOSSES[cell.loss], data.test.targets.shape
    stop = cell.stop if isinstance(cell.stop, Call) else None
    limit, strip, *_ = (*(() if stop is None else stop.args), 1, 1)
    return held_out.HeldOut(
        samples_of(data.test, dtype),
        # A weighted mean is made within the kernel.
        loss.factor / (1, n, n * outputs)[0 if cell.class_weights else PER[loss.per]],
        held_out.NEVER if stop is None else _RULES[stop.name],
        float(limit),
        int(strip),
        *(np.empty((0, 0, 0), kind) for kind in (dtype, np.int64, dtype, np.int64)),
    )


def _judged(cell: Cell, dtype: np.dtype[Any]) -> criterion.Judged | None:
    """How the criterion of a cell is judged."""
    if cell.criterion_from is None and cell.criterion_window is None:
        return None
    window = cell.criterion_window or 1
    return criterion.Judged(
        window,
        int(cell.criterion_from == "training"),
        int(PER[LOSSES[cell.loss].per] > 0),
        criterion.J_ENTRIES + window * len(cell.criterion),
        *(np.empty((0, 0, 0), kind) for kind in (dtype, np.int64, dtype)),
    )


# What suits a network, in units of one cache line of numbers: lanes, and lanes times samples of a tile; then units of a
# layer that are summed together, by which the sums fill half of the processor's registers. Each of these is a kernel of
# its own to compile, so there are no more than pay for it.
NARROW, SINGLE, WIDE = WIDTHS = (2, 8, 2), (4, 4, 2), (1, 4, 4)
# A matrix of vectors for each group of lanes: the fewer lanes, the longer it stays in the cache.
DENSE = (1, 1, 2)
_CACHE_LINE = 64
# Numbers per weight that training streams through, and bytes of them that should fit into a core's second-level cache.
_STREAMED, _CACHE = 4, 1 << 19


def _width(dtype: np.dtype[Any], single: bool, parameters: int, iteration: Iteration | None) -> structs.Width:
    """Lanes and tiles that suit a network.

    Batches of one sample have no second one to share a weight with: all width goes to lanes. So it does in the kernel
    with a table of faults, which takes one sample at a time. Networks with so many weights that those of many lanes
    would leave the cache train in as few lanes as a vector has.
    """
    n = _CACHE_LINE // dtype.itemsize
    if iteration is not None and iteration.of_residuals:
        lanes, tile, rows = DENSE
    elif single:
        lanes, tile, rows = SINGLE
    elif _STREAMED * parameters * NARROW[0] * _CACHE_LINE > _CACHE:
        lanes, tile, rows = WIDE
    else:
        lanes, tile, rows = NARROW
    return structs.Width(Lanes(lanes * n), Lanes(tile * n), Lanes(rows))


def _net(cell: Cell, sizes: NDArray[np.int64], members: Members) -> structs.Network:
    """Shape, activations and scales of the network."""
    layers = len(sizes) - 1
    seen = seen_by(cell.architecture, cell.shortcuts)
    # What the kernels take is of layers from the inputs on, layer 0.
    weights, biases, units, first, readers = np.zeros((5, layers + 1), np.int64)
    inputs = np.array((0, *fan_ins(cell.architecture, cell.shortcuts)))
    at = 0
    for layer in range(1, layers + 1):
        weights[layer] = at
        biases[layer] = at + sizes[layer] * inputs[layer]
        at = int(biases[layer] + sizes[layer])
        readers[list(seen[layer - 1])] = layer
    order = list(range(layers + 1))
    if cell.shortcuts == "input_output":
        # The inputs lie before the last hidden layer, so that the output layer finds all that it sees in a row.
        order.insert(layers - 2, order.pop(0))
    units[order] = np.cumsum(sizes[order]) - sizes[order]
    first[1:] = [units[each].min() for each in map(list, seen)]
    hidden = hidden_activations(cell.activation, cell.architecture)
    # That of the inputs is not used, but has to be there.
    names = [*(hidden[:1] or (cell.activation,)), *hidden, cell.output]
    scales = np.ones(layers + 1)
    if cell.parameterization == "mean_field":
        # Hidden layers W sqrt(2 / fan_in), output layer W / fan_in (Sohl-Dickstein 2024, arXiv:2402.06184, after
        # Mei, Montanari and Nguyen 2018).
        scales[1:] = np.sqrt(2.0 / inputs[1:])
        scales[-1] = 1.0 / inputs[-1]
    activations = np.array([members.activation(name) for name in names])
    whole = np.array([sizes, units, weights, biases, activations, inputs, first, readers])
    real = np.array([scales, *([getattr(ACTIVATIONS[name], end) for name in names] for end in ("low", "high"))])
    gain = 1.0 if cell.gain is None else cell.gain
    return structs.Network(layers, at, int(sizes.sum()), gain, whole, real, members.activate, members.slope)
