"""The identities of many runs, without the interpreter's lock: what `runner.keys.identity` makes one by one.

The hash is BLAKE2b with a digest of eight bytes (RFC 7693, Saarinen and Aumasson, 2015, section 3). The seed comes last
in a run's text, so that the state after the whole blocks before it is computed once for all runs of a cell.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from runner.kernels.csv_rows import count_digits, put_digits, put_joined
from runner.kernels.lanes.bits import wrapped_sum
from runner.kernels.lanes.entry import entry
from runner.kernels.lanes.functions import inlined, kernel
from runner.kernels.lanes.operations import not_inlined, pointer

_BLOCK, _WORDS, _ROUNDS = 128, 16, 12
# Bytes of two blocks: what is left of a cell's text, and the line of the seed.
_LAST = 2 * _BLOCK
# Section 2.6: the fractional parts of the square roots of the first eight primes.
_IV = np.array(
    [
        0x6A09E667F3BCC908,
        0xBB67AE8584CAA73B,
        0x3C6EF372FE94F82B,
        0xA54FF53A5F1D36F1,
        0x510E527FADE682D1,
        0x9B05688C2B3E6C1F,
        0x1F83D9ABFB41BD6B,
        0x5BE0CD19137E2179,
    ],
    np.uint64,
)
# Section 2.5: depth 1, fan-out 1, no key, and a digest of eight bytes.
_PARAMETERS = np.uint64(0x01010008)
# Section 2.7: the order of the words of a block in each round; rounds 10 and 11 are rounds 0 and 1 again.
_SIGMA = np.array(
    [
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
        [14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3],
        [11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4],
        [7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8],
        [9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13],
        [2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9],
        [12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11],
        [13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10],
        [6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5],
        [10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0],
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
        [14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3],
    ],
    np.int64,
)
_SEED = np.frombuffer(b"seed=", np.uint8)
_LINE_END = np.uint8(ord("\n"))
NO, YES = np.bool_(False), np.bool_(True)
_ALL = np.uint64(0xFFFFFFFFFFFFFFFF)
_8, _16, _24, _32, _60, _63, _64 = (np.uint64(n) for n in (8, 16, 24, 32, 60, 63, 64))
_REST, _6, _LETTER = np.uint64((1 << 60) - 1), np.uint64(6), np.uint64(0xA)


@inlined
def _rotated(word: Any, bits: Any) -> Any:
    """A word rotated to the right."""
    return (word >> bits) | (word << (_64 - bits))


@inlined
def _mixed(a: Any, b: Any, c: Any, d: Any, x: Any, y: Any) -> Any:
    """The function G of section 3.1."""
    a = wrapped_sum(wrapped_sum(a, b), x)
    d = _rotated(d ^ a, _32)
    c = wrapped_sum(c, d)
    b = _rotated(b ^ c, _24)
    a = wrapped_sum(wrapped_sum(a, b), y)
    d = _rotated(d ^ a, _16)
    c = wrapped_sum(c, d)
    b = _rotated(b ^ c, _63)
    return a, b, c, d


@kernel
def _compress(state: Any, data: Any, first: int, words: Any, count: int, last: bool) -> None:
    """Take the block that begins at `first` into the state (section 3.2), after `count` bytes, these included."""
    not_inlined()
    for i in range(_WORDS):
        word = np.uint64(0)
        for byte in range(7, -1, -1):
            word = (word << _8) | np.uint64(data[first + 8 * i + byte])
        words[i] = word
    # Sixteen names for sixteen registers: in an array, each step would wait for memory.
    v0, v1, v2, v3, v4, v5, v6, v7 = (
        state[0],
        state[1],
        state[2],
        state[3],
        state[4],
        state[5],
        state[6],
        state[7],
    )
    v8, v9, v10, v11, v13, v15 = _IV[0], _IV[1], _IV[2], _IV[3], _IV[5], _IV[7]
    v12 = _IV[4] ^ np.uint64(count)
    v14 = _IV[6] ^ _ALL if last else _IV[6]
    for turn in range(_ROUNDS):
        order = _SIGMA[turn]
        v0, v4, v8, v12 = _mixed(v0, v4, v8, v12, words[order[0]], words[order[1]])
        v1, v5, v9, v13 = _mixed(v1, v5, v9, v13, words[order[2]], words[order[3]])
        v2, v6, v10, v14 = _mixed(v2, v6, v10, v14, words[order[4]], words[order[5]])
        v3, v7, v11, v15 = _mixed(v3, v7, v11, v15, words[order[6]], words[order[7]])
        v0, v5, v10, v15 = _mixed(v0, v5, v10, v15, words[order[8]], words[order[9]])
        v1, v6, v11, v12 = _mixed(v1, v6, v11, v12, words[order[10]], words[order[11]])
        v2, v7, v8, v13 = _mixed(v2, v7, v8, v13, words[order[12]], words[order[13]])
        v3, v4, v9, v14 = _mixed(v3, v4, v9, v14, words[order[14]], words[order[15]])
    state[0] ^= v0 ^ v8
    state[1] ^= v1 ^ v9
    state[2] ^= v2 ^ v10
    state[3] ^= v3 ^ v11
    state[4] ^= v4 ^ v12
    state[5] ^= v5 ^ v13
    state[6] ^= v6 ^ v14
    state[7] ^= v7 ^ v15


@kernel
def _identity(word: Any) -> Any:
    """The first word of a digest as the number of an identity: its bytes turned round, its first digit a letter."""
    number = np.uint64(0)
    for _ in range(8):
        number = (number << _8) | (word & np.uint64(0xFF))
        word = word >> _8
    return (number & _REST) | ((_LETTER + (number >> _60) % _6) << _60)


@kernel
def _finished(state: Any, begun: Any, last: Any, n: int, before: int, words: Any) -> Any:
    """The identity of a text that ends with the first n bytes of `last`, after `before` bytes that `begun` has seen."""
    for i in range(n, _LAST):
        last[i] = 0
    for i in range(8):
        state[i] = begun[i]
    at = 0
    while n - at > _BLOCK:
        _compress(state, last, at, words, before + at + _BLOCK, NO)
        at += _BLOCK
    _compress(state, last, at, words, before + n, YES)
    return _identity(state[0])


class Work(NamedTuple):
    """Memory that `identify_runs` works in; its contents before and after mean nothing.

    Attributes
    ----------
    text : uint8 array
        Room for the longest text.
    begun, state : uint64 arrays (8,)
    words : uint64 array (16,)
    last : uint8 array (_LAST,)
    """

    text: Any
    begun: Any
    state: Any
    words: Any
    last: Any


def make_work(longest: int) -> Work:
    """Memory for texts of so many bytes."""
    begun, state, words = (np.empty(n, np.uint64) for n in (8, 8, _WORDS))
    return Work(np.empty(longest, np.uint8), begun, state, words, np.empty(_LAST, np.uint8))


@entry
def identify_runs(lines: Any, sizes: Any, seeds: Any, ids: Any, cell_ids: Any, work: Any) -> None:
    """Identities of runs and of their cells.

    Parameters
    ----------
    lines : csv_rows.Joined
        The text of each cell: the lines of its keys, but for the seed.
    sizes : int64 array (cells,)
        How many runs in succession belong to each cell.
    seeds : uint64 array (n,)
    ids : uint64 array (n,), filled in
    cell_ids : uint64 array (cells,), filled in
    work : Work
    """
    text, begun, state, words, last = work
    run = 0
    for cell in range(sizes.size):
        size = put_joined(pointer(text), 0, lines, cell)
        for i in range(8):
            begun[i] = _IV[i]
        begun[0] ^= _PARAMETERS
        # The last block of a text is another one with a seed behind it.
        whole = max(size - 1, 0) // _BLOCK * _BLOCK
        for at in range(0, whole, _BLOCK):
            _compress(begun, text, at, words, at + _BLOCK, NO)
        left = size - whole
        for i in range(left):
            last[i] = text[whole + i]
        cell_ids[cell] = _finished(state, begun, last, left, whole, words)
        for i in range(_SEED.size):
            last[left + i] = _SEED[i]
        left += _SEED.size
        for _ in range(sizes[cell]):
            n = put_digits(last, left, seeds[run], count_digits(seeds[run]))
            last[n] = _LINE_END
            ids[run] = _finished(state, begun, last, n + 1, whole, words)
            run += 1
