"""`key=value` arguments: changes of the study's tree, made before anything in it is checked."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from runner.errors import Problem, StudyError
from runner.keys import synonyms
from runner.keys.definitions import BUDGETS, Key, sweep_key
from runner.keys.scalars import meant
from runner.registry import element
from runner.studies.model import RecordOptions, StudyFile
from runner.studies.parser import parse
from runner.studies.tree import Entries, Items, Mark, Node, Scalar
from runner.sweep.axes import is_range, is_value
from runner.terminal import listed

_SEEDS = ("seed", "seeds", "replicates")
_RECORD = tuple(f"record.{name}" for name in RecordOptions.model_fields)


@dataclass(frozen=True)
class Overridden:
    """A study's tree with the arguments applied.

    Attributes
    ----------
    tree : Node
    keys : frozenset of str
        What the arguments give; where it is a budget, `epochs` and `updates` both.
    problems : tuple of Problem
        What is wrong with the arguments themselves.
    """

    tree: Node
    keys: frozenset[str]
    problems: tuple[Problem, ...]


def override(
    tree: Node, arguments: Sequence[str], numbers_of: Callable[[str], Iterable[float]] = lambda key: ()
) -> Overridden:
    """Apply `key=value` arguments, the last one winning.

    A list or a range makes the key an axis, unless it is one value of that key (`architecture=[2, 4, 1]`); anything
    else sets the key and takes it off every axis. A number that a report has shortened is the value of the study that
    it stands for.

    Parameters
    ----------
    tree : Node
        The study. One that is no mapping stays as it is.
    arguments : sequence of str
    numbers_of : callable
        From a key to the numbers that the study sweeps for it.
    """
    keys: list[str] = []
    problems: list[Problem] = []
    for argument in arguments:
        mark = Mark(f"<{argument}>")
        name, equals, text = argument.partition("=")
        name = name.strip()
        if not equals or not name:
            problems.append(mark.problem("expected key=value"))
            continue
        if sweep_key(name) is None and name not in (*StudyFile.model_fields, *_RECORD):
            known = (*StudyFile.model_fields, *_RECORD)
            problems.append(mark.problem(f"unknown key '{name}'{synonyms.KEYS.hint(name, known)}"))
            continue
        try:
            value, found = parse(text, mark.file, positions=False)
        except StudyError as error:
            problems += error.problems
            continue
        problems += found
        if sweep_key(name) is not None:
            value, unclear = _in_full(name, value, numbers_of)
            problems += unclear
        if isinstance(tree, Entries):
            run_key = sweep_key(name)
            axis = run_key is not None and _makes_axis(run_key, value)
            tree = apply_change(tree, Scalar(name, True, mark), value, axis)
        keys.append(name)
    return Overridden(tree, with_budgets(keys), tuple(problems))


def with_budgets(keys: Iterable[str]) -> frozenset[str]:
    """Keys that are changed: where one is a budget, all budgets."""
    changed = set(keys)
    return frozenset(changed.union(BUDGETS) if changed.intersection(BUDGETS) else changed)


def _in_full(name: str, value: Node, numbers_of: Callable[[str], Iterable[float]]) -> tuple[Node, list[Problem]]:
    """A value, or a list of them, with the numbers for which shortened ones stand."""
    if isinstance(value, Items):
        each = [_in_full(name, item, numbers_of) for item in value.items]
        return replace(value, items=tuple(item for item, _ in each)), [problem for _, some in each for problem in some]
    # A whole number is never a shortened one, and it would take time to look.
    if not isinstance(value, Scalar) or not isinstance(number := value.value, float) or not math.isfinite(number):
        return value, []
    found = meant(number, numbers_of(name))
    if len(found) > 1:
        return value, [value.mark.problem(f"{name} {number!r} may be {listed([*map(repr, found)], 'or')}")]
    return (replace(value, text=repr(found[0])) if found else value), []


def take_off(tree: Entries, key: str) -> Entries:
    """The study without a key: neither at its top nor on an axis."""
    if key in _SEEDS:
        for other in _SEEDS:
            tree = _without(tree, other)
        return tree
    return _without(_off_axes(tree, key, grid=True, include=True), key)


def apply_change(tree: Entries, name: Scalar, value: Node, makes_axis: bool) -> Entries:
    """The study with a key changed.

    Parameters
    ----------
    tree : Entries
    name : Scalar
        The key.
    value : Node
    makes_axis : bool
        Whether it is the axis of a key rather than one value.
    """
    key = name.text
    if key in _SEEDS:
        # Of the ways to give the seeds, the new one takes the place of every other.
        tree = take_off(tree, key)
        many = key == "seed" and not isinstance(value, Scalar)
        return _with(tree, replace(name, text="seeds") if many else name, value)
    if key in _RECORD:
        record = tree.get("record")
        inner = record if isinstance(record, Entries) else Entries((), name.mark)
        entry = replace(name, text=key.removeprefix("record."))
        return _with(tree, Scalar("record", True, name.mark), _with(inner, entry, value))
    if sweep_key(key) is None:
        return _with(tree, name, value)
    if key in BUDGETS:
        for other in BUDGETS:
            if other != key:
                tree = tree if makes_axis else _without(tree, other)
                tree = _off_axes(tree, other, grid=True, include=not makes_axis)
    if not makes_axis:
        return _with(_off_axes(tree, key, grid=True, include=True), name, value)
    axis = Items((value,), value.mark) if isinstance(value, Scalar) else value
    tree = _off_axes(tree, key, grid=False, include=False)
    sweep = tree.get("sweep") or Entries((), name.mark)
    if isinstance(sweep, Entries):
        grid = sweep.get("grid") or Entries((), name.mark)
        if isinstance(grid, Entries):
            sweep = _with(sweep, Scalar("grid", True, name.mark), _with(grid, name, axis))
    return _with(tree, Scalar("sweep", True, name.mark), sweep)


def _makes_axis(key: Key, value: Node) -> bool:
    """Whether the value of an argument is the axis of a key rather than one value."""
    if element(key.name) is not None:
        return True  # one number of a list can only be varied
    if isinstance(value, Scalar) or is_value(key, value.value, None):
        return False
    return isinstance(value, Items) or is_range(value.value)


def _with(tree: Entries, name: Scalar, value: Node) -> Entries:
    """The mapping with an entry set, in its old place if it had one."""
    if tree.get(name.text) is None:
        return replace(tree, entries=(*tree.entries, (name, value)))
    entries = tuple((name, value) if key.text == name.text else (key, old) for key, old in tree.entries)
    return replace(tree, entries=entries)


def _without(tree: Entries, name: str) -> Entries:
    """The mapping without an entry."""
    return replace(tree, entries=tuple(entry for entry in tree.entries if entry[0].text != name))


def _edited(tree: Entries, name: str, edit: Callable[[Node], Node | None]) -> Entries:
    """The mapping with one of its values edited; one that becomes None, or an empty list or mapping, is taken out."""
    old = tree.get(name)
    if old is None:
        return tree
    new = edit(old)
    if new is old:
        return tree
    if new is None or (new.size == 1 and not isinstance(new, Scalar)):
        return _without(tree, name)
    return replace(tree, entries=tuple((key, new if key.text == name else v) for key, v in tree.entries))


def _off_axes(tree: Entries, key: str, grid: bool, include: bool) -> Entries:
    """The study with a key on no axis of `zip`, `sample` and `when`.

    Parameters
    ----------
    grid, include : bool
        Whether the key also leaves the grid, and the rows of `include`.
    """

    def off(node: Node) -> Node | None:
        return _without(node, key) if isinstance(node, Entries) and node.get(key) is not None else node

    def off_rows(node: Node) -> Node | None:
        if not isinstance(node, Items):
            return node
        rows = [off(row) for row in node.items]
        if all(new is old for new, old in zip(rows, node.items, strict=True)):
            return node
        # Rows that differed in the key alone are one row now, and those that had nothing else are none.
        different = {repr(row.value): row for row in rows if isinstance(row, Entries) and row.entries}
        return replace(node, items=tuple(different.values()))

    def off_when(node: Node) -> Node | None:
        if not isinstance(node, Items):
            return node
        kept = []
        for block in node.items:
            edited = _edited(block, "grid", off) if isinstance(block, Entries) else block
            if edited is block or (isinstance(edited, Entries) and edited.get("grid") is not None):
                kept.append(edited)
        return replace(node, items=tuple(kept))

    def off_sample(node: Node) -> Node | None:
        if not isinstance(node, Entries):
            return node
        edited = _edited(node, "space", off)
        return None if edited is not node and edited.get("space") is None else edited

    def off_sweep(node: Node) -> Node | None:
        if not isinstance(node, Entries):
            return node
        node = _edited(node, "grid", off) if grid else node
        node = _edited(_edited(node, "zip", off_rows), "sample", off_sample)
        node = _edited(node, "when", off_when)
        return _edited(node, "include", off_rows) if include else node

    return _edited(tree, "sweep", off_sweep)
