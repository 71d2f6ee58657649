"""From what a study says about its data to the arrays that a run trains on."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from runner.data import memory
from runner.data.datasets import DATASETS, Raw
from runner.data.files.binary import read_npz, read_parquet
from runner.data.files.file import check_file, digest, read_bytes
from runner.data.files.samples import MISSING_POLICIES, Samples, read_table
from runner.data.files.spec import FileData
from runner.data.held_out import HeldOut, KFold, file_of_test, held_out
from runner.data.label_noise import check_labels, with_wrong_labels
from runner.data.memory import MemoryData
from runner.data.parameters import Entry, Floats
from runner.data.scaling import SCALINGS, Fitted, apply, fit
from runner.data.targets import ENCODINGS, classes_of, map_range, one_hot, span
from runner.errors import DataError, Problem, nearest
from runner.registry import Argument, Call, Registry, shortest
from runner.terminal import counted

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
    test : DataSet or None
        The samples that are held out, scaled, encoded and mapped as these are.
    division : Division or None
        What made it of more samples, where the seed of a run decides which of them are held out.
    label_noise : float or None
        The probability with which a run is trained with a wrong label of a sample. The targets here are right.
    """

    inputs: Floats
    targets: Floats
    one_hot: bool
    middle: float
    test: DataSet | None = None
    division: Division | None = None
    label_noise: float | None = None

    @property
    def depends_on_seed(self) -> bool:
        """Whether runs with different seeds have different samples."""
        return self.division is not None or self.label_noise is not None

    def of_seed(self, seed: int) -> DataSet:
        """That of the runs with a seed; the same for all seeds unless there is a division, or noise in the labels."""
        divided = self if self.division is None else self.division.data_set(seed)
        if self.label_noise is None:
            return divided
        return (_mislabelled if divided.inputs.size <= _SMALL else _mislabelled.__wrapped__)(
            divided, self.label_noise, seed
        )


@dataclass(frozen=True, eq=False)
class Division:
    """Samples that are divided into those to train on and those that are held out.

    Attributes
    ----------
    samples : Samples
        All of them, as they stand in the data.
    scaling, target_encoding, target_range, test, fold, split_seed
        Keys of the run.
    """

    samples: Samples
    scaling: Call
    target_encoding: str
    target_range: Range | None
    test: HeldOut
    fold: int | None
    split_seed: int | None

    def parts(self, seed: int) -> tuple[Samples, Samples]:
        """The samples to train on and those held out, for a seed of a run; DataError where one would be empty."""
        assert not isinstance(self.test, FileData), "a file is not drawn from the samples"
        seed = seed if self.split_seed is None else self.split_seed
        out = held_out(self.samples.targets, self.test, self.fold, seed, self.target_encoding == "one_hot")
        inputs, targets, labels = self.samples
        return Samples(inputs[~out], targets[~out], labels), Samples(inputs[out], targets[out], labels)

    def data_set(self, seed: int) -> DataSet:
        """What a run with this seed trains on, and what it is tested with."""
        size = self.samples.inputs.size + self.samples.targets.size
        return (_divided if size <= _SMALL else _divided.__wrapped__)(self, seed)


# Numbers of a data set, at most, whose divisions are kept: at most 100 MB of them, those of larger ones are made again.
_SMALL, _KEPT = 1 << 12, 2048


@dataclass(frozen=True)
class _Source:
    """A file as it was when it was looked at: part of what the caches go by."""

    path: Path
    modified: int
    size: int


_Origin = _Source | str
"""What tells apart what one name stands for at different times: a file as it is, or the hash of a piece."""


