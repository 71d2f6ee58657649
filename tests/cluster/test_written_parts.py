"""Studies whose rows the workers of a Dask cluster write, as parts: the same bytes, whoever dies in between."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support import divided

import runner
from runner.__main__ import main
from runner.cluster import part_engine, part_tasks
from runner.errors import Refused, StudyError
from runner.results.convert import write_csv
from runner.results.manifest import read_manifest
from runner.results.part_file import pyarrow_version

distributed = pytest.importorskip("distributed")
pytest.importorskip("pyarrow")
cloudpickle = pytest.importorskip("cloudpickle")
# Workers do not find this file.
cloudpickle.register_pickle_by_value(sys.modules[__name__])

CLUSTER = {"threads_per_worker": 1, "processes": True, "dashboard_address": ":0"}
# Of 180 runs: parts of 50, in row groups of 25, the last part of 30.
SIZES = {"GROUP_ROWS": 25, "GROUPS": 2}


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SIZES.items():
        monkeypatch.setattr(f"runner.results.staging.{name}", value)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Two workers of one thread each, which come back when they are killed."""
    with distributed.LocalCluster(n_workers=2, **CLUSTER) as made, distributed.Client(made) as client:
        yield client


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results of the study, trained and written by one process."""
    folder = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in SIZES.items():
            patch.setattr(f"runner.results.staging.{name}", value)
        assert main([str(divided.write(folder, divided.PLAIN)), "-q", "--out", str(folder), "--store", "parquet"]) == 0
    return folder / "divided"


def contents(folder: Path) -> dict[str, bytes]:
    """The parts of a table, and all of its rows as CSV."""
    assert not (folder / "runs.new").exists()
    assert not (folder / "runs.csv").exists()
    write_csv(folder / "runs", folder / "exported.csv")
    found = {path.name: path.read_bytes() for path in [*folder.glob("runs/*"), folder / "exported.csv"]}
    manifest = read_manifest(folder)
    assert manifest is not None
    assert [part.file for part in manifest.parts] == sorted(found.keys() - {"exported.csv"})
    return found


def run(folder: Path, client: Any, text: str = divided.PLAIN) -> Path:
    """The folder of results of the study, written by workers."""
    results = runner.run(
        divided.write(folder, text), out=folder / "results", client=client, store="parquet", write="workers"
    )
    return results.parent


def test_workers_write_the_bytes_of_one_process(cluster: Any, whole: Path, tmp_path: Path) -> None:
    found = contents(run(tmp_path, cluster))
    assert len(found) == 5
    assert found == contents(whole)
    # A second start finds everything done.
    assert contents(run(tmp_path, cluster)) == found


@pytest.mark.slow
def test_parts_may_end_within_a_setting(cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As those of a study with more seeds than a row group has rows."""
    monkeypatch.setattr("runner.results.staging.GROUP_ROWS", 4)
    study = divided.write(tmp_path, divided.PLAIN)
    assert main([str(study), "-q", "--out", str(tmp_path / "whole"), "--store", "parquet"]) == 0
    found = contents(run(tmp_path, cluster))
    assert len(found) == 24
    assert found == contents(tmp_path / "whole" / "divided")


