"""What a loss of pairs of outputs has beside others: it compares each output with that of the sample's class.

With outputs y, of which number c is that of the class, and v the value of the loss, its sum over a sample is

    sum over j other than c of v(y_j - y_c),

so that dE/dy_j = v'(y_j - y_c) and dE/dy_c is minus the sum of these. The class is the output whose target lies above
the middle between the targets. Its own difference counts as minus infinity, for which v and v' are 0.

Any other loss has the empty tuple in place of that middle (`Job.pairwise`): its kernel is compiled from code that has
none of this. The functions with two forms stand at the end.
"""

from __future__ import annotations

from typing import Any

from numba import config
from numba.extending import overload

from runner.kernels.absent import NONE, is_none
from runner.kernels.lanes.operations import BY_TYPE, fill, inlined, load, store, where_lt
from runner.kernels.structs import Job

INFINITY = float("inf")


@inlined
def _own_output(middle: float, buf: Any, here: int, end: int, tile: Any) -> Any:
    """The output for the class of each sample of a tile."""
    own = fill(buf.A, 0.0, tile)
    for out in range(here, end, tile.n):
        own = where_lt(middle, load(buf.T, out - here, tile), load(buf.A, out, tile), own)
    return own


@inlined
def _balance(middle: float, buf: Any, here: int, end: int, tile: Any) -> None:
    """Make the error signals of a sample add up to 0."""
    total = fill(buf.D, 0.0, tile)
    for out in range(here, end, tile.n):
        total = total + load(buf.D, out, tile)
    for out in range(here, end, tile.n):
        t, d = load(buf.T, out - here, tile), load(buf.D, out, tile)
        store(buf.D, out, where_lt(middle, t, 0.0 - total, d))


def own_output(job: Any, buf: Any, here: int, end: int, tile: Any) -> Any:
    """The output for the class of each sample of a tile, for a loss of pairs of outputs."""
    return 0.0 if job.pairwise == NONE else _own_output(job.pairwise[0], buf, here, end, tile)


def compared(job: Any, own: Any, y: Any, t: Any) -> Any:
    """What the loss takes for an output y with the target t."""
    return y if job.pairwise == NONE else where_lt(job.pairwise[0], t, -INFINITY, y - own)


def balance(job: Any, buf: Any, here: int, end: int, tile: Any) -> None:
    """Give the output for the class of each sample its error signal: what the others have, with the other sign."""
    if job.pairwise != NONE:
        _balance(job.pairwise[0], buf, here, end, tile)


def _is_none(job: Any) -> bool:
    """Whether the type of a Job says that each output has a loss of its own."""
    return is_none(job.types[Job._fields.index("pairwise")])


def _own_output_by_type(job: Any, buf: Any, here: int, end: int, tile: Any) -> Any:
    def none(job: Any, buf: Any, here: int, end: int, tile: Any) -> Any:
        return 0.0

    def some(job: Any, buf: Any, here: int, end: int, tile: Any) -> Any:
        return _own_output(job.pairwise[0], buf, here, end, tile)

    return none if _is_none(job) else some


def _compared_by_type(job: Any, own: Any, y: Any, t: Any) -> Any:
    def none(job: Any, own: Any, y: Any, t: Any) -> Any:
        return y

    def some(job: Any, own: Any, y: Any, t: Any) -> Any:
        return where_lt(job.pairwise[0], t, -INFINITY, y - own)

    return none if _is_none(job) else some


def _balance_by_type(job: Any, buf: Any, here: int, end: int, tile: Any) -> Any:
    def none(job: Any, buf: Any, here: int, end: int, tile: Any) -> None:
        pass

    def some(job: Any, buf: Any, here: int, end: int, tile: Any) -> None:
        _balance(job.pairwise[0], buf, here, end, tile)

    return none if _is_none(job) else some


if not config.DISABLE_JIT:
    overload(own_output, jit_options=BY_TYPE)(_own_output_by_type)
    overload(compared, jit_options=BY_TYPE)(_compared_by_type)
    overload(balance, jit_options=BY_TYPE)(_balance_by_type)
