"""The engine: runs of a plan go in blocks of lanes to threads, and come back as records whenever a block is finished.

Performance shape: kernels release the interpreter's lock, so plain threads keep all cores busy; blocks hold as many
lanes as make a call last about a tenth of a second, long enough that Python between calls does not count and short
enough that progress, Ctrl-C and the end of the study do not wait.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from runner.kernels import cache
from runner.kernels.checksums import sum_rows
from runner.kernels.csv_rows import write_rows
from runner.kernels.faulty.train import train_faulty_block
from runner.kernels.initial import initial_weights
from runner.kernels.lsuv import make_unit_variance
from runner.kernels.run_ids import identify_runs
from runner.kernels.second_order.train import train_second_order_block
from runner.kernels.train import stretch_for, train_block
from runner.machine import cores
from runner.training.begun import Begun
from runner.training.blocks.arguments import make_shared
from runner.training.blocks.block import Block
from runner.training.blocks.lane_values import lane_values
from runner.training.blocks.packing import BlockPacker, Turn, turns_of
from runner.training.blocks.segments import Segment
from runner.training.blocks.worker import Trained
from runner.training.blocks.worker import train as train_one
from runner.training.side_by_side import compile_side_by_side, suit_two
from runner.training.specials import Specials
from runner.training.speed import SpeedMeter
from runner.training.threads import start_threads

if TYPE_CHECKING:
    from runner.kernels.cuda import Card
    from runner.results.columns import Written
    from runner.results.staging import Staged
    from runner.studies.plan import Plan
    from runner.training.blocks.arguments import Shared

    Write = Callable[[NDArray[np.int64], NDArray[np.float64]], list[Written]]
    _Finished = tuple[Trained, list[Written] | None]

NOT_ON_CARD = (
    "a graphics card leaves to it methods of second order, faults that are looked up in a table, dropout, input_noise, "
    "l1, clipped gradients, label_smoothing, class_weights, momentum_schedule, plateaus and large networks"
)
"""What `Shared.on` leaves to the processor, for the user."""

# How often a start that waits for a long block looks up.
_LOOK_SECONDS = 2.0


@dataclass(frozen=True, eq=False)
class Result:
    """Finished runs.

    Attributes
    ----------
    runs : int64 array (n,)
        Numbers of the runs in the plan.
    records : float64 array (n, len(RECORD_COLUMNS))
    curves : list of float64 arrays (points, 3 or 5), or None
        Epoch, loss and accuracy, and where samples are held out the same of these.
    weights : two float64 arrays (n, parameters), or None
        Initial and final weights; all runs of a result have the same architecture.
    updates : int
        Changes of weights that are not to be made any more; there may be some without any finished run.
    rows : list of Written or None
        The rows, where the thread that trained has written them already.
    error : str or None
        Why these runs could not be trained; there are no records then.
    part : Staged or None
        The part of the table that has the rows of these runs, where the process that trained has written it already;
        there are no records then.
    """

    runs: NDArray[np.int64]
    records: NDArray[np.float64]
    curves: list[NDArray[np.float64]] | None
    weights: tuple[NDArray[np.float64], NDArray[np.float64]] | None
    updates: int
    rows: list[Written] | None = None
    error: str | None = None
    part: Staged | None = None


def train(
    plan: Plan,
    done: NDArray[np.bool_],
    threads: int = 1,
    *,
    notify: Callable[[str], None] = lambda message: None,
    stop: Callable[[], bool] = lambda: False,
    begun: Begun | None = None,
    write: Write | None = None,
    specials: Specials | None = None,
    card: Card | None = None,
) -> Generator[Result]:
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
        Asked between blocks, and every few seconds; once it says yes, no block is begun any more and those in flight
        are finished. What it raises ends the training.
    begun : Begun, optional
        Takes note of the blocks that are being trained.
    write : callable, optional
        Makes the rows of finished runs, in the threads that train.
    specials : Specials, optional
        Makes kernels for networks that are worth it.
    card : Card, optional
        A graphics card, which trains the runs that it can train.

    Yields
    ------
    Result
        As blocks finish, in any order.
    """
    prepare(plan, notify, card, threads)
    how: dict[str, Any] = {"notify": notify, "begun": begun, "write": write, "specials": specials, "card": card}
    yield from train_turns(plan, turns_of(plan, done), threads, stop, **how)


def train_turns(
    plan: Plan,
    turns: Iterable[Turn],
    threads: int,
    stop: Callable[[], bool] = lambda: False,
    *,
    notify: Callable[[str], None] = lambda message: None,
    begun: Begun | None = None,
    write: Write | None = None,
    specials: Specials | None = None,
    card: Card | None = None,
) -> Generator[Result]:
    """Train some runs of a plan.

    Parameters
    ----------
    plan : Plan
    turns : iterable of Turn
        Which runs, in the order in which they are to come in.
    threads : int
    stop, notify : callable
    begun : Begun, optional
    write : callable, optional
    specials : Specials, optional
    card : Card, optional
        As those of `train`.

    Yields
    ------
    Result
        As blocks finish, in any order.
    """
    speeds, began, n_runs = SpeedMeter(), time.thread_time(), 0
    packer = BlockPacker(plan, turns, card)
    in_flight: dict[Future[_Finished], tuple[int, Block, int]] = {}
    numbers = count()
    pool, threads = start_threads(threads, notify)
    told = False
    try:
        while True:
            # One block for each thread, and one more that waits for it: little is prepared that an interrupt loses.
            while len(in_flight) < 2 * threads and not stop():
                block = packer.next(idle=len(in_flight) < threads)
                if block is None:
                    break
                if card is not None and block.shared.card is None and not told:
                    notify(f"some runs are trained by the processor: {NOT_ON_CARD}")
                    told = True
                _announce(block.shared, notify)
                number = next(numbers)
                if begun is not None:
                    begun.begin(number, block.runs(np.ones(block.n, np.bool_)))
                own = specials if block.shared.card is None else None
                address = own.address(block.shared) if own is not None else 0
                in_flight[pool.submit(_finish, block, address, write)] = number, block, address
            if not in_flight:
                return
            ready, _ = wait(in_flight, timeout=_LOOK_SECONDS, return_when=FIRST_COMPLETED)
            if not ready:
                stop()
            for future in ready:
                number, block, address = in_flight.pop(future)
                result = _result(block, address, future, packer, speeds, specials)
                if begun is not None:
                    begun.end(number)
                n_runs += len(result.records)
                yield result
    finally:
        # After an error or a second Ctrl-C nobody waits for blocks that are still being trained.
        pool.shutdown(wait=False, cancel_futures=True)
        if specials is not None:
            specials.close()
        speeds.add_runs(n_runs, time.thread_time() - began)
        speeds.save()


