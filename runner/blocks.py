"""Blocks: runs of one program side by side in lanes, trained by one call of the kernel.

A study whose runs stop at their criterion trains in stages: what has not stopped after the first thousand updates goes
on in a block with others that have not either, so that one slow run does not hold the lanes of fifteen that are done.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from runner import records
from runner.arrays import carried_on, lane_arrays, results, scratch, scratch_bytes
from runner.kernels import codes
from runner.kernels.memory import carried_rows
from runner.kernels.train import train_block
from runner.memory import reserved
from runner.outcomes import window
from runner.programs import Program
from runner.segments import Carried, Segment, joined

Floats = NDArray[np.float64]


def events_of(budgets: tuple[int, ...], points: tuple[tuple[int, ...], ...]) -> NDArray[np.int64]:
    """Updates after which everything is measured: both ends of each budget's window, and the points of its curve."""
    wanted = {budget - window(budget) for budget in budgets} | set(budgets)
    return np.array(sorted(wanted.union(*points)), np.int64)


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
    start, until : int
        Updates made before this block, and after which it ends: at the last budget, or before.
    points : tuple of int, one tuple per budget
        Numbers of updates at which curves have a point; empty when they are not recorded.
    weights : NDArray or None
        Places of the parameters that weights.npz holds; None when they are not recorded.
    """

    program: Program
    budgets: tuple[int, ...]
    segments: Sequence[Segment]
    n_seeds: int
    start: int
    until: int
    points: tuple[tuple[int, ...], ...] = ()
    weights: NDArray[np.int64] | None = None

    @cached_property
    def n(self) -> int:
        """Trajectories."""
        return sum(len(segment.seeds) for segment in self.segments)

    @cached_property
    def events(self) -> NDArray[np.int64]:
        """After which updates everything is measured."""
        return events_of(self.budgets, self.points)

    @property
    def groups(self) -> int:
        """Groups of lanes that hold its runs."""
        return -(-self.n // int(self.program.width.lanes.n))

    @property
    def is_last(self) -> bool:
        """Whether its runs are done after it, stopped or not."""
        return self.until == self.budgets[-1]

    def updates(self, done: NDArray[np.bool_]) -> int:
        """Changes of weights that it takes off what is left to make; those of a stopped run are all made."""
        n_done = int(done.sum())
        return n_done * (self.budgets[-1] - self.start) + (self.n - n_done) * (self.until - self.start)

    def runs(self, which: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Indices of the runs of some trajectories, budget by budget, trajectories within."""
        return np.concatenate(
            [
                np.concatenate([segment.cells[k] * self.n_seeds + segment.places for segment in self.segments])[which]
                for k in range(len(self.budgets))
            ]
        )


@dataclass(frozen=True, eq=False)
class Trained:
    """What a block gave.

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
    """

    done: NDArray[np.bool_]
    records: Floats
    curves: list[Floats] | None
    weights: tuple[Floats, Floats] | None
    rest: list[Segment]


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
    """Memory that training takes: weights and what is kept of them, measurements, and what runs carry."""
    program = block.program
    lanes, size = program.width.lanes.n, program.dtype.itemsize
    # Every budget's weights stand in the kernel's results, run by run, and in the records.
    kept = 3 * len(block.budgets) if block.weights is not None else 0
    measured = len(block.events) * (codes.VALUES * size + 8 * codes.COUNTS)
    per_run = program.parameters * (8 + size * (1 + kept)) + 2 * measured
    if block.start or not block.is_last:
        # What runs carry comes in, is copied into lanes, and is taken out again.
        per_run += 2 * (size * (carried_rows(program.parameters) + kept * program.parameters) + measured)
    return int(block.groups * lanes * per_run + scratch_bytes(program))


def _train(block: Block) -> Trained:
    program = block.program
    before = joined(s.carried for s in block.segments if s.carried is not None) if block.start else None
    runs, out = lane_arrays(block, before), results(block, before)
    train_block(program.net, program.data, program.job, runs, out, scratch(program), program.width)
    now = carried_on(block, runs, out, before)
    done, rest = np.ones(block.n, np.bool_), []
    if not block.is_last:
        done = now.books[codes.C_MADE] >= 0
        rest = _rest(block, now, ~done)
        now = now.part(done)
    values = now.values.astype(np.float64, copy=False)
    return Trained(
        done,
        records.records(block, values, now.counts),
        records.curves(block, values, now.counts) if block.points else None,
        records.weights(block, now.initial, now.weights) if block.weights is not None else None,
        rest,
    )


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
