"""The project itself: as a study runs through the engine, and its kernels alone."""

from __future__ import annotations

import time
from functools import cache
from typing import Any
from unittest.mock import patch

import numpy as np

from benchmarks.peers import Peer
from benchmarks.work import Floats, Program, Work
from runner.measurements import RECORD_COLUMNS
from runner.training import engine
from runner.training.blocks import worker
from runner.training.blocks.arguments import make_shared
from runner.training.engine import prepare
from runner.training.specials import Specials

_LOSS = RECORD_COLUMNS.index("final_loss")
# Seconds that a study of some minutes has trained when half of it is done.
_HALF = 60.0


@cache
def special_kernel(work: Work) -> int:
    """The address of the kernel that a study of some minutes makes of a work's network; 0 where it makes none.

    The engine's own decision: it is told that half of a study is done, and how long the general kernel took for that.
    What it makes is kept on disk, where every later start finds it at once.
    """
    prepare(work.plan)
    shared = make_shared(work.plan.cell(0), work.plan.members)
    specials = Specials(2)
    specials.address(shared)
    specials.add(shared, 0, 1, 1.0, _HALF)
    while specials.is_making:
        time.sleep(0.01)
        specials.add(shared, 0, 0, 0.0, 0.0)
    return specials.address(shared)


def _study(work: Work, cores: int) -> Program:
    """As users get it: with the special kernel that an earlier minute of training has left, where there is one."""
    special_kernel(work)

    def train() -> Floats:
        losses = np.empty(work.runs)
        specials = Specials(work.plan.n_updates)
        for result in engine.train(work.plan, np.zeros(work.runs, bool), threads=cores, specials=specials):
            losses[result.runs] = result.records[:, _LOSS]
        return losses

    return Program(train, lambda losses: losses)


def _has_special(work: Work) -> bool:
    return special_kernel(work) != 0


def _special(work: Work, cores: int) -> Program:
    return _alone(work, cores, special_kernel(work))


def _general(work: Work, cores: int) -> Program:
    return _alone(work, cores, 0)


def _alone(work: Work, cores: int, address: int) -> Program:
    """What the engine hands to the kernel, handed to it again: its scratch and its results can be used anew."""
    calls: list[tuple[Any, ...]] = []
    train_block = worker.train_block

    def noted(*arguments: Any) -> None:
        calls.append((*arguments[:-1], arguments[-1]._replace(special=address)))
        train_block(*calls[-1])

    with patch.object(worker, "train_block", noted):
        losses = _study(work, cores).train()

    def train() -> Floats:
        for arguments in calls:
            train_block(*arguments)
        return losses

    return Program(train, lambda losses: losses)


PEERS = (
    Peer("runner", "this project: a study through its engine", _study, whole=True),
    Peer("special", "this project: its special kernel alone", _special, _has_special, whole=True, scales=False),
    Peer("kernel", "this project: its general kernel alone", _general, whole=True, scales=False),
)
