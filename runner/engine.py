"""The engine: runs of a plan -> blocks of lanes -> threads -> records, as blocks finish.

Performance shape: kernels release the interpreter's lock, so plain threads keep all cores busy; blocks hold as many
lanes as make a call last about a tenth of a second, long enough that Python between calls does not count and short
enough that progress, Ctrl-C and the end of the study do not wait.
"""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from runner.blocks import Block, Segment
from runner.blocks import train as train_one
from runner.kernels import cache
from runner.kernels.compiling import collection_paused
from runner.kernels.initial import initial_weights
from runner.kernels.train import train_block
from runner.order import rounds, spread
from runner.programs import Program, cell_numbers, make_program, program_key, stored_parameters

if TYPE_CHECKING:
    from runner.plan import Plan

# Multiply-adds that a block should hold, at roughly 10^10 per second.
_BLOCK_WORK = 1e9
_MOST_GROUPS = 256
# Lanes that may wait for their block to fill, over all programs, before the fullest are sent off incomplete.
_MOST_WAITING = 200_000


@dataclass(frozen=True, eq=False)
class Result:
    """Finished runs.

    Attributes
    ----------
    runs : int64 array (n,)
        Run indices: index of the cell times number of seeds, plus place of the seed.
    records : float64 array (n, len(RECORD_COLUMNS))
    curves : list of float64 arrays (points, 3), or None
        Epoch, loss and accuracy.
    weights : two float64 arrays (n, parameters), or None
        Initial and final weights; all runs of a result have the same architecture.
    updates : int
        Changes of weights that this stands for.
    error : str or None
        Why these runs could not be trained; there are no records then.
    """

    runs: NDArray[np.int64]
    records: NDArray[np.float64]
    curves: list[NDArray[np.float64]] | None
    weights: tuple[NDArray[np.float64], NDArray[np.float64]] | None
    updates: int
    error: str | None = None


def train(
    plan: Plan,
    done: NDArray[np.bool_],
    threads: int = 1,
    *,
    notify: Callable[[str], None] = lambda message: None,
    stop: Callable[[], bool] = lambda: False,
) -> Iterator[Result]:
    """Train the runs of a plan that are not done.

    Parameters
    ----------
    plan : Plan
    done : bool array (n_runs,)
        Runs not to be trained.
    threads : int
    notify : callable
        Takes messages for the user.
    stop : callable
        Asked between blocks; once it says so, no block is begun any more and those in flight are finished.

    Yields
    ------
    Result
        As blocks finish, in any order.
    """
    prepare(plan, notify)
    in_flight: dict[Future[Any], Block] = {}
    with ThreadPoolExecutor(threads, thread_name_prefix="runner") as pool:
        try:
            for block in _blocks(plan, done):
                if stop():
                    break
                in_flight[pool.submit(train_one, block)] = block
                # One block per thread in work and one waiting: nothing is prepared that an interrupt would lose.
                while len(in_flight) >= 2 * threads:
                    yield from _finished(in_flight)
            while in_flight:
                yield from _finished(in_flight)
        finally:
            for future in in_flight:
                future.cancel()


def _finished(in_flight: dict[Future[Any], Block]) -> Iterator[Result]:
    """Wait for at least one block and give its results."""
    ready, _ = wait(in_flight, return_when=FIRST_COMPLETED)
    for future in ready:
        block = in_flight.pop(future)
        yield _result(block, future)


def _result(block: Block, future: Future[Any]) -> Result:
    runs = block.runs()
    try:
        trained = future.result()
    except Exception as error:  # whatever befalls one block, the others go on
        reason = f"{type(error).__name__}: {error}".rstrip(": ")
        return Result(runs, np.empty((0, 0)), None, None, block.updates, reason)
    return Result(runs, trained.records, trained.curves, trained.weights, block.updates)


_prepared: set[str] = set()


def prepare(plan: Plan, notify: Callable[[str], None] = lambda message: None) -> None:
    """Load the kernels for a plan's first cell from the disk cache, or compile them.

    Training does this by itself; done before, its seconds do not count as training.

    Parameters
    ----------
    plan : Plan
    notify : callable
        Takes messages for the user.
    """
    if plan.n_cells == 0:
        return
    cell = plan.cell(0)
    program = make_program(cell)
    kind = f"{cell.precision}-{program.width.lanes.n}-{program.width.tile.n}"
    if kind in _prepared:
        return
    problems: list[str] = []

    def not_kept(reason: str) -> None:
        if not problems:
            notify(f"compiled kernels can not be kept for the next start: {reason}")
        problems.append(reason)

    cache.enable(train_block, initial_weights, tell=not_kept)
    marker = cache.folder() / kind
    if problems or not marker.exists():
        notify(f"compiling kernels for {cell.precision}: about ten seconds, once on this machine")
    segment = Segment(cell_numbers(cell), np.zeros(1, np.int64), np.zeros(1, np.int64), np.zeros(1, np.uint64))
    try:
        with collection_paused():
            train_one(Block(program, (1,), [segment], 1))
    except Exception:  # it befalls the blocks too, which say so for each of their runs
        return
    if not problems:
        with contextlib.suppress(OSError):
            marker.touch()
    _prepared.add(kind)


