"""The results table: the same bytes however it came to be, and nothing lost on the way."""

from __future__ import annotations

import csv
import errno
import io
import itertools
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.fakes import HEADER, MISSING, FakePlan, FakeResult, grid, train

from runner.errors import Refused, RunnerError
from runner.results import inventory, sums
from runner.results.lock import LOCK, Lock
from runner.results.reader import EXACTLY
from runner.results.row_file import RowFile
from runner.results.row_text import RowText, column_text, field
from runner.results.sidecars import Recording
from runner.results.table import Table

TESTS = Path(__file__).parents[1]
ROWS_ONLY = Recording()
EVERYTHING = Recording(points=3, weights=True, epochs=lambda cell: (np.array([0, 1, 2.5]), False))
FULL = FakePlan(grid())
SMALL = FakePlan(grid(epochs=(100,)), range(1, 4))


def run(
    folder: Path,
    plan: FakePlan = FULL,
    recording: Recording = ROWS_ONLY,
    order: np.random.Generator | None = None,
    limit: int = 10**9,
    finish: bool = True,
) -> int:
    """One start of a runner; returns how many runs it trained."""
    folder.mkdir(exist_ok=True)
    table = Table(folder, plan, recording, 1, HEADER)
    trained = 0
    try:
        for result in train(plan, table.done, order):
            table.add(result)
            trained += len(result.runs)
            if trained >= limit:
                break
        if finish:
            table.finish(complete=bool(table.done.all()))
    finally:
        table.close()
    return trained


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[Recording, dict[str, bytes]]:
    """Files of starts in which nothing happened."""
    found = {}
    for recording in (ROWS_ONLY, EVERYTHING):
        folder = tmp_path_factory.mktemp("undisturbed")
        run(folder, FULL, recording)
        found[recording] = files(folder)
    return found


def test_files_of_a_finished_study(undisturbed: dict[Recording, dict[str, bytes]]) -> None:
    assert set(undisturbed[ROWS_ONLY]) == {"runs.csv", "runs.sums"}
    assert set(undisturbed[EVERYTHING]) == {"runs.csv", "runs.sums", "curves.csv", "weights.npz"}
    assert undisturbed[ROWS_ONLY]["runs.csv"] == undisturbed[EVERYTHING]["runs.csv"]


def test_pandas_reads_it_without_options(undisturbed: dict[Recording, dict[str, bytes]]) -> None:
    data = undisturbed[ROWS_ONLY]["runs.csv"]
    table = pd.read_csv(io.BytesIO(data))
    kinds = {name: "text" if pd.api.types.is_string_dtype(kind) else str(kind) for name, kind in table.dtypes.items()}
    assert kinds == {
        "run_id": "text",
        "cell_id": "text",
        "data": "text",
        "architecture": "text",
        "init": "text",
        "learning_rate": "float64",
        "epochs": "int64",
        "seed": "int64",
        "outcome": "text",
        "converged": "bool",
        "epochs_to_converge": "float64",
        "updates": "int64",
        "final_loss": "float64",
    }
    assert len(table) == FULL.n_runs
    expected = [
        (cell.cell_id, cell.run_id(seed)) for cell in map(FULL.cell, range(FULL.n_cells)) for seed in FULL.seeds
    ]
    assert list(zip(table.cell_id, table.run_id, strict=True)) == expected
    assert b"\r" not in data
    assert data.endswith(b"\n")


@pytest.mark.parametrize("recording", [ROWS_ONLY, EVERYTHING], ids=["rows", "everything"])
@pytest.mark.parametrize("number", range(8))
def test_order_of_completion_does_not_matter(
    tmp_path: Path, undisturbed: dict[Recording, dict[str, bytes]], recording: Recording, number: int
) -> None:
    run(tmp_path, FULL, recording, np.random.default_rng(number))
    assert files(tmp_path) == undisturbed[recording]


