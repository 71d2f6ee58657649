"""Tables of lane functions, chosen by a code at run time: how the kernels reach the members of the registries.

A kernel calls `choose(net.activate, code, (Z, A, first, end, tile))` without knowing which activations exist: the table
is an argument of the kernel, and its Numba type tells the compiler which functions are in it. `choose` compiles to one
LLVM `switch` over all of them, so that one compiled kernel serves every member of its tables, and kernels with other
tables are other kernels. The code is the same for a whole block of runs: the processor predicts the branch.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any

from runner.kernels.lanes.functions import operation
from runner.kernels.lanes.vector import Static


class Table(Static):
    """Lane functions with the same arguments and result; the place of each one is its code.

    Parameters
    ----------
    what : str
        What the functions do, such as `activate`.
    functions : mapping of str to callable
        In the order of their codes. A name stands for one function: the compiler, and the cache of compiled kernels,
        know a table again by the names in it.
    """

    def __init__(self, what: str, functions: Mapping[str, Callable[..., Any]]) -> None:
        self.functions = tuple(functions.values())
        # The name is part of that of every compiled function which takes the table: a short one saves compilation.
        names = hashlib.blake2b("\n".join(functions).encode(), digest_size=5).hexdigest()
        self.name = f"{what}_{names}"
        TABLES.setdefault(self.name, self)


TABLES: dict[str, Table] = {}
"""All of this process, by their names."""


@operation
def choose(table: Any, code: Any, args: Any) -> Any:
    """Call function number `code` of a table with `args`. What a code outside the table does is undefined."""
    return table.functions[code](*args)
