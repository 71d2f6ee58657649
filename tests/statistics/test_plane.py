"""The dimension of a border, against curves and surfaces whose dimension is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from matplotlib.path import Path
from numpy.typing import NDArray

from runner.keys.issues import Invalid
from runner.statistics.estimate import Estimate
from runner.statistics.plane import LEAST, box_dimension

Grid = NDArray[np.bool_]


def dimension(grid: Grid) -> Estimate:
    rows, columns = np.indices(grid.shape).reshape(2, -1)
    return box_dimension(columns.astype(float), rows.astype(float), grid.reshape(-1), 0.99)


def plane(n: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    y, x = np.indices((n, n)) / n
    return x, y


def koch(n: int) -> Grid:
    """What lies within Koch's snowflake, whose border has the dimension log 4 / log 3."""
    points = np.array([0, np.exp(1j * np.pi / 3), 1, 0])
    for _ in range(6):
        starts, third = points[:-1], np.diff(points) / 3
        tips = starts + third + third * np.exp(1j * np.pi / 3)
        points = np.append(np.stack([starts, starts + third, tips, starts + 2 * third], axis=1).reshape(-1), 0)
    x, y = plane(n)
    within = Path(np.stack([points.real, points.imag], axis=1))
    return within.contains_points(np.stack([1.2 * x - 0.1, 1.2 * y - 0.32], axis=2).reshape(-1, 2)).reshape(n, n)


def surface(hurst: float, n: int, seed: int) -> Grid:
    """Where a random surface of a Hurst exponent is above its median: the border has the dimension 2 - hurst."""
    rough = np.random.default_rng(seed).normal(size=(2 * n, 2 * n))
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(2 * n), np.fft.fftfreq(2 * n)))
    frequency[0, 0] = 1.0
    height = np.fft.ifft2(np.fft.fft2(rough) * frequency ** -(hurst + 1)).real[:n, :n]
    return np.asarray(height > np.median(height))


@pytest.mark.parametrize("n", [LEAST, 200, 512])
def test_smooth_borders_have_one(n: int) -> None:
    x, y = plane(n)
    for grid in (y > 0.37 * x + 0.08, (x - 0.48) ** 2 + (y - 0.5) ** 2 < 0.35**2):
        found = dimension(grid)
        assert found.value == pytest.approx(1.0, abs=0.02)
        assert found.low < 1.0 < found.high


def test_a_plane_without_order_has_two() -> None:
    assert dimension(np.random.default_rng(0).random((512, 512)) < 0.5).value == pytest.approx(2.0, abs=0.05)


def test_known_dimensions_come_out_as_much_too_low_as_is_said() -> None:
    """The numbers of docs/claims.md."""
    assert dimension(koch(512)).value == pytest.approx(1.19, abs=0.01)
    for hurst, shown in ((0.7, 1.2), (0.5, 1.3), (0.2, 1.5)):
        values = [dimension(surface(hurst, 512, seed)).value for seed in range(4)]
        assert np.mean(values) == pytest.approx(shown, abs=0.02)


def test_neither_the_order_of_the_runs_nor_the_steps_of_the_axes_matter() -> None:
    grid = surface(0.5, 100, 0)
    rows, columns = np.indices(grid.shape).reshape(2, -1)
    order = np.random.default_rng(1).permutation(grid.size)
    found = box_dimension(np.exp(columns)[order], -1.0 * rows[order], grid.reshape(-1)[order], 0.99)
    assert found.value == dimension(grid[::-1]).value


def test_a_border_in_one_corner_has_no_interval_and_none_no_dimension() -> None:
    x, y = plane(128)
    corner = dimension((x < 0.2) & (y < 0.2))
    assert corner.value == pytest.approx(1.0, abs=0.1)
    assert math.isnan(corner.low)
    assert corner.notes == ("no interval: the border crosses 1 of 16 parts of the plane",)
    nothing = dimension(x < 2)
    assert math.isnan(nothing.value)
    assert nothing.notes == ("all runs are of one kind: there is no border",)


def test_what_is_no_plane_is_told() -> None:
    x, y = (each.reshape(-1) for each in plane(LEAST))
    hits = x > 0.5
    with pytest.raises(Invalid, match="needs 64 values of each key, found 63 and 64"):
        box_dimension(np.maximum(x, 1 / LEAST), y, hits, 0.99)
    with pytest.raises(Invalid, match="found 8,192 runs and 64 x 64 pairs"):
        box_dimension(np.tile(x, 2), np.tile(y, 2), np.tile(hits, 2), 0.99)
    with pytest.raises(Invalid, match="found 4,095 runs and 64 x 64 pairs"):
        box_dimension(x[1:], y[1:], hits[1:], 0.99)
