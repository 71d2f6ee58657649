"""Exported tables hold what stands in runs.csv, every value with its type; pandas' own reading is the truth."""

from __future__ import annotations

import csv
import datetime
import json
import os
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import runner
from runner.__main__ import main
from runner.errors import Refused, RunnerError
from runner.measurements import MEASUREMENTS
from runner.results import export
from runner.results.reader import EXACTLY

KINDS = {column.name: column.kind for column in MEASUREMENTS}
# A number to the last digit, the smallest ones, and what is none.
NUMBERS = ["0.1", "0.30000000000000004", "1e-07", "5e-324", "-0.0", "1.7976931348623157e+308", "nan", "inf", "-inf", ""]
WRONG_TEXTS = ["=1+1", "@x", "+1-1", "-x", "#N/A", "a\x07b", "two\nlines", 'a,"b"', "2-4-1", "007", " x ", "\u202eabc"]


def fields(k: int, name: str) -> str:
    """What stands in a column of row k."""
    if name in KINDS:
        if KINDS[name] == "bool":
            return str(k % 3 == 0)
        return NUMBERS[k % len(NUMBERS)] if KINDS[name] == "float" else ["12", "", "1000000000000"][k % 3]
    known = {
        "run_id": f"a{k:015x}",
        "cell_id": f"b{k // 4:015x}",
        "data": WRONG_TEXTS[k % len(WRONG_TEXTS)],
        "architecture": "2-4-1",
        "batch": "full" if k % 50 else "16",
        "epochs": str(10 ** (k % 4)),
        "learning_rate": ["0.1", "1e-07", "2.0", "-0.0"][k % 4],
        "momentum": ["", "0.9"][k % 2],
        "weight_decay": ["0", "0.5"][k % 2],
        "seed": str(2**63 - 1 - k),
        "outcome": ["converged", "stuck", "diverged"][k % 3],
    }
    return known.get(name, "")


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """A table with all columns, whose texts and numbers are the worst there are."""
    from runner.results.columns import standard_header

    names = standard_header().names
    path = tmp_path / "results" / "worst" / "runs.csv"
    path.parent.mkdir(parents=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(names)
        writer.writerows([fields(k, name) for name in names] for k in range(300))
    return path


def as_pandas_reads(table: Path) -> pd.DataFrame:
    """The whole table; a text that looks like a missing value is a text."""
    texts = pd.read_csv(table, keep_default_na=False, na_values=[""], **EXACTLY)
    numbers = pd.read_csv(table, usecols=list(KINDS), **EXACTLY)
    return texts.assign(**{name: numbers[name] for name in KINDS})


def bits(column: Any) -> list[int]:
    """Numbers as integers, by which 0.0 is not -0.0, and NaN and missing are the same."""
    values = np.asarray(column, np.float64)
    return np.where(np.isnan(values), np.nan, values).view(np.int64).tolist()


def test_parquet_has_every_value_with_its_type(table: Path) -> None:
    pytest.importorskip("pyarrow")
    path, runs = export.export_table(table, "parquet")
    assert (path, runs) == (table.with_name("runs.parquet"), 300)
    found, expected = pd.read_parquet(path), as_pandas_reads(table)
    assert list(found) == list(expected)
    for name in expected:
        if pd.api.types.is_numeric_dtype(expected[name]):
            assert found[name].dtype.kind in "ifb", name
            assert bits(found[name]) == bits(expected[name]), name
            if found[name].dtype.kind == "i":
                assert found[name].tolist() == expected[name].tolist(), name
        else:
            texts = expected[name].astype(object).where(expected[name].notna(), None)
            assert found[name].astype(object).where(found[name].notna(), None).tolist() == texts.tolist(), name
    assert {name: str(found[name].dtype) for name in ("architecture", "batch", "learning_rate", "epochs", "seed")} == {
        "architecture": "category",
        "batch": "category",
        "learning_rate": "float64",
        "epochs": "int64",
        "seed": "int64",
    }
    assert found["converged"].dtype == bool


def test_parquet_tells_what_is_missing_from_what_is_no_number(table: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    column = parquet.read_table(export.export_table(table, "parquet")[0])["final_loss"].to_pylist()
    with table.open(newline="", encoding="utf-8") as file:
        written = [row["final_loss"] for row in csv.DictReader(file)]
    assert [k for k, value in enumerate(column) if value is None] == [k for k, text in enumerate(written) if not text]
    assert [k for k, x in enumerate(column) if x is not None and np.isnan(x)] == [
        k for k, text in enumerate(written) if text == "nan"
    ]


def test_sqlite_has_every_value_with_its_type(table: Path) -> None:
    path, _ = export.export_table(table, "sqlite")
    with sqlite3.connect(path) as database:
        found = pd.read_sql("SELECT * FROM runs", database)
        kinds = dict(database.execute("SELECT name, type FROM pragma_table_info('runs')").fetchall())
        stored = {name: database.execute(f'SELECT DISTINCT typeof("{name}") FROM runs').fetchall() for name in kinds}
    expected = as_pandas_reads(table)
    for name in expected:
        if pd.api.types.is_numeric_dtype(expected[name]):
            # SQLite keeps no sign of a zero.
            assert bits(found[name].astype(float) + 0.0) == bits(expected[name].astype(float) + 0.0), name
        else:
            assert found[name].where(found[name].notna(), "").tolist() == expected[name].fillna("").tolist(), name
    assert found["seed"].tolist() == expected["seed"].tolist()
    assert {name: kinds[name] for name in ("batch", "epochs", "learning_rate", "converged")} == {
        "batch": "TEXT",
        "epochs": "INTEGER",
        "learning_rate": "REAL",
        "converged": "BOOLEAN",
    }
    assert stored["batch"] == [("text",)]
    assert stored["architecture"] == [("text",)]


def test_xlsx_has_every_value_and_no_formula(table: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    path, _ = export.export_table(table, "xlsx")
    sheet = openpyxl.load_workbook(path)["runs"]
    rows = list(sheet.iter_rows())
    expected = as_pandas_reads(table)
    assert [cell.value for cell in rows[0]] == list(expected)
    for at, name in enumerate(expected):
        column = [row[at] for row in rows[1:]]
        for cell, value in zip(column, expected[name].tolist(), strict=True):
            assert cell.data_type in "nsb", "no formula, no error, no date"
            if isinstance(value, float) and not np.isfinite(value):
                assert cell.value in (None, "nan", "inf", "-inf")
                if cell.value:
                    assert bits([float(cell.value)]) == bits([value])
            elif isinstance(value, float):
                # openpyxl reads a whole number as one.
                assert bits([float(cell.value) + 0.0]) == bits([value + 0.0])
            elif name == "seed":
                assert cell.value == str(value), "Excel would round it"
            elif isinstance(value, str):
                assert cell.data_type == "s"
                assert cell.value == value.replace("\x07", "\\x07").replace("\u202e", "\\u202e")
            else:
                assert cell.value == value
                assert not isinstance(cell.value, datetime.date)


@pytest.mark.parametrize("to", export.FORMATS)
def test_a_row_that_is_torn_is_left_out(to: str, table: Path) -> None:
    if package := export.FORMATS[to].package:
        pytest.importorskip(package)
    table.write_bytes(table.read_bytes()[:-20])
    assert export.export_table(table, to)[1] == 299


@pytest.mark.parametrize("to", export.FORMATS)
def test_a_table_without_rows_has_its_columns(to: str, table: Path) -> None:
    if package := export.FORMATS[to].package:
        pytest.importorskip(package)
    table.write_bytes(table.read_bytes().splitlines(keepends=True)[0])
    path, runs = export.export_table(table, to)
    assert runs == 0
    if to == "parquet":
        found = pd.read_parquet(path)
        assert len(found) == 0
        assert found["final_loss"].dtype == "float64"


def test_other_programs_read_the_types(table: Path) -> None:
    polars = pytest.importorskip("polars")
    duckdb = pytest.importorskip("duckdb")
    pytest.importorskip("pyarrow")
    path, _ = export.export_table(table, "parquet")
    expected = as_pandas_reads(table)
    frame = polars.read_parquet(path)
    assert frame["architecture"].cast(polars.String).unique().to_list() == ["2-4-1"]
    assert set(frame["batch"].cast(polars.String)) == {"full", "16"}
    assert frame["learning_rate"].dtype == polars.Float64
    assert bits(frame["mse"].to_numpy()) == bits(expected["mse"])
    query = f"SELECT typeof(architecture), typeof(batch), typeof(epochs), typeof(converged) FROM '{path}' LIMIT 1"
    assert duckdb.sql(query).fetchall() == [("VARCHAR", "VARCHAR", "BIGINT", "BOOLEAN")]
    rate = duckdb.sql(f"SELECT avg(converged::INT) FROM '{path}'").fetchall()[0][0]
    assert rate == expected["converged"].mean()


def test_a_sheet_has_so_many_rows(table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "MOST_ROWS", 300)
    with pytest.raises(Refused, match="a sheet of Excel has 300 rows, and 300 runs and a heading do not fit"):
        export.export_table(table, "xlsx")
    monkeypatch.setattr(export, "MOST_ROWS", 301)
    assert export.export_table(table, "xlsx")[1] == 300


def test_a_cell_has_so_many_characters(table: Path) -> None:
    frame = pd.read_csv(table, dtype=str, na_filter=False)
    frame.loc[7, "init"] = f"[{', '.join(['0.25'] * 6000)}]"
    frame.to_csv(table, index=False, lineterminator="\n")
    with pytest.raises(Refused, match=r"a cell of Excel has 32,767 characters, and init has a text of 36,000"):
        export.export_table(table, "xlsx")
    assert sorted(path.name for path in table.parent.iterdir()) == ["runs.csv"]


@pytest.mark.parametrize("to", export.FORMATS)
def test_there_is_never_half_a_file(to: str, table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if package := export.FORMATS[to].package:
        pytest.importorskip(package)
    path = export.export_table(table, to)[0]
    before = path.read_bytes()

    def breaks(columns: Any) -> Any:
        yield list(columns)
        raise OSError(28, os.strerror(28))

    with monkeypatch.context() as patch:
        patch.setattr(export, "_parts", breaks)
        with pytest.raises(RunnerError, match=f"cannot write {path}: the disk is full"):
            export.export_table(table, to)
    assert path.read_bytes() == before
    assert sorted(each.name for each in table.parent.iterdir()) == sorted(["runs.csv", path.name])


def test_what_is_missing_is_told(table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(RunnerError) as caught:
        export.export_table(table, "parquet")
    assert str(caught.value) == "parquet needs pyarrow, which is not installed: pip install pyarrow"
    assert caught.value.exit_code == 1


def test_the_table_itself_is_never_written_over(table: Path) -> None:
    before = table.read_bytes()
    link = table.with_name("link")
    link.symlink_to(table)
    for into in (table, link, table.parent / ".." / "worst" / "runs.csv"):
        with pytest.raises(Refused, match="is the table itself"):
            export.export_table(table, "sqlite", into)
    assert table.read_bytes() == before


def test_a_field_that_is_no_number_is_told(table: Path) -> None:
    table.write_text(table.read_text(encoding="utf-8").replace("5e-324", "five"), encoding="utf-8")
    with pytest.raises(RunnerError, match=r"cannot be read as a table of results: column .*'five'"):
        export.export_table(table, "sqlite")


@pytest.mark.parametrize(
    ("texts", "kind"),
    [
        (["1", "", "20"], "int"),
        (["1", "0.5"], "float"),
        (["", ""], "float"),
        (["9223372036854775807", "-1"], "int"),
        (["9223372036854775808"], "category"),
        (["9007199254740993", "0.5"], "category"),
        (["1e-3", "1E5", "-.5"], "float"),
        (["0x10"], "category"),
        (["1,000"], "category"),
        (["2-4-1"], "category"),
        (["true", "1"], "category"),
        (["full", "16"], "category"),
    ],
)
def test_kinds_of_keys(texts: list[str], kind: str, table: Path) -> None:
    frame = pd.read_csv(table, dtype=str, na_filter=False).head(len(texts)).assign(batch=texts)
    frame.to_csv(table, index=False, lineterminator="\n")
    column = next(column for column in export.read_typed(table) if column.name == "batch")
    assert column.kind == kind
    found = ["" if value is None else value for value in column.objects()]
    assert found == [
        text if kind == "category" or not text else {"int": int, "float": float}[kind](text) for text in texts
    ]


@pytest.fixture
def call(table: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Any]:
    """The command in the folder of results."""
    monkeypatch.chdir(table.parent.parent.parent)

    def called(*arguments: str) -> tuple[int, str, str]:
        code = main(["export", *arguments])
        out, err = capsys.readouterr()
        return code, out, err

    return called


def test_the_command(call: Callable[..., Any], tmp_path: Path) -> None:
    assert call("worst", "--to", "sqlite") == (0, "results/worst/runs.sqlite: 300 runs\n", "")
    assert call("worst", "--to", "sqlite", "-q") == (0, "", "")
    code, out, err = call("results/worst/runs.csv", "--to", "sqlite", "--into", "mine.db", "--json")
    assert (code, err) == (0, "")
    assert json.loads(out) == {"name": "worst", "results": "results/worst/runs.csv", "runs": 300, "file": "mine.db"}
    assert (tmp_path / "mine.db").read_bytes()[:15] == b"SQLite format 3"


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (
            ["worst"],
            2,
            "--to: expected parquet, xlsx, sqlite, csv, parts, optuna, tensorboard, mlflow, wandb; it is missing",
        ),
        (
            ["worst", "--to", "parket"],
            2,
            "--to: expected parquet, xlsx, sqlite, csv, parts, optuna, tensorboard, mlflow, wandb; found 'parket'; "
            "did you mean 'parquet'?",
        ),
        (["worst", "worst", "--to", "sqlite", "--into", "x"], 2, "--into is one file: give one study"),
        (["best", "--to", "sqlite"], 2, "no results at best nor at results/best"),
        (["worst", "--to", "sqlite", "--into", "no/x"], 1, "cannot write no/x: No such file or directory"),
        (["worst", "--to", "sqlite", "--into", "results"], 1, "cannot write results: Is a directory"),
        (
            ["worst", "--to", "sqlite", "--into", "results/worst/runs.csv"],
            3,
            "results/worst/runs.csv is the table itself; pass another --into",
        ),
    ],
)
def test_wrong_arguments(
    arguments: list[str], code: int, message: str, call: Callable[..., Any], tmp_path: Path
) -> None:
    before = sorted(tmp_path.rglob("*"))
    found, out, err = call(*arguments)
    assert (found, out) == (code, "")
    assert err.startswith(f"error: {message}")
    assert len(err.splitlines()) == 1
    assert sorted(tmp_path.rglob("*")) == before


def test_from_python(table: Path, tmp_path: Path) -> None:
    out = table.parent.parent
    assert runner.export("worst", "sqlite", out=out) == table.with_name("runs.sqlite")
    assert runner.export(table, "sqlite", tmp_path / "x.db") == tmp_path / "x.db"
    with pytest.raises(
        ValueError,
        match="to: expected parquet, xlsx, sqlite, csv, parts, optuna, tensorboard, mlflow, wandb, found 'feather'",
    ):
        runner.export(table, "feather")