def test_many_rows_are_looked_up_in_pieces(
    tmp_path: Path, undisturbed: dict[Recording, dict[str, bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inventory, "_TOGETHER", 4)
    monkeypatch.setattr(sums, "_TOGETHER", 7)
    order = np.random.default_rng(0)
    assert run(tmp_path, FULL, EVERYTHING, order, limit=17) < FULL.n_runs
    run(tmp_path, FULL, EVERYTHING, order)
    assert files(tmp_path) == undisturbed[EVERYTHING]
    run(tmp_path, FULL, EVERYTHING)
    assert files(tmp_path) == undisturbed[EVERYTHING]


@pytest.mark.parametrize("number", range(25))
def test_any_history_ends_in_the_same_files(
    tmp_path: Path, undisturbed: dict[Recording, dict[str, bytes]], number: int
) -> None:
    """Starts that die or are interrupted, edits of the study, torn files: the end is always the same."""
    random = np.random.default_rng(number)
    recording = EVERYTHING if number % 3 == 0 else ROWS_ONLY
    for _ in range(random.integers(1, 8)):
        plan = FULL if random.random() < 0.6 else SMALL
        order = random if random.random() < 0.8 else None
        run(tmp_path, plan, recording, order, int(random.integers(1, 40)), finish=random.random() < 0.6)
        for path in (tmp_path / "runs.csv", tmp_path / "runs.journal"):
            if path.exists() and random.random() < 0.4:
                data, cut = path.read_bytes(), int(random.integers(0, 60))
                path.write_bytes(data[: max(len(data) - cut, 0)] if random.random() < 0.7 else data + b"\0" * cut)
    run(tmp_path, FULL, recording, random)
    end = files(tmp_path)
    expected = undisturbed[recording]
    assert {name: end[name] for name in expected} == expected
    kept = {name.split(".")[0] for name in end if name not in expected}
    assert kept <= {"orphans", "curves", "weights", "runs"}
    assert run(tmp_path, FULL, recording) == 0
    assert files(tmp_path) == end


def test_every_byte_at_which_the_last_row_can_be_torn(tmp_path: Path) -> None:
    plan = FakePlan(grid(data='"ä\n=1'), range(2))  # a quote, two bytes in one character, a line end in a field
    run(tmp_path, plan)
    path = tmp_path / "runs.csv"
    whole = path.read_bytes()
    start = int(RowFile(path, HEADER.line).rows.starts[-2])
    assert b"\n" in whole[start:-1]
    for end in range(start, len(whole)):
        path.write_bytes(whole[:end])
        assert run(tmp_path, plan) == 1
        assert path.read_bytes() == whole


def test_every_byte_at_which_the_header_can_be_torn(tmp_path: Path) -> None:
    path = tmp_path / "runs.csv"
    for end in range(len(HEADER.line) + 1):
        path.write_bytes(HEADER.line[:end])
        table = Table(tmp_path, FULL, ROWS_ONLY, 1, HEADER)
        table.close()
        assert path.read_bytes() == HEADER.line


def test_zeros_after_a_loss_of_power_are_dropped(
    tmp_path: Path, undisturbed: dict[Recording, dict[str, bytes]]
) -> None:
    path = tmp_path / "runs.csv"
    path.write_bytes(undisturbed[ROWS_ONLY]["runs.csv"][:2000] + b"\0" * 4096 + b"\n" + b"\0" * 100)
    run(tmp_path)
    assert files(tmp_path) == undisturbed[ROWS_ONLY]


def test_a_hole_after_a_loss_of_power_and_what_lies_beyond_are_made_again(
    tmp_path: Path, undisturbed: dict[Recording, dict[str, bytes]]
) -> None:
    """A page in the middle that never reached the disk, wherever it begins and ends."""
    path = tmp_path / "runs.csv"
    whole = undisturbed[ROWS_ONLY]["runs.csv"]
    random = np.random.default_rng(3)
    for _ in range(30):
        start = int(random.integers(len(HEADER.line), len(whole) - 1))
        end = int(random.integers(start + 1, len(whole)))
        path.write_bytes(whole[:start] + b"\0" * (end - start) + whole[end:])
        trained = run(tmp_path)
        assert trained >= 1
        assert FULL.n_runs - trained == whole[:start].count(b"\n") - 1
        assert files(tmp_path) == undisturbed[ROWS_ONLY]


def test_rows_can_be_read_while_others_train(tmp_path: Path) -> None:
    """A killed study has all its finished rows in the table, in whatever order they came."""
    run(tmp_path, FULL, ROWS_ONLY, np.random.default_rng(5), limit=21, finish=False)
    assert set(files(tmp_path)) == {"runs.csv", "runs.sums"}
    table = pd.read_csv(tmp_path / "runs.csv")
    assert len(table) == table.run_id.nunique() >= 21
    order = [FULL.cell(run // 5).run_id(FULL.seeds[run % 5]) for run in range(FULL.n_runs)]
    places = [order.index(run_id) for run_id in table.run_id]
    assert places != sorted(places)


def test_a_damaged_row_in_the_middle_is_not_overwritten(
    tmp_path: Path, undisturbed: dict[Recording, dict[str, bytes]]
) -> None:
    path = tmp_path / "runs.csv"
    lines = undisturbed[ROWS_ONLY]["runs.csv"].splitlines(keepends=True)
    damaged = b"".join([*lines[:5], b"edited by hand\n", *lines[6:]])
    path.write_bytes(damaged)
    with pytest.raises(RunnerError) as caught:
        run(tmp_path)
    assert str(caught.value) == (
        f"{path}: row 5 is not a row of this table (changed by another program?); "
        "mend it, or pass --fresh to move the table aside"
    )
    assert path.read_bytes() == damaged


@pytest.mark.parametrize("tail", [b"edited by hand\n", b"a note", b"\n", b'a "note\n', b"a123456789abcdef\n"], ids=repr)
def test_a_last_line_that_is_no_row_is_not_cut_off(
    tmp_path: Path, undisturbed: dict[Recording, dict[str, bytes]], tail: bytes
) -> None:
    path = tmp_path / "runs.csv"
    path.write_bytes(undisturbed[ROWS_ONLY]["runs.csv"] + tail)
    with pytest.raises(RunnerError) as caught:
        run(tmp_path)
    assert str(caught.value) == (
        f"{path}: row {FULL.n_runs + 1} is not a row of this table (changed by another program?); "
        "mend it, or pass --fresh to move the table aside"
    )
    assert path.read_bytes() == undisturbed[ROWS_ONLY]["runs.csv"] + tail


def test_two_rows_of_a_run_that_differ_are_refused(
    tmp_path: Path, undisturbed: dict[Recording, dict[str, bytes]]
) -> None:
    path = tmp_path / "runs.csv"
    lines = undisturbed[ROWS_ONLY]["runs.csv"].splitlines(keepends=True)
    other = lines[4].rstrip(b"\n") + b"1\n"
    path.write_bytes(b"".join([*lines, other]))
    with pytest.raises(RunnerError) as caught:
        run(tmp_path)
    run_id = lines[4][:16].decode()
    assert str(caught.value) == (
        f"{path}: rows 4 and {len(lines)} are the same run, {run_id}, with different contents; "
        "remove one of them, or pass --fresh to move the table aside"
    )
    path.write_bytes(b"".join([*lines, lines[4]]))
    assert run(tmp_path) == 0
    assert files(tmp_path) == undisturbed[ROWS_ONLY]


def test_a_row_set_aside_that_differs_is_not_forgotten(
    tmp_path: Path, undisturbed: dict[Recording, dict[str, bytes]]
) -> None:
    run(tmp_path)
    lines = undisturbed[ROWS_ONLY]["runs.csv"].splitlines(keepends=True)
    (tmp_path / "orphans.csv").write_bytes(lines[0] + lines[4].rstrip(b"\n") + b"1\n")
    with pytest.raises(RunnerError, match=r"runs.csv: row 4, and row 1 of orphans.csv, are the same run, "):
        run(tmp_path)
    (tmp_path / "orphans.csv").write_bytes(lines[0] + lines[4])
    assert run(tmp_path) == 0
    assert files(tmp_path) == undisturbed[ROWS_ONLY]


def test_other_columns_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "runs.csv"
    path.write_text("run_id,other\na,1\n")
    with pytest.raises(Refused) as caught:
        run(tmp_path)
    assert str(caught.value) == (
        f"{path} has other columns than this version of the runner writes; "
        "pass another --out or name=..., or --fresh to move the old table aside"
    )


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda table: b"\xef\xbb\xbf" + table, "begins with a byte order mark"),
        (lambda table: table.replace(b"\n", b"\r\n"), "has lines that end in CR LF"),
        (lambda table: b"cell_id,run_id," + table.split(b",", 2)[2], "has its columns in another order"),
        (
            lambda table: b"\xef\xbb\xbf" + table.replace(b"\n", b"\r\n"),
            "begins with a byte order mark and has lines that end in CR LF",
        ),
    ],
    ids=["mark", "line ends", "order", "mark and line ends"],
)
def test_a_table_that_a_spreadsheet_has_saved_is_refused(
    tmp_path: Path,
    undisturbed: dict[Recording, dict[str, bytes]],
    change: Callable[[bytes], bytes],
    what: str,
) -> None:
    path = tmp_path / "runs.csv"
    path.write_bytes(changed := change(undisturbed[ROWS_ONLY]["runs.csv"]))
    with pytest.raises(Refused) as caught:
        run(tmp_path)
    assert str(caught.value) == (
        f"{path} {what}: another program, a spreadsheet perhaps, has saved it, and can have changed its rows too; "
        "bring back the file as it was, or pass --fresh to move it aside"
    )
    assert path.read_bytes() == changed


def test_a_grown_study_trains_only_what_is_new(tmp_path: Path, undisturbed: dict[Recording, dict[str, bytes]]) -> None:
    old = FakePlan(grid(epochs=(100,)))
    run(tmp_path, old)
    assert run(tmp_path, FULL) == FULL.n_runs - old.n_runs
    assert files(tmp_path) == undisturbed[ROWS_ONLY]


def test_rows_of_a_shrunk_study_are_set_aside_and_come_back(
    tmp_path: Path, undisturbed: dict[Recording, dict[str, bytes]]
) -> None:
    run(tmp_path, FULL)
    assert run(tmp_path, SMALL) == 0
    table, orphans = (pd.read_csv(tmp_path / name) for name in ("runs.csv", "orphans.csv"))
    assert len(table) == SMALL.n_runs
    assert len(orphans) == FULL.n_runs - SMALL.n_runs
    kept = (tmp_path / "runs.csv").read_bytes().splitlines() + (tmp_path / "orphans.csv").read_bytes().splitlines()
    assert sorted(kept) == sorted([*undisturbed[ROWS_ONLY]["runs.csv"].splitlines(), HEADER.line.rstrip()])
    assert run(tmp_path, FULL) == 0
    assert files(tmp_path) == undisturbed[ROWS_ONLY]


def test_curves_asked_for_later_are_trained_again(
    tmp_path: Path, undisturbed: dict[Recording, dict[str, bytes]]
) -> None:
    run(tmp_path, FULL, ROWS_ONLY)
    assert run(tmp_path, FULL, EVERYTHING) == FULL.n_runs
    assert files(tmp_path) == undisturbed[EVERYTHING]


def test_sidecars_of_a_shrunk_study_are_kept_aside(
    tmp_path: Path, undisturbed: dict[Recording, dict[str, bytes]]
) -> None:
    run(tmp_path, FULL, EVERYTHING)
    run(tmp_path, SMALL, EVERYTHING)
    whole = undisturbed[EVERYTHING]
    assert (tmp_path / "curves.csv.1").read_bytes() == whole["curves.csv"]
    assert (tmp_path / "weights.npz.1").read_bytes() == whole["weights.npz"]
    assert set(pd.read_csv(tmp_path / "curves.csv").run_id) == set(pd.read_csv(tmp_path / "runs.csv").run_id)


def _by_epoch(lines: list[bytes]) -> list[bytes]:
    return sorted(lines, key=lambda line: float(line.split(b",")[1]))


def _backwards(lines: list[bytes]) -> list[bytes]:
    return lines[::-1]


@pytest.mark.parametrize("sort", [sorted, _by_epoch, _backwards], ids=["run", "epoch", "backwards"])
def test_curves_that_a_spreadsheet_has_sorted_are_whole(
    tmp_path: Path, undisturbed: dict[Recording, dict[str, bytes]], sort: Callable[[list[bytes]], list[bytes]]
) -> None:
    run(tmp_path, FULL, EVERYTHING)
    path = tmp_path / "curves.csv"
    header, *lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([header, *sort(lines)]))
    assert run(tmp_path, FULL, EVERYTHING) == 0
    assert files(tmp_path) == undisturbed[EVERYTHING]


