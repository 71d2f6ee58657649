"""What goes back from a layer, and the way back through its weights to the activations below."""

from __future__ import annotations

import numpy as np

from runner.diagnosis.forward import Pass
from runner.diagnosis.functions import Floats
from runner.diagnosis.terms.record import Table, Words

# What goes back from a layer: value(pass, layer, dE/da, dE/dz), of the same shape.

SENT = Table("sent_back")
SENT.add(Words("d", "back = delta", "the error d of the layer goes back"), lambda p, k, e, d: d)
SENT.add("no_output_derivative", lambda p, k, e, d: e, lambda p, k: k == p.last)
SENT.add(
    Words("d / f'", "back = error", "the error goes back before its layer's slope is applied"),
    lambda p, k, e, d: e,
    lambda p, k: k < p.last,
)
SENT.add("outputs_sent_back", lambda p, k, e, d: p.a[k + 1])
SENT.add(
    Words("-t", "back = -t", "the targets go back where the outputs' error belongs"),
    lambda p, k, e, d: -p.t,
    lambda p, k: k == p.last,
)

# The way back through the weights of a layer to the activations below: value(pass, layer, sent).

WAYS = Table("way_back")


def _square(p: Pass, k: int) -> bool:
    return bool(p.W[k].shape[1] == p.W[k].shape[2])


def _spread(p: Pass, k: int, s: Floats) -> Floats:
    """The same number for all units below."""
    return np.asarray(s * np.ones(p.a[k].shape[-1:]))


WAYS.add(
    Words("sum_k w_kj d_k", "back @ W", "the way back is right"),
    lambda p, k, s: np.einsum("poi,...pno->...pni", p.W[k], s),
)
WAYS.add(
    "moved_weights",
    lambda p, k, s: np.einsum("poi,...pno->...pni", p.moved[k], s),
    lambda p, k: len(p.moved) > k,
)
WAYS.add("unweighted_error", lambda p, k, s: _spread(p, k, s.sum(-1, keepdims=True)))
WAYS.add(
    "summed_weights",
    lambda p, k, s: _spread(p, k, np.einsum("poi,...pno->...pn", p.W[k], s)[..., None]),
)
WAYS.add(
    "diagonal_weights",
    lambda p, k, s: _spread(p, k, np.einsum("pkk,...pnk->...pn", p.W[k][:, :, : p.W[k].shape[1]], s)[..., None]),
    lambda p, k: p.W[k].shape[1] <= p.W[k].shape[2],
)
# w_jj stands for all of w_kj.
WAYS.add("diagonal_weights", lambda p, k, s: np.einsum("pkk,...pnk->...pnk", p.W[k], s), _square, exact=False)
WAYS.add("transposed_weights", lambda p, k, s: np.einsum("pio,...pno->...pni", p.W[k], s), _square)
