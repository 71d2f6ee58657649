"""How the operations of `runner.kernels.lanes` become LLVM instructions, and functions kernels.

Imported when a kernel is compiled, and only then: everything here needs Numba. `types` has the Numba types of vectors,
pointers and tables, with their arithmetic; `operations`, `bits`, `tiles`, `rows` and `switch` lower the operations of
the modules of these names; `functions` tells Numba what the functions of a kernel are, and `compiling` makes kernels of
them.
"""

from runner.kernels.lanes.lowering import bits, functions, operations, rows, switch, tiles  # noqa: F401 - they register themselves