@pytest.mark.parametrize("n", [1, 3], ids=["a point", "a curve"])
def test_curves_that_lack_points_are_trained_again(
    tmp_path: Path, undisturbed: dict[Recording, dict[str, bytes]], n: int
) -> None:
    run(tmp_path, FULL, EVERYTHING)
    path = tmp_path / "curves.csv"
    lines = path.read_bytes().splitlines(keepends=True)
    torn = b"".join(lines[:4] + lines[4 + n :])
    path.write_bytes(torn)
    table = Table(tmp_path, FULL, EVERYTHING, 1, HEADER)
    assert table.n_torn_curves == (n == 1)
    table.close()
    assert run(tmp_path, FULL, EVERYTHING) == 1
    # Nothing is lost of a curve of which there is something.
    kept = {"curves.csv.1": torn} if n == 1 else {}
    assert files(tmp_path) == undisturbed[EVERYTHING] | kept


def test_points_that_occur_twice_are_trained_again(
    tmp_path: Path, undisturbed: dict[Recording, dict[str, bytes]]
) -> None:
    run(tmp_path, FULL, EVERYTHING)
    path = tmp_path / "curves.csv"
    lines = path.read_bytes().splitlines(keepends=True)
    twice = b"".join([*lines, lines[7]])
    path.write_bytes(twice)
    assert run(tmp_path, FULL, EVERYTHING) == 1
    assert files(tmp_path) == undisturbed[EVERYTHING] | {"curves.csv.1": twice}


