"""The command `docs`: pages of the documentation, of every command, where there is no network and no checkout."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from runner.cli.docs import page_of, pages
from runner.cli.main import COMMANDS, run

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("command", sorted(COMMANDS.keys() - {"docs"}))
def test_every_command_has_a_page_that_tells_of_it(command: str) -> None:
    text = page_of(command).read_text(encoding="utf-8")
    # To run a study and to watch one need no word of their own.
    words = {"run": "python -m runner", "watch": "--watch"}.get(command, command)
    assert words in text


def test_pages_are_listed_with_their_titles(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["docs"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == sorted(pages())
    assert any(line.split(maxsplit=1) == ["not_learning", "My network does not learn"] for line in lines)
    assert run(["docs", "--json"]) == 0
    listed = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {each["name"]: Path(each["file"]) for each in listed} == pages()
    # What is made only when the site is built says nothing here.
    assert {"api", "commands"}.isdisjoint(pages())


def test_a_page_is_shown_as_it_is_where_no_terminal_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["docs", "teaching"]) == 0
    assert capsys.readouterr() == ((ROOT / "docs/teaching.md").read_text(encoding="utf-8"), "")
    assert run(["docs", "plot", "--path"]) == 0
    assert capsys.readouterr() == (f"{ROOT / 'docs/figures.md'}\n", "")


@pytest.mark.parametrize(
    ("topic", "message"),
    [
        ("clusterz", "no page is about 'clusterz'; did you mean 'clusters'? (see python -m runner docs)"),
        ("zzzz", "no page is about 'zzzz' (see python -m runner docs)"),
        ("../README", "no page is about '../README' (see python -m runner docs)"),
    ],
)
def test_a_page_that_is_not_there(topic: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["docs", topic]) == 2
    assert capsys.readouterr() == ("", f"error: {message}\n")
