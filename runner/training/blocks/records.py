"""From measurements to records: what a kernel has measured as the rows, curves and weights of finished runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from runner.kernels import codes
from runner.measurements import MEASUREMENTS, MISSING, RECORD_COLUMNS, classify, window

if TYPE_CHECKING:
    from runner.training.blocks.block import Block


Floats = NDArray[np.float64]


def records(block: Block, values: Floats, counts: NDArray[np.int64], held: tuple[NDArray[Any], ...]) -> Floats:
    """Records of finished runs, budget by budget.

    Parameters
    ----------
    block : Block
    values : float64 array (events, VALUES, n)
    counts : int64 array (events, COUNTS, n)
    held : two arrays (events, H_VALUES, n), int64 (events, 1, n), or ()
        The same of held-out samples.
    """
    n = values.shape[-1]
    rows = np.empty((len(block.budgets) * n, len(RECORD_COLUMNS)))
    for k, budget in enumerate(block.budgets):
        _fill(rows[k * n : (k + 1) * n], block, budget, values, counts, held)
    return rows


def _fill(
    rows: Floats,
    block: Block,
    budget: int,
    values: Floats,
    counts: NDArray[np.int64],
    held: tuple[NDArray[Any], ...],
) -> None:
    """Fill in the records of the runs with one budget."""
    shared = block.shared
    end = int(np.searchsorted(block.events, budget))
    start = int(np.searchsorted(block.events, budget - window(budget)))
    v, c, before = values[end], counts[end], values[start]
    epochs = float(shared.updates_per_epoch)
    first, lost, made = c[codes.C_FIRST], c[codes.C_DIVERGED], c[codes.C_MADE]
    hidden = shared.net.layers > 1
    every = shared.job.every
    evaluations = budget // every - (budget - window(budget)) // every + (budget % every != 0)
    spread = v[codes.V_SPREAD]
    columns = {
        "converged": v[codes.V_MEETS],
        "epochs_to_diverge": np.where(lost < 0, MISSING, lost / epochs),
        "epochs_to_converge": np.where(first < 0, MISSING, first / epochs),
        "updates_to_converge": np.where(first < 0, MISSING, first),
        "epochs_run": made / epochs,
        "initial_loss": v[codes.V_INITIAL],
        "final_loss": v[codes.V_LOSS],
        "best_loss": v[codes.V_BEST],
        "mse": v[codes.V_MSE],
        "accuracy": v[codes.V_ACCURACY],
        "max_error": v[codes.V_MAX_ERROR],
        "grad_norm": v[codes.V_GRAD_NORM],
        "output_min": v[codes.V_OUTPUT_MIN],
        "output_max": v[codes.V_OUTPUT_MAX],
        "output_spread": spread,
        "saturation": v[codes.V_SATURATION] if hidden else np.full(len(spread), MISSING),
        "weight_norm": v[codes.V_WEIGHT_NORM],
        **_on_held([array[end] for array in held], len(spread), epochs),
    }
    rows[:, 0] = classify(
        v[codes.V_MEETS] > 0,
        (v[codes.V_INITIAL], before[codes.V_LOSS], v[codes.V_LOSS]),
        v[codes.V_VARIATION] - before[codes.V_VARIATION],
        max(evaluations, 1),
        shared.job.batch < shared.data.n,
        v[codes.V_ACCURACY] if shared.classes else np.full(len(spread), np.nan),
        columns["saturation"],
        spread / shared.target_spread if shared.target_spread > 0 else np.full(len(spread), np.inf),
    )
    for k, column in enumerate(MEASUREMENTS, 1):
        rows[:, k] = columns[column.name]


def _on_held(held: Sequence[NDArray[Any]], n: int, epochs: float) -> dict[str, Floats]:
    """The columns that are about held-out samples; missing where there are none."""
    names = ("test_loss", "test_mse", "test_accuracy", "test_max_error", "best_test_loss", "best_test_accuracy")
    if not held:
        return dict.fromkeys((*names, "best_test_epoch"), np.full(n, MISSING))
    values, (best,) = held
    columns = {name: values[row].astype(np.float64) for row, name in enumerate(names)}
    # Where no loss was a number, there is no smallest one.
    none = best < 0
    for name in names[-2:]:
        columns[name][none] = MISSING
    return {**columns, "best_test_epoch": np.where(none, MISSING, best / epochs)}


def curves(block: Block, values: Floats, counts: NDArray[np.int64]) -> list[Floats]:
    """Curves of finished runs, budget by budget; that of a stopped run ends where it stopped."""
    epochs = float(block.shared.updates_per_epoch)
    found = []
    for points in block.points:
        events = np.searchsorted(block.events, points)
        made = counts[events, codes.C_MADE]
        for lane in range(values.shape[-1]):
            # A stopped run repeats its last measurement: one of them is kept.
            last = int(np.searchsorted(made[:, lane], made[-1, lane])) + 1
            kept = events[:last]
            loss, accuracy = values[kept, codes.V_LOSS, lane], values[kept, codes.V_ACCURACY, lane]
            found.append(np.column_stack([made[:last, lane] / epochs, loss, accuracy]))
    return found


def weights(block: Block, initial: Floats, after: NDArray[Any]) -> tuple[Floats, Floats]:
    """Initial and final weights of finished runs, budget by budget, as weights.npz holds them.

    Parameters
    ----------
    block : Block
    initial : array (parameters, n)
    after : array (budgets, parameters, n)
    """
    stored = block.weights
    first = initial[stored].T.astype(np.float64)
    last = np.concatenate([weights[stored].T for weights in after]).astype(np.float64)
    return np.tile(first, (len(block.budgets), 1)), last
