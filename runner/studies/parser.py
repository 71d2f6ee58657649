"""From the text of a YAML document to its tree, or to every problem of it.

PyYAML only splits the text into events. Tags are refused, and so are keys given twice, aliases that multiply without
bound, and names that YAML cut at their commas.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, NoReturn

import yaml

from runner.errors import Problem, StudyError
from runner.studies.tree import Entries, Items, Mark, Node, Scalar

MOST_BYTES = 2**24
"""Bytes of a study file, at most: some 300,000 rows of a zip."""
MOST_VALUES = 500_000
"""Values of a document with its aliases written out, at most; or as many as are written in it, if that is more."""
MOST_DEPTH = 32
"""Lists and mappings within each other, at most."""

# From so many characters on, libyaml splits a document, in a fifth of the time. What it does not take is read again by
# PyYAML, whose messages are those of every other file.
_LONG = 2**17
_SURROGATE = re.compile("[\ud800-\udfff]")


class _Builder:
    """Turns the events of one YAML document into a tree.

    `problems` are what is wrong with it and leaves a tree all the same; anything worse is raised with them.
    """

    def __init__(self, text: str, file: str, positions: bool, loader: type[Any]) -> None:
        self.problems: list[Problem] = []
        self._file = file
        self._positions = positions
        self._anchors: dict[str, Node] = {}
        self._written = 0
        self._events: Iterator[yaml.Event] = iter(yaml.parse(text, Loader=loader))

    def document(self) -> Node:
        """The tree of the only document."""
        self._take(yaml.StreamStartEvent)
        start = next(self._events)
        if isinstance(start, yaml.StreamEndEvent):
            return Scalar("", True, self._mark(start))
        node = self._node(next(self._events), 0)
        self._take(yaml.DocumentEndEvent)
        after = next(self._events)
        if not isinstance(after, yaml.StreamEndEvent):
            self._fail(after, "expected one document, found a second one")
        return node

    def _take(self, kind: type[yaml.Event]) -> None:
        event = next(self._events)
        assert isinstance(event, kind)

    def _mark(self, event: yaml.Event) -> Mark:
        start = event.start_mark
        if start is None or not self._positions:
            return Mark(self._file)
        return Mark(self._file, start.line + 1, start.column + 1)

    def _fail(self, event: yaml.Event, message: str) -> NoReturn:
        raise StudyError([*self.problems, self._mark(event).problem(message)])

    def _node(self, event: yaml.Event, depth: int) -> Node:
        if depth > MOST_DEPTH:
            self._fail(event, f"nested more than {MOST_DEPTH} deep")
        if isinstance(event, yaml.AliasEvent):
            if (known := self._anchors.get(str(event.anchor))) is None:
                self._fail(event, f"alias *{event.anchor} has no anchor before it")
            return known
        assert isinstance(event, yaml.ScalarEvent | yaml.SequenceStartEvent | yaml.MappingStartEvent)
        self._written += 1
        if event.tag is not None:
            self.problems.append(self._mark(event).problem(f"tags are not allowed, found {_tag(event.tag)}"))
        node: Node
        if isinstance(event, yaml.ScalarEvent):
            node = Scalar(event.value, not event.style, self._mark(event))
            if _SURROGATE.search(event.value):
                self._fail(event, "half of a surrogate pair is not a character")
        elif isinstance(event, yaml.SequenceStartEvent):
            node = self._items(event, depth)
        else:
            node = self._entries(event, depth)
        if node.size > max(MOST_VALUES, self._written):
            self._fail(event, f"more than {MOST_VALUES:,} values once aliases are written out")
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        return node

    def _items(self, start: yaml.SequenceStartEvent, depth: int) -> Items:
        items: list[Node] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            items.append(self._node(event, depth + 1))
        if start.flow_style:
            items = self._mended(items)
        return Items(tuple(items), self._mark(start))

    def _entries(self, start: yaml.MappingStartEvent, depth: int) -> Entries:
        entries: list[tuple[Scalar, Node]] = []
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key = self._node(event, depth + 1)
            value = self._node(next(self._events), depth + 1)
            if isinstance(key, Scalar) and key.text == "<<":
                message = "unknown key '<<': merge keys are not supported; write the keys out"
                self.problems.append(key.mark.problem(message))
            elif isinstance(key, Scalar):
                entries.append((key, value))
            else:
                self.problems.append(key.mark.problem("expected a name as key, found a list or a mapping"))
        if start.flow_style:
            entries = self._mended_entries(entries)
        return Entries(self._without_doubles(entries), self._mark(start))

    def _without_doubles(self, entries: list[tuple[Scalar, Node]]) -> tuple[tuple[Scalar, Node], ...]:
        """The entries whose keys are new; of a key given twice the first one counts."""
        first: dict[str, tuple[Scalar, Node]] = {}
        for key, value in entries:
            if key.text in first:
                where = first[key.text][0].mark.line
                also = f"; it stands on line {where} already" if where else ""
                self.problems.append(key.mark.problem(f"{key.text}: the key is given twice{also}"))
            first.setdefault(key.text, (key, value))
        return tuple(first.values())

    def _mended(self, items: list[Node]) -> list[Node]:
        """Join `uniform(-1` and `1)`, which YAML makes of `[uniform(-1, 1)]`, and say that quotes are needed."""
        mended: list[Node] = []
        rest = iter(items)
        for item in rest:
            whole = item
            while _is_cut(whole) and (more := next(rest, None)) is not None:
                whole = _joined(whole, more)
            self._note_cut(item, whole)
            mended.append(whole)
        return mended

    def _mended_entries(self, entries: list[tuple[Scalar, Node]]) -> list[tuple[Scalar, Node]]:
        """The same for `{init: uniform(-1, 1)}`, of which YAML makes a key `1)` without a value."""
        mended: list[tuple[Scalar, Node]] = []
        rest = iter(entries)
        for key, value in rest:
            whole = value
            while _is_cut(whole) and (more := next(rest, None)) is not None:
                whole = _joined(whole, more[0])
            self._note_cut(value, whole)
            mended.append((key, whole))
        return mended

    def _note_cut(self, item: Node, whole: Node) -> None:
        if whole is not item and isinstance(whole, Scalar):
            message = f'YAML cuts {whole.text} at its commas here; put it in quotes: "{whole.text}"'
            self.problems.append(whole.mark.problem(message))


def _tag(tag: str) -> str:
    """A tag as it is written in the document."""
    standard = "tag:yaml.org,2002:"
    return f"!!{tag.removeprefix(standard)}" if tag.startswith(standard) else tag


def _is_cut(node: Node) -> bool:
    return isinstance(node, Scalar) and node.plain and node.text.count("(") > node.text.count(")")


def _joined(left: Node, right: Node) -> Node:
    assert isinstance(left, Scalar)
    return Scalar(f"{left.text}, {right.text if isinstance(right, Scalar) else '...'}", True, left.mark)


def parse(text: str, file: str, positions: bool = True) -> tuple[Node, list[Problem]]:
    """Read one YAML document.

    Parameters
    ----------
    text : str
        The document.
    file : str
        How messages name it.
    positions : bool
        Whether messages give line and column.

    Returns
    -------
    node : Scalar, Items or Entries
        The tree.
    problems : list of Problem
        What is wrong with a document that could still be read: tags, keys given twice, names cut at commas.

    Raises
    ------
    StudyError
        When it is not YAML, nested too deep or too large.
    """
    if len(text) > _LONG and yaml.__with_libyaml__:
        with suppress(yaml.YAMLError, ValueError, OverflowError):
            long = _Builder(text, file, positions, yaml.CSafeLoader)
            return long.document(), long.problems
    builder: _Builder | None = None
    try:
        builder = _Builder(text, file, positions, yaml.SafeLoader)
        return builder.document(), builder.problems
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        column = error.position - (text.rfind("\n", 0, error.position) + 1) + 1
        message = f"character U+{error.character:04X} is not allowed"
        mark = Mark(file, line, column) if positions else Mark(file)
        raise StudyError([mark.problem(message)]) from None
    except yaml.MarkedYAMLError as error:
        at = error.problem_mark or error.context_mark
        mark = Mark(file, at.line + 1, at.column + 1) if at and positions else Mark(file)
        found = builder.problems if builder else []
        raise StudyError([*found, mark.problem(f"not valid YAML: {error.problem or error.context}")]) from None
    except (ValueError, OverflowError):
        # PyYAML hands "\\UFFFFFFFF" and %YAML 9 followed by thousands of digits to chr() and int().
        raise StudyError([Problem("not valid YAML: an escape or a version is out of range", file)]) from None
