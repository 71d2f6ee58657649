"""Members of the registries by themselves, on arrays: what `runner.testing` looks at.

The functions are those of the kernels, compiled in the same way. Arrays are flat, and as long as some vectors.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from runner.kernels.lanes.entry import entry
from runner.kernels.lanes.operations import load, pointer, store
from runner.kernels.lanes.switch import choose
from runner.kernels.loops import settings_of


@entry
def probe_activation(activate: Any, slope: Any, code: int, z: Any, a: Any, slopes: Any, lanes: Any) -> None:
    """Activations of the weighted sums `z` into `a`; `slopes`, which the caller fills with 1, become da/dz."""
    choose(activate, code, (pointer(z), pointer(a), 0, z.size, lanes))
    choose(slope, code, (pointer(z), pointer(a), pointer(slopes), 0, z.size, lanes))


@entry
def probe_loss(value: Any, slope: Any, code: int, z: Any, y: Any, t: Any, values: Any, slopes: Any, lanes: Any) -> None:
    """Loss values of outputs `y` with weighted sums `z` and targets `t`, and their slopes."""
    for at in range(0, z.size, lanes.n):
        output, target = load(pointer(y), at, lanes), load(pointer(t), at, lanes)
        store(pointer(values), at, choose(value, code, (load(pointer(z), at, lanes), output, target)))
        store(pointer(slopes), at, choose(slope, code, (output, target)))


class Weights(NamedTuple):
    """Weights and what an optimizer keeps of them: the fields of Buffers that an update uses.

    Attributes
    ----------
    W, G, S0, S1 : arrays or pointers
        Weights, their gradient, and the state.
    clock : array or pointer (2 * L,)
    """

    W: Any
    G: Any
    S0: Any
    S1: Any
    clock: Any


@entry
def probe_update(
    stateless: Any, update: Any, tick: Any, states: int, code: int, weights: Any, settings: Any, given: Any, lanes: Any
) -> None:
    """One update of Weights; `given` are the learning rate and the loss of the batch, (2 * L,)."""
    buf = Weights(
        pointer(weights.W), pointer(weights.G), pointer(weights.S0), pointer(weights.S1), pointer(weights.clock)
    )
    L, h = lanes.n, pointer(settings)
    rate, cost = load(pointer(given), 0, lanes), load(pointer(given), L, lanes)
    arguments = (buf, h, rate, 0, weights.W.size, lanes)
    if states:
        clock = (load(buf.clock, 0, lanes), load(buf.clock, L, lanes))
        clock = choose(tick, code, (settings_of(h, lanes), clock, cost))
        store(buf.clock, 0, clock[0])
        store(buf.clock, L, clock[1])
        choose(update, code, arguments)
    else:
        choose(stateless, code, arguments)
