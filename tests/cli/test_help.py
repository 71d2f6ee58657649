"""The help of every command: short, with two examples that the command understands."""

from __future__ import annotations

import shlex

import pytest

from runner.cli.main import COMMANDS, run
from runner.cli.parser import EXAMPLES, read, split_command


def test_every_command_has_two_examples() -> None:
    assert EXAMPLES.keys() == COMMANDS.keys()
    assert all(len(set(examples)) == 2 for examples in EXAMPLES.values())


@pytest.mark.parametrize("name", COMMANDS)
def test_help_is_short_and_shows_the_examples(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([name, "--help"]) == 0
    shown, err = capsys.readouterr()
    assert err == ""
    lines = shown.splitlines()
    assert len(lines) <= 48
    assert max(map(len, lines)) <= 100
    assert all(f"  python -m runner {example}" in lines for example in EXAMPLES[name])


@pytest.mark.parametrize("arguments", [["--help"], ["-h"]])
def test_the_overview_names_every_command(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(arguments) == 0
    words = capsys.readouterr().out.replace(",", " ").split()
    assert COMMANDS.keys() <= set(words)


@pytest.mark.parametrize("example", [example for examples in EXAMPLES.values() for example in examples])
def test_every_example_is_understood(example: str) -> None:
    words = shlex.split(example.split(" > ")[0])
    name, others = split_command(words, COMMANDS)
    assert name == ("run" if words[0] not in COMMANDS else words[0])
    given = read(COMMANDS[name].parser(), others)
    assert given is not None
