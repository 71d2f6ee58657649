"""Vectors as values, one lane per run: the arithmetic of many networks, written like that of one.

`vector` tells what such a value is; `operations`, `bits`, `tiles` and `rows` say what can be done with it; `elementary`
has exp, log and their relatives, and `switch` calls one function of several by its number. `functions` has the
decorators of all functions of kernels, and `entry` is a whole kernel as Python calls it. How all of this becomes
machine code stands in `lowering`, which alone needs Numba, and is imported when something is to be compiled. The
kernels use all of this, the members of `runner.ops` use `elementary`, `functions`, `operations` and the tables of
`switch`, and other packages only `vector.Lanes`.
"""
