"""CSV data: what is read, and one exact message for everything that cannot be."""

from __future__ import annotations

import contextlib
import csv as csv_module
import hashlib
import io
import math
import os

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.data import DataError, FileData, fingerprint, load_data, parse_file_spec
from runner.data.files import file, samples
from runner.data.files.problems import LISTED
from runner.errors import StudyError
from runner.registry import Call
from runner.studies.load import load_study

XYZ = FileData("t.csv", ("x", "y"), ("z",))
POSITIONS = FileData("t.csv", (0, 1), (2,))


def write(tmp_path, content):
    (tmp_path / "t.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
    return tmp_path


def read(tmp_path, content, data=XYZ, **kwargs):
    return load_data(data, base=write(tmp_path, content), **kwargs)


def message(tmp_path, content, data=XYZ, **kwargs):
    with pytest.raises(DataError) as caught:
        read(tmp_path, content, data, **kwargs)
    return str(caught.value)


# What is read


@pytest.mark.parametrize(
    "content",
    [
        "x,y,z\n1,2,3\n4,5,6\n",
        "x,y,z\n1,2,3\n4,5,6",
        "x,y,z\r\n1,2,3\r\n4,5,6\r\n",
        "x,y,z\r1,2,3\r4,5,6\r",
        "\ufeffx,y,z\n1,2,3\n4,5,6\n",
        "\n\nx,y,z\n\n1,2,3\n\n4,5,6\n\n\n",
        " x , y , z \n 1 ,\t2, 3.\n+4,5e0,.6E+1\n",
        '"x","y","z"\n"1","2","3"\n4,5,6\n',
        'note,z,y,x\n"a, ""b""\nc",3,2,1\n,6,5,4\n',
    ],
)
def test_reads(tmp_path, content):
    data = read(tmp_path, content)
    assert data.inputs.tolist() == [[1, 2], [4, 5]]
    assert data.targets.tolist() == [[3], [6]]
    for array in (data.inputs, data.targets):
        assert array.flags.c_contiguous
        assert not array.flags.writeable
    assert not data.one_hot
    assert data.middle == 4.5


def test_reads_by_position(tmp_path):
    data = read(tmp_path, "1,2,3\n4,5,6\n", FileData("t.csv", (2, 0), (1, 2)))
    assert data.inputs.tolist() == [[3, 1], [6, 4]]
    assert data.targets.tolist() == [[2, 3], [5, 6]]


def test_a_header_may_hold_numbers(tmp_path):
    data = read(tmp_path, "country,2019,2020\na,1,2\nb,3,4\n", FileData("t.csv", ("2019",), ("2020",)))
    assert data.inputs.tolist() == [[1], [3]]


def test_labels_by_position_without_a_header(tmp_path):
    content = "5.1,3.5,Iris-setosa\n7.0,3.2,Iris-versicolor\n6.3,3.3,Iris-setosa\n"
    data = read(tmp_path, content, POSITIONS, target_encoding="one_hot")
    assert data.inputs.tolist() == [[5.1, 3.5], [7.0, 3.2], [6.3, 3.3]]
    assert data.targets.tolist() == [[1, 0], [0, 1], [1, 0]]


def test_text_labels_are_sorted(tmp_path):
    content = 'x,y,z\n1,1,b\n1,1, "c" \n1,1,10\n1,1,9\n1,1,b\n'.replace(' "c" ', "c ")
    data = read(tmp_path, content, target_encoding="one_hot")
    assert data.targets.argmax(axis=1).tolist() == [2, 3, 0, 1, 2]
    assert data.targets.sum(axis=1).tolist() == [1.0] * 5
    assert data.one_hot


def test_numeric_labels_are_sorted_as_numbers(tmp_path):
    data = read(tmp_path, "x,y,z\n1,1,10\n1,1,9\n1,1,-1\n1,1,9.0\n", target_encoding="one_hot")
    assert data.targets.argmax(axis=1).tolist() == [2, 1, 0, 1]


def test_scaling_encoding_and_range_apply(tmp_path):
    content = "x,y,z\n1,10,no way\n2,20,yes\n3,40,yes\n"
    data = read(tmp_path, content, scaling=Call("minmax"), target_encoding="one_hot", target_range=(0.1, 0.9))
    assert data.inputs.tolist() == [[0, 0], [0.5, 1 / 3], [1, 1]]
    assert data.targets.tolist() == [[0.9, 0.1], [0.1, 0.9], [0.1, 0.9]]
    assert data.middle == 0.5


def test_inputs_may_be_targets(tmp_path):
    data = read(tmp_path, "x,y\n1,2\n3,4\n", FileData("t.csv", ("x", "y"), ("x", "y")))
    assert data.inputs.tolist() == data.targets.tolist() == [[1, 2], [3, 4]]


def test_unused_columns_may_hold_anything(tmp_path):
    data = read(tmp_path, "x,y,z,x2,x2\n1,2,3,NA,\n4,5,6,$1,inf\n")
    assert data.inputs.tolist() == [[1, 2], [4, 5]]


def test_absolute_paths_and_parents(tmp_path):
    write(tmp_path, "x,y,z\n1,2,3\n")
    (tmp_path / "studies").mkdir()
    for path, base in ((str(tmp_path / "t.csv"), tmp_path / "nowhere"), ("../t.csv", tmp_path / "studies")):
        data = load_data(FileData(path, ("x", "y"), ("z",)), base=base)
        assert data.inputs.tolist() == [[1, 2]]


def test_cached_until_the_file_changes(tmp_path):
    first = read(tmp_path, "x,y,z\n1,2,3\n")
    assert load_data(XYZ, base=tmp_path) is first
    assert read(tmp_path, "x,y,z\n1,2,33\n").targets.tolist() == [[33]]


# Missing numbers


def test_drop_leaves_out_rows_without_a_number(tmp_path):
    content = "x,y,z,w\n1,2,3,\n,2,3,0\n1,NA,3,0\n1,2,?,0\n$1,2,3,0\n1,inf,3,0\n1,2,1e999,0\n4,5,6,text\n"
    data = read(tmp_path, content, missing="drop")
    assert data.inputs.tolist() == [[1, 2], [4, 5]]
    assert data.targets.tolist() == [[3], [6]]


def test_drop_leaves_out_rows_without_a_label(tmp_path):
    data = read(tmp_path, "x,y,z\n1,2,a\n1,2,\n,2,c\n3,4,b\n", missing="drop", target_encoding="one_hot")
    assert data.inputs.tolist() == [[1, 2], [3, 4]]
    assert data.targets.tolist() == [[1, 0], [0, 1]]


@pytest.mark.parametrize(
    "content",
    [
        "1,2,3\n4,5,6\n",
        "x,y,z\n1,2,3\n,NA,nan\n4,NaN,6\n",
        "x,y,z\n1,2,text\n$1,200,6\n-inf,inf,Infinity\n",
        "x,y,z\r\n 1, 2,3\r\n\r\n1e999,-1e999,1e-999\r\n",
        "1,2,3\n?,-,N/A\nnull,None,<NA>\n",
    ],
)
def test_keep_is_genfromtxt(tmp_path, content):
    data = read(tmp_path, content, POSITIONS, missing="keep")
    truth = np.genfromtxt(io.StringIO(content), delimiter=",")
    np.testing.assert_array_equal(np.concatenate([data.inputs, data.targets], axis=1), truth)


def test_keep_passes_over_the_header_when_columns_have_names(tmp_path):
    data = read(tmp_path, "x,y,z\n1,,3\n4,5,6\n", missing="keep")
    np.testing.assert_array_equal(data.inputs, [[1, math.nan], [4, 5]])
    assert data.middle == 4.5


def test_keep_keeps_missing_labels(tmp_path):
    data = read(tmp_path, "x,y,z\n1,2,a\n1,2,\n1,,b\n", missing="keep", target_encoding="one_hot")
    np.testing.assert_array_equal(data.targets, [[1, 0], [math.nan, math.nan], [0, 1]])
    np.testing.assert_array_equal(data.inputs, [[1, 2], [1, 2], [1, math.nan]])
    data = read(tmp_path, "x,y,z\n1,2,7\n1,2,NA\n1,2,-3\n", missing="keep", target_encoding="one_hot")
    np.testing.assert_array_equal(data.targets, [[0, 1], [math.nan, math.nan], [1, 0]])


def test_keep_survives_the_scalings(tmp_path):
    data = read(tmp_path, "x,y,z\n1,2,3\n", POSITIONS, missing="keep", scaling=Call("standardize"))
    assert np.isnan(data.inputs).all()


# What cannot be read

OR_MISSING = "expected a number, or 'missing: drop' or 'missing: keep' in the study"
LABELS = "(class labels need 'target_encoding: one_hot')"
BAD = {
    "empty": ("", "t.csv: the file is empty"),
    "blank lines only": ("\n\r\n\n", "t.csv: the file is empty"),
    "byte order mark only": ("\ufeff", "t.csv: the file is empty"),
    "header only": ("x,y,z\n", "t.csv: there is no row but the header"),
    "misspelt name": (
        "x,Y,zz\n1,2,3\n",
        "t.csv:1: there is no column 'y'; did you mean 'Y'?\nt.csv:1: there is no column 'z'; the columns are x, Y, zz",
    ),
    "unknown name": ("a,y,z\n1,2,3\n", "t.csv:1: there is no column 'x'; the columns are a, y, z"),
    "many columns": (
        "\n\ny,z," + ",".join(f"c{k}" for k in range(20)) + "\n",
        "t.csv:3: there is no column 'x'; the columns are y, z, c0, c1, c2, c3, c4, c5, c6, c7, ...",
    ),
    "name twice": (
        "x,y,z,x,x\n1,2,3,4,5\n",
        "t.csv:1:4: the header has column 'x' more than once, in fields 1, 4 and 5",
    ),
    "no header": (
        "1,2,3\n4,5,6\n",
        "t.csv:1: the file has no header (its first row is 1, 2, 3), so name columns by position, "
        "counted from 0, as in: inputs: [0, 1], targets: [2]",
    ),
    "no header, labels": (
        "1,2,a\n4,5,b\n",
        "t.csv:1: the file has no header (its first row is 1, 2, a), so name columns by position, "
        "counted from 0, as in: inputs: [0, 1], targets: [2]",
    ),
    "semicolons": (
        "x;y;z\n1;2;3\n",
        "\n".join(
            f"t.csv:1: there is no column '{name}'; the columns are x;y;z; fields are separated by commas, "
            "and this row seems to use semicolons"
            for name in "xyz"
        ),
    ),
    "short row": ("x,y,z\n1,2,3\n1,2\n", "t.csv:3: the row has 2 fields, the first row has 3"),
    "long row": ("x,y,z\n1,2,3,\n", "t.csv:2: the row has 4 fields, the first row has 3"),
    "blank row": ("x,y,z\n1,2,3\n  \n", "t.csv:3: the row has 1 field, the first row has 3"),
    "blank cell": ("x,y,z\n1,,3\n", f"t.csv:2:2: column 'y' is blank; {OR_MISSING}"),
    "spaces": ("x,y,z\n1,2,3\n1,  ,3\n", f"t.csv:3:2: column 'y' is blank; {OR_MISSING}"),
    "NA": ("x,y,z\nNA,2,3\n", f"t.csv:2:1: column 'x' is missing ('NA'); {OR_MISSING}"),
    "NaN": ("x,y,z\n1,2,NaN\n", f"t.csv:2:3: column 'z' is missing ('NaN'); {OR_MISSING}"),
    "currency": ('x,y,z\n"$1,200",2,3\n', "t.csv:2:1: column 'x' holds '$1,200'; expected a number"),
    "thousands": ('x,y,z\n"1,200",2,3\n', "t.csv:2:1: column 'x' holds '1,200'; expected a number"),
    "percent": ("x,y,z\n1,2%,3\n", "t.csv:2:2: column 'y' holds '2%'; expected a number"),
    "underscore": ("x,y,z\n1,2_0,3\n", "t.csv:2:2: column 'y' holds '2_0'; expected a number"),
    "foreign digits": ("x,y,z\n1,٣,3\n", "t.csv:2:2: column 'y' holds '٣'; expected a number"),
    "hexadecimal": ("x,y,z\n1,0x1F,3\n", "t.csv:2:2: column 'y' holds '0x1F'; expected a number"),
    "inf": ("x,y,z\n1,-inf,3\n", "t.csv:2:2: column 'y' holds '-inf'; expected a finite number"),
    "too large": ("x,y,z\n1,1e999,3\n", "t.csv:2:2: column 'y' holds '1e999', too large for a number"),
    "text target": (
        "x,y,z\n1,2,setosa\n",
        f"t.csv:2:3: column 'z' holds 'setosa'; expected a number {LABELS}",
    ),
    "long cell": (
        f"x,y,z\n{'q' * 1000},2,3\n",
        f"t.csv:2:1: column 'x' holds '{'q' * 37}...'; expected a number",
    ),
    "line numbers": (
        '\nnote,x,y,z\n"two\nlines",1,2,3\n\n"three\r\nmore\rlines",1,two,3\nlast,1,2,\n',
        f"t.csv:6:3: column 'y' holds 'two'; expected a number\nt.csv:9:4: column 'z' is blank; {OR_MISSING}",
    ),
    "line numbers of lone returns": (
        "x,y,z\r1,2,3\r1,two,3\r",
        "t.csv:3:2: column 'y' holds 'two'; expected a number",
    ),
    "unclosed quote": (
        'x,y,z\n1,2,3\n"1,2,3\n4,5,6\n',
        "t.csv:3: the record that starts here has a quote that is never closed",
    ),
    "text after a quote": (
        'x,y,z\n"1"2,2,3\n',
        "t.csv:2: text follows a closing quote; a quote inside a quoted field is written twice",
    ),
    "huge field": (
        f"x,y,z\n1,2,3\n1,{'2' * 131073},3\n",
        "t.csv:3: a field has more than 131,072 characters; is a quote never closed?",
    ),
    "zero byte": (b"x,y,z\n1,2,3\n1,\0,3\n", "t.csv:3: a zero byte: this is not a text file"),
    "Latin-1": (
        "x,y,z\r\n1,2,3\r\n1,caf\xe9,3\r\n".encode("latin-1"),
        "t.csv:3: byte 0xe9 is not UTF-8; save the file as UTF-8",
    ),
    "cut character": (
        "x,y,z\r1,2,3\r1,2,€".encode()[:-1],
        "t.csv:3: byte 0xe2 is not UTF-8; save the file as UTF-8",
    ),
    "UTF-16": ("x,y,z\n1,2,3\n".encode("utf-16"), "t.csv: the file is UTF-16; expected UTF-8"),
    "UTF-32": ("x,y,z\n1,2,3\n".encode("utf-32"), "t.csv: the file is UTF-32; expected UTF-8"),
    "several problems": (
        "x,y,z\n,b,c\n1,2\n1,2,3\n",
        f"t.csv:2:1: column 'x' is blank; {OR_MISSING}\n"
        "t.csv:2:2: column 'y' holds 'b'; expected a number\n"
        f"t.csv:2:3: column 'z' holds 'c'; expected a number {LABELS}\n"
        "t.csv:3: the row has 2 fields, the first row has 3",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_file(tmp_path, name):
    content, expected = BAD[name]
    assert message(tmp_path, content) == expected


BAD_BY_POSITION = {
    "header": (
        "u,v,w w\n1,2,3\n",
        POSITIONS,
        "t.csv:1: the first row holds no number and is taken as a header (u, v, w w), so name its columns: "
        "inputs: [u, v], targets: [w w]",
    ),
    "beyond": (
        "1,2,3\n",
        FileData("t.csv", (0, 3), (9,)),
        "t.csv:1: there is no column 3: the row has 3 columns, 0 to 2\n"
        "t.csv:1: there is no column 9: the row has 3 columns, 0 to 2",
    ),
    "tabs": (
        "1\t2\n",
        FileData("t.csv", (0,), (1,)),
        "t.csv:1: there is no column 1: the row has 1 column, 0; fields are separated by commas, "
        "and this row seems to use tabs",
    ),
    "cell": ("1,2,3\n1,b,3\n", POSITIONS, "t.csv:2:2: column 1 holds 'b'; expected a number"),
    "first row": ("1,b,3\n1,2,3\n", POSITIONS, "t.csv:1:2: column 1 holds 'b'; expected a number"),
}


@pytest.mark.parametrize("name", BAD_BY_POSITION)
def test_bad_file_by_position(tmp_path, name):
    content, data, expected = BAD_BY_POSITION[name]
    assert message(tmp_path, content, data) == expected


@pytest.mark.parametrize("missing", ["error", "drop", "keep"])
def test_ragged_rows_are_always_errors(tmp_path, missing):
    expected = "t.csv:2: the row has 2 fields, the first row has 3"
    assert message(tmp_path, "x,y,z\n1,2\n1,2,3\n", missing=missing) == expected


def test_nothing_left_to_train_on(tmp_path):
    assert message(tmp_path, "x,y,z\n1,2,a\n1,2,b\n", missing="drop") == (
        f"t.csv: no row is left of 2; line 2: column 'z' holds 'a'; expected a number {LABELS}"
    )


def test_missing_label(tmp_path):
    assert message(tmp_path, "x,y,z\n1,2,a\n1,2,\n1,2,NA\n", target_encoding="one_hot") == (
        "t.csv:3:3: column 'z' is blank; expected a class label, or 'missing: drop' or 'missing: keep' "
        "in the study\n"
        "t.csv:4:3: column 'z' is missing ('NA'); expected a class label, or 'missing: drop' or "
        "'missing: keep' in the study"
    )


def test_labels_in_two_columns(tmp_path):
    data = FileData("t.csv", ("x",), ("y", "z"))
    expected = "target_encoding: one_hot takes one target column, found 2"
    assert message(tmp_path, "x,y,z\n1,2,3\n", data, target_encoding="one_hot") == expected


@pytest.mark.parametrize("count", [LISTED, LISTED + 1, 1500])
def test_long_lists_of_problems_are_cut(tmp_path, count):
    lines = message(tmp_path, "x,y,z\n" + "1,two,3\n" * count).split("\n")
    expected = [f"t.csv:{k + 2}:2: column 'y' holds 'two'; expected a number" for k in range(min(count, LISTED))]
    more = count - LISTED
    assert lines == expected + ([f"t.csv: and {more:,} more"] if more else [])


def test_too_many_rows(tmp_path, monkeypatch):
    monkeypatch.setattr(samples, "MOST_ROWS", 3)
    assert read(tmp_path, "x,y,z\n" + "1,2,3\n" * 3).inputs.shape == (3, 2)
    assert message(tmp_path, "x,y,z\n" + "1,2,3\n" * 5) == "t.csv:5: more than 3 rows"


def test_too_many_bytes(tmp_path, monkeypatch):
    monkeypatch.setattr(file, "MOST_BYTES", 10)
    assert message(tmp_path, "x,y,z\n1,2,3\n") == "data: 't.csv' has 12 bytes, more than 10"


def test_no_file(tmp_path):
    (tmp_path / "wine.csv").write_text("x\n1\n")
    with pytest.raises(StudyError) as caught:
        load_data(FileData("wines.csv", ("x",), ("x",)), base=tmp_path)
    assert str(caught.value) == "data: there is no file 'wines.csv'; did you mean 'wine.csv'?"
    with pytest.raises(DataError) as caught:
        load_data(FileData("sub/wine.csv", ("x",), ("x",)), base=tmp_path)
    assert str(caught.value) == "data: there is no file 'sub/wine.csv': there is no folder 'sub'"


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises(DataError) as caught:
        load_data(FileData(".", ("x",), ("x",)), base=tmp_path)
    assert str(caught.value) == "data: cannot read '.': it is a folder"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_no_file(tmp_path):
    os.mkfifo(tmp_path / "t.csv")
    with pytest.raises(DataError) as caught:
        load_data(XYZ, base=tmp_path)
    assert str(caught.value) == "data: cannot read 't.csv': it is not a regular file"


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_file(tmp_path):
    write(tmp_path, "x,y,z\n1,2,3\n")
    (tmp_path / "t.csv").chmod(0)
    with pytest.raises(DataError) as caught:
        load_data(XYZ, base=tmp_path)
    assert str(caught.value) == "data: cannot read 't.csv': Permission denied"


def test_a_file_below_a_file(tmp_path):
    write(tmp_path, "x\n1\n")
    with pytest.raises(DataError) as caught:
        load_data(FileData("t.csv/a.csv", ("x",), ("x",)), base=tmp_path)
    assert str(caught.value) == "data: cannot read 't.csv/a.csv': Not a directory"


def test_errors_while_reading(tmp_path, monkeypatch):
    write(tmp_path, "x,y,z\n1,2,3\n")

    def broken(*args):
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr("pathlib.Path.open", broken)
        with pytest.raises(DataError) as caught:
            load_data(XYZ, base=tmp_path)
    assert str(caught.value) == "data: cannot read 't.csv': Input/output error"


def test_a_file_that_grows_while_it_is_read(tmp_path, monkeypatch):
    write(tmp_path, "x,y,z\n1,2,3\n")
    monkeypatch.setattr(file, "MOST_BYTES", 10)
    monkeypatch.setattr(file, "check_file", lambda *args: None)
    with pytest.raises(DataError) as caught:
        file.read_bytes(tmp_path / "t.csv", "t.csv")
    assert str(caught.value) == "data: 't.csv' has more than 10 bytes"


# Hash


def test_sha256_must_match(tmp_path):
    content = b"x,y,z\n1,2,3\n"
    digest = hashlib.sha256(content).hexdigest()[:16]
    good = FileData("t.csv", ("x", "y"), ("z",), digest)
    assert read(tmp_path, content, good).inputs.tolist() == [[1, 2]]
    assert fingerprint(XYZ, tmp_path) == good
    assert fingerprint(good, tmp_path) == good
    bad = FileData("t.csv", ("x", "y"), ("z",), "0123456789abcdef")
    expected = f"data: the sha256 of 't.csv' starts with {digest}, and the study expects 0123456789abcdef"
    assert message(tmp_path, content, bad) == expected
    with pytest.raises(DataError) as caught:
        fingerprint(bad, tmp_path)
    assert str(caught.value) == expected


# The specification in the study


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        (
            {},
            "data: csv must be the path of a file, found None\n"
            "data: inputs must be a list of column names or positions counted from 0, found None\n"
            "data: targets must be a list of column names or positions counted from 0, found None",
        ),
        ({"csv": ""}, "data: csv must be the path of a file, found ''"),
        ({"csv": "a\0b"}, "data: csv must be the path of a file, found 'a\\x00b'"),
        (
            {"inputs": "x"},
            "data: inputs must be a list of column names or positions counted from 0, found 'x'",
        ),
        ({"inputs": []}, "data: inputs must be a list of column names or positions counted from 0, found []"),
        ({"inputs": [-1]}, "data: inputs counts positions from 0 up, found -1"),
        ({"inputs": [True]}, "data: inputs must hold column names or positions counted from 0, found True"),
        ({"inputs": [1.5]}, "data: inputs must hold column names or positions counted from 0, found 1.5"),
        ({"inputs": ["x", "x "]}, "data: inputs has column 'x' twice"),
        ({"inputs": [" "]}, "data: inputs must hold column names or positions counted from 0, found ''"),
        ({"inputs": [0]}, "data: name all columns by their header, or all by position counted from 0"),
        ({"input": ["x"]}, "data: unknown key 'input'; did you mean 'inputs'?"),
        (
            {"sha256": 1234567890123456},
            "data: sha256 must be a text: put it in quotes, found 1234567890123456",
        ),
        (
            {"sha256": "123"},
            "data: sha256 must be the first 16 hexadecimal digits of the file's hash, found '123'",
        ),
    ],
)
def test_bad_specification(spec, expected):
    complete = {"csv": "t.csv", "inputs": ["x", "y"], "targets": ["z"], **spec} if spec else {}
    with pytest.raises(DataError) as caught:
        parse_file_spec(complete)
    assert str(caught.value) == expected


def test_specification():
    assert parse_file_spec({"csv": "t.csv", "inputs": ["x", " y "], "targets": ["z"]}) == XYZ
    assert parse_file_spec({"csv": "t.csv", "inputs": [0, 1], "targets": [2], "sha256": None}) == POSITIONS
    full = hashlib.sha256(b"").hexdigest().upper()
    spec = {"csv": "t.csv", "inputs": ["x"], "targets": ["z"], "sha256": full}
    assert parse_file_spec(spec).sha256 == "e3b0c44298fc1c14"
    assert str(XYZ) == "{csv: t.csv, inputs: [x, y], targets: [z]}"
    assert str(POSITIONS) == "{csv: t.csv, inputs: [0, 1], targets: [2]}"
    tricky = FileData("../my data.csv", ("a, b", "no", "1e3"), ("#",), "0000000000000000")
    assert str(tricky) == (
        '{csv: "../my data.csv", inputs: ["a, b", "no", "1e3"], targets: ["#"], sha256: "0000000000000000"}'
    )


NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1).filter(
    lambda name: name == name.strip()
)
COLUMNS = st.one_of(
    st.lists(NAMES, min_size=2, max_size=5, unique=True),
    st.lists(st.integers(0, 10**6), min_size=2, max_size=5, unique=True),
)


