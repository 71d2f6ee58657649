"""The kernels' elementary functions against mpmath, and at special values."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.elementary import FITS, FUNCTIONS, LANES, PRECISIONS, Polynomial, Quotient, evaluate, worst
from runner.kernels.lanes import elementary
from runner.kernels.lanes.bits import SHIFTER32, SHIFTER64, times_power
from runner.kernels.lanes.entry import entry
from runner.kernels.lanes.operations import load, pointer, store


def stated(name: str, dtype: type) -> tuple[float, float]:
    """The largest error that a docstring tells, in units in the last place, and by how much it grows with |x|.

    A perfect function has 0.5.
    """
    text = " ".join((getattr(elementary, name).__doc__ or "").split())
    growth = r"(?: \+ ([0-9.]+) \|x\|)?"
    found = re.search(rf"Largest error: ([0-9.]+){growth} ulp \(float32: ([0-9.]+){growth}\)", text)
    assert found, name
    error, growing = found.group(*((1, 2) if dtype is np.float64 else (3, 4)))
    return float(error), float(growing or 0)


LIMIT = {np.float64: 708.0, np.float32: 87.0}


@pytest.mark.parametrize("dtype", PRECISIONS)
@pytest.mark.parametrize("name", [function.name for function in FUNCTIONS])
def test_errors_are_those_that_are_stated(name: str, dtype: type) -> None:
    """`python -m benchmarks.elementary` looks at many more points than a test can, and finds somewhat larger ones."""
    largest, growing = stated(name, dtype)
    error, at = worst(name, dtype)
    assert 0.6 * largest < error <= largest, at
    (growth,) = (function.growth[dtype] for function in FUNCTIONS if function.name == name)
    assert growth <= growing <= 1.01 * growth


@pytest.mark.parametrize("dtype", PRECISIONS)
@pytest.mark.parametrize("fit", FITS, ids=lambda fit: fit.name)
def test_coefficients_are_those_of_the_fit(fit: Polynomial | Quotient, dtype: type) -> None:
    """mpmath makes the very numbers that stand in the kernels, and the fit is as good as its precision."""
    source = Path(elementary.__file__).read_text()
    for coefficient in fit.fitted(dtype):
        assert repr(coefficient) in source
    assert fit.error(dtype) < 3 * np.finfo(dtype).eps


def values(name: str, dtype: type, *arguments: float) -> list[float]:
    return evaluate(name, np.array(arguments, dtype)).tolist()


@pytest.mark.parametrize("dtype", PRECISIONS)
@pytest.mark.parametrize("name", [function.name for function in FUNCTIONS])
def test_nan_stays_nan(name: str, dtype: type) -> None:
    found = values(name, dtype, 0.5, math.nan, -math.nan, 1.0)
    assert np.isnan(found).tolist() == [False, True, True, False]


@pytest.mark.parametrize("dtype", PRECISIONS)
def test_exact_values(dtype: type) -> None:
    assert values("exp", dtype, 0.0, -0.0) == [1.0, 1.0]
    assert values("sigmoid", dtype, 0.0, 50.0, 1e30, math.inf) == [0.5, 1.0, 1.0, 1.0]
    assert values("tanh", dtype, 0.0, 22.0, -22.0, math.inf, -math.inf) == [0.0, 1.0, -1.0, 1.0, -1.0]
    assert values("log", dtype, 1.0) == [0.0]
    assert values("log1p", dtype, 0.0) == [0.0]
    assert values("softplus", dtype, 1e30, math.inf) == [float(dtype(1e30)), math.inf]


@pytest.mark.parametrize("dtype", PRECISIONS)
def test_saturation_beyond_the_range(dtype: type) -> None:
    """exp has its value at the limit, a normal number whose reciprocal is one too; nothing becomes 0 or infinite."""
    limit = LIMIT[dtype]
    for name in ("exp", "sigmoid"):
        at_limits = values(name, dtype, limit, -limit)
        assert values(name, dtype, 2 * limit, -2 * limit) == at_limits
        assert values(name, dtype, math.inf, -math.inf) == at_limits
        assert np.isfinite(at_limits).all()
    smallest = np.finfo(dtype).tiny
    assert values("exp", dtype, -math.inf)[0] > smallest
    assert values("sigmoid", dtype, -math.inf)[0] > smallest
    assert values("softplus", dtype, -math.inf)[0] > smallest
    assert 1 / values("exp", dtype, math.inf)[0] > smallest


@pytest.mark.parametrize("dtype", PRECISIONS)
def test_logarithm_of_what_is_no_positive_number(dtype: type) -> None:
    """Infinity gives NaN, so that a diverged run shows."""
    assert np.isnan(values("log", dtype, math.inf)).all()


@pytest.mark.parametrize("dtype", PRECISIONS)
def test_small_arguments_keep_their_relative_accuracy(dtype: type) -> None:
    """tanh and log1p of x are x where x^2 is out of sight."""
    small = np.array([1e-30, -1e-30, 1e-17, 3e-20], dtype)
    assert evaluate("tanh", small) == pytest.approx(small, rel=2 * float(np.finfo(dtype).eps))
    assert np.array_equal(evaluate("log1p", np.abs(small)), np.abs(small))


@pytest.mark.parametrize("dtype", PRECISIONS)
@pytest.mark.parametrize("name", ["exp", "sigmoid", "tanh", "softplus"])
def test_values_stay_in_their_range_and_rise(name: str, dtype: type) -> None:
    """Within the errors above: never a step down by more than that, never beyond the limits."""
    x = np.linspace(-40, 40, 100_001).astype(dtype)
    y = evaluate(name, x)
    assert (np.diff(y) >= -2 * stated(name, dtype)[0] * np.abs(np.spacing(y[1:]))).all()
    low, high = {"tanh": (-1.0, 1.0), "sigmoid": (0.0, 1.0)}.get(name, (0.0, math.inf))
    assert low <= y.min()
    assert y.max() <= high


@pytest.mark.parametrize("dtype", PRECISIONS)
def test_tanh_is_odd_and_within_its_limits(dtype: type) -> None:
    """To the last bit, and densely where it becomes 1."""
    x = np.concatenate([np.linspace(0, 25, 200_001), np.geomspace(1e-300 if dtype is np.float64 else 1e-37, 1)])
    y = evaluate("tanh", x.astype(dtype))
    assert np.array_equal(evaluate("tanh", -x.astype(dtype)), -y)
    assert y.max() == 1.0
    assert y[1:].min() > 0.0


@entry
def _times_powers(x: Any, shifted: Any, out: Any) -> None:
    for at in range(0, x.size, LANES.n):
        scaled = times_power(load(pointer(x), at, LANES), load(pointer(shifted), at, LANES))
        store(pointer(out), at, scaled)


@pytest.mark.parametrize("dtype", PRECISIONS)
def test_powers_of_two_by_the_exponent(dtype: type) -> None:
    """`times_power`, compiled and in Python, against NumPy's ldexp: up to the largest, and any x with k = 0."""
    shifter, most = (SHIFTER64, 1021) if dtype is np.float64 else (SHIFTER32, 125)
    x = np.array([1.0, -1.7, 1.0, -1.7, 1.0, 0.0, -0.0, np.finfo(dtype).smallest_subnormal], dtype)
    k = np.array([1, -1, most, most, -most, 0, 0, 0])
    shifted, out = (k + shifter).astype(dtype), np.empty_like(x)
    _times_powers(x, shifted, out)
    exact = np.ldexp(x, k)
    assert out.tobytes() == exact.tobytes()
    assert times_power.py_func(x, shifted).tobytes() == exact.tobytes()


@pytest.mark.parametrize("name", [function.name for function in FUNCTIONS])
def test_a_lane_does_not_see_its_neighbours(name: str) -> None:
    """The same argument has the same bits wherever it stands."""
    x = np.abs(np.random.default_rng(3).normal(size=64)) * 0.5 + 0.01
    order = np.random.default_rng(4).permutation(64)
    assert np.array_equal(evaluate(name, x)[order], evaluate(name, x[order]))
