"""One update of all weights from their gradient."""

from __future__ import annotations

from typing import Any

from runner.kernels.codes import FROZEN
from runner.kernels.lanes.operations import inlined, kernel, load, store
from runner.kernels.lanes.switch import OPTIMIZE, STEP, TICK, choose
from runner.kernels.loops import settings_of


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
    if job.states:
        clock = (load(buf.clock, 0, lanes), load(buf.clock, L, lanes))
        clock = choose(TICK, job.optimizer, (settings_of(runs.settings, lanes), clock))
        store(buf.clock, 0, clock[0])
        store(buf.clock, L, clock[1])
    # The weights of all layers, then their biases, as the learning rates lie: with one place of choice the loops of the
    # optimizers are compiled once.
    for k in range(layers if job.bias == FROZEN else 2 * layers):
        layer = k % layers + 1
        first, end = net.weights[layer] * L, net.biases[layer] * L
        if k >= layers:
            first, end = end, end + net.sizes[layer] * L
        span = (buf, runs.settings, load(runs.rates, k * L, lanes), first, end, lanes)
        if job.states:
            choose(OPTIMIZE, job.optimizer, span)
        else:
            # Without state there is nothing to load and store but the weights.
            choose(STEP, job.optimizer, span)
