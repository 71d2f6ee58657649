"""L-BFGS: quasi-Newton steps from the last few changes of weights and gradient (Nocedal, Updating Quasi-Newton Matrices
with Limited Storage, Mathematics of Computation 35, 1980; Nocedal and Wright, Numerical Optimization, 2nd ed., 2006,
algorithms 7.4 and 7.5), with a line search in every lane.

The line search finds a step t that satisfies Wolfe's conditions: the loss falls enough for its length, and its slope
along the direction d is less steep than at the start, so that the pair that is remembered keeps the matrix positive
definite,

    f(w + t d) <= f(w) + c1 t f'(w)^T d      f'(w + t d)^T d >= c2 f'(w)^T d

It doubles t, and bisects as soon as there is a bracket (Lewis and Overton, Nonsmooth Optimization via Quasi-Newton
Methods, Mathematical Programming 141, 2013). Unlike a search with interpolation, it is sure to end for a loss that has
kinks, as that of relu units has; and t = 1 is mostly right at once.

One update is one iteration. It takes as many gradients more than gradient descent as its line search tries steps: in
most iterations one. All runs of a group of lanes wait for the longest search among them.
"""

from __future__ import annotations

from typing import Any

from runner.kernels.buffers import copy_rows
from runner.kernels.lanes.functions import kernel
from runner.kernels.lanes.operations import (
    advanced,
    any_lt,
    fill,
    fma,
    load,
    minimum,
    not_inlined,
    sqrt,
    store,
    where_le,
    where_lt,
)
from runner.kernels.loops import settings_of
from runner.kernels.measure import INFINITY
from runner.kernels.second_order.passes import LEARN, complete_gradient, move, objective, product, sum_up

# Steps that a line search tries, at most.
MOST_TRIED = 20
_C1, _C2 = 1e-4, 0.9
# A pair with less curvature than this, relative to its change of the gradient, is not remembered.
_LEAST_CURVATURE = 2.2e-16
# Vectors that a run carries before its pairs: the scale of the first matrix (0: there is none yet), and 1 where no step
# has been found even along the gradient: from then on the run stays where it is, as it would try the same again.
SCALE, ENDED, PAIRS = range(3)


def kept_rows(parameters: int, history: int) -> int:
    """Vectors that a run carries from call to call: of each pair both vectors, and 1 / s^T y, or 0 for none.

    The weights and the gradient of the last update are in Buffers.S0 and S1.
    """
    return PAIRS + history * (2 * parameters + 1)


def work_rows(parameters: int, history: int) -> int:
    """Vectors that an update needs: the direction, and a number for each pair."""
    return parameters + history


@kernel
def lbfgs(net: Any, data: Any, job: Any, memory: Any, runs: Any, buf: Any, width: Any, made: int) -> int:
    """One iteration in every lane."""
    not_inlined()
    n, m, L, lanes = net.parameters, memory.history, width.lanes.n, width.lanes
    decay = settings_of(runs.settings, lanes)[5]
    kept, d, w, g = memory.kept, memory.work, buf.S0, buf.S1
    rho = advanced(kept, PAIRS * L)
    loss = objective(net, job, buf, decay, width)
    complete_gradient(net, job, buf, decay, width)
    if made > 0:
        _remember(memory, buf, n, width, (made - 1) % m)
    copy_rows(w, buf.W, n, width)
    copy_rows(g, buf.G, n, width)
    scale = load(kept, SCALE * L, lanes)
    # The first step is not longer than 1.
    first = minimum(1.0 / sqrt(product(g, g, n, width)), fill(kept, 1.0, lanes))
    began = where_lt(0.0, scale, 0.0 * first, 1.0)
    _direct(memory, buf, n, width, made, where_lt(0.0, scale, scale, first))
    slope = product(d, g, n, width)
    # Where rounding has made a direction that leads up, it is that of the gradient.
    down = where_lt(slope, 0.0, 1.0, 0.0 * first)
    for at in range(0, n * L, L):
        store(d, at, where_lt(0.0, down, load(d, at, lanes), -first * load(g, at, lanes)))
    slope = product(d, g, n, width)
    low, high = fill(kept, 0.0, lanes), fill(kept, INFINITY, lanes)
    t, found = fill(kept, 1.0, lanes), load(kept, ENDED * L, lanes)
    tried = 0
    while tried < MOST_TRIED and any_lt(found, 0.5):
        move(net, job, buf, w, t, d, width)
        sum_up(net, data, job, buf, width, LEARN)
        complete_gradient(net, job, buf, decay, width)
        falls = where_le(objective(net, job, buf, decay, width), fma(_C1 * t, slope, loss), 1.0, 0.0 * first)
        flatter = where_le(_C2 * slope, product(buf.G, d, n, width), falls, 0.0)
        found = where_lt(0.5, found, found, flatter)
        low = where_lt(found, 0.5, where_lt(0.5, falls, t, low), low)
        high = where_lt(found, 0.5, where_lt(falls, 0.5, t, high), high)
        further = where_lt(high, INFINITY, 0.5 * (low + high), 2.0 * t)
        t = where_lt(found, 0.5, further, t)
        tried += 1
    # A search that has not ended goes as far as the loss is known to fall.
    ended = load(kept, ENDED * L, lanes)
    t = where_lt(0.5, ended, 0.0 * first, where_lt(found, 0.5, low, t))
    move(net, job, buf, w, t, d, width)
    for at in range(0, n * L, L):
        store(buf.W, at, where_lt(0.0, t, load(buf.W, at, lanes), load(w, at, lanes)))
    # Where it has found nothing, it begins anew: without pairs, or not at all if it has had none.
    failed = where_lt(0.0, t, 0.0 * first, 1.0)
    store(kept, ENDED * L, where_lt(0.5, ended, ended, failed * began))
    scale = where_lt(0.0, scale, scale, first)
    store(kept, SCALE * L, where_lt(0.5, failed, 0.0 * first, scale))
    for k in range(m):
        store(rho, k * L, where_lt(0.5, failed, 0.0 * first, load(rho, k * L, lanes)))
    return 0


