"""The identity of a cell and of a run: sixteen hexadecimal digits, the hash of the canonical texts of its keys.

A key without a text is left out: so a key that is new, and that a study does not use, changes no identity.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

# The first of sixteen hexadecimal digits becomes one of six letters, a to f.
_FIRST_DIGIT = 60
_REST = (1 << _FIRST_DIGIT) - 1
_LETTERS = tuple(0xA + digit % 6 << _FIRST_DIGIT for digit in range(16))


class Identity:
    """What identifies a cell and its runs.

    Parameters
    ----------
    keys : iterable of str
    texts : iterable of str, as many
        Name and canonical text of every key but the seed, in the order of the columns.
    """

    __slots__ = ("_hash",)

    def __init__(self, keys: Iterable[str], texts: Iterable[str]) -> None:
        self._hash = _hash("".join(map(line, keys, texts)))

    @classmethod
    def of_text(cls, text: str) -> Identity:
        """That of the cell whose lines are this text."""
        identity = cls.__new__(cls)
        identity._hash = _hash(text)
        return identity

    @property
    def cell_id(self) -> str:
        """Sixteen hexadecimal digits."""
        return f"{self.cell_number:016x}"

    @property
    def cell_number(self) -> int:
        """The number that these digits write."""
        return _number(self._hash.digest())

    def run_ids(self, seeds: Iterable[int]) -> list[int]:
        """The ids of the runs with these seeds, each as the number that its sixteen hexadecimal digits write."""
        fork, found = self._hash.copy, []
        for seed in seeds:
            whole = fork()
            whole.update(b"seed=%d\n" % seed)
            found.append(_number(whole.digest()))
        return found


def line(key: str, text: str) -> str:
    """What is hashed of a key: a line, or nothing where it has no text."""
    return f"{key}={text}\n" if text else ""


def _hash(text: str) -> hashlib.blake2b:
    return hashlib.blake2b(text.encode(), digest_size=8)


def _number(digest: bytes) -> int:
    """A digest as a number whose first hexadecimal digit is a letter.

    An id such as `12e4567890123456`, or one of digits alone, would be read as a number by pandas.
    """
    number = int.from_bytes(digest, "big")
    return number & _REST | _LETTERS[number >> _FIRST_DIGIT]
