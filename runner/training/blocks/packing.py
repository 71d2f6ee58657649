"""Packing runs into blocks: those that share their arguments wait together until there are enough for a block.

New runs come in the order of `runner.studies.schedule`. Where runs stop at their criterion, or where many diverge,
those that are not finished in one stage of their training come back and wait for the next one.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from runner.keys.architecture import stored_parameters
from runner.keys.columns import Column, grouped
from runner.studies.schedule import rounds, spread
from runner.training.blocks.arguments import Shared, make_shared, shared_columns, shared_key
from runner.training.blocks.attempts import Attempt
from runner.training.blocks.block import Block, events_of
from runner.training.blocks.curve_points import curve_updates
from runner.training.blocks.lane_values import lane_values
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
# About how many runs come in together, where as many share their arguments: enough that Python does not count.
_TURN = 1 << 12
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
    """Runs that come in together: some seeds of the cells of some trajectories.

    Attributes
    ----------
    cells : int64 array (trajectories, budgets)
        The budgets of a trajectory ascend.
    places : slice
        Of the seeds.
    wanted : bool array (trajectories, budgets, seeds) or None
        Which of these runs are to be trained; None for all.
    """

    cells: NDArray[np.int64]
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
        self._ready: deque[_Bin] = deque()
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
        while not self._ready:
            turn = next(self._turns, None)
            if turn is None:
                return self._incomplete(idle)
            self._admit(turn)
            if self._waiting > _MOST_WAITING and not self._ready:
                self._send_fullest()
        first = self._ready[0]
        block = self._block(first)
        if not first.is_full:
            self._ready.popleft()
        return block

    def requeue(self, block: Block, rest: list[Segment]) -> None:
        """Take the runs that are not done after a block."""
        for segment in rest:
            self._put(block.shared, block.totals, block.until, segment, block.attempt.number)
        if self._carried > _MOST_CARRIED and not self._ready:
            self._send_fullest()

    def restart(self, block: Block, again: list[Segment]) -> None:
        """Take the runs that start again after a block."""
        for segment in again:
            self._put(block.shared, block.totals[block.n_over :], 0, segment, block.attempt.number + 1)

    def learn(self, shared: Shared, diverged_early: float) -> None:
        """Take note of the share of runs that have diverged early in a block: others like them will do so too."""
        if diverged_early > _MANY_DIVERGE and shared.repeats and id(shared) not in self._diverging:
            self._diverging.add(id(shared))
            for waiting in self._bins.values():
                if waiting.shared is shared:
                    waiting.train_in_stages()

    def _admit(self, turn: Turn) -> None:
        """The runs of a turn come in, those that can wait together as one segment."""
        n, n_budgets = turn.cells.shape
        columns = self._plan.columns(turn.cells.ravel())
        budgets = self._plan.budgets(columns, turn.cells.size).reshape(n, n_budgets)
        # The cells of a trajectory differ in nothing else.
        firsts = [column.part(slice(None, None, n_budgets)) for column in columns]
        for members in grouped([*shared_columns(firsts), *map(Column.of, budgets.T)], n):
            cells = turn.cells[members]
            cell = self._plan.cell(int(cells[0, 0]))
            key = shared_key(cell)
            if key not in self._shared:
                shared = make_shared(cell, self._plan.members)
                self._shared[key] = shared if self._card is None else shared.on(self._card)
            numbers = lane_values([column.part(members) for column in firsts], len(members))
            wanted = None if turn.wanted is None else turn.wanted[members]
            for which, of, places in _by_budgets(n_budgets, len(members), turn.places, wanted):
                segment = Segment(numbers, of, cells[of][:, which].T, places, self._seeds[places])
                self._put(self._shared[key], tuple(budgets[members[0], which].tolist()), 0, segment)

    def _put(self, shared: Shared, totals: tuple[int, ...], start: int, segment: Segment, number: int = 0) -> None:
        """Let a segment wait; `number` is that of its attempt."""
        key = (id(shared), totals, number, start)
        waiting = self._bins.get(key)
        if waiting is None:
            attempt = Attempt.of(shared.restarts, number, shared.updates_per_epoch)
            points = self._points(shared, totals, attempt)
            staged = shared.stops or id(shared) in self._diverging
            waiting = self._bins[key] = _Bin(shared, totals, attempt, start, points, staged)
        self._count(segment, 1)
        waiting.add(segment)
        if waiting.is_full and waiting not in self._ready:
            self._ready.append(waiting)

    def _incomplete(self, idle: bool) -> Block | None:
        """A block of what waits when nothing new comes: of the earliest stage, whose rest may fill later ones."""
        bins = [waiting for waiting in self._bins.values() if waiting.n and (idle or not waiting.begun)]
        if not bins:
            return None
        waiting = min(bins, key=lambda waiting: waiting.begun)
        return self._block(waiting)

    def _send_fullest(self) -> None:
        """The runs that wait where most do make a block, although it is not full."""
        self._ready.append(max(self._bins.values(), key=lambda waiting: waiting.n))

    def _count(self, segment: Segment, sign: int) -> None:
        """Count a segment among those that wait (sign 1), or no longer (-1)."""
        self._waiting += sign * segment.n
        self._carried += sign * segment.nbytes

    def _block(self, waiting: _Bin) -> Block:
        """A block of runs that have waited."""
        segments = waiting.take()
        for segment in segments:
            self._count(segment, -1)
        cell = self._plan.cell(int(segments[0].cells[0, 0]))
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
        self.shared = shared
        self.totals = totals
        self.attempt = attempt
        self.start = start
        self.begun = attempt.origin + start
        self.points = points
        self.budgets = attempt.ends(totals)
        self.until = self.budgets[-1]
        self.n = 0
        self._segments: deque[Segment] = deque()
        self._capacity = _capacity(shared, self.until - start)
        if staged:
            self.train_in_stages()

    def train_in_stages(self) -> None:
        """Let the blocks that are made from now on be of one stage."""
        self.until = _stage_end(self.shared, self.budgets, self.start, self.points)
        self._capacity = _capacity(self.shared, self.until - self.start)

    @property
    def is_full(self) -> bool:
        """Whether enough runs wait for a block."""
        return self.n >= self._capacity

    def add(self, segment: Segment) -> None:
        """Take a segment in."""
        self._segments.append(segment)
        self.n += segment.n

    def take(self) -> list[Segment]:
        """The runs of a block; fewer where no more wait."""
        taken: list[Segment] = []
        free = self._capacity
        while free and self._segments:
            segment = self._segments.popleft()
            if segment.n > free:
                self._segments.appendleft(segment.part(slice(free, None)))
                segment = segment.part(slice(0, free))
            taken.append(segment)
            free -= segment.n
            self.n -= segment.n
        return taken


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
        together = max(_TURN // (places.stop - places.start), 1)
        for numbers in spread(len(schedule), together):
            for cells in schedule.of_size(numbers):
                if begins:
                    yield Turn(cells, places, None)
                    continue
                wanted = missing[cells, places]
                some = wanted.any(axis=(1, 2))
                if some.any():
                    yield Turn(cells[some], places, wanted[some])


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
            yield Turn(np.array([alike], np.int64), slice(*places), None)


def _by_budgets(
    n_budgets: int, n: int, places: slice, wanted: NDArray[np.bool_] | None
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]]:
    """Which budgets are still to be trained, and of which of n trajectories and seeds just these.

    After an interruption or an edit of the study some miss only a few.
    """
    seeds = np.arange(places.start, places.stop)
    if wanted is None or wanted.all():
        yield np.arange(n_budgets), np.repeat(np.arange(n), len(seeds)), np.tile(seeds, n)
        return
    patterns, number = np.unique(wanted.swapaxes(1, 2).reshape(-1, n_budgets), axis=0, return_inverse=True)
    for k in np.flatnonzero(patterns.any(axis=1)).tolist():
        of, at = np.divmod(np.flatnonzero(number.ravel() == k), len(seeds))
        yield np.flatnonzero(patterns[k]), of, seeds[at]


def _capacity(shared: Shared, updates: int) -> int:
    """Lanes of a block: as many as make one call last about a tenth of a second."""
    lanes = int(shared.width.lanes.n)
    least, most, work = 1.0, float(_MOST_GROUPS), _BLOCK_WORK
    if shared.card is not None:
        least, most, work = shared.card.filled_by, _MOST_OF_LAUNCH, _LAUNCH_WORK
    if shared.data_of is not None:
        # Each run has its own samples.
        most = min(most, _MOST_SAMPLES / (shared.numbers_of_samples * shared.dtype.itemsize * lanes))
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