def _finish(block: Block, address: int, write: Write | None) -> _Finished:
    """Train a block and write its rows, in a thread."""
    trained = train_one(block, address)
    rows = write(trained.runs, trained.records) if write is not None and len(trained.runs) else None
    return trained, rows


def _result(
    block: Block,
    address: int,
    future: Future[_Finished],
    packer: BlockPacker,
    speeds: SpeedMeter,
    specials: Specials | None,
) -> Result:
    """What a block gave; its runs that are not done wait again for another block.

    `address` is that of the kernel that trained it.
    """
    try:
        trained, rows = future.result()
    except Exception as error:  # whatever is wrong with one block, the others go on
        reason = f"{type(error).__name__}: {error}".rstrip(": ")
        all_of_them = np.ones(block.n, np.bool_)
        runs, updates = block.runs(all_of_them), block.updates(all_of_them)
        return Result(runs, np.empty((0, 0)), None, None, updates, error=reason)
    _mark(block.shared)
    packer.requeue(block, trained.rest)
    packer.restart(block, trained.again)
    packer.learn(block.shared, trained.diverged_early)
    speeds.add_block(block.shared.kernel, trained.multiply_adds, trained.seconds)
    if specials is not None:
        specials.add(block.shared, address, trained.updates, trained.multiply_adds, trained.seconds)
    return Result(trained.runs, trained.records, trained.curves, trained.weights, trained.updates, rows)


# Kernels that are loaded, or about to be; those of them that this machine had not compiled before.
_prepared: set[str] = set()
_new: set[str] = set()


def _marker(shared: Shared) -> Path:
    """The file that says that this machine has compiled the kernel of some runs."""
    return cache.folder() / shared.kernel


def _announce(shared: Shared, notify: Callable[[str], None]) -> None:
    """Say that a kernel is going to be compiled, besides the first one, which `prepare` has made ready."""
    if shared.kernel in _prepared:
        return
    _prepared.add(shared.kernel)
    if not _marker(shared).exists():
        _new.add(shared.kernel)
        notify(f"compiling kernel number {len(_prepared)}, which some of the runs need: about ten seconds")


def _mark(shared: Shared) -> None:
    """Note that this machine has compiled a kernel."""
    if shared.kernel in _new:
        _new.remove(shared.kernel)
        with contextlib.suppress(OSError):
            _marker(shared).touch()


def prepare(
    plan: Plan, notify: Callable[[str], None] = lambda message: None, card: Card | None = None, threads: int = 1
) -> None:
    """Load the kernels for a plan's first cell from the disk cache, or compile them.

    Training does this by itself; done before, its seconds do not count as training.

    Parameters
    ----------
    plan : Plan
    notify : callable
        Takes messages for the user.
    card : Card, optional
        The graphics card that trains it.
    threads : int
        How many cores may be used.
    """
    if plan.n_cells == 0:
        return
    problems: list[str] = []

    def not_kept(reason: str) -> None:
        if not problems:
            notify(f"compiled kernels can not be kept for the next start: {reason}")
        problems.append(reason)

    def not_used(file: Path, reason: str) -> None:
        notify(f"a compiled kernel is damaged and is compiled anew ({file}: {reason})")

    training = train_block, stretch_for, train_faulty_block, train_second_order_block
    others = initial_weights, make_unit_variance, write_rows, identify_runs, sum_rows
    cache.enable(*training, *others, not_kept=not_kept, not_used=not_used)
    cell = plan.cell(0)
    shared = make_shared(cell, plan.members)
    if card is not None:
        shared = shared.on(card)
    if shared.kernel in _prepared:
        return
    is_new = not _marker(shared).exists()
    if problems or is_new:
        once = "" if problems else ", once on this machine"
        seconds = "three" if (cache.shipped() / shared.kernel).exists() else "ten"
        notify(f"compiling kernels for {cell.precision}: about {seconds} seconds{once}")
    zero = np.zeros(1, np.int64)
    segment = Segment(lane_values(plan.columns(zero), 1), zero, zero[None], zero, zero.astype(np.uint64))
    block = Block(shared, (1,), [segment], 1, 0, 1)
    two = is_new and not problems and min(threads, cores()) > 1 and suit_two(shared)
    try:
        if two:
            compile_side_by_side(block)
        train_one(block)
    except Exception:  # the blocks will fail too, and say why for each of their runs
        return
    if not problems:
        with contextlib.suppress(OSError):
            _marker(shared).touch()
    _prepared.add(shared.kernel)
