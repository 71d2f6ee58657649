"""Names that a study uses and what they stand for: calls such as `normal(0, 1)`, numbers of a list such as `init[3]`,
registries, and synonyms.

A family (activations, losses, data sets, ...) is one registry, from name to record. Its members are frozen records;
validation, messages, schema, documentation and tests over the family are made from them. Synonyms are names that other
programs have for the same things.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Generic, NamedTuple, Protocol, TypeVar

from runner.errors import closest, did_you_mean, folded, nearest

Argument = float | int | str
NUMBER = r"[-+]?(\.[0-9]+|[0-9][0-9_]*(\.[0-9]*)?)([eE][-+]?[0-9]+)?"
"""Regular expression of a number, as a study may write it."""


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


class Element(NamedTuple):
    """One number of a key whose value is a list: `init[3]`, the learning rate of a layer.

    Attributes
    ----------
    key : str
    k : int
        Which number, counted from 0.
    """

    key: str
    k: int

    def text(self, written: str) -> str:
        """The number's canonical text, from that of the key; empty where there is no such number.

        A single number stands for all: a learning rate is that of every layer.

        Examples
        --------
        >>> rate = Element("learning_rate", 1)
        >>> rate.text("[0.5, 2]"), rate.text("0.1"), rate.text("[3]"), Element("init", 0).text("normal(0, 1)")
        ('2.0', '0.1', '', '')
        """
        if written.startswith("["):
            parts = written[1:-1].split(", ")
            return repr(float(parts[self.k])) if self.k < len(parts) else ""
        return written if _NUMBER.fullmatch(written) else ""


_ELEMENT = re.compile(r"([a-z_0-9]+)\[(0|[1-9][0-9]{0,8})\]")
_NUMBER = re.compile(r"[-+]?[0-9.]+(e[-+]?[0-9]+)?")


def element(name: str) -> Element | None:
    """What `init[3]` means; None for a name that is no number of a list.

    Examples
    --------
    >>> element("init[3]"), element("init")
    (Element(key='init', k=3), None)
    """
    match = _ELEMENT.fullmatch(name)
    return Element(match[1], int(match[2])) if match else None


def column_of(name: str) -> str:
    """The key, and so the column of a table, that a name is about: `init` for `init[3]`."""
    found = element(name)
    return name if found is None else found.key


def whole_number(low: int, high: int) -> str:
    """Regular expression of the whole numbers from `low` to `high`, both included, neither below 0.

    Digits are compared; a number that is written with a point, an exponent or a sign is let through.

    Examples
    --------
    >>> import re
    >>> re.fullmatch(whole_number(2, 16), "16") is None, re.fullmatch(whole_number(2, 16), "17") is None
    (False, True)
    """
    parts = []
    for n in range(len(str(low)), len(str(high)) + 1):
        first, last = max(low, 10 ** (n - 1) if n > 1 else 0), min(high, 10**n - 1)
        parts.append(_same_length(str(first), str(last)))
    otherwise = r"[+]?[0-9][0-9_]*(\.0*|\.[0-9]*[eE][-+]?[0-9]+|[eE][-+]?[0-9]+|_[0-9]+)|[+][0-9]+"
    return f"(0*({'|'.join(parts)})|{otherwise})"


def _same_length(low: str, high: str) -> str:
    """Regular expression of the numbers between two of as many digits."""
    if low == high:
        return low
    if set(low) == {"0"} and set(high) == {"9"}:
        return f"[0-9]{{{len(low)}}}"
    a, b, rest = low[0], high[0], len(low) - 1
    if a == b:
        return a + _same_length(low[1:], high[1:])
    if not rest:
        return f"[{a}-{b}]"
    parts = [a + _same_length(low[1:], "9" * rest), b + _same_length("0" * rest, high[1:])]
    if int(b) - int(a) > 1:
        parts.append(f"[{int(a) + 1}-{int(b) - 1}][0-9]{{{rest}}}")
    return f"({'|'.join(parts)})"


class Named(Protocol):
    """Anything a registry can hold."""

    @property
    def name(self) -> str: ...


R = TypeVar("R", bound=Named)


class Registry(Mapping[str, R], Generic[R]):
    """A mapping from name to record that only its own methods can change.

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

    def replace(self, record: R) -> None:
        """Register a record, in the place of another one of its name if there is one."""
        self._records[record.name] = record

    def reset(self, records: Mapping[str, R]) -> None:
        """Hold these records and no others."""
        self._records = dict(records)

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


