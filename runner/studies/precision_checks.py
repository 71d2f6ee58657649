"""Which values lose their meaning in single precision: they are judged by what they are when a run is trained.

A number of a study is one of double precision. In float32 it is rounded to 24 bits: 0.99999999 becomes 1, where adam
divides by 1 - beta2, and 1e-300 becomes 0. PyTorch keeps such settings in double precision, whatever that of the
weights is; here they are refused, with the reason. A learning rate, a weight decay or an initial weight beyond float32
is infinite in it, as it would be in any program, and its run diverges.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping

import numpy as np

from runner.data import DataSet
from runner.ops import OPTIMIZERS, SETTINGS

LARGEST = float(np.finfo(np.float32).max)
_BELOW_ONE = float(np.nextafter(np.float32(1), np.float32(0)))


def single(value: float) -> float:
    """A number as float32 has it."""
    try:
        number: float = struct.unpack("f", struct.pack("f", value))[0]
    except OverflowError:
        return math.copysign(math.inf, value)
    return number


def lost_setting(name: str, value: float | None) -> str:
    """What becomes of an optimizer's setting in float32, if it is no longer one of its values; else an empty text.

    Parameters
    ----------
    name : str
        Of the setting.
    value : float or None
        None where the study does not give it; defaults are the same in float32, or almost.
    """
    if value is None:
        return ""
    setting, used = SETTINGS[name], single(value)
    if math.isinf(used):
        return f"{value!r} is infinite in float32, which goes up to {LARGEST:.2g}"
    if used == setting.high and not setting.high_included:
        return f"{value!r} is {used:g} in float32, whose largest number below {used:g} is {_BELOW_ONE!r}"
    if used == 0 != value:
        return f"{value!r} is 0 in float32"
    return ""


def setting_message(name: str, lost: str, optimizer: str, precision: str) -> str:
    """What is wrong with a setting in the cells of an optimizer and a precision."""
    if not lost or precision != "float32" or name not in OPTIMIZERS[optimizer].settings:
        return ""
    return f"{lost}; give another value, or precision: float64"


def lost_limits(criterion: Mapping[str, float] | tuple[tuple[str, float], ...] | None) -> tuple[tuple[str, float], ...]:
    """The limits of a criterion that are 0 in float32, below which nothing is; they are not 0 in the study."""
    return tuple((name, limit) for name, limit in dict(criterion or ()).items() if single(limit) == 0 != limit)


def criterion_message(lost: tuple[tuple[str, float], ...], precision: str) -> str:
    """What is wrong with a criterion in the cells of a precision."""
    if not lost or precision != "float32":
        return ""
    name, limit = lost[0]
    return f"{name} {limit!r} is 0 in float32, and no run could meet it; give another limit, or precision: float64"


def data_message(precision: str, data: DataSet, name: str) -> str:
    """What is wrong with a precision for some data: missing numbers and infinite ones stand in it as they are."""
    if precision == "float32":
        for what, array in (("an input", data.inputs), ("a target", data.targets)):
            largest = float(np.abs(array[np.isfinite(array)]).max(initial=0.0))
            if math.isinf(single(largest)):
                return f"float32 goes up to {LARGEST:.2g}; {what} of {name} is {largest:g}"
    return ""
