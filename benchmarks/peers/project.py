"""The project itself: as a study runs through the engine, and its kernel alone."""

from __future__ import annotations

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
    program = make_program(cell)
    seeds = np.arange(work.runs, dtype=np.uint64)
    segment = blocks.Segment(cell_numbers(cell), np.zeros(1, np.int64), np.arange(work.runs), seeds)
    block = blocks.Block(program, (cell.budget,), [segment], work.runs)
    lanes, events = program.width.lanes.n, len(block.events)
    groups = -(-work.runs // lanes)
    _, _, runs = blocks._lanes(block, groups, lanes)
    buffers = blocks._buffers(program)
    out = layout.Out(
        0,
        np.empty((groups, events, layout.VALUES, lanes), program.dtype),
        np.empty((groups, events, layout.COUNTS, lanes), np.int64),
        np.empty(0, program.dtype),
    )

    def run() -> Floats:
        train_block(program.net, program.data, program.job, runs, out, buffers, program.width)
        return out.values[:, -1, layout.V_LOSS].reshape(-1)[: work.runs]

    return run


PEERS = (
    Peer("runner", "this project: a study through its engine", _engine, lambda work: True, 1.0),
    Peer("kernel", "this project: its kernel alone", _kernel, lambda work: True, 1.0),
)
