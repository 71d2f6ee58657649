"""Timing: programs take turns, so that what disturbs the machine disturbs all of them.

On one core the time is that of the processor, not of the clock on the wall: what other processes do on the core in
between is not the program's. On two cores it is that of the clock.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from benchmarks.peers import Peer
from benchmarks.work import Program, Work, WorkItem, prepare


@dataclass(frozen=True)
class Row:
    """What one program reached.

    Attributes
    ----------
    work, peer, title, precision : str
    cores, runs : int
        Cores it may use, networks it trained.
    speeds : sequence of float
        Sample-steps per second, one for each repeat.
    difference : float
        Largest relative difference of its final losses to the project's (see `Work.difference`).
    """

    work: str
    peer: str
    title: str
    precision: str
    cores: int
    runs: int
    speeds: Sequence[float]
    difference: float

    @property
    def speed(self) -> float:
        """Median over the repeats."""
        return statistics.median(self.speeds)

    def ratio(self, base: Row) -> float:
        """How many times as fast `base` was: the median of the ratios within each repeat."""
        return statistics.median(b / s for b, s in zip(base.speeds, self.speeds, strict=True))


def clock(cores: int) -> Callable[[], float]:
    """What the time is read from."""
    return time.process_time if cores == 1 else time.perf_counter


def measure(
    item: WorkItem,
    precision: str,
    peers: Sequence[Peer],
    *,
    cores: int = 1,
    runs: int | None = None,
    repeats: int = 5,
    seconds: float = 0.2,
    overrides: Sequence[str] = (),
) -> list[Row]:
    """Time every program that can do a work item, and check that it reaches the same losses.

    Parameters
    ----------
    item : WorkItem
    precision : {"float64", "float32"}
    peers : sequence of Peer
    cores : int
    runs : int, optional
        Networks that the project trains; default the item's. Slower programs train fewer.
    repeats : int
    seconds : float
        About as long as a program should train in one repeat.
    overrides : sequence of str
        Changes of the study.

    Raises
    ------
    ValueError
        When a program reaches other losses.
    """
    whole = prepare(item, precision, runs or item.runs * cores, overrides)
    able = [peer for peer in peers if peer.supports(whole) and (cores == 1 or peer.scales)]
    ready = [_ready(peer, whole, cores, seconds) for peer in able]
    differences = [_difference(peer, *each, cores, overrides) for peer, each in zip(able, ready, strict=True)]
    times = list(_turns([program for _, program in ready], repeats, clock(cores)))
    return [
        Row(
            item.name,
            peer.name,
            peer.title,
            precision,
            cores,
            work.runs,
            tuple(work.sample_steps / turn[k] for turn in times),
            difference,
        )
        for k, (peer, (work, _), difference) in enumerate(zip(able, ready, differences, strict=True))
    ]


def _turns(programs: Sequence[Program], repeats: int, now: Callable[[], float]) -> Iterator[list[float]]:
    """Seconds of every program, turn by turn."""
    for _ in range(repeats):
        turn = []
        for program in programs:
            began = now()
            program.train()
            turn.append(now() - began)
        yield turn


def _ready(peer: Peer, whole: Work, cores: int, seconds: float) -> tuple[Work, Program]:
    """A program, for as many networks as it trains in so many seconds."""
    least = peer.block(whole) * cores
    if peer.whole or least >= whole.runs:
        return whole, peer.prepare(whole, cores)
    few = whole.spread(least)
    program = peer.prepare(few, cores)
    ((first,), (second,)) = _turns([program], 2, time.perf_counter)
    n = int(seconds / min(first, second)) * least
    if n <= least:
        return few, program
    work = whole.spread(n)
    return work, peer.prepare(work, cores)


def _difference(peer: Peer, work: Work, program: Program, cores: int, overrides: Sequence[str]) -> float:
    """The difference to the losses that must be reached; it is the program's warm-up too."""
    trained = program.train()
    if peer.checked and peer.checked < work.epochs:
        short = prepare(work.item, work.precision, work.runs, [*overrides, f"epochs={peer.checked}"])
        program = peer.prepare(short, cores)
        work, trained = short, program.train()
    difference = work.difference(program.losses(trained), max(peer.outliers, work.item.outliers))
    allowed = max(work.item.tolerance[work.precision], peer.tolerance)
    if difference > allowed:
        raise ValueError(
            f"{peer.name}, {work.precision}: final losses differ from the project's "
            f"by {difference:.1e} relative, more than {allowed:.0e}"
        )
    return difference