def load_data(
    data: Data,
    scaling: Call = Call("none"),  # noqa: B008 - frozen
    missing: str = "error",
    target_encoding: str = "none",
    target_range: Range | None = None,
    test: HeldOut | None = None,
    fold: int | None = None,
    split_seed: int | None = None,
    label_noise: float | None = None,
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
    test : HeldOutFraction, KFold or FileData, optional
        Which samples are held out, of these or in a file of their own. Scaling and range are then found from the
        others alone.
    fold : int, optional
        Which of k folds is held out.
    split_seed : int, optional
        Of the division; None for one by the seed of each run, of which this is the one of seed 0.
    label_noise : float, optional
        The probability of a wrong label in training; `DataSet.of_seed` has them.
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
    if isinstance(data, MemoryData):
        memory.load(data, base)  # from now on it is in this process
    source = _origin(data, base)
    keys = scaling, "error" if isinstance(data, Call) else missing, target_encoding, target_range
    if test is None:
        found = _load(data, *keys, source)
    elif isinstance(test, FileData):
        file = file_of_test(test, data)
        with _about_test():
            test_source = _source(file, base)
        found = _load_tested(data, *keys, source, file, test_source)
    else:
        found = _load_divided(data, *keys, source, test, fold if isinstance(test, KFold) else None, split_seed)
    return found if label_noise is None else _with_label_noise(found, label_noise)


def load_raw(data: Data, missing: str = "error", target_encoding: str = "none", base: Path = Path()) -> Samples:
    """Inputs and targets before they are scaled, encoded and mapped; arguments and errors as of `load_data`."""
    labelled = target_encoding == "one_hot" and not isinstance(data, Call)
    if isinstance(data, MemoryData):
        memory.load(data, base)
    return _raw(
        data,
        "error" if isinstance(data, Call) else missing,
        labelled,
        _origin(data, base),
    )


def fingerprint(data: FileData, base: Path = Path()) -> FileData:
    """The same data with the hash of the file as it is now; DataError when the study names another."""
    found = _fingerprint(data.path, _source(data, base))
    _check_digest(data, found)
    return replace(data, sha256=found)


@lru_cache(maxsize=64)
def _fingerprint(shown: str, source: _Source) -> str:
    return digest(read_bytes(source.path, shown))


def _origin(data: Data, base: Path) -> _Origin:
    if isinstance(data, FileData):
        return _source(data, base)
    return DATASETS[data.name].source if isinstance(data, Call) else ""


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
def _raw(data: Data, missing: str, labelled: bool, source: _Origin) -> Samples:
    """Inputs and targets before scaling and encoding; shared by runs that differ in those only."""
    if isinstance(data, Call):
        entry = DATASETS.find(data.name)
        args = entry.bind(data.args)
        return _own_samples(entry, args) if entry.source else Samples(*entry.function(*args))
    if isinstance(data, MemoryData):
        return memory.samples(data, missing, labelled)
    assert isinstance(source, _Source), "data from a file come with their file"
    content = read_bytes(source.path, data.path)
    _check_digest(data, digest(content))
    return _READERS[data.form](data, content, missing, labelled)


def _own_samples(entry: Entry[Raw], args: tuple[Argument, ...]) -> Samples:
    """What a data set of a user's own gives, looked at: it may be anything."""

    def wrong(message: str) -> DataError:
        return DataError([Problem(f"data: {Call(entry.name, args)}: {message}")])

    try:
        inputs, targets = (np.array(part, np.float64) for part in entry.function(*args))
    except Exception as error:
        raise wrong(f"{type(error).__name__}: {error}".rstrip(": ")) from None
    targets = targets[:, None] if targets.ndim == 1 else targets
    for what, array in (("inputs", inputs), ("targets", targets)):
        if array.ndim != 2 or not array.size:
            raise wrong(f"expected its {what} as an array (samples, {what}), found one of the shape {array.shape}")
        if not np.isfinite(array).all():
            raise wrong(f"expected finite numbers as its {what}")
    if len(inputs) != len(targets):
        raise wrong(f"it has {counted(len(inputs), 'row')} of inputs, and {len(targets):,} of targets")
    return Samples(inputs, targets)


@lru_cache(maxsize=256)
def _load(
    data: Data, scaling: Call, missing: str, target_encoding: str, target_range: Range | None, source: _Origin
) -> DataSet:
    samples = _encodable(data, missing, target_encoding, source)
    return _prepared(samples, scaling, target_encoding, target_range)


@lru_cache(maxsize=256)
def _load_divided(
    data: Data,
    scaling: Call,
    missing: str,
    target_encoding: str,
    target_range: Range | None,
    source: _Origin,
    test: HeldOut,
    fold: int | None,
    split_seed: int | None,
) -> DataSet:
    samples = _encodable(data, missing, target_encoding, source)
    division = Division(samples, scaling, target_encoding, target_range, test, fold, split_seed)
    return division.data_set(0)


@lru_cache(maxsize=64)
def _load_tested(
    data: Data,
    scaling: Call,
    missing: str,
    target_encoding: str,
    target_range: Range | None,
    source: _Origin,
    test: FileData,
    test_source: _Source,
) -> DataSet:
    samples = _encodable(data, missing, target_encoding, source)
    with _about_test():
        tested = _encodable(test, missing, target_encoding, test_source)
    for what, ours, theirs in zip(("input", "target"), samples[:2], tested[:2], strict=True):
        if theirs.shape[1] != ours.shape[1]:
            columns = counted(theirs.shape[1], what)
            raise DataError([Problem(f"test: {test.path!r} has {columns}, and data has {ours.shape[1]}")])
    if target_encoding == "one_hot":
        tested = _in_classes_of(samples, tested, test.path)
    return _prepared(samples, scaling, target_encoding, target_range, tested)


@lru_cache(maxsize=256)
def _with_label_noise(data_set: DataSet, probability: float) -> DataSet:
    check_labels(data_set.targets)
    return replace(data_set, label_noise=probability)


@lru_cache(maxsize=_KEPT)
def _mislabelled(data_set: DataSet, probability: float, seed: int) -> DataSet:
    """What a run with a seed is trained on, with wrong labels."""
    targets = _frozen(with_wrong_labels(data_set.targets, probability, seed))
    return replace(data_set, targets=targets, label_noise=None)


@lru_cache(maxsize=_KEPT)
def _divided(division: Division, seed: int) -> DataSet:
    """What is made of a division for a seed."""
    training, test = division.parts(seed)
    by_seed = division if division.split_seed is None else None
    keys = division.scaling, division.target_encoding, division.target_range
    return _prepared(training, *keys, test, division.samples.targets, by_seed)


def _encodable(data: Data, missing: str, target_encoding: str, source: _Origin) -> Samples:
    """Samples as they stand in the data."""
    encode = target_encoding == "one_hot"
    if encode and isinstance(data, FileData) and len(data.targets) > 1:
        message = f"target_encoding: one_hot takes one target column, found {len(data.targets)}"
        raise DataError([Problem(message)])
    return _raw(data, missing, encode and not isinstance(data, Call), source)


def _in_classes_of(samples: Samples, tested: Samples, path: str) -> Samples:
    """Samples of a second file, their labels numbered as in the first one."""
    names: Sequence[str] = samples.labels or [shortest(each) for each in classes_of(samples.targets).tolist()]
    codes = dict(zip(names, range(len(names)) if samples.labels else classes_of(samples.targets).tolist(), strict=True))
    found = [
        "" if math.isnan(code) else tested.labels[int(code)] if tested.labels else shortest(code)
        for code in tested.targets[:, 0].tolist()
    ]
    if unknown := next((label for label in found if label and label not in codes), None):
        message = f"test: {path!r} has samples of class {unknown!r}, which data has not{nearest(unknown, names)}"
        raise DataError([Problem(message)])
    targets = np.array([[float(codes.get(label, math.nan))] for label in found])
    return Samples(tested.inputs, targets, samples.labels)


def _prepared(
    samples: Samples,
    scaling: Call,
    target_encoding: str,
    target_range: Range | None,
    test: Samples | None = None,
    whole: Floats | None = None,
    division: Division | None = None,
) -> DataSet:
    """Samples scaled, encoded and mapped, and held-out ones in the same way.

    `whole` are the targets of all samples, between whose smallest and largest one the middle is.
    """
    encode = target_encoding == "one_hot"
    fitted = fit(samples.inputs, scaling)
    try:
        classes = classes_of(samples.targets) if encode else None
        ends = (0.0, 1.0) if encode else span(samples.targets)
        # Without a range the middle is that of all samples, which are the same for all seeds.
        around = ends if encode or target_range or whole is None else span(whole)
        middle = map_range(samples.targets, target_range, around)[1]

        def made_of(part: Samples) -> tuple[Floats, Floats]:
            inputs = apply(fitted, part.inputs)
            if np.isfinite(part.inputs).all() and not np.isfinite(inputs).all():
                raise DataError([Problem(f"scaling: {scaling} makes an input too large for a number")])
            targets = one_hot(part.targets, classes) if encode else part.targets
            return _frozen(inputs), _frozen(map_range(targets, target_range, ends)[0])

        held = None if test is None else DataSet(*made_of(test), encode, middle)
        return DataSet(*made_of(samples), encode, middle, held, division)
    except ValueError as error:
        raise DataError([Problem(str(error))]) from None


@contextmanager
def _about_test() -> Iterator[None]:
    """Problems with the file of the held-out samples say that they are about it."""
    try:
        yield
    except DataError as error:
        about = [replace(each, message=each.message.replace("data:", "test:", 1)) for each in error.problems]
        raise DataError(about) from None


def _frozen(array: Floats) -> Floats:
    """A read-only, C-contiguous copy, so that the cached raw arrays stay out of reach."""
    copy = np.array(array, dtype=np.float64, order="C")
    copy.setflags(write=False)
    return copy
