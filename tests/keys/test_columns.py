"""Columns say of many cells what a list with the value of each cell would say."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from runner.keys.columns import Column, alike, combined, grouped, merged, stacked

N = 7


@st.composite
def columns(draw: st.DrawFn) -> Column:
    """Of N cells; a value may stand there twice, or be that of no cell."""
    values = draw(st.lists(st.integers(0, 3), min_size=1, max_size=5))
    which = draw(st.lists(st.integers(0, len(values) - 1), min_size=N, max_size=N))
    column = Column(values, [f"text {value}" for value in values], np.array(which))
    return draw(
        st.sampled_from([column, Column.one(values[0], f"text {values[0]}"), Column.of(np.array(values * N)[:N])])
    )


def listed(column: Column, n: int = N) -> list[Any]:
    return [column.at(cell) for cell in range(n)]


@given(columns(), columns(), st.lists(st.booleans(), min_size=N, max_size=N) | st.booleans())
def test_values_are_replaced_where_it_is_said(one: Column, other: Column, where: list[bool] | bool) -> None:
    each = [where] * N if isinstance(where, bool) else where
    found = one.replaced(where if isinstance(where, bool) else np.array(where), other)
    expected = [b if here else a for a, b, here in zip(listed(one), listed(other), each, strict=True)]
    assert listed(found) == expected
    assert {text for text in found.found() if text} <= {f"text {value}" for value in expected}


@given(columns())
def test_what_is_made_of_values(column: Column) -> None:
    expected = listed(column)
    np.testing.assert_array_equal(column.made(N, lambda value: [value, -value]), [[v, -v] for v in expected])
    np.testing.assert_array_equal(np.broadcast_to(column.accepted(lambda value: value > 1), N), np.array(expected) > 1)
    assert listed(column.reduced(lambda value: value // 2)) == [value // 2 for value in expected]
    assert listed(column.part(np.array([3, 1, 1])), 3) == [expected[3], expected[1], expected[1]]


def test_what_is_made_is_made_once_of_each_value_that_is_there() -> None:
    asked: list[int] = []
    Column([5, 6, 7], ["", "", ""], np.array([2, 0, 2, 2])).made(4, lambda value: asked.append(value) or value)
    assert asked == [5, 7]


@given(st.lists(columns(), min_size=1, max_size=4))
def test_cells_with_the_same_values_are_alike(several: list[Column]) -> None:
    rows = list(zip(*map(listed, several), strict=True))
    firsts, groups = alike(several, N)
    assert groups[firsts].tolist() == list(range(len(firsts)))
    assert len({*zip(groups.tolist(), rows, strict=True)}) == len(firsts)
    assert sorted(np.concatenate(grouped(several, N)).tolist()) == list(range(N))
    for members in grouped(several, N):
        assert len({rows[cell] for cell in members.tolist()}) == 1
    assert listed(combined(several, lambda values: (values, "")))[:N] == rows


def test_many_columns_of_many_values_are_told_apart() -> None:
    """Although the product of the numbers of their values is beyond 64 bits."""
    texts = [""] * 1000
    several = [Column(range(1000), texts, np.array([0, 999, 999, 0])) for _ in range(30)]
    several.append(Column(range(2), ["", ""], np.array([0, 1, 0, 0])))
    assert [members.tolist() for members in grouped(several, 4)] == [[0, 3], [2], [1]]


def test_cells_of_two_kinds() -> None:
    others = [Column(["a", "b"], ["A", "B"], np.array([1, 0])), Column.one(1, "1")]
    some = stacked([[Column.one("c", "C"), Column.one(2, "2")], [Column.one("d", "D"), Column.one(1, "1")]])
    found = merged(np.array([False, True, True, False]), some, others)
    assert [listed(column, 4) for column in found] == [["c", "b", "a", "d"], [2, 1, 1, 1]]
