"""Initial weights of runs: each a function of the run's seed and of the weight's position alone."""

from __future__ import annotations

from typing import Any

import numpy as np

from runner.kernels.lanes.entry import entry
from runner.kernels.lanes.functions import kernel
from runner.kernels.lanes.operations import advanced, fill, fma, load, pointer, store, where_lt
from runner.kernels.random import STREAM_WEIGHTS, normal_quantile, philox, unit

# Kinds of distribution: numbers uniform in (0, 1), standard normal, standard normal and then made orthonormal, or
# standard normal within +-2. A constant is a uniform distribution of width 0.
UNIFORM, NORMAL, ORTHOGONAL, TRUNCATED = 0, 1, 2, 3
# The share of a standard normal distribution below -2, and that within +-2.
BELOW, WITHIN = 0.022750131948179195, 0.9544997361036416


@entry
def initial_weights(
    sizes: Any, fan_ins: Any, seeds: Any, kinds: Any, scales: Any, out: Any, scratch: Any, lanes: Any
) -> None:
    """Draw the initial weights and biases of every lane: location + width * number, with a random number for each.

    Number k of a run, in the order layer by layer, W (fan_out, fan_in) row-major, then b, is a function of the seed
    and of k only: runs that differ in width of the distribution, learning rate or anything else share their numbers.

    Parameters
    ----------
    sizes : int64 array (layers + 1,)
        Layer sizes from input to output.
    fan_ins : int64 array (layers + 1,)
        How many units each layer sees; the first number is not used.
    seeds : uint64 array (groups, L)
    kinds : float64 array (groups, 2, L)
        Kind of distribution of the weights and of the biases.
    scales : float64 array (groups, layers, 4, L)
        Location and width for the weights, then for the biases: low and high - low of a uniform distribution,
        mean and standard deviation of a normal one.
    out : float64 array (groups, parameters, L), filled in
    scratch : float64 array (4, L)
        Memory for four numbers of each lane.
    lanes : Lanes
        L.
    """
    L, size, fan_in, drawn = lanes.n, pointer(sizes), pointer(fan_ins), pointer(scratch)
    layers, parameters = sizes.size - 1, out.shape[1]
    for g in range(seeds.shape[0]):
        seed, kind = advanced(pointer(seeds), g * L), advanced(pointer(kinds), g * 2 * L)
        weights = advanced(pointer(out), g * parameters * L)
        k = 0
        for layer in range(1, layers + 1):
            n_weights, n_biases = size[layer] * fan_in[layer], size[layer]
            scale = advanced(pointer(scales), (g * layers + layer - 1) * 4 * L)
            for i in range(n_weights + n_biases):
                if k % 4 == 0:
                    _draw(seed, np.uint64(k // 4), drawn, L)
                row = 0 if i < n_weights else 1
                u = load(drawn, (k % 4) * L, lanes)
                u = where_lt(load(kind, row * L, lanes), TRUNCATED, u, fma(u, WITHIN, BELOW))
                # Every kind but the uniform one draws normal numbers.
                number = where_lt(fill(drawn, UNIFORM, lanes), load(kind, row * L, lanes), normal_quantile(u), u)
                number = fma(number, load(scale, (2 * row + 1) * L, lanes), load(scale, 2 * row * L, lanes))
                store(weights, k * L, number)
                k += 1
            for lane in range(L):
                if kind[lane] == ORTHOGONAL:
                    matrix = advanced(weights, (k - n_weights - n_biases) * L + lane)
                    _orthogonalise(matrix, L, size[layer], fan_in[layer])


@kernel
def _draw(seeds: Any, position: Any, numbers: Any, L: int) -> None:
    """Put four random numbers in (0, 1) for every lane into `numbers` (4, L); `position` counts these fours."""
    for lane in range(L):
        w0, w1, w2, w3 = philox(seeds[lane], STREAM_WEIGHTS, position, np.uint64(0))
        numbers[lane] = unit(w0)
        numbers[L + lane] = unit(w1)
        numbers[2 * L + lane] = unit(w2)
        numbers[3 * L + lane] = unit(w3)


@kernel
def _orthogonalise(matrix: Any, L: int, rows: int, columns: int) -> None:
    """Make the rows (or, where there are more rows than columns, the columns) of a normal matrix orthonormal.

    The Q of a QR decomposition whose R has a positive diagonal is uniformly distributed (Mezzadri, How to Generate
    Random Matrices from the Classical Compact Groups, Notices of the AMS 54, 2007), as Saxe et al. (2013) ask. It is
    computed by modified Gram-Schmidt, each vector twice ("twice is enough": Giraud, Langou and Rozloznik 2005), and not
    by LAPACK, whose bits depend on the processor.

    Parameters
    ----------
    matrix : float64 (rows, columns), changed in place
        Row-major, its numbers L places apart: one lane of a group.
    """
    wide = rows <= columns
    count, length = (rows, columns) if wide else (columns, rows)
    along, across = (L, columns * L) if wide else (columns * L, L)
    for v in range(count):
        own = advanced(matrix, v * across)
        for _ in range(2):
            for o in range(v):
                other = advanced(matrix, o * across)
                dot = 0.0
                for i in range(0, length * along, along):
                    dot += own[i] * other[i]
                for i in range(0, length * along, along):
                    own[i] -= dot * other[i]
            norm = 0.0
            for i in range(0, length * along, along):
                norm += own[i] * own[i]
            norm = np.sqrt(norm)
            for i in range(0, length * along, along):
                own[i] /= norm
