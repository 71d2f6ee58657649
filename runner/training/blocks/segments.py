"""Segments: runs that wait and train together, and what they carry from stage to stage of their training."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from runner.kernels import codes
from runner.kernels.buffers import carried_rows
from runner.kernels.criterion import J_COUNTS
from runner.kernels.held_out import H_STATE, H_VALUES
from runner.kernels.schedules import P_STATE
from runner.training.blocks.arguments import Shared
from runner.training.blocks.lane_values import LaneValues

Floats = NDArray[np.float64]


class Carried(NamedTuple):
    """What runs carry on that have been trained for a while; the runs lie along the last axis of every array.

    Attributes
    ----------
    state : array (state_rows(...), n), books : int64 array (COUNTS, n)
        As the kernel left them (see `runner.kernels.structs.LaneArrays`, and `Method.kept` of
        `runner.kernels.second_order.passes`).
    values : array (events, VALUES, n), counts : int64 array (events, COUNTS, n)
        Measurements; those after events to come are not filled in yet.
    weights : array (budgets, parameters, n)
        Weights after each budget, where they are recorded; else no rows.
    initial : array (parameters, n)
        Initial weights, where they are recorded; else no rows.
    held : tuple of arrays
        What is kept of held-out samples (the last four of `runner.kernels.held_out.HeldOut`); empty without any.
    judged : tuple of arrays
        What is kept for the criterion (the last three of `runner.kernels.criterion.Judged`); empty where that is
        nothing.
    followed : tuple of arrays
        What is kept for learning rates that follow a loss (`runner.kernels.schedules.Plateau.state`); empty where none
        do.
    """

    state: NDArray[Any]
    books: NDArray[np.int64]
    values: NDArray[Any]
    counts: NDArray[np.int64]
    weights: NDArray[Any]
    initial: NDArray[Any]
    held: tuple[NDArray[Any], ...]
    judged: tuple[NDArray[Any], ...]
    followed: tuple[NDArray[Any], ...]

    @property
    def arrays(self) -> tuple[NDArray[Any], ...]:
        """All of its arrays."""
        return (*self[:-3], *self.held, *self.judged, *self.followed)

    def mapped(self, change: Callable[[NDArray[Any]], NDArray[Any]]) -> Carried:
        """The same with each of its arrays changed."""
        state, books, values, counts, weights, initial = map(change, self[:-3])
        held, judged, followed = (tuple(map(change, arrays)) for arrays in self[-3:])
        return Carried(state, books, values, counts, weights, initial, held, judged, followed)

    def part(self, which: Any) -> Carried:
        """That of some of the runs."""
        return self.mapped(lambda array: array[..., which])

    @property
    def nbytes(self) -> int:
        """Memory that it holds."""
        return sum(array.nbytes for array in self.arrays)


def state_rows(shared: Shared) -> int:
    """How many numbers the state of a run has: what all kernels carry, and then what only its method does."""
    own = shared.iteration.kept_rows(shared.parameters, shared.history) if shared.iteration is not None else 0
    return int(carried_rows(shared.parameters)) + own


def carried_numbers(shared: Shared, events: int) -> int:
    """How many numbers a run carries, without weights that are recorded."""
    of_held = (H_STATE + 1 + events * (H_VALUES + 1)) * (shared.held is not None)
    for_criterion = 0 if shared.judged is None else shared.judged.rows + J_COUNTS + events
    followed = P_STATE * shared.follows
    own = state_rows(shared) + codes.COUNTS + events * (codes.VALUES + codes.COUNTS)
    return own + of_held + for_criterion + followed


def joined(parts: Iterable[Carried]) -> Carried:
    """What several segments carry, one after the other."""
    first, *rest = parts
    others = zip(*(part.arrays for part in rest), strict=True)
    return first.mapped(lambda array: np.concatenate([array, *next(others)], axis=-1)) if rest else first


@dataclass(frozen=True, eq=False)
class Segment:
    """Runs that train side by side and have the same budgets; the n runs lie along the last axis of every array.

    Attributes
    ----------
    numbers : LaneValues
        Of some cells.
    of : int64 array (n,)
        The place among these of each run's cell.
    cells : int64 array (budgets, n)
        The number of the cell that a run is in with each budget.
    places : int64 array (n,)
        Places of the seeds among the plan's seeds.
    seeds : uint64 array (n,)
    carried : Carried or None
        None for runs at the start of an attempt.
    past : tuple of arrays (points, columns, n)
        The points of their curves in earlier attempts, budget by budget; empty where there are none.
    """

    numbers: LaneValues
    of: NDArray[np.int64]
    cells: NDArray[np.int64]
    places: NDArray[np.int64]
    seeds: NDArray[np.uint64]
    carried: Carried | None = None
    past: tuple[Floats, ...] = ()

    @property
    def nbytes(self) -> int:
        """Memory that it holds."""
        return sum(points.nbytes for points in self.past) + (0 if self.carried is None else self.carried.nbytes)

    @property
    def n(self) -> int:
        """Runs."""
        return len(self.of)

    def part(self, which: Any) -> Segment:
        """Some of the runs."""
        carried = None if self.carried is None else self.carried.part(which)
        past = tuple([points[..., which] for points in self.past])
        own = self.of[which], self.cells[:, which], self.places[which], self.seeds[which]
        return Segment(self.numbers, *own, carried, past)

    def after(self, which: NDArray[np.int64], carried: Carried | None) -> Segment:
        """Some of the runs, with what they carry on now; the numbers of cells that have none of them are not kept."""
        some = replace(self, carried=None).part(which)
        cells, of = np.unique(some.of, return_inverse=True)
        return replace(some, numbers=self.numbers.part(cells), of=of, carried=carried)
