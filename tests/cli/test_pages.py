"""report --html, the page at the end of a run, and the flags of watch."""

from __future__ import annotations

import errno
import json
import webbrowser
from pathlib import Path

import pytest

import runner
from runner.__main__ import main
from runner.report import render

STUDY = """\
name: small
data: xor
architecture: 2-2-1
learning_rate: 8
epochs: 20
sweep:
  grid:
    epochs: [10, 20]
replicates: 4
"""
FILE = Path("results/small/report.html")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small.yaml").write_text(STUDY)
    return tmp_path


def test_a_run_ends_with_its_page(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["small.yaml"]) == 0
    out, err = capsys.readouterr()
    assert err.splitlines()[-1] == "page: results/small/report.html"
    assert "report.html" not in out
    assert FILE.read_bytes().startswith(b"<!doctype html>")


@pytest.mark.parametrize("flag", ["--no-page", "--json", "-q"])
def test_who_wants_no_page_gets_none(capsys: pytest.CaptureFixture[str], flag: str) -> None:
    assert main(["small.yaml", flag]) == 0
    assert "page" not in capsys.readouterr().err
    assert not FILE.exists()


def test_from_python_a_page_is_written_when_it_is_asked_for() -> None:
    table = runner.run("small.yaml")
    assert not FILE.exists()
    assert runner.page("small") == FILE == runner.page(table)


def test_a_page_that_takes_long_is_left_out(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(render, "seconds_to_write", lambda table: 7.6)
    assert main(["small.yaml"]) == 0
    assert capsys.readouterr().err.splitlines()[-1] == "page: not written, it takes about 7.60 s: report small --html"
    assert not FILE.exists()


def test_the_time_is_that_of_reading(tmp_path: Path) -> None:
    table = tmp_path / "runs.csv"
    table.touch()
    assert render.seconds_to_write(table) < 1
    with table.open("wb") as file:
        file.truncate(500_000_000)  # as long as a million rows, and takes no room
    assert render.seconds_to_write(table) > 5
    table.unlink()
    table.touch()
    with (tmp_path / "curves.csv").open("wb") as file:
        file.truncate(100_000_000)
    assert render.seconds_to_write(table) > 5


def test_a_full_disk_is_one_line_and_no_failure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(descriptor: int, data: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    assert main(["small.yaml", "-q"]) == 0
    monkeypatch.setattr("runner.results.files.write_all", full)
    monkeypatch.setattr("runner.results.provenance.write_file", lambda path, data: None)
    assert main(["small.yaml"]) == 0
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("page: not written: cannot write results/small/report.html: the disk is full")
    assert not FILE.exists()
    assert not FILE.with_name("report.html.tmp").exists()


def test_anything_else_that_goes_wrong_is_no_failure_either(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("of all things")

    monkeypatch.setattr(render, "content_of", broken)
    assert main(["small.yaml"]) == 0
    assert capsys.readouterr().err.splitlines()[-1] == "page: not written: of all things"


def test_fresh_keeps_the_old_page_with_the_old_rows() -> None:
    assert main(["small.yaml"]) == 0
    old = FILE.read_bytes()
    assert main(["small.yaml", "--fresh", "--no-page"]) == 0
    assert not FILE.exists()
    assert FILE.with_name("report.html.1").read_bytes() == old


def test_report_writes_pages(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["small.yaml", "-q"]) == 0
    assert main(["report", "small", "--html"]) == 0
    size = FILE.stat().st_size
    assert capsys.readouterr() == (f"results/small/report.html: {size / 1e6:.1f} MB\n", "")
    assert main(["report", "small", "--html", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "name": "small",
        "results": "results/small/runs.csv",
        "page": "results/small/report.html",
        "bytes": size,
    }
    assert main(["report", "small", "--html", "-q"]) == 0
    assert capsys.readouterr() == ("", "")
    assert main(["report", "none", "--html"]) == 2
    assert capsys.readouterr().err.startswith("error: no results at none nor at results/none (looked in /")


def test_report_opens_the_page(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", lambda url: opened.append(url) or len(opened) == 1)
    assert main(["small.yaml", "-q"]) == 0
    assert main(["report", "small", "--open"]) == 0
    assert opened == [FILE.resolve().as_uri()]
    assert capsys.readouterr().err == ""
    assert main(["report", "small", "--open"]) == 0
    assert capsys.readouterr().err == f"no browser was found: open {FILE.resolve().as_uri()}\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["small", "small"], "watch looks at one study: give one NAME"),
        (["small", "--port", "70000"], "argument --port: expected a number from 0 to 65535, not '70000'"),
        (["none"], "no results at none nor at results/none"),
    ],
)
def test_wrong_arguments_of_watch(capsys: pytest.CaptureFixture[str], arguments: list[str], message: str) -> None:
    assert main(["small.yaml", "-q"]) == 0
    assert main(["watch", *arguments]) == 2
    assert capsys.readouterr().err.startswith(f"error: {message}")


def test_a_run_is_watched(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["small.yaml", "--watch", "-q"]) == 0
    err = capsys.readouterr().err
    assert err.startswith("small: http://127.0.0.1:")
    assert len(err.splitlines()) == 1
