"""A table in parts: the rows and the promises of `runs.csv`, and files that other programs read."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from support.fakes import HEADER, FakePlan, grid, train

import runner
from runner.cli.main import run as command
from runner.errors import Refused, RunnerError
from runner.results.files import find_table
from runner.results.manifest import read_manifest
from runner.results.part_file import Form, key_kinds
from runner.results.parts import PartRows
from runner.results.reader import EXACTLY
from runner.results.sidecars import Recording
from runner.results.table import Store, Table

FULL = FakePlan(grid())
GROWN = FakePlan(grid(rates=(0.1, 0.5, 1.0, 10.0)), range(7))
SMALL = FakePlan(grid(epochs=(100,)), range(1, 4))
PLANS = (FULL, GROWN, SMALL)
PART = "runs/part-*.parquet"


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Row groups of two cells, parts of two row groups."""
    monkeypatch.setattr("runner.results.staging.GROUP_ROWS", 10)
    monkeypatch.setattr("runner.results.staging.GROUPS", 2)


def run(
    folder: Path,
    plan: FakePlan = FULL,
    store: Store = "parquet",
    order: np.random.Generator | None = None,
    limit: int = 10**9,
    finish: bool = True,
) -> int:
    """One start of a runner; returns how many runs it trained."""
    folder.mkdir(exist_ok=True)
    table = Table(folder, plan, Recording(), 1, HEADER, store=store)
    trained = 0
    try:
        for result in train(plan, table.done, order):
            if trained >= limit:
                break
            table.add(result)
            trained += len(result.runs)
        if finish:
            table.finish(complete=bool(table.done.all()))
    finally:
        table.close()
    return trained


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def csv_of(tmp_path: Path, plan: FakePlan) -> bytes:
    """The `runs.csv` of a plan."""
    folder = tmp_path / f"csv-{PLANS.index(plan)}"
    if not folder.exists():
        run(folder, plan, "csv")
    return (folder / "runs.csv").read_bytes()


def rows_of(folder: Path) -> bytes:
    """The rows of all parts as text."""
    parts = PartRows(folder)
    return HEADER.line + b"".join(parts.segments(np.arange(len(parts))))


def test_the_rows_of_the_csv_in_files_that_follow_from_the_plan(tmp_path: Path) -> None:
    run(tmp_path / "a")
    assert rows_of(tmp_path / "a") == csv_of(tmp_path, FULL)
    manifest = read_manifest(tmp_path / "a")
    assert manifest is not None
    assert [part.rows for part in manifest.parts] == [20, 20, 20]
    assert set(files(tmp_path / "a")) == {
        "runs.manifest.json",
        "runs.sums",
        *(f"runs/{part.file}" for part in manifest.parts),
    }
    content = json.loads((tmp_path / "a" / "runs.manifest.json").read_text())
    assert content["rows"] == 60
    assert content["label"].startswith("results 1, columns ")


@pytest.mark.parametrize("seed", range(6))
def test_any_history_ends_in_the_same_files(tmp_path: Path, seed: int) -> None:
    """Starts that end early, or die, and plans that come and go, in either store; then one to the end."""
    rng = np.random.default_rng(seed)
    for plan in PLANS:
        run(tmp_path / f"whole-{PLANS.index(plan)}", plan)
    folder = tmp_path / "history"
    for _ in range(8):
        plan = PLANS[rng.integers(3)]
        store: Store = "csv" if rng.random() < 0.3 else "parquet"
        run(folder, plan, store, rng, int(rng.integers(1, 60)), finish=bool(rng.random() < 0.7))
    plan = PLANS[rng.integers(3)]
    run(folder, plan, "parquet", rng)
    assert rows_of(folder) == csv_of(tmp_path, plan)
    expected = files(tmp_path / f"whole-{PLANS.index(plan)}")
    found = files(folder)
    assert {name: data for name, data in found.items() if name.startswith("runs/")} == {
        name: data for name, data in expected.items() if name.startswith("runs/")
    }
    before = {path: path.stat().st_mtime_ns for path in folder.glob(PART)}
    assert run(folder, plan) == 0
    assert {path: path.stat().st_mtime_ns for path in folder.glob(PART)} == before
    assert run(folder, plan, "csv") == 0
    assert (folder / "runs.csv").read_bytes() == csv_of(tmp_path, plan)
    assert not (folder / "runs").exists()
    assert not (folder / "runs.manifest.json").exists()


