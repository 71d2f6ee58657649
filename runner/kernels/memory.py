"""Where everything lies: the engine's few arrays taken apart into the pointers of layout.py."""

from __future__ import annotations

from typing import Any

from runner.kernels.lane_ops import advanced, fill, kernel, pointer, store
from runner.kernels.layout import (
    ACCUMULATORS,
    COUNTS,
    CRITERIA,
    RUNNING,
    SLOTS,
    VALUES,
    Buffers,
    Net,
    Network,
    Out,
    Runs,
)


def scratch_rows(network: Network, outputs: int, samples: int) -> int:
    """Rows of L numbers that `buffers` divides up."""
    tile_rows = samples * (4 * network.n_units + 2 * outputs + 1)
    return 5 * network.parameters + tile_rows + ACCUMULATORS + 3 * outputs + 2 * VALUES + RUNNING + 2


@kernel
def opened(network: Any) -> Any:
    """A network's rows as pointers."""
    whole, real, n = pointer(network.whole), pointer(network.real), network.layers + 1
    return Net(
        network.layers,
        network.parameters,
        network.n_units,
        whole,
        advanced(whole, n),
        advanced(whole, 2 * n),
        advanced(whole, 3 * n),
        advanced(whole, 4 * n),
        real,
        advanced(real, n),
        advanced(real, 2 * n),
    )


@kernel
def buffers(net: Any, scratch: Any, width: Any) -> Any:
    """The scratch memory divided up."""
    L, S = width.lanes.n, width.tile.n
    parameters, units, outputs = net.parameters * L, net.n_units * S, net.sizes[net.layers]
    W = pointer(scratch.numbers)
    G = advanced(W, parameters)
    S0 = advanced(G, parameters)
    S1 = advanced(S0, parameters)
    kept = advanced(S1, parameters)
    A = advanced(kept, parameters)
    Z = advanced(A, units)
    D = advanced(Z, units)
    T = advanced(D, units)
    E = advanced(T, outputs * S)
    F = advanced(E, outputs * S)
    mask = advanced(F, units)
    acc = advanced(mask, S)
    live = advanced(acc, (ACCUMULATORS + 3 * outputs) * L)
    frozen = advanced(live, VALUES * L)
    running = advanced(frozen, VALUES * L)
    clock = advanced(running, RUNNING * L)
    counts, order = pointer(scratch.counts), pointer(scratch.order)
    return Buffers(
        W, G, S0, S1, A, Z, D, T, E, F, mask, acc, live, frozen, running, counts, clock, kept, scratch.n_order, order
    )


@kernel
def group(net: Any, lanes: Any, g: int, L: int) -> Any:
    """The lanes of one group."""
    layers = net.layers
    rates = advanced(pointer(lanes.numbers), g * (2 * layers + SLOTS + CRITERIA) * L)
    settings = advanced(rates, 2 * layers * L)
    return Runs(
        advanced(pointer(lanes.seeds), g * L),
        advanced(pointer(lanes.weights), g * net.parameters * L),
        rates,
        settings,
        advanced(settings, SLOTS * L),
        lanes.clock0,
        lanes.clock1,
        lanes.events.size,
        pointer(lanes.events),
    )


@kernel
def group_out(net: Any, out: Any, n_events: int, g: int, L: int) -> Any:
    """Where the measurements of one group go."""
    events = g * n_events * L
    return Out(
        out.keep_weights,
        advanced(pointer(out.values), events * VALUES),
        advanced(pointer(out.counts), events * COUNTS),
        advanced(pointer(out.weights), events * net.parameters * out.keep_weights),
    )

@kernel
def fill_rows(start: Any, n: int, value: float, width: Any) -> None:
    """Set n rows of lanes."""
    for at in range(0, n * width.lanes.n, width.lanes.n):
        store(start, at, fill(start, value, width.lanes))