@given(NAMES, COLUMNS, st.sampled_from(["", "0123456789012345", "123456789e123456", "e3b0c44298fc1c14"]))
def test_text_of_a_specification_reads_back(path, columns, digest):
    data = FileData(path, tuple(columns[:1]), tuple(columns[1:]), digest)
    text = str(data)
    assert text.isprintable()
    assert parse_file_spec(yaml.safe_load(text)) == data


@pytest.mark.parametrize(
    "name",
    [
        "true",
        "No",
        "ON",
        "y",
        "~",
        "null",
        "Null",
        "1",
        "1e3",
        "0x1f",
        ".5",
        "-",
        "?",
        "=",
        "<<",
        "2001-01-01",
    ],
)
def test_names_that_yaml_reads_as_something_else(name):
    data = FileData("t.csv", (name,), ("z",))
    assert parse_file_spec(yaml.safe_load(str(data))) == data


# Round trips

TABLES = st.integers(1, 4).flatmap(
    lambda width: st.lists(
        st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=width + 1, max_size=width + 1),
        min_size=1,
        max_size=8,
    )
)


@settings(max_examples=60)
@given(TABLES, st.sampled_from(["\n", "\r\n", "\r"]), st.booleans(), st.booleans())
def test_numbers_round_trip(tmp_path_factory, rows, newline, header, quoted):
    folder = tmp_path_factory.mktemp("csv")
    width = len(rows[0])
    names = [f"column {k}" for k in range(width)]
    text = io.StringIO()
    quoting = csv_module.QUOTE_ALL if quoted else csv_module.QUOTE_MINIMAL
    csv_module.writer(text, lineterminator=newline, quoting=quoting).writerows([names] * header + rows)
    columns = names if header else list(range(width))
    data = read(folder, text.getvalue(), FileData("t.csv", tuple(columns[:-1]), tuple(columns[-1:])))
    found = np.concatenate([data.inputs, data.targets], axis=1)
    assert found.tobytes() == np.array(rows).tobytes()


