"""A study's tree without the values that cannot be read, so that what is left can be checked too."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from runner.keys import synonyms
from runner.keys.definitions import BUDGETS, KEYS, sweep_key
from runner.keys.issues import Issue, Step
from runner.registry import column_of
from runner.studies.tree import Entries, Items, Node, child


@dataclass(frozen=True)
class Pruned:
    """What is left of a tree.

    Attributes
    ----------
    tree : Node
    keys : frozenset of str
        Keys of a run about which nothing is known any more: what was taken out may have given them.
    """

    tree: Node
    keys: frozenset[str]


def prune(tree: Node, issues: Iterable[Issue]) -> Pruned | None:
    """Take out every value that has an issue.

    A wrong value takes with it what makes no sense without it: an axis with one wrong value is no axis, a `when` with
    one wrong value is no `when`. Of the keys that they name nothing more can be said.

    Parameters
    ----------
    tree : Node
    issues : iterable of Issue
        Their paths lead through the tree.

    Returns
    -------
    Pruned or None
        None when an issue is about the tree as a whole, or about nothing that could be taken out of it.
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
        node: Node | None = tree
        for step in place:
            node = child(node, step)
        names |= _names(node) if node is not None else set()
        # An unknown key was meant to be one that its hint is about.
        names |= {key for name in names - KEYS.keys() for key in synonyms.KEYS.meant(name, KEYS)}
        keys |= {column_of(name) for name in names if sweep_key(name)}
    if keys.intersection(BUDGETS):
        keys.update(BUDGETS)
    left = _without(tree, (), places)
    return None if left is None or left.size == tree.size else Pruned(left, frozenset(keys))


def _whole(path: tuple[Step, ...]) -> tuple[Step, ...]:
    """The place of what is taken out as one piece: the smallest part of a study that makes sense without the others."""
    match path:
        case ("sweep", "grid" | "when" | "exclude" | "include", _, *_):
            return path[:3]
        case ("sweep" | "record" | "claims", _, *_):
            return path[:2]
    return path[:1]


def _names(node: Node) -> set[str]:
    """The keys of all mappings in a tree."""
    if isinstance(node, Items):
        return set().union(*(_names(item) for item in node.items))
    if isinstance(node, Entries):
        return {key.text for key, _ in node.entries}.union(*(_names(value) for _, value in node.entries))
    return set()


def _without(node: Node, here: tuple[Step, ...], places: set[tuple[Step, ...]]) -> Node | None:
    """The part of the tree that stands at `here`, without what stands at the places; None when nothing is left."""
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
