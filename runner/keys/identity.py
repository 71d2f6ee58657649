"""The identity of a cell and of a run: sixteen hexadecimal digits, the hash of the canonical texts of its keys.

A key without a text is left out: so a key that is new, and that a study does not use, changes no identity.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import lru_cache
from itertools import compress

# The first of sixteen hexadecimal digits becomes one of six letters, a to f.
_FIRST_DIGIT = 60
_REST = (1 << _FIRST_DIGIT) - 1
_LETTERS = tuple(0xA + digit % 6 << _FIRST_DIGIT for digit in range(16))


class Identity:
    """What identifies a cell and its runs.

    Parameters
    ----------
    keys : tuple of str
    texts : iterable of str, as many
        Name and canonical text of every key but the seed, in the order of the columns.

    Attributes
    ----------
    text : bytes
        What is hashed, but for the seed: a line for each key that has a text.
    """

    __slots__ = ("_hash", "text")

    def __init__(self, keys: tuple[str, ...], texts: Iterable[str]) -> None:
        # A study may have a million cells: their texts are put into a list that has the rest already.
        texts = tuple(texts)
        parts = _template(keys, tuple(map(bool, texts))).copy()
        parts[1:-1:2] = filter(None, texts)
        self.text = "".join(parts).encode()
        self._hash = hashlib.blake2b(self.text, digest_size=8)

    @property
    def cell_id(self) -> str:
        """Sixteen hexadecimal digits."""
        return f"{_number(self._hash.digest()):016x}"

    def run_ids(self, seeds: Iterable[int]) -> list[int]:
        """The ids of the runs with these seeds, each as the number that its sixteen hexadecimal digits write."""
        fork, found = self._hash.copy, []
        for seed in seeds:
            whole = fork()
            whole.update(b"seed=%d\n" % seed)
            found.append(_number(whole.digest()))
        return found


@lru_cache(maxsize=64)
def _template(keys: tuple[str, ...], given: tuple[bool, ...]) -> list[str]:
    """Each key that is given with its equals sign, an empty text after it, and the end of the last line."""
    parts = [part for key in compress(keys, given) for part in (f"\n{key}=", "")]
    return [parts[0].removeprefix("\n"), *parts[1:], "\n"]


def _number(digest: bytes) -> int:
    """A digest as a number whose first hexadecimal digit is a letter.

    An id such as `12e4567890123456`, or one of digits alone, would be read as a number by pandas.
    """
    number = int.from_bytes(digest, "big")
    return number & _REST | _LETTERS[number >> _FIRST_DIGIT]