def test_curves_in_which_a_digit_has_changed_are_trained_again(
    tmp_path: Path, undisturbed: dict[Recording, dict[str, bytes]]
) -> None:
    run(tmp_path, FULL, EVERYTHING)
    path = tmp_path / "curves.csv"
    changed = bytearray(path.read_bytes())
    changed[-5] = ord("1") + ord("2") - changed[-5] if changed[-5] in b"12" else ord("1")
    path.write_bytes(changed)
    assert run(tmp_path, FULL, EVERYTHING) == 1
    assert files(tmp_path) == undisturbed[EVERYTHING] | {"curves.csv.1": bytes(changed)}


def test_curves_of_stopped_runs_end_early(tmp_path: Path) -> None:
    run(tmp_path, FULL, EVERYTHING)
    for wanted, may_stop, torn in (
        ([0, 1, 2.5], True, 0),
        ([0, 1, 3, 4], True, 0),
        ([0, 1, 3, 4], False, FULL.n_runs),
        ([0, 0.5, 1, 3], True, FULL.n_runs),
        ([0, 1, 2, 3], True, FULL.n_runs),
    ):
        epochs = np.array(wanted)
        recording = Recording(3, False, lambda cell, epochs=epochs, may_stop=may_stop: (epochs, may_stop))
        table = Table(tmp_path, FULL, recording, 1, HEADER)
        assert table.n_torn_curves == torn
        table.close()


