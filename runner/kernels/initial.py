"""Initial weights of a group of lanes, from seed and position alone."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from runner.kernels.lane_ops import advanced, entry, fma, kernel, load, pointer, store, where_lt
from runner.kernels.random import STREAM_WEIGHTS, normal_quantile, philox, unit

# Kinds of distribution. A constant is a uniform distribution of no width.
UNIFORM, NORMAL, ORTHOGONAL = 0, 1, 2


@entry
def initial_weights(sizes: Any, seeds: Any, kinds: Any, scales: Any, out: Any, lanes: Any) -> None:
    """Draw the initial weights and biases of every lane.

    Number k of a run, in the order layer by layer, W (fan_out, fan_in) row-major, then b, is a function of the seed
    and of k only: runs that differ in width of the distribution, learning rate or anything else share their draws.

    Parameters
    ----------
    sizes : int64 array (layers + 1,)
        Layer sizes from input to output.
    seeds : uint64 array (groups, L)
    kinds : int64 array (groups, 2, L)
        Kind of distribution of the weights and of the biases.
    scales : float64 array (groups, layers, 4, L)
        Location and width of the weights, then of the biases: low and high - low of a uniform distribution,
        mean and standard deviation of a normal one.
    out : float64 array (groups, parameters, L), filled in
    lanes : Lanes
    """
    width = lanes.n
    words = np.empty(4 * width, np.float64)
    drawn = pointer(words)
    kind = np.empty((2, width), np.float64)
    wide = pointer(kind)
    parameters = out.shape[1]
    for g in range(seeds.shape[0]):
        for row in range(2):
            for lane in range(width):
                kind[row, lane] = np.float64(kinds[g, row, lane] != UNIFORM)
        k = 0
        for layer in range(1, sizes.size):
            n_weights, n_biases = sizes[layer] * sizes[layer - 1], sizes[layer]
            scale = advanced(pointer(scales), (g * (sizes.size - 1) + layer - 1) * 4 * width)
            for i in range(n_weights + n_biases):
                if k % 4 == 0:
                    _draw(seeds[g], np.uint64(k // 4), words)
                row = 0 if i < n_weights else 1
                u = load(drawn, (k % 4) * width, lanes)
                number = where_lt(0.5, load(wide, row * width, lanes), normal_quantile(u), u)
                number = fma(
                    number, load(scale, (2 * row + 1) * width, lanes), load(scale, 2 * row * width, lanes)
                )
                store(pointer(out), (g * parameters + k) * width, number)
                k += 1
            for lane in range(width):
                if kinds[g, 0, lane] == ORTHOGONAL:
                    start = k - n_weights - n_biases
                    matrix = out[g, start : start + n_weights, lane]
                    _orthogonalise(matrix, sizes[layer], sizes[layer - 1])


@kernel
def _draw(seeds: Any, position: Any, words: Any) -> None:
    """Four numbers in (0, 1) for every lane."""
    width = seeds.size
    for lane in range(width):
        w0, w1, w2, w3 = philox(seeds[lane], STREAM_WEIGHTS, position, np.uint64(0))
        words[lane] = unit(w0)
        words[width + lane] = unit(w1)
        words[2 * width + lane] = unit(w2)
        words[3 * width + lane] = unit(w3)


@kernel
def _orthogonalise(matrix: Any, rows: int, columns: int) -> None:
    """Make the rows (or, where there are more rows than columns, the columns) of a normal matrix orthonormal.

    Modified Gram-Schmidt, each vector twice ("twice is enough", Giraud et al. 2005): the Q of a QR decomposition
    with positive diagonal, which is distributed as Saxe et al. 2013 ask. Not LAPACK's, whose bits depend on the
    processor.
    """
    count, length = min(rows, columns), max(rows, columns)
    along, across = (1, columns) if rows <= columns else (columns, 1)
    for v in range(count):
        for _ in range(2):
            for other in range(v):
                dot = 0.0
                for i in range(length):
                    dot += matrix[v * across + i * along] * matrix[other * across + i * along]
                for i in range(length):
                    matrix[v * across + i * along] -= dot * matrix[other * across + i * along]
            norm = 0.0
            for i in range(length):
                norm += matrix[v * across + i * along] ** 2
            norm = math.sqrt(norm)
            for i in range(length):
                matrix[v * across + i * along] /= norm
