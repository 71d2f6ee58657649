"""Data from npz and Parquet files and from memory: what is read, the same as from CSV, and what is said of mistakes."""

from __future__ import annotations

import contextlib
import datetime
import io
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
import yaml
from pyarrow import parquet

from runner.data import DataError, FileData, fingerprint, load_data, memory, parse_file_spec
from runner.data.files.problems import LISTED

X = np.array([[0.5, 1], [2, 3], [4, 5], [6, 7]])
Y = np.array([0, 1, 1, 0])
LABELS = np.array(["b", "a", "a", "c"])
NAN = np.nan


def npz(folder: Path, **arrays: Any) -> FileData:
    """A file with these arrays; inputs are X and targets y."""
    np.savez(folder / "t.npz", **arrays)
    return FileData("t.npz", ("X",), ("y",), form="npz")


def table(folder: Path, columns: dict[str, Any]) -> FileData:
    """A Parquet file of these columns; inputs are a and b, the target is c."""
    parquet.write_table(pa.table(columns), folder / "t.parquet")
    return FileData("t.parquet", ("a", "b"), ("c",), form="parquet")


def in_csv(folder: Path, rows: list[str], **options: Any) -> Any:
    """The data set of these rows as CSV."""
    (folder / "t.csv").write_text("\n".join(["a,b,c", *rows]) + "\n")
    return load_data(FileData("t.csv", ("a", "b"), ("c",)), base=folder, **options)


ROWS = ["0.5,1,b", "2,,a", "4,5,a", "6,7,"]
COLUMNS = {"a": [0.5, 2, 4, 6], "b": [1, None, 5, 7], "c": ["b", "a", "a", None]}
HOLES = np.array([[0.5, 1], [2, NAN], [4, 5], [6, 7]])


@pytest.mark.parametrize("missing", ["drop", "keep"])
def test_labels_and_what_is_missing_are_as_in_csv(tmp_path: Path, missing: str) -> None:
    options: dict[str, Any] = {"missing": missing, "target_encoding": "one_hot", "scaling": yaml_call("divide(2)")}
    expected = in_csv(tmp_path, ROWS, **options)
    labels = np.array(["b", "a", "a", ""])
    for data in (
        npz(tmp_path, X=HOLES, y=labels),
        table(tmp_path, COLUMNS),
        memory.remember(HOLES, np.array(["b", "a", "a", None], object)),
    ):
        found = load_data(data, base=tmp_path, **options)
        np.testing.assert_array_equal(found.inputs, expected.inputs)
        np.testing.assert_array_equal(found.targets, expected.targets)


def yaml_call(text: str) -> Any:
    """A scaling as a study has it."""
    from runner.keys.definitions import KEYS

    return KEYS["scaling"].read(text)


@pytest.mark.parametrize("kind", ["float32", "int8", "bool", "uint64", ">f8", "float16", "object"])
def test_numbers_of_every_kind_are_float64(tmp_path: Path, kind: str) -> None:
    x = np.array([[0, 1], [1, 0]]).astype(kind)
    for data in (memory.remember(x, x[:, :1]), *([] if kind == "object" else [npz(tmp_path, X=x, y=x[:, 1])])):
        found = load_data(data, base=tmp_path)
        assert found.inputs.dtype == np.float64
        assert found.inputs.tolist() == [[0, 1], [1, 0]]


def test_arrays_stand_side_by_side(tmp_path: Path) -> None:
    np.savez(tmp_path / "t.npz", a=X[:, 0], b=X, c=Y)
    found = load_data(FileData("t.npz", ("b", "a"), ("c", "a"), form="npz"), base=tmp_path)
    assert found.inputs.tolist() == np.column_stack([X, X[:, 0]]).tolist()
    assert found.targets.tolist() == np.column_stack([Y, X[:, 0]]).tolist()


def test_parquet_columns_of_many_types_and_by_position(tmp_path: Path) -> None:
    columns = {
        "a": pa.array([1, 2], pa.int16()),
        "b": pa.array([True, False]),
        "c": pa.array(["u", "v"]).dictionary_encode(),
        "d": pa.array([1, 2], pa.decimal128(5, 2)),
        "e": pa.array([0.5, None], pa.float32()),
    }
    table(tmp_path, columns)
    by_position = FileData("t.parquet", (0, 3, 1), (2,), form="parquet")
    found = load_data(by_position, target_encoding="one_hot", base=tmp_path)
    assert found.inputs.tolist() == [[1, 1, 1], [2, 2, 0]]
    assert found.targets.tolist() == [[1, 0], [0, 1]]
    with pytest.raises(DataError, match=r"t.parquet: column 'e', row 1, is missing; expected a number, or 'missing"):
        load_data(FileData("t.parquet", ("a",), ("e",), form="parquet"), base=tmp_path)


