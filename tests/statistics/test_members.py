"""Every statistic: its number against pandas and SciPy, and how often its interval holds the true one."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from scipy import integrate, stats

from runner.statistics import STATISTICS
from runner.statistics.estimate import Estimate, Values

SEEDS = np.arange(200)
SHARE, SPREAD, MIDDLE = 0.85, 0.6, 100.0
"""Of runs that ever converge, and the lognormal times of those."""


def of(name: str, numbers: object, seeds: object = None, q: float = 0.5, **more: object) -> Estimate:
    """A statistic of some numbers, by default of one run per seed."""
    array = np.asarray(numbers, float)
    own = np.arange(len(array)) if seeds is None else np.asarray(seeds)
    return STATISTICS[name].estimate(Values(array, own, False, (), **more), q, 0.99)  # type: ignore[arg-type]


def times(rng: np.random.Generator, n: int = 200) -> np.ndarray:
    """Epochs to convergence, infinite for some runs."""
    found = rng.lognormal(math.log(MIDDLE), SPREAD, n)
    return np.where(rng.random(n) < SHARE, found, np.inf)


# ---- numbers


def test_numbers_are_those_of_pandas_and_scipy() -> None:
    numbers = pd.Series(np.random.default_rng(0).lognormal(4, 1, 101))
    assert of("mean", numbers).value == pytest.approx(numbers.mean(), rel=1e-14)
    assert of("std", numbers).value == pytest.approx(numbers.std(), rel=1e-13)
    assert of("median", numbers).value == numbers.median()
    assert of("harmonic_mean", numbers).value == pytest.approx(stats.hmean(numbers), rel=1e-14)
    assert (of("min", numbers).value, of("max", numbers).value) == (numbers.min(), numbers.max())
    assert of("rate", numbers > 50).value == pytest.approx((numbers > 50).mean())
    for q in (0.1, 0.25, 0.9):
        assert of("quantile", numbers, q=q).value == np.quantile(numbers, q, method="averaged_inverted_cdf")


def test_a_mean_of_one_run_per_seed_has_the_interval_of_scipy() -> None:
    numbers = np.random.default_rng(0).normal(3, 1, 30)
    found = of("mean", numbers)
    assert (found.low, found.high) == pytest.approx(stats.ttest_1samp(numbers, 0).confidence_interval(0.99))


def test_failures_add_nothing_to_the_sum_of_a_harmonic_mean() -> None:
    # 4 / (1/10 + 1/20 + 0 + 1/20)
    found = of("harmonic_mean", [10, 20, math.inf, 20])
    assert found.value == pytest.approx(20)
    inverse = stats.ttest_1samp([0.1, 0.05, 0, 0.05], 0).confidence_interval(0.99)
    assert inverse.low < 0
    assert (found.low, found.high) == (pytest.approx(1 / inverse.high), math.inf)


@pytest.mark.parametrize(("numbers", "value"), [([0, 5], 0.0), ([-1, 5], math.nan), ([math.inf] * 3, math.inf)])
def test_a_harmonic_mean_at_its_ends(numbers: list[float], value: float) -> None:
    found = of("harmonic_mean", numbers)
    assert found.value == pytest.approx(value, nan_ok=True)


def test_epochs_per_success() -> None:
    spent, met = [30, 100, 50, 100, 100], np.array([True, False, True, False, True])
    assert of("per_success", spent, converged=met).value == pytest.approx(380 / 3)
    nothing = of("per_success", [100.0] * 40, converged=np.zeros(40, bool))
    # No success in 40: the rate is surely below its exact bound, so that one costs at least so much.
    bound = stats.binomtest(0, 40).proportion_ci(0.99).high
    assert (nothing.value, nothing.high) == (math.inf, math.inf)
    assert nothing.low == pytest.approx(100 / bound)


def efficiency(numbers: np.ndarray, limit: float) -> float:
    """By its definition."""
    return float((numbers <= limit).sum() / np.minimum(numbers, limit).sum())


def test_the_efficiency_curve_is_that_of_its_definition() -> None:
    numbers = np.round(times(np.random.default_rng(1)))
    limits = np.arange(1, 20_000) / 4
    curve = np.array([efficiency(numbers, limit) for limit in limits])
    peak, best = curve.max(), limits[curve.argmax()]
    assert of("peak_efficiency", numbers).value == pytest.approx(peak)
    assert of("best_limit", numbers).value == best
    half = limits[curve >= peak / 2]
    assert of("efficient_from", numbers).value == half[0]
    assert of("efficient_to", numbers).value == pytest.approx(half[-1], abs=0.25)


def test_the_efficiency_of_runs_that_all_converge_or_that_never_do() -> None:
    numbers = np.array([10.0, 20, 30])
    # 3 / 60 with a limit of 30 or more, which is the greatest of 1/30, 2/50 and 3/60.
    assert of("peak_efficiency", numbers).value == pytest.approx(0.05)
    assert of("best_limit", numbers).value == 30
    never = of("efficient_to", numbers)
    assert (never.value, never.low, never.high) == (math.inf, 30, math.inf)
    nothing = of("peak_efficiency", [math.inf] * 3)
    assert (nothing.value, nothing.notes) == (0.0, ("no run converges",))
    at_once = of("best_limit", [0.0, 3.0])
    assert math.isnan(at_once.value)
    assert at_once.notes == ("a run is right before its first update",)


@pytest.mark.parametrize("numbers", [[5.0], [3.0, 3.0, 3.0], [1.0, math.inf]])
def test_a_standard_deviation_that_nothing_is_known_of(numbers: list[float]) -> None:
    found = of("std", numbers)
    assert math.isnan(found.value) or (found.value, found.low, found.high) == (0.0, 0.0, math.inf)


@pytest.mark.parametrize("name", STATISTICS)
def test_without_chance_every_statistic_is_exact(name: str) -> None:
    values = Values(np.array([3.0, 5, 9]), np.zeros(3, int), True, (), np.array([True, True, False]))
    found = STATISTICS[name].estimate(values, 0.5, 0.99)
    assert found.exact
    assert (found.low, found.high) == (found.value, found.value)


# ---- how sure they are


def _truth() -> dict[str, float]:
    """Of the distribution of `times`: by SciPy."""
    limits = np.geomspace(1, 20_000, 400_001)
    law = stats.lognorm(SPREAD, scale=MIDDLE)
    met = SHARE * law.cdf(limits)
    spent = 1 + integrate.cumulative_trapezoid(1 - met, limits, initial=0)
    curve = met / spent
    best = int(curve.argmax())
    half = limits[curve >= curve[best] / 2]
    budget = int(np.searchsorted(limits, 600))
    inverse = integrate.quad(lambda t: law.pdf(t) / t, 0, np.inf, limit=200)[0]
    return {
        "median": float(law.ppf(0.5 / SHARE)),
        "rate": float(met[budget]),
        "mean": float(law.mean()),
        "std": float(law.std()),
        "harmonic_mean": 1 / (SHARE * inverse),
        "per_success": float(spent[budget] / met[budget]),
        "peak_efficiency": float(curve[best]),
        "best_limit": float(limits[best]),
        "efficient_from": float(half[0]),
        "efficient_to": float(half[-1]),
    }


TRUTH = _truth()
# Of 99; the standard deviation of skewed values is known for less, as its note says.
LEAST = {"mean": 0.95, "std": 0.9, "harmonic_mean": 0.96, "peak_efficiency": 0.95, "efficient_to": 0.96}


@pytest.mark.parametrize("name", TRUTH)
@pytest.mark.parametrize("common", [False, True])
def test_an_interval_holds_the_true_number(name: str, common: bool) -> None:
    """99 times of 100, or nearly: with one run per seed, and with pairs of runs that fare alike."""
    rng = np.random.default_rng(2)
    inside, trials = 0, 150
    for _ in range(trials):
        found, seeds = times(rng), np.arange(200)
        if common:
            found, seeds = np.repeat(found, 2), np.repeat(seeds, 2)
        met = found <= 600
        if name in ("mean", "std"):
            found, seeds, met = (each[np.isfinite(found)] for each in (found, seeds, met))
        if name == "rate":
            found = met.astype(float)
        if name == "per_success":
            found = np.minimum(found, 600)
        estimate = of(name, found, seeds, converged=met)
        inside += estimate.low <= TRUTH[name] <= estimate.high
    assert inside / trials >= LEAST.get(name, 0.97)


@pytest.mark.parametrize("name", STATISTICS)
def test_four_times_the_seeds_halve_an_interval(name: str) -> None:
    """So that the number of replicates that would decide a claim can be told."""
    rng, widths = np.random.default_rng(3), []
    for n in (500, 2000):
        found = times(rng, n)
        met = found <= 600
        numbers = met.astype(float) if name == "rate" else np.minimum(found, 600)
        estimate = of(name, numbers, converged=met)
        widths.append(estimate.high - estimate.low)
    assert np.isnan(widths).all() or widths[1] == pytest.approx(widths[0] / 2, rel=0.45)
