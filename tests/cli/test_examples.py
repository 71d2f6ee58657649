"""Studies that come with the package: found by name from any folder, listed, copied, and all of them in the wheel."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pandas as pd
import pytest

from runner.cli.main import run
from runner.studies.load import load_study
from runner.studies.shipped import shipped

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, in which commands are run."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_every_study_of_the_checkout_has_a_name_of_its_own() -> None:
    assert sorted(shipped().values()) == sorted((ROOT / "configs").rglob("*.yaml"))
    assert all(load_study(path).name == name for name, path in shipped().items())


def test_the_list_tells_names_runs_and_times(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["examples"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1:-2]] == list(shipped())
    (xor,) = (line for line in lines if line.startswith("xor_sweep "))
    assert "  33,600  " in xor
    # How much of it there is room for depends on the times that are told.
    assert "  Which initial weights, learning rates" in xor
    assert max(map(len, lines)) <= 100
    assert run(["examples", "--json"]) == 0
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [each["name"] for each in found] == list(shipped())
    assert all(each["seconds"] > 0 and each["runs"] > 0 and each["description"] for each in found)


def test_times_are_told_before_anything_was_measured(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("runner.training.speed._path", lambda: folder / "speed.json")
    assert run(["examples", "--json"]) == 0
    (xor,) = (each for each in map(json.loads, capsys.readouterr().out.splitlines()) if each["name"] == "xor_sweep")
    # 33,600 runs of three budgets are 11,200 trajectories of 10,000 updates, at 10 to the 10th multiply-adds a second.
    assert 0.3 < xor["seconds"] * len(os.sched_getaffinity(0)) < 30


def test_an_example_is_run_and_changed_by_name(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["example", "line_fit", "-q", "--out", "made"]) == 0
    assert len(pd.read_csv(folder / "made/line_fit/runs.csv")) == 24
    assert run(["example", "line_fit", "name=two", "epochs=[2, 3]", "-n", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["name"] == "two"
    assert run(["replay", "line_fit", "--all", "-q", "--out", "made"]) == 0


def test_a_copy_runs_like_the_original(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["example", "line_fit", "--copy"]) == 0
    assert capsys.readouterr().out == "line_fit.yaml\nprices.csv\nprices_clean.csv\n"
    for file in folder.iterdir():
        assert file.read_bytes() == (ROOT / "configs/posts" / file.name).read_bytes()
    assert run(["line_fit.yaml", "-n", "-q"]) == 0


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["example"], 2, "which study? `python -m runner examples` lists them"),
        (["example", "epochs=1"], 2, "which study? `python -m runner examples` lists them"),
        (
            ["example", "xorsweep"],
            2,
            "no study that comes with the package is called 'xorsweep'; did you mean 'xor_sweep'?",
        ),
        (
            ["example", "zzzz"],
            2,
            "no study that comes with the package is called 'zzzz'; `python -m runner examples` lists them",
        ),
        (["example", "zzzz", "--copy"], 2, "no study that comes with the package is called 'zzzz'"),
        (
            ["example", "xor_sweep", "epochs=1", "--copy"],
            2,
            "--copy copies a study as it is: leave out epochs=1, and edit the copy",
        ),
        (["xor_swee"], 2, "'xor_swee' is neither a command nor a study file; did you mean 'example xor_sweep'?"),
    ],
)
def test_what_cannot_be_is_told(
    arguments: list[str], code: int, message: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments) == code
    assert capsys.readouterr().err.startswith(f"error: {message}")
    assert not list(folder.iterdir())


def test_a_file_that_is_there_is_not_replaced(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "prices.csv").write_text("mine")
    assert run(["example", "line_fit", "--copy"]) == 3
    assert capsys.readouterr().err == "error: prices.csv is there already: move it, or change to another folder\n"
    assert [file.name for file in folder.iterdir()] == ["prices.csv"]


def test_the_wheel_has_every_file_and_works_without_the_checkout(folder: Path) -> None:
    pytest.importorskip("hatchling")
    build = "import sys; from hatchling.build import build_wheel; print(build_wheel(sys.argv[1]))"
    done = subprocess.run([sys.executable, "-c", build, folder], cwd=ROOT, capture_output=True, text=True, check=True)
    with zipfile.ZipFile(folder / done.stdout.split()[-1]) as wheel:
        wheel.extractall(folder / "site")
    files = {
        path.relative_to(ROOT).as_posix().replace("configs/", "runner/configs/", 1)
        for top in ("runner", "configs")
        for path in (ROOT / top).rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    files |= {f"runner/docs/{path.name}" for path in (ROOT / "docs").glob("*.md")}
    built = {
        path.relative_to(folder / "site").as_posix() for path in (folder / "site/runner").rglob("*") if path.is_file()
    }
    assert built == files
    environment = os.environ | {"PYTHONPATH": str(folder / "site")}
    command = (sys.executable, "-m", "runner")
    listed = subprocess.run([*command, "examples"], env=environment, capture_output=True, text=True, check=True)
    assert "xor_sweep" in listed.stdout
    told = subprocess.run([*command, "docs", "diagnose"], env=environment, capture_output=True, text=True, check=True)
    assert told.stdout == (ROOT / "docs/diagnose.md").read_text(encoding="utf-8")
    made = subprocess.run([*command, "example", "line_fit", "-q"], env=environment, cwd=folder, check=False)
    assert made.returncode == 0
    assert len(pd.read_csv(folder / "results/line_fit/runs.csv")) == 24