def test_a_grown_study_trains_only_what_is_new(tmp_path: Path) -> None:
    run(tmp_path / "a", FakePlan(FULL.cells, range(3)))
    assert run(tmp_path / "a", FULL) == FULL.n_runs * 2 // 5


def test_rows_of_a_shrunk_study_are_set_aside_and_come_back(tmp_path: Path) -> None:
    folder = tmp_path / "a"
    run(folder)
    n_orphans = FULL.n_runs - 3 * len(SMALL.cells)
    assert run(folder, SMALL) == 0
    assert len((folder / "orphans.csv").read_bytes().splitlines()) == 1 + n_orphans
    assert run(folder, FULL) == 0
    assert not (folder / "orphans.csv").exists()
    assert rows_of(folder) == csv_of(tmp_path, FULL)


def test_a_part_that_is_gone_is_trained_again_and_a_changed_one_refused(tmp_path: Path) -> None:
    folder = tmp_path / "a"
    run(folder)
    before = files(folder)
    first, second, _ = sorted(folder.glob(PART))
    second.unlink()
    assert run(folder) == 20
    assert files(folder).keys() == before.keys()
    assert rows_of(folder) == csv_of(tmp_path, FULL)
    data = bytearray(first.read_bytes())
    data[len(data) // 2] ^= 1
    first.write_bytes(data)
    with pytest.raises(Refused, match=r"part-000000-\w+\.parquet is not the part that was written .*: bring it back"):
        run(folder)


def test_parts_without_their_manifest_are_refused(tmp_path: Path) -> None:
    folder = tmp_path / "a"
    run(folder)
    manifest = folder / "runs.manifest.json"
    content = manifest.read_bytes()
    manifest.unlink()
    with pytest.raises(Refused, match="holds parts of a table, and its manifest"):
        run(folder)
    manifest.write_text("{}")
    with pytest.raises(RunnerError, match="is not as the runner wrote it"):
        run(folder)
    manifest.write_bytes(content)
    assert run(folder) == 0


def test_another_version_is_refused(tmp_path: Path) -> None:
    run(tmp_path / "a")
    with pytest.raises(Refused, match="another version of the runner"):
        Table(tmp_path / "a", FULL, Recording(), 2, HEADER)


def test_rows_that_a_dead_process_has_left_in_both_stores_count_once(tmp_path: Path) -> None:
    folder = tmp_path / "a"
    run(folder, store="csv")
    left = {name: (folder / name).read_bytes() for name in ("runs.csv", "runs.sums")}
    run(folder)
    for name, data in left.items():
        (folder / name).write_bytes(data)
    assert run(folder) == 0
    assert not (folder / "runs.csv").exists()
    # One that has other contents is nobody's leftover.
    (folder / "runs.sums").unlink()
    (folder / "runs.csv").write_bytes(left["runs.csv"].replace(b",stuck,", b",diverged,", 1))
    with pytest.raises(RunnerError, match="with different contents"):
        run(folder)


def test_kinds_follow_from_all_values(tmp_path: Path) -> None:
    mixed = FakePlan([*grid(rates=(0.5, 2.5)), ("xor", "2-2-1", "zeros", "[1, 2]", "10")])
    assert key_kinds(FULL, HEADER)["epochs"] == "int"
    assert key_kinds(FakePlan(grid(rates=(0.5, 2.5))), HEADER)["learning_rate"] == "float"
    assert key_kinds(mixed, HEADER)["learning_rate"] == "category"
    folder = tmp_path / "a"
    run(folder, FakePlan(grid(rates=(0.5, 2.5))))
    run(folder, mixed)
    assert set(pd.read_parquet(folder / "runs")["learning_rate"]) == {"0.5", "2.5", "[1, 2]"}


def test_every_number_comes_back_to_the_last_bit() -> None:
    """The texts of doubles of all sizes, what is missing, and what was measured as no number."""
    rng = np.random.default_rng(5)
    doubles = rng.integers(0, 2**64, 3000, np.uint64).view(np.float64)
    texts = [*map(repr, doubles.tolist()), "", "nan", "inf", "-inf", "-0.0", "5e-324", "1.7976931348623157e+308"]
    lines = [
        f'{i:016x},{7:016x},xor,2-2-1,"uniform(-1, 1)",0.1,10,{i},stuck,False,{text},{"" if i % 3 else i},{text}\n'
        for i, text in enumerate(texts)
    ]
    text = "".join(lines).encode()
    kinds = {"data": "category", "architecture": "category", "init": "category"}
    form = Form(HEADER, kinds | {"learning_rate": "float", "epochs": "int"})
    table = form.table_of(text)
    assert form.text_of(table, kernel=False)[0] == text
    assert form.text_of(table, kernel=True)[0] == text
    numbers = table["final_loss"].to_numpy()
    assert (numbers[:3000].view(np.uint64) == doubles.view(np.uint64))[~np.isnan(doubles)].all()


# With studies that are really trained.
BASE: dict[str, Any] = {"data": "xor", "architecture": "2-2-1", "learning_rate": 0.5, "epochs": 20, "replicates": 8}


def write(folder: Path, name: str = "small", **keys: Any) -> Path:
    """A study file."""
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump({"name": name, **BASE, **keys}, sort_keys=False))
    return path


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of all results, in which `csv` and `parts` have the same runs."""
    folder = tmp_path_factory.mktemp("trained")
    sweep = {"grid": {"architecture": ["2-2-1", "2-3-1"], "learning_rate": [0.5, 10, 1e300], "batch": ["full", 2]}}
    for name in ("csv", "parts"):
        study = write(folder, name=name, sweep=sweep, replicates=12)
        runner.run(study, out=folder, store="parquet" if name == "parts" else None)
    return folder


def test_pandas_reads_what_it_reads_from_the_csv(trained: Path) -> None:
    parts, rows = pd.read_parquet(trained / "parts" / "runs"), pd.read_csv(trained / "csv" / "runs.csv", **EXACTLY)
    assert list(parts) == list(rows)
    assert len(parts) == len(rows) == 144
    for name in parts:
        one, other = (table[name].astype(object).where(table[name].notna(), None).tolist() for table in (parts, rows))
        assert one == other, name
    same = runner.read_results("parts", out=trained)
    # Which of its two types for texts pandas takes depends on the version of pyarrow.
    pd.testing.assert_frame_equal(parts.astype({"run_id": object}), same.astype({"run_id": object}))


def test_other_programs_read_it_with_one_line(trained: Path) -> None:
    duckdb, polars = pytest.importorskip("duckdb"), pytest.importorskip("polars")
    from pyarrow import dataset

    folder = trained / "parts" / "runs"
    expected = pd.read_csv(trained / "csv" / "runs.csv", **EXACTLY)["final_loss"].tolist()
    same = lambda found: np.array_equal(found, expected, equal_nan=True)  # noqa: E731
    assert same(dataset.dataset(folder).to_table()["final_loss"].to_numpy())
    assert same(polars.read_parquet(folder)["final_loss"].to_numpy())
    assert same(duckdb.sql(f"SELECT final_loss FROM '{folder}/*.parquet'").fetchnumpy()["final_loss"])
    frame = pytest.importorskip("dask.dataframe").read_parquet(folder)
    assert same(frame["final_loss"].compute().to_numpy())
    rates = duckdb.sql(f"SELECT learning_rate, avg(converged::INT) FROM '{folder}/*.parquet' GROUP BY 1").fetchall()
    assert len(rates) == 3


def test_commands_say_the_same_of_either_store(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    commands = [
        ["report", "NAME"],
        ["explain", "NAME", "--json"],
        ["claims", "NAME", "--json"],
        ["table", "NAME", "--rows", "architecture", "--columns", "learning_rate"],
        ["compare", "NAME", "--where", "batch=full", "--versus", "batch=2", "--json"],
    ]
    for words in commands:
        said = []
        for name in ("csv", "parts"):
            code = command([word.replace("NAME", name) for word in words] + ["--out", str(trained)])
            said.append((code, capsys.readouterr().out.replace("runs.csv", "runs").replace(f'"{name}"', "NAME")))
        assert said[0][0] == said[1][0] == 0, words
        assert said[0][1].replace("/csv/", "/parts/").replace("csv: ", "parts: ") == said[1][1], words


def test_one_run_is_found_replayed_and_explained(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_id = pd.read_csv(trained / "csv" / "runs.csv")["run_id"][100]
    out = ["--out", str(trained)]
    assert command(["replay", "parts", run_id, *out]) == 0
    assert command(["replay", "parts", "--sample", "20", *out]) == 0
    assert command(["explain", "parts", run_id[:10], *out]) == 0
    assert run_id in capsys.readouterr().out
    assert command(["explain", "parts", f"{run_id[:15]}{'0' if run_id[15] != '0' else '1'}", *out]) == 2
    assert f"did you mean '{run_id}'" in capsys.readouterr().err


def test_export_converts_both_ways(trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = ["--out", str(trained)]
    wanted = (trained / "csv" / "runs.csv").read_bytes()
    assert command(["export", "parts", "--to", "csv", *out]) == 0
    assert (trained / "parts" / "export.csv").read_bytes() == wanted
    copy = tmp_path / "copy"
    assert command(["export", "csv", "--to", "parts", "--into", str(copy), *out]) == 0
    assert find_table(copy, trained) == copy / "runs"
    assert command(["export", str(copy), "--to", "csv", "--into", str(tmp_path / "back.csv")]) == 0
    assert (tmp_path / "back.csv").read_bytes() == wanted
    assert command(["export", "csv", "--to", "parts", "--into", str(copy), *out]) == 3
    assert "has a table already; pass another --into" in capsys.readouterr().err
    into = str(trained / "parts" / "runs.csv")
    assert command(["export", "parts", "--to", "csv", "--into", into, *out]) == 3
    assert "--store csv, which turns the table itself into runs.csv" in capsys.readouterr().err
    (trained / "parts" / "export.csv").unlink()
    assert command(["export", "parts", "--to", "sqlite", "--into", str(tmp_path / "x.db"), *out]) == 0


def test_the_store_of_a_folder_is_kept_until_another_one_is_asked_for(tmp_path: Path) -> None:
    study = write(tmp_path, replicates=5)
    first = runner.run(study, out=tmp_path, store="parquet")
    assert first.table.name == "runs"
    assert len(first.runs) == 5
    again = runner.run(study, "replicates=7", out=tmp_path)
    assert again.table.name == "runs"
    assert again.summary.runs == 7
    assert runner.run(study, "replicates=7", out=tmp_path, store="csv").table.name == "runs.csv"
    assert runner.run(study, "replicates=7", out=tmp_path).table.name == "runs.csv"
    with pytest.raises(ValueError, match="store: expected 'csv' or 'parquet', found 'feather'"):
        runner.run(study, out=tmp_path, store="feather")


def test_rows_beside_the_parts_are_read_with_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A study that has grown and is not complete: its new rows stand in `runs.csv` until it is."""
    study = write(tmp_path, replicates=20)
    runner.run(study, out=tmp_path, store="parquet")
    folder = next(tmp_path.glob("*/runs")).parent
    assert command([str(study), "replicates=50", "--limit", "10", "-q", "--out", str(tmp_path)]) == 0
    assert (folder / "runs.csv").exists()
    assert len(runner.read_results(folder)) == runner.summarize(folder).runs == 30
    late = pd.read_csv(folder / "runs.csv")["run_id"].iloc[-1]
    assert command(["replay", str(folder), late]) == 0
    assert command(["export", str(folder), "--to", "csv", "--into", str(tmp_path / "x.csv")]) == 0
    assert len(pd.read_csv(tmp_path / "x.csv")) == 30
    capsys.readouterr()
    assert command([str(study), "replicates=50", "-q", "--out", str(tmp_path)]) == 0
    assert not (folder / "runs.csv").exists()
    assert len(runner.read_results(folder)) == 50