def test_curves_that_are_none(tmp_path: Path) -> None:
    run(tmp_path, FULL, EVERYTHING)
    path = tmp_path / "curves.csv"
    path.write_bytes(path.read_bytes().replace(b",2.5,", b",late,", 1))
    with pytest.raises(RunnerError, match=r"curves.csv is not a file of curves: move it away, or pass --fresh"):
        run(tmp_path, FULL, EVERYTHING)


def test_a_journal_with_other_curves_is_kept_aside(tmp_path: Path) -> None:
    run(tmp_path, FULL, EVERYTHING, limit=9)
    before = (tmp_path / "runs.journal").read_bytes()
    run(tmp_path, FULL, Recording(points=4))
    assert (tmp_path / "runs.journal.1").read_bytes().startswith(before)


def test_curves_and_weights_read_back(tmp_path: Path) -> None:
    run(tmp_path, FULL, EVERYTHING, np.random.default_rng(0))
    table, curves = (pd.read_csv(tmp_path / name, **EXACTLY) for name in ("runs.csv", "curves.csv"))
    assert list(curves.columns) == ["run_id", "epoch", "loss", "accuracy"]
    assert list(dict.fromkeys(curves.run_id)) == list(table.run_id)
    expected = {}
    for result in train(FULL, np.zeros(FULL.n_runs, bool), block=1):
        expected[table.run_id[result.runs[0]]] = result
    for run_id, group in curves.groupby("run_id"):
        np.testing.assert_array_equal(group[["epoch", "loss", "accuracy"]], expected[run_id].curves[0])
    with np.load(tmp_path / "weights.npz") as weights:
        assert sorted(weights.files) == sorted(
            f"{shape}/{part}" for shape in ("2-2-1", "2-4-1") for part in ("run_id", "initial", "final")
        )
        for shape in ("2-2-1", "2-4-1"):
            ids = weights[f"{shape}/run_id"]
            assert list(ids) == list(table.run_id[table.architecture == shape])
            for i, run_id in enumerate(ids.tolist()):
                initial, final = expected[run_id].weights
                np.testing.assert_array_equal(weights[f"{shape}/initial"][i], initial[0])
                np.testing.assert_array_equal(weights[f"{shape}/final"][i], final[0])


