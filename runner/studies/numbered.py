"""Where a mistake stands in a study that was made in Python: at an argument or at a key of a mapping, not on a line.

A problem has a place in a file, and so each node of the tree gets a number in the place of its line. Problems come in
the order of these numbers, and a number leads back to the node's path.
"""

from __future__ import annotations

from dataclasses import replace

from runner.errors import Problem
from runner.keys.issues import Step
from runner.studies.given import Content
from runner.studies.tree import Entries, Items, Mark, Node


class Numbered:
    """A tree whose lines are the numbers of its nodes.

    Parameters
    ----------
    tree : Node
    file : str
        By which its problems are told from those of files of data.

    Attributes
    ----------
    tree : Node
    """

    def __init__(self, tree: Node, file: str) -> None:
        self._file = file
        self._paths: list[tuple[Step, ...]] = []
        self.tree = self._node(tree, ())

    def _node(self, node: Node, path: tuple[Step, ...]) -> Node:
        mark = self._mark(path)
        if isinstance(node, Items):
            return Items(tuple(self._node(item, (*path, i)) for i, item in enumerate(node.items)), mark)
        if isinstance(node, Entries):
            entries = []
            for key, value in node.entries:
                below = (*path, key.text)
                entries.append((replace(key, mark=self._mark(below)), self._node(value, below)))
            return Entries(tuple(entries), mark)
        return replace(node, mark=mark)

    def _mark(self, path: tuple[Step, ...]) -> Mark:
        self._paths.append(path)
        return Mark(self._file, len(self._paths))

    def told(self, problem: Problem, content: Content) -> Problem:
        """The problem with the argument or the key that it is about in the place of file and line.

        Parameters
        ----------
        problem : Problem
        content : Content
            What the tree was made of.
        """
        if problem.file != self._file:
            return problem
        if problem.line is None:
            return Problem(problem.message)
        path = self._paths[problem.line - 1]
        if path[:2] == ("sweep", "grid") and path[2:3] and path[2] in content.axes:
            path = path[2:]
        message = problem.message
        names = [str(step) for step in path if isinstance(step, str)]
        for name in (".".join(names[:-1]), *names):
            message = message.removeprefix(f"{name}: ")
        if not path:
            return Problem(message)
        what = "argument" if path[0] in content.arguments else "key"
        if message.startswith("unknown key '"):
            # The message has the name; where it stands is above it.
            path = path[:-1]
            message = message if path else message.replace("unknown key", f"unknown {what}", 1)
        return Problem(message, f"{what} {_place(path)}" if path else "")


def _place(path: tuple[Step, ...]) -> str:
    """`sweep.zip[0].init`."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).removeprefix(".")
