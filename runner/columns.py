"""The measured columns of the results table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

# Raised whenever rows of the same run may differ from those that an earlier version wrote.
RESULTS_VERSION = 2

# A measurement can itself be NaN (a diverged run); what was not measured is this one NaN, told apart by its bits.
MISSING_BITS = 0x7FF8000000000001
MISSING = float(np.array([MISSING_BITS], np.uint64).view(np.float64)[0])


@dataclass(frozen=True)
class Column:
    """One measurement of a run.

    Attributes
    ----------
    name : str
    kind : {"float", "int", "bool"}
        How it is written; every kind may be missing (an empty field).
    doc : str
    """

    name: str
    kind: Literal["float", "int", "bool"]
    doc: str


MEASUREMENTS = (
    Column("converged", "bool", "The criterion holds at the end of the budget, or where the run stopped."),
    Column("epochs_to_diverge", "float", "Epochs before the first evaluation whose loss is not finite."),
    Column("epochs_to_converge", "float", "updates_to_converge in epochs."),
    Column("updates_to_converge", "int", "Updates made before the first evaluation that meets the criterion."),
    Column("epochs_run", "float", "Epochs trained: the budget, or less where the run stopped."),
    Column("initial_loss", "float", "Loss of the initial weights on the whole data set."),
    Column("final_loss", "float", "Loss of the final weights on the whole data set."),
    Column("best_loss", "float", "Smallest loss of all evaluations."),
    Column("mse", "float", "Mean over samples and outputs of the squared error, whatever the loss."),
    Column("accuracy", "float", "Share of samples with every output on its target's side; one-hot: by argmax."),
    Column("max_error", "float", "Largest absolute error of an output."),
    Column("grad_norm", "float", "Euclidean norm of the gradient of the loss, by all trained weights and biases."),
    Column("output_min", "float", "Smallest output."),
    Column("output_max", "float", "Largest output."),
    Column("output_spread", "float", "Largest standard deviation of an output over the samples."),
    Column("saturation", "float", "Share of hidden activations within 1% of a limit; empty without hidden units."),
    Column("weight_norm", "float", "Euclidean norm of all trained weights and biases."),
)
"""All measurements in the order of the columns; `outcome` stands before them."""

RECORD_COLUMNS = ("outcome", *(column.name for column in MEASUREMENTS))
"""Columns of a run's record, a row of float64; `outcome` is an index into `runner.outcomes.OUTCOMES`."""
