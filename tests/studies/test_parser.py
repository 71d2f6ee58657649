"""Long documents are split by libyaml, and read as PyYAML reads them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from runner.errors import StudyError
from runner.studies import parser

CONFIGS = sorted((Path(__file__).parents[2] / "configs").rglob("*.yaml"))
ODD = [
    "a: [b, 'c', \"d\", 1e3, ~, '']",
    "a: |\n  text\n  more\nb: >-\n  folded\n  lines\n",
    "? a\n: b\n",
    "a: &x {b: 1}\nc: *x\n",
    "a: uniform(-1, 1)\nb: [normal(0, 1), x]",
    "---\na: 1\n...\n",
    "# only a comment\n",
    "",
    "é: ü\nb:   'ß'  # comment\n",
    "a: 1\na: 2\n",
    "a: !!int 3\n",
    "\ufeffa: 1\n",
]


def read(text: str) -> object:
    """The tree and what is wrong, or the message."""
    try:
        return parser.parse(text, "study.yaml")
    except StudyError as error:
        return str(error)


@pytest.fixture
def both(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    assert yaml.__with_libyaml__

    def compare(text: str) -> None:
        expected = read(text)
        with monkeypatch.context() as patch:
            patch.setattr(parser, "_LONG", -1)
            assert read(text) == expected

    return compare


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_studies_are_the_same_trees(path: Path, both: Callable[[str], None]) -> None:
    both(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("text", ODD)
def test_odd_documents_are_the_same_trees(text: str, both: Callable[[str], None]) -> None:
    both(text)


@pytest.mark.parametrize(
    "text", ["a: [1", "a: b: c", "a:\n\t- 1", "{a: 1", "a: 'x", "a: *nothing", "%YAML 9999.1\n---\n"]
)
def test_what_is_no_yaml_has_the_same_message(text: str, both: Callable[[str], None]) -> None:
    assert isinstance(read(text), str)
    both(text)


VALUES = st.recursive(
    st.one_of(st.integers(), st.floats(allow_nan=False), st.booleans(), st.text(max_size=12), st.none()),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@given(VALUES, st.sampled_from([None, True, False]))
def test_any_document_is_the_same_tree(value: object, flow: bool | None) -> None:
    text = yaml.safe_dump(value, default_flow_style=flow, allow_unicode=True)
    expected = read(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parser, "_LONG", -1)
        assert read(text) == expected
