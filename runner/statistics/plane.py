"""The dimension of the border between the runs of a plane that have an outcome and those that have not."""

from __future__ import annotations

import math

import numpy as np

from runner.keys.issues import Invalid
from runner.statistics.estimate import Bools, Estimate, Floats, Influence, Ints
from runner.statistics.intervals import student_t

LEAST = 64
"""Values that each key of a plane must have."""
# How many of the largest boxes stand side by side, at least: there are too few larger ones to tell anything.
_LEAST_BOXES = 24
# The plane in as many parts along each axis, for the interval, of which the border must cross some for their scatter to
# say something.
_PARTS, _LEAST_CROSSED = 4, 4


def box_dimension(x: Floats, y: Floats, hits: Bools, confidence: float) -> Estimate:
    """The box-counting dimension of the border between two kinds of runs, over the values of two keys.

    A box of side s reaches from one run to the s-th one after it along both axes, and the border is in it where its
    runs are of both kinds. Boxes with sides of 1, 2, 4, ... are counted; the dimension is minus the slope of the line
    of least squares through the logarithms of these numbers over that of the side (Falconer, 2014, Fractal Geometry,
    section 2.1). A smooth border has 1, runs of both kinds without any order have 2. It comes out too low where the
    border has detail finer than the distance between two runs: of 512 values along each axis by 0.07 for Koch's curve
    (1.26), and by 0.1, 0.2 and 0.3 for level lines of random surfaces with 1.3, 1.5 and 1.8.

    Parameters
    ----------
    x, y : float arrays (n,)
        Where each run stands on the two axes; only the order of the values counts.
    hits : bool array (n,)
    confidence : float

    Returns
    -------
    Estimate
        Its interval is Student's t over the parts of the plane, by the jackknife that leaves one of sixteen out at a
        time (Künsch, 1989): how much the border differs from place to place, and not what a finer plane would show.
        No interval where the border crosses fewer than four parts.

    Raises
    ------
    Invalid
        When there is not one run for each pair of values, or too few values.
    """
    grid = _grid(x, y, hits)
    sides = 2 ** np.arange(int(math.log2((min(grid.shape) - 1) // _LEAST_BOXES)) + 1)
    counts = _count_boxes(grid, sides)
    crossed = counts[counts[:, 0] > 0]
    total, n, seeds = crossed.sum(axis=0), len(hits), 1
    if not len(crossed):
        note = "all runs are of one kind: there is no border"
        return Estimate(math.nan, math.nan, math.nan, n, seeds, 1.0, Influence(), (note,))
    value, k = _dimension(sides, total), len(crossed)
    if k < _LEAST_CROSSED:
        note = f"no interval: the border crosses {k} of {_PARTS**2} parts of the plane"
        return Estimate(value, math.nan, math.nan, n, seeds, 1.0, Influence(), (note,))
    without = np.array([_dimension(sides, total - each) for each in crossed])
    half = student_t(confidence, k - 1) * math.sqrt((k - 1) / k * float(np.square(without - without.mean()).sum()))
    return Estimate(value, value - half, value + half, n, seeds, 1.0, Influence())


def _grid(x: Floats, y: Floats, hits: Bools) -> Bools:
    """Whether each run is a hit, by its place."""
    (xs, column), (ys, row) = (np.unique(each, return_inverse=True) for each in (x, y))
    if min(len(xs), len(ys)) < LEAST:
        raise Invalid(f"a box dimension needs {LEAST} values of each key, found {len(xs)} and {len(ys)}")
    if len(hits) != len(xs) * len(ys) or len(np.unique(row * len(xs) + column)) < len(hits):
        pairs = f"{len(xs):,} x {len(ys):,} pairs"
        raise Invalid(f"a box dimension needs one run for each pair of values: found {len(hits):,} runs and {pairs}")
    grid = np.empty((len(ys), len(xs)), np.bool_)
    grid[row, column] = hits
    return grid


def _count_boxes(grid: Bools, sides: Ints) -> Ints:
    """Boxes with runs of both kinds, for each part of the plane and each side of a box: an array (parts, sides)."""
    boxes = [(size - 1) // int(sides[-1]) for size in grid.shape]
    rows, columns = (n * int(sides[-1]) for n in boxes)
    some = np.zeros((rows, columns), np.bool_)
    every = ~some
    for down in (0, 1):
        for right in (0, 1):
            some |= grid[down : down + rows, right : right + columns]
            every &= grid[down : down + rows, right : right + columns]
    counts = []
    for side in sides.tolist():
        if side > 1:
            # A box is made of four of half its side.
            some = some[::2, ::2] | some[1::2, ::2] | some[::2, 1::2] | some[1::2, 1::2]
            every = every[::2, ::2] & every[1::2, ::2] & every[::2, 1::2] & every[1::2, 1::2]
        first = [np.arange(_PARTS) * n // _PARTS * (int(sides[-1]) // side) for n in boxes]
        in_rows = np.add.reduceat((some & ~every).astype(np.int64), first[0], axis=0)
        counts.append(np.add.reduceat(in_rows, first[1], axis=1).reshape(-1))
    return np.stack(counts, axis=1)


def _dimension(sides: Ints, counts: Ints) -> float:
    """Minus the slope of the logarithms of counts over those of sides."""
    return -float(np.polyfit(np.log2(sides), np.log2(counts), 1)[0])
