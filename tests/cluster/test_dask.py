"""Studies on the workers of a Dask cluster of real processes: the same bytes, whoever dies in between."""

from __future__ import annotations

import contextlib
import json
import operator
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import divided

import runner
from runner.__main__ import main
from runner.cluster import dask_engine, tasks
from runner.errors import Refused
from runner.studies.load import load_study
from runner.studies.plan import make_plan

distributed = pytest.importorskip("distributed")
cloudpickle = pytest.importorskip("cloudpickle")
# Workers do not find this file.
cloudpickle.register_pickle_by_value(sys.modules[__name__])


@pytest.fixture(scope="module", params=[2, *(pytest.param(n, marks=pytest.mark.slow) for n in (1, 4))])
def cluster(request: pytest.FixtureRequest) -> Iterator[Any]:
    """Workers of one thread each, which come back when they are killed."""
    options = {"threads_per_worker": 1, "processes": True, "dashboard_address": ":0"}
    with distributed.LocalCluster(n_workers=request.param, **options) as made, distributed.Client(made) as client:
        yield client


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], dict[str, bytes]]:
    """What a study comes to without a cluster; made once."""
    made: dict[str, dict[str, bytes]] = {}

    def results(text: str) -> dict[str, bytes]:
        if text not in made:
            folder = tmp_path_factory.mktemp("whole")
            assert main([str(divided.write(folder, text)), "-q", "--out", str(folder)]) == 0
            made[text] = divided.contents(folder / "divided")
        return made[text]

    return results


@pytest.mark.parametrize("name", divided.STUDIES)
def test_a_cluster_gives_the_same_bytes(
    cluster: Any, whole: Callable[[str], dict[str, bytes]], tmp_path: Path, name: str
) -> None:
    text = divided.STUDIES[name]
    results = runner.run(divided.write(tmp_path, text), out=tmp_path / "results", client=cluster)
    assert divided.contents(results.parent) == whole(text)
    # A second start finds everything done; one part is a part.
    assert runner.run(tmp_path / "divided.yaml", out=tmp_path / "results", client=cluster) == results


LONGER = divided.PLAIN.replace("epochs: [20, 60]", "epochs: [2000, 20000]").replace("replicates: 5", "replicates: 40")


