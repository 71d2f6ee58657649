"""The slope of a statistic over the values of a key: how a time grows with the number of inputs, or of hidden units."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

import numpy as np

from runner.keys.issues import Invalid
from runner.statistics.combine import correlation
from runner.statistics.estimate import Estimate, Influence
from runner.statistics.intervals import weighted_sum

SCALES = {"": float, "log2": math.log2, "log10": math.log10, "log": math.log}
"""How a number enters the fit, by the name that stands around it: nothing, or a logarithm as NumPy calls it."""
_TWO = "a slope needs two values of the key"
_NUMBER = re.compile(r"[0-9]+\.?[0-9]*(?:e[-+]?[0-9]+)?")


def places(texts: Sequence[str]) -> list[float]:
    """Where the values of a key stand on an axis.

    Numbers at themselves; texts that differ in numbers only at the last number in which they do: `parity(4)` at 4,
    `uniform(-0.5, 0.5)` at 0.5, 2-8-1 among 2-4-1 and 2-16-1 at 8.

    Raises
    ------
    Invalid
        When they differ in something else.

    Examples
    --------
    >>> places(["2-4-1", "2-16-1"]), places(["parity(2)", "parity(5)"]), places(["-1.0", "0.5"])
    ([4.0, 16.0], [2.0, 5.0], [-1.0, 0.5])
    """
    if len(set(texts)) < 2:
        raise Invalid(_TWO)
    try:
        return [float(text) for text in texts]
    except ValueError:
        pass
    alike = len({_NUMBER.sub("#", text) for text in texts}) == 1
    rows = [[float(each) for each in _NUMBER.findall(text)] for text in texts]
    differing = [column for column in zip(*rows, strict=False) if len(set(column)) > 1]
    if not alike or not differing:
        raise Invalid(f"{' and '.join(sorted(texts)[:2])} do not differ in numbers only")
    return list(differing[-1])


def fit(x: Sequence[float], estimates: Sequence[Estimate], x_scale: str, y_scale: str) -> Estimate:
    """Slope of the line of least squares through estimates, each with the same weight.

    Parameters
    ----------
    x : sequence of float, length m
        Where they stand.
    estimates : sequence of Estimate, length m
    x_scale, y_scale : str
        Of `SCALES`.

    Returns
    -------
    Estimate
        Its interval is recovered from those of the estimates and from how much they vary together over the seeds. It
        says how sure the slope of that line is, not whether the points lie on a line. NaN where a point has no place.

    Raises
    ------
    Invalid
        When there are fewer than two places.
    """
    with_x = [_scaled(each, x_scale) for each in x]
    at = np.array(with_x)
    if not np.isfinite(at).all():
        raise Invalid(f"{x[with_x.index(min(with_x))]:g} has no {x_scale}")
    if len(set(with_x)) < 2:
        raise Invalid(_TWO)
    centred = at - at.mean()
    weights = (centred / np.square(centred).sum()).tolist()
    points = [tuple(_scaled(end, y_scale) for end in (each.value, each.low, each.high)) for each in estimates]
    value = sum(w * point[0] for w, point in zip(weights, points, strict=True))
    notes = tuple(dict.fromkeys(note for each in estimates for note in each.notes))
    runs, seeds = sum(each.runs for each in estimates), min(each.seeds for each in estimates)
    worth, exact = min(each.worth for each in estimates), all(each.exact for each in estimates)
    if not math.isfinite(value):
        notes = (*notes, "a point of the line is infinite, zero or no number")
        return Estimate(math.nan, math.nan, math.nan, runs, seeds, worth, Influence(), notes)
    low = high = value
    if any(math.isnan(end) for point in points for end in point):
        low = high = math.nan
    elif not exact and not all(math.isfinite(end) for point in points for end in point):
        low, high = -math.inf, math.inf
    elif not exact:
        together = [[1.0 if a is b else correlation(a.influence, b.influence) for a in estimates] for b in estimates]
        triples = [(point[0], point[1], point[2]) for point in points]
        low, high = weighted_sum(weights, triples, together)
    return Estimate(value, low, high, runs, seeds, worth, Influence(), notes, exact)


def _scaled(number: float, scale: str) -> float:
    if math.isnan(number) or not scale:
        return number
    if number <= 0:
        return -math.inf if number == 0 else math.nan
    return float(SCALES[scale](number))
