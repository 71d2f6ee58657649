"""A named value with arguments: `normal(0, 1)`, `parity(3)`, `divide(9)`, or a bare name such as `xor`."""

from __future__ import annotations

from dataclasses import dataclass

Argument = float | int | str


@dataclass(frozen=True)
class Call:
    """A name and its arguments, as written in a study.

    Attributes
    ----------
    name : str
        The registered name.
    args : tuple of float, int or str
        The arguments in order; empty for a bare name.
    """

    name: str
    args: tuple[Argument, ...] = ()

    def __str__(self) -> str:
        return f"{self.name}({', '.join(map(_argument, self.args))})" if self.args else self.name


def _argument(value: Argument) -> str:
    """Shortest text that reads back as the same argument: `1` rather than `1.0`."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e16:
        return str(int(value))
    return str(value)
