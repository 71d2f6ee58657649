"""Work items: a study file, and everything a program needs to do the same work without this project."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from runner.plan import Plan

Floats = NDArray[Any]
Program = Callable[[], Floats]
"""Trains the networks it was prepared for, and returns their final losses."""


@dataclass(frozen=True)
class WorkItem:
    """What is to be trained.

    Attributes
    ----------
    name, title : str
    study : Path
        One cell and its replicates.
    tolerance : mapping of str to float
        By precision: largest relative difference of a program's final losses to the project's.
    """

    name: str
    title: str
    study: Path
    tolerance: dict[str, float]


@dataclass(frozen=True, eq=False)
class Work:
    """A work item in one precision, for a number of networks.

    Attributes
    ----------
    item : WorkItem
    precision : str
    plan : Plan
    runs : int
    inputs, targets : arrays (samples, inputs), (samples, outputs)
    sizes : tuple of int
        Layer sizes.
    learning_rate : float
    epochs : int
    weights : array (runs, parameters)
        Initial ones: layer by layer W (fan_out, fan_in) row-major, then b.
    losses : float64 array (runs,)
        Final ones of the project, which every program must reach.
    """

    item: WorkItem
    precision: str
    plan: Plan
    inputs: Floats
    targets: Floats
    sizes: tuple[int, ...]
    learning_rate: float
    epochs: int
    weights: Floats
    losses: Floats

    @property
    def runs(self) -> int:
        """How many networks are trained."""
        return self.plan.n_runs

    @property
    def sample_steps(self) -> int:
        """Samples seen, forward and backward, by all networks together."""
        return self.runs * self.epochs * len(self.inputs)


def prepare(item: WorkItem, precision: str, runs: int, epochs: int | None = None) -> Work:
    """A work item for so many networks; initial weights and losses to reach are the project's.

    Parameters
    ----------
    item : WorkItem
    precision : {"float64", "float32"}
    runs : int
        Replicates.
    epochs : int, optional
        Instead of those of the study.
    """
    from runner.columns import RECORD_COLUMNS
    from runner.engine import train
    from runner.plan import make_plan
    from runner.study import load_study

    overrides = [f"precision={precision}", f"replicates={runs}"]
    overrides += [f"epochs={epochs}"] if epochs else []
    kept = make_plan(load_study(item.study, [*overrides, "record.weights=true"]))
    cell, dtype = kept.cell(0), np.dtype(precision)
    weights, losses = None, np.empty(runs)
    for result in train(kept, np.zeros(runs, bool)):
        if result.error is not None or result.weights is None:
            raise RuntimeError(f"{item.name}: {result.error}")
        if weights is None:
            weights = np.empty((runs, result.weights[0].shape[1]), dtype)
        weights[result.runs] = result.weights[0]
        losses[result.runs] = result.records[:, RECORD_COLUMNS.index("final_loss")]
    assert weights is not None
    data = cell.data_set
    return Work(
        item,
        precision,
        make_plan(load_study(item.study, overrides)),
        data.inputs.astype(dtype),
        data.targets.astype(dtype),
        cell.architecture,
        float(cell.learning_rate),
        int(cell.epochs),
        weights,
        losses,
    )
