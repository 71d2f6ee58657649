"""The project itself: as a study runs through the engine, and its kernel alone."""

from __future__ import annotations

import time
from typing import Any
from unittest.mock import patch

import numpy as np

from benchmarks.peers import MissingError, Peer
from benchmarks.work import Floats, Program, Work
from runner.kernels import special
from runner.measurements import RECORD_COLUMNS
from runner.training import engine
from runner.training.blocks import worker
from runner.training.blocks.arguments import make_shared
from runner.training.engine import prepare

_LOSS = RECORD_COLUMNS.index("final_loss")


def _engine(work: Work, cores: int) -> Program:
    def train() -> Floats:
        losses = np.empty(work.runs)
        for result in engine.train(work.plan, np.zeros(work.runs, bool), threads=cores):
            losses[result.runs] = result.records[:, _LOSS]
        return losses

    return Program(train, lambda losses: losses)


def _has_special(work: Work) -> bool:
    """Whether its network is small enough for a kernel of its own."""
    shared = make_shared(work.plan.cell(0), work.plan.members)
    return special.is_worth_making(shared.net, shared.width, int(shared.sizes[-1]))


def _special(work: Work, cores: int) -> Program:
    """The same with a kernel that knows the network, the job and the number of samples."""
    prepare(work.plan)
    shared = make_shared(work.plan.cell(0), work.plan.members)
    given = (shared.net, shared.data, shared.job)
    code = special.general_code(*given, shared.width)
    if code is None:
        raise MissingError("a folder in which compiled kernels are kept")
    request = special.make_request(*given, shared.clock, shared.width, shared.dtype)
    making = special.Making(request, code)
    while making.finished() is None:
        time.sleep(0.01)
    return _kernel(work, cores, special.load(making.path))


def _kernel(work: Work, cores: int, address: int = 0) -> Program:
    """What the engine hands to the kernel, handed to it again: its scratch and its results can be used anew."""
    calls: list[tuple[Any, ...]] = []
    train_block = worker.train_block

    def noted(*arguments: Any) -> None:
        calls.append((*arguments[:-1], address))
        train_block(*calls[-1])

    with patch.object(worker, "train_block", noted):
        losses = _engine(work, cores).train()

    def train() -> Floats:
        for arguments in calls:
            train_block(*arguments)
        return losses

    return Program(train, lambda losses: losses)


PEERS = (
    Peer("runner", "this project: a study through its engine", _engine, whole=True),
    Peer(
        "special",
        "this project: a kernel that knows its network",
        _special,
        supports=_has_special,
        whole=True,
        scales=False,
    ),
    Peer("kernel", "this project: its kernel alone", _kernel, whole=True, scales=False),
)
