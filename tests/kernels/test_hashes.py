"""Hashes by compiled kernels are those of the standard library."""

from __future__ import annotations

import hashlib
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.kernels.checksums import remainders, sum_rows
from runner.kernels.csv_rows import Joined, Pieces
from runner.kernels.run_ids import identify_runs, make_work
from runner.keys.columns import Column
from runner.keys.identity import Identity, line
from runner.results.joined import JoinedTexts
from runner.results.row_text import identify
from runner.results.sums import sums_of

SEEDS = (0, 9, 10, 12345, 2**32, 2**63, 2**64 - 1)


def by_kernel(texts: list[bytes], sizes: list[int], seeds: list[int]) -> tuple[list[str], list[str]]:
    """Identities of runs and of cells as text; the lines of a cell come in two pieces, perhaps empty ones."""
    halves = [half for text in texts for half in (text[: len(text) // 3], text[len(text) // 3 :])]
    pieces = Pieces(np.frombuffer(b"".join(halves), np.uint8), np.cumsum([0, *map(len, halves)]))
    joined = Joined(pieces, np.arange(len(halves)).reshape(-1, 2))
    ids, cell_ids = np.empty(len(seeds), np.uint64), np.empty(len(sizes), np.uint64)
    work = make_work(max(map(len, texts)))
    identify_runs(joined, np.array(sizes), np.array(seeds, np.uint64), ids, cell_ids, work)
    found, of_cells = ([f"{number:016x}" for number in numbers.tolist()] for numbers in (ids, cell_ids))
    return found, of_cells


def by_hashlib(text: bytes) -> str:
    """The same by the definition: sixteen digits of the hash, the first one made a letter."""
    digits = hashlib.blake2b(text, digest_size=8).hexdigest()
    return "abcdef"[int(digits[0], 16) % 6] + digits[1:]


@pytest.mark.parametrize("length", [*range(90, 135), 0, 1, 255, 256, 257, 1000])
def test_a_text_of_every_length_around_a_block(length: int) -> None:
    text = (bytes(range(32, 127)) * 11)[:length]
    expected = [by_hashlib(text + b"seed=%d\n" % seed) for seed in SEEDS]
    assert by_kernel([text], [len(SEEDS)], list(SEEDS)) == (expected, [by_hashlib(text)])


@settings(deadline=None)
@given(st.lists(st.tuples(st.binary(max_size=300), st.lists(st.integers(0, 2**64 - 1), max_size=4)), min_size=1))
def test_runs_of_several_cells(cells: list[tuple[bytes, list[int]]]) -> None:
    found = by_kernel([text for text, _ in cells], [len(s) for _, s in cells], [n for _, s in cells for n in s])
    runs = [by_hashlib(text + b"seed=%d\n" % seed) for text, seeds in cells for seed in seeds]
    assert found == (runs, [by_hashlib(text) for text, _ in cells])


def test_both_ways_to_identify_agree() -> None:
    keys, texts = ("data", "init", "bias", "ä"), [f"normal(0, {k})" for k in range(3)]
    columns = [Column.one(None, "xor"), Column(texts, texts, np.array([2, 0, 2])), Column.one(None, "")]
    columns.append(Column(["", "ü"], ["", "ü"], np.array([1, 0, 0])))
    seeds, sizes = np.arange(7, dtype=np.uint64), np.array([2, 0, 5])
    lines = JoinedTexts(3, keys, columns, line)
    slow, fast = (identify(lines, sizes, seeds, many=many) for many in (False, True))
    np.testing.assert_array_equal(slow[0], fast[0])
    np.testing.assert_array_equal(slow[1], fast[1])
    first = Identity(keys, ("xor", texts[2], "", "ü"))
    assert [slow[1][0], *slow[0][:2]] == [first.cell_number, *first.run_ids([0, 1])]
    assert f"{first.cell_number:016x}" == by_hashlib("data=xor\ninit=normal(0, 2)\nä=ü\n".encode())


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
