"""Training with faults of single terms and layers: the same loop as `runner.kernels.train`, one sample at a time.

It is a kernel of its own, so that a network without faults pays for none of this, neither in speed nor in what has to
be compiled. `table` names the terms and what can stand in their place; `forward`, `backward` and `update` are the
three parts of an update with these choices in them; `train` is the loop.
"""
