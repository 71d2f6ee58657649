"""What is random in a pass that trains, and in no other: noise on the inputs, and units that are dropped.

Input noise (Bishop 1995, Training with Noise is Equivalent to Tikhonov Regularization, Neural Computation 7): a normal
number times the standard deviation is added to every input, anew for each presentation of a sample. Dropout (Srivastava
et al. 2014, JMLR 15), in the inverted form of torch.nn.Dropout: a hidden unit gives 0 with the probability p, anew for
each presentation, and else its activation divided by 1 - p, so that a network is evaluated as it is.

A random number is a function of the seed, the number of the update, the place of the sample in its batch, and the place
of the input or hidden unit: number k of a sample is word k mod 4 of Philox with the key (seed, stream) and the counter
(place * fours + k // 4, update), where `fours` is how many calls of the generator a sample needs. Runs that differ
in anything but the seed share their numbers.

A run without any of this has the empty tuple in place of Noise: a kernel for those is compiled from code that has
nothing of this in it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from runner.kernels.lanes.functions import kernel, where_given
from runner.kernels.lanes.operations import advanced, load, not_inlined, pointer, store
from runner.kernels.random import STREAM_DROPOUT, STREAM_INPUTS, normal_quantile, philox, unit


class Noise(NamedTuple):
    """What is random, as the caller gives it. Within the kernel the arrays are pointers to the numbers of one group.

    Attributes
    ----------
    on_inputs, drops : int
        1 where inputs are noisy, and where hidden units are dropped, in all runs of a block.
    rows : int
        Hidden layers and one more.
    numbers : float array (G, rows, L)
        The standard deviation of the noise, then for each hidden layer the probability that a unit is dropped.
    seeds : uint64 array (G, L)
    drawn : float64 array (4 * L,)
        Memory for four numbers of each lane.
    kept : float array (n_units * S,)
        Memory for the factor of each activation of a tile, 0 or 1 / (1 - p); zeros at first.
    """

    on_inputs: int
    drops: int
    rows: int
    numbers: Any
    seeds: Any
    drawn: Any
    kept: Any


@where_given("noise", otherwise=lambda noise, g, L: ())
def noise_of_group(noise: Any, g: int, L: int) -> Any:
    """Group number `g`, with pointers in place of arrays, or NONE."""
    numbers = advanced(pointer(noise.numbers), g * noise.rows * L)
    seeds = advanced(pointer(noise.seeds), g * L)
    drawn, kept = pointer(noise.drawn), pointer(noise.kept)
    return Noise(noise.on_inputs, noise.drops, noise.rows, numbers, seeds, drawn, kept)


@kernel
def _draw(noise: Any, stream: Any, four: int, update: int, L: int) -> None:
    """Put four random numbers in (0, 1) for every lane into `drawn` (4, L); `four` counts them within an update."""
    not_inlined()
    for lane in range(L):
        w0, w1, w2, w3 = philox(noise.seeds[lane], stream, np.uint64(four), np.uint64(update))
        noise.drawn[lane] = unit(w0)
        noise.drawn[L + lane] = unit(w1)
        noise.drawn[2 * L + lane] = unit(w2)
        noise.drawn[3 * L + lane] = unit(w3)


@where_given("noise")
def disturb(net: Any, noise: Any, buf: Any, width: Any, trains: Any, place: Any, count: Any, update: Any) -> None:
    """Draw what is random for the first `count` samples of a tile, the first of which is number `place` of its batch.

    The noise is added to the inputs in buf.A, and the factors of the hidden units are put into `kept`; in a pass that
    trains, and in no other.
    """
    not_inlined()
    if not trains:
        return
    L, S, lanes = width.lanes.n, width.tile.n, width.lanes
    inputs, hidden = net.sizes[0], 0
    for layer in range(1, net.layers):
        hidden += net.sizes[layer]
    for t in range(count):
        if noise.on_inputs:
            for i in range(inputs):
                if i % 4 == 0:
                    _draw(noise, STREAM_INPUTS, (place + t) * ((inputs + 3) // 4) + i // 4, update, L)
                store(noise.drawn, (i % 4) * L, normal_quantile(load(noise.drawn, (i % 4) * L, lanes)))
                at = (net.units[0] + i) * S + t * L
                for lane in range(L):
                    buf.A[at + lane] += noise.numbers[lane] * noise.drawn[(i % 4) * L + lane]
        if not noise.drops:
            continue
        k = 0
        for layer in range(1, net.layers):
            for at in range(net.units[layer] * S + t * L, (net.units[layer] + net.sizes[layer]) * S, S):
                if k % 4 == 0:
                    _draw(noise, STREAM_DROPOUT, (place + t) * ((hidden + 3) // 4) + k // 4, update, L)
                for lane in range(L):
                    p = noise.numbers[layer * L + lane]
                    noise.kept[at + lane] = 0.0 if noise.drawn[(k % 4) * L + lane] < p else 1.0 / (1.0 - p)
                k += 1


@where_given("noise")
def drop(noise: Any, buf: Any, trains: Any, first: Any, end: Any, tile: Any) -> None:
    """Drop units of a hidden layer, whose activations stand from `first` to `end`, in a pass that trains.

    Activations are multiplied by their factors; what they were is kept in buf.F, for the slopes.
    """
    not_inlined()
    if noise.drops and trains:
        for at in range(first, end, tile.n):
            a = load(buf.A, at, tile)
            store(buf.F, at, a)
            store(buf.A, at, a * load(noise.kept, at, tile))


@where_given("noise")
def restore(noise: Any, buf: Any, trains: Any, first: Any, end: Any, tile: Any) -> None:
    """Take the error signals of a hidden layer back through `drop`, in a pass that trains.

    dE/da of what layers above have seen becomes that of the activations, which come back into buf.A.
    """
    not_inlined()
    if noise.drops and trains:
        for at in range(first, end, tile.n):
            store(buf.D, at, load(buf.D, at, tile) * load(noise.kept, at, tile))
            store(buf.A, at, load(buf.F, at, tile))