def _without_final(arrays: dict[str, np.ndarray]) -> None:
    del arrays["2-2-1/final"]


def _fewer_rows(arrays: dict[str, np.ndarray]) -> None:
    arrays["2-2-1/final"] = arrays["2-2-1/final"][:2]


def _fewer_columns(arrays: dict[str, np.ndarray]) -> None:
    for part in ("initial", "final"):
        arrays[f"2-2-1/{part}"] = arrays[f"2-2-1/{part}"][:, :3]


def _other_ids(arrays: dict[str, np.ndarray]) -> None:
    arrays["2-2-1/run_id"] = np.arange(len(arrays["2-2-1/run_id"]))


def _a_run_twice(arrays: dict[str, np.ndarray]) -> None:
    arrays["2-2-1/run_id"][:2] = arrays["2-2-1/run_id"][0]


@pytest.mark.parametrize("edit", [_without_final, _fewer_rows, _fewer_columns, _other_ids, _a_run_twice])
def test_edited_weights_are_told_before_training(tmp_path: Path, edit: Callable[[dict[str, np.ndarray]], None]) -> None:
    run(tmp_path, SMALL, EVERYTHING)
    path = tmp_path / "weights.npz"
    with np.load(path) as file:
        arrays = dict(file)
    edit(arrays)
    np.savez(path, **arrays)
    _weights_are_refused(tmp_path)


