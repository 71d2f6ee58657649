"""Blocks: runs of one program side by side in lanes, from their numbers to the kernel and back to records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runner.columns import MEASUREMENTS, MISSING, RECORD_COLUMNS
from runner.kernels import layout
from runner.kernels.initial import initial_weights
from runner.kernels.lanes import Lanes
from runner.kernels.memory import scratch_rows
from runner.kernels.train import train_block
from runner.memory import reserved
from runner.outcomes import classify, window
from runner.programs import CellNumbers, Program

Floats = NDArray[np.float64]
_CACHE_LINE = 64


@dataclass(frozen=True, eq=False)
class Segment:
    """Runs that differ only in seed and budget: the replicates of cells that share their trajectories.

    Attributes
    ----------
    numbers : CellNumbers
    cells : int64 array (budgets,)
        Index of the cell of each budget.
    places : int64 array (n,)
        Places of the seeds among the plan's seeds.
    seeds : uint64 array (n,)
    """

    numbers: CellNumbers
    cells: NDArray[np.int64]
    places: NDArray[np.int64]
    seeds: NDArray[np.uint64]


@dataclass(frozen=True, eq=False)
class Block:
    """Runs that one call of the kernel trains.

    Attributes
    ----------
    program : Program
    budgets : tuple of int
        In updates, ascending; one row per run and budget.
    segments : sequence of Segment
    n_seeds : int
        Replicates of a cell, from which run indices follow.
    points : tuple of int, one tuple per budget
        Numbers of updates at which curves have a point; empty when they are not recorded.
    weights : NDArray or None
        Places of the parameters that weights.npz holds; None when they are not recorded.
    """

    program: Program
    budgets: tuple[int, ...]
    segments: Sequence[Segment]
    n_seeds: int
    points: tuple[tuple[int, ...], ...] = ()
    weights: NDArray[np.int64] | None = None

    @cached_property
    def n(self) -> int:
        """Trajectories."""
        return sum(len(segment.seeds) for segment in self.segments)

    @cached_property
    def events(self) -> NDArray[np.int64]:
        """After which updates everything is measured."""
        wanted = {budget - window(budget) for budget in self.budgets} | set(self.budgets)
        return np.array(sorted(wanted.union(*self.points)), np.int64)

    @property
    def updates(self) -> int:
        """Changes of weights that training it makes at most."""
        return self.n * self.budgets[-1]

    def runs(self) -> NDArray[np.int64]:
        """Run indices, budget by budget, trajectories within."""
        return np.concatenate(
            [
                np.concatenate([segment.cells[k] * self.n_seeds + segment.places for segment in self.segments])
                for k in range(len(self.budgets))
            ]
        )


@dataclass(frozen=True, eq=False)
class Trained:
    """What a block gave, lanes in the order of the trajectories.

    Attributes
    ----------
    records : float64 array (budgets * n, len(RECORD_COLUMNS))
        In the order of `Block.runs()`.
    curves : list of float64 arrays (points, 3) or None
        Epoch, loss and accuracy.
    weights : two float64 arrays (budgets * n, parameters) or None
        Initial and final.
    """

    records: Floats
    curves: list[Floats] | None
    weights: tuple[Floats, Floats] | None


def train(block: Block) -> Trained:
    """Train a block; the lock of the interpreter is free while it trains.

    Raises
    ------
    MemoryError
        When its networks do not fit into memory.
    """
    with reserved(_bytes(block)):
        return _train(block)


def _bytes(block: Block) -> int:
    """Memory that training takes, without what is small: initial weights, working memory, and weights that are kept."""
    program = block.program
    lanes, size = program.width.lanes.n, program.dtype.itemsize
    n = -(-block.n // lanes) * lanes
    kept = (len(block.events) + 2 * len(block.budgets)) if block.weights is not None else 0
    rows = scratch_rows(program.net, int(program.sizes[-1]), program.width.tile.n // lanes)
    return int(n * program.parameters * (8 + size * (1 + kept)) + rows * lanes * size)


def _train(block: Block) -> Trained:
    program = block.program
    lanes = program.width.lanes.n
    groups = -(-block.n // lanes)
    initial, runs = _lanes(block, groups, lanes)
    events = len(block.events)
    kept = block.weights is not None
    out = layout.Out(
        int(kept),
        np.empty((groups, events, layout.VALUES, lanes), program.dtype),
        np.empty((groups, events, layout.COUNTS, lanes), np.int64),
        np.empty((groups, events, program.parameters, lanes) if kept else (0, 0, 0, 0), program.dtype),
    )
    train_block(program.net, program.data, program.job, runs, out, _scratch(program), program.width)
    values = _by_lane(out.values, block.n).astype(np.float64, copy=False)
    counts = _by_lane(out.counts, block.n)
    records = np.concatenate([_records(block, budget, values, counts) for budget in block.budgets])
    curves = _curves(block, values, counts) if block.points else None
    weights = _weights(block, initial, out.weights) if kept else None
    return Trained(records, curves, weights)


def _by_lane(array: NDArray[Any], n: int) -> NDArray[Any]:
    """(groups, events, rows, L) as (events, rows, n): the lanes of all groups in one row, the filling left out."""
    groups, events, rows, lanes = array.shape
    return np.ascontiguousarray(array.transpose(1, 2, 0, 3)).reshape(events, rows, groups * lanes)[..., :n]


def _lanes(block: Block, groups: int, lanes: int) -> tuple[Floats, layout.LaneArrays]:
    """Initial weights (groups, P, L), and all that differs from lane to lane.

    The last lanes of the last group, where there are no runs for them, repeat the last run.
    """
    program, segments = block.program, block.segments
    order = np.repeat(np.arange(len(segments)), [len(segment.seeds) for segment in segments])
    filling = groups * lanes - block.n
    order = np.concatenate([order, np.repeat(order[-1:], filling)])
    seeds = np.concatenate([segment.seeds for segment in segments])
    seeds = np.concatenate([seeds, np.repeat(seeds[-1:], filling)]).reshape(groups, lanes)

    def spread(field: str, dtype: Any) -> NDArray[Any]:
        """A field of the segments' numbers as (groups, ..., L)."""
        rows = np.stack([getattr(segment.numbers, field) for segment in segments]).astype(dtype)[order]
        return np.ascontiguousarray(np.moveaxis(rows.reshape(groups, lanes, *rows.shape[1:]), 1, -1))

    initial = np.empty((groups, program.parameters, lanes))
    initial_weights(
        program.sizes, seeds, spread("kinds", np.int64), spread("scales", np.float64), initial, Lanes(lanes)
    )
    _replace_given(block, initial.swapaxes(1, 2), order)
    _settle_biases(block, initial, order)
    return initial, layout.LaneArrays(
        groups, seeds, initial.astype(program.dtype), spread("numbers", program.dtype), *program.clock, block.events
    )