def test_without_pyarrow_it_is_told_before_anything_is_trained(tmp_path: Path) -> None:
    study = write(tmp_path, replicates=2)
    code = "import sys; sys.modules['pyarrow'] = None; from runner.cli.main import run; sys.exit(run(sys.argv[1:]))"
    arguments = [str(study), "--store", "parquet", "-q", "--out", str(tmp_path / "out")]
    process = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False)
    assert process.returncode == 1
    assert process.stderr == (
        "error: tables in Parquet need pyarrow, which is not installed: pip install 'runner[parquet]'\n"
    )
    assert not list((tmp_path / "out").rglob("runs*"))


def test_a_wrong_store_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command([str(write(tmp_path)), "--store", "parket"]) == 2
    message = "argument --store: expected csv or parquet, not 'parket'; did you mean 'parquet'?"
    assert message in capsys.readouterr().err


@pytest.fixture
def shards(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    shutil.rmtree(tmp_path / "results", ignore_errors=True)


def test_shards_in_parts_are_merged(shards: Path) -> None:
    study = write(shards, replicates=30)
    name = runner.load(study).name
    out = ["--out", str(shards)]
    for i in (1, 2):
        assert command([str(study), "--shard", f"{i}/2", "--store", "parquet", "-q", *out]) == 0
    assert command(["merge", name, "-q", *out]) == 0
    assert runner.run(study, out=shards / "whole").read_bytes() == (shards / name / "runs.csv").read_bytes()
