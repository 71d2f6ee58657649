"""Columns that NumPy takes out of a CSV file are those of the csv module."""

from __future__ import annotations

import csv
import io
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.analysis import fields
from runner.analysis.fields import read_fields

TEXTS = st.sampled_from(["", "a", "normal(0, 1)", 'so "called", b', "ä", "1e-5", "two\nlines", '"', "a" * 30, "0"])


def read(content: bytes, n: int, places: list[int]) -> list[list[str]]:
    """The columns, whole."""
    found: list[list[str]] = [[] for _ in places]
    for columns in read_fields(io.BytesIO(content), n, places):
        for texts, (each, counts) in zip(found, columns, strict=True):
            texts += np.repeat(np.array(each, object), counts).tolist()
    return found


def by_csv(content: bytes, n: int, places: list[int]) -> list[list[str]]:
    rows = [row for row in csv.reader(io.StringIO(content.decode(), newline="")) if len(row) == n]
    return [[row[place] for row in rows] for place in places]


def written(rows: list[list[str]], end: str = "\n") -> bytes:
    file = io.StringIO(newline="")
    csv.writer(file, lineterminator=end).writerows(rows)
    return file.getvalue().encode()


@given(st.lists(st.lists(TEXTS, min_size=4, max_size=4), max_size=30), st.integers(1, 200), st.booleans())
def test_what_the_csv_module_reads(rows: list[list[str]], piece: int, windows: bool) -> None:
    content = written(rows, "\r\n" if windows else "\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fields, "_PIECE", piece)
        assert read(content, 4, [2, 0, 3]) == by_csv(content, 4, [2, 0, 3])
        assert read(content, 4, [1]) == by_csv(content, 4, [1])


@pytest.mark.parametrize("odd", [b"a,b\n", b"a,b,c,d,e\n", b"a,b,c,d\ne,f", b"\n", b'"a,b,c,d\n', b"a,\0,c,d\n"])
def test_lines_that_are_no_rows_are_left_out(odd: bytes) -> None:
    rows = written([["1", "x, y", "", "2"]] * 5)
    content = rows + odd
    assert read(content, 4, [0, 1, 2]) == by_csv(content, 4, [0, 1, 2])


def test_a_long_field_takes_no_memory_for_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fields, "_PIECE", 1 << 12)
    content = written([["1", "a"], ["2", "b" * 10_000], *([["3", "c"]] * 1000)])
    assert read(content, 2, [1]) == [["a", "b" * 10_000, *["c"] * 1000]]


def test_fields_that_stand_in_succession_are_one_text() -> None:
    (columns,) = read_fields(io.BytesIO(written([["a", "1"], ["a", "2"], ["b", "2"], ["a", "2"]])), 2, [0, 1])
    found: list[Any] = [(texts, counts.tolist()) for texts, counts in columns]
    assert found == [(["a", "b", "a"], [2, 1, 1]), (["1", "2"], [1, 3])]
    assert columns[1].made(float, np.float64).tolist() == [1.0, 2.0, 2.0, 2.0]
