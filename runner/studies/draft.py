"""A study while it is read: its tree, everything found wrong with it so far, and the checks of single values."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from runner.errors import Problem, StudyError
from runner.keys.issues import Issue
from runner.studies.model import StudyModel, validate
from runner.studies.pruning import prune
from runner.studies.tree import Node, located

_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}")
_SEEDS = ("replicates", "seeds", "seed")


@dataclass
class Draft:
    """A study while it is read, and everything found wrong with it so far.

    Attributes
    ----------
    file : str
        The study's file, as the user named it.
    arguments : sequence of str
        The `key=value` arguments.
    tree : Node
        What the study says, without the values that cannot be read.
    unknown : frozenset of str
        Keys of a run about which nothing is known, because a value that gives them cannot be read.
    found : list of pairs
        Each thing that is wrong, with the tree as it was then: the path of an issue leads through that tree.
    """

    file: str
    arguments: Sequence[str]
    tree: Node
    unknown: frozenset[str] = frozenset()
    found: list[tuple[Issue | Problem, Node]] = field(default_factory=list)

    def note(self, wrong: Iterable[Issue | Problem]) -> None:
        """Keep what is wrong with the tree as it is now."""
        self.found += [(each, self.tree) for each in wrong]

    def take_out(self, issues: Sequence[Issue]) -> None:
        """Keep what is wrong with some values, and go on without them; StudyError when nothing would be left."""
        self.note(issues)
        pruned = prune(self.tree, issues)
        if pruned is None:
            raise self.error()
        self.tree, self.unknown = pruned.tree, self.unknown | pruned.keys

    def error(self) -> StudyError:
        """Everything found, each thing once and at its place.

        Only here do paths become places. The problems of the study come first, by position, then those of other files,
        then those of the arguments, one argument after the other.
        """
        placed = [located(each, tree) if isinstance(each, Issue) else each for each, tree in self.found]
        named = [p if p.file else Problem(p.message, self.file, p.line, p.column) for p in dict.fromkeys(placed)]
        ranks = {self.file: 0, **{f"<{argument}>": 2 + i for i, argument in enumerate(self.arguments)}}

        def place(problem: Problem) -> tuple[int, int, int]:
            rank = ranks.get(problem.file, 1)
            # Those of other files come in the order of the file, at the end how many more there are.
            return (rank, 0, 0) if rank == 1 else (rank, problem.line or 0, problem.column or 0)

        return StudyError(sorted(named, key=place))


def check_values(draft: Draft) -> StudyModel:
    """Check every value by itself.

    What cannot be read is noted and taken out of the draft, so that the rest can be checked against each other.
    """
    base = Path(draft.file).parent
    model, issues = validate(draft.tree, base)
    while model is None:
        draft.take_out(issues)
        model, issues = validate(draft.tree, base)
    return model


def check_name_and_seeds(model: StudyModel, stem: str) -> Iterator[Issue]:
    """Whether the name can be that of a folder, and the seeds are given in one way only.

    Parameters
    ----------
    model : StudyModel
    stem : str
        The name of the file without its ending: that of the study where it gives none.
    """
    if model.name is not None and not _NAME.fullmatch(model.name):
        what = "expected up to 100 letters, digits and . _ - that do not begin with a dot"
        yield Issue(f"name: {what}, found '{model.name}'", ("name",))
    elif model.name is None and not _NAME.fullmatch(stem):
        yield Issue(f"name is missing: the file's name '{stem}' cannot be used")
    elif (name := model.name or stem).startswith("-"):
        path = ("name",) if model.name else ()
        yield Issue(f"name: '{name}' would be taken for a flag; expected one that does not begin with -", path)
    given = [key for key in _SEEDS if key in model.model_fields_set]
    for key in given[1:]:
        yield Issue(f"{key}: {given[0]} is given already", (key,), at_key=True)
