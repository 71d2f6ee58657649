"""Packing runs into blocks: those that share their arguments wait together until there are enough for a block.

New runs come in the order of `runner.studies.schedule`. Where runs stop at their criterion, or where many diverge,
those that are not finished in one stage of their training come back and wait for the next one.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from runner.keys.architecture import stored_parameters
from runner.studies.schedule import rounds, spread
from runner.training.blocks.arguments import Shared, lane_values, make_shared, shared_key
from runner.training.blocks.attempts import Attempt
from runner.training.blocks.block import Block, events_of
from runner.training.blocks.curve_points import curve_updates
from runner.training.blocks.segments import Segment, carried_numbers

if TYPE_CHECKING:
    from runner.kernels.cuda import Card
    from runner.studies.plan import Plan


# Multiply-adds that a block should hold, at roughly 10^10 per second.
_BLOCK_WORK = 1e9
_MOST_GROUPS = 256
# The same for a graphics card, whose launches are as long only if it is filled.
_LAUNCH_WORK, _MOST_OF_LAUNCH = 1e12, 1 << 16
# Bytes of the samples of a block whose runs have samples of their own.
_MOST_SAMPLES = 1 << 26
# Runs that may wait for their blocks to fill, and bytes that they may carry, before the fullest block is sent off
# incomplete.
_MOST_WAITING = 200_000
_MOST_CARRIED = 1 << 28
# Multiply-adds of one run in the first stage of its training, for every number that it carries on from there: taking
# the run out of its lane and putting it into another costs about a hundredth of them. Each stage ends _STAGES_GROW
# times as late as the one before, so that at most a sixth of the training happens beside runs that have stopped.
_FIRST_STAGE = 1e4
_STAGES_GROW = 1.4
# Share of the runs that diverge early from which training in stages pays although none stops at its criterion.
_MANY_DIVERGE = 0.1


class Turn(NamedTuple):
    """Runs that come in together: some seeds of the cells of one trajectory.

    Attributes
    ----------
    cells : tuple of int
        Their budgets ascend.
    places : slice
        Of the seeds.
    wanted : bool array (cells, seeds) or None
        Which of these runs are to be trained; None for all.
    """

    cells: tuple[int, ...]
    places: slice
    wanted: NDArray[np.bool_] | None


class BlockPacker:
    """Where the runs of a plan wait, and the blocks that they make.

    Parameters
    ----------
    plan : Plan
    turns : iterable of Turn
        What is to be trained.
    card : Card, optional
        Trains the runs that it can train.
    """

    def __init__(self, plan: Plan, turns: Iterable[Turn], card: Card | None = None) -> None:
        self._plan = plan
        self._card = card
        self._seeds = np.array(plan.seeds, np.uint64)
        self._turns = iter(turns)
        self._shared: dict[tuple[Any, ...], Shared] = {}
        self._bins: dict[tuple[Any, ...], _Bin] = {}
        # Places and seeds of a round are the same arrays for all trajectories.
        self._round = lru_cache(maxsize=2)(self._places_and_seeds)
        self._full: deque[Block] = deque()
        self._waiting, self._carried = 0, 0
        self._diverging: set[int] = set()

    def next(self, idle: bool) -> Block | None:
        """The next block.

        Parameters
        ----------
        idle : bool
            Whether a thread has nothing to do: a block of a later stage need not be full then.

        Returns
        -------
        Block or None
            None when there is none now; there may be one after `requeue`.
        """
        while not self._full:
            turn = next(self._turns, None)
            if turn is None:
                return self._incomplete(idle)
            self._admit(*turn)
            if self._waiting > _MOST_WAITING:
                self._send_fullest()
        return self._full.popleft()

    def requeue(self, block: Block, rest: list[Segment]) -> None:
        """Take the runs that are not done after a block."""
        for segment in rest:
            self._put(block.shared, block.totals, block.until, segment, block.attempt.number)
        if self._carried > _MOST_CARRIED:
            self._send_fullest()

    def restart(self, block: Block, again: list[Segment]) -> None:
        """Take the runs that start again after a block."""
        for segment in again:
            self._put(block.shared, block.totals[block.n_over :], 0, segment, block.attempt.number + 1)

    def learn(self, shared: Shared, diverged_early: float) -> None:
        """Take note of the share of runs that have diverged early in a block: others like them will do so too."""
        if diverged_early > _MANY_DIVERGE and shared.repeats:
            self._diverging.add(id(shared))

    def _admit(self, cells: tuple[int, ...], places: slice, wanted: NDArray[np.bool_] | None) -> None:
        """The runs of one trajectory's cells that are still to be trained come in."""
        members = [self._plan.cell(i) for i in cells]
        key = shared_key(members[0])
        if key not in self._shared:
            shared = make_shared(members[0], self._plan.members)
            self._shared[key] = shared if self._card is None else shared.on(self._card)
        numbers = lane_values(members[0])
        shared, indices, budgets = self._shared[key], np.array(cells), [cell.budget for cell in members]
        if wanted is None or wanted.all():
            self._put(shared, tuple(budgets), 0, Segment(numbers, indices, *self._round(places.start, places.stop)))
            return
        for some_budgets, which, some in _by_budgets(budgets, wanted):
            some += places.start
            self._put(shared, some_budgets, 0, Segment(numbers, indices[which], some, self._seeds[some]))

    def _places_and_seeds(self, first: int, last: int) -> tuple[NDArray[np.int64], NDArray[np.uint64]]:
        return np.arange(first, last), self._seeds[first:last]

    def _put(self, shared: Shared, totals: tuple[int, ...], start: int, segment: Segment, number: int = 0) -> None:
        """Let a segment wait, and make the blocks that are full with it; `number` is that of its attempt."""
        key = (id(shared), totals, number, start)
        waiting, staged = self._bins.get(key), shared.stops or id(shared) in self._diverging
        if waiting is None or (staged and not waiting.staged and not waiting.n):
            attempt = Attempt.of(shared.restarts, number, shared.updates_per_epoch)
            points = self._points(shared, totals, attempt)
            waiting = self._bins[key] = _Bin(shared, totals, attempt, start, points, staged)
        self._count(segment, 1)
        for full in waiting.add(segment):
            self._full.append(self._block(waiting, full))

    def _incomplete(self, idle: bool) -> Block | None:
        """A block of what waits when nothing new comes: of the earliest stage, whose rest may fill later ones."""
        bins = [waiting for waiting in self._bins.values() if waiting.n and (idle or not waiting.begun)]
        if not bins:
            return None
        waiting = min(bins, key=lambda waiting: waiting.begun)
        return self._block(waiting, waiting.take())

    def _send_fullest(self) -> None:
        """Make a block of the runs that wait where most do."""
        fullest = max(self._bins.values(), key=lambda waiting: waiting.n)
        self._full.append(self._block(fullest, fullest.take()))

    def _count(self, segment: Segment, sign: int) -> None:
        """Count a segment among those that wait (sign 1), or no longer (-1)."""
        self._waiting += sign * len(segment.seeds)
        self._carried += sign * segment.nbytes

    def _block(self, waiting: _Bin, segments: list[Segment]) -> Block:
        """A block of segments that have waited."""
        for segment in segments:
            self._count(segment, -1)
        cell = self._plan.cell(int(segments[0].cells[0]))
        stored = None
        if self._plan.study.record.weights:
            stored = stored_parameters(cell.architecture, cell.bias, cell.shortcuts)
        return Block(
            waiting.shared,
            waiting.totals,
            segments,
            len(self._seeds),
            waiting.start,
            waiting.until,
            waiting.points,
            stored,
            waiting.attempt,
        )

    def _points(self, shared: Shared, totals: tuple[int, ...], attempt: Attempt) -> tuple[tuple[int, ...], ...]:
        """At which updates of an attempt the curves of each budget have a point."""
        n, per_epoch = self._plan.study.record.curves, shared.updates_per_epoch
        return tuple(attempt.points(curve_updates(n, total, per_epoch)) for total in totals) if n else ()


