"""How numbers, values, counts and lists are written."""

from __future__ import annotations

import fcntl
import io
import math
import os
import pty
import struct
import termios

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.keys.scalars import meant
from runner.terminal import Shortener, counted, duration, listed, number, page, page_width, percent, size, table


@given(st.floats(0, 1), st.integers(0, 3))
def test_some_never_look_like_none_nor_like_all(share: float, digits: int) -> None:
    text = percent(share, digits)
    assert (float(text.strip("<>%")) == 0) == (share == 0)
    assert (float(text.strip("<>%")) == 100) == (share == 1)
    if text[0] not in "<>":
        assert float(text[:-1]) == pytest.approx(100 * share, abs=0.5 * 10.0**-digits)


@pytest.mark.parametrize(
    ("value", "beside", "text"),
    [
        (0.0, (), "0"),
        (0.012345, (), "0.01235"),
        (12345.6, (), "12,346"),
        (12345.6, (12345.9,), "12,345.6"),
        (1e12, (), "1e+12"),
        (math.inf, (), "inf"),
        (math.nan, (), ""),
        (0.00786505, (0.007865055,), "0.00786505"),
        (0.007865054999, (0.007865055,), "0.007865054999"),
        (0.02, (0.02,), "0.02"),
        (0.0200001, (0.02, 0.5), "0.0200001"),
        (0.1, (0.1 + 1e-17, 0.30000000000000004), "0.1"),
    ],
)
def test_a_number_has_digits_that_tell_it_from_what_it_is_compared_with(
    value: float, beside: tuple[float, ...], text: str
) -> None:
    assert number(value, beside) == text


@given(st.floats(allow_nan=False, allow_infinity=False), st.floats(allow_nan=False, allow_infinity=False))
def test_two_numbers_that_differ_look_different(a: float, b: float) -> None:
    assert (number(a, [b]) == number(b, [a])) == (a == b)


VALUES = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.integers(-10, 10**12).map(str),
    st.sampled_from(["", "he_normal", "normal(0, 1)", f"[{'0.1, ' * 30}0.2]", f"[{'0.1, ' * 30}0.3]"]),
)


@given(st.lists(VALUES, min_size=1, max_size=12, unique_by=lambda text: text))
def test_values_of_an_axis_are_told_apart(values: list[str]) -> None:
    different = {float(text) if text.lstrip("-")[:1].isdigit() else text for text in values}
    short = Shortener(values)
    assert len({short(text) for text in values}) == len(different)


@given(st.lists(st.floats(1e-8, 1e8), min_size=1, max_size=8, unique=True))
def test_a_value_as_it_is_shown_is_understood(values: list[float]) -> None:
    short = Shortener([*map(repr, values)])
    for value in values:
        assert meant(float(short(repr(value))), values) == [value]


def test_values_are_no_longer_than_it_takes() -> None:
    short = Shortener(["0.1", "0.21544346900318834", "0.46415888336127786", "1.0", "10000.0", "1e-07", "30000"])
    shown = [short(text) for text in ("0.1", "0.21544346900318834", "1.0", "10000.0", "1e-07", "30000")]
    assert shown == ["0.1", "0.2154", "1", "10000", "1e-07", "30000"]
    assert Shortener(["4.641588833612779", "4.6416"])("4.641588833612779") == "4.64159"
    assert Shortener(["a" * 50])("a" * 50) == "a" * 37 + "..."


@pytest.mark.parametrize(
    ("written", "among", "found"),
    [
        (4.642, [0.1, 4.641588833612779], [4.641588833612779]),
        (4.64, [4.641588833612779], [4.641588833612779]),
        (4.6, [4.641588833612779], []),
        (0.5, [0.5, 0.50001], [0.5]),
        (4.642, [4.6416, 4.6421], [4.6416, 4.6421]),
        (10.0, [9.9999], [9.9999]),
        (1000.0, [1000.4], [1000.4]),
        (10000.0, [9996.0], []),
        (-0.3333, [-1 / 3], [-1 / 3]),
    ],
)
def test_what_a_shortened_number_stands_for(written: float, among: list[float], found: list[float]) -> None:
    assert meant(written, among) == found


def test_counts_lists_sizes_and_times() -> None:
    assert [counted(n, "run") for n in (0, 1, 2000)] == ["0 runs", "1 run", "2,000 runs"]
    assert [counted(n, "trajectory", "trajectories") for n in (1, 2)] == ["1 trajectory", "2 trajectories"]
    assert [listed(["a", "b", "c"][:n], "or") for n in (1, 2, 3)] == ["a", "a or b", "a, b or c"]
    assert [size(n) for n in (12, 1500, 123_456, 2e13)] == ["12 bytes", "1.5 kB", "123 kB", "20.0 TB"]
    assert [duration(s) for s in (0.42, 12.3, 125, 12_000)] == ["0.42 s", "12.3 s", "2 min 5 s", "3 h 20 min"]


@pytest.mark.parametrize(("columns", "width"), [(80, 80), (100, 100), (200, 100), (40, 60)])
def test_a_page_is_as_wide_as_the_terminal(columns: int, width: int) -> None:
    """A real one, from 60 to 100 columns."""
    outer, inner = pty.openpty()
    fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    with os.fdopen(inner, "w") as terminal:
        assert page_width(terminal) == width
        with page(terminal) as console:
            console.print("word " * 60)
        lines = os.read(outer, 4096).decode().splitlines()
    os.close(outer)
    assert width - 5 <= max(map(len, lines)) <= width


@pytest.mark.parametrize("width", [20, 60, 80])
def test_no_number_of_a_table_is_cut(width: int) -> None:
    """A table that does not fit makes lines that are too long; texts are broken before."""
    rows = table("key", "value", "share", "interval", align="llrr", wrapped={1})
    rows.add_row("learning_rate_schedule", "warm_restarts(10, 2)", "100.0%", "99.25% to 100.0%")
    rows.add_row("", "cosine(1000)", "0.000275", "")
    text = io.StringIO()
    with page(text, width) as console:
        console.print(rows)
        console.print("word " * 60)
    written = text.getvalue()
    assert {"learning_rate_schedule", "100.0%", "99.25% to 100.0%", "cosine(1000)", "0.000275"} <= {
        part.strip() for line in written.splitlines() for part in line.split("  ")
    }
    *_, last = written.splitlines()
    assert len(last) <= width
    assert (max(map(len, written.splitlines())) <= width) == (width == 80)


def test_a_page_in_a_file_has_100_columns() -> None:
    assert page_width(io.StringIO()) == 100
