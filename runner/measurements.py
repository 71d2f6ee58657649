"""What is measured of a run, and the outcome that the measurements amount to.

A run's record is a row of float64: the index of its outcome in `OUTCOMES`, then one number for each of `MEASUREMENTS`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

# Raised whenever rows of the same run may differ from those that an earlier version wrote. Version 4: last bits of the
# activations sigmoid, tanh and what is made of them, gelu and the slope of mish.
RESULTS_VERSION = 4

# A measurement can itself be NaN (a diverged run). What was not measured is one particular NaN, told apart by its bits:
# it is written as an empty field.
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
    Column("restarts_made", "int", "How many times the run started again; empty without restarts."),
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
    Column(
        "running_loss",
        "float",
        "Loss that training saw since the last evaluation, each update's before it: with criterion_from: training.",
    ),
    Column("test_loss", "float", "Loss of the final weights on the held-out samples; empty where there are none."),
    Column("test_mse", "float", "mse on the held-out samples."),
    Column("test_accuracy", "float", "accuracy on the held-out samples."),
    Column("test_max_error", "float", "max_error on the held-out samples."),
    Column("best_test_loss", "float", "Smallest test_loss of all evaluations."),
    Column("best_test_accuracy", "float", "test_accuracy at the evaluation with the smallest test_loss."),
    Column("best_test_epoch", "float", "Epochs before that evaluation: where training could have ended best."),
)
"""All measurements in the order of the columns; `outcome` stands before them."""

OUTCOMES = (
    "converged",
    "learning",
    "mostly_right",
    "constant_output",
    "saturated",
    "stuck",
    "oscillating",
    "diverged",
)
"""Names of the outcomes; a record holds an index into them."""

RECORD_COLUMNS = ("outcome", *(column.name for column in MEASUREMENTS))
"""What the numbers of a record are, in their order."""

# What `classify` looks at, beside the end of a run, is its window: the last 1/WINDOW of the budget.
WINDOW = 10
# diverged: the loss is beyond so many times the first one.
DIVERGED = 1e6
# oscillating: from one evaluation of the window to the next the loss changes by such a share of itself on average, and
# all changes together are so many times what the loss gains in the end.
OSCILLATING = 0.05
BACK_AND_FORTH = 5.0
# learning: the loss falls by such a share of itself within the window; or by the smaller share, but steadily, so that
# at least such a part of all its changes goes into the fall.
LEARNING = 0.01
SLOWLY = 0.001
STEADY = 0.5
# learning as well: mini-batches whose loss was evaluated no more often in the window than FEW times, where a bad moment
# looks like a plateau, when the loss has come down to the share FALLEN of the first one. Of 320 such runs that had been
# called stuck, 54% converged within ten times their budget (docs/outcomes.md).
FEW = 2
FALLEN = 0.9
# mostly_right: such a share of the samples is classified as it should be, and only the criterion asks for more.
MOSTLY_RIGHT = 0.95
# saturated: such a share of the hidden activations is within 1% of a limit.
SATURATED = 0.9
# constant_output: the spread of the outputs is below such a share of the targets' spread.
CONSTANT = 0.05


def window(budget: int) -> int:
    """Updates of the window at the end of a budget: a tenth of them, at least one."""
    return max(1, budget // WINDOW)


def classify(
    converged: NDArray[np.bool_],
    losses: tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]],
    variation: NDArray[np.float64],
    evaluations: int,
    noisy: bool,
    accuracy: NDArray[np.float64],
    saturation: NDArray[np.float64],
    spread: NDArray[np.float64],
) -> NDArray[np.int64]:
    """The outcomes of n runs; where several would fit, the first of the conditions below.

    Parameters
    ----------
    converged : bool array (n,)
    losses : three arrays (n,)
        Loss of the initial weights, at the start of the window, and at the end of the budget.
    variation : array (n,)
        Sum of the absolute changes of the loss from evaluation to evaluation within the window.
    evaluations : int
        Evaluations within the window.
    noisy : bool
        Whether the loss changes by chance from update to update, as it does in mini-batches.
    accuracy : array (n,)
        Share of the samples that are right; NaN where targets are no classes, and being right means little.
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
        unseen = (last <= FALLEN * first) if noisy and evaluations <= FEW else np.zeros(len(last), np.bool_)
        steadily = (gain >= SLOWLY * before) & (gain >= STEADY * variation)
        conditions = {
            "converged": converged,
            "diverged": ~np.isfinite(last) | ~np.isfinite(first) | (last > DIVERGED * np.abs(first)),
            "oscillating": (swing >= OSCILLATING * last) & (variation >= BACK_AND_FORTH * np.abs(gain)) & (last > 0),
            # Of full-batch XOR runs that are not done after 1,000 epochs, 81% of those called learning and 18% of
            # those called stuck are done after 10,000 (configs/xor_sweep.yaml).
            "learning": ((gain > 0) & ((gain >= LEARNING * before) | steadily)) | unseen,
            "saturated": saturation >= SATURATED,
            "constant_output": spread < CONSTANT,
            "mostly_right": accuracy >= MOSTLY_RIGHT,
        }
    codes = np.full(len(last), OUTCOMES.index("stuck"))
    for name, holds in reversed(conditions.items()):
        codes[holds] = OUTCOMES.index(name)
    return codes
