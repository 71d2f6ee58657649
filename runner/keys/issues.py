"""What is wrong with a value, before it is known where it stands: messages with paths, in one wording."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from runner.errors import nearest
from runner.keys.scalars import found, resolve

Step = str | int


@dataclass(frozen=True)
class Issue:
    """A message, the path from the value at hand to what it is about, and whether that is a key or a value."""

    message: str
    path: tuple[Step, ...] = ()
    at_key: bool = False

    def under(self, *path: Step) -> Issue:
        """The same issue, seen from further up."""
        return Issue(self.message, path + self.path, self.at_key)

    def named(self, name: str) -> Issue:
        """The same issue, its message beginning with the name of the key."""
        return Issue(f"{name}: {self.message}", self.path, self.at_key)


class Invalid(ValueError):  # noqa: N818 - never leaves the package
    """A value that cannot be used.

    Parameters
    ----------
    *issues : Issue or str
        All that is wrong with it; a text is about the whole value.
    """

    def __init__(self, *issues: Issue | str) -> None:
        self.issues = tuple(f if isinstance(f, Issue) else Issue(f) for f in issues)
        super().__init__("; ".join(f.message for f in self.issues))


def expected(what: str, value: object) -> Invalid:
    """`expected a number, found 'fast'`; says so when only quotes make a number a text."""
    quotes = isinstance(value, str) and isinstance(resolve(value), int | float) and "number" in what
    return Invalid(f"expected {what}, found {found(value)}{' in quotes' if quotes else ''}")


def unknown(names: Iterable[str], value: object, shown: Iterable[str] | None = None) -> str:
    """`expected one of a, b, c, found 'd'; did you mean 'c'?`; `shown` are the names as the message lists them."""
    names = tuple(names)
    hint = nearest(value, names) if isinstance(value, str) else ""
    return f"expected one of {', '.join(shown or names)}, found {found(value)}{hint}"
