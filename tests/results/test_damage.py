"""Files of a folder of results, damaged at random: never a traceback, never a wrong row that is kept.

`python -m pytest tests/results/test_damage.py --damages 1000 -s` tries more of them.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from runner.__main__ import main

STUDY = """\
name: s
data: xor
architecture: 2-2-1
learning_rate: 0.5
epochs: 40
sweep: {grid: {learning_rate: [0.1, 1], activation: [sigmoid, relu]}}
replicates: 5
record: {curves: 4, weights: true}
claims:
  - {name: some learn, statistic: rate(converged), expect: "> 0.01"}
"""
# States of a folder: finished, finished after an edit, not finished. Each with the files that can be damaged there.
STATES = {
    "finished": [["replicates=5"]],
    "edited": [["replicates=5"], ["replicates=3"]],
    "unfinished": [["replicates=3"], ["replicates=5", "--limit", "7"]],
}
KEPT = ("runs.csv", "curves.csv", "weights.npz")
READING = [
    ["plan", "s.yaml"],
    ["report", "s"],
    ["explain", "s"],
    ["claims", "s"],
    ["table", "s", "--rows", "learning_rate"],
    ["export", "s", "--to", "sqlite", "--into", "s.sqlite"],
    ["replay", "s", "--sample", "3", "-q"],
]


def damaged(data: bytes, random: np.random.Generator) -> bytes:
    """The content with one of many kinds of damage."""
    n = len(data)
    start, size = int(random.integers(n + 1)), int(random.integers(1, 200))
    kind = random.integers(9)
    if kind == 0:
        return data[:start]
    if kind == 1:
        return data[:start] + data[start + size :]
    if kind == 2:
        return data[:start] + bytes(size) + data[start + size :]
    if kind == 3:
        return data[:start] + data[max(start - size, 0) : start] + data[start:]
    if kind == 4:
        return data[:start] + random.bytes(size) + data[start:]
    if kind == 5:
        return data[:start] + random.bytes(size) + data[start + size :]
    if kind == 6:
        lines = data.splitlines(keepends=True)
        random.shuffle(lines)
        return b"".join(lines)
    if kind == 7:
        return b"" if random.random() < 0.5 else random.bytes(n)
    changed = bytearray(data)
    for at in random.integers(n, size=random.integers(1, 4)).tolist() if n else ():
        changed[at] ^= 1 << int(random.integers(8))
    return bytes(changed)


@pytest.mark.usefixtures("capsys")
def test_any_damage_of_any_file(tmp_path: Path, pytestconfig: pytest.Config, monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(8)
    (tmp_path / "s.yaml").write_text(STUDY)
    monkeypatch.chdir(tmp_path)
    for state, starts in STATES.items():
        for arguments in starts:
            assert main(["s.yaml", "-q", "-j", "1", "--out", state, *arguments]) == 0
    whole = {path.name: path.read_bytes() for path in (tmp_path / "finished" / "s").iterdir()}
    files = [(state, path.name) for state in STATES for path in sorted((tmp_path / state / "s").iterdir())]
    codes: list[int] = []
    for number in range(pytestconfig.getoption("--damages")):
        state, name = files[int(random.integers(len(files)))]
        shutil.copytree(tmp_path / state, tmp_path / "results")
        path = tmp_path / "results" / "s" / name
        path.write_bytes(damaged(path.read_bytes(), random))
        where = f"damage {number}: {name} of {state}"
        assert main(READING[number % len(READING)]) in (0, 1, 2, 3), where
        code = main(["s.yaml", "-q", "-j", "1"])
        assert code in (0, 1, 3), where
        if code == 0:
            assert {key: (path.parent / key).read_bytes() for key in KEPT} == {key: whole[key] for key in KEPT}, where
        codes.append(code)
        shutil.rmtree(tmp_path / "results")
    print(f"{len(codes)} damages: {codes.count(0)} mended, {codes.count(3)} refused, {codes.count(1)} told")
