"""What is wrong with a value, before it is known where it stands: messages with paths, in one wording."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from runner.keys.scalars import found, resolve
from runner.registry import NO_SYNONYMS, Synonyms

Step = str | int


@dataclass(frozen=True)
class Issue:
    """A mistake in a study, as seen from the value at hand.

    Attributes
    ----------
    message : str
    path : tuple of str or int
        From the value at hand down to what the message is about: keys of mappings and places in lists.
    at_key : bool
        Whether it is about the last key of the path itself rather than the value under it.
    """

    message: str
    path: tuple[Step, ...] = ()
    at_key: bool = False

    def under(self, *path: Step) -> Issue:
        """The same issue, seen from a value further up, from which `path` leads to the one at hand."""
        return Issue(self.message, path + self.path, self.at_key)

    def named(self, name: str) -> Issue:
        """The same issue, its message beginning with the name of the key."""
        return Issue(f"{name}: {self.message}", self.path, self.at_key)


class Invalid(ValueError):  # noqa: N818 - a verdict on a value, which the reader of the study turns into problems
    """A value that cannot be used.

    Parameters
    ----------
    *issues : Issue or str
        All that is wrong with it; a text is about the value as a whole.
    """

    def __init__(self, *issues: Issue | str) -> None:
        self.issues = tuple(issue if isinstance(issue, Issue) else Issue(issue) for issue in issues)
        super().__init__("; ".join(issue.message for issue in self.issues))


def expected(what: str, value: object) -> Invalid:
    """`expected a number, found 'fast'`; a number that only its quotes make a text is told to be in quotes."""
    quotes = isinstance(value, str) and isinstance(resolve(value), int | float) and "number" in what
    return Invalid(f"expected {what}, found {found(value)}{' in quotes' if quotes else ''}")


def unknown(
    names: Iterable[str],
    value: object,
    synonyms: Synonyms = NO_SYNONYMS,
    shown: Iterable[str] | None = None,
) -> str:
    """`expected one of a, b, c, found 'd'; did you mean 'c'?`; `shown` are the names as the message lists them."""
    names = tuple(names)
    return f"expected one of {', '.join(shown or names)}, found {found(value)}{hint(value, names, synonyms)}"


OWN = "; one of your own needs its file: --pieces FILE.py, or pieces= from Python"
"""Tail of a message on a name that is like none of those of a registry which takes pieces of a user's own."""


def hint(value: object, names: Iterable[str], synonyms: Synonyms) -> str:
    """Tail of a message on a value that is none of some names; `true` and `false` are names elsewhere too."""
    name = str(value).lower() if isinstance(value, bool) else value
    return synonyms.hint(name, names) if isinstance(name, str) else ""