# `torch.nn.ReLU()` is `ReLU`; and a name may say at its end what kind of thing it is for: `MSELoss`, `loss_fn`.
_MODULE_AND_ARGUMENTS = re.compile(r"^.*\.(?=[^.])|\(.*$")
_KIND = re.compile(r"(?<=.)(loss|function|fn|fcn|optimi[sz]er|initiali[sz]er|activation)$")
_QUOTED = re.compile(r"'([a-z0-9_]+)")


@dataclass(frozen=True)
class _Meaning:
    """The names here for one elsewhere, or the sentence that is said about it and the names here that it is about."""

    ours: tuple[str, ...] = ()
    sentence: str = ""


class Synonyms(Mapping[str, _Meaning]):
    """What the names of one family are called elsewhere, and what is said about names of what is not here.

    A name counts whatever its case and separators, with and without module and arguments, and with and without the kind
    of thing at its end: `MSELoss`, `nn.MSELoss()` and `mse_loss` are all `mse`.

    Parameters
    ----------
    same : mapping of str to str
        From a name here, or several with commas between them, to names elsewhere with blanks between them.
    other : mapping of str to str
        From a sentence to names elsewhere: why there is no such thing here, or how it is said. In it, names that are
        known here stand in single quotes.

    Examples
    --------
    >>> losses = Synonyms({"mse": "mean_squared_error"}, {"not supported: use 'mse' instead": "mae l1"})
    >>> losses.hint("nn.MSELoss()", ["mse", "sse"]), losses.hint("L1Loss", ["mse", "sse"])
    ("; did you mean 'mse'?", "; not supported: use 'mse' instead")
    >>> losses.hint("Half-SSE", ["mse", "half_sse"]), losses.hint("focal", ["mse", "half_sse"])
    ("; did you mean 'half_sse'?", '')
    """

    def __init__(self, same: Mapping[str, str] | None = None, other: Mapping[str, str] | None = None) -> None:
        self._meanings: dict[str, _Meaning] = {}
        for ours, elsewhere in (same or {}).items():
            self._add(elsewhere, _Meaning(tuple(ours.split(", "))))
        for sentence, elsewhere in (other or {}).items():
            # What is named as a substitute is not what was meant.
            about = () if sentence.startswith("not supported") else tuple(_QUOTED.findall(sentence))
            self._add(elsewhere, _Meaning(about, sentence))

    def _add(self, elsewhere: str, meaning: _Meaning) -> None:
        for name in elsewhere.split():
            if folded(name) in self._meanings:
                raise ValueError(f"{name!r} is given two meanings")
            self._meanings[folded(name)] = meaning

    def __getitem__(self, name: str) -> _Meaning:
        return self._meanings[folded(name)]

    def __iter__(self) -> Iterator[str]:
        return iter(self._meanings)

    def __len__(self) -> int:
        return len(self._meanings)

    def hint(self, name: str, names: Iterable[str]) -> str:
        """Tail of a message on a name that is not among `names`; empty when nothing can be told."""
        names = tuple(names)
        meaning = self._find(name, names)
        return f"; {meaning.sentence}" if meaning.sentence else did_you_mean(meaning.ours or closest(name, names))

    def meant(self, name: str, names: Iterable[str]) -> tuple[str, ...]:
        """Those of `names` that someone may have meant who wrote another one."""
        names = tuple(names)
        meaning = self._find(name, names)
        if meaning.sentence:
            return tuple(ours for ours in meaning.ours if ours in names)
        return meaning.ours or closest(name, names)

    def _find(self, name: str, names: tuple[str, ...]) -> _Meaning:
        """What a name means, where that is a sentence or some of `names`."""
        known = {folded(each): each for each in names}
        whole = folded(_MODULE_AND_ARGUMENTS.sub("", name))
        for letters in (whole, _KIND.sub("", whole)):
            if letters in known:
                return _Meaning((known[letters],))
            meaning = self._meanings.get(letters, _Meaning())
            # `constant(1)` is a way to use `constant`.
            if meaning.sentence or (meaning.ours and all(ours.split("(")[0] in names for ours in meaning.ours)):
                return meaning
        return _Meaning()


NO_SYNONYMS = Synonyms()
