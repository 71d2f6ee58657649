"""Which factors matter on a full grid: exact analysis of variance of the cells' rates, without the noise of few seeds.

The rate of a cell is known only from its seeds, so rates would differ even if no factor mattered, and because all cells
share the seeds their errors go together. Both are dealt with at once: the variance of an effect is the mean square
of the effect over the seeds less what its scatter from seed to seed adds to that. This is unbiased, whatever the
correlation between the cells.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from runner.analysis.explain.runs import Runs

Floats = NDArray[np.float64]


_MOST_STEPS = 200


@dataclass(frozen=True)
class Grid:
    """Convergence on a full grid.

    Attributes
    ----------
    y : float array (seeds, values of the first factor, ..., values of the last)
        1 where a run converged.
    seeds : int array
        Numbers of the seeds for which every cell was run.
    """

    y: Floats
    seeds: NDArray[np.int64]


@dataclass(frozen=True)
class Effect:
    """What one factor, or two together, add to the variance between cells.

    Attributes
    ----------
    factors : tuple of int
    variance : float
    share : float
        Of the variance between cells.
    """

    factors: tuple[int, ...]
    variance: float
    share: float


@dataclass(frozen=True)
class Effects:
    """The variance of convergence between cells, split up.

    Attributes
    ----------
    total : float
        Variance of the true rates of the cells.
    main, pairs : tuple of Effect
        Largest first.
    rest : float
        Share that takes three or more factors at once.
    """

    total: float
    main: tuple[Effect, ...]
    pairs: tuple[Effect, ...]
    rest: float


def full_grid(runs: Runs) -> Grid | None:
    """The grid, if every combination of values was run for at least one common seed."""
    levels, n_seeds = runs.levels, runs.n_seeds
    n_cells = int(np.prod([float(n) for n in levels]))
    if not levels or n_cells > len(runs):
        return None
    place = np.ravel_multi_index(tuple(runs.codes.T), levels)
    counts = np.bincount(runs.seeds * n_cells + place, minlength=n_seeds * n_cells).reshape(n_seeds, n_cells)
    complete = np.flatnonzero((counts == 1).all(axis=1))
    if not len(complete) or counts.max() > 1:
        return None
    y = np.zeros((n_seeds, n_cells))
    y[runs.seeds, place] = runs.converged
    return Grid(y[complete].reshape(len(complete), *levels), complete)


def main_grid(runs: Runs) -> NDArray[np.bool_] | None:
    """Rows of the full grid that is left when values with too few cells are taken away, the scarcest first.

    So are the cells set aside that a study includes one by one beside its grid.

    Returns
    -------
    bool array or None
        None when less than half of the cells make a grid.
    """
    k = len(runs.factors)
    if not k:
        return None
    _, first, cell = np.unique(runs.place(range(k)), return_index=True, return_inverse=True)
    codes = runs.codes[first]
    kept = np.ones(len(codes), bool)
    for _ in range(_MOST_STEPS):
        counts = [np.bincount(codes[kept, at], minlength=n) for at, n in enumerate(runs.levels)]
        n = int(np.count_nonzero(kept))
        if 2 * n < len(codes):
            return None
        if np.prod([float(np.count_nonzero(each)) for each in counts]) == n:
            return kept[cell]
        # What part of the cells a value has that it would have if all values of its factor had as many.
        parts = [np.where(each > 0, each * np.count_nonzero(each) / n, np.inf) for each in counts]
        at = min(range(k), key=lambda i: float(parts[i].min()))
        kept &= codes[:, at] != int(parts[at].argmin())
    return None


def effects(grid: Grid, exact: bool = False) -> Effects:
    """Split the variance between cells into main effects, two-way interactions and the rest.

    Parameters
    ----------
    grid : Grid
    exact : bool
        Whether the seed makes no difference, so that there is no noise.
    """
    y = grid.y
    k = y.ndim - 1
    grand = y.reshape(len(y), -1).mean(axis=1)
    means = {(i,): _over(y, (i,)) for i in range(k)}
    total = _variance(y.reshape(len(y), -1) - grand[:, None], exact)
    main = [(factors, _variance(mean - grand[:, None], exact)) for factors, mean in means.items()]
    pairs = []
    for i, j in combinations(range(k), 2):
        both = _over(y, (i, j)) + grand[:, None, None]
        both -= means[i,][:, :, None] + means[j,][:, None, :]
        pairs.append(((i, j), _variance(both.reshape(len(y), -1), exact)))
    return _effects(total, main, pairs)


def _over(y: Floats, keep: tuple[int, ...]) -> Floats:
    """Means over all factors but the seeds and some."""
    away = tuple(at + 1 for at in range(y.ndim - 1) if at not in keep)
    return np.asarray(y.mean(axis=away), np.float64)


def _variance(parts: Floats, exact: bool) -> float:
    """Mean square of an effect (seeds, values), less what the scatter over the seeds adds to it."""
    seeds = len(parts)
    middle = parts.mean(axis=0)
    square = float(np.square(middle).mean())
    if exact or seeds < 2:
        return square
    noise = float(np.square(parts - middle).sum(axis=0).mean()) / (seeds * (seeds - 1))
    return square - noise


def _effects(
    total: float, main: Sequence[tuple[tuple[int, ...], float]], pairs: Sequence[tuple[tuple[int, ...], float]]
) -> Effects:
    # Less than a tenth of a point of standard deviation is nothing.
    real = total > 1e-6

    def made(parts: Sequence[tuple[tuple[int, ...], float]]) -> tuple[Effect, ...]:
        found = [Effect(factors, max(v, 0.0), min(max(v / total, 0.0), 1.0) if real else 0.0) for factors, v in parts]
        return tuple(sorted(found, key=lambda effect: -effect.share))

    first, second = made(main), made(pairs)
    explained = sum(effect.share for effect in (*first, *second))
    return Effects(max(total, 0.0), first, second, max(1.0 - explained, 0.0) if real else 0.0)
