"""Numbers as text: byte for byte what Python writes."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from runner.kernels import csv_rows
from runner.kernels.decimals import LARGEST_K, LARGEST_Q, LEAST_K, LEAST_Q, powers_of_ten
from runner.measurements import MISSING, MISSING_BITS

NOTHING = csv_rows.Pieces(np.empty(0, np.uint8), np.zeros(2, np.int64))
NO_KEYS = csv_rows.Joined(NOTHING, np.zeros((1, 1), np.int64))


def written(numbers: NDArray[np.float64], kind: int = csv_rows.FLOAT) -> list[str]:
    """Every number as the kernel writes it."""
    n = len(numbers)
    zeros = np.zeros(n, np.int64)
    ids = zeros.astype(np.uint64)
    names = csv_rows.Names(ids, ids[:1], NO_KEYS, np.array([n]), ids, NOTHING, zeros)
    column = np.ascontiguousarray(numbers, np.float64).reshape(-1, 1)
    measured = csv_rows.Measurements(
        column, column.view(np.uint64), np.array([kind]), np.uint64(MISSING_BITS), powers_of_ten()
    )
    out, ends = np.empty(n * (csv_rows.MOST_NAME + csv_rows.MOST_BYTES), np.uint8), np.empty(n, np.int64)
    csv_rows.write_rows(names, measured, out, ends)
    rows = out[: ends[-1]].tobytes().decode().splitlines()
    start = f"{0:016x},{0:016x},0,"
    assert all(row.startswith(start) for row in rows)
    return [row.removeprefix(start) for row in rows]


def check(numbers: NDArray[np.float64]) -> None:
    """Compare with repr."""
    expected = list(map(repr, numbers.tolist()))
    found = written(numbers)
    if found != expected:
        pairs = zip(found, expected, strict=True)
        raise AssertionError([pair for pair in pairs if pair[0] != pair[1]][:10])


def neighbours(numbers: NDArray[np.float64]) -> NDArray[np.float64]:
    """Numbers, the two next to each, and all of them with the other sign."""
    near = np.concatenate([numbers, np.nextafter(numbers, np.inf), np.nextafter(numbers, -np.inf)])
    return np.concatenate([near, -near])


def test_any_bits() -> None:
    """All exponents alike, subnormal numbers and NaN among them."""
    check(np.random.default_rng(1).integers(0, 2**64, 1_000_000, np.uint64).view(np.float64))


def test_numbers_as_they_are_measured() -> None:
    random = np.random.default_rng(2)
    for scale in (1e-12, 1e-5, 1.0, 1e3, 1e17):
        check(random.normal(size=50_000) * scale)
    check(random.random(50_000).astype(np.float32).astype(np.float64))
    check(random.integers(0, 10**17, 50_000) / 10.0 ** random.integers(0, 20, 50_000))


def test_powers_and_their_neighbours() -> None:
    """Where doubles become sparser and decimals longer."""
    check(neighbours(np.ldexp(1.0, np.arange(-1074, 1024))))
    check(neighbours(np.array([float(f"1e{k}") for k in range(-323, 309)])))
    check(neighbours(np.array([float(f"{d}e{k}") for d in (2, 5, 9.5, 123456789) for k in range(-300, 300)])))


def test_small_numbers_of_units_and_whole_numbers() -> None:
    check(np.arange(1, 20_000, dtype=np.uint64).view(np.float64))
    check(np.arange(-20_000, 20_000).astype(np.float64))
    check(np.concatenate([np.arange(2**53 - 500, 2**53 + 500), 10 ** np.arange(19)]).astype(np.float64))
    check(np.arange(10_000) / 1000)


def test_what_is_no_number() -> None:
    assert written(np.array([math.inf, -math.inf, math.nan, -math.nan, 0.0, -0.0, MISSING])) == [
        "inf",
        "-inf",
        "nan",
        "nan",
        "0.0",
        "-0.0",
        "",
    ]


@given(st.lists(st.floats(), min_size=1))
def test_whatever_comes(numbers: list[float]) -> None:
    values = np.array(numbers)
    values = values[values.view(np.uint64) != MISSING_BITS]
    if len(values):
        check(values)


def test_whole_numbers_and_truth_values() -> None:
    whole = [0.0, 7.0, -3.0, 2.0**53, -(10.0**15), 999_999.0]
    assert written(np.array([*whole, MISSING]), csv_rows.INT) == [*(str(int(number)) for number in whole), ""]
    assert written(np.array([1.0, 0.0, 0.5, MISSING]), csv_rows.BOOL) == ["True", "False", "True", ""]


def test_floors_of_logarithms_are_exact() -> None:
    """The integers stand for log10(2), log10(3/4) and log2(10) closely enough for every exponent that occurs."""
    for q in range(LEAST_Q, LARGEST_Q + 1):
        k = q * 1262611 >> 22
        assert _power(10, k) <= _power(2, q) < _power(10, k + 1)
        k = (q * 1262611 - 524031) >> 22
        assert 4 * _power(10, k) <= 3 * _power(2, q) < 4 * _power(10, k + 1)
    for k in range(-LARGEST_K, -LEAST_K + 1):
        b = k * 1741647 >> 19
        assert _power(2, b) <= _power(10, k) < _power(2, b + 1)


def _power(base: int, exponent: int) -> int:
    """base to the power of the exponent, times 10^400 * 2^1200: whole numbers, so that comparisons are exact."""
    scaled = 10**400 * 2**1200
    return scaled * base**exponent if exponent >= 0 else scaled // base**-exponent


def test_the_table_of_powers() -> None:
    """128 leading bits of every power of ten, rounded up."""
    table = powers_of_ten()
    assert len(table) == LARGEST_K - LEAST_K + 1
    for k, (high, low) in zip(range(LEAST_K, LARGEST_K + 1), table.tolist(), strict=True):
        leading = (high << 64) + low
        assert leading >> 127 == 1
        exponent = (-k * 1741647 >> 19) - 127
        above = 10**-k if k < 0 else 1
        below = 10**k if k > 0 else 1
        # leading - 1 <= 10^-k / 2^exponent < leading, or equal where it fits
        above, below = (above, below << exponent) if exponent > 0 else (above << -exponent, below)
        assert (leading - 1) * below <= above < (leading + 1) * below


@pytest.mark.parametrize("sizes", [[1], [1, 1], [0, 30, 5, 0, 2]])
def test_rows(sizes: list[int]) -> None:
    """Identities, keys, seeds and outcomes, as Python would join them, cell by cell."""
    n_rows, n_cells = sum(sizes), len(sizes)
    random = np.random.default_rng(n_rows)
    keys, outcomes = ["a,b,", '"ä, ""x""",', ",", ""], [",converged", ",stuck"]
    pieces = []
    for texts in (keys, outcomes):
        data = [each.encode() for each in texts]
        ends = list(itertools.accumulate(map(len, data), initial=0))
        pieces.append(csv_rows.Pieces(np.frombuffer(b"".join(data), np.uint8), np.array(ends, np.int64)))
    ids, seeds = (random.integers(0, 2**63, n_rows, np.uint64) for _ in range(2))
    cell_ids, which = random.integers(0, 2**63, n_cells, np.uint64), random.integers(0, 4, (n_cells, 3))
    codes = random.integers(0, 2, n_rows)
    numbers = random.normal(size=(n_rows, 3))
    numbers[:, 1] = np.round(numbers[:, 1])
    kinds = np.array([csv_rows.FLOAT, csv_rows.BOOL, csv_rows.FLOAT])
    out, ends = np.empty(n_rows * 300, np.uint8), np.empty(n_rows, np.int64)
    joined = csv_rows.Joined(pieces[0], which)
    csv_rows.write_rows(
        csv_rows.Names(ids, cell_ids, joined, np.array(sizes), seeds, pieces[1], codes),
        csv_rows.Measurements(numbers, numbers.view(np.uint64), kinds, np.uint64(MISSING_BITS), powers_of_ten()),
        out,
        ends,
    )
    cells = np.repeat(np.arange(n_cells), sizes)
    expected = [
        f"{ids[i]:016x},{cell_ids[cell]:016x},{''.join(keys[k] for k in which[cell])}{seeds[i]}{outcomes[codes[i]]},"
        f"{numbers[i, 0].item()!r},{bool(numbers[i, 1])},{numbers[i, 2].item()!r}\n"
        for i, cell in enumerate(cells)
    ]
    assert out[: ends[-1]].tobytes().decode() == "".join(expected)
    assert np.diff(ends, prepend=0).tolist() == [len(row.encode()) for row in expected]
