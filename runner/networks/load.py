"""The network of a row: its weights as they were recorded, or those of its run trained again."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from runner.data import HeldOutFraction, KFold
from runner.data.coding import coding_of
from runner.data.load import Division, load_raw
from runner.errors import RunnerError
from runner.kernels.faulty.table import ACTIVATION, AXIS, BIAS, ROUNDED_OUTPUT, ROUNDED_SUM, SUM
from runner.keys.architecture import expand_weights, fan_ins, hidden_activations, parameter_count
from runner.networks.activations import conversion
from runner.networks.network import Layer, Network
from runner.ops import FAULTS
from runner.results.files import TABLE
from runner.results.weights import WEIGHTS, read_weights_of
from runner.studies.cells import Cell
from runner.studies.plan import make_plan
from runner.training.replay import record, row_of
from runner.training.stored_rows import study_of

# Terms of the forward pass: a fault in one changes what a network gives, and not only how it learns.
_FORWARD = frozenset((SUM, ACTIVATION, BIAS, AXIS, ROUNDED_SUM, ROUNDED_OUTPUT))


def load_network(table: Path, run_id: str, threads: int | None = None) -> Network:
    """The network of a run at the end of its training.

    Parameters
    ----------
    table : Path
        `runs.csv`.
    run_id : str
        All 16 digits.
    threads : int, optional
        Of the training, where there is one.

    Raises
    ------
    RunnerError
        When the weights were not recorded and the run does not train to its row again; or when its network has a fault
        that changes its outputs, or an activation that is known to the kernels only.
    """
    study = study_of([row_of(table, run_id)], table)
    plan = make_plan(study)
    cell = plan.cell(0)
    _refuse_others(cell, run_id)
    samples = load_raw(cell.data, cell.missing, cell.target_encoding, study.folder)
    if isinstance(cell.test, HeldOutFraction | KFold):
        # Scaling is found from the samples that were trained on.
        keys = cell.scaling, cell.target_encoding, cell.target_range, cell.test, cell.fold, cell.split_seed
        samples = Division(samples, *keys).parts(plan.seeds[0])[0]
    return Network(
        run_id=run_id,
        architecture=cell.architecture,
        activation=cell.activation,
        output=cell.output,
        weights=_layers(cell, _weights(table, run_id, threads)),
        coding=coding_of(samples, cell.scaling, cell.target_encoding, cell.target_range),
        shortcuts=cell.shortcuts,
    )


def _refuse_others(cell: Cell, run_id: str) -> None:
    """Refuse a network that is more than its layers."""
    for fault in cell.faults:
        if _FORWARD.intersection(row for row, _ in FAULTS[fault.name].entries):
            raise RunnerError(f"run {run_id} has the fault {fault}, with which its network gives other outputs")
    if cell.undecided_band:
        raise RunnerError(f"run {run_id} has an undecided band, which is known to the kernels only")
    for name in (*hidden_activations(cell.activation, cell.architecture), cell.output):
        conversion(name)


def _weights(table: Path, run_id: str, threads: int | None) -> np.ndarray:
    """The parameters of a run, in the order of weights.npz."""
    for folder in (table.parent, table.parent / "replay" / run_id):
        if (found := read_weights_of(folder / WEIGHTS, run_id)) is not None:
            return found
    folder = record(table, run_id, threads)
    if row_of(folder / TABLE, run_id).line != row_of(table, run_id).line:
        raise RunnerError(
            f"run {run_id} does not train to the row that is in {table}: replay {table.parent.name} {run_id} tells the "
            "differences"
        )
    found = read_weights_of(folder / WEIGHTS, run_id)
    assert found is not None, "a run that was recorded has weights"
    return found


def _layers(cell: Cell, numbers: np.ndarray) -> list[Layer]:
    """W and b of every layer, in the type of the training."""
    sizes = cell.architecture
    # Runs of an architecture that differ in `bias` have rows of one length, filled up with NaN.
    parameters = numbers[: parameter_count(sizes, cell.bias, cell.shortcuts)]
    whole = expand_weights(sizes, cell.bias, parameters, cell.shortcuts)
    kind = np.dtype(cell.precision)
    layers: list[Layer] = []
    at = 0
    for k, (fan_in, fan_out) in enumerate(zip(fan_ins(sizes, cell.shortcuts), sizes[1:], strict=True), 1):
        W = whole[at : at + fan_in * fan_out].reshape(fan_out, fan_in)
        at += fan_in * fan_out
        b = whole[at : at + fan_out] if isinstance(cell.bias, str) else np.full(fan_out, cell.bias)
        at += fan_out
        if cell.parameterization == "mean_field":
            W = W * (1.0 / fan_in if k == len(sizes) - 1 else math.sqrt(2.0 / fan_in))
        gain = 1.0 if cell.gain is None else cell.gain
        layers.append(((W * gain).astype(kind), (b * gain).astype(kind)))
    return layers
