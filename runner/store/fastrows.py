"""Many rows at once, by the compiled kernel: the same bytes as `rowtext` makes of them."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from runner.columns import MISSING_BITS
from runner.kernels import text as kernels
from runner.kernels.cache import enable
from runner.kernels.decimals import powers_of_ten
from runner.store.header import Header, Indices, Records

if TYPE_CHECKING:
    from runner.store.rowtext import Starts

_CODES = {"float": kernels.FLOAT, "int": kernels.INT, "bool": kernels.BOOL}


def write(header: Header, starts: Starts, numbers: Records) -> tuple[bytes, Indices]:
    """Rows, and where each one ends; Python's lock is free meanwhile.

    Parameters
    ----------
    header : Header
        Tells the columns.
    starts : Starts
        What stands before the measurements.
    numbers : array of float, shape (n, number of measurements)
    """
    _keep_compiled()
    keys, outcomes = _pieces(starts.keys), _pieces([f",{name}" for name in header.outcomes])
    which = np.repeat(np.arange(len(starts.keys)), starts.sizes)
    names = kernels.Names(starts.ids, keys, which, starts.seeds, outcomes, starts.codes)
    numbers = np.ascontiguousarray(numbers, np.float64)
    kinds = np.array([_CODES[kind] for _, kind in header.measurements], np.int64)
    measured = kernels.Measurements(
        numbers, numbers.view(np.uint64), kinds, np.uint64(MISSING_BITS), powers_of_ten()
    )
    longest = int(np.diff(outcomes.starts).max()) + kernels.MOST_NAME + kernels.MOST_BYTES * len(kinds)
    room = len(numbers) * longest + int(np.diff(keys.starts) @ starts.sizes)
    out, ends = np.empty(room, np.uint8), np.empty(len(numbers), np.int64)
    kernels.write_rows(names, measured, out, ends)
    return out[: ends[-1]].tobytes(), ends


def _pieces(texts: list[str]) -> kernels.Pieces:
    """Texts for the kernel to choose from."""
    data = [text.encode() for text in texts]
    starts = np.zeros(len(data) + 1, np.int64)
    np.cumsum([len(piece) for piece in data], out=starts[1:])
    return kernels.Pieces(np.frombuffer(b"".join(data), np.uint8), starts)


@cache
def _keep_compiled() -> None:
    """Load the kernel from the disk cache, or keep it there; where that fails, training has said so already."""
    enable(kernels.write_rows, tell=lambda reason: None)
