"""What a machine is found to have, from trees of files as Linux shows them."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner import machine

GB = 1 << 30
UNLIMITED = 9223372036854771712  # of version 1, on a machine with pages of 4 kB
V1 = "31 30 0:1 / /sys/fs/cgroup/memory rw,relatime shared:9 - cgroup cgroup rw,memory"
V2 = "31 30 0:1 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate"


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A root with a machine of 64 GB, of which 60 are free."""
    monkeypatch.setattr(machine, "_PROC", tmp_path / "proc")
    monkeypatch.setattr(machine, "_SYSTEM", tmp_path)
    write(tmp_path, "proc/meminfo", f"MemTotal: {64 << 20} kB\nMemFree: 1 kB\nMemAvailable: {60 << 20} kB\n")
    return tmp_path


def write(tree: Path, name: str, text: object) -> None:
    (tree / name).parent.mkdir(parents=True, exist_ok=True)
    (tree / name).write_text(f"{text}\n")


def group(tree: Path, mount: str, own: str) -> None:
    """The process is in a group of a mounted tree."""
    write(tree, "proc/self/mountinfo", f"22 1 0:2 / / rw - ext4 /dev/sda1 rw\n{mount}\n")
    write(tree, "proc/self/cgroup", f"9:name=systemd:/x\n{own}")


def limited(tree: Path, folder: str, limit: object, used: int, cached: int = 0, version: int = 2) -> None:
    """One group's files."""
    names = ("memory.max", "memory.current") if version == 2 else ("memory.limit_in_bytes", "memory.usage_in_bytes")
    word = "inactive_file" if version == 2 else "total_inactive_file"
    for name, value in zip(names, (limit, used), strict=True):
        write(tree, f"sys/fs/cgroup/{folder}/{name}", value)
    write(tree, f"sys/fs/cgroup/{folder}/memory.stat", f"active_file 7\n{word} {cached}")


def found(tree: Path) -> tuple[float, float]:
    """Gigabytes left and in all."""
    left, most = machine.available(), machine.total()
    assert left is not None
    assert most is not None
    return left / GB, most / GB


def test_a_machine_without_control_groups(tree: Path) -> None:
    assert found(tree) == (60, 64)


def test_a_group_below_the_top_of_version_2(tree: Path) -> None:
    """As of `systemd-run -p MemoryMax=`, or a step of Slurm's."""
    group(tree, V2, "0::/user.slice/run-1.scope")
    limited(tree, "user.slice/run-1.scope", 4 * GB, 1 * GB)
    assert found(tree) == (3, 4)
    # One around it may have less left, though its limit is larger.
    limited(tree, "user.slice", 8 * GB, 6 * GB)
    assert found(tree) == (2, 4)
    limited(tree, "user.slice", "max", 6 * GB)
    assert found(tree) == (3, 4)


def test_the_top_of_a_container(tree: Path) -> None:
    group(tree, V2, "0::/")
    limited(tree, "", 2 * GB, 1 * GB)
    assert found(tree) == (1, 2)


@pytest.mark.parametrize("root", ["/docker/abc", "/docker/abc/"])
def test_a_container_that_sees_its_own_part_only(tree: Path, root: str) -> None:
    group(tree, V2.replace("0:1 / ", f"0:1 {root} "), "0::/docker/abc/inner")
    limited(tree, "inner", 2 * GB, 1 * GB)
    assert found(tree) == (1, 2)
    group(tree, V2.replace("0:1 / ", "0:1 /docker/ab "), "0::/docker/abc/inner")
    assert found(tree) == (60, 64)
    group(tree, V2, "0::/../../abc")
    limited(tree, "", 3 * GB, 1 * GB)
    assert found(tree)[1] <= 3


def test_a_group_of_version_1(tree: Path) -> None:
    group(tree, V1, "4:memory:/slurm/uid_1/job_2\n0::/")
    limited(tree, "memory/slurm/uid_1/job_2", UNLIMITED, 1 * GB, version=1)
    limited(tree, "memory", UNLIMITED, 1 * GB, version=1)
    assert found(tree) == (60, 64)
    limited(tree, "memory/slurm/uid_1", 5 * GB, 1 * GB, version=1)
    assert found(tree) == (4, 5)
    group(tree, V1.replace("rw,memory", "rw,cpu,memory"), "4:cpu,memory:/slurm/uid_1/job_2")
    assert found(tree) == (4, 5)


@pytest.mark.parametrize("version", [1, 2])
def test_what_files_have_left_in_memory_counts_as_free(tree: Path, version: int) -> None:
    group(tree, V2 if version == 2 else V1, "0::/a" if version == 2 else "4:memory:/a")
    limited(tree, "a" if version == 2 else "memory/a", 4 * GB, 3 * GB, cached=2 * GB, version=version)
    assert found(tree) == (3, 4)


def test_files_that_make_no_sense_are_no_limits(tree: Path) -> None:
    group(tree, V2, "0::/a")
    limited(tree, "a", "many", 1)
    assert found(tree) == (60, 64)
    write(tree, "proc/self/mountinfo", "short")
    write(tree, "proc/self/cgroup", "nonsense")
    assert found(tree) == (60, 64)
