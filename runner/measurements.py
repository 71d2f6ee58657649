"""The measured columns of the results table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

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
"""Columns of a run's record, a row of float64; `outcome` is an index into `runner.measurements.OUTCOMES`."""


OUTCOMES = ("converged", "learning", "constant_output", "saturated", "stuck", "oscillating", "diverged")
"""Names; a record holds an index into these."""

WINDOW = 10
DIVERGED = 1e6
OSCILLATING = 0.05
BACK_AND_FORTH = 5.0
LEARNING = 0.01
SLOWLY = 0.001
STEADY = 0.5
SATURATED = 0.9
CONSTANT = 0.05


def window(budget: int) -> int:
    """Updates before the end of a budget at which a run is looked at for the first time: a tenth, at least one."""
    return max(1, budget // WINDOW)


def classify(
    converged: NDArray[np.bool_],
    losses: tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]],
    variation: NDArray[np.float64],
    evaluations: int,
    saturation: NDArray[np.float64],
    spread: NDArray[np.float64],
) -> NDArray[np.int64]:
    """The outcomes of n runs.

    Parameters
    ----------
    converged : bool array (n,)
    losses : three arrays (n,)
        At first, at the start of the window, and at the end.
    variation : array (n,)
        Sum of the absolute changes of the loss from evaluation to evaluation within the window.
    evaluations : int
        Evaluations within the window.
    saturation : array (n,)
        Share of saturated hidden activations; NaN without hidden units.
    spread : array (n,)
        Spread of the outputs divided by that of the targets.

    Returns
    -------
    int array (n,)
        Indices into OUTCOMES.
    """
    first, before, last = losses
    with np.errstate(all="ignore"):
        gain = before - last
        swing = variation / evaluations
        steadily = (gain >= SLOWLY * before) & (gain >= STEADY * variation)
        conditions = {
            "converged": converged,
            "diverged": ~np.isfinite(last) | ~np.isfinite(first) | (last > DIVERGED * np.abs(first)),
            "oscillating": (swing >= OSCILLATING * last) & (variation >= BACK_AND_FORTH * np.abs(gain)) & (last > 0),
            # Of full-batch XOR runs that are not done after 1,000 epochs, 81% of those called learning and 18% of
            # those called stuck are done after 10,000 (configs/xor_sweep.yaml).
            "learning": (gain > 0) & ((gain >= LEARNING * before) | steadily),
            "saturated": saturation >= SATURATED,
            "constant_output": spread < CONSTANT,
        }
    codes = np.full(len(last), OUTCOMES.index("stuck"))
    for name, holds in reversed(conditions.items()):
        codes[holds] = OUTCOMES.index(name)
    return codes
