"""Data that a program has in memory: named by their content, kept in this process and beside the results.

`memory:0123456789abcdef` names inputs and targets by the first 16 hexadecimal digits of their SHA-256, so a changed
array is another data set, and wherever a file of that name is found, it can hold nothing else. The arrays are looked
for in this process, then as `data/0123456789abcdef.npz` in the folder of the study and in those of `look_in`.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runner.data.arrays import Part, samples_of
from runner.data.files.binary import DAMAGE
from runner.data.files.file import read_bytes
from runner.data.files.problems import FileProblems
from runner.data.files.samples import Samples
from runner.errors import DataError, Problem

PREFIX = "memory:"
_TEXT = re.compile(r"memory:[0-9a-f]{16}")
_known: dict[MemoryData, tuple[Part, Part]] = {}
_places: dict[Path, None] = {}


@dataclass(frozen=True)
class MemoryData:
    """Data from memory.

    Attributes
    ----------
    sha256 : str
        First 16 hexadecimal digits of the hash of inputs and targets.
    """

    sha256: str

    def __str__(self) -> str:
        return f"{PREFIX}{self.sha256}"

    @property
    def file(self) -> str:
        """Where the data stand, from the folder of a study or of its results."""
        return f"data/{self.sha256}.npz"


def parse(text: str) -> MemoryData:
    """What `memory:0123456789abcdef` names; ValueError when it is no such name."""
    if not _TEXT.fullmatch(text):
        raise ValueError(f"expected memory: and 16 hexadecimal digits, found {text!r}")
    return MemoryData(text.removeprefix(PREFIX))


def remember(inputs: NDArray[Any], targets: NDArray[Any]) -> MemoryData:
    """Keep a copy of a data set.

    Parameters
    ----------
    inputs : array (samples, inputs) or (samples,)
        Of numbers.
    targets : array (samples, targets) or (samples,)
        Of numbers, or class labels that are texts.

    Raises
    ------
    DataError
        With what is wrong with them.
    """
    problems = FileProblems("")
    parts = []
    for name, raw in (("inputs", inputs), ("targets", targets)):
        try:
            part = Part.of(name, raw)
            parts.append(Part(name, part.table))
        except ValueError as error:
            problems.add(str(error))
    problems.raise_any()
    data = MemoryData(_digest(*parts))
    _known.setdefault(data, (parts[0], parts[1]))
    return data


def _digest(inputs: Part, targets: Part) -> str:
    """The hash of shapes and values; of numbers as little-endian float64, every NaN as the same."""
    found = hashlib.sha256()
    for part in (inputs, targets):
        found.update(json.dumps([*part.table.shape, part.is_text]).encode())
        if part.is_text:
            found.update(json.dumps(part.values.ravel().tolist()).encode())
        else:
            numbers = np.where(np.isnan(part.values), np.nan, part.values)
            found.update(np.ascontiguousarray(numbers, "<f8").tobytes())
    return found.hexdigest()[:16]


def look_in(folder: Path) -> None:
    """Look for data in this folder from now on, such as one of results."""
    _places.setdefault(folder.absolute())


def load(data: MemoryData, base: Path | None = None) -> tuple[Part, Part]:
    """Inputs and targets, looked for where they may be.

    Raises
    ------
    DataError
        When they are nowhere, or what is there is something else.
    """
    if data in _known:
        return _known[data]
    places = [*([] if base is None else [base.absolute()]), *_places]
    for place in places:
        path = place / data.file
        if os.path.isfile(path):
            _known[data] = _read(data, path)
            return _known[data]
    looked = f" nor in {' or '.join(str(place / 'data') for place in places)}" if places else ""
    raise DataError([Problem(f"data: {data} is not in this process{looked}: give the arrays again")])


def _read(data: MemoryData, path: Path) -> tuple[Part, Part]:
    """The inputs and targets of a file, which are what its name says."""
    wrong = DataError([Problem(f"data: {str(path)!r} does not hold what its name says (changed or damaged?)")])
    try:
        with np.load(io.BytesIO(read_bytes(path, str(path))), allow_pickle=False) as archive:
            parts = Part.of("inputs", archive["inputs"]), Part.of("targets", archive["targets"])
    except DAMAGE:
        raise wrong from None
    if _digest(*parts) != data.sha256:
        raise wrong
    return parts


def content_of(data: MemoryData) -> bytes:
    """The file of a data set, an npz file with `inputs` and `targets`."""
    inputs, targets = (part.values for part in load(data))
    if targets.dtype == object:
        targets = np.array(["" if text is None else text for text in targets.ravel()], np.str_).reshape(targets.shape)
    stream = io.BytesIO()
    np.savez_compressed(stream, inputs=inputs, targets=targets)
    return stream.getvalue()


def samples(data: MemoryData, missing: str, labelled: bool) -> Samples:
    """Inputs and targets as a study asks for them; see `samples_of`."""
    inputs, targets = load(data)
    return samples_of([inputs], [targets], missing, labelled, FileProblems(""))