def _replace_given(block: Block, by_lane: Floats, order: NDArray[np.int64]) -> None:
    """Initial weights that a study gives one by one; `by_lane` is (groups, L, P)."""
    groups, lanes, _ = by_lane.shape
    for k, segment in enumerate(block.segments):
        if segment.numbers.given is not None:
            by_lane[(order == k).reshape(groups, lanes)] = segment.numbers.given


def _settle_biases(block: Block, initial: Floats, order: NDArray[np.int64]) -> None:
    """Biases that are not trained have their value, and shared ones that of their layer's first unit."""
    bias = block.program.job.bias
    if bias == layout.TRAINED:
        return
    sizes, _, _, biases, _ = block.program.net.whole
    for size, first in zip(sizes[1:], biases[1:], strict=True):
        part = initial[:, first : first + size, :]
        if bias == layout.SHARED:
            part[:] = part[:, :1, :]
        else:
            values = np.array([segment.numbers.bias for segment in block.segments], np.float64)
            part[:] = values[order].reshape(part.shape[0], 1, part.shape[2])


def _aligned(n: int, dtype: Any) -> NDArray[Any]:
    """n zeros that start on a cache line: a vector of 64 bytes never straddles two."""
    size = n * np.dtype(dtype).itemsize
    raw = np.zeros(size + _CACHE_LINE, np.uint8)
    start = -raw.ctypes.data % _CACHE_LINE
    return raw[start : start + size].view(dtype)


