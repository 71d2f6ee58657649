"""Slopes over the values of a key."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from runner.keys.issues import Invalid
from runner.statistics import STATISTICS
from runner.statistics.estimate import Estimate, Influence, Values
from runner.statistics.intervals import difference, weighted_sum
from runner.statistics.trend import fit, places


@pytest.mark.parametrize(
    ("texts", "numbers"),
    [
        (["0.1", "1.0", "-10.0"], [0.1, 1, -10]),
        (["parity(2)", "parity(6)"], [2, 6]),
        (["2-4-1", "2-32-1"], [4, 32]),
        (["3-6-1", "10-20-1"], [6, 20]),
        (["uniform(-0.5, 0.5)", "uniform(-2, 2)"], [0.5, 2]),
        (["normal(0, 1e-3)", "normal(0, 10)"], [1e-3, 10]),
    ],
)
def test_values_of_a_key_have_places(texts: list[str], numbers: list[float]) -> None:
    assert places(texts) == numbers


@pytest.mark.parametrize("texts", [["sgd", "adam"], ["parity(2)", "xor"], ["2-4-1", "2-4-4-1"]])
def test_what_differs_in_more_than_numbers_has_none(texts: list[str]) -> None:
    with pytest.raises(Invalid, match="do not differ in numbers only"):
        places(texts)


def exact(value: float) -> Estimate:
    return Estimate(value, value, value, 1, 1, 1.0, Influence(), (), True)


def test_a_slope_is_that_of_scipy() -> None:
    x, y = [1.0, 2, 4, 8, 16], [3.0, 5, 11, 18, 40]
    estimates = [exact(each) for each in y]
    assert fit(x, estimates, "", "").value == pytest.approx(stats.linregress(x, y).slope)
    assert fit(x, estimates, "log2", "").value == pytest.approx(stats.linregress(np.log2(x), y).slope)
    both = stats.linregress(np.log10(x), np.log10(y)).slope
    for scale in ("log", "log2", "log10"):
        assert fit(x, estimates, scale, scale).value == pytest.approx(both)
    assert fit(x, estimates, "", "log").exact


@pytest.mark.parametrize(("low", "high"), [(0.0, 5.0), (1.0, math.inf)])
def test_an_end_without_a_logarithm_leaves_the_slope_open(low: float, high: float) -> None:
    points = [Estimate(2.0, low, high, 9, 9, 9.0, Influence()), exact(4.0)]
    found = fit([1, 2], points, "", "log2")
    assert (found.value, found.low, found.high) == (1.0, -math.inf, math.inf)
    nothing = fit([1, 2], [exact(math.inf), exact(4.0)], "", "log2")
    assert math.isnan(nothing.value)
    assert nothing.notes == ("a point of the line is infinite, zero or no number",)


@pytest.mark.parametrize(
    ("x", "scale", "message"), [([3, 3], "", "a slope needs two"), ([0, 3], "log", "0 has no log")]
)
def test_a_slope_that_there_is_not(x: list[float], scale: str, message: str) -> None:
    with pytest.raises(Invalid, match=message):
        fit(x, [exact(1.0), exact(2.0)], scale, "")


def test_the_sum_of_two_is_their_difference() -> None:
    a, b = (5.0, 4.0, 7.0), (2.0, 1.5, 2.25)
    for r in (-0.5, 0.0, 0.9):
        by_hand = 3 - math.sqrt(1 + 0.0625 - 2 * r * 0.25), 3 + math.sqrt(4 + 0.25 - 2 * r * 1.0)
        assert difference(a, b, r) == pytest.approx(by_hand)
        assert weighted_sum((1, -1), (a, b), ((1, r), (r, 1))) == pytest.approx(by_hand)


@pytest.mark.parametrize("name", ["median", "harmonic_mean", "mean"])
def test_a_slope_is_within_its_interval(name: str) -> None:
    """Times that double with every step: with seeds that fare alike at all steps, which makes it surer, or not."""
    rng, trials, widths = np.random.default_rng(4), 150, []
    for common in (0.0, 0.5):
        inside = 0
        for _ in range(trials):
            luck = rng.normal(size=150)
            own = math.sqrt(0.29 - common**2)
            points = []
            for step in range(4):
                times = 2.0**step * np.exp(common * luck + own * rng.normal(size=150))
                points.append(STATISTICS[name].estimate(Values(times, np.arange(150), False), 0.5, 0.99))
            found = fit([0, 1, 2, 3], points, "", "log2")
            inside += found.low <= 1 <= found.high
        assert inside / trials >= 0.97
        widths.append(found.high - found.low)
    assert widths[1] < 0.8 * widths[0]
