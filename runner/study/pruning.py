"""A study's tree without the values that are wrong, so that what is left can be checked too."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from runner.errors import nearest
from runner.keys.definitions import BUDGETS, KEYS, sweep_key
from runner.keys.issues import Issue, Step
from runner.study.tree import Entries, Items, Node, child


@dataclass(frozen=True)
class Pruned:
    """What is left, and the keys about which nothing is known any more."""

    tree: Node
    keys: frozenset[str]


def prune(tree: Node, issues: Iterable[Issue]) -> Pruned | None:
    """Take out everything that a issue is in; None when nothing would be left.

    A wrong value takes its key with it: an axis with one wrong value is no axis, a `when` with one wrong value is no
    `when`. What else the study says about these keys cannot be judged.
    """
    keys: set[str] = set()
    places: set[tuple[Step, ...]] = set()
    for issue in issues:
        if not issue.path:
            return None
        place = _whole(issue.path)
        places.add(place)
        if place[0] == "claims":
            continue  # a claim names keys and gives none
        names = {str(step) for step in issue.path if isinstance(step, str)}
        node = _at(tree, place)
        names |= _names(node) if node is not None else set()
        # An unknown key was meant to be the nearest one.
        names |= {hint.split("'")[1] for name in names if (hint := nearest(name, KEYS))}
        keys |= {"init" if name.startswith("init[") else name for name in names if sweep_key(name)}
    if keys.intersection(BUDGETS):
        keys.update(BUDGETS)
    left = _without(tree, (), places)
    return None if left is None or left.size == tree.size else Pruned(left, frozenset(keys))


def _whole(path: tuple[Step, ...]) -> tuple[Step, ...]:
    """The place that goes as one piece with what is wrong inside of it."""
    if path[0] != "sweep" or len(path) < 3:
        return path[:2] if path[0] in ("sweep", "record", "claims") else path[:1]
    if path[1] == "grid" or path[1] in ("when", "exclude", "include"):
        return path[:3]
    return path[:2]


def _at(node: Node, path: Sequence[Step]) -> Node | None:
    found: Node | None = node
    for step in path:
        found = child(found, step)
    return found


def _names(node: Node) -> set[str]:
    """All keys of mappings in a tree."""
    if isinstance(node, Items):
        return set().union(*(_names(item) for item in node.items))
    if isinstance(node, Entries):
        return {key.text for key, _ in node.entries}.union(*(_names(value) for _, value in node.entries))
    return set()


def _without(node: Node, here: tuple[Step, ...], places: set[tuple[Step, ...]]) -> Node | None:
    left: Node
    if here in places:
        return None
    if isinstance(node, Entries):
        kept = [(key, _without(value, (*here, key.text), places)) for key, value in node.entries]
        left = replace(node, entries=tuple((key, value) for key, value in kept if value is not None))
    elif isinstance(node, Items):
        items = [_without(item, (*here, i), places) for i, item in enumerate(node.items)]
        left = replace(node, items=tuple(item for item in items if item is not None))
    else:
        return node
    # A grid that lost its only axis is not an empty grid: nothing would be said about it that is not said already.
    return None if left.size == 1 < node.size and here else left