def test_damaged_weights_are_told_before_training(tmp_path: Path) -> None:
    run(tmp_path, SMALL, EVERYTHING)
    path = tmp_path / "weights.npz"
    whole = path.read_bytes()
    random = np.random.default_rng(2)
    contents = [b"", b"text", whole[:-300], whole[: len(whole) // 2]]
    for at in random.integers(len(whole) - 40, size=30).tolist():
        contents.append(whole[:at] + whole[at + int(random.integers(1, 40)) :])
    for at in random.integers(len(whole), size=30).tolist():
        contents.append(whole[:at] + bytes([whole[at] ^ 0x15]) + whole[at + 1 :])
    for content in contents:
        path.write_bytes(content)
        try:
            with np.load(path) as file:
                same = all(np.array_equal(file[name], np.load(io.BytesIO(whole))[name]) for name in file.files)
        except Exception:
            same = False
        if not same:
            _weights_are_refused(tmp_path)


def _weights_are_refused(folder: Path) -> None:
    path = folder / "weights.npz"
    before = files(folder)
    with pytest.raises(RunnerError) as caught:
        run(folder, FULL, EVERYTHING)
    assert str(caught.value) == (
        f"{path} is not a file of weights, or a damaged one: "
        "move it away, and its runs are trained again, or pass --fresh"
    )
    assert files(folder) == before


def test_missing_differs_from_a_measured_nan() -> None:
    column = np.array([MISSING, np.nan, np.inf, -np.inf, 0.1, 1e-7, 2.0])
    assert column_text(column, "float") == ["", "nan", "inf", "-inf", "0.1", "1e-07", "2.0"]
    assert column_text(np.array([MISSING, 3.0]), "int") == ["", "3"]
    assert column_text(np.array([MISSING, 1.0, 0.0]), "bool") == ["", "True", "False"]


_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)


@given(_TEXT | st.sampled_from(["=1+1", '"', '""', "a,b", "a\nb", "a\r\nb", "\r", " x ", "ä€😀"]))
def test_any_text_reads_back(text: str) -> None:
    line = f"x,{field(text)},y\n"
    assert next(csv.reader(io.StringIO(line, newline=""))) == ["x", text, "y"]
    plan = FakePlan([(text, "2-1", text, "0.5", "1")], range(3))
    ids, rows, ends = RowText(plan, HEADER).rows(np.arange(3), np.ones((3, 5)))
    read = pd.read_csv(io.BytesIO(HEADER.line + rows), keep_default_na=False, dtype={"data": str, "init": str})
    assert read.data.tolist() == read.init.tolist() == [text] * 3
    assert ends[-1] == len(rows)
    assert [int(run_id, 16) for run_id in read.run_id] == ids.tolist()


@given(st.lists(st.floats(width=64), min_size=1), st.lists(st.floats(width=32), min_size=1))
def test_any_number_reads_back(doubles: list[float], singles: list[float]) -> None:
    for numbers in (doubles, singles):
        text = "x\n" + "\n".join(column_text(np.array(numbers), "float")) + "\n"
        read = pd.read_csv(io.StringIO(text), **EXACTLY, skip_blank_lines=False)
        np.testing.assert_array_equal(read.x.to_numpy(np.float64), np.array(numbers))


def test_symbolic_links_are_refused(tmp_path: Path) -> None:
    target = tmp_path / "precious.txt"
    target.write_text("precious")
    folder = tmp_path / "study"
    folder.mkdir()
    (folder / "runs.csv").symlink_to(target)
    with pytest.raises(Refused) as caught:
        run(folder)
    link = folder / "runs.csv"
    assert str(caught.value) == f"{link} is a symbolic link; only real files are written: remove the link"
    assert target.read_text() == "precious"


@pytest.mark.parametrize("name", ["runs.csv", "runs.journal", "orphans.csv", LOCK])
def test_files_with_another_name_are_not_written_into(tmp_path: Path, name: str) -> None:
    """As those of a backup that is made of hard links."""
    folder, backup = tmp_path / "study", tmp_path / "backup"
    run(folder, FULL, EVERYTHING, limit=20)
    run(folder, SMALL, EVERYTHING, limit=1)
    (folder / LOCK).touch()
    assert {"runs.csv", "runs.journal", "orphans.csv"} <= set(files(folder))
    os.link(folder / name, backup)
    before = files(folder)
    with pytest.raises(Refused) as caught, Lock(folder):
        run(folder)
    assert str(caught.value) == (
        f"{folder / name} has another name as well (a hard link), and what stands there would change with it: "
        "put a copy in its place"
    )
    assert {key: value for key, value in files(folder).items() if key != LOCK} == {
        key: value for key, value in before.items() if key != LOCK
    }
    assert backup.read_bytes() == before[name]


def test_files_that_are_replaced_may_have_another_name(tmp_path: Path) -> None:
    folder, backup = tmp_path / "study", tmp_path / "backup"
    run(folder, SMALL, EVERYTHING)
    os.link(folder / "curves.csv", backup)
    before = backup.read_bytes()
    run(folder, FULL, EVERYTHING)
    assert backup.read_bytes() == before != (folder / "curves.csv").read_bytes()


@pytest.mark.parametrize("name", ["runs.csv", LOCK])
def test_what_is_no_file_is_not_waited_for(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / name)
    with pytest.raises(Refused) as caught, Lock(tmp_path):
        run(tmp_path)
    assert str(caught.value) == f"{tmp_path / name} is not a file: move it away"


def test_a_lock_that_is_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / LOCK).symlink_to(tmp_path / "precious")
    with pytest.raises(Refused, match="is a symbolic link; only real files are written: remove the link"):
        Lock(tmp_path)
    assert not (tmp_path / "precious").exists()


