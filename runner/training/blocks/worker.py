"""Training one block, as a thread of the engine does it: lay it out, call the kernel, take the runs apart again."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from runner.kernels import codes
from runner.kernels.faulty.train import train_faulty_block
from runner.kernels.held_out import H_STATE
from runner.kernels.second_order.train import train_second_order_block
from runner.kernels.train import train_block
from runner.machine import reserved
from runner.training.blocks import records
from runner.training.blocks.arrays import (
    carried_on,
    lane_arrays,
    memory,
    method_of,
    results,
    samples_of_block,
    scratch,
    scratch_bytes,
)
from runner.training.blocks.block import Block, Floats
from runner.training.blocks.segments import Carried, Segment, joined, state_rows


@dataclass(frozen=True, eq=False)
class Trained:
    """What the runs of a block gave.

    Attributes
    ----------
    done : bool array (n,)
        Which trajectories have come to their end, in the order of the segments.
    records : float64 array (budgets * sum(done), len(RECORD_COLUMNS))
        Of the runs that are done, in the order of `Block.runs(done)`.
    curves : list of float64 arrays (points, 3) or None
        Epoch, loss and accuracy.
    weights : two float64 arrays (budgets * sum(done), parameters) or None
        Initial and final.
    rest : list of Segment
        The runs that are not done, with what they carry on.
    multiply_adds : float
        What the kernel has computed, roughly, lanes without a run included.
    seconds : float
        Processor time that the thread has taken for it; 0 when it is not known.
    diverged_early : float
        Share of the runs that have diverged before half of their budget.
    """

    done: NDArray[np.bool_]
    records: Floats
    curves: list[Floats] | None
    weights: tuple[Floats, Floats] | None
    rest: list[Segment]
    multiply_adds: float
    seconds: float
    diverged_early: float


def train(block: Block, special: int = 0) -> Trained:
    """Train a block; the lock of the interpreter is free while it trains.

    Raises
    ------
    MemoryError
        When its networks do not fit into memory.
    """
    shared = block.shared
    with reserved(_memory(block)):
        kernels, began = _kernels(), time.thread_time()
        before = joined(s.carried for s in block.segments if s.carried is not None) if block.start else None
        runs, out = lane_arrays(block, before), results(block, before)
        samples = samples_of_block(block)
        method = method_of(block, before) if shared.iteration is not None else None
        if method is not None:
            first = (shared.net, samples, shared.job, method)
            train_second_order_block(*first, runs, out, scratch(shared), shared.width)
        elif shared.card is not None:
            shared.card.train(shared.net, samples, shared.job, runs, out, scratch(shared), shared.width)
        elif shared.faults is None:
            train_block(shared.net, samples, shared.job, runs, out, scratch(shared), shared.width, special)
        else:
            given = (shared.net, samples, shared.job, shared.faults, runs, out, scratch(shared))
            train_faulty_block(*given, *memory(shared), shared.width)
        now = carried_on(block, runs, method, out, before)
        multiply_adds = _multiply_adds(block, now)
        diverged = now.books[codes.C_DIVERGED] if not block.is_last else now.counts[-1, codes.C_DIVERGED]
        diverged_early = float(((diverged >= 0) & (2 * diverged < block.budgets[-1])).mean())
        done, rest = np.ones(block.n, np.bool_), []
        if not block.is_last:
            done = now.books[codes.C_MADE] >= 0
            rest = _rest(block, now, ~done)
            now = now.part(done)
        values = now.values.astype(np.float64, copy=False)
        return Trained(
            done,
            records.records(block, values, now.counts, now.held[2:]),
            records.curves(block, values, now.counts) if block.points else None,
            records.weights(block, now.initial, now.weights) if block.weights is not None else None,
            rest,
            multiply_adds,
            # To compile a kernel, or to load it, is not to train.
            time.thread_time() - began if _kernels() == kernels > 0 and shared.card is None else 0.0,
            diverged_early,
        )


def _kernels() -> int:
    """How many kernels are compiled; 0 where Numba is told not to compile any."""
    entries = train_block, train_faulty_block, train_second_order_block
    return sum(len(getattr(each, "signatures", ())) for each in entries)


def _multiply_adds(block: Block, now: Carried) -> float:
    """What the kernel has computed: all lanes of a group train until its last run stops, or all have diverged."""
    shared, lanes = block.shared, int(block.shared.width.lanes.n)
    if block.is_last:
        made, diverged = now.counts[-1, codes.C_MADE], now.counts[-1, codes.C_DIVERGED]
        if shared.repeats:
            made = np.where(diverged >= 0, np.maximum(diverged, block.start), made)
    else:
        # A run whose weights can not change any more counts as trained to the end of its budget.
        stopped = now.books[codes.C_MADE]
        made = np.where(stopped >= 0, np.minimum(stopped, block.until), block.until)
    updates = np.maximum.reduceat(made, np.arange(0, block.n, lanes)) - block.start
    return float(updates.sum()) * lanes * shared.lane_work_per_update


def _memory(block: Block) -> int:
    """Bytes that training takes: weights and what is kept of them, measurements, and what runs carry."""
    shared = block.shared
    lanes, size = shared.width.lanes.n, shared.dtype.itemsize
    # Every budget's weights stand in the kernel's results, run by run, and in the records.
    kept = 3 * len(block.budgets) if block.weights is not None else 0
    measured = len(block.events) * (codes.VALUES * size + 8 * codes.COUNTS)
    if shared.held is not None:
        measured += (len(block.events) + 1) * (H_STATE * size + 8)
    per_run = shared.parameters * (8 + size * (1 + kept)) + 2 * measured
    if shared.data_of is not None and shared.held is not None:
        per_run += 2 * size * sum(array.size for data in (shared.data, shared.held.samples) for array in data[1:])
    if block.start or not block.is_last:
        # What runs carry comes in, is copied into lanes, and is taken out again.
        per_run += 2 * (size * (state_rows(shared) + kept * shared.parameters) + measured)
    extra = memory(shared)[0].nbytes if shared.faults is not None else 0
    return int(block.groups * lanes * per_run + scratch_bytes(shared) + extra)


def _rest(block: Block, now: Carried, left: NDArray[np.bool_]) -> list[Segment]:
    """The runs that are left, segment by segment."""
    rest, first = [], 0
    for segment in block.segments:
        which = np.flatnonzero(left[first : first + len(segment.seeds)])
        if len(which):
            seeds = segment.places[which], segment.seeds[which]
            rest.append(Segment(segment.numbers, segment.cells, *seeds, now.part(first + which)))
        first += len(segment.seeds)
    return rest
