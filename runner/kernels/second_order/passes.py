"""Passes over the whole data set, and what a method of second order minimises: the loss with weight decay.

The parameters of such a method are those that are trained. Of biases that are shared, the first one of each layer
stands for all; frozen biases are left alone. The others have gradient 0, so that sums over all parameters need no
exceptions.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from runner.kernels.absent import NONE
from runner.kernels.buffers import fill_rows
from runner.kernels.codes import A_LOSS, FROZEN, SHARED
from runner.kernels.criterion import norm_of_trained
from runner.kernels.lanes.functions import kernel
from runner.kernels.lanes.operations import fill, fma, load, not_inlined, store
from runner.kernels.measure import clear, clear_sums, count_correct, inspect, observe
from runner.kernels.network import backward, forward, output_error
from runner.kernels.samples import fill_tile
from runner.kernels.update import share_biases

# Bits of what a pass does beside adding up the loss.
LEARN, CORRECT, INSPECT = (np.int64(1 << bit) for bit in range(3))
ZERO, NO = np.int64(0), np.int64(0)


class Method(NamedTuple):
    """A method of second order, and the memory that the caller gives it.

    Attributes
    ----------
    iterate : Table
        Of functions (net, data, job, memory, runs, buf, width, made) -> 0, which make update number `made` of a group.
        The gradient and the loss of a pass over all samples are in buf.G and buf.acc.
    code : int
        Which of them.
    history : int
        Pairs of vectors that it remembers; 0 for a method without any.
    kept : float array (G, kept_rows, L)
        What runs carry from call to call beside `LaneArrays.state`; zeros before the first one.
    kept_rows : int
    work : float array (work_rows * L,), aligned to 64 bytes
        What one update needs; its contents before and after mean nothing.
    """

    iterate: Any
    code: int
    history: int
    kept: Any
    kept_rows: int
    work: Any


class Memory(NamedTuple):
    """The memory of a Method within the kernel: pointers to that of one group.

    Attributes
    ----------
    history : int
    kept : float (kept_rows, L)
    work : float (work_rows, L)
    """

    history: int
    kept: Any
    work: Any


@kernel
def go_forward(net: Any, job: Any, buf: Any, width: Any) -> None:
    """`network.forward` as a function of its own, for passes of several kinds."""
    not_inlined()
    forward(net, job, buf, width, ZERO, NONE, NO)


@kernel
def go_backward(net: Any, data: Any, buf: Any, width: Any) -> None:
    """`network.backward` as a function of its own."""
    not_inlined()
    backward(net, data, buf, width, ZERO, NONE, NO)


@kernel
def sum_up(net: Any, data: Any, job: Any, buf: Any, width: Any, what: int) -> None:
    """Add up the loss over all samples in buf.acc, and do what the bits of `what` ask for; LEARN: gradient in buf.G."""
    not_inlined()
    samples, n = width.tile.n // width.lanes.n, data.n
    factor = job.factor
    if job.per == 1:
        factor = factor / n
    elif job.per == 2:
        factor = factor / (n * net.sizes[net.layers])
    if what & LEARN:
        fill_rows(buf.G, net.parameters, 0.0, width)
    if what & INSPECT:
        clear(net, buf, width)
    else:
        clear_sums(buf, width)
    for at in range(0, n, samples):
        partial = n - at < samples
        fill_tile(net, data, buf, width, at, min(samples, n - at), NO)
        go_forward(net, job, buf, width)
        observe(net, job, buf, width, partial)
        if what & CORRECT:
            count_correct(net, job, buf, width)
        if what & INSPECT:
            inspect(net, buf, width, at)
        if what & LEARN:
            output_error(net, job, buf, width, ZERO, factor, n, partial)
            go_backward(net, data, buf, width)
    if what & LEARN and job.bias == SHARED:
        share_biases(net, buf, width)


@kernel
def objective(net: Any, job: Any, buf: Any, decay: Any, width: Any) -> Any:
    """The loss of the last pass, and decay / 2 times the squared parameters: a vector (L,)."""
    norm = norm_of_trained(net, job, buf.W, width)
    loss = load(buf.acc, A_LOSS * width.lanes.n, width.lanes) * job.loss_factor
    return fma(0.5 * decay * norm, norm, loss)


@kernel
def leave_out_untrained(net: Any, job: Any, buf: Any, width: Any) -> None:
    """Clear the gradient of biases that are frozen, or that only follow the first one of their layer."""
    if job.bias == SHARED or job.bias == FROZEN:
        L = width.lanes.n
        for layer in range(1, net.layers + 1):
            first = 1 if job.bias == SHARED else 0
            at, end = (net.biases[layer] + first) * L, (net.biases[layer] + net.sizes[layer]) * L
            for bias in range(at, end, L):
                store(buf.G, bias, fill(buf.G, 0.0, width.lanes))


@kernel
def complete_gradient(net: Any, job: Any, buf: Any, decay: Any, width: Any) -> None:
    """Make of the gradient of the loss in buf.G that of the objective."""
    L, lanes = width.lanes.n, width.lanes
    for at in range(0, net.parameters * L, L):
        store(buf.G, at, fma(decay, load(buf.W, at, lanes), load(buf.G, at, lanes)))
    leave_out_untrained(net, job, buf, width)


@kernel
def align_biases(net: Any, job: Any, buf: Any, width: Any) -> None:
    """Give shared biases the value of the first one of their layer, the only one that has been changed."""
    if job.bias == SHARED:
        L = width.lanes.n
        for layer in range(1, net.layers + 1):
            first, end = net.biases[layer] * L, (net.biases[layer] + net.sizes[layer]) * L
            for at in range(first + L, end, L):
                store(buf.W, at, load(buf.W, first, width.lanes))


@kernel
def product(a: Any, b: Any, n: int, width: Any) -> Any:
    """The scalar product of two vectors of n parameters: a vector (L,)."""
    total = fill(a, 0.0, width.lanes)
    for at in range(0, n * width.lanes.n, width.lanes.n):
        total = fma(load(a, at, width.lanes), load(b, at, width.lanes), total)
    return total


@kernel
def move(net: Any, job: Any, buf: Any, start: Any, far: Any, direction: Any, width: Any) -> None:
    """Put the parameters at start + far * direction, each lane as far as it goes."""
    L, lanes = width.lanes.n, width.lanes
    for at in range(0, net.parameters * L, L):
        store(buf.W, at, fma(far, load(direction, at, lanes), load(start, at, lanes)))
    align_biases(net, job, buf, width)