def test_polars_writes_what_is_read(tmp_path: Path) -> None:
    pl.DataFrame({"a": [1.5, None], "b": [1, 2], "c": ["u", "v"]}).write_parquet(tmp_path / "t.parquet")
    data = FileData("t.parquet", ("a", "b"), ("c",), form="parquet")
    found = load_data(data, missing="keep", target_encoding="one_hot", base=tmp_path)
    np.testing.assert_array_equal(found.inputs, [[1.5, 1], [NAN, 2]])


OBJECTS = np.array([{"a": 1}, [2]], object)
LOST = "expected a number, or 'missing: drop' or 'missing: keep' in the study"


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"X": X, "z": Y}, "t.npz: there is no array 'y'; the arrays are X, z"),
        ({"X": X, "ys": Y}, "t.npz: there is no array 'y'; the arrays are X, ys"),
        ({"X": X, "y": Y[:3]}, "t.npz: y has 3 samples, and X has 4"),
        ({"X": X.reshape(2, 2, 2), "y": Y}, "t.npz: X has shape (2, 2, 2); expected (samples,) or (samples, columns)"),
        ({"X": X + 1j, "y": Y}, "t.npz: X holds complex128; expected numbers"),
        ({"X": X, "y": Y.astype("M8[D]")}, "t.npz: y holds datetime64[D]; expected numbers"),
        ({"X": LABELS, "y": Y}, "t.npz: X holds text; expected numbers"),
        (
            {"X": X, "y": LABELS},
            "t.npz: y holds text; expected numbers (class labels need 'target_encoding: one_hot')",
        ),
        ({"X": HOLES, "y": Y}, f"t.npz: X[1, 1] is missing; {LOST}"),
        ({"X": X, "y": [0, np.inf, 1, 1]}, "t.npz: y[1] is inf; expected a finite number"),
        ({"X": X[:0], "y": Y[:0]}, "t.npz: there is no sample"),
        ({"X": X[:2], "y": OBJECTS}, "t.npz: array 'y' holds Python objects; expected numbers"),
    ],
)
def test_mistakes_in_an_npz_file_are_told(tmp_path: Path, arrays: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError) as caught:
        load_data(npz(tmp_path, **arrays), base=tmp_path)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"a": [1], "b": [2]}, "t.parquet: there is no column 'c'; the columns are a, b"),
        ({"a": ["x"], "b": [2], "c": [3]}, "t.parquet: column 'a' holds text; expected numbers"),
        (
            {"a": [datetime.date(2020, 1, 1)], "b": [2], "c": [3]},
            "t.parquet: column 'a' holds a date; expected numbers",
        ),
        ({"a": [[1, 2]], "b": [2], "c": [3]}, "t.parquet: column 'a' holds a list; expected numbers"),
        ({"a": [None], "b": [2], "c": [3]}, f"t.parquet: column 'a', row 0, is missing; {LOST}"),
        (
            {"a": [1], "b": [2], "c": ["x"]},
            "t.parquet: column 'c' holds text; expected numbers (class labels need 'target_encoding: one_hot')",
        ),
    ],
)
def test_mistakes_in_a_parquet_file_are_told(tmp_path: Path, columns: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError) as caught:
        load_data(table(tmp_path, columns), base=tmp_path)
    assert str(caught.value) == message


def test_files_that_are_something_else_are_told(tmp_path: Path) -> None:
    stream = io.BytesIO()
    np.save(stream, X)
    whole = npz(tmp_path, X=X, y=Y)
    content = (tmp_path / "t.npz").read_bytes()
    written = "expected an npz file, as numpy.savez writes it"
    for wrong, message in (
        (b"x,y\n1,2\n", f"t.npz: this is none, or a damaged one: {written}"),
        (content[:300], f"t.npz: this is none, or a damaged one: {written}"),
        (stream.getvalue(), f"t.npz: this is a single array: {written}"),
    ):
        (tmp_path / "t.npz").write_bytes(wrong)
        with pytest.raises(DataError) as caught:
            load_data(whole, base=tmp_path)
        assert str(caught.value) == message
    parquet_data = table(tmp_path, {"a": [1.0], "b": [2.0], "c": [3.0]})
    content = (tmp_path / "t.parquet").read_bytes()
    for wrong in (b"", b"x,y\n1,2\n", content[:-20]):
        (tmp_path / "t.parquet").write_bytes(wrong)
        with pytest.raises(DataError, match=r"^t.parquet: this is no Parquet file, or a damaged one$"):
            load_data(parquet_data, base=tmp_path)
    (tmp_path / "t.parquet").write_bytes(content)
    with pytest.raises(DataError, match=r"^t.parquet: there is no column 7: the file has 3, 0 to 2$"):
        load_data(FileData("t.parquet", (7,), (0,), form="parquet"), base=tmp_path)


