"""Segments: runs that differ only in seed and budget, and what they carry from stage to stage of their training."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from runner.kernels import codes
from runner.kernels.buffers import carried_rows
from runner.training.blocks.arguments import LaneValues


class Carried(NamedTuple):
    """What runs carry on that have been trained for a while; the runs lie along the last axis of every array.

    Attributes
    ----------
    state : array (rows, n), books : int64 array (COUNTS, n)
        As the kernel left them (see `runner.kernels.structs.LaneArrays`).
    values : array (events, VALUES, n), counts : int64 array (events, COUNTS, n)
        Measurements; those after events to come are not filled in yet.
    weights : array (budgets, parameters, n)
        Weights after each budget, where they are recorded; else no rows.
    initial : array (parameters, n)
        Initial weights, where they are recorded; else no rows.
    """

    state: NDArray[Any]
    books: NDArray[np.int64]
    values: NDArray[Any]
    counts: NDArray[np.int64]
    weights: NDArray[Any]
    initial: NDArray[Any]

    def part(self, which: Any) -> Carried:
        """That of some of the runs."""
        return Carried(*(array[..., which] for array in self))

    @property
    def nbytes(self) -> int:
        """Memory that it holds."""
        return sum(array.nbytes for array in self)


def carried_numbers(parameters: int, events: int) -> int:
    """How many numbers a run carries, without weights that are recorded."""
    return int(carried_rows(parameters)) + codes.COUNTS + events * (codes.VALUES + codes.COUNTS)


def joined(parts: Iterable[Carried]) -> Carried:
    """What several segments carry, one after the other."""
    return Carried(*(np.concatenate(arrays, axis=-1) for arrays in zip(*parts, strict=True)))


@dataclass(frozen=True, eq=False)
class Segment:
    """Runs that differ only in seed and budget: the replicates of cells that share their trajectories.

    Attributes
    ----------
    numbers : LaneValues
    cells : int64 array (budgets,)
        Index of the cell of each budget.
    places : int64 array (n,)
        Places of the seeds among the plan's seeds.
    seeds : uint64 array (n,)
    carried : Carried or None
        None for runs that have not been trained at all.
    """

    numbers: LaneValues
    cells: NDArray[np.int64]
    places: NDArray[np.int64]
    seeds: NDArray[np.uint64]
    carried: Carried | None = None

    def part(self, which: Any) -> Segment:
        """Some of the runs."""
        carried = None if self.carried is None else self.carried.part(which)
        return Segment(self.numbers, self.cells, self.places[which], self.seeds[which], carried)
