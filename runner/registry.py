"""Names that a study uses and what they stand for: calls such as `normal(0, 1)`, and registries from name to record.

A family (activations, losses, data sets, ...) is one registry. Its members are frozen records; validation, messages,
schema, documentation and tests over the family are made from them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from runner.errors import nearest

Argument = float | int | str


def shortest(value: Argument) -> str:
    """The shortest text that reads back as the same number: `1` rather than `1.0`; of a text, the text itself.

    Examples
    --------
    >>> shortest(1.0), shortest(0.1), shortest(1e300), shortest("0110")
    ('1', '0.1', '1e+300', '0110')
    """
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e16:
        return str(int(value))
    return str(value)


@dataclass(frozen=True)
class Call:
    """A name and its arguments, as written in a study.

    Attributes
    ----------
    name : str
    args : tuple of float, int or str
        Empty for a bare name.
    """

    name: str
    args: tuple[Argument, ...] = ()

    def __str__(self) -> str:
        return f"{self.name}({', '.join(map(shortest, self.args))})" if self.args else self.name


class Named(Protocol):
    """Anything a registry can hold."""

    @property
    def name(self) -> str: ...


R = TypeVar("R", bound=Named)


class Registry(Mapping[str, R], Generic[R]):
    """A mapping from name to record that only `add` can change.

    Parameters
    ----------
    kind : str
        What the members are, for messages ("activation").
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._records: dict[str, R] = {}

    def add(self, record: R) -> R:
        """Register a record under its name.

        Raises
        ------
        ValueError
            If the name is taken.
        """
        if record.name in self._records:
            raise ValueError(f"{self.kind} {record.name!r} is registered twice")
        self._records[record.name] = record
        return record

    def __getitem__(self, name: str) -> R:
        return self._records[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._records)

    def __len__(self) -> int:
        return len(self._records)

    def find(self, name: str) -> R:
        """The record called `name`.

        Raises
        ------
        ValueError
            If there is none; its message names the nearest one.
        """
        if name not in self._records:
            raise ValueError(f"unknown {self.kind} {name!r}{nearest(name, self._records)}")
        return self._records[name]