def _scratch(program: Program) -> layout.Scratch:
    """Memory for one call."""
    net, job, L = program.net, program.job, program.width.lanes.n
    n_order = 0
    if job.order == layout.SHUFFLED:
        n_order = program.data.n
    elif job.order == layout.WITH_REPLACEMENT:
        n_order = program.updates_per_epoch * job.batch
    rows = scratch_rows(net, int(program.sizes[-1]), program.width.tile.n // L)
    return layout.Scratch(
        _aligned(rows * L, program.dtype),
        np.zeros(layout.COUNTS * L, np.int64),
        n_order,
        np.zeros(L * n_order, np.int32),
    )


def _records(block: Block, budget: int, values: Floats, counts: NDArray[np.int64]) -> Floats:
    """Records of the runs with one budget."""
    program = block.program
    end = int(np.searchsorted(block.events, budget))
    start = int(np.searchsorted(block.events, budget - window(budget)))
    v, c, before = values[end], counts[end], values[start]
    epochs = float(program.updates_per_epoch)
    first, lost, made = c[layout.C_FIRST], c[layout.C_DIVERGED], c[layout.C_MADE]
    hidden = program.net.layers > 1
    every = program.job.every
    evaluations = budget // every - (budget - window(budget)) // every + (budget % every != 0)
    spread = v[layout.V_SPREAD]
    columns = {
        "converged": v[layout.V_MEETS],
        "epochs_to_diverge": np.where(lost < 0, MISSING, lost / epochs),
        "epochs_to_converge": np.where(first < 0, MISSING, first / epochs),
        "updates_to_converge": np.where(first < 0, MISSING, first),
        "epochs_run": made / epochs,
        "initial_loss": v[layout.V_INITIAL],
        "final_loss": v[layout.V_LOSS],
        "best_loss": v[layout.V_BEST],
        "mse": v[layout.V_MSE],
        "accuracy": v[layout.V_ACCURACY],
        "max_error": v[layout.V_MAX_ERROR],
        "grad_norm": v[layout.V_GRAD_NORM],
        "output_min": v[layout.V_OUTPUT_MIN],
        "output_max": v[layout.V_OUTPUT_MAX],
        "output_spread": spread,
        "saturation": v[layout.V_SATURATION] if hidden else np.full(len(spread), MISSING),
        "weight_norm": v[layout.V_WEIGHT_NORM],
    }
    outcome = classify(
        v[layout.V_MEETS] > 0,
        (v[layout.V_INITIAL], before[layout.V_LOSS], v[layout.V_LOSS]),
        v[layout.V_VARIATION] - before[layout.V_VARIATION],
        max(evaluations, 1),
        columns["saturation"],
        spread / program.target_spread if program.target_spread > 0 else np.full(len(spread), np.inf),
    )
    rows = np.empty((len(spread), len(RECORD_COLUMNS)))
    rows[:, 0] = outcome
    for k, column in enumerate(MEASUREMENTS, 1):
        rows[:, k] = columns[column.name]
    return rows


def _curves(block: Block, values: Floats, counts: NDArray[np.int64]) -> list[Floats]:
    """Curves of all runs, in the order of `Block.runs()`; that of a stopped run ends where it stopped."""
    epochs = float(block.program.updates_per_epoch)
    curves = []
    for points in block.points:
        events = np.searchsorted(block.events, points)
        made = counts[events, layout.C_MADE]
        for lane in range(block.n):
            # A stopped run repeats its last measurement: one of them is kept.
            last = int(np.searchsorted(made[:, lane], made[-1, lane])) + 1
            kept = events[:last]
            loss, accuracy = values[kept, layout.V_LOSS, lane], values[kept, layout.V_ACCURACY, lane]
            curves.append(np.column_stack([made[:last, lane] / epochs, loss, accuracy]))
    return curves


def _weights(block: Block, initial: Floats, final: NDArray[Any]) -> tuple[Floats, Floats]:
    """Initial and final weights of all runs, in the order of `Block.runs()`."""
    stored = block.weights
    at_first = initial.astype(block.program.dtype)[:, None]
    first = _by_lane(at_first, block.n)[0, stored].T.astype(np.float64)
    by_event = _by_lane(final, block.n)
    events = np.searchsorted(block.events, block.budgets)
    last = np.concatenate([by_event[event, stored].T for event in events]).astype(np.float64)
    return np.tile(first, (len(block.budgets), 1)), last