@pytest.mark.slow
def test_workers_that_are_killed_cost_only_time(
    whole: Callable[[str], dict[str, bytes]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dask_engine, "_TASK_SECONDS", 0.1)
    options = {"threads_per_worker": 1, "processes": True, "dashboard_address": ":0"}
    kills = int(os.environ.get("RUNNER_WORKER_KILLS", "4"))
    done, killed = threading.Event(), []
    with distributed.LocalCluster(n_workers=2, **options) as made, distributed.Client(made) as client:
        client.run_on_scheduler(lambda dask_scheduler: setattr(dask_scheduler, "allowed_failures", 1000))

        def kill() -> None:
            for _ in range(kills):
                if done.wait(random.uniform(0.2, 1.0)):
                    return
                with contextlib.suppress(Exception):  # a worker may be on its way
                    os.kill(random.choice(list(client.run(os.getpid).values())), signal.SIGKILL)
                    killed.append(1)

        killer = threading.Thread(target=kill)
        killer.start()
        results = runner.run(divided.write(tmp_path, LONGER), out=tmp_path / "results", client=client)
        done.set()
        killer.join()
    assert killed
    assert divided.contents(results.parent) == whole(LONGER)


@pytest.mark.slow
def test_a_worker_that_is_paused_holds_nothing_up(
    whole: Callable[[str], dict[str, bytes]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a worker pauses itself when its memory runs short: it starts no task until it goes on; here it never does."""
    monkeypatch.setattr(dask_engine, "_TASK_SECONDS", 0.1)
    options = {"threads_per_worker": 1, "processes": True, "dashboard_address": ":0"}

    def pause(dask_worker: Any) -> None:
        # Nor does it find by itself that there is memory.
        dask_worker.memory_manager.memory_pause_fraction = None
        dask_worker.status = distributed.Status.paused

    with distributed.LocalCluster(n_workers=2, **options) as made, distributed.Client(made) as client:
        first = next(iter(client.scheduler_info()["workers"]))
        pausing = threading.Timer(0.5, lambda: client.run(pause, workers=[first]))
        pausing.start()
        results = runner.run(divided.write(tmp_path, LONGER), out=tmp_path / "results", client=client, store="parquet")
        pausing.join()
        assert client.scheduler_info()["workers"][first]["status"] == "paused"
    assert results.table.name == "runs"
    back = runner.run(tmp_path / "divided.yaml", out=tmp_path / "results", store="csv")
    assert divided.contents(back.parent) == whole(LONGER)


CLIENT = """
import sys, runner, distributed
with distributed.Client(sys.argv[1]) as client:
    runner.run("divided.yaml", client=client)
"""


@pytest.mark.slow
def test_a_client_that_is_killed_goes_on(
    cluster: Any, whole: Callable[[str], dict[str, bytes]], tmp_path: Path
) -> None:
    divided.write(tmp_path, LONGER)
    address = cluster.scheduler.address
    for seconds in (4.0, 5.0):
        process = subprocess.Popen([sys.executable, "-c", CLIENT, address], cwd=tmp_path, stderr=subprocess.DEVNULL)
        time.sleep(seconds)
        process.kill()
        process.wait()
    subprocess.run([sys.executable, "-c", CLIENT, address], cwd=tmp_path, check=True, capture_output=True)
    assert divided.contents(tmp_path / "results" / "divided") == whole(LONGER)


@pytest.mark.slow
def test_a_run_that_kills_its_workers_is_a_failed_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(dask_engine, "train_task", _deadly)
    options = {"threads_per_worker": 1, "processes": True, "dashboard_address": ":0"}
    with distributed.LocalCluster(n_workers=1, **options) as made, distributed.Client(made) as client:
        client.run_on_scheduler(lambda dask_scheduler: setattr(dask_scheduler, "allowed_failures", 0))
        with pytest.raises(runner.RunnerError, match="could not be trained: KilledWorker: the workers that trained it"):
            runner.run(divided.write(tmp_path, divided.OWN_DATA), out=tmp_path, client=client)
    assert (tmp_path / "divided" / "failed.csv").exists()


def _deadly(errand: Any, turns: Any) -> None:
    os._exit(1)


def test_a_worker_of_another_version_is_refused_by_name(
    cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = tasks.versions()
    monkeypatch.setattr(dask_engine, "versions", _VersionsOf(real | {"Numba": "0.1", "kernels": "0123"}))
    study = divided.write(tmp_path, divided.OWN_DATA)
    with pytest.raises(Refused, match=r"the worker tcp://.* Numba is 0\.1 here and .* there; kernels is 0123 here"):
        runner.run(study, out=tmp_path, client=cluster)
    # One that comes later is found out when it gets its first task.
    with pytest.raises(Refused, match=r"Numba is 0\.1 here"):
        tasks.refuse_other_versions(real | {"Numba": "0.1"}, real, "the worker")


class _VersionsOf:
    """Says what it is told here, and the truth on a worker."""

    def __init__(self, said: dict[str, str]) -> None:
        self._said = said

    def __call__(self) -> dict[str, str]:
        return self._said

    def __reduce__(self) -> Any:
        return operator.attrgetter("versions"), (tasks,)


@pytest.mark.slow
def test_a_restarted_cluster_gets_the_work_again(
    whole: Callable[[str], dict[str, bytes]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All that workers and scheduler have known is forgotten in the middle of a study."""
    monkeypatch.setattr(dask_engine, "_TASK_SECONDS", 0.2)
    options = {"threads_per_worker": 1, "processes": True, "dashboard_address": ":0"}
    with distributed.LocalCluster(n_workers=2, **options) as made, distributed.Client(made) as client:
        other = distributed.Client(made)
        restart = threading.Timer(3.0, lambda: other.restart(wait_for_workers=False))
        restart.start()
        results = runner.run(divided.write(tmp_path, LONGER), out=tmp_path / "results", client=client)
        restart.join()
        other.close()
    assert divided.contents(results.parent) == whole(LONGER)


def test_command_line_trains_on_a_cluster_of_its_own(
    tmp_path: Path, whole: Callable[[str], dict[str, bytes]], capsys: pytest.CaptureFixture[str]
) -> None:
    study = divided.write(tmp_path, divided.OWN_DATA)
    assert main([str(study), "--dask", "local:1", "--out", str(tmp_path), "--json"]) == 0
    told = capsys.readouterr()
    assert "divided: 1 thread on 1 worker" in told.err
    assert json.loads(told.out)["trained"] == 12
    assert divided.contents(tmp_path / "divided") == whole(divided.OWN_DATA)
    assert json.loads((tmp_path / "divided" / "environment.json").read_text())["threads"] == 1


@pytest.mark.parametrize(
    ("address", "code", "message"),
    [
        ("local:0", 2, "expected local or local:N, found 'local:0'"),
        ("nowhere.json", 2, "expected tcp://HOST:PORT, the path of a scheduler file, local or local:N"),
    ],
)
def test_what_is_no_cluster_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], address: str, code: int, message: str
) -> None:
    study = divided.write(tmp_path, divided.OWN_DATA)
    assert main([str(study), "--dask", address, "--out", str(tmp_path / "results")]) == code
    assert message in capsys.readouterr().err
    assert not (tmp_path / "results").exists()


def test_tasks_hold_every_run_once_in_pieces_of_seconds(tmp_path: Path) -> None:
    plan = make_plan(load_study(divided.write(tmp_path, LONGER.replace("replicates: 40", "replicates: 3000"))))
    done = np.zeros(plan.n_runs, bool)
    done[::7] = True
    cut = dask_engine._Tasks(plan, done)
    seen: list[int] = []
    while (task := cut.next()) is not None:
        assert task.work <= 2 * dask_engine._TASK_SECONDS * cut._rate or len(task.turns) == 1
        seen += task.failed("").runs.tolist()
    assert sorted(seen) == [run for run in range(plan.n_runs) if run % 7]
