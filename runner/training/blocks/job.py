"""What is done to a network, as the numbers of a `structs.Job`, and the table of faults that one cannot hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from runner.data import DataSet
from runner.data.targets import class_counts
from runner.kernels import codes, labels, structs
from runner.kernels.absent import NONE
from runner.kernels.faults import SIGNALS
from runner.kernels.faulty import table
from runner.keys.definitions import CRITERIA
from runner.ops import ACTIVATIONS, FAULTS, LOSSES, OPTIMIZERS, RULES, Members
from runner.ops.faults import layer_of, needs_table, table_entries
from runner.registry import Call

if TYPE_CHECKING:
    from runner.studies.cells import Cell

# What a loss is divided by, as a code of Job.per.
PER = {"sum": 0, "samples": 1, "elements": 2}
_ORDERS = {
    "sequential": codes.SEQUENTIAL,
    "shuffled": codes.SHUFFLED,
    "with_replacement": codes.WITH_REPLACEMENT,
}
_BIASES: dict[str | float, int] = {"trained": codes.TRAINED, "none": codes.FROZEN, "shared": codes.SHARED}


def job_of(cell: Cell, data: DataSet, batch: int, members: Members) -> structs.Job:
    """What is done to the network."""
    loss, rule, output = LOSSES[cell.loss], RULES[cell.rule], ACTIVATIONS[cell.output]
    optimizer = OPTIMIZERS[cell.optimizer]
    n, outputs = data.targets.shape
    per = 0 if cell.class_weights else PER[loss.per]
    watched = {name for name, _ in cell.criterion}
    # Those of one layer are the table's.
    faults = {fault.name: fault.args for fault in cell.faults if layer_of(fault) is None}
    factor = 1.0 if rule.residual else loss.factor
    loss_factor = loss.factor / (1, n, n * outputs)[per]
    needs_sums = optimizer.needs_loss and not any(FAULTS[name].bit & SIGNALS for name in faults)
    cost_factor = loss.factor / (1, batch, batch * outputs)[per]
    # The table turns the gradient itself, for it may hold faults that leave the error signal out.
    if "ascent" in faults and not needs_table(cell.faults):
        factor = -factor
        # Beside the cost there is no residual whose sign could turn.
        cost_factor = -cost_factor if "scalar_cost" in faults else cost_factor
    return structs.Job(
        loss=members.loss(cell.loss),
        squares=int(loss.squares),
        optimizer=members.optimizer(cell.optimizer),
        states=int(optimizer.keeps_state),
        residual=int(rule.residual or loss.fused),
        band=(cell.undecided_band or 0.0,) if rule.bipolar else NONE,
        softmax=int(output.couples),
        one_hot=int(data.one_hot and cell.scoring is None),
        middle=float(data.middle),
        margin=0.0 if cell.scoring is None else _margin(data),
        factor=factor,
        per=0 if rule.residual else per,
        loss_factor=loss_factor,
        bias=_BIASES.get(cell.bias, codes.FROZEN),
        batch=batch,
        order=codes.SHUFFLED if "inputs_shuffled_apart" in faults else _ORDERS[cell.order],
        every=cell.evaluate_every,
        watch=sum(1 << k for k, name in enumerate(CRITERIA) if name in watched),
        stop=int(cell.stop == "converged"),
        faults=sum(FAULTS[name].bit for name in faults),
        cost_factor=cost_factor,
        sum_losses=int(needs_sums or cell.criterion_from == "training"),
        sum_scale=_scale(faults, "round_sums"),
        output_scale=_scale(faults, "round_outputs"),
        weight_scale=_scale(faults, "round_weights"),
        loss_value=members.loss_value,
        loss_slope=members.loss_slope,
        update_stateless=members.update_stateless,
        update=members.update,
        tick=members.tick,
        labels=_labels(cell, data),
        pairwise=(float(data.middle),) if loss.pairwise else NONE,
    )


def _labels(cell: Cell, data: DataSet) -> labels.Labels | tuple[()]:
    """What the loss makes of its targets, still without the memory for sums."""
    if cell.label_smoothing is None and cell.class_weights is None:
        return NONE
    of_outputs, share = ACTIVATIONS[cell.output].couples, cell.label_smoothing or 0.0
    if cell.class_weights == "balanced":
        # All divisions of the samples into parts have as many of each class.
        counts = class_counts(data.targets, data.middle, of_outputs)
        weights = counts.sum() / (len(counts) * counts.astype(np.float64))
    else:
        weights = np.array(cell.class_weights or (), np.float64)
    spread = share / (data.targets.shape[1] if of_outputs else 2)
    return labels.Labels(1.0 - share, spread, int(of_outputs), int(len(weights) > 0), weights, np.empty(0))


def _margin(data: DataSet) -> float:
    """Job.margin of outputs that are neither right nor wrong within the middle fifth between the two targets."""
    half = float(np.abs(data.targets - data.middle).max())
    return 0.2 * half * half


def _scale(faults: Mapping[str, tuple[Any, ...]], name: str) -> float:
    """The power of ten of a fault that rounds to n decimals."""
    return float(10 ** int(faults[name][0])) if name in faults else 1.0


def faults_of(faults: Sequence[Call], n_layers: int, members: Members) -> table.Faults:
    """The table of the kernel that looks its formulas up."""
    whole, real = np.zeros((table.ROWS, n_layers + 1), np.int64), np.zeros((table.REALS, n_layers + 1))
    for record, arguments, layers in table_entries(faults, n_layers):
        for row, formula in record.entries:
            whole[row, layers] = formula
        if record.parameters == ("activation",):
            whole[table.SLOPE_OF, layers] = members.activation(str(arguments[0]))
        elif record.number is not None:
            value = float(arguments[0])
            real[record.number, layers] = 10.0**value if record.parameters == ("n",) else value
    keeps_weights = (whole[table.WAY_BACK] == table.MOVED).any() or whole[table.ORDER, 0] == table.UNTIL_RIGHT
    return table.Faults(n_layers + 1, whole, real, int(keeps_weights))
