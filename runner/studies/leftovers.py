"""What changed keys leave without use in a study: claims and conditions about cells that it no longer has, settings."""

from __future__ import annotations

from pathlib import Path

from runner.keys.issues import Issue
from runner.studies.consistency import check_together
from runner.studies.model import validate
from runner.studies.pruning import prune
from runner.studies.tree import Entries
from runner.sweep.space import SweepSpace


def without_leftovers(tree: Entries, folder: Path, changed: frozenset[str]) -> Entries:
    """The study without what would be a mistake in a file, and is none only because keys were changed.

    Parameters
    ----------
    tree : Entries
        The study after the change.
    folder : Path
        Where relative paths of its data start.
    changed : frozenset of str
        The keys that were changed.

    Returns
    -------
    Entries
        A study that has mistakes of its own stays as it is: they are told when it is read.
    """
    while True:
        model, _ = validate(tree, folder)
        if model is None:
            return tree
        space, claims = SweepSpace(model.given, model.sweep), model.claims
        strict = check_together(space, claims, folder, frozenset(), frozenset())
        lenient = set(check_together(space, claims, folder, frozenset(), changed))
        idle = [each for each in strict if isinstance(each, Issue) and each not in lenient]
        pruned = prune(tree, idle) if idle else None
        if pruned is None or not isinstance(pruned.tree, Entries):
            return tree
        tree = pruned.tree
