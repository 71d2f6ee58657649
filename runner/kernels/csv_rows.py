"""Numbers and rows as the bytes of a CSV file: what Python's `repr` and `str` write, without the interpreter's lock.

A function `put_...` or `_put_...` writes at index `at` of `out` (uint8) and returns the index after what it wrote.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from runner.kernels.decimals import HIDDEN_BIT, LEAST_Q, shortest
from runner.kernels.lanes.entry import entry
from runner.kernels.lanes.functions import kernel
from runner.kernels.lanes.operations import pointer

# Kinds of measurements.
FLOAT, INT, BOOL = np.int64(0), np.int64(1), np.int64(2)
# Most bytes of a measurement with the comma before it; the longest is a float such as -1.2345678901234567e-308.
MOST_BYTES = 25
# Most decimal digits of a 64-bit integer.
MOST_INTEGER = 20
# Most bytes of run_id, cell_id, seed, commas and line end.
MOST_NAME = 16 + 1 + 16 + 1 + MOST_INTEGER + 1

_COMMA, _LINE_END, _MINUS, _PLUS, _POINT, _E, _ZERO = (np.uint8(ord(sign)) for sign in ",\n-+.e0")
_HEX = np.frombuffer(b"0123456789abcdef", np.uint8)
_NAN, _INF, _TRUE, _FALSE = (np.frombuffer(word, np.uint8) for word in (b"nan", b"inf", b"True", b"False"))
_10, _15, _52, _63, _100 = (np.uint64(n) for n in (10, 15, 52, 63, 100))
_PAIRS = np.frombuffer("".join(f"{n:02}" for n in range(100)).encode(), np.uint8)
_TENS = np.array([10**n for n in range(20)], np.uint64)
_FRACTION, _EXPONENT = np.uint64((1 << 52) - 1), np.uint64(0x7FF)


class Pieces(NamedTuple):
    """Texts for the rows to choose from, one after the other.

    Attributes
    ----------
    data : uint8 array
        All of them.
    starts : int64 array (pieces + 1,)
        Where each one starts in `data`, and where the last one ends.
    """

    data: Any
    starts: Any


class Joined(NamedTuple):
    """Texts that are put together from pieces, such as one for each key.

    Attributes
    ----------
    pieces : Pieces
    which : int64 array (texts, parts)
        The numbers of the pieces of each text, in their order.
    """

    pieces: Any
    which: Any


@kernel
def _copy(out: Any, at: int, data: Any, first: int, end: int) -> Any:
    """Copy data[first:end] to `out` from `at` on; returns the index after it."""
    for i in range(first, end):
        out[at + i - first] = data[i]
    return at + end - first


@kernel
def put_joined(out: Any, at: int, joined: Any, text: int) -> Any:
    """Write one text of a `Joined`."""
    data, starts = pointer(joined.pieces.data), joined.pieces.starts
    for part in range(joined.which.shape[1]):
        piece = joined.which[text, part]
        at = _copy(out, at, data, starts[piece], starts[piece + 1])
    return at


@kernel
def count_digits(number: Any) -> Any:
    """How many decimal digits a uint64 has."""
    # Most numbers that are measured have sixteen or seventeen.
    n = 16 if number >= _TENS[15] else 1
    while n < MOST_INTEGER and number >= _TENS[n]:
        n += 1
    return n


@kernel
def put_digits(out: Any, at: int, number: Any, n: int) -> Any:
    """Write the last n decimal digits of a uint64."""
    i = at + n
    # Two digits at a time: each division waits for the one before.
    while i - at >= 2:
        rest = number // _100
        pair = 2 * np.int64(number - rest * _100)
        i -= 2
        out[i], out[i + 1] = _PAIRS[pair], _PAIRS[pair + 1]
        number = rest
    if i > at:
        out[at] = _ZERO + np.uint8(number - number // _10 * _10)
    return at + n


@kernel
def _fill(out: Any, at: int, byte: Any, n: int) -> Any:
    """Write a byte n times; returns the index after them."""
    for i in range(at, at + n):
        out[i] = byte
    return at + n


@kernel
def _put_hex(out: Any, at: int, number: Any) -> Any:
    """Write a uint64 as 16 hexadecimal digits."""
    for digit in range(16):
        out[at + digit] = _HEX[(number >> np.uint64(60 - 4 * digit)) & _15]
    return at + 16


@kernel
def _put_decimal(out: Any, at: int, digits: Any, n: int, point: int) -> Any:
    """Write 0.DIGITS * 10^point, with n digits, as `repr` does: with an exponent below 0.0001 and from 10^16 on."""
    if -4 < point <= 0:
        at = _fill(out, at, _ZERO, 1)
        at = _fill(out, at, _POINT, 1)
        at = _fill(out, at, _ZERO, -point)
        return put_digits(out, at, digits, n)
    if n <= point <= 16:
        at = put_digits(out, at, digits, n)
        at = _fill(out, at, _ZERO, point - n)
        at = _fill(out, at, _POINT, 1)
        return _fill(out, at, _ZERO, 1)
    before = point if 0 < point <= 16 else 1
    end = put_digits(out, at + 1, digits, n)
    _copy(out, at, out, at + 1, at + 1 + before)
    out[at + before] = _POINT
    if 0 < point <= 16:
        return end
    at = end if n > 1 else at + 1
    exponent = point - 1
    at = _fill(out, at, _E, 1)
    at = _fill(out, at, _MINUS if exponent < 0 else _PLUS, 1)
    size = np.uint64(abs(exponent))
    return put_digits(out, at, size, max(count_digits(size), 2))


@kernel
def put_float(out: Any, at: int, bits: Any, powers: Any) -> Any:
    """Write a float64, given by its bits, as `repr` does.

    Parameters
    ----------
    out : uint8 array, filled in from `at` on
    bits : uint64
    powers : uint64 array
        `decimals.powers_of_ten()`.

    Returns
    -------
    int
        The index after it.
    """
    q, fraction = np.int64((bits >> _52) & _EXPONENT), bits & _FRACTION
    if q == 0x7FF and fraction != 0:
        return _copy(out, at, _NAN, 0, 3)
    if bits >> _63 != 0:
        at = _fill(out, at, _MINUS, 1)
    if q == 0x7FF:
        return _copy(out, at, _INF, 0, 3)
    if q == 0 and fraction == 0:
        return _put_decimal(out, at, fraction, 1, 1)
    if q > 0:
        digits, k = shortest(fraction | HIDDEN_BIT, q - 1 + LEAST_Q, powers)
    else:
        digits, k = shortest(fraction, np.int64(LEAST_Q), powers)
    shorter = digits // _10
    while shorter * _10 == digits:
        digits, k = shorter, k + 1
        shorter = digits // _10
    n = count_digits(digits)
    return _put_decimal(out, at, digits, n, n + k)


@kernel
def _put_measurement(out: Any, at: int, bits: Any, number: Any, kind: int, powers: Any) -> Any:
    """Write a measurement, given as bits and as float64, as a value of its kind."""
    if kind == FLOAT:
        return put_float(out, at, bits, powers)
    if kind == BOOL:
        return _copy(out, at, _TRUE, 0, 4) if number != 0.0 else _copy(out, at, _FALSE, 0, 5)
    whole = np.int64(number) if abs(number) < 9.2e18 else np.int64(0)
    if whole < 0:
        at = _fill(out, at, _MINUS, 1)
    size = np.uint64(abs(whole))
    return put_digits(out, at, size, count_digits(size))


class Names(NamedTuple):
    """The start of n rows, up to their measurements.

    Attributes
    ----------
    ids : uint64 array (n,)
        run_id, written as 16 hexadecimal digits, as the ids of cells are.
    cell_ids : uint64 array (cells,)
    keys : Joined
        Of each cell, the fields of its keys, with a comma after each.
    sizes : int64 array (cells,)
        How many rows in succession belong to each cell.
    seeds : uint64 array (n,)
    outcomes : Pieces
        Outcomes, each with a comma before it.
    codes : int64 array (n,)
        Number of each row's text in `outcomes`.
    """

    ids: Any
    cell_ids: Any
    keys: Any
    sizes: Any
    seeds: Any
    outcomes: Any
    codes: Any


class Measurements(NamedTuple):
    """The fields of n rows after the outcome.

    Attributes
    ----------
    numbers : float64 array (n, columns)
    bits : uint64 array (n, columns)
        A view of `numbers`.
    kinds : int64 array (columns,)
        FLOAT, INT or BOOL.
    missing : uint64
        The bits of a number that was not measured: its field is empty.
    powers : uint64 array
        `decimals.powers_of_ten()`.
    """

    numbers: Any
    bits: Any
    kinds: Any
    missing: Any
    powers: Any


@entry
def write_rows(names: Any, measured: Any, out: Any, ends: Any) -> None:
    """Write n rows of a CSV file into memory.

    Parameters
    ----------
    names : Names
    measured : Measurements
    out : uint8 array, filled in
        The caller makes it long enough for all rows, by MOST_NAME and MOST_BYTES: nothing is checked here.
    ends : int64 array (n,), filled in
        The index after each row and its line end.
    """
    # As pointers, arrays have no negative indices: no byte needs a look at its index first.
    text, outcomes = pointer(out), pointer(names.outcomes.data)
    at = row = 0
    for cell in range(names.sizes.size):
        common, size = 0, 0
        for _ in range(names.sizes[cell]):
            at = _fill(text, _put_hex(text, at, names.ids[row]), _COMMA, 1)
            if size == 0:
                common = at
                at = _fill(text, _put_hex(text, at, names.cell_ids[cell]), _COMMA, 1)
                at = put_joined(text, at, names.keys, cell)
                size = at - common
            else:
                at = _copy(text, at, text, common, common + size)
            at = put_digits(text, at, names.seeds[row], count_digits(names.seeds[row]))
            code = names.codes[row]
            at = _copy(text, at, outcomes, names.outcomes.starts[code], names.outcomes.starts[code + 1])
            for column in range(measured.kinds.size):
                at = _fill(text, at, _COMMA, 1)
                bits = measured.bits[row, column]
                if bits != measured.missing:
                    number, kind = measured.numbers[row, column], measured.kinds[column]
                    at = _put_measurement(text, at, bits, number, kind, measured.powers)
            at = _fill(text, at, _LINE_END, 1)
            ends[row] = at
            row += 1
