"""Runs side by side in the lanes of one call of the kernel.

`packing` puts runs that share their arguments into blocks, `arguments` makes of a cell what the kernels take, `arrays`
lays a block out in memory, `worker` trains it, and `records` makes rows, curves and weights of what was measured. The
engine uses `BlockPacker` and `worker.train`; nothing else is used from outside.
"""
