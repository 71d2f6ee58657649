"""The project itself: as a study runs through the engine, and its kernel alone."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

import numpy as np

from benchmarks.peers import Peer
from benchmarks.work import Floats, Program, Work
from runner import blocks, engine
from runner.columns import RECORD_COLUMNS
from runner.kernels import layout
from runner.kernels.train import train_block
from runner.programs import cell_numbers, make_program

_LOSS = RECORD_COLUMNS.index("final_loss")


def _engine(work: Work) -> Program:
    def run() -> Floats:
        losses = np.empty(work.runs)
        for result in engine.train(work.plan, np.zeros(work.runs, bool), threads=1):
            losses[result.runs] = result.records[:, _LOSS]
        return losses

    return run


def _kernel(work: Work) -> Program:
    cell = work.plan.cell(0)
    seeds = np.arange(work.runs, dtype=np.uint64)
    segment = blocks.Segment(cell_numbers(cell), np.zeros(1, np.int64), np.arange(work.runs), seeds)
    arguments = _arguments(blocks.Block(make_program(cell), (cell.budget,), [segment], work.runs))
    out = next(each for each in arguments if isinstance(each, layout.Out))

    def run() -> Floats:
        train_block(*arguments)
        losses: Floats = out.values[:, -1, layout.V_LOSS].reshape(-1)[: work.runs]
        return losses

    return run


def _arguments(block: blocks.Block) -> tuple[Any, ...]:
    """What the engine hands to the kernel; its scratch and its results can be used again."""
    seen: list[tuple[Any, ...]] = []

    def noted(*arguments: Any) -> None:
        seen.append(arguments)
        train_block(*arguments)

    with patch.object(blocks, "train_block", noted):
        blocks.train(block)
    return seen[0]


PEERS = (
    Peer("runner", "this project: a study through its engine", _engine, lambda work: True, 1.0),
    Peer("kernel", "this project: its kernel alone", _kernel, lambda work: True, 1.0),
)
