"""What a loss of pairs of outputs has beside others: it compares each output with that of the sample's class.

With outputs y, of which number c is that of the class, and v the value of the loss, its sum over a sample is

    sum over j other than c of v(y_j - y_c),

so that dE/dy_j = v'(y_j - y_c) and dE/dy_c is minus the sum of these. The class is the output whose target lies above
the middle between the targets. Its own difference counts as minus infinity, for which v and v' are 0.

Any other loss has the empty tuple in place of that middle (`Job.pairwise`): its kernel is compiled from code that has
none of this.
"""

from __future__ import annotations

from typing import Any

from runner.kernels.lanes.functions import where_given
from runner.kernels.lanes.operations import fill, load, store, where_lt

INFINITY = float("inf")


@where_given("job.pairwise", otherwise=lambda job, buf, here, end, tile: 0.0)
def own_output(job: Any, buf: Any, here: int, end: int, tile: Any) -> Any:
    """The output for the class of each sample of a tile, for a loss of pairs of outputs."""
    middle, own = job.pairwise[0], fill(buf.A, 0.0, tile)
    for out in range(here, end, tile.n):
        own = where_lt(middle, load(buf.T, out - here, tile), load(buf.A, out, tile), own)
    return own


@where_given("job.pairwise", otherwise=lambda job, own, y, t: y)
def compared(job: Any, own: Any, y: Any, t: Any) -> Any:
    """What the loss takes for an output y with the target t."""
    return where_lt(job.pairwise[0], t, -INFINITY, y - own)


@where_given("job.pairwise")
def balance(job: Any, buf: Any, here: int, end: int, tile: Any) -> None:
    """Give the output for the class of each sample its error signal: those of a sample add up to 0."""
    middle, total = job.pairwise[0], fill(buf.D, 0.0, tile)
    for out in range(here, end, tile.n):
        total = total + load(buf.D, out, tile)
    for out in range(here, end, tile.n):
        t, d = load(buf.T, out - here, tile), load(buf.D, out, tile)
        store(buf.D, out, where_lt(middle, t, 0.0 - total, d))
