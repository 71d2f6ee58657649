"""What Python's libraries call a data set: a pair of arrays, a data frame, a Bunch, a TensorDataset.

They are known by what they have, not by their classes, so that none of the libraries is imported.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runner.data.arrays import Part
from runner.data.memory import MemoryData, remember
from runner.errors import DataError, Problem, nearest
from runner.terminal import listed

FRAME_KEYS = ("inputs", "targets")
"""What is said about a data frame beside it."""


def is_frame(value: object) -> bool:
    """Whether this is a data frame of pandas or Polars."""
    return hasattr(value, "columns") and hasattr(value, "to_numpy")


def is_data(value: object) -> bool:
    """Whether this is a data set in memory, rather than what a study file says about one.

    Any tuple that holds more than texts counts: what is wrong with it is told by `data_of`.
    """
    if isinstance(value, Mapping):
        return _is_bunch(value) or "frame" in value
    if isinstance(value, tuple):
        return not all(isinstance(item, str) for item in value)
    return is_frame(value) or hasattr(value, "tensors") or hasattr(value, "__array__")


def data_of(value: Any, inputs: object = None, targets: object = None) -> MemoryData:
    """Keep a data set.

    Parameters
    ----------
    value : object
        One of which `is_data` holds: a pair (inputs, targets) of arrays or lists, a data frame, a Bunch of scikit-learn
        (`data` and `target`), a TensorDataset of PyTorch with two tensors; or a mapping with a frame, `inputs` and
        `targets`.
    inputs, targets : str or list of str, optional
        Columns of a data frame; inputs are by default all but the targets.

    Raises
    ------
    DataError
        With everything that is wrong with it.
    """
    if isinstance(value, Mapping) and not _is_bunch(value):
        if strange := [key for key in value if key not in ("frame", *FRAME_KEYS)]:
            raise _error(f"expected frame, inputs and targets, found {strange[0]!r}")
        return data_of(value["frame"], value.get("inputs"), value.get("targets"))
    if is_frame(value):
        return _frame(value, inputs, targets)
    if isinstance(value, Mapping):
        pair: Any = (value["data"], value["target"])
    else:
        pair = getattr(value, "tensors", value)
    if not isinstance(pair, tuple) or len(pair) != 2:
        found = f"{len(pair)} of them" if isinstance(pair, tuple) else f"a {type(value).__name__} alone"
        raise _error(f"expected inputs and targets, as in data=(X, y), found {found}")
    return remember(_array(pair[0], "inputs"), _array(pair[1], "targets"))


def _is_bunch(value: Mapping[Any, Any]) -> bool:
    return "data" in value and "target" in value


def _frame(frame: Any, inputs: object, targets: object) -> MemoryData:
    """Columns of a data frame."""
    known = list(frame.columns)
    if targets is None:
        raise _error(f"targets: expected columns of the data frame, which has {_shown(known)}")
    wanted = {"targets": _names("targets", targets)}
    others = [name for name in known if name not in wanted["targets"]]
    wanted["inputs"] = others if inputs is None else _names("inputs", inputs)
    problems = []
    for key in FRAME_KEYS:
        for name in wanted[key]:
            if name not in known:
                hint = nearest(name, map(str, known)) or f"; the columns are {_shown(known)}"
                problems.append(Problem(f"{key}: there is no column {name!r}{hint}"))
            elif known.count(name) > 1:
                problems.append(Problem(f"{key}: the data frame has column {name!r} more than once"))
    if problems:
        raise DataError(problems)
    return remember(_columns(frame, wanted["inputs"]), _columns(frame, wanted["targets"], text=True))


def _columns(frame: Any, names: Sequence[Any], text: bool = False) -> NDArray[Any]:
    """Some columns side by side, as numbers; where `text` is allowed, also one of class labels."""
    parts, problems = [], []
    for name in names:
        try:
            parts.append(Part.of(f"column {name!r}", np.asarray(frame[name])))
            if parts[-1].is_text and not (text and len(names) == 1):
                raise ValueError(f"column {name!r} holds text; expected numbers")
        except ValueError as error:
            problems.append(Problem(str(error)))
    if problems or not parts:
        raise DataError(problems or [Problem("inputs: expected at least one column")])
    return np.stack([part.values for part in parts], axis=1)


def _names(key: str, value: Any) -> list[Any]:
    names = [value] if isinstance(value, str | int) else value
    if not isinstance(names, Sequence) and hasattr(names, "tolist"):
        names = names.tolist()
    if not isinstance(names, Sequence):
        raise _error(f"{key}: expected names of columns, found a {type(value).__name__}")
    return list(names)


def _array(value: Any, name: str) -> NDArray[Any]:
    """Whatever is like an array; tensors of PyTorch without their gradient."""
    if is_frame(value):
        return _columns(value, list(value.columns))
    if hasattr(value, "detach"):
        value = value.detach().cpu()
    try:
        return np.asarray(value)
    except (ValueError, TypeError) as error:
        raise _error(f"{name}: expected an array, found a {type(value).__name__} that is none ({error})") from None


def _shown(names: Sequence[object]) -> str:
    shown = [str(name) for name in names[:10]]
    return listed(shown) if len(shown) == len(names) else f"{', '.join(shown)}, ..."


def _error(message: str) -> DataError:
    return DataError([Problem(message)])
