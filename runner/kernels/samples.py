"""Which samples an update sees: the order of an epoch, and filling a tile with samples."""

from __future__ import annotations

from typing import Any

import numpy as np

from runner.kernels.codes import SHUFFLED
from runner.kernels.lanes.operations import advanced, fill, inlined, kernel, not_inlined, store
from runner.kernels.lanes.tiles import spread_samples
from runner.kernels.random import STREAM_ORDER, index_below, philox


@kernel
def draw_order(job: Any, n_samples: int, seeds: Any, epoch: int, lanes: Any, n_order: int, order: Any) -> None:
    """The samples of an epoch, lane by lane, a function of seed and epoch only.

    Shuffled: a permutation (Fisher-Yates, from the end). With replacement: independent draws.
    """
    low = np.uint64(0xFFFFFFFF)
    not_inlined()
    for lane in range(lanes.n):
        row = advanced(order, lane * n_order)
        if lane > 0 and seeds[lane] == seeds[lane - 1]:
            for n in range(n_order):
                row[n] = order[(lane - 1) * n_order + n]
            continue
        if job.order == SHUFFLED:
            for n in range(n_samples):
                row[n] = n
        for n in range(n_order):
            # Eight 32-bit halves come from one call of the generator.
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
    """Inputs into buf.A and targets into buf.T for `count` samples from number `first` on.

    Samples 0, 1, 2, ... of the data set, or of each lane's own order. Fewer samples than a tile holds are filled up
    with the last one, which buf.mask then leaves out of every sum.
    """
    L, S, lanes, tile = width.lanes.n, width.tile.n, width.lanes, width.tile
    inputs, outputs = net.sizes[0], net.sizes[net.layers]
    if ordered == 0 and count * L == S:
        # Most tiles are full; what all lanes share is then written in whole tiles.
        store(buf.mask, 0, fill(buf.mask, 1.0, tile))
        for i in range(inputs):
            store(buf.A, i * S, spread_samples(data.inputs, first * inputs + i, inputs, lanes, tile))
        for o in range(outputs):
            store(buf.T, o * S, spread_samples(data.targets, first * outputs + o, outputs, lanes, tile))
        return
    for t in range(S // L):
        n = first + min(t, count - 1)
        store(buf.mask, t * L, fill(buf.mask, 1.0 if t < count else 0.0, lanes))
        if ordered == 0:
            for i in range(inputs):
                store(buf.A, i * S + t * L, fill(buf.A, data.inputs[n * inputs + i], lanes))
            for o in range(outputs):
                store(buf.T, o * S + t * L, fill(buf.T, data.targets[n * outputs + o], lanes))
        else:
            for lane in range(L):
                chosen = np.int64(buf.order[lane * buf.n_order + n])
                at = t * L + lane
                for i in range(inputs):
                    buf.A[i * S + at] = data.inputs[chosen * inputs + i]
                for o in range(outputs):
                    buf.T[o * S + at] = data.targets[chosen * outputs + o]
