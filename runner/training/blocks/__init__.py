"""Runs side by side in the lanes of one call of the kernel.

`arguments` makes of a cell what the kernels take, `packing` puts runs that share their arguments into blocks, `worker`
trains a block, for which `arrays` lays it out in memory, and `records` makes records, curves and weights of what was
measured. The engine uses `BlockPacker` and `worker.train`.
"""
