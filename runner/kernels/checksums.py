"""The checksum of each row of a text, without the interpreter's lock: that of `zlib.crc32`."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runner.kernels.lanes.entry import entry
from runner.kernels.lanes.operations import pointer

# The polynomial of zlib, gzip and PNG (RFC 1952, section 8), its bits turned round.
_POLYNOMIAL = 0xEDB88320
_BYTES = 8
_LOW, _ALL = np.uint32(0xFF), np.uint32(0xFFFFFFFF)
_8, _16, _24 = np.uint32(8), np.uint32(16), np.uint32(24)


@cache
def remainders() -> NDArray[np.uint32]:
    """What a byte leaves behind when k more bytes follow it, for k from 0 to 7: array (8, 256)."""
    table = np.zeros((_BYTES, 256), np.uint32)
    for byte in range(256):
        rest = byte
        for _ in range(8):
            rest = rest >> 1 ^ (_POLYNOMIAL if rest & 1 else 0)
        table[0, byte] = rest
    for k in range(1, _BYTES):
        table[k] = table[k - 1] >> _8 ^ table[0][table[k - 1] & _LOW]
    return table


@entry
def sum_rows(data: Any, ends: Any, table: Any, sums: Any) -> None:
    """Checksum of each row of a text.

    Eight bytes at a time, by a table for each of them ("slicing by 8": Kounavis and Berry, A Systematic Approach to
    Building High Performance Software-based CRC Generators, ISCC 2005): their look-ups do not wait for one another.

    Parameters
    ----------
    data : uint8 array
    ends : int64 array (n,)
        Where each row ends; row i begins where row i - 1 ends, the first at 0.
    table : uint32 array (8, 256)
        `remainders()`.
    sums : uint32 array (n,), filled in
    """
    # As a pointer, the text has no negative indices: no byte needs a look at its index first.
    text = pointer(data)
    at = 0
    for row in range(ends.size):
        end = ends[row]
        rest = _ALL
        while at + _BYTES <= end:
            rest = (
                table[7, (rest & _LOW) ^ text[at]]
                ^ table[6, ((rest >> _8) & _LOW) ^ text[at + 1]]
                ^ table[5, ((rest >> _16) & _LOW) ^ text[at + 2]]
                ^ table[4, (rest >> _24) ^ text[at + 3]]
                ^ table[3, text[at + 4]]
                ^ table[2, text[at + 5]]
                ^ table[1, text[at + 6]]
                ^ table[0, text[at + 7]]
            )
            at += _BYTES
        while at < end:
            rest = (rest >> _8) ^ table[0, (rest & _LOW) ^ text[at]]
            at += 1
        sums[row] = rest ^ _ALL
