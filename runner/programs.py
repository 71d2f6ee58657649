"""Programs: what all runs of a block share, from a cell to what the kernels take."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from runner.cells import PLACE
from runner.data import DataSet
from runner.kernels import codes, layout
from runner.kernels.lanes import Lanes
from runner.keys import CRITERIA
from runner.ops import ACTIVATIONS, FAULTS, LOSSES, OPTIMIZERS, RULES

if TYPE_CHECKING:
    from runner.cells import Cell

Floats = NDArray[np.float64]

# Keys whose values may differ from lane to lane of a block. All others choose code or shape and are the same for all.
LANE_KEYS = frozenset(
    ("init", "bias_init", "learning_rate", "bias_learning_rate", "weight_decay", "epochs", "updates")
) | {setting for record in OPTIMIZERS.values() for setting in record.settings}
_shared = itemgetter(*(place for key, place in PLACE.items() if key not in LANE_KEYS | {"bias", "criterion"}))
_BIAS, _CRITERION = PLACE["bias"], PLACE["criterion"]

_PER = {"sum": 0, "samples": 1, "elements": 2}
_ORDERS = {
    "sequential": codes.SEQUENTIAL,
    "shuffled": codes.SHUFFLED,
    "with_replacement": codes.WITH_REPLACEMENT,
}
_BIASES = {"trained": codes.TRAINED, "none": codes.FROZEN, "shared": codes.SHARED}

# Lanes, and lanes times samples of a tile, in units of one cache line of numbers; units to a row, by which the sums of
# a row fill half of the processor's registers. Each of them is a kernel of its own to compile: there are no more than
# pay for it.
NARROW, SINGLE, WIDE = WIDTHS = (2, 8, 2), (4, 4, 2), (1, 4, 4)
_CACHE_LINE = 64
# Numbers per weight that training streams through, and what of them should fit into a core's second cache.
_STREAMED, _CACHE = 4, 1 << 19


def _width(dtype: np.dtype[Any], single: bool, parameters: int) -> layout.Width:
    """Lanes and tiles that suit a network.

    Batches of one sample have no second one to share a weight with: all width goes to lanes. Networks with so many
    weights that those of many lanes leave the cache train in as few lanes as a vector has.
    """
    n = _CACHE_LINE // dtype.itemsize
    if single:
        lanes, tile, rows = SINGLE
    elif _STREAMED * parameters * NARROW[0] * _CACHE_LINE > _CACHE:
        lanes, tile, rows = WIDE
    else:
        lanes, tile, rows = NARROW
    return layout.Width(Lanes(lanes * n), Lanes(tile * n), Lanes(rows))


def program_key(cell: Cell) -> tuple[Any, ...]:
    """Cells with equal keys can train side by side in the lanes of one block."""
    values = cell.values
    bias = values[_BIAS]
    names = tuple([name for name, _ in values[_CRITERION]])
    return (*_shared(values), bias if isinstance(bias, str) else "none", names)


@dataclass(frozen=True, eq=False)
class Program:
    """What all runs of a block share.

    Attributes
    ----------
    net, data, job, width
        The kernel's arguments (see kernels/layout.py), arrays included.
    dtype : dtype
        Of the training.
    sizes : int64 array (layers + 1,)
    parameters : int
        Weights and biases, one bias per unit.
    target_spread : float
        Largest standard deviation of a target over the samples.
    updates_per_epoch : int
    states : tuple of two floats
        The optimizer's clock before the first update.
    """

    net: layout.Network
    data: layout.Data
    job: layout.Job
    width: layout.Width
    dtype: np.dtype[Any]
    sizes: NDArray[np.int64]
    parameters: int
    target_spread: float
    updates_per_epoch: int
    clock: tuple[float, float]

    @property
    def samples_per_update(self) -> int:
        """Samples that one update sees."""
        return min(self.job.batch, self.data.n)


def make_program(cell: Cell) -> Program:
    """The program of a cell, and of all others with the same `program_key`."""
    data, dtype = cell.data_set, np.dtype(cell.precision)
    sizes = np.array(cell.architecture, np.int64)
    net = _net(cell, sizes)
    batch = len(data.inputs) if cell.batch == "full" else int(cell.batch)
    single = batch == 1 and len(data.inputs) > 1
    return Program(
        net,
        layout.Data(
            len(data.inputs), np.ascontiguousarray(data.inputs, dtype), np.ascontiguousarray(data.targets, dtype)
        ),
        _job(cell, data, batch),
        _width(dtype, single, net.parameters),
        dtype,
        sizes,
        net.parameters,
        _spread(data.targets),
        cell.updates_per_epoch,
        OPTIMIZERS[cell.optimizer].clock,
    )


def _spread(targets: Floats) -> float:
    """Largest standard deviation of a column, by sums that are the same on every processor."""
    return max(_deviation(column) for column in targets.T.tolist())


def _deviation(column: list[float]) -> float:
    n = len(column)
    try:
        mean = math.fsum(column) / n
        return math.sqrt(math.fsum((value - mean) ** 2 for value in column) / n)
    except OverflowError:
        # Squares of numbers beyond 1e154; a power of two changes no digit, and these are near 1.
        power = max(math.frexp(value)[1] for value in column)
        return math.ldexp(_deviation([math.ldexp(value, -power) for value in column]), power)


def _net(cell: Cell, sizes: NDArray[np.int64]) -> layout.Network:
    """Shape, activations and scales of the network."""
    layers = len(sizes) - 1
    weights, biases = np.zeros(layers + 1, np.int64), np.zeros(layers + 1, np.int64)
    at = 0
    for layer in range(1, layers + 1):
        weights[layer] = at
        biases[layer] = at + sizes[layer] * sizes[layer - 1]
        at = int(biases[layer] + sizes[layer])
    names = [cell.activation] * layers + [cell.output]
    scales = np.ones(layers + 1)
    if cell.parameterization == "mean_field":
        # Hidden layers W sqrt(2 / fan_in), output layer W / fan_in (Sohl-Dickstein 2024, arXiv:2402.06184, after
        # Mei, Montanari and Nguyen 2018).
        scales[1:] = np.sqrt(2.0 / sizes[:-1])
        scales[-1] = 1.0 / sizes[-2]
    whole = np.zeros((5, layers + 1), np.int64)
    whole[0] = sizes
    whole[1, 1:] = np.cumsum(sizes)[:-1]
    whole[2:4] = weights, biases
    whole[4] = [ACTIVATIONS[name].code for name in names]
    real = np.array([scales, *([getattr(ACTIVATIONS[name], end) for name in names] for end in ("low", "high"))])
    return layout.Network(layers, at, int(sizes.sum()), whole, real)


def _job(cell: Cell, data: DataSet, batch: int) -> layout.Job:
    """What is done to the network."""
    loss, rule, output = LOSSES[cell.loss], RULES[cell.rule], ACTIVATIONS[cell.output]
    n, outputs = data.targets.shape
    per = _PER[loss.per]
    watched = {name for name, _ in cell.criterion}
    faults = {fault.name: fault.args for fault in cell.faults}
    factor = 1.0 if rule.residual else loss.factor
    loss_factor = loss.factor / (1, n, n * outputs)[per]
    cost_factor = loss.factor / (1, batch, batch * outputs)[per]
    if "ascent" in faults:
        factor = -factor
        # Beside the cost there is no residual whose sign could turn.
        cost_factor = -cost_factor if "scalar_cost" in faults else cost_factor
    return layout.Job(
        loss=loss.code,
        squares=int(loss.squares),
        optimizer=OPTIMIZERS[cell.optimizer].code,
        states=int(OPTIMIZERS[cell.optimizer].keeps_state),
        residual=int(rule.residual or loss.fused),
        softmax=int(output.couples),
        one_hot=int(data.one_hot),
        middle=float(data.middle),
        factor=factor,
        per=0 if rule.residual else per,
        loss_factor=loss_factor,
        bias=_BIASES.get(cell.bias, codes.FROZEN),
        batch=batch,
        order=_ORDERS[cell.order],
        every=cell.evaluate_every,
        watch=sum(1 << k for k, name in enumerate(CRITERIA) if name in watched),
        stop=int(cell.stop == "converged"),
        faults=sum(FAULTS[name].bit for name in faults),
        cost_factor=cost_factor,
        sum_scale=_scale(faults, "round_sums"),
        output_scale=_scale(faults, "round_outputs"),
        weight_scale=_scale(faults, "round_weights"),
    )


def _scale(faults: Mapping[str, tuple[Any, ...]], name: str) -> float:
    """The power of ten of a fault that rounds to n decimals."""
    return float(10 ** int(faults[name][0])) if name in faults else 1.0
