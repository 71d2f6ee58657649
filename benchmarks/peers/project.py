"""The project itself: as a study runs through the engine, and its kernel alone."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

import numpy as np

from benchmarks.peers import Peer
from benchmarks.work import Floats, Program, Work
from runner.measurements import RECORD_COLUMNS
from runner.training import engine
from runner.training.blocks import worker

_LOSS = RECORD_COLUMNS.index("final_loss")


def _engine(work: Work, cores: int) -> Program:
    def train() -> Floats:
        losses = np.empty(work.runs)
        for result in engine.train(work.plan, np.zeros(work.runs, bool), threads=cores):
            losses[result.runs] = result.records[:, _LOSS]
        return losses

    return Program(train, lambda losses: losses)


def _kernel(work: Work, cores: int) -> Program:
    """What the engine hands to the kernel, handed to it again: its scratch and its results can be used anew."""
    calls: list[tuple[Any, ...]] = []
    train_block = worker.train_block

    def noted(*arguments: Any) -> None:
        calls.append(arguments)
        train_block(*arguments)

    with patch.object(worker, "train_block", noted):
        losses = _engine(work, cores).train()

    def train() -> Floats:
        for arguments in calls:
            train_block(*arguments)
        return losses

    return Program(train, lambda losses: losses)


PEERS = (
    Peer("runner", "this project: a study through its engine", _engine, whole=True),
    Peer("kernel", "this project: its kernel alone", _kernel, whole=True, scales=False),
)
