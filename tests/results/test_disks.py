"""Real file systems that are full or read-only: a small tmpfs in a mount namespace of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
BASE: dict[str, Any] = {
    "name": "study",
    "data": "xor",
    "architecture": "2-2-1",
    "learning_rate": 0.5,
    "epochs": 20,
    "sweep": {"grid": {"architecture": ["2-2-1", "2-3-1"], "learning_rate": [0.1, 1, 10], "epochs": [20, 10000]}},
    "replicates": 50,
}
RECORDED = BASE | {"record": {"curves": 10, "weights": True}}
FULL = "the disk is full; make room and run the same command again: every complete row is kept"
# Mounts of a user's own, where the system allows that; root may need no namespace of users.
NAMESPACES = (["unshare", "--user", "--map-root-user", "--mount"], ["unshare", "--mount"])


def _namespace() -> list[str] | None:
    for command in NAMESPACES:
        try:
            probe = [*command, "sh", "-c", "mount -t tmpfs -o size=64k tmpfs /mnt"]
            if subprocess.run(probe, capture_output=True, timeout=30, check=False).returncode == 0:
                return command
        except FileNotFoundError:
            continue
    return None


NAMESPACE = _namespace()
pytestmark = pytest.mark.skipif(NAMESPACE is None, reason="this system lets nobody mount a tmpfs")


def script(folder: Path, text: str, **variables: str) -> list[str]:
    """Run a shell script in a namespace; the lines it prints. `run` is the command line of the runner."""
    run = f'run() {{ code=0; {sys.executable} -m runner "$@" || code=$?; echo "exit $code"; }}\nset -eu\nmkdir small\n'
    environment = os.environ | {"PYTHONPATH": str(ROOT)} | variables
    assert NAMESPACE is not None
    done = subprocess.run(
        [*NAMESPACE, "bash", "-c", run + text],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "Traceback" not in done.stdout, done.stdout
    return done.stdout.splitlines()


def study(folder: Path, **keys: Any) -> None:
    (folder / "study.yaml").write_text(yaml.safe_dump(keys, sort_keys=False))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[bool, Path]:
    """Where the results lie of a study for which there was room, by whether it records something."""
    folders = {}
    for keys in (BASE, RECORDED):
        folder = folders["record" in keys] = tmp_path_factory.mktemp("whole")
        study(folder, **keys)
        assert script(folder, "run study.yaml -q --out whole") == ["exit 0"]
    return {recorded: folder / "whole" for recorded, folder in folders.items()}


@pytest.mark.parametrize(
    ("size", "keys"),
    [(size, BASE) for size in ("4k", "40k", "480k")]
    + [(size, RECORDED) for size in ("100k", "300k", "1500k")]
    + [pytest.param(size, BASE, marks=pytest.mark.slow) for size in ("8k", "200k", "340k")]
    + [pytest.param(size, RECORDED, marks=pytest.mark.slow) for size in ("8k", "900k", "1200k")],
)
def test_a_full_disk(tmp_path: Path, size: str, keys: dict[str, Any], whole: dict[bool, Path]) -> None:
    """Full before the first row, among the rows, and while the finished table is put in order."""
    study(tmp_path, **keys)
    (tmp_path / "whole").symlink_to(whole["record" in keys])
    found = script(
        tmp_path,
        f"""
        mount -t tmpfs -o size={size} tmpfs small
        run study.yaml -q --out small
        rows() {{ tail -n +2 small/study/runs.csv 2>/dev/null | grep -c '^[0-9a-f]*,.*,[0-9.e+-]*$' || true; }}
        echo "rows $(rows)"
        mount -o remount,size=20m small
        run plan study.yaml --json --out small
        run study.yaml -q --out small
        for file in whole/study/runs.csv whole/study/curves.csv whole/study/weights.npz; do
            if [ -e "$file" ]; then cmp "$file" "small/${{file#whole/}}"; fi
        done
        ls small/study
        """,
    )
    *messages, code = found[: found.index(next(line for line in found if line.startswith("exit"))) + 1]
    assert code == "exit 1"
    (message,) = messages
    assert message.startswith("error: cannot ")
    assert message.endswith(f": {FULL}")
    rows = int(next(line for line in found if line.startswith("rows")).split()[1])
    kept = int(next(line for line in found if '"kept":' in line).split('"kept": ')[1].split(",")[0])
    assert kept >= rows - 1  # the last one may be torn
    assert found.count("exit 0") == 2
    assert not [line for line in found if line.endswith((".tmp", ".lock", ".journal"))]


def test_a_read_only_folder(tmp_path: Path) -> None:
    """Nothing can be trained; everything that only reads works."""
    study(tmp_path, **BASE, claims=[{"name": "some learn", "statistic": "rate(converged)", "expect": "> 0.01"}])
    found = script(
        tmp_path,
        """
        run study.yaml -q --out small
        run_id=$(sed -n 2p small/study/runs.csv | cut -c 1-16)
        mount --bind small small
        mount -o remount,ro,bind small
        cp -r small before
        for command in "study.yaml" "study.yaml name=other" "study.yaml replicates=60" "study.yaml --fresh"; do
            run $command -q --out small
        done
        for command in "plan study.yaml" "report study" "explain study" "claims study" "replay study --sample 5"; do
            echo "== $command"
            run $command --out small
        done
        run replay study $run_id --record --out small
        diff -r before small
        """,
    )
    errors = [line for line in found if line.startswith("error: ")]
    advice = "the file system is read-only; pass another folder with --out"
    lock, replayed = Path("small/study/runner.lock"), Path("small/study/replay")
    assert errors == [
        f"error: cannot write {lock}: {advice}",
        f"error: cannot create small/other: {advice}",
        f"error: cannot write {lock}: {advice}",
        f"error: cannot write {lock}: {advice}",
        next(line for line in errors if str(replayed) in line and line.endswith(advice)),
    ]
    assert [line for line in found if line.startswith("exit")] == [
        "exit 0",
        *["exit 1"] * 4,
        *["exit 0"] * 5,
        "exit 1",
    ]


@pytest.mark.parametrize("kind", ["full", pytest.param("read-only", marks=pytest.mark.slow)])
def test_a_cache_that_can_not_be_written(tmp_path: Path, kind: str) -> None:
    """The kernels are compiled for this start only, which is told; the rows are the same."""
    study(tmp_path, **BASE)
    options = "ro" if kind == "read-only" else "size=16k"
    found = script(
        tmp_path,
        f"""
        run study.yaml -q --out whole
        mount -t tmpfs -o {options} tmpfs small
        export NUMBA_CACHE_DIR=$PWD/small
        run study.yaml --out results
        cmp whole/study/runs.csv results/study/runs.csv
        """,
    )
    assert found.count("exit 0") == 2
    assert [line for line in found if line.startswith("study: compiled kernels can not be kept for the next start: ")]