class _Waiting:
    """Segments that wait for a block of their program and budgets to fill."""

    def __init__(self, program: Program, budgets: tuple[int, ...], capacity: int) -> None:
        self.program = program
        self.budgets = budgets
        self.capacity = capacity
        self.segments: list[Segment] = []
        self.n = 0

    def add(self, segment: Segment) -> Iterator[list[Segment]]:
        """Take a segment in; gives the segments of each block that is full now."""
        while self.n + len(segment.seeds) >= self.capacity:
            room = self.capacity - self.n
            self.segments.append(_part(segment, slice(0, room)))
            yield self.take()
            segment = _part(segment, slice(room, None))
        if len(segment.seeds):
            self.segments.append(segment)
            self.n += len(segment.seeds)

    def take(self) -> list[Segment]:
        """Everything that waits."""
        segments, self.segments, self.n = self.segments, [], 0
        return segments


def _part(segment: Segment, which: slice) -> Segment:
    return Segment(segment.numbers, segment.cells, segment.places[which], segment.seeds[which])


def _blocks(plan: Plan, done: NDArray[np.bool_]) -> Iterator[Block]:
    """All runs that are not done, in the order of runner/order.py, in blocks of one program; incomplete ones last."""
    seeds = np.array(plan.seeds, np.uint64)
    missing = ~done.reshape(plan.n_cells, len(seeds))
    programs: dict[tuple[Any, ...], Program] = {}
    waiting: dict[tuple[Any, ...], _Waiting] = {}
    n_waiting = 0
    points = _CurvePoints(plan.study.record.curves)

    def block(room: _Waiting, segments: list[Segment]) -> Block:
        cell = plan.cell(int(segments[0].cells[0]))
        stored = stored_parameters(cell.bias, cell.architecture) if plan.study.record.weights else None
        return Block(room.program, room.budgets, segments, len(seeds), points(room), stored)

    for cells, places, wanted in _turns(plan, missing):
        members = [plan.cell(i) for i in cells]
        key = program_key(members[0])
        if key not in programs:
            programs[key] = make_program(members[0])
        numbers = cell_numbers(members[0])
        for budgets, which, some in _by_budgets([cell.budget for cell in members], wanted):
            room = waiting.get((key, budgets))
            if room is None:
                room = waiting[key, budgets] = _Waiting(programs[key], budgets, _capacity(programs[key], budgets))
            some += places.start
            segment = Segment(numbers, np.array(cells)[which], some, seeds[some])
            n_waiting += len(some)
            for full in room.add(segment):
                n_waiting -= room.capacity
                yield block(room, full)
        if n_waiting > _MOST_WAITING:
            fullest = max(waiting.values(), key=lambda room: room.n)
            n_waiting -= fullest.n
            yield block(fullest, fullest.take())
    for room in waiting.values():
        if room.n:
            yield block(room, room.take())


def _turns(plan: Plan, missing: NDArray[np.bool_]) -> Iterator[tuple[tuple[int, ...], slice, NDArray[np.bool_]]]:
    """The cells of a trajectory, some places of seeds, and which runs of these are missing, wherever any is."""
    schedule = plan.schedule()
    for places in rounds(len(plan.seeds)):
        for k in spread(len(schedule)):
            cells = schedule[k]
            wanted = missing[list(cells), places]
            if wanted.any():
                yield cells, places, wanted


def _by_budgets(
    budgets: list[int], wanted: NDArray[np.bool_]
) -> Iterator[tuple[tuple[int, ...], NDArray[np.int64], NDArray[np.int64]]]:
    """Budgets still to be trained, which cells they are, and the seeds that miss just these.

    Mostly all seeds miss all budgets; after an interruption or an edit of the study some miss only a few.
    """
    if wanted.all():
        yield tuple(budgets), np.arange(len(budgets)), np.arange(wanted.shape[1])
        return
    patterns: dict[bytes, list[int]] = defaultdict(list)
    for place in np.flatnonzero(wanted.any(axis=0)).tolist():
        patterns[wanted[:, place].tobytes()].append(place)
    for pattern, places in patterns.items():
        which = np.flatnonzero(np.frombuffer(pattern, bool))
        yield tuple(budgets[k] for k in which), which, np.array(places, np.int64)


def _capacity(program: Program, budgets: tuple[int, ...]) -> int:
    """Lanes of a block: as many as make one call last about a tenth of a second."""
    job, lanes = program.job, program.width.lanes.n
    per_sample = 3 * program.parameters + 30 * program.net.n_units
    evaluations = program.data.n / job.every if job.batch < program.data.n else 0
    work = budgets[-1] * (program.samples_per_update + evaluations) * per_sample * lanes
    groups = min(max(_BLOCK_WORK / work, 1.0), float(_MOST_GROUPS))
    return int(lanes) * int(groups)


class _CurvePoints:
    """At which updates curves have a point: up to n epochs, evenly spaced in their logarithm, and both ends."""

    def __init__(self, n: int | None) -> None:
        self._n = n

    def __call__(self, room: _Waiting) -> tuple[tuple[int, ...], ...]:
        if not self._n:
            return ()
        return tuple(self._of(budget, room.program.updates_per_epoch) for budget in room.budgets)

    def _of(self, budget: int, per_epoch: int) -> tuple[int, ...]:
        last = max(1, budget // per_epoch)
        n = min(self._n or 1, last)
        epochs = set(range(1, last + 1))
        if n < last:
            epochs = {round(last ** (k / max(n - 1, 1))) for k in range(n)}
        return tuple(sorted({0, budget} | {epoch * per_epoch for epoch in epochs if epoch * per_epoch <= budget}))
