"""Targets: class labels turned into one output each, the range to which targets are mapped, and how far they spread."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from runner.data.parameters import Floats

ENCODINGS = ("none", "one_hot")
MOST_CLASSES = 1000


def classes_of(targets: Floats) -> Floats:
    """The classes of one column of labels, in their order.

    Raises
    ------
    ValueError
        When there is more than one column, or fewer than two classes, or too many to be classes.
    """
    if targets.shape[1] != 1:
        raise ValueError(f"target_encoding: one_hot takes one target column, found {targets.shape[1]}")
    labels = targets[:, 0]
    missing = np.isnan(labels)
    classes = np.unique(labels[~missing])
    if len(classes) < 2:
        found = f"{classes[0]:g} only" if len(classes) else "none"
        raise ValueError(f"target_encoding: one_hot needs at least two classes, found {found}")
    if len(classes) > MOST_CLASSES:
        raise ValueError(
            f"target_encoding: one_hot found {len(classes):,} classes in {len(labels):,} samples, "
            f"more than {MOST_CLASSES:,}"
        )
    return classes


def one_hot(targets: Floats, classes: Floats | None = None) -> Floats:
    """One output for each class in order of the labels: 1 for the sample's class, 0 for the others.

    A missing label (NaN) makes all outputs of its sample NaN. The classes are those of other targets, where they are
    given; ValueError as of `classes_of`.
    """
    encoded: Floats = (targets == (classes_of(targets) if classes is None else classes)).astype(np.float64)
    encoded[np.isnan(targets[:, 0])] = np.nan
    return encoded


def map_range(
    targets: Floats, target_range: tuple[float, float] | None, ends: tuple[float, float] | None = None
) -> tuple[Floats, float]:
    """Targets mapped linearly, and the middle between the smallest and the largest of them.

    Parameters
    ----------
    targets : array
        Of any shape; NaN stays NaN.
    target_range : (float, float) or None
        Where the smallest and the largest target go; None leaves them.
    ends : (float, float), optional
        These two, where they are those of other targets.

    Raises
    ------
    ValueError
        When the targets are constant, and neither 0 nor 1, so that there is nothing to map.
    """
    low, high = span(targets) if ends is None else ends
    if target_range is None:
        return targets, 0.5 * low + 0.5 * high
    if low == high:
        raise ValueError(f"target_range needs two different targets, and all of them are {low:g}")
    bottom, top = target_range
    # Halves, because the difference of two large targets may overflow; but for the tiniest numbers halving is exact.
    share = (0.5 * targets - 0.5 * low) / (0.5 * high - 0.5 * low)
    # A weighted mean rather than bottom + share * (top - bottom): exact at both ends.
    return bottom * (1.0 - share) + top * share, 0.5 * bottom + 0.5 * top


def span(targets: Floats) -> tuple[float, float]:
    """The smallest and the largest target; NaN when there is none.

    Targets that are all 0 or 1 span 0 to 1 even when only one of the two occurs, so that `boolean(1111)`
    keeps the middle 0.5 and its 1 goes where the 1 of every other boolean function goes.
    """
    known = targets[~np.isnan(targets)]
    if not known.size:
        return np.nan, np.nan
    low, high = float(known.min()), float(known.max())
    return (0.0, 1.0) if {low, high} <= {0.0, 1.0} and np.isin(known, (0.0, 1.0)).all() else (low, high)


def are_classes(targets: Floats) -> bool:
    """Whether every column holds two different values at most: then a sample is right or wrong.

    Parameters
    ----------
    targets : float64 array (samples, outputs)
    """
    # Asked for numbers of them too, NumPy does without its masked arrays, which every start would have to import.
    return all(len(np.unique(column, return_counts=True)[0]) <= 2 for column in targets.T)


def class_counts(targets: Floats, middle: float, of_outputs: bool) -> NDArray[np.int64]:
    """How many samples each class has: those whose target of it lies above the middle between the targets.

    Parameters
    ----------
    targets : float64 array (samples, outputs)
    middle : float
    of_outputs : bool
        Whether each output is a class; otherwise there are two, targets below the middle and those above it, and every
        target is counted.
    """
    above = (targets > middle).sum(axis=0)
    return above if of_outputs else np.array([targets.size - above.sum(), above.sum()])


def largest_deviation(targets: Floats) -> float:
    """The largest of the columns' population standard deviations, by sums that are the same on every processor."""
    return max(_deviation(column) for column in targets.T.tolist())


def _deviation(column: list[float]) -> float:
    n = len(column)
    try:
        mean = math.fsum(column) / n
        return math.sqrt(math.fsum((value - mean) ** 2 for value in column) / n)
    except OverflowError:
        # Squares of numbers beyond 1e154. Numbers near 1 have none such, and a power of two changes none of their bits.
        power = max(math.frexp(value)[1] for value in column)
        return math.ldexp(_deviation([math.ldexp(value, -power) for value in column]), power)
