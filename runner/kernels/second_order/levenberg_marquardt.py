"""The method of Levenberg and Marquardt: damped Gauss-Newton steps for squared losses.

With the residuals r (outputs less targets, of all samples) and their Jacobian J, a step d of the parameters w solves

    (J^T J + mu I) d = -J^T r

(Hagan and Menhaj, Training Feedforward Networks with the Marquardt Algorithm, IEEE Transactions on Neural Networks 5,
1994). A step that makes the loss smaller is made, and the damping mu is multiplied by damping_decrease; any other is
not made, and mu is multiplied by damping_increase. Weight decay adds lambda I to J^T J and lambda w to J^T r. A factor
of the loss changes nothing: these are the equations of half the sum of the squares, to which lambda is scaled.

One update is one such trial: MATLAB's trainlm counts an epoch when a trial succeeds, and this one counts all of them.

Performance shape: a matrix of P x P vectors, one equation for each lane, in whose lower triangle J^T J is summed and
then factorised. A tile is one sample: a row of J is the gradient of one output for one sample, by the same backward
pass that sums gradients elsewhere. Several rows are added to the matrix at a time, so that it passes through the
processor's cache less often.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from runner.kernels.buffers import copy_rows, fill_rows
from runner.kernels.codes import SHARED
from runner.kernels.lanes.functions import kernel
from runner.kernels.lanes.operations import (
    advanced,
    fill,
    fma,
    load,
    maximum,
    minimum,
    not_inlined,
    sqrt,
    store,
    where_lt,
)
from runner.kernels.lanes.switch import choose
from runner.kernels.loops import settings_of
from runner.kernels.network import softmax_slope
from runner.kernels.samples import fill_tile
from runner.kernels.second_order.passes import (
    NO,
    ZERO,
    align_biases,
    complete_gradient,
    go_backward,
    go_forward,
    leave_out_untrained,
    objective,
    sum_up,
)
from runner.kernels.update import share_biases

ONE = np.int64(1)
# Rows of the Jacobian that are added to J^T J at a time.
ROWS = np.int64(4)
# The smallest mu: after many steps that succeed, one that fails must find a mu that it can make larger.
_LEAST = 1e-20


def kept_rows(parameters: int, history: int) -> int:
    """Vectors that a run carries from call to call: none, for mu is in its clock."""
    return 0


def work_rows(parameters: int, history: int) -> int:
    """Vectors that an update needs: weights, a step, rows of the Jacobian, and the matrix."""
    return parameters * (2 + int(ROWS) + parameters)


@kernel
def levenberg_marquardt(net: Any, data: Any, job: Any, memory: Any, runs: Any, buf: Any, width: Any, made: int) -> int:
    """One trial of a step in every lane; the settings are those of the damping."""
    not_inlined()
    n, L, lanes = net.parameters, width.lanes.n, width.lanes
    h = settings_of(runs.settings, lanes)
    mu = load(buf.clock, 0, lanes) if made > 0 else h[0]
    old, d = memory.work, advanced(memory.work, n * L)
    rows, matrix = advanced(memory.work, 2 * n * L), advanced(memory.work, (2 + ROWS) * n * L)
    scale = 0.5 / job.loss_factor
    loss = objective(net, job, buf, h[5], width)
    complete_gradient(net, job, buf, h[5], width)
    for at in range(0, n * L, L):
        store(d, at, load(buf.G, at, lanes) * scale)
    _sum_squares(net, data, job, buf, width, rows, matrix)
    definite = _factorise(matrix, fma(h[5], scale, mu), n, width)
    _solve(matrix, d, n, width)
    copy_rows(old, buf.W, n, width)
    for at in range(0, n * L, L):
        store(buf.W, at, load(buf.W, at, lanes) - load(d, at, lanes))
    align_biases(net, job, buf, width)
    sum_up(net, data, job, buf, width, ZERO)
    succeeded = where_lt(objective(net, job, buf, h[5], width), loss, definite, 0.0)
    for at in range(0, n * L, L):
        store(buf.W, at, where_lt(0.0, succeeded, load(buf.W, at, lanes), load(old, at, lanes)))
    smaller, larger = maximum(mu * h[1], fill(buf.W, _LEAST, lanes)), minimum(mu * h[2], h[3])
    store(buf.clock, 0, where_lt(0.0, succeeded, smaller, larger))
    return 0


@kernel
def _sum_squares(net: Any, data: Any, job: Any, buf: Any, width: Any, rows: Any, matrix: Any) -> None:
    """Put J^T J into the lower triangle of `matrix`."""
    not_inlined()
    n, L, lanes, tile = net.parameters, width.lanes.n, width.lanes, width.tile
    outputs = net.sizes[net.layers]
    here = net.units[net.layers] * L
    fill_rows(matrix, n * n, 0.0, width)
    waiting = ZERO
    for sample in range(data.n):
        fill_tile(net, data, buf, width, sample, ONE, NO)
        go_forward(net, job, buf, width)
        for output in range(outputs):
            fill_rows(buf.G, n, 0.0, width)
            for k in range(outputs):
                store(buf.D, here + k * L, fill(buf.D, 1.0 if k == output else 0.0, lanes))
            if job.softmax:
                softmax_slope(net, buf, tile)
            else:
                choose(net.slope, net.codes[net.layers], (buf.Z, buf.A, buf.D, here, here + outputs * L, tile))
            go_backward(net, data, buf, width)
            if job.bias == SHARED:
                share_biases(net, buf, width)
            leave_out_untrained(net, job, buf, width)
            copy_rows(advanced(rows, waiting * n * L), buf.G, n, width)
            waiting += 1
            if waiting == ROWS:
                _add_rows(rows, matrix, n, width)
                waiting = ZERO
    if waiting > 0:
        fill_rows(advanced(rows, waiting * n * L), (ROWS - waiting) * n, 0.0, width)
        _add_rows(rows, matrix, n, width)


@kernel
def _add_rows(rows: Any, matrix: Any, n: int, width: Any) -> None:
    """Add the products of the numbers of each of four rows to the lower triangle of `matrix`, row after row."""
    not_inlined()
    L, lanes = width.lanes.n, width.lanes
    row = n * L
    for i in range(n):
        a0, a1 = load(rows, i * L, lanes), load(rows, row + i * L, lanes)
        a2, a3 = load(rows, 2 * row + i * L, lanes), load(rows, 3 * row + i * L, lanes)
        for j in range(i + 1):
            at = (i * n + j) * L
            x = fma(a0, load(rows, j * L, lanes), load(matrix, at, lanes))
            x = fma(a1, load(rows, row + j * L, lanes), x)
            x = fma(a2, load(rows, 2 * row + j * L, lanes), x)
            store(matrix, at, fma(a3, load(rows, 3 * row + j * L, lanes), x))


@kernel
def _factorise(matrix: Any, damping: Any, n: int, width: Any) -> Any:
    """Cholesky's factor of matrix + damping I in its place, with the reciprocals of the diagonal.

    Returns
    -------
    vector (L,)
        1 where the matrix is positive definite, and 0 where it is not, or where it is not finite: the factor then means
        nothing.
    """
    not_inlined()
    L, lanes = width.lanes.n, width.lanes
    definite = fill(matrix, 1.0, lanes)
    for i in range(n):
        for j in range(i):
            x = load(matrix, (i * n + j) * L, lanes)
            for k in range(j):
                x = fma(-load(matrix, (i * n + k) * L, lanes), load(matrix, (j * n + k) * L, lanes), x)
            store(matrix, (i * n + j) * L, x * load(matrix, (j * n + j) * L, lanes))
        pivot = load(matrix, (i * n + i) * L, lanes) + damping
        for k in range(i):
            x = load(matrix, (i * n + k) * L, lanes)
            pivot = fma(-x, x, pivot)
        definite = where_lt(0.0, pivot, definite, 0.0)
        store(matrix, (i * n + i) * L, 1.0 / sqrt(where_lt(0.0, pivot, pivot, 1.0)))
    return definite


@kernel
def _solve(factor: Any, x: Any, n: int, width: Any) -> None:
    """Solve the equations whose right sides are in `x`, in its place."""
    not_inlined()
    L, lanes = width.lanes.n, width.lanes
    for i in range(n):
        y = load(x, i * L, lanes)
        for k in range(i):
            y = fma(-load(factor, (i * n + k) * L, lanes), load(x, k * L, lanes), y)
        store(x, i * L, y * load(factor, (i * n + i) * L, lanes))
    for i in range(n - 1, -1, -1):
        y = load(x, i * L, lanes)
        for k in range(i + 1, n):
            y = fma(-load(factor, (k * n + i) * L, lanes), load(x, k * L, lanes), y)
        store(x, i * L, y * load(factor, (i * n + i) * L, lanes))
