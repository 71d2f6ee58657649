"""Defects of hand-written programs, restated exactly: what the faults of `runner.ops.faults` do in the training loop.

Each is one wrong line of mathematics, switched on by a bit of `Job.faults` that is the same for all lanes. Without
faults the training loop meets one branch on a zero per step of a layer, outside of all arithmetic.
"""

from __future__ import annotations

from typing import Any

from runner.kernels.codes import (
    A_LOSS,
    COST_TIMES_RESIDUAL,
    INPUT_OF_WRONG_SAMPLE,
    MEAN_COST_TIMES_RESIDUAL,
    NO_FACTOR,
    OWN_ACTIVATION,
    SCALAR_COST,
    WEIGHT_ITSELF,
)
from runner.kernels.lanes.functions import inlined, kernel
from runner.kernels.lanes.operations import advanced, fill, load, not_inlined, rint, store
from runner.kernels.lanes.switch import choose
from runner.kernels.lanes.tiles import repeat
from runner.kernels.samples import numbers_at

# Which faults replace the input as the factor of a weight's gradient, and which the residual as the error signal.
FACTORS = WEIGHT_ITSELF | OWN_ACTIVATION | NO_FACTOR | INPUT_OF_WRONG_SAMPLE
SIGNALS = SCALAR_COST | COST_TIMES_RESIDUAL | MEAN_COST_TIMES_RESIDUAL


@inlined
def round_span(array: Any, first: int, end: int, scale: float, width: Any) -> None:
    """Numbers from `first` to `end` rounded to the decimals that `scale`, a power of ten, stands for."""
    for at in range(first, end, width.n):
        store(array, at, rint(load(array, at, width) * scale) / scale)


@inlined
def wrong_signal(job: Any, buf: Any, width: Any, faults: int, d: Any, samples: int) -> Any:
    """The error signal dE/dy `d` replaced by, or multiplied with, the cost of the whole batch."""
    cost = load(buf.acc, A_LOSS * width.lanes.n, width.lanes) * job.cost_factor
    if faults & MEAN_COST_TIMES_RESIDUAL:
        cost = cost / float(samples)
    cost_of_tile = repeat(cost, width.tile)
    return cost_of_tile if faults & SCALAR_COST else d * cost_of_tile


@inlined
def wrong_factor(net: Any, data: Any, buf: Any, width: Any, faults: int, weight: int, out: int, unit: int) -> Any:
    """What stands where the input of a weight belongs in its gradient.

    Parameters
    ----------
    weight, out : int
        Places of the weight and of the unit it leads to.
    unit : int
        Number of the input within its layer.
    """
    if faults & WEIGHT_ITSELF:
        return repeat(load(buf.W, weight, width.lanes), width.tile)
    if faults & OWN_ACTIVATION:
        return load(buf.A, out, width.tile)
    if faults & NO_FACTOR:
        return fill(buf.A, 1.0, width.tile)
    # Input number `unit` of sample number `unit`, whatever the sample.
    return repeat(numbers_at(data, data.inputs, unit * net.sizes[0] + unit, width.lanes), width.tile)


@kernel
def early_slope(net: Any, buf: Any, code: int, here: int, end: int, below: int, tile: Any) -> None:
    """From dE/da to dE/dz with the slope at the weighted sum of the layer below, 0 for the inputs.

    The activations that this layer would make of those sums are made in buf.F: its own are still needed.
    """
    not_inlined()
    n = end - here
    sums, activations = advanced(buf.Z, below), buf.F
    choose(net.activate, code, (sums, activations, 0, n, tile))
    choose(net.slope, code, (sums, activations, advanced(buf.D, here), 0, n, tile))


@inlined
def times_activation(buf: Any, here: int, end: int, tile: Any) -> None:
    """The error signal of hidden units times their activation."""
    for out in range(here, end, tile.n):
        store(buf.D, out, load(buf.D, out, tile) * load(buf.A, out, tile))
