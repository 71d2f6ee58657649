"""The caller's few arrays taken apart into pointers: the one place that knows which part of an array means what.

Shapes of all arrays and pointers are in `structs`.
"""

from __future__ import annotations

from typing import Any

from runner.kernels.codes import ACCUMULATORS, COUNTS, CRITERIA, RUNNING, SLOTS, VALUES
from runner.kernels.criterion import judged_of_group
from runner.kernels.gradients import adjustment_of_group
from runner.kernels.held_out import held_of_group
from runner.kernels.lanes.functions import kernel, lane_function
from runner.kernels.lanes.operations import advanced, fill, load, pointer, store
from runner.kernels.noise import noise_of_group
from runner.kernels.schedules import schedule_of_group
from runner.kernels.structs import Buffers, Net, Network, Out, Runs


@lane_function
def carried_rows(parameters: Any) -> Any:
    """How many rows of L numbers runs carry from call to call: W, S0, S1, running and clock of Buffers."""
    return 3 * parameters + RUNNING + 2


def scratch_rows(network: Network, outputs: int, samples: int) -> int:
    """How many rows of L numbers `buffers` divides up, for Scratch.numbers.

    Parameters
    ----------
    network : Network
    outputs : int
        Units of the last layer.
    samples : int
        T, the samples of a tile.
    """
    tile_rows = samples * (4 * network.n_units + 2 * outputs + 1)
    rows = carried_rows(network.parameters) + network.parameters + tile_rows + ACCUMULATORS + 3 * outputs + VALUES
    return int(rows)


@kernel
def opened(network: Any) -> Any:
    """A Network as a Net: each row of its arrays as a pointer."""
    whole, real, n = pointer(network.whole), pointer(network.real), network.layers + 1
    return Net(
        network.layers,
        network.parameters,
        network.n_units,
        network.gain,
        whole,
        advanced(whole, n),
        advanced(whole, 2 * n),
        advanced(whole, 3 * n),
        advanced(whole, 4 * n),
        advanced(whole, 5 * n),
        advanced(whole, 6 * n),
        advanced(whole, 7 * n),
        real,
        advanced(real, n),
        advanced(real, 2 * n),
        network.activate,
        network.slope,
    )


@kernel
def buffers(net: Any, scratch: Any, width: Any) -> Any:
    """A Scratch as Buffers: its memory divided up in the order of their fields."""
    L, S = width.lanes.n, width.tile.n
    parameters, units, outputs = net.parameters * L, net.n_units * S, net.sizes[net.layers]
    W = pointer(scratch.numbers)
    S0 = advanced(W, parameters)
    S1 = advanced(S0, parameters)
    running = advanced(S1, parameters)
    clock = advanced(running, RUNNING * L)
    G = advanced(clock, 2 * L)
    A = advanced(G, parameters)
    Z = advanced(A, units)
    D = advanced(Z, units)
    T = advanced(D, units)
    E = advanced(T, outputs * S)
    F = advanced(E, outputs * S)
    mask = advanced(F, units)
    acc = advanced(mask, S)
    live = advanced(acc, (ACCUMULATORS + 3 * outputs) * L)
    counts, order = pointer(scratch.counts), pointer(scratch.order)
    return Buffers(W, S0, S1, running, clock, G, A, Z, D, T, E, F, mask, acc, live, counts, scratch.n_order, order)


@kernel
def group(net: Any, lanes: Any, g: int, L: int) -> Any:
    """Group number `g` of LaneArrays as Runs."""
    layers = net.layers
    rows = carried_rows(net.parameters)
    # An array that this call does not use may be empty: its pointer then stays at the start, and is never read.
    whole, partly = lanes.start == 0, lanes.start > 0 or lanes.until < lanes.events[lanes.events.size - 1]
    rates = advanced(pointer(lanes.numbers), g * (2 * layers + SLOTS + CRITERIA) * L)
    settings = advanced(rates, 2 * layers * L)
    return Runs(
        advanced(pointer(lanes.seeds), g * L),
        advanced(pointer(lanes.weights), g * net.parameters * L * whole),
        rates,
        settings,
        advanced(settings, SLOTS * L),
        lanes.clock0,
        lanes.clock1,
        lanes.events.size,
        pointer(lanes.events),
        lanes.start,
        lanes.until,
        advanced(pointer(lanes.state), g * rows * L * partly),
        advanced(pointer(lanes.counts), g * COUNTS * L * partly),
        schedule_of_group(lanes.schedule, g, L),
        held_of_group(lanes.held, g, lanes.events.size, L),
        judged_of_group(lanes.judged, g, lanes.events.size, L),
        adjustment_of_group(lanes.adjustment, g, L),
        noise_of_group(lanes.noise, g, L),
    )


@kernel
def group_out(net: Any, out: Any, n_events: int, g: int, L: int) -> Any:
    """Group number `g` of an Out, as an Out of pointers."""
    events = g * n_events * L
    return Out(
        out.n_kept,
        pointer(out.kept),
        advanced(pointer(out.values), events * VALUES),
        advanced(pointer(out.counts), events * COUNTS),
        advanced(pointer(out.weights), g * out.n_kept * net.parameters * L),
    )


@kernel
def copy_rows(target: Any, source: Any, n: int, width: Any) -> None:
    """Copy the first n rows of L numbers of `source` to `target`."""
    for at in range(0, n * width.lanes.n, width.lanes.n):
        store(target, at, load(source, at, width.lanes))


@kernel
def fill_rows(start: Any, n: int, value: float, width: Any) -> None:
    """Put `value` into the first n rows of L numbers from `start` on."""
    for at in range(0, n * width.lanes.n, width.lanes.n):
        store(start, at, fill(start, value, width.lanes))