@kernel
def _remember(memory: Any, buf: Any, n: int, width: Any, slot: int) -> None:
    """Put the last change of the weights and that of the gradient into a slot, where they tell of a curvature."""
    L, lanes = width.lanes.n, width.lanes
    rho = advanced(memory.kept, PAIRS * L)
    s = advanced(rho, (memory.history + 2 * slot * n) * L)
    y = advanced(s, n * L)
    for at in range(0, n * L, L):
        store(s, at, load(buf.W, at, lanes) - load(buf.S0, at, lanes))
        store(y, at, load(buf.G, at, lanes) - load(buf.S1, at, lanes))
    curvature, square = product(s, y, n, width), product(y, y, n, width)
    usable = where_lt(_LEAST_CURVATURE * square, curvature, 1.0, 0.0 * square)
    usable = where_lt(square, INFINITY, usable, 0.0)
    zero = fill(s, 0.0, lanes)
    for at in range(0, n * L, L):
        store(s, at, where_lt(0.5, usable, load(s, at, lanes), zero))
        store(y, at, where_lt(0.5, usable, load(y, at, lanes), zero))
    store(rho, slot * L, where_lt(0.5, usable, 1.0 / curvature, zero))
    before = load(memory.kept, SCALE * L, lanes)
    store(memory.kept, SCALE * L, where_lt(0.5, usable, curvature / square, before))


@kernel
def _direct(memory: Any, buf: Any, n: int, width: Any, made: int, scale: Any) -> None:
    """Put minus the inverse Hessian that the pairs tell of, times the gradient in S1, into memory.work."""
    m, L, lanes = memory.history, width.lanes.n, width.lanes
    d, share = memory.work, advanced(memory.work, n * L)
    rho = advanced(memory.kept, PAIRS * L)
    pairs = advanced(rho, m * L)
    n_pairs = min(m, made)
    for at in range(0, n * L, L):
        store(d, at, -load(buf.S1, at, lanes))
    # From the newest pair to the oldest one, and back.
    for k in range(n_pairs):
        slot = (made - 1 - k) % m
        s, y = advanced(pairs, 2 * slot * n * L), advanced(pairs, (2 * slot + 1) * n * L)
        a = load(rho, slot * L, lanes) * product(s, d, n, width)
        store(share, slot * L, a)
        for at in range(0, n * L, L):
            store(d, at, fma(-a, load(y, at, lanes), load(d, at, lanes)))
    for at in range(0, n * L, L):
        store(d, at, load(d, at, lanes) * scale)
    for k in range(n_pairs - 1, -1, -1):
        slot = (made - 1 - k) % m
        s, y = advanced(pairs, 2 * slot * n * L), advanced(pairs, (2 * slot + 1) * n * L)
        b = load(share, slot * L, lanes) - load(rho, slot * L, lanes) * product(y, d, n, width)
        for at in range(0, n * L, L):
            store(d, at, fma(b, load(s, at, lanes), load(d, at, lanes)))
