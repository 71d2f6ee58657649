"""Training one block, as a thread of the engine does it: lay it out, call the kernel, take the runs apart again."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from runner.kernels import codes
from runner.kernels.criterion import J_COUNTS
from runner.kernels.faulty.train import train_faulty_block
from runner.kernels.held_out import H_STATE
from runner.kernels.lsuv import make_unit_variance
from runner.kernels.schedules import P_STATE
from runner.kernels.second_order.train import train_second_order_block
from runner.kernels.train import Code, stretch_for, train_block
from runner.machine import reserved
from runner.training.blocks import records
from runner.training.blocks.arrays import (
    carried_on,
    job_of_call,
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

_Finished = tuple[NDArray[np.int64], Floats, list[Floats] | None, tuple[Floats, Floats] | None]


@dataclass(frozen=True, eq=False)
class Trained:
    """What the runs of a block gave.

    Attributes
    ----------
    runs : int64 array (n,)
        Numbers in the plan of the runs that are done.
    records : float64 array (n, len(RECORD_COLUMNS))
        Of these.
    curves : list of float64 arrays (points, 3 or 5) or None
        Epoch, loss and accuracy, and where samples are held out the same of these.
    weights : two float64 arrays (n, parameters) or None
        Initial and final.
    rest : list of Segment
        The runs whose attempt is not over, with what they carry on.
    again : list of Segment
        The runs that start again.
    updates : int
        Changes of weights that are not to be made any more.
    multiply_adds : float
        What the kernel has computed, roughly, lanes without a run included.
    seconds : float
        Processor time that the thread has taken for it; 0 when it is not known.
    diverged_early : float
        Share of the runs that have diverged before half of their budget.
    """

    runs: NDArray[np.int64]
    records: Floats
    curves: list[Floats] | None
    weights: tuple[Floats, Floats] | None
    rest: list[Segment]
    again: list[Segment]
    updates: int
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
        samples = samples_of_block(block)
        runs, out = lane_arrays(block, before, samples), results(block, before)
        method = method_of(block, before) if shared.iteration is not None else None
        if method is not None:
            train_second_order_block(shared.net, samples, shared.job, method, runs, out, scratch(shared), shared.width)
        elif shared.card is not None:
            shared.card.train(shared.net, samples, shared.job, runs, out, scratch(shared), shared.width)
        elif shared.faults is None:
            first, lent = (shared.net, samples, job_of_call(shared), runs), scratch(shared)
            code = Code(stretch_for(*first, lent, shared.width), special)
            train_block(*first, out, lent, shared.width, code)
        else:
            given = (shared.net, samples, shared.job, shared.faults, runs, out, scratch(shared))
            train_faulty_block(*given, *memory(shared), shared.width)
        now = carried_on(block, runs, method, out, before)
        multiply_adds = _multiply_adds(block, now)
        diverged = now.books[codes.C_DIVERGED] if not block.is_last else now.counts[-1, codes.C_DIVERGED]
        diverged_early = float(((diverged >= 0) & (2 * diverged < block.budgets[-1])).mean())
        over = np.ones(block.n, np.bool_) if block.is_last else now.books[codes.C_MADE] >= 0
        again = np.zeros(block.n, np.bool_)
        if block.n_over < len(block.totals):
            again = over & (now.counts[-1, codes.C_FIRST] < 0)
        done = over & ~again
        finished = [_finished(block, now, done, len(block.totals))]
        if block.n_over and again.any():
            # Their attempt was the last one of budgets that are over with it.
            finished.append(_finished(block, now, again, block.n_over))
        return Trained(
            *(finished[0] if len(finished) == 1 else _joined(finished)),
            _rest(block, now, ~over) if not over.all() else [],
            _again(block, now, again) if again.any() else [],
            block.updates(done, int(again.sum())),
            multiply_adds,
            # To compile a kernel, or to load it, is not to train.
            time.thread_time() - began if _kernels() == kernels > 0 and shared.card is None else 0.0,
            diverged_early,
        )


def _kernels() -> int:
    """How many kernels are compiled; 0 where Numba is told not to compile any."""
    entries = train_block, stretch_for, train_faulty_block, train_second_order_block, make_unit_variance
    return sum(len(getattr(each, "addresses", ())) for each in entries)


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
    if shared.judged is not None:
        measured += (len(block.events) + shared.judged.rows) * size + 8 * J_COUNTS
    measured += P_STATE * size * shared.follows
    per_run = shared.parameters * (8 + size * (1 + kept)) + 2 * measured
    if shared.data_of is not None:
        per_run += 2 * size * shared.numbers_of_samples
    if block.start or not block.is_last:
        # What runs carry comes in, is copied into lanes, and is taken out again.
        per_run += 2 * (size * (state_rows(shared) + kept * shared.parameters) + measured)
    extra = memory(shared)[0].nbytes if shared.faults is not None else 0
    return int(block.groups * lanes * per_run + scratch_bytes(shared) + extra)


def _finished(block: Block, now: Carried, which: NDArray[np.bool_], n_budgets: int) -> _Finished:
    """What some of the runs give for the first budgets."""
    if not which.all():
        now = now.part(which)
    values = now.values.astype(np.float64, copy=False)
    past = [points[..., which] for points in block.past]
    return (
        block.runs(which, n_budgets),
        records.records(block, values, now.counts, now.held[2:], now.judged[2:], n_budgets),
        records.curves(block, values, now.counts, now.held[2:], past, n_budgets) if block.points else None,
        records.weights(block, now.initial, now.weights, n_budgets) if block.weights is not None else None,
    )


def _joined(parts: Sequence[_Finished]) -> _Finished:
    """What several groups of runs give, one after the other."""
    runs, rows, curves, weights = zip(*parts, strict=True)
    initial_and_final = [np.concatenate(each) for each in zip(*weights, strict=True)] if weights[0] is not None else ()
    return (
        np.concatenate(runs),
        np.concatenate(rows),
        [curve for each in curves for curve in each] if curves[0] is not None else None,
        (initial_and_final[0], initial_and_final[1]) if initial_and_final else None,
    )


def _parts(block: Block, which: NDArray[np.bool_]) -> Iterator[tuple[Segment, NDArray[np.int64], NDArray[np.int64]]]:
    """Some of the runs by segment: the segment, which of its runs they are, and which of the block's."""
    first = 0
    for segment in block.segments:
        own = np.flatnonzero(which[first : first + segment.n])
        if len(own):
            yield segment, own, first + own
        first += segment.n


def _rest(block: Block, now: Carried, left: NDArray[np.bool_]) -> list[Segment]:
    """The runs that are left, segment by segment."""
    return [segment.after(own, now.part(places)) for segment, own, places in _parts(block, left)]


def _again(block: Block, now: Carried, again: NDArray[np.bool_]) -> list[Segment]:
    """The runs that start again, segment by segment, with the budgets that are left to them."""
    n_over = block.n_over
    points = [
        records.points_of(block, now.values, now.counts, now.held[2:], k) for k in range(n_over, len(block.points))
    ]
    found = []
    for segment, own, places in _parts(block, again):
        before = [each[..., own] for each in segment.past[n_over:]] or [
            np.empty((0, each.shape[1], len(own))) for each in points
        ]
        past = tuple(np.concatenate([old, new[..., places]]) for old, new in zip(before, points, strict=True))
        some = segment.after(own, None)
        found.append(replace(some, cells=some.cells[n_over:], past=past))
    return found
