"""JAX with the runs laid out by hand along the last axis, and back-propagation written out.

Products with few inputs are sums of element-wise terms, so that XLA fuses them with the activation into one loop over
the runs; larger ones are contractions that it may cut as it likes. Sigmoid and tanh are those of the C program
(`benchmarks.celementary`), which in float64 makes XOR a third faster than `jax.nn.sigmoid`.
"""

from __future__ import annotations

import math
from functools import cache, reduce
from typing import Any

import jax
import jax.numpy as jnp

from benchmarks.celementary import exponents, quotient
from benchmarks.network import Network
from benchmarks.peers import Peer, in_threads
from benchmarks.peers.jax_vmap import ACTIVATIONS, block, blockwise, epochs_of, start, updated
from benchmarks.work import Program, Work

# Up to so many terms a sum is written out; tried out, as is the size of a block.
_TERMS = 32
_NUMBERS = 48 * 1024


def _halves(x: Any) -> tuple[Any, Any]:
    """Two numbers in the ratio of 1 to e^-x."""
    real, integer = ("double", jnp.int64) if x.dtype == jnp.float64 else ("float", jnp.int32)
    limit, bias, shift = exponents(real)
    y = jnp.clip(x * (-1 / math.log(2)), -limit, limit)
    k = jnp.round(y)
    f = y - k
    g = f * f
    odd, even = (reduce(lambda found, c: found * g + c, reversed(terms)) for terms in quotient(real))
    scale = jax.lax.bitcast_convert_type((k.astype(integer) + bias) << shift, x.dtype)
    return even - f * odd, (even + f * odd) * scale


def _sigmoid(x: Any) -> Any:
    one, exponential = _halves(x)
    return one / (one + exponential)


def _tanh(x: Any) -> Any:
    one, exponential = _halves(2 * x)
    return (one - exponential) / (one + exponential)


_ACTIVATIONS = {**ACTIVATIONS, "sigmoid": _sigmoid, "tanh": _tanh}


def _sum(terms: list[Any]) -> Any:
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total


def _weighted(W: Any, a: Any) -> Any:
    """(out, in, runs) times (in, samples, runs or 1): (out, samples, runs)."""
    if W.shape[1] <= _TERMS:
        return _sum([W[:, i, None] * a[None, i] for i in range(W.shape[1])])
    return (W[:, :, None] * a[None]).sum(axis=1)


def _gradient(d: Any, a: Any) -> Any:
    """(out, samples, runs) and (in, samples, runs or 1), summed over samples: (out, in, runs)."""
    if d.shape[1] <= _TERMS:
        return _sum([d[:, None, s] * a[None, :, s] for s in range(d.shape[1])])
    return (d[:, None] * a[None]).sum(axis=2)


def _back(W: Any, d: Any) -> Any:
    """(out, in, runs) and (out, samples, runs), summed over out: (in, samples, runs)."""
    if W.shape[0] <= _TERMS:
        return _sum([W[j, :, None] * d[None, j] for j in range(W.shape[0])])
    return (W[:, :, None] * d[:, None]).sum(axis=0)


def _slope(name: str, a: Any) -> Any:
    if name == "sigmoid":
        return a * (1 - a)
    if name == "tanh":
        return 1 - a * a
    return (a > 0).astype(a.dtype) if name == "relu" else 1


def _gradients(net: Network, layers: Any, x: Any, t: Any) -> Any:
    """By back-propagation; x (in, samples, 1), t (out, samples, 1)."""
    activations = [x]
    for layer, (W, b) in enumerate(layers):
        z = _weighted(W, activations[-1]) * net.scales[layer]
        z = z if b is None else z + b[:, None]
        last = layer + 1 == len(layers)
        a = jax.nn.softmax(z, axis=0) if last and net.output == "softmax" else None
        activations.append(_ACTIVATIONS[net.output if last else net.activation](z) if a is None else a)
    d = (activations[-1] - t) * net.factor(x.shape[1])
    d = d if net.fused else d * 2 * _slope(net.output, activations[-1])
    gradient: list[Any] = []
    for layer in reversed(range(len(layers))):
        W, b = layers[layer]
        db = None if b is None else d.sum(axis=1)
        d = d * net.scales[layer]
        gradient.insert(0, (_gradient(d, activations[layer]), db))
        if layer:
            d = _back(W, d) * _slope(net.activation, activations[layer])
    return gradient


@cache
def _kernel(net: Network) -> Any:
    def train(weights: Any, rates: Any, x: Any, t: Any, epochs: Any) -> Any:
        def update(state: Any, x: Any, t: Any) -> Any:
            return updated(net, state, _gradients(net, state[0], x.T[:, :, None], t.T[:, :, None]), rates)

        layers = epochs_of(net, update, x, t, epochs, start(net, net.split(weights)))[0]
        parts = [part for layer in layers for part in layer if part is not None]
        return jnp.concatenate([part.reshape(-1, part.shape[-1]) for part in parts])

    return jax.jit(train, donate_argnums=0)


def _block(work: Work) -> int:
    return block(work, _NUMBERS)


def _prepare(work: Work) -> Program:
    return blockwise(_kernel(work.network), work, _block(work), axis=-1)


PEERS = (
    Peer(
        "jax lanes",
        "JAX, runs by hand along the last axis",
        in_threads(_prepare),
        block=_block,
    ),
)