@settings(max_examples=200)
@given(st.binary(max_size=200) | st.text('x,yz\n\r"1 .e-+;\t\ufeffNA', max_size=80).map(str.encode))
def test_any_file_is_read_or_refused_in_words(tmp_path_factory, content):
    folder = write(tmp_path_factory.mktemp("any"), content)
    for data in (FileData("t.csv", ("x",), ("y",)), FileData("t.csv", (0,), (1,))):
        for missing in ("error", "drop", "keep"):
            for encoding in ("none", "one_hot"):
                with contextlib.suppress(DataError):
                    load_data(data, Call("standardize"), missing, encoding, base=folder)


def test_a_link_that_leads_nowhere(tmp_path):
    (tmp_path / "t.csv").symlink_to("gone.csv")
    with pytest.raises(DataError) as caught:
        load_data(XYZ, base=tmp_path)
    assert str(caught.value) == "data: 't.csv' is a link to a file that is not there"


@pytest.mark.parametrize("name", ["secrets", "key.pem"])
def test_lines_of_a_file_that_is_not_called_like_data_are_not_shown(tmp_path, name):
    """A study that somebody has sent may name any file; beside the study any name is that of data."""
    (tmp_path / name).write_text("root:x:0,hunter2\npassword,hunter3\n")
    (tmp_path / "study").mkdir()
    for inputs, targets in ((("x",), ("y",)), ((0,), (1,)), ((0,), (7,)), (("root:x:0",), ("hunter2",))):
        for path in (str(tmp_path / name), f"../{name}"):
            with pytest.raises(StudyError) as caught:
                load_data(FileData(path, inputs, targets), base=tmp_path / "study")
            said = str(caught.value).replace("column 'hunter2'", "").replace("column 'root:x:0'", "")
            assert "hunter" not in said
            assert "root:x" not in said
    with pytest.raises(StudyError, match="the columns are root:x:0, hunter2"):
        load_data(FileData(name, ("x",), ("y",)), base=tmp_path)
    (tmp_path / "t.dat").write_text("a,b\n")
    with pytest.raises(StudyError, match="the columns are a, b"):
        load_data(FileData("../t.dat", ("x",), ("y",)), base=tmp_path / "study")


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="no files that the system makes up")
@pytest.mark.parametrize("path", ["/proc/self/status", "/proc/kmsg"])
def test_a_file_without_a_size_is_not_read(tmp_path, path):
    """The system's log never ends, though it is a regular file by its mode."""
    if not os.access(path, os.R_OK):
        pytest.skip("not for this user")
    with pytest.raises(StudyError) as caught:
        load_data(FileData(path, (0,), (1,)), base=tmp_path)
    assert str(caught.value) == f"{path}: the file is empty"
    with pytest.raises(StudyError) as caught:
        load_study(path)
    assert str(caught.value).startswith(f"{path}:1:1: expected a mapping of keys, found nothing")


def test_how_many_problems_more_there_are_stands_last(tmp_path):
    (tmp_path / "d.csv").write_text("x,y,z\n" + "1,two,3\n" * (LISTED + 55))
    (tmp_path / "s.yaml").write_text(
        "data: {csv: d.csv, inputs: [x, y], targets: [z]}\narchitecture: 2-1\nlearning_rate: 1\nepochs: 1\nlos: mse\n"
    )
    with pytest.raises(StudyError) as caught:
        load_study(tmp_path / "s.yaml")
    lines = str(caught.value).split("\n")
    assert lines[0].endswith("s.yaml:5:1: unknown key 'los'; did you mean 'loss'?")
    assert lines[1] == "d.csv:2:2: column 'y' holds 'two'; expected a number"
    assert lines[-1] == "d.csv: and 55 more"
