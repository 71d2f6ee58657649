"""A Numba type whose values are vectors: the arithmetic of many networks at once, written like that of one.

`vector` defines the type, `operations` what can be done with it, `elementary` exp, log and their kin, `switch` how a
kernel chooses between members of a registry, and `bits`, `tiles`, `rows` and `compiling` what these need. Kernels and
the members of `runner.ops` use `lane_function`, the operations, and the tables of `switch`.
"""
