"""Hashes by compiled kernels are those of the standard library."""

from __future__ import annotations

import hashlib
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.kernels.checksums import remainders, sum_rows
from runner.kernels.csv_rows import Pieces
from runner.kernels.run_ids import identify_runs
from runner.keys.identity import Identity
from runner.results.row_text import identify
from runner.results.sums import sums_of

SEEDS = (0, 9, 10, 12345, 2**32, 2**63, 2**64 - 1)


def by_kernel(texts: list[bytes], sizes: list[int], seeds: list[int]) -> list[str]:
    """Identities as text."""
    starts = np.cumsum([0, *map(len, texts)])
    ids = np.empty(len(seeds), np.uint64)
    data = np.frombuffer(b"".join(texts), np.uint8)
    identify_runs(Pieces(data, starts), np.array(sizes), np.array(seeds, np.uint64), ids)
    return [f"{number:016x}" for number in ids.tolist()]


def by_hashlib(text: bytes, seed: int) -> str:
    """The same by the definition: sixteen digits of the hash, the first one made a letter."""
    digits = hashlib.blake2b(text + b"seed=%d\n" % seed, digest_size=8).hexdigest()
    return "abcdef"[int(digits[0], 16) % 6] + digits[1:]


@pytest.mark.parametrize("length", [*range(90, 135), 0, 1, 255, 256, 257, 1000])
def test_a_text_of_every_length_around_a_block(length: int) -> None:
    text = bytes(range(32, 127)) * 11
    expected = [by_hashlib(text[:length], seed) for seed in SEEDS]
    assert by_kernel([text[:length]], [len(SEEDS)], list(SEEDS)) == expected


@settings(deadline=None)
@given(st.lists(st.tuples(st.binary(max_size=300), st.lists(st.integers(0, 2**64 - 1), max_size=4)), min_size=1))
def test_runs_of_several_cells(cells: list[tuple[bytes, list[int]]]) -> None:
    found = by_kernel([text for text, _ in cells], [len(s) for _, s in cells], [n for _, s in cells for n in s])
    assert found == [by_hashlib(text, seed) for text, seeds in cells for seed in seeds]


def test_both_ways_to_identify_agree() -> None:
    cells = [Identity(("init", "ä"), ("normal(0, 1)", str(k))) for k in range(3)]
    seeds, sizes = np.arange(7, dtype=np.uint64), np.array([2, 0, 5])
    slow, fast = (identify(cells, sizes, seeds, many=many) for many in (False, True))
    np.testing.assert_array_equal(slow, fast)


@settings(deadline=None)
@given(st.lists(st.binary(max_size=40), min_size=1, max_size=20))
def test_checksums_are_those_of_zlib(rows: list[bytes]) -> None:
    text, ends = b"".join(rows), np.cumsum([len(row) for row in rows], dtype=np.int64)
    expected = [zlib.crc32(row) for row in rows]
    assert sums_of(text, ends).tolist() == expected
    sums = np.empty(len(rows), np.uint32)
    sum_rows(np.frombuffer(text, np.uint8), ends, remainders(), sums)
    assert sums.tolist() == expected
    assert sums_of(text, ends, many=True).tolist() == expected
