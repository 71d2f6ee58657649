"""Workbooks: openpyxl's reading, and the XML itself, are the truth."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from runner.results import workbook
from runner.results.workbook import write_workbook


def read(path: Path) -> list[tuple[Any, ...]]:
    """All rows, by openpyxl."""
    openpyxl = pytest.importorskip("openpyxl")
    return list(openpyxl.load_workbook(path)["a & b"].iter_rows(values_only=True))


def test_values_come_back(tmp_path: Path) -> None:
    rows = [
        ["=1+1", 0.30000000000000004, 5e-324, True, None, -7],
        ["", -1.7976931348623157e308, float("nan"), False, "x", 2**53],
        ["<&>\"'", 0.1, float("-inf"), True, "x", -(2**53) - 1],
    ]
    write_workbook(tmp_path / "x.xlsx", "a & b", list("abcdef"), rows, 3)
    assert read(tmp_path / "x.xlsx") == [
        tuple("abcdef"),
        ("=1+1", 0.30000000000000004, 5e-324, True, None, -7),
        ("", -1.7976931348623157e308, "nan", False, "x", 2**53),
        ("<&>\"'", 0.1, "-inf", True, "x", str(-(2**53) - 1)),
    ]


def test_the_heading_stays_where_it_is(tmp_path: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    write_workbook(tmp_path / "x.xlsx", "runs", ["a"], [[1]], 1)
    assert openpyxl.load_workbook(tmp_path / "x.xlsx")["runs"].freeze_panes == "A2"


def test_columns_have_the_names_of_a_spreadsheet() -> None:
    utils = pytest.importorskip("openpyxl.utils")
    for k in (0, 25, 26, 27, 51, 52, 701, 702, 16383):
        assert workbook._letters(k) == utils.get_column_letter(k + 1)


def test_every_character_makes_a_file_that_can_be_read(tmp_path: Path) -> None:
    texts = [chr(code) for code in range(0xD800)] + ["\ud800", "\ufffe", "\uffff", "\U0001f600", "_x0041_", "_x004_"]
    write_workbook(tmp_path / "x.xlsx", "runs", ["a"], ([text] for text in texts), len(texts))
    with zipfile.ZipFile(tmp_path / "x.xlsx") as archive:
        assert archive.testzip() is None
        for name in archive.namelist():
            ElementTree.fromstring(archive.read(name))
        shared = archive.read("xl/sharedStrings.xml").decode()
    assert ">\\x07<" in shared
    assert ">\\ufffe<" in shared
    # To a spreadsheet, `_x0041_` would be the letter A.
    assert ">_x005F_x0041_<" in shared
    assert ">_x004_<" in shared


def test_the_same_rows_make_the_same_bytes(tmp_path: Path) -> None:
    for name in ("x", "y"):
        write_workbook(tmp_path / name, "runs", ["a", "b"], [[1, "x"], [2.5, "y"]], 2)
    assert (tmp_path / "x").read_bytes() == (tmp_path / "y").read_bytes()


def test_what_is_large_is_written_as_such(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbook, "_LARGE", 100)
    write_workbook(tmp_path / "x.xlsx", "a & b", ["a"], ([k] for k in range(50)), 50)
    assert [row[0] for row in read(tmp_path / "x.xlsx")] == ["a", *range(50)]
