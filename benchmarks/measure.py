"""Timing: programs take turns, so that what disturbs the machine disturbs all of them.

The time is that of the processor, not of the clock on the wall: everything here uses one core, and what other
processes do on it in between is not the program's.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.peers import Peer
from benchmarks.work import Program, Work, WorkItem, prepare

_SMALLEST = 4


@dataclass(frozen=True)
class Row:
    """What one program reached.

    Attributes
    ----------
    peer : Peer
    precision : str
    speeds : tuple of float
        Sample-steps per second of processor time, one for each repeat.
    difference : float
        Largest relative difference of its final losses to the project's.
    """

    peer: Peer
    precision: str
    speeds: tuple[float, ...]
    difference: float

    @property
    def speed(self) -> float:
        """Median over the repeats."""
        return statistics.median(self.speeds)

    def ratio(self, base: Row) -> float:
        """How many times as fast `base` was: the median of the ratios within each repeat."""
        return statistics.median(b / s for b, s in zip(base.speeds, self.speeds, strict=True))


def measure(
    item: WorkItem, precision: str, peers: Sequence[Peer], runs: int, repeats: int, epochs: int | None = None
) -> list[Row]:
    """Time every program that can do a work item, and check that it reaches the same losses.

    Parameters
    ----------
    item : WorkItem
    precision : {"float64", "float32"}
    peers : sequence of Peer
    runs : int
        Networks that the project trains; slower programs train fewer.
    repeats : int
    epochs : int, optional
        Instead of those of the study.

    Raises
    ------
    ValueError
        When a program reaches other losses.
    """
    whole = prepare(item, precision, runs, epochs)
    able = [peer for peer in peers if peer.supports(whole)]
    works = [_share(whole, peer) for peer in able]
    programs = [peer.prepare(work) for peer, work in zip(able, works, strict=True)]
    differences = [_difference(*each) for each in zip(able, works, programs, strict=True)]
    seconds: list[list[float]] = [[] for _ in able]
    for _ in range(repeats):
        for program, times in zip(programs, seconds, strict=True):
            began = time.process_time()
            program()
            times.append(time.process_time() - began)
    return [
        Row(peer, precision, tuple(work.sample_steps / t for t in times), difference)
        for peer, work, times, difference in zip(able, works, seconds, differences, strict=True)
    ]


def _share(whole: Work, peer: Peer) -> Work:
    """As many networks as take the program about as long as the project takes for all."""
    runs = max(_SMALLEST, round(whole.runs / peer.cost))
    return whole if runs >= whole.runs else prepare(whole.item, whole.precision, runs, whole.epochs)


def _difference(peer: Peer, work: Work, program: Program) -> float:
    """Largest relative difference to the losses that must be reached."""
    losses = np.asarray(program(), np.float64)
    largest = float(np.max(np.abs(losses - work.losses) / np.abs(work.losses)))
    allowed = work.item.tolerance[work.precision]
    if not largest <= allowed:
        raise ValueError(
            f"{peer.name}, {work.precision}: final losses differ from the project's by {largest:.1e} relative, "
            f"more than {allowed:.0e}"
        )
    return largest