def test_what_has_rows_already_comes_through_the_client(
    cluster: Any, whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Rows in `runs.csv` are kept; parts that have none are written by workers."""
    study = str(divided.write(tmp_path, divided.PLAIN))
    command = [study, "--out", str(tmp_path / "results"), "--store", "parquet"]
    assert main([*command, "--limit", "3", "-q"]) == 0
    rows = (tmp_path / "results" / "divided" / "runs.csv").read_bytes().splitlines()[1:]
    capsys.readouterr()
    assert main([*command, "--write", "workers", "--dask", cluster.scheduler.address, "--no-page"]) == 0
    assert "of parts that were begun before: the rows come through this process" in capsys.readouterr().err
    found = contents(tmp_path / "results" / "divided")
    assert len(rows) == 3
    assert all(row in found["exported.csv"] for row in rows)
    assert found == contents(whole)


@pytest.mark.parametrize("axis", ["architecture: [2-2-1, 2-3-1, 2-2-2-1]", "learning_rate: [0.5, 2, 8]"])
def test_a_study_may_grow(cluster: Any, whole: Path, tmp_path: Path, axis: str) -> None:
    """Behind the runs that are there, whose parts stay; and between them."""
    smaller = axis[: axis.rindex(",")] + "]"
    folder = run(tmp_path, cluster, divided.PLAIN.replace(axis, smaller))
    before = contents(folder)
    after = contents(run(tmp_path, cluster))
    assert after == contents(whole)
    assert len(before.keys() & after.keys()) == (3 if axis.startswith("architecture") else 1)


class _Dying:
    """Trains and writes a part; the first worker that has done so with the second one dies before it says so."""

    def __init__(self, marker: Path) -> None:
        self._marker = marker

    def __call__(self, errand: Any, number: int, bounds: Any) -> Any:
        from runner.cluster.part_tasks import train_part

        answer = train_part(errand, number, bounds)
        if number == 1 and not self._marker.exists():
            self._marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return answer


@pytest.mark.parametrize("allowed", [3, pytest.param(0, marks=pytest.mark.slow)])
def test_a_worker_that_is_killed_costs_its_part_and_no_row(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, allowed: int
) -> None:
    """Another worker writes the part; where nobody may try again, its runs are trained in small tasks."""
    monkeypatch.setattr(part_engine, "train_part", _Dying(tmp_path / "died"))
    with distributed.LocalCluster(n_workers=2, **CLUSTER) as made, distributed.Client(made) as client:
        client.run_on_scheduler(lambda dask_scheduler: setattr(dask_scheduler, "allowed_failures", allowed))
        found = contents(run(tmp_path, client))
    assert (tmp_path / "died").exists()
    assert found == contents(whole)


def _change_a_byte(errand: Any, number: int, bounds: Any) -> Any:
    from runner.cluster.part_tasks import train_part

    answer = train_part(errand, number, bounds)
    with answer.staged.file.open("r+b") as file:
        file.seek(100)
        file.write(b"!")
    return answer


def test_a_part_that_is_not_as_its_worker_wrote_it_does_not_count(
    cluster: Any, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(part_engine, "train_part", _change_a_byte)
        with pytest.raises(runner.RunnerError, match="is not the part that a worker has written"):
            run(tmp_path, cluster)
    assert contents(run(tmp_path, cluster)) == contents(whole)


CLIENT = f"""
import os, signal, sys
import distributed, runner
from runner.results import staging, table

for name, value in {SIZES}.items():
    setattr(staging, name, value)
table._SYNC_SECONDS = 0.0
name_parts = staging.Arrivals.name

def name_and_die(self):
    waited = bool(self._waiting)
    name_parts(self)
    if waited and len(self.parts) == 2:
        os.kill(os.getpid(), signal.SIGKILL)

staging.Arrivals.name = name_and_die
with distributed.Client(sys.argv[1]) as client:
    runner.run("divided.yaml", client=client, store="parquet", write="workers")
"""


@pytest.mark.parametrize("name", ["SIGKILL", "SIGINT"])
def test_a_client_that_is_killed_keeps_the_parts_that_its_manifest_names(
    cluster: Any, whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    """So does one that is interrupted, which does not wait for the other parts."""
    study = str(divided.write(tmp_path, divided.PLAIN))
    command = [sys.executable, "-c", CLIENT.replace("SIGKILL", name), cluster.scheduler.address]
    killed = subprocess.run(command, cwd=tmp_path, stderr=subprocess.PIPE, check=False)
    assert killed.returncode == -getattr(signal, name), killed.stderr
    folder = tmp_path / "results" / "divided"
    assert (folder / "runs.new").exists() == (name == "SIGKILL")
    manifest = read_manifest(folder)
    assert manifest is not None
    assert len(manifest.parts) == 2
    kept = {part.file: (folder / "runs" / part.file).stat().st_ino for part in manifest.parts}
    # What there is can be read, as of any study that is not complete.
    assert len(runner.Results(folder).runs) == manifest.rows
    more = ["--store", "parquet", "--write", "workers", "--dask", cluster.scheduler.address, "--no-page"]
    assert main([study, "--out", str(tmp_path / "results"), *more]) == 0
    assert "2 parts to be written by the workers" in capsys.readouterr().err
    assert contents(folder) == contents(whole)
    assert {name: (folder / "runs" / name).stat().st_ino for name in kept} == kept


def test_a_worker_that_does_not_see_the_folder_is_refused_by_name(cluster: Any, tmp_path: Path) -> None:
    """One worker looks elsewhere, as if another disk were mounted there."""
    blind = next(iter(cluster.scheduler_info()["workers"]))

    def look_for(name: str) -> None:
        from runner.cluster import part_tasks

        part_tasks.TOKEN = name

    cluster.run(look_for, "nowhere", workers=[blind])
    try:
        folder = tmp_path / "results" / "divided"
        told = f"the worker {blind} can not write parts into {folder}: No such file or directory"
        with pytest.raises(Refused, match=told):
            run(tmp_path, cluster)
    finally:
        cluster.run(look_for, part_tasks.TOKEN, workers=[blind])
    assert not (folder / "runs").exists()
    assert not (folder / "runs.new").exists()


def test_what_keeps_a_process_from_writing_is_found(tmp_path: Path) -> None:
    version = pyarrow_version()
    (tmp_path / "token").write_text("here")
    assert part_tasks.find_obstacle(part_tasks.Place(tmp_path, "here", version)) == ""
    assert part_tasks.find_obstacle(part_tasks.Place(tmp_path, "there", version)) == (
        "what it sees there is another folder"
    )
    assert part_tasks.find_obstacle(part_tasks.Place(tmp_path, "here", "1.0")) == (
        f"pyarrow is 1.0 here and {version} there"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["token"]


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ("--write workers --store parquet", "--write workers needs workers, --dask ADDRESS, and --store parquet"),
        ("--write worker", "expected client or workers, not 'worker'"),
        ("--write workers --dask {}", "--write workers needs --store parquet"),
        ("--write workers --dask {} --store csv", "--write workers needs --store parquet"),
        ("--write workers --dask {} --store parquet --shard 1/2", "--write workers and --shard are two ways"),
    ],
)
def test_flags_that_do_not_fit_are_refused(
    cluster: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str], flags: str, message: str
) -> None:
    study = divided.write(tmp_path, divided.PLAIN)
    given = flags.format(cluster.scheduler.address).split()
    assert main([str(study), "--out", str(tmp_path / "results"), *given]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "results").exists()


def test_what_python_is_given_is_refused_as_well(cluster: Any, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="write: 'workers' needs a cluster"):
        runner.run(divided.write(tmp_path, divided.PLAIN), out=tmp_path / "results", write="workers")
    with pytest.raises(ValueError, match="write: expected 'client' or 'workers', found 'nobody'"):
        runner.run(tmp_path / "divided.yaml", out=tmp_path / "results", write="nobody")
    recorded = divided.write(tmp_path, divided.RECORDED)
    with pytest.raises(StudyError, match="divided records curves or weights"):
        runner.run(recorded, out=tmp_path / "results", client=cluster, store="parquet", write="workers")
    assert not (tmp_path / "results").exists()
