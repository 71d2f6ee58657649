"""Which samples an update sees, and in which order; and filling a tile with them.

Runs side by side mostly share their samples (Data); where each has its own (LaneData), the code that reads them is
compiled apart.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from runner.kernels.codes import SHUFFLED
from runner.kernels.lanes.functions import inlined, kernel, where_a
from runner.kernels.lanes.operations import advanced, fill, load, not_inlined, pointer, store
from runner.kernels.lanes.tiles import spread_samples
from runner.kernels.random import STREAM_ORDER, index_below, philox
from runner.kernels.structs import Data, LaneData


@where_a(LaneData, "data", otherwise=lambda data, g, L: Data(data.n, pointer(data.inputs), pointer(data.targets)))
def of_group(data: Any, g: int, L: int) -> Any:
    """The samples of group number `g` of L lanes, with pointers in place of arrays."""
    at = g * data.n * L
    inputs = advanced(pointer(data.inputs), at * data.inputs.shape[2])
    return LaneData(data.n, inputs, advanced(pointer(data.targets), at * data.targets.shape[2]))


@kernel
def group_samples(data: Any, g: int, L: int) -> Any:
    """`of_group`, as a function of its own."""
    return of_group(data, g, L)


@where_a(LaneData, "data", otherwise=lambda data: True)
def is_shared(data: Any) -> bool:
    """Whether the runs share their samples."""
    return False


@where_a(LaneData, "data", otherwise=lambda data, values, at, lanes: fill(values, values[at], lanes))
def numbers_at(data: Any, values: Any, at: int, lanes: Any) -> Any:
    """Number `at` of data.inputs or data.targets, which `values` is, in every lane: a vector (L,)."""
    return load(values, at * lanes.n, lanes)


@where_a(LaneData, "data", otherwise=lambda data, values, at, lane, L: values[at])
def number_of_lane(data: Any, values: Any, at: int, lane: int, L: int) -> Any:
    """The same for one lane."""
    return values[at * L + lane]


@kernel
def draw_order(job: Any, n_samples: int, seeds: Any, epoch: int, lanes: Any, n_order: int, order: Any) -> None:
    """Draw the order of the samples of an epoch for every lane, a function of its seed and of the epoch only.

    SHUFFLED: a permutation, by the algorithm of Fisher and Yates (Knuth, The Art of Computer Programming 2, 3rd ed.,
    section 3.4.2, algorithm P). WITH_REPLACEMENT: independent draws.

    Parameters
    ----------
    n_samples : int
        Samples of the data set.
    seeds : uint64 (L,)
    epoch : int
        Number of the epoch, from 0.
    n_order : int
        Samples to draw; `n_samples` for a permutation.
    order : int32 (L, n_order), filled in
    """
    low = np.uint64(0xFFFFFFFF)
    not_inlined()
    for lane in range(lanes.n):
        row = advanced(order, lane * n_order)
        # Lanes side by side often have the same seed (those without a run repeat the last one): they share its order.
        if lane > 0 and seeds[lane] == seeds[lane - 1]:
            for n in range(n_order):
                row[n] = order[(lane - 1) * n_order + n]
            continue
        if job.order == SHUFFLED:
            for n in range(n_samples):
                row[n] = n
        for n in range(n_order):
            # One call of the generator gives four words of 64 bits, and each word two numbers of 32 bits.
            if n % 8 == 0:
                w0, w1, w2, w3 = philox(seeds[lane], STREAM_ORDER, np.uint64(n // 8), np.uint64(epoch))
            pair = (n % 8) // 2
            word = w0 if pair == 0 else w1 if pair == 1 else w2 if pair == 2 else w3
            half = word & low if n % 2 == 0 else word >> np.uint64(32)
            if job.order == SHUFFLED:
                last = n_samples - 1 - n
                other = index_below(half, last + 1)
                row[last], row[other] = row[other], row[last]
            else:
                row[n] = index_below(half, n_samples)


@inlined
def fill_tile(net: Any, data: Any, buf: Any, width: Any, first: int, count: int, ordered: int) -> None:
    """Put the inputs of `count` samples from number `first` on into buf.A, and their targets into buf.T.

    They are samples of the data set (`ordered` 0), or of each lane's own order in buf.order (1). Fewer samples than a
    tile holds are filled up with copies of the last one, which buf.mask leaves out of every sum.
    """
    L, S, lanes, tile = width.lanes.n, width.tile.n, width.lanes, width.tile
    inputs, outputs, here = net.sizes[0], net.sizes[net.layers], net.units[0] * S
    if is_shared(data) and ordered == 0 and count * L == S:
        # Most tiles are full, and without orders all lanes have the same samples: these are written in whole tiles.
        store(buf.mask, 0, fill(buf.mask, 1.0, tile))
        for i in range(inputs):
            store(buf.A, here + i * S, spread_samples(data.inputs, first * inputs + i, inputs, lanes, tile))
        for o in range(outputs):
            store(buf.T, o * S, spread_samples(data.targets, first * outputs + o, outputs, lanes, tile))
        return
    for t in range(S // L):
        n = first + min(t, count - 1)
        store(buf.mask, t * L, fill(buf.mask, 1.0 if t < count else 0.0, lanes))
        if ordered == 0:
            for i in range(inputs):
                store(buf.A, here + i * S + t * L, numbers_at(data, data.inputs, n * inputs + i, lanes))
            for o in range(outputs):
                store(buf.T, o * S + t * L, numbers_at(data, data.targets, n * outputs + o, lanes))
        else:
            for lane in range(L):
                chosen = np.int64(buf.order[lane * buf.n_order + n])
                at = t * L + lane
                for i in range(inputs):
                    buf.A[here + i * S + at] = number_of_lane(data, data.inputs, chosen * inputs + i, lane, L)
                for o in range(outputs):
                    buf.T[o * S + at] = number_of_lane(data, data.targets, chosen * outputs + o, lane, L)
