"""One update of all weights from their gradient."""

from __future__ import annotations

from typing import Any

from runner.kernels.codes import A_LOSS, FROZEN
from runner.kernels.lanes.functions import inlined, kernel, step
from runner.kernels.lanes.operations import load, store
from runner.kernels.lanes.switch import choose
from runner.kernels.loops import settings_of
from runner.kernels.schedules import scheduled, scheduled_settings


@kernel
def share_biases(net: Any, buf: Any, width: Any) -> None:
    """Give all biases of a layer the sum of their gradients: they are copies of one bias, and move alike."""
    for layer in range(1, net.layers + 1):
        share_layer_biases(net, buf, width, layer)


@step
def share_layer_biases(net: Any, buf: Any, width: Any, layer: int) -> None:
    """Give every bias of a layer the sum of their gradients."""
    L = width.lanes.n
    first, end = net.biases[layer] * L, (net.biases[layer] + net.sizes[layer]) * L
    total = load(buf.G, first, width.lanes)
    for at in range(first + L, end, L):
        total = total + load(buf.G, at, width.lanes)
    for at in range(first, end, L):
        store(buf.G, at, total)


@step
def tick(job: Any, settings: Any, buf: Any, width: Any) -> None:
    """Move the optimizer's clock, once per update, by the settings of this update."""
    L, lanes = width.lanes.n, width.lanes
    clock, cost = (load(buf.clock, 0, lanes), load(buf.clock, L, lanes)), load(buf.acc, A_LOSS * L, lanes)
    clock = choose(job.tick, job.optimizer, (settings_of(settings, lanes), clock, cost))
    store(buf.clock, 0, clock[0])
    store(buf.clock, L, clock[1])


@inlined
def update(net: Any, job: Any, runs: Any, buf: Any, width: Any, made: int) -> None:
    """Change every trained parameter by the optimizer's formula, after `made` updates, and clear its gradient."""
    L, lanes, layers = width.lanes.n, width.lanes, net.layers
    settings = scheduled_settings(runs.settings, runs.schedule, made, lanes)
    if job.states:
        tick(job, settings, buf, width)
    # The weights of all layers, then their biases, in the order of the learning rates. It is one loop, so that `choose`
    # stands here once, and the loops of all optimizers are compiled once.
    for k in range(layers if job.bias == FROZEN else 2 * layers):
        layer = k % layers + 1
        first, end = net.weights[layer] * L, net.biases[layer] * L
        if k >= layers:
            first, end = end, end + net.sizes[layer] * L
        rate = scheduled(load(runs.rates, k * L, lanes), runs.schedule, made, lanes)
        arguments = (buf, settings, rate, first, end, lanes)
        if job.states:
            choose(job.update, job.optimizer, arguments)
        else:
            # Without state there is nothing to load and store but the weights.
            choose(job.update_stateless, job.optimizer, arguments)
