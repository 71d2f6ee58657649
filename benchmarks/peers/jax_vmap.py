"""JAX as its documentation teaches: `vmap` over networks of a `scan` over updates of `grad`, under `jit`."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

# XLA takes half the width of the vector registers unless it is told; read when JAX is imported.
if "avx512f" in (Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""):
    os.environ.setdefault("XLA_FLAGS", "--xla_cpu_prefer_vector_width=512")

import jax
import jax.numpy as jnp

from benchmarks.network import Floats, Network
from benchmarks.peers import Peer, in_threads
from benchmarks.work import Program, Work

jax.config.update("jax_enable_x64", True)

# Numbers of a block of networks, tried out: what is touched again and again stays near the processor.
_NUMBERS = 12 * 1024
ACTIVATIONS: dict[str, Callable[[Any], Any]] = {
    "sigmoid": jax.nn.sigmoid,
    "tanh": jnp.tanh,
    "relu": jax.nn.relu,
    "identity": lambda z: z,
    "softmax": lambda z: z,
}


def outputs(net: Network, layers: Any, x: Any) -> Any:
    """Weighted sums of the last layer."""
    for layer, (W, b) in enumerate(layers):
        z = x @ W.T * net.scales[layer] if net.scales[layer] != 1 else x @ W.T
        z = z if b is None else z + b
        if layer + 1 < len(layers):
            x = ACTIVATIONS[net.activation](z)
    return z


def loss(net: Network, layers: Any, x: Any, t: Any) -> Any:
    """Of a batch."""
    z = outputs(net, layers, x)
    if net.loss == "cross_entropy":
        values = -t * jax.nn.log_softmax(z)
    elif net.loss == "binary_cross_entropy":
        values = jax.nn.softplus(z) - t * z
    else:
        values = (ACTIVATIONS[net.output](z) - t) ** 2
    return values.sum() * net.factor(len(x))


def updated(net: Network, state: Any, gradient: Any, rates: Any) -> Any:
    """One update by sgd or adam; a state is (layers, means, squares, powers of the betas), the last three for adam."""
    layers, means, squares, powers = state
    pairs = zip(rates, gradient, strict=True)
    by_layer = [tuple(None if part is None else rate for part in layer) for rate, layer in pairs]
    if net.optimizer == "sgd":
        return jax.tree.map(lambda w, g, rate: w - rate * g, layers, gradient, by_layer), means, squares, powers
    beta1, beta2, epsilon = net.settings
    powers = powers[0] * beta1, powers[1] * beta2
    means = jax.tree.map(lambda m, g: m + (1 - beta1) * (g - m), means, gradient)
    squares = jax.tree.map(lambda s, g: beta2 * s + (1 - beta2) * g * g, squares, gradient)
    root = jnp.sqrt(1 - powers[1])

    def step(w: Any, m: Any, s: Any, rate: Any) -> Any:
        return w - rate / (1 - powers[0]) * m / (jnp.sqrt(s) / root + epsilon)

    return jax.tree.map(step, layers, means, squares, by_layer), means, squares, powers


def start(net: Network, layers: Any) -> Any:
    """The state before the first update."""
    if net.optimizer == "sgd":
        return layers, (), (), ()
    zeros = jax.tree.map(jnp.zeros_like, layers)
    one = jnp.ones((), jax.tree.leaves(layers)[0].dtype)
    return layers, zeros, zeros, (one, one)


def epochs_of(net: Network, update: Callable[[Any, Any, Any], Any], x: Any, t: Any, epochs: Any, state: Any) -> Any:
    """All updates: a loop over epochs around a scan over batches; a last batch that is smaller comes after it."""
    whole = net.samples // net.batch * net.batch
    batches = [a[:whole].reshape(-1, net.batch, a.shape[1]) for a in (x, t)]

    def epoch(_: Any, state: Any) -> Any:
        if len(batches[0]) == 1:
            state = update(state, batches[0][0], batches[1][0])
        else:
            state, _ = jax.lax.scan(lambda s, batch: (update(s, *batch), None), state, tuple(batches))
        return update(state, x[whole:], t[whole:]) if whole < net.samples else state

    return jax.lax.fori_loop(0, epochs, epoch, state)


@cache
def _kernel(net: Network) -> Any:
    def train(weights: Any, rates: Any, x: Any, t: Any, epochs: Any) -> Any:
        def update(state: Any, x: Any, t: Any) -> Any:
            return updated(net, state, jax.grad(lambda layers: loss(net, layers, x, t))(state[0]), rates)

        layers = epochs_of(net, update, x, t, epochs, start(net, net.split(weights)))[0]
        return jnp.concatenate([part.reshape(-1) for layer in layers for part in layer if part is not None])

    return jax.jit(jax.vmap(train, in_axes=(0, 0, None, None, None)), donate_argnums=0)


def block(work: Work, numbers: int = _NUMBERS) -> int:
    """Networks trained at once, so that they are so many numbers: a power of two."""
    net = work.network
    each = 2 * net.parameters + 2 * net.batch * sum(net.sizes[1:])
    return int(2 ** np.clip(np.round(np.log2(numbers / each)), 4, 12))


def blockwise(kernel: Any, work: Work, n: int, axis: int = 0) -> Program:
    """A compiled kernel for n networks, called block by block; its first argument is donated to it."""
    rows = np.resize(np.arange(work.runs), -(-work.runs // n) * n).reshape(-1, n)
    blocks = [[jnp.asarray(np.moveaxis(a[k], 0, axis)) for a in (work.weights, work.rates)] for k in rows]
    x, t = jnp.asarray(work.inputs), jnp.asarray(work.targets)
    ready = kernel.lower(*blocks[0], x, t, work.epochs).compile()

    def train() -> Any:
        return jax.block_until_ready([ready(jnp.copy(w), rates, x, t, work.epochs) for w, rates in blocks])

    def losses(results: Any) -> Floats:
        found = np.concatenate([np.moveaxis(np.asarray(result), axis, 0) for result in results])
        return work.from_weights(found[: work.runs])

    return Program(train, losses)


def _many(work: Work) -> int:
    return work.runs


def _in_blocks(work: Work) -> Program:
    return blockwise(_kernel(work.network), work, block(work))


def _at_once(work: Work) -> Program:
    return blockwise(_kernel(work.network), work, work.runs)


PEERS = (
    Peer("jax vmap", "JAX, vmap of scan of grad, in blocks that fit the cache", in_threads(_in_blocks), block=block),
    Peer(
        "jax vmap all",
        "JAX, vmap of scan of grad, all networks in one call",
        in_threads(_at_once),
        block=_many,
        scales=False,
    ),
)
