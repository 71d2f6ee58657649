"""Which line of a program has given which value: loaded in the process in which an author's program runs.

Like `worker`, this imports nothing of the runner.
"""

from __future__ import annotations

import ast
import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from types import CodeType, FrameType
from typing import Any

import numpy as np

# So many values are kept, of so many numbers each: a larger network is looked at no further.
MOST, LARGEST = 20_000, 4_096
RETURNED = "return"
Expressions = list[tuple[str, CodeType | None]]


class Statement:
    """A statement that gives a value: its lines, and the expressions that have the value afterwards."""

    def __init__(self, node: ast.stmt) -> None:
        self.lines = node.lineno, node.end_lineno or node.lineno
        self.expressions: Expressions = []
        if isinstance(node, ast.Return):
            self.expressions = [(RETURNED, None)]
            return
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]  # type: ignore[attr-defined]
        for target in targets:
            for part in target.elts if isinstance(target, ast.Tuple | ast.List) else [target]:
                # An element, and what it is an element of: w[j][i], w[j], w.
                while isinstance(part, ast.Name | ast.Attribute | ast.Subscript):
                    text = ast.unparse(part)
                    self.expressions.append((text, compile(text, "<target>", "eval")))
                    if not isinstance(part, ast.Subscript):
                        break
                    part = part.value


def statements(file: str) -> dict[int, list[Statement]]:
    """The statements of a file that give values, for every line that they stand on; none where it can not be read."""
    found: dict[int, list[Statement]] = {}
    with contextlib.suppress(OSError, SyntaxError, ValueError), open(file, "rb") as stream:
        for node in ast.walk(ast.parse(stream.read())):
            gives = isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign)
            if isinstance(node, ast.stmt) and (gives or (isinstance(node, ast.Return) and node.value)):
                statement = Statement(node)
                for line in range(statement.lines[0], statement.lines[1] + 1):
                    found.setdefault(line, []).append(statement)
    return found


class Watch:
    """Keeps every value that statements of an author's folder give while the block lasts.

    Attributes
    ----------
    values : list of tuple
        In their order: file, first and last line, expression, which call of its function it was, and the numbers.
    whole : bool
        Whether all of them could be kept.
    """

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._files: dict[str, dict[int, list[Statement]]] = {}
        self._calls: dict[CodeType, int] = {}
        self.values: list[tuple[str, tuple[int, int], str, tuple[str, int], Any]] = []
        self.whole = True

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        """Look at every line that is executed."""
        before = sys.gettrace()
        sys.settrace(self._enter)
        try:
            yield
        finally:
            sys.settrace(before)

    def _enter(self, frame: FrameType, event: str, arg: Any) -> Callable[..., Any] | None:
        code = frame.f_code
        # Comprehensions are functions of their own up to Python 3.11, which have not the names of their statement.
        elsewhere = os.path.dirname(os.path.abspath(code.co_filename)) != self._folder
        if elsewhere or (code.co_name.startswith("<") and code.co_name != "<module>"):
            return None
        if code.co_filename not in self._files:
            self._files[code.co_filename] = statements(code.co_filename)
        lines = self._files[code.co_filename]
        self._calls[code] = call = self._calls.get(code, 0) + 1
        pending: list[Statement] = []

        def step(frame: FrameType, event: str, arg: Any) -> Callable[..., Any]:
            nonlocal pending
            if event == "exception":
                pending = []
                return step
            here = lines.get(frame.f_lineno, []) if event == "line" else []
            # A statement of several lines is not over where its next line begins.
            for statement in pending:
                if statement not in here or statement.lines[0] == statement.lines[1]:
                    self._keep(statement, frame, call, arg if event == "return" else None)
            pending = here
            return step

        return step

    def _keep(self, statement: Statement, frame: FrameType, call: int, returned: Any) -> None:
        code = frame.f_code
        for text, expression in statement.expressions:
            try:
                value = returned if expression is None else eval(expression, frame.f_globals, frame.f_locals)
                value = value.detach().cpu() if hasattr(value, "detach") else value
                numbers = np.array(value)
            except Exception:
                continue
            if numbers.dtype.kind not in "fiu" or not 0 < numbers.size <= LARGEST:
                continue
            if len(self.values) >= MOST:
                self.whole = False
                return
            place = f"{code.co_name}:{code.co_firstlineno}", call
            self.values.append((os.path.abspath(code.co_filename), statement.lines, text, place, numbers.astype(float)))
