"""From measurements to records: what a kernel has measured as the rows, curves and weights of finished runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from runner.kernels import codes
from runner.kernels.held_out import H_ACCURACY, H_LOSS
from runner.measurements import MEASUREMENTS, MISSING, RECORD_COLUMNS, classify, window

if TYPE_CHECKING:
    from runner.training.blocks.block import Block


Floats = NDArray[np.float64]


def records(
    block: Block,
    values: Floats,
    counts: NDArray[np.int64],
    held: tuple[NDArray[Any], ...],
    seen: tuple[NDArray[Any], ...],
    n_budgets: int,
) -> Floats:
    """Records of finished runs, budget by budget, for the first budgets.

    Parameters
    ----------
    block : Block
    values : float64 array (events, VALUES, n)
    counts : int64 array (events, COUNTS, n)
    held : two arrays (events, H_VALUES, n), int64 (events, 1, n), or ()
        The same of held-out samples.
    seen : one array (events, 1, n), or ()
        The loss that training has seen.
    n_budgets : int
    """
    n = values.shape[-1]
    rows = np.empty((n_budgets * n, len(RECORD_COLUMNS)))
    for k, budget in enumerate(block.budgets[:n_budgets]):
        _fill(rows[k * n : (k + 1) * n], block, budget, values, counts, held, seen)
    return rows


def _fill(
    rows: Floats,
    block: Block,
    budget: int,
    values: Floats,
    counts: NDArray[np.int64],
    held: tuple[NDArray[Any], ...],
    seen: tuple[NDArray[Any], ...],
) -> None:
    """Fill in the records of the runs with one budget."""
    shared = block.shared
    end = int(np.searchsorted(block.events, budget))
    start = int(np.searchsorted(block.events, budget - window(budget)))
    v, c, before = values[end], counts[end], values[start]
    epochs, origin = float(shared.updates_per_epoch), block.attempt.origin
    first, lost, made = c[codes.C_FIRST], c[codes.C_DIVERGED], c[codes.C_MADE]
    hidden = shared.net.layers > 1
    every = shared.job.every
    evaluations = budget // every - (budget - window(budget)) // every + (budget % every != 0)
    spread = v[codes.V_SPREAD]
    columns = {
        "converged": v[codes.V_MEETS],
        "epochs_to_diverge": np.where(lost < 0, MISSING, (origin + lost) / epochs),
        "epochs_to_converge": np.where(first < 0, MISSING, (origin + first) / epochs),
        "updates_to_converge": np.where(first < 0, MISSING, origin + first),
        "epochs_run": (origin + made) / epochs,
        "restarts_made": np.full(len(spread), MISSING if shared.restarts is None else block.attempt.number),
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
        "running_loss": seen[0][end, 0] if shared.job.sum_losses and seen else np.full(len(spread), MISSING),
        **_on_held([array[end] for array in held], len(spread), origin, epochs),
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


def _on_held(held: Sequence[NDArray[Any]], n: int, origin: int, epochs: float) -> dict[str, Floats]:
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
    return {**columns, "best_test_epoch": np.where(none, MISSING, (origin + best) / epochs)}


def points_of(
    block: Block, values: NDArray[Any], counts: NDArray[np.int64], held: tuple[NDArray[Any], ...], budget: int
) -> Floats:
    """Points of the curves of a budget, in this attempt, as an array (points, columns, n)."""
    return _points(block, values, counts, held, np.searchsorted(block.events, block.points[budget]))


def _points(
    block: Block, values: NDArray[Any], counts: NDArray[np.int64], held: tuple[NDArray[Any], ...], events: NDArray[Any]
) -> Floats:
    """What a curve has of some events: epoch, loss and accuracy, and the same of held-out samples."""
    epochs = (block.attempt.origin + counts[events, codes.C_MADE]) / float(block.shared.updates_per_epoch)
    columns = [epochs, values[events, codes.V_LOSS], values[events, codes.V_ACCURACY]]
    columns += [held[0][events, row] for row in (H_LOSS, H_ACCURACY)] if held else []
    return np.stack(columns, axis=1).astype(np.float64, copy=False)


def curves(
    block: Block,
    values: Floats,
    counts: NDArray[np.int64],
    held: tuple[NDArray[Any], ...],
    past: Sequence[Floats],
    n_budgets: int,
) -> list[Floats]:
    """Curves of finished runs, budget by budget, for the first budgets; that of a stopped run ends where it stopped.

    Parameters
    ----------
    block : Block
    values, counts, held
        As for `records`.
    past : sequence of arrays (points, columns, n)
        Points of earlier attempts, budget by budget; empty without any.
    n_budgets : int
    """
    found = []
    for k in range(n_budgets):
        # The end of an attempt is a point of a run that stops in it.
        events = np.searchsorted(block.events, sorted({*block.points[k], block.budgets[k]}))
        made, points = counts[events, codes.C_MADE], _points(block, values, counts, held, events)
        for lane in range(values.shape[-1]):
            # A stopped run repeats its last measurement: one of them is kept.
            last = int(np.searchsorted(made[:, lane], made[-1, lane])) + 1
            curve = points[:last, :, lane]
            if past:
                earlier = past[k][..., lane]
                # Weights may meet the criterion before any update, at the epoch with which the attempt before ended.
                curve = np.concatenate([earlier[earlier[:, 0] < curve[0, 0]], curve])
            found.append(curve)
    return found


def weights(block: Block, initial: Floats, after: NDArray[Any], n_budgets: int) -> tuple[Floats, Floats]:
    """Initial and final weights of finished runs, budget by budget, as weights.npz holds them.

    Parameters
    ----------
    block : Block
    initial : array (parameters, n)
    after : array (budgets, parameters, n)
    n_budgets : int
        The first budgets are asked for.
    """
    stored = block.weights
    first = initial[stored].T.astype(np.float64)
    # Budgets that end with the same update share the weights of the last of them.
    which = np.searchsorted(block.budgets, block.budgets[:n_budgets], side="right") - 1
    last = np.concatenate([after[k][stored].T for k in which]).astype(np.float64)
    # What is no number has another sign on x86-64 than on other processors and cards.
    last[np.isnan(last)] = np.nan
    return np.tile(first, (n_budgets, 1)), last
