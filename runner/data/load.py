"""From what a study says about its data to the arrays that a run trains on."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from runner.data import memory
from runner.data.datasets import DATASETS, Raw
from runner.data.files.binary import read_npz, read_parquet
from runner.data.files.file import check_file, digest, read_bytes
from runner.data.files.samples import MISSING_POLICIES, Samples, read_table
from runner.data.files.spec import FileData
from runner.data.memory import MemoryData
from runner.data.parameters import Entry, Floats
from runner.data.scaling import SCALINGS, Fitted, scale
from runner.data.targets import ENCODINGS, map_range, one_hot
from runner.errors import DataError, Problem, nearest
from runner.registry import Call, Registry

Range = tuple[float, float]
Data = Call | FileData | MemoryData
"""What a study says about its data: a named data set, a file, or data that a program had in memory."""
_READERS = {"csv": read_table, "npz": read_npz, "parquet": read_parquet}


@dataclass(frozen=True, eq=False)
class DataSet:
    """The samples of a run.

    Attributes
    ----------
    inputs : array of float64
        Shape (samples, inputs), C-contiguous, read-only, scaled.
    targets : array of float64
        Shape (samples, outputs), C-contiguous, read-only, encoded and mapped.
    one_hot : bool
        Whether the targets are classes with one output each, so that accuracy goes by the largest output.
    middle : float
        Accuracy otherwise: an output is right when it is on its target's side of this.
    """

    inputs: Floats
    targets: Floats
    one_hot: bool
    middle: float


@dataclass(frozen=True)
class _Source:
    """A file as it was when it was looked at: part of what the caches go by."""

    path: Path
    modified: int
    size: int


def load_data(
    data: Data,
    scaling: Call = Call("none"),  # noqa: B008 - frozen
    missing: str = "error",
    target_encoding: str = "none",
    target_range: Range | None = None,
    base: Path = Path(),
) -> DataSet:
    """Inputs and targets, scaled, encoded and mapped.

    Parameters
    ----------
    data : Call, FileData or MemoryData
        A named data set, columns of a file, or data from memory.
    scaling : Call
        Of the inputs, column by column.
    missing : str
        What a value of a file or array that is no finite number does: `error`, `drop` (its sample) or `keep` (as NaN).
    target_encoding : str
        `none`, or `one_hot`: the one target column holds class labels, text or numbers.
    target_range : (float, float), optional
        Where the smallest and the largest target go.
    base : Path
        Where relative paths of files start: the folder of the study.

    Returns
    -------
    DataSet
        The same object for the same arguments, as long as the file does not change.

    Raises
    ------
    DataError
        With every problem that can be told at once.
    """
    problems = _argument_problems(data, scaling, missing, target_encoding, target_range)
    if problems:
        raise DataError([Problem(message) for message in problems])
    if isinstance(data, Call):
        return _load(data, scaling, "error", target_encoding, target_range, None)
    if isinstance(data, MemoryData):
        memory.load(data, base)  # from now on it is in this process
        return _load(data, scaling, missing, target_encoding, target_range, None)
    return _load(data, scaling, missing, target_encoding, target_range, _source(data, base))


def load_raw(data: Data, missing: str = "error", target_encoding: str = "none", base: Path = Path()) -> Samples:
    """Inputs and targets before they are scaled, encoded and mapped; arguments and errors as of `load_data`."""
    labelled = target_encoding == "one_hot" and not isinstance(data, Call)
    if isinstance(data, MemoryData):
        memory.load(data, base)
    return _raw(
        data,
        "error" if isinstance(data, Call) else missing,
        labelled,
        _source(data, base) if isinstance(data, FileData) else None,
    )


def fingerprint(data: FileData, base: Path = Path()) -> FileData:
    """The same data with the hash of the file as it is now; DataError when the study names another."""
    found = _fingerprint(data.path, _source(data, base))
    _check_digest(data, found)
    return dataclasses.replace(data, sha256=found)


@lru_cache(maxsize=64)
def _fingerprint(shown: str, source: _Source) -> str:
    return digest(read_bytes(source.path, shown))


def _source(data: FileData, base: Path) -> _Source:
    path = (base / data.path).absolute()
    status = check_file(path, data.path)
    return _Source(path, status.st_mtime_ns, status.st_size)


def _check_digest(data: FileData, found: str) -> None:
    if data.sha256 not in ("", found):
        message = f"data: the sha256 of {data.path!r} starts with {found}, and the study expects {data.sha256}"
        raise DataError([Problem(message)])


def _argument_problems(
    data: Data, scaling: Call, missing: str, target_encoding: str, target_range: Range | None
) -> list[str]:
    """What is wrong with the arguments, before any data is looked at."""
    problems = [_call_problem("data", DATASETS, data)] if isinstance(data, Call) else []
    problems.append(_call_problem("scaling", SCALINGS, scaling))
    problems.append(_choice_problem("missing", missing, MISSING_POLICIES))
    problems.append(_choice_problem("target_encoding", target_encoding, ENCODINGS))
    if target_range is not None:
        low, high = target_range
        if not (math.isfinite(low) and math.isfinite(high) and low < high):
            problems.append(f"target_range must be [lo, hi] with lo < hi, found [{low:g}, {high:g}]")
    return [problem for problem in problems if problem]


def _call_problem(key: str, registry: Registry[Entry[Raw]] | Registry[Entry[Fitted]], call: Call) -> str:
    try:
        registry.find(call.name).bind(call.args)
    except ValueError as error:
        return f"{key}: {error}"
    return ""


def _choice_problem(key: str, value: str, choices: tuple[str, ...]) -> str:
    if value in choices:
        return ""
    return f"{key} must be one of {', '.join(choices)}, found {value!r}{nearest(value, choices)}"


@lru_cache(maxsize=16)
def _raw(data: Data, missing: str, labelled: bool, source: _Source | None) -> Samples:
    """Inputs and targets before scaling and encoding; shared by runs that differ in those only."""
    if isinstance(data, Call):
        entry = DATASETS.find(data.name)
        return Samples(*entry.function(*entry.bind(data.args)))
    if isinstance(data, MemoryData):
        return memory.samples(data, missing, labelled)
    assert source is not None, "data from a file come with their file"
    content = read_bytes(source.path, data.path)
    _check_digest(data, digest(content))
    return _READERS[data.form](data, content, missing, labelled)


@lru_cache(maxsize=256)
def _load(
    data: Data,
    scaling: Call,
    missing: str,
    target_encoding: str,
    target_range: Range | None,
    source: _Source | None,
) -> DataSet:
    encode = target_encoding == "one_hot"
    if encode and isinstance(data, FileData) and len(data.targets) > 1:
        message = f"target_encoding: one_hot takes one target column, found {len(data.targets)}"
        raise DataError([Problem(message)])
    raw_inputs, raw_targets, _ = _raw(data, missing, encode and not isinstance(data, Call), source)
    inputs = scale(raw_inputs, scaling)
    if np.isfinite(raw_inputs).all() and not np.isfinite(inputs).all():
        raise DataError([Problem(f"scaling: {scaling} makes an input too large for a number")])
    try:
        targets = one_hot(raw_targets) if encode else raw_targets
        targets, middle = map_range(targets, target_range)
    except ValueError as error:
        raise DataError([Problem(str(error))]) from None
    return DataSet(_frozen(inputs), _frozen(targets), encode, middle)


def _frozen(array: Floats) -> Floats:
    """A read-only, C-contiguous copy, so that the cached raw arrays stay out of reach."""
    copy = np.array(array, dtype=np.float64, order="C")
    copy.setflags(write=False)
    return copy
