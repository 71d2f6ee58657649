"""The factor of the error in a weight's gradient, and the step of a bias."""

from __future__ import annotations

import numpy as np

from runner.diagnosis.forward import Pass
from runner.diagnosis.functions import Floats
from runner.diagnosis.terms.record import Table, Words

# The factor of the error in a weight's gradient: value(pass, layer, dE/dz) of shape (probes, fan_out, fan_in).

FACTORS = Table("factor")


def _sum(d: Floats, p: Pass, k: int) -> Floats:
    """Over the samples, for all weights of a unit."""
    return np.asarray(d.sum(-2)[..., None] * np.ones(p.W[k].shape[2]))


FACTORS.add(
    Words("d_j a_i", "gradient = delta.T @ below", "the factor is right: the activation below"),
    lambda p, k, d: np.einsum("...pno,pni->...poi", d, p.a[k]),
)
FACTORS.add("weighted_sum", lambda p, k, d: np.einsum("...pno,pni->...poi", d, p.z[k - 1]), lambda p, k: k > 0)
FACTORS.add("own_activation", lambda p, k, d: _sum(d * p.a[k + 1], p, k))
FACTORS.add("no_factor", lambda p, k, d: _sum(d, p, k))
FACTORS.add("weight_itself", lambda p, k, d: d.sum(-2)[..., None] * p.W[k])
FACTORS.add(
    "transposed_gradient",
    lambda p, k, d: np.einsum("...pni,pno->...poi", d, p.a[k]),
    lambda p, k: p.W[k].shape[1] == p.W[k].shape[2],
)
FACTORS.add(
    "input_of_wrong_sample",
    lambda p, k, d: d.sum(-2)[..., None] * np.einsum("pii->pi", p.a[k][:, : p.a[k].shape[2]])[:, None],
    lambda p, k: k == 0 and p.a[0].shape[1] >= p.a[0].shape[2],
    batch=True,
)
# The error of the layer below is known only when that layer is, so that it is in no table that is searched (see
# `identify`): value(pass, layer, dE/dz of the layer below).
ERROR_BELOW = Table("factor").add(
    "error_below",
    lambda p, k, below: (below * p.a[k]).sum(-2)[..., None, :] * np.ones((p.W[k].shape[1], 1)),
    wrong=True,
)

# The step of a bias: value(pass, layer, dE/dz) of shape (probes, fan_out).

BIAS_STEPS = Table("bias_step")
BIAS_STEPS.add(Words("d_j", "b -= rate * delta", "the step of the biases is right"), lambda p, k, d: d.sum(-2))
BIAS_STEPS.add("bias_step_summed", lambda p, k, d: d.sum((-2, -1))[..., None] * np.ones(d.shape[-1:]))
