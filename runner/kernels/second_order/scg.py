"""Scaled conjugate gradients (Moller, A Scaled Conjugate Gradient Algorithm for Fast Supervised Learning, Neural
Networks 6, 1993).

Along a conjugate direction p the step goes to the minimum of a parabola. Its curvature delta comes from a second
gradient, a short way along p, and lambda is added to it where the parabola does not describe the loss well: this takes
the place of a line search. Names are those of the paper, whose steps are numbered here.

One update is one iteration k of the paper, whether its step succeeds or not. It takes a gradient more than gradient
descent (not where the step before has failed), and a loss.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from runner.kernels.buffers import copy_rows
from runner.kernels.codes import FROZEN, SHARED
from runner.kernels.lanes.functions import kernel
from runner.kernels.lanes.operations import (
    absolute,
    advanced,
    any_lt,
    fill,
    fma,
    load,
    not_inlined,
    sqrt,
    store,
    where_le,
    where_lt,
)
from runner.kernels.loops import settings_of
from runner.kernels.measure import INFINITY
from runner.kernels.second_order.passes import LEARN, ZERO, complete_gradient, move, objective, product, sum_up

# Vectors that a run carries: lambda, its last raise (the paper's lambda with a bar), delta, mu = p^T r, and 1 where the
# last step has succeeded. Its direction p and its last r, the negative gradient, are in Buffers.S0 and S1.
LAMBDA, RAISED, DELTA, MU, SUCCESS = range(5)


def kept_rows(parameters: int, history: int) -> int:
    """Vectors that a run carries from call to call."""
    return 5


def work_rows(parameters: int, history: int) -> int:
    """Vectors that an update needs: the weights before it, and the negative gradient there."""
    return 2 * parameters


@kernel
def scg(net: Any, data: Any, job: Any, memory: Any, runs: Any, buf: Any, width: Any, made: int) -> int:
    """One iteration in every lane; the settings are sigma and the first damping, lambda."""
    not_inlined()
    n, L, lanes = net.parameters, width.lanes.n, width.lanes
    h = settings_of(runs.settings, lanes)
    kept, w, r, p = memory.kept, memory.work, advanced(memory.work, n * L), buf.S0
    loss = objective(net, job, buf, h[5], width)
    complete_gradient(net, job, buf, h[5], width)
    for at in range(0, n * L, L):
        store(r, at, -load(buf.G, at, lanes))
    copy_rows(w, buf.W, n, width)
    if made == 0:
        store(kept, LAMBDA * L, h[1])
        store(kept, SUCCESS * L, fill(kept, 1.0, lanes))
        copy_rows(p, r, n, width)
    else:
        _turn(net, job, kept, r, buf, width, made)
    copy_rows(buf.S1, r, n, width)
    succeeded = load(kept, SUCCESS * L, lanes)
    length = product(p, p, n, width)
    damping, delta = load(kept, LAMBDA * L, lanes), load(kept, DELTA * L, lanes)
    # 2. Second-order information. A lane whose last step has failed has it already.
    if any_lt(0.0, succeeded):
        short = h[0] / sqrt(length)
        move(net, job, buf, w, short, p, width)
        sum_up(net, data, job, buf, width, LEARN)
        complete_gradient(net, job, buf, h[5], width)
        curved = fill(kept, 0.0, lanes)
        for at in range(0, n * L, L):
            curved = fma(load(p, at, lanes), load(buf.G, at, lanes) + load(r, at, lanes), curved)
        delta = where_lt(0.0, succeeded, curved / short, delta)
    # 3. Scale. 4. Make the Hessian positive definite.
    delta = fma(damping - load(kept, RAISED * L, lanes), length, delta)
    raised = 2.0 * (damping - delta / length)
    damped = fma(damping, length, -delta)
    damping = where_le(delta, 0.0, raised, damping)
    delta = where_le(delta, 0.0, damped, delta)
    # 5. The size of the step. 6. How well the parabola describes the loss.
    mu = product(p, r, n, width)
    move(net, job, buf, w, mu / delta, p, width)
    sum_up(net, data, job, buf, width, ZERO)
    tried = objective(net, job, buf, h[5], width)
    agreement = 2.0 * delta * (loss - tried) / (mu * mu)
    # The paper knows no infinite loss, from which no lambda follows: the next step is a fifth of this one.
    agreement = where_lt(absolute(tried), INFINITY, agreement, -3.0)
    # 7. Make the step, if the loss does not grow. 8. Where it fell less than a quarter of what was expected, raise.
    succeeded = where_le(0.0, agreement, 1.0, 0.0 * length)
    for at in range(0, n * L, L):
        store(buf.W, at, where_lt(0.0, succeeded, load(buf.W, at, lanes), load(w, at, lanes)))
    store(kept, RAISED * L, where_lt(0.0, succeeded, 0.0 * length, damping))
    damping = where_le(0.75, agreement, 0.25 * damping, damping)
    damping = where_lt(agreement, 0.25, damping + delta * (1.0 - agreement) / length, damping)
    store(kept, LAMBDA * L, damping)
    store(kept, DELTA * L, delta)
    store(kept, MU * L, mu)
    store(kept, SUCCESS * L, succeeded)
    return 0


@kernel
def _turn(net: Any, job: Any, kept: Any, r: Any, buf: Any, width: Any, made: int) -> None:
    """A new direction where the last step has succeeded: conjugate to the last one, or now and then r itself."""
    n, L, lanes = net.parameters, width.lanes.n, width.lanes
    trained = np.int64(n)
    for layer in range(1, net.layers + 1):
        if job.bias == FROZEN:
            trained -= net.sizes[layer]
        elif job.bias == SHARED:
            trained -= net.sizes[layer] - 1
    beta = (product(r, r, n, width) - product(r, buf.S1, n, width)) / load(kept, MU * L, lanes)
    if made % trained == 0:
        beta = fill(kept, 0.0, lanes)
    succeeded = load(kept, SUCCESS * L, lanes)
    for at in range(0, n * L, L):
        p = load(buf.S0, at, lanes)
        store(buf.S0, at, where_lt(0.0, succeeded, fma(beta, p, load(r, at, lanes)), p))
