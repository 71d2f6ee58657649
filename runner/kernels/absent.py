"""What a study does not use: the empty tuple stands in the place of what would describe it.

As its type differs from that of a description, a function of two forms by that type compiles into nothing for studies
without: schedules, held-out samples, judged criteria, adjusted gradients, labels, pairs of outputs, noise and bands are
told apart so.
"""

from __future__ import annotations

from typing import Any

from numba import types

NONE: tuple[()] = ()
"""There is nothing of the kind."""


def is_none(kind: Any) -> bool:
    """Whether a Numba type is that of `NONE`."""
    return isinstance(kind, types.Tuple) and kind.count == 0
