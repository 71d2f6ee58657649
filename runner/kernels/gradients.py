"""What is made of the gradient of a batch before the optimizer takes it: an L1 penalty, and clipping.

In this order, as it is usual with PyTorch: the penalty is part of what is differentiated (`loss + l1 * p.abs().sum()`
over all parameters p), and the gradient of both is clipped, first number by number (torch.nn.utils.clip_grad_value_)
and then as a whole (clip_grad_norm_). Weight decay comes after it, for it is the optimizer's.

A run without any of this has the empty tuple in place of an Adjustment: a kernel for those is compiled from code that
has nothing of this in it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from runner.kernels.criterion import norm_of_trained
from runner.kernels.lanes.elementary import clamp
from runner.kernels.lanes.functions import where_given
from runner.kernels.lanes.operations import advanced, load, minimum, not_inlined, pointer, store, where_lt

# Rows of Adjustment.numbers.
L1, CLIP_VALUE, CLIP_NORM = range(3)
ADJUSTMENTS = 3
# clip_grad_norm_ adds it to the norm that it divides by.
_TINY = 1e-6


class Adjustment(NamedTuple):
    """What is done to gradients.

    Attributes
    ----------
    penalises, clips_values, clips_norms : int
        1 where it is done, in all runs of a block.
    numbers : float array (G, ADJUSTMENTS, L)
        The factor of the penalty, the largest number and the largest norm. Within the kernel a pointer to those of one
        group.
    """

    penalises: int
    clips_values: int
    clips_norms: int
    numbers: Any


@where_given("adjustment", otherwise=lambda adjustment, g, L: ())
def adjustment_of_group(adjustment: Any, g: int, L: int) -> Any:
    """Group number `g`, with a pointer in place of the array, or NONE."""
    numbers = advanced(pointer(adjustment.numbers), g * ADJUSTMENTS * L)
    return Adjustment(adjustment.penalises, adjustment.clips_values, adjustment.clips_norms, numbers)


@where_given("adjustment")
def adjust(net: Any, job: Any, adjustment: Any, buf: Any, width: Any) -> None:
    """Change the gradient in buf.G, where there is something to be done to it."""
    not_inlined()
    L, lanes, end = width.lanes.n, width.lanes, net.parameters * width.lanes.n
    if adjustment.penalises:
        l1 = load(adjustment.numbers, L1 * L, lanes)
        for at in range(0, end, L):
            w = load(buf.W, at, lanes)
            # The derivative of |w| is 0 at 0, as in PyTorch.
            sign = where_lt(0.0, w, 1.0, where_lt(w, 0.0, -1.0, 0.0 * w))
            store(buf.G, at, l1 * sign + load(buf.G, at, lanes))
    if adjustment.clips_values:
        largest = load(adjustment.numbers, CLIP_VALUE * L, lanes)
        for at in range(0, end, L):
            store(buf.G, at, clamp(load(buf.G, at, lanes), largest))
    if adjustment.clips_norms:
        norm = norm_of_trained(net, job, buf.G, width)
        factor = minimum(load(adjustment.numbers, CLIP_NORM * L, lanes) / (norm + _TINY), 1.0)
        for at in range(0, end, L):
            store(buf.G, at, load(buf.G, at, lanes) * factor)
