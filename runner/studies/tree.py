"""The tree of a YAML document: scalars, lists and mappings, each with the place where it stands.

A plain scalar means what YAML 1.2 says rather than 1.1: `1e-3` is a number, `010` is ten, `no` and `off` are texts.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from runner.errors import Problem
from runner.keys.issues import Issue
from runner.keys.scalars import resolve


@dataclass(frozen=True)
class Mark:
    """A place: a file as the user named it, and line and column from 1 where there are any."""

    file: str
    line: int | None = None
    column: int | None = None

    def problem(self, message: str) -> Problem:
        """A problem at this place."""
        return Problem(message, self.file, self.line, self.column)


@dataclass(frozen=True)
class Scalar:
    """One value. `plain` means without quotes: only then can it be anything but a text."""

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
    """A mapping, whose keys are all different."""

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
        """Where a key stands; where the mapping does, when it has no such key."""
        return next((key.mark for key, _ in self.entries if key.text == name), self.mark)


Node = Scalar | Items | Entries


def child(node: Node | None, step: str | int) -> Node | None:
    """The value under a key or at a place of a list; None when there is none."""
    if isinstance(node, Entries) and isinstance(step, str):
        return node.get(step)
    if isinstance(node, Items) and isinstance(step, int) and step < len(node.items):
        return node.items[step]
    return None


def located(issue: Issue, tree: Node) -> Problem:
    """The issue as a problem at its place in the file.

    That is where the value stands to which its path leads, or the deepest part of the path that there is; where the
    issue is about a key, it is where that key stands.
    """
    node = tree
    for depth, step in enumerate(issue.path, 1):
        if issue.at_key and depth == len(issue.path) and isinstance(node, Entries):
            return node.key_mark(str(step)).problem(issue.message)
        if (below := child(node, step)) is None:
            break
        node = below
    return node.mark.problem(issue.message)
