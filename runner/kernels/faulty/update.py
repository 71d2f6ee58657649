"""One update of a layer with faults in how its gradient becomes a step."""

from __future__ import annotations

from typing import Any

from runner.kernels.codes import FROZEN, SHARED
from runner.kernels.faults import round_span
from runner.kernels.faulty.forward import negate
from runner.kernels.faulty.table import (
    BIAS_MOVE,
    BIAS_STEP,
    NEVER,
    NOT_AT_ALL,
    ONE_UPDATE_LATE,
    OVER_UNITS,
    ROUNDED_WEIGHT,
    SET_TO_STEP,
    UPHILL_BIASES,
    UPHILL_WEIGHTS,
    VELOCITY,
    WEIGHT_MOVE,
    WEIGHT_SCALE,
    WITHOUT_STATE,
    ZEROED,
    formula,
    number,
)
from runner.kernels.lanes.functions import inlined
from runner.kernels.lanes.operations import fill, fma, load, store
from runner.kernels.lanes.switch import choose
from runner.kernels.schedules import scheduled, scheduled_settings
from runner.kernels.update import share_layer_biases

# The one method without state, gradient descent.
PLAIN = 0


@inlined
def update_layers(
    net: Any, job: Any, runs: Any, buf: Any, wrong: Any, width: Any, lowest: int, highest: int, made: int
) -> None:
    """Change the parameters of some layers by the optimizer's formula, or what stands in its place."""
    L, lanes, layers = width.lanes.n, width.lanes, net.layers
    settings = scheduled_settings(runs.settings, runs.schedule, made, lanes)
    for layer in range(lowest, highest + 1):
        if formula(wrong, BIAS_STEP, layer) == OVER_UNITS and job.bias != SHARED:
            share_layer_biases(net, buf, width, layer)
        for biases in range(1 if job.bias == FROZEN else 2):
            first, end = net.weights[layer] * L, net.biases[layer] * L
            if biases:
                first, end = end, end + net.sizes[layer] * L
            move = formula(wrong, BIAS_MOVE if biases else WEIGHT_MOVE, layer)
            if formula(wrong, UPHILL_BIASES if biases else UPHILL_WEIGHTS, layer):
                negate(buf.G, first, end, lanes)
            rate = load(runs.rates, (layer - 1 + biases * layers) * L, lanes)
            rate = scheduled(rate, runs.schedule, made, lanes)
            _prepare(buf, wrong, layer, move, rate, first, end, lanes)
            span = (buf, settings, rate, first, end, lanes)
            if move == NOT_AT_ALL:
                for at in range(first, end, L):
                    store(buf.G, at, fill(buf.G, 0.0, lanes))
            elif job.states == 0 or move == WITHOUT_STATE:
                choose(job.update_stateless, PLAIN, span)
            else:
                choose(job.update, job.optimizer, span)
            if formula(wrong, VELOCITY, 0) == ONE_UPDATE_LATE and move == 0:
                for at in range(first, end, L):
                    store(buf.W, at, load(wrong.aside, at, lanes))
        if formula(wrong, ROUNDED_WEIGHT, layer):
            first, end = net.weights[layer] * L, (net.biases[layer] + net.sizes[layer]) * L
            round_span(buf.W, first, end, number(wrong, WEIGHT_SCALE, layer), lanes)


@inlined
def _prepare(buf: Any, wrong: Any, layer: int, move: int, rate: Any, first: int, end: int, lanes: Any) -> None:
    """What a fault of memory does before the step: sum up gradients, forget weights, lay aside a step that is late."""
    for at in range(first, end, lanes.n):
        if formula(wrong, ZEROED, layer) == NEVER:
            total = load(wrong.total, at, lanes) + load(buf.G, at, lanes)
            store(wrong.total, at, total)
            store(buf.G, at, total)
        if move == SET_TO_STEP:
            store(buf.W, at, fill(buf.W, 0.0, lanes))
        if formula(wrong, VELOCITY, 0) == ONE_UPDATE_LATE:
            store(wrong.aside, at, fma(-rate, load(buf.S0, at, lanes), load(buf.W, at, lanes)))
