"""Readers that go away, devices that are full, encodings that lack a letter: the work and its verdict go on."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import runner
from runner.cli import main, unexpected
from runner.errors import Problem, RunnerError, StudyError

STUDY = """\
data: xor
architecture: 2-2-1
learning_rate: 0.5
epochs: 5
replicates: 3
claims:
  - {name: "nobody learns ✓", statistic: rate(converged), expect: "> 0.99"}
"""
ROOT = Path(runner.__file__).parent.parent


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with three studies whose claim fails."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    for name in "abc":
        (tmp_path / f"{name}.yaml").write_text(STUDY, encoding="utf-8")
    return tmp_path


def shell(command: str, **variables: str) -> tuple[int, str]:
    """Exit code of `RUNNER ...` in a shell, which `command` leaves in `$code`, and stderr."""
    text = f'set -o pipefail; runner() {{ {sys.executable} -m runner "$@"; }}\n{command}'
    done = subprocess.run(
        ["bash", "-c", text], capture_output=True, text=True, timeout=300, check=False, env=os.environ | variables
    )
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr
    return done.returncode, done.stderr


def trained() -> list[str]:
    return sorted(path.parent.name for path in Path("results").glob("*/runs.csv"))


def test_a_reader_who_has_gone_changes_neither_the_work_nor_the_verdict() -> None:
    """`head` closes the pipe after its line, and `true` at once."""
    assert shell("runner a.yaml b.yaml c.yaml | head -1")[0] == 1
    assert trained() == ["a", "b", "c"]
    assert shell("runner claims a b c | true")[0] == 1
    table = Path("results/a/runs.csv")
    table.write_text(table.read_text().replace(",0.", ",0.0", 1))
    assert shell("runner replay a --all | true")[0] == 1


@pytest.mark.parametrize(
    ("redirection", "told"),
    [(">/dev/full", "error: cannot write the output: No space left on device"), (">&- 2>&-", "")],
)
def test_an_output_that_takes_nothing_does_not_end_a_list_of_studies(redirection: str, told: str) -> None:
    (Path("a.yaml")).write_text(STUDY.split("claims")[0])
    (Path("b.yaml")).write_text(STUDY.split("claims")[0])
    code, stderr = shell(f"runner a.yaml b.yaml {redirection}")
    assert trained() == ["a", "b"]
    assert code == int(bool(told))
    assert stderr.splitlines()[-1:] == ([told] if told else stderr.splitlines()[-1:])
    # What has been written is the tables, not what is meant for a terminal.
    assert Path("results/a/runs.csv").read_text().startswith("run_id,")


@pytest.mark.parametrize("redirection", ["2>/dev/full", "2> >(true)"])
def test_a_stderr_that_takes_nothing_changes_no_exit_code(redirection: str) -> None:
    assert shell(f"runner a.yaml {redirection}")[0] == 1
    assert shell(f"runner nothing.yaml {redirection}")[0] == 2


@pytest.mark.parametrize("encoding", ["latin-1", "ascii"])
def test_a_letter_that_the_terminal_lacks_is_escaped(encoding: str) -> None:
    Path("é.csv").write_text("é,t\n0,0\n1,1\n", encoding="utf-8")
    Path("b.yaml").write_text(
        "data: {csv: é.csv, inputs: [é], targets: [t]}\narchitecture: 1-1\nlearning_rate: 0.1\nepochs: 2\n"
        "scaling: none\n",
        encoding="utf-8",
    )
    code, _ = shell("runner a.yaml b.yaml > out && exit 9; runner plan b.yaml >> out", PYTHONIOENCODING=encoding)
    assert code == 0
    assert trained() == ["a", "b"]
    assert "nobody learns \\u2713" in Path("out").read_text(encoding=encoding)


def test_an_error_in_one_study_does_not_keep_the_others_from_being_trained(monkeypatch: pytest.MonkeyPatch) -> None:
    def train(plan: Any, given: Any, client: Any, card: Any) -> int:
        if plan.study.name == "a":
            raise RunnerError("the disk is full")
        Path(plan.study.name).touch()
        return 3 if plan.study.name == "b" else 0

    monkeypatch.setattr(main, "_train_one", train)
    assert main.run(["a.yaml", "b.yaml", "c.yaml"]) == 3
    assert Path("b").exists()
    assert Path("c").exists()


def test_what_nobody_has_foreseen_is_one_line_and_a_file(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def fail(plan: Any, given: Any, client: Any, card: Any) -> int:
        raise RuntimeError("two\nlines")

    monkeypatch.setattr(main, "_train_one", fail)
    Path("made").mkdir()
    assert main.run(["--out", "made", "a.yaml", "b.yaml"]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    for line in lines:
        assert line.startswith("error: the runner did not expect this: RuntimeError: two lines; every finished row")
        assert line.endswith(": please open an issue with them where you got the runner")
    files = sorted(Path("made").iterdir())
    assert len(files) == 2
    assert all('raise RuntimeError("two\\nlines")' in file.read_text() for file in files)
    assert all(any(str(file) in line for line in lines) for file in files)
    # Without results the file goes to the system's temporary files, and without these it is only told.
    monkeypatch.setattr(unexpected.tempfile, "gettempdir", lambda: str(tmp_path / "made"))
    assert main.run(["a.yaml"]) == 1
    assert str(tmp_path / "made" / "error-") in capsys.readouterr().err
    monkeypatch.setattr(unexpected.tempfile, "gettempdir", lambda: str(tmp_path / "nothing"))
    assert main.run(["a.yaml"]) == 1
    assert "the details could not be written anywhere" in capsys.readouterr().err


def test_a_folder_that_is_gone_and_code_in_an_archive_are_told() -> None:
    code, stderr = shell(f"mkdir gone; cd gone; rmdir ../gone; runner {Path('a.yaml').resolve()} -q")
    assert (code, len(stderr.splitlines())) == (1, 1)
    assert stderr.startswith("error: the folder in which this was started is no longer there: change to another one")
    zipped = f'{sys.executable} -c \'import shutil; shutil.make_archive("code", "zip", "{ROOT}", "runner")\''
    code, stderr = shell(f"{zipped} && PYTHONPATH=code.zip runner a.yaml -q")
    assert (code, len(stderr.splitlines())) == (1, 1)
    assert stderr.startswith("error: the runner can not work from within an archive (")
    code, stderr = shell("PYTHONPATH=code.zip runner plan a.yaml data=iris architecture=4-3")
    assert (code, len(stderr.splitlines())) == (1, 1)
    assert stderr.startswith("error: the runner can not work from within an archive (")


def test_a_line_break_in_a_text_does_not_break_the_line_that_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    Path("a.yaml").write_text(STUDY.replace("architecture: 2-2-1", "architecture: >\n  2-x-1"))
    assert main.run(["a.yaml"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "'2-x-1\\n'" in line
    assert str(StudyError([Problem("a\nb"), Problem("c", "d\ne", 1)])) == "a\\nb\nd\\ne:1: c"
