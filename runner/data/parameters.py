"""Functions that a study calls by name, such as `parity(3)`: their arguments declared, checked and described."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from runner.registry import NUMBER, Argument, Call, Registry, whole_number
from runner.terminal import counted

Floats = NDArray[np.float64]
T = TypeVar("T")


_ZERO = r"[-+]?[0_]*\.?0*([eE][-+]?[0-9]+)?\s*[,)]"


class Parameter(Protocol):
    """One declared argument of a named function."""

    @property
    def expected(self) -> str:
        """What a valid argument is, in words that follow "must be"."""

    @property
    def pattern(self) -> str:
        """Regular expression of the texts of valid arguments, for the JSON schema."""

    def accepts(self, value: Argument) -> bool:
        """Whether `value` is valid."""

    def read(self, value: Argument) -> Argument:
        """The valid `value` in the type that the function takes."""


@dataclass(frozen=True)
class Integer:
    """A whole number from `low` to `high`, both included; `3.0` is one."""

    low: int
    high: int

    @property
    def expected(self) -> str:
        return f"a whole number from {self.low} to {self.high}"

    @property
    def pattern(self) -> str:
        return whole_number(self.low, self.high)

    def accepts(self, value: Argument) -> bool:
        if isinstance(value, bool | str) or not math.isfinite(value):
            return False
        return value == int(value) and self.low <= value <= self.high

    def read(self, value: Argument) -> int:
        return int(value)


@dataclass(frozen=True)
class Number:
    """Any finite number."""

    expected: str = "a finite number"
    pattern: str = NUMBER

    def accepts(self, value: Argument) -> bool:
        return not isinstance(value, bool | str) and math.isfinite(value)

    def read(self, value: Argument) -> float:
        return float(value) + 0.0


@dataclass(frozen=True)
class Divisor:
    """A finite number other than 0."""

    expected: str = "a finite number other than 0"
    pattern: str = rf"(?!{_ZERO}){NUMBER}"

    def accepts(self, value: Argument) -> bool:
        return not isinstance(value, bool | str) and math.isfinite(value) and value != 0

    def read(self, value: Argument) -> float:
        return float(value)


@dataclass(frozen=True)
class TruthTable:
    """The outputs of a boolean function of 1 to `most` inputs: a text of digits 0 and 1 in counting order."""

    most: int

    @property
    def expected(self) -> str:
        return f"a truth table of 2, 4, 8, ... or {2**self.most} digits, each 0 or 1"

    @property
    def pattern(self) -> str:
        return f"({'|'.join(f'[01]{{{2**k}}}' for k in range(1, self.most + 1))})"

    def accepts(self, value: Argument) -> bool:
        if not isinstance(value, str) or set(value) - {"0", "1"}:
            return False
        return len(value) in {2**k for k in range(1, self.most + 1)}

    def read(self, value: Argument) -> str:
        return str(value)


@dataclass(frozen=True)
class Entry(Generic[T]):
    """A registered function: a data set or a scaling.

    Attributes
    ----------
    name : str
        The name by which a study calls it.
    doc : str
        One sentence: the first line of the function's docstring.
    declared : mapping of str to Parameter
        Its arguments in order.
    function : callable
        The function itself; it is given arguments that were checked.
    fits : callable or None
        Takes the checked arguments together and returns what is wrong with their combination, or "".
    source : str
        The hash of the file that a piece of a user's own stands in; else empty.
    """

    name: str
    doc: str
    declared: Mapping[str, Parameter]
    function: Callable[..., T]
    fits: Callable[..., str] | None = field(default=None, repr=False)
    source: str = ""

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of the arguments in order."""
        return tuple(self.declared)

    @property
    def signature(self) -> str:
        """How it is called: `parity(n)`."""
        return str(Call(self.name, self.parameters))

    def bind(self, args: Sequence[Argument]) -> tuple[Argument, ...]:
        """Check `args` and return them in the types that the function takes.

        Raises
        ------
        ValueError
            When they are not valid; the message is for the user.
        """
        if len(args) != len(self.declared):
            takes = f"takes {counted(len(self.declared), 'argument')}" if self.declared else "takes no arguments"
            raise ValueError(f"{self.signature} {takes}, found {len(args)}: {Call(self.name, tuple(args))}")
        for (name, parameter), value in zip(self.declared.items(), args, strict=True):
            if not parameter.accepts(value):
                must = f"{name} must be {parameter.expected}"
                raise ValueError(f"{self.signature}: {must}, found {_shown(value)}")
        bound = tuple(p.read(value) for p, value in zip(self.declared.values(), args, strict=True))
        if self.fits is not None and (message := self.fits(*bound)):
            raise ValueError(f"{self.signature}: {message}")
        return bound


def _shown(value: Argument) -> str:
    """The argument as a message quotes it; a long truth table is cut."""
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:36]}... ({len(str(value)):,} characters)"


def register(
    registry: Registry[Entry[T]], name: str, /, *, fits: Callable[..., str] | None = None, **declared: Parameter
) -> Callable[[Callable[..., T]], Callable[..., T]]:
    """Decorator that makes a function a member of a registry.

    Parameters
    ----------
    registry : Registry
        To which it is added.
    name : str
        By which a study calls it.
    fits : callable, optional
        Takes the arguments together and returns what is wrong with their combination, or "".
    **declared : Parameter
        The function's arguments, in order.
    """

    def add(function: Callable[..., T]) -> Callable[..., T]:
        doc = (inspect.getdoc(function) or "").split("\n")[0]
        registry.add(Entry(name, doc, declared, function, fits))
        return function

    return add
