"""One update of all weights from their gradient."""

from __future__ import annotations

from typing import Any

from runner.kernels.lane_ops import inlined, kernel, load, store
from runner.kernels.layout import FROZEN
from runner.kernels.switch import OPTIMIZE, STEP, TICK, choose


@kernel
def share_biases(net: Any, buf: Any, width: Any) -> None:
    """Where a layer has one bias for all its units, its gradient is the sum over them, and all copies move alike."""
    L = width.lanes.n
    for layer in range(1, net.layers + 1):
        first, end = net.biases[layer] * L, (net.biases[layer] + net.sizes[layer]) * L
        total = load(buf.G, first, width.lanes)
        for at in range(first + L, end, L):
            total = total + load(buf.G, at, width.lanes)
        for at in range(first, end, L):
            store(buf.G, at, total)


@inlined
def update(net: Any, job: Any, runs: Any, buf: Any, width: Any) -> None:
    """Change every trained parameter by the optimizer's formula and clear its gradient.

    Called at one place only, and inlined there.
    """
    L, lanes, layers = width.lanes.n, width.lanes, net.layers
    h = (
        load(runs.settings, 0, lanes),
        load(runs.settings, L, lanes),
        load(runs.settings, 2 * L, lanes),
        load(runs.settings, 3 * L, lanes),
        load(runs.settings, 4 * L, lanes),
        load(runs.settings, 5 * L, lanes),
    )
    clock = (load(buf.clock, 0, lanes), load(buf.clock, L, lanes))
    if job.states:
        clock = choose(TICK, job.optimizer, (h, clock))
        store(buf.clock, 0, clock[0])
        store(buf.clock, L, clock[1])
    for layer in range(1, layers + 1):
        rate = load(runs.rates, (layer - 1) * L, lanes)
        _update_span(job, buf, h, clock, rate, net.weights[layer] * L, net.biases[layer] * L, width)
        if job.bias != FROZEN:
            rate = load(runs.rates, (layers + layer - 1) * L, lanes)
            end = (net.biases[layer] + net.sizes[layer]) * L
            _update_span(job, buf, h, clock, rate, net.biases[layer] * L, end, width)


@inlined
def _update_span(
    job: Any, buf: Any, h: Any, clock: Any, rate: Any, first: int, end: int, width: Any
) -> None:
    """Update the parameters stored from `first` to `end`."""
    lanes, L = width.lanes, width.lanes.n
    zero = rate * 0.0
    if job.states:
        for at in range(first, end, L):
            state = (load(buf.S0, at, lanes), load(buf.S1, at, lanes))
            w, g = load(buf.W, at, lanes), load(buf.G, at, lanes)
            w, state = choose(OPTIMIZE, job.optimizer, (w, g, state, h, clock, rate))
            store(buf.W, at, w)
            store(buf.S0, at, state[0])
            store(buf.S1, at, state[1])
            store(buf.G, at, zero)
    else:
        # Without state there is nothing to load and store but the weights.
        for at in range(first, end, L):
            w, g = load(buf.W, at, lanes), load(buf.G, at, lanes)
            store(buf.W, at, choose(STEP, job.optimizer, (w, g, h, rate)))
            store(buf.G, at, zero)