class _Bin:
    """Segments that have the same arguments, budgets, attempt and stage, and wait until a block is full."""

    def __init__(
        self,
        shared: Shared,
        totals: tuple[int, ...],
        attempt: Attempt,
        start: int,
        points: tuple[tuple[int, ...], ...],
        staged: bool,
    ) -> None:
        budgets = attempt.ends(totals)
        self.shared = shared
        self.totals = totals
        self.attempt = attempt
        self.start = start
        self.begun = attempt.origin + start
        self.points = points
        self.staged = staged
        self.until = _stage_end(shared, budgets, start, points) if staged else budgets[-1]
        self.segments: list[Segment] = []
        self.n = 0
        self._capacity = _capacity(shared, self.until - start)

    def add(self, segment: Segment) -> Iterator[list[Segment]]:
        """Take a segment in; gives the segments of each block that is full now."""
        while self.n + len(segment.seeds) >= self._capacity:
            free = self._capacity - self.n
            self.segments.append(segment.part(slice(0, free)))
            yield self.take()
            segment = segment.part(slice(free, None))
        if len(segment.seeds):
            self.segments.append(segment)
            self.n += len(segment.seeds)

    def take(self) -> list[Segment]:
        """Everything that waits."""
        segments, self.segments, self.n = self.segments, [], 0
        return segments