@pytest.mark.parametrize("recording", [ROWS_ONLY, EVERYTHING], ids=["rows", "everything"])
@pytest.mark.parametrize("n_bytes", [0, 100, 3000, 9000, 13000])
def test_a_full_disk_is_told_and_survived(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    undisturbed: dict[Recording, dict[str, bytes]],
    n_bytes: int,
    recording: Recording,
) -> None:
    left, write = n_bytes, os.write

    def scarce(descriptor: int, data: bytes) -> int:
        nonlocal left
        if not left:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written = write(descriptor, data[:left])
        left -= written
        return written

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", scarce)
        with pytest.raises(RunnerError) as caught:
            run(tmp_path, FULL, recording, np.random.default_rng(1))
    message = str(caught.value)
    assert message.startswith(f"cannot write {tmp_path}")
    assert message.endswith(": the disk is full; make room and run the same command again: every complete row is kept")
    run(tmp_path, FULL, recording)
    assert files(tmp_path) == undisturbed[recording]


def test_a_second_process_is_refused_and_a_dead_one_blocks_nobody(tmp_path: Path) -> None:
    program = (
        "import sys, time; from pathlib import Path; from runner.results.lock import Lock\n"
        "lock = Lock(Path(sys.argv[1])); print('held', flush=True); time.sleep(60)"
    )
    holder = subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(Refused, match=rf"is in use by another runner: process {holder.pid} on .*, since 20"):
            Lock(tmp_path)
    finally:
        holder.kill()
        holder.wait()
        assert holder.stdout is not None
        holder.stdout.close()
    with Lock(tmp_path):
        assert (tmp_path / LOCK).exists()
    assert not (tmp_path / LOCK).exists()


_WRITER = """
import os, sys, time
from pathlib import Path
import numpy as np
sys.path.insert(0, sys.argv[1])
from support.fakes import HEADER, FakePlan, grid, train
from runner.results.sidecars import Recording
from runner.results.table import Table
folder, seed, everything = Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4] == "True"
plan = FakePlan(grid())
table = Table(folder, plan, Recording(3, True) if everything else Recording(), 1, HEADER)
print("ready", flush=True)
for result in train(plan, table.done, np.random.default_rng(seed), block=2):
    table.add(result)
    time.sleep(0.001)
table.finish()
table.close()
os._exit(0)  # a kill while Python takes itself apart says nothing about the table
"""


@pytest.mark.parametrize("recording", [ROWS_ONLY, EVERYTHING], ids=["rows", "everything"])
def test_a_killed_process_loses_nothing(
    tmp_path: Path, undisturbed: dict[Recording, dict[str, bytes]], recording: Recording
) -> None:
    """Starts are killed at random moments until the study is done."""
    random = np.random.default_rng(7)
    before = n_killed = 0
    for start in itertools.count():
        arguments = [str(TESTS), str(tmp_path), str(start), str(bool(recording))]
        writer = subprocess.Popen([sys.executable, "-c", _WRITER, *arguments], stdout=subprocess.PIPE)
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"ready\n"
        time.sleep(random.uniform(0, 0.01 * (1 + start / 5)))
        writer.kill()
        killed = writer.wait() != 0
        writer.stdout.close()
        table = Table(tmp_path, FULL, recording, 1, HEADER)
        done = int(np.count_nonzero(table.done))
        table.close()
        assert done >= before
        before = done
        n_killed += killed
        if not killed:
            break
    assert n_killed >= 3
    assert files(tmp_path) == undisturbed[recording]


def test_a_result_larger_than_a_frame_is_split(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runner.results.table.LARGEST_FRAME", 7)
    plan = FakePlan(grid())
    table = Table(tmp_path, plan, ROWS_ONLY, 1, HEADER)
    parts = list(train(plan, np.zeros(plan.n_runs, bool)))
    runs, records = (np.concatenate([getattr(part, name) for part in parts]) for name in ("runs", "records"))
    table.add(FakeResult(runs[::-1], records[::-1]))
    table.finish()
    table.close()
    other = tmp_path / "other"
    run(other, plan)
    assert (tmp_path / "runs.csv").read_bytes() == (other / "runs.csv").read_bytes()
