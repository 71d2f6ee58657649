"""The tree of a YAML document: scalars, lists and mappings, each with the place where it stands.

What a plain scalar means is decided here, by the rules of YAML 1.2 rather than 1.1: `1e-3` is a number, `010` is ten,
`no` and `off` are texts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from runner.errors import Problem
from runner.keys.issues import Issue
from runner.keys.scalars import resolve


@dataclass(frozen=True)
class Mark:
    """A place: a file as the user named it, and line and column from 1 where they mean something."""

    file: str
    line: int | None = None
    column: int | None = None

    def problem(self, message: str) -> Problem:
        """A problem at this place."""
        return Problem(message, self.file, self.line, self.column)


@dataclass(frozen=True)
class Scalar:
    """A text, a number or a word. `plain` means without quotes, so that it may be more than a text."""

    text: str
    plain: bool
    mark: Mark
    size = 1

    @property
    def value(self) -> object:
        """The text as a Python value."""
        return resolve(self.text) if self.plain else self.text


@dataclass(frozen=True)
class Items:
    """A list."""

    items: tuple[Node, ...]
    mark: Mark

    @cached_property
    def size(self) -> int:
        """How many values this is once aliases are written out."""
        return 1 + sum(item.size for item in self.items)

    @property
    def value(self) -> list[object]:
        """As a Python list."""
        return [item.value for item in self.items]


@dataclass(frozen=True)
class Entries:
    """A mapping; the keys are different."""

    entries: tuple[tuple[Scalar, Node], ...]
    mark: Mark

    @cached_property
    def size(self) -> int:
        """How many values this is once aliases are written out."""
        return 1 + sum(1 + node.size for _, node in self.entries)

    @property
    def value(self) -> dict[str, object]:
        """As a Python dict; keys are texts."""
        return {key.text: node.value for key, node in self.entries}

    def get(self, name: str) -> Node | None:
        """The value under a key."""
        return next((node for key, node in self.entries if key.text == name), None)

    def key_mark(self, name: str) -> Mark:
        """Where a key stands."""
        return next((key.mark for key, _ in self.entries if key.text == name), self.mark)


Node = Scalar | Items | Entries


def child(node: Node | None, step: str | int) -> Node | None:
    """The value under a key or at a place of a list; None when there is none."""
    if isinstance(node, Entries) and isinstance(step, str):
        return node.get(step)
    if isinstance(node, Items) and isinstance(step, int) and step < len(node.items):
        return node.items[step]
    return None


def find(node: Node, path: Sequence[str | int]) -> Mark:
    """Where the value at `path` stands, or the deepest part of it that there is."""
    for step in path:
        if (below := child(node, step)) is None:
            break
        node = below
    return node.mark


def located(issue: Issue, tree: Node) -> Problem:
    """The issue with its place in the file."""
    mark = find(tree, issue.path)
    if issue.at_key and issue.path:
        above: Node | None = tree
        for step in issue.path[:-1]:
            above = child(above, step)
        if isinstance(above, Entries):
            mark = above.key_mark(str(issue.path[-1]))
    return mark.problem(issue.message)