def turns_of(plan: Plan, done: NDArray[np.bool_]) -> Iterator[Turn]:
    """The runs of a plan that are not done, in the order of `runner.studies.schedule`.

    Parameters
    ----------
    plan : Plan
    done : bool array (n_runs,)
        Runs not to be trained.
    """
    missing = ~done.reshape(plan.n_cells, len(plan.seeds))
    schedule = plan.schedule()
    # That all are missing is found out once for a study that begins.
    begins = bool(missing.all())
    for places in rounds(len(plan.seeds)):
        for k in spread(len(schedule)):
            cells = schedule[k]
            if begins:
                yield Turn(cells, places, None)
                continue
            wanted = missing[list(cells), places]
            if wanted.any():
                yield Turn(cells, places, wanted)


def turns_between(plan: Plan, first: int, last: int) -> Iterator[Turn]:
    """The runs of a plan from one number to before another, by trajectory.

    Parameters
    ----------
    plan : Plan
    first, last : int
    """
    n_seeds = len(plan.seeds)
    for cells in plan.schedule():
        # The first and the last cell may have some of their seeds only.
        by_places: dict[tuple[int, int], list[int]] = defaultdict(list)
        for cell in cells:
            places = max(first - cell * n_seeds, 0), min(last - cell * n_seeds, n_seeds)
            if places[0] < places[1]:
                by_places[places].append(cell)
        for places, alike in by_places.items():
            yield Turn(tuple(alike), slice(*places), None)


def _by_budgets(
    budgets: list[int], wanted: NDArray[np.bool_]
) -> Iterator[tuple[tuple[int, ...], NDArray[np.int64], NDArray[np.int64]]]:
    """Budgets still to be trained, which cells they are, and the seeds that miss just these.

    After an interruption or an edit of the study some seeds miss only a few.
    """
    patterns: dict[bytes, list[int]] = defaultdict(list)
    for place in np.flatnonzero(wanted.any(axis=0)).tolist():
        patterns[wanted[:, place].tobytes()].append(place)
    for pattern, places in patterns.items():
        which = np.flatnonzero(np.frombuffer(pattern, bool))
        yield tuple(budgets[k] for k in which), which, np.array(places, np.int64)


def _capacity(shared: Shared, updates: int) -> int:
    """Lanes of a block: as many as make one call last about a tenth of a second."""
    lanes = int(shared.width.lanes.n)
    least, most, work = 1.0, float(_MOST_GROUPS), _BLOCK_WORK
    if shared.card is not None:
        least, most, work = shared.card.filled_by, _MOST_OF_LAUNCH, _LAUNCH_WORK
    if shared.data_of is not None and shared.held is not None:
        # Each run has its own samples.
        numbers = sum(array.size for data in (shared.data, shared.held.samples) for array in data[1:])
        most = min(most, _MOST_SAMPLES / (numbers * shared.dtype.itemsize * lanes))
    groups = max(min(work / (updates * shared.work_per_update * lanes), most), min(least, most))
    return lanes * int(groups)


def _stage_end(shared: Shared, budgets: tuple[int, ...], start: int, points: tuple[tuple[int, ...], ...]) -> int:
    """After which update a stage that begins at `start` ends."""
    budget, every = budgets[-1], shared.job.every
    # What faults remember is not carried from stage to stage.
    if shared.faults is not None:
        return budget
    # Every point of a curve is carried on.
    carried = carried_numbers(shared, len(events_of(budgets, points)))
    longer = max(_FIRST_STAGE * carried / shared.work_per_update, start * _STAGES_GROW)
    end = -int(-longer // every) * every
    # What would be left is no stage of its own.
    return end if end * _STAGES_GROW < budget else budget
