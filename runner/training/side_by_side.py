"""A first start compiles its two largest kernels at the same time, each in a process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.kernels.apart import Apart
from runner.kernels.train import Code, train_block
from runner.machine import compiles
from runner.training.blocks.arrays import job_of_call, lane_arrays, results, samples_of_block, scratch

if TYPE_CHECKING:
    from runner.training.blocks.arguments import Shared
    from runner.training.blocks.block import Block

# What makes the tables of the usual members.
_TABLES = "from runner.ops.members import Members\nMembers()"


def suit_two(shared: Shared) -> bool:
    """Whether two processes can compile the kernels of such runs: those of `train_block`, with the usual members."""
    plain = shared.faults is None and shared.iteration is None and shared.card is None
    return compiles() and plain and not shared.members


def compile_side_by_side(block: Block) -> None:
    """Compile, or load, the kernels of a block of runs that suit this (see `suit_two`)."""
    shared = block.shared
    samples = samples_of_block(block)
    given = shared.net, samples, job_of_call(shared), lane_arrays(block, None, samples, drawn=False)
    lent = scratch(shared), shared.width
    with Apart(*given, *lent, tables=_TABLES) as apart:
        train_block.prepare(*given, results(block, None), *lent, Code(0, 0))
        # This draws initial weights, for which there is a kernel too.
        lane_arrays(block, None, samples)
        apart.wait()
