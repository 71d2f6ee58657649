"""Kaplan and Meier's estimate and its interval, against plain loops."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from runner.analysis.survival import Converged
from runner.analysis.survival import converged_by as converged_by_values
from runner.statistics.estimate import Values


def converged_by(times: np.ndarray, met: np.ndarray, seeds: np.ndarray, confidence: float = 0.95) -> Converged:
    """The estimate of runs in memory."""
    return converged_by_values(Values(times, seeds, False, (), met), confidence)


def by_hand(times: np.ndarray, met: np.ndarray, t: float) -> tuple[float, float]:
    """The share that is left after t, and Greenwood's sum, as Kaplan and Meier write them."""
    left, greenwood = 1.0, 0.0
    for u in sorted(set(times[met])):
        if u <= t:
            d = sum(1 for a, b in zip(times, met, strict=True) if b and a == u)
            n = sum(1 for a in times if a >= u)
            left *= 1 - d / n
            greenwood += d / (n * (n - d)) if n > d else math.inf
    return left, greenwood


def runs(
    n: int = 60, seeds: int = 60, budgets: tuple[int, ...] = (20, 50)
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    budget = np.resize(budgets, n).astype(float)
    when = np.floor(rng.exponential(30, n))
    return np.minimum(when, budget), when <= budget, np.arange(n) % seeds


def test_the_share_and_greenwoods_interval_are_those_of_the_papers() -> None:
    times, met, seeds = runs()
    found = converged_by(times, met, seeds, 0.95)
    assert found.times.tolist() == sorted(set(times[met]))
    assert found.end == 50
    z = stats.norm.ppf(0.975)
    for k, t in enumerate(found.times):
        left, greenwood = by_hand(times, met, t)
        assert found.share[k] == pytest.approx(1 - left, rel=1e-12)
        reach = z * math.sqrt(greenwood) / abs(math.log(left))
        assert found.low[k] == pytest.approx(1 - left ** math.exp(-reach), rel=1e-10)
        assert found.high[k] == pytest.approx(1 - left ** math.exp(reach), rel=1e-10)


def test_with_one_budget_it_is_the_plain_share() -> None:
    times, met, seeds = runs(budgets=(40,))
    found = converged_by(times, met, seeds)
    for t, share in zip(found.times, found.share, strict=True):
        assert share == pytest.approx(np.mean((times <= t) & met), rel=1e-12)


def test_a_run_counts_at_the_very_time_of_its_censoring() -> None:
    # At 5, four are watched: the censored one too.
    found = converged_by(np.array([3.0, 5, 5, 5, 9]), np.array([True, True, False, True, False]), np.arange(5))
    assert found.share.tolist() == pytest.approx([1 / 5, 1 - 4 / 5 * 2 / 4])


def test_common_seeds_count_by_what_each_contributes() -> None:
    """The jackknife to first order, by a finite difference of the weight of each seed."""
    times, met, seeds = runs(n=60, seeds=12)
    found = converged_by(times, met, seeds, 0.95)

    def log_left(weights: np.ndarray, t: float) -> float:
        total = 0.0
        for u in sorted(set(times[met])):
            if u <= t:
                d = weights[(times == u) & met].sum()
                total += math.log(1 - d / weights[times >= u].sum())
        return total

    step, reach = 1e-6, stats.t.ppf(0.975, 11)
    for k, t in enumerate(found.times):
        left = 1 - found.share[k]
        changes = []
        for seed in range(12):
            up, down = np.ones(60), np.ones(60)
            up[seeds == seed] += step
            down[seeds == seed] -= step
            changes.append((log_left(up, t) - log_left(down, t)) / (2 * step))
        error = math.sqrt(12 / 11 * sum(change**2 for change in changes))
        expected = 1 - left ** math.exp(reach * error / abs(math.log(left)))
        assert found.high[k] == pytest.approx(expected, rel=1e-6)


def test_runs_that_are_repeated_under_their_seeds_are_no_new_knowledge() -> None:
    times, met, seeds = runs()
    once = converged_by(times, met, seeds)
    thrice = converged_by(np.tile(times, 3), np.tile(met, 3), np.tile(seeds, 3))
    np.testing.assert_allclose(thrice.share, once.share)
    # Greenwood's sum and the squares of the seeds differ a little where runs are censored.
    inner = np.isfinite(once.low)
    np.testing.assert_allclose((thrice.high - thrice.low)[inner], (once.high - once.low)[inner], rtol=0.1)


def test_where_none_or_all_have_converged_there_is_no_interval() -> None:
    none = converged_by(np.array([9.0, 9]), np.zeros(2, bool), np.arange(2))
    assert (len(none.times), none.end) == (0, 9)
    every = converged_by(np.array([1.0, 2]), np.ones(2, bool), np.arange(2))
    assert every.share.tolist() == [0.5, 1]
    assert np.isnan(every.high[1])
    assert np.isfinite(every.high[0])
    one_seed = converged_by(np.array([1.0, 2, 3]), np.ones(3, bool), np.zeros(3, int))
    assert np.isnan(one_seed.low).all()


def test_many_times_are_thinned_and_stay_exact() -> None:
    rng = np.random.default_rng(0)
    times, met, seeds = rng.random(5000), np.ones(5000, bool), np.arange(5000) % 50
    found = converged_by(times, met, seeds)
    assert len(found.times) == 400
    np.testing.assert_allclose(found.share, [np.mean(times <= t) for t in found.times], atol=1e-12)
