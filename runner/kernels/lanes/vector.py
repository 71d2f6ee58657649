"""The vector value type: one lane per run.

A vector of `Lanes(n)` numbers is a value of compiled functions whose LLVM type is `<n x elem>`. `load` and `store` move
it between a flat array and a value, `+ - * /` work on it (scalars are broadcast), and the functions of `operations` do
the rest. Code written with it reads like the mathematics of one network and trains n of them.

Why a type of its own (`lowering.types.Vec`): LLVM's loop vectoriser decides anew at every edit whether a loop over runs
becomes vector code. A value whose LLVM type is a vector is vector code by construction, at any width, in any function
it is passed to.

Why the same bits everywhere: no fast-math flag is ever set, nothing is contracted or reassociated by the compiler, and
every fused multiply-add is written as one (`llvm.fma` rounds once by definition, in hardware or in software). Lane k of
every operation depends on lane k of its operands only.

In plain Python, and with `NUMBA_DISABLE_JIT=1` everywhere, a value is a NumPy array of n numbers.
"""

from __future__ import annotations

from dataclasses import dataclass


class Static:
    """A value that a kernel knows when it is compiled: it is part of the kernel's type, and nothing is passed for it.

    Attributes
    ----------
    name : str
        Of its type: values of the same name are the same to the compiler.
    """

    name: str


@dataclass(frozen=True)
class Lanes(Static):
    """A width known when a kernel is compiled: `load(array, at, Lanes(8))` is a vector of eight.

    Attributes
    ----------
    n : int
        Number of lanes, a power of two.
    """

    n: int

    @property
    def name(self) -> str:  # type: ignore[override]
        """That of its type."""
        return f"Lanes({self.n})"
