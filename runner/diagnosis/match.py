"""Whether numbers are those of a formula: to rounding, and nothing else counts.

A weight w that moves to w' = k w - c g is stored with an error of half a unit in the last place of w', and the step
w - w' inherits it: u (|w| + |w'|), whatever the formula. The gradient g itself is a sum of products of a forward and a
backward pass; with n operations one after the other its error is at most n u times the largest number in it (Higham
2002, section 3.1), and n stays below `OPERATIONS` for networks of up to a few hundred units. Both together are the
bound; u is the unit of float64 or of float32, whichever the program's weights are. A dozen or more generic numbers
within 1e-13 of a formula that is not theirs do not occur: what matches is proved, but for formulas that are the same on
this network.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from runner.diagnosis.functions import Floats

OPERATIONS = 500.0
STORED = 4.0


@dataclass(frozen=True)
class Fit:
    """How formulas fit a group of weights.

    Attributes
    ----------
    matches : bool array (candidates,)
    rate : array (candidates,)
        The constant c of w' = keep w - c g.
    keep : array (candidates,)
    off : array (candidates,)
        Largest deviation, in units of the bound.
    """

    matches: NDArray[np.bool_]
    rate: Floats
    keep: Floats
    off: Floats


def fit(
    gradients: Floats, before: Floats, after: Floats, unit: float, keep: float | None = 1.0, slack: float = 0.0
) -> Fit:
    """Fit w' = keep w - rate g, the same two constants for all probes.

    Parameters
    ----------
    gradients : array (candidates, probes, ...)
    before, after : arrays (probes, ...)
        Weights.
    unit : float
        Unit roundoff of the program's arithmetic.
    keep : float or None
        None to fit it too.
    slack : float
        Added to the bound.
    """
    n = len(gradients)
    G = gradients.reshape(n, len(before), -1)
    w, new = before.reshape(len(before), -1), after.reshape(len(before), -1)
    with np.errstate(all="ignore"):
        gg = np.einsum("kpi,kpi->k", G, G)
        if keep is None:
            gw, ww = np.einsum("kpi,pi->k", G, w), (w * w).sum()
            gn, wn = np.einsum("kpi,pi->k", G, new), (w * new).sum()
            determinant = gg * ww - gw * gw
            kept = (gg * wn - gw * gn) / determinant
            rate = (gw * wn - ww * gn) / determinant
        else:
            kept = np.full(n, keep)
            rate = np.einsum("kpi,pi->k", G, keep * w - new) / gg
        part = rate[:, None, None] * G
        error = np.abs(kept[:, None, None] * w - new - part)
        scale = np.abs(part).max(axis=2, keepdims=True)
        bound = unit * (STORED * (np.abs(w) + np.abs(new)) + OPERATIONS * scale) + slack
        off = (error / bound).max(axis=(1, 2))
        ok = (off <= 1.0) & np.isfinite(rate) & (rate != 0) & np.isfinite(gg) & (gg > 0)
        # A step that drowns in the rounding of its weight shows nothing.
        visible = np.abs(part).max(axis=(1, 2)) > 1e3 * unit * np.abs(w).max()
    return Fit(ok & visible, rate, kept, np.where(np.isfinite(off), off, np.inf))


def same(one: Floats, other: Floats, unit: float) -> bool:
    """Whether two arrays are equal to rounding, seen from the largest number in them."""
    one, other = np.asarray(one, float), np.asarray(other, float)
    if one.shape != other.shape or not np.isfinite(one).all():
        return False
    largest = float(np.abs(one).max(initial=0.0))
    return bool((np.abs(one - other) <= OPERATIONS * unit * largest + 1e-300).all())


def close(one: float, other: float, tolerance: float = 1e-6) -> bool:
    """Whether two constants are the same number; constants come from a fit over many numbers."""
    return abs(one - other) <= tolerance * max(abs(one), abs(other))