def test_every_byte_of_a_file_may_be_damaged(tmp_path: Path) -> None:
    """A damaged file is an error in words, or (where it still reads) other data under another hash."""
    for data in (npz(tmp_path, X=X, y=Y), table(tmp_path, {"a": [1.0], "b": [2.0], "c": [3.0]})):
        path = tmp_path / data.path
        content = path.read_bytes()
        known = fingerprint(data, tmp_path)
        for place in np.linspace(0, len(content) - 1, 60).astype(int).tolist():
            path.write_bytes(content[:place] + bytes([content[place] ^ 0x5A]) + content[place + 1 :])
            with pytest.raises(DataError, match="the study expects"):
                load_data(known, base=tmp_path)
            with contextlib.suppress(DataError):
                load_data(data, base=tmp_path)
        path.write_bytes(content)


def test_only_the_first_problems_are_listed(tmp_path: Path) -> None:
    x = np.full((50, 2), NAN)
    with pytest.raises(DataError) as caught:
        load_data(npz(tmp_path, X=x, y=np.zeros(50)), base=tmp_path)
    assert len(caught.value.problems) == LISTED + 1
    assert str(caught.value.problems[-1]) == "t.npz: and 80 more"


@pytest.mark.parametrize(
    ("spec", "messages"),
    [
        ({"npz": "t.npz", "inputs": [0], "targets": [1]}, ["name the arrays of an npz file, which have no positions"]),
        (
            {"npz": "t.npz", "csv": "t.csv", "inputs": ["x"], "targets": ["y"]},
            ["npz must not stand beside csv: data come from one file"],
        ),
        ({"parquet": 3, "inputs": ["x"], "targets": ["y"]}, ["parquet must be the path of a file, found 3"]),
    ],
)
def test_mistakes_in_what_is_said_of_a_file(spec: dict[str, object], messages: list[str]) -> None:
    with pytest.raises(DataError) as caught:
        parse_file_spec(spec)
    assert [str(problem) for problem in caught.value.problems] == [f"data: {message}" for message in messages]


@pytest.mark.parametrize("form", ["npz", "parquet"])
def test_the_text_of_a_file_reads_back(form: str) -> None:
    data = FileData("my data", ("x 1", "no"), ("y",), "0123456789abcdef", form)
    assert parse_file_spec(yaml.safe_load(str(data))) == data


def test_data_in_memory_are_named_by_their_content() -> None:
    name = memory.remember(X, Y)
    assert memory.remember(X.tolist() and X.copy(order="F"), Y.astype(float)[:, None]) == name
    assert memory.parse(str(name)) == name
    others = [
        memory.remember(X + 0, 1 - Y),
        memory.remember(np.nextafter(X, 9), Y),
        memory.remember(X.T[:, :2], Y[:2]),
        memory.remember(X, LABELS),
        memory.remember(X, Y.astype(str)),
    ]
    assert len({name, *others}) == 1 + len(others)


def test_a_changed_array_does_not_change_what_was_kept() -> None:
    x = X.copy()
    name = memory.remember(x, Y)
    x[0, 0] = 99
    assert load_data(name).inputs[0, 0] == 0.5


def test_data_are_found_beside_a_study_and_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for inputs, targets in ((X, Y), (HOLES, LABELS), (X, np.array(["1", "2", "2", "1"]))):
        name = memory.remember(inputs, targets)
        path = tmp_path / name.file
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(memory.content_of(name))
        before = memory.load(name)
        monkeypatch.setattr(memory, "_known", {})
        monkeypatch.setattr(memory, "_places", {})
        with pytest.raises(DataError, match=rf"^data: {name} is not in this process: give the arrays again$"):
            memory.load(name)
        for found, known in zip(memory.load(name, tmp_path), before, strict=True):
            np.testing.assert_array_equal(found.values, known.values)
        monkeypatch.setattr(memory, "_known", {})
        memory.look_in(tmp_path)
        assert memory.load(name)[0].values.shape == inputs.shape
        other = memory.remember(inputs, np.arange(len(inputs)))
        path.write_bytes(memory.content_of(other))
        for content in (memory.content_of(other), b"", path.read_bytes()[:200]):
            path.write_bytes(content)
            monkeypatch.setattr(memory, "_known", {})
            with pytest.raises(DataError, match=r"does not hold what its name says \(changed or damaged\?\)$"):
                memory.load(name)
