"""Which samples a run does not train on: a share of them, one of k folds, or those of another file.

Who is held out is drawn without any arithmetic of floating point, so that it is the same on every machine: each sample
has a random word of 64 bits, word number i of Philox 4x64-10 with the key (seed, 3) for sample i, and the samples stand
in the order of their classes, those of one class in the order of their words. Of a fraction, the first ones of every
class are held out, in proportion to the classes; of k folds, sample number j of the whole order is in fold j modulo k,
which are the sizes of scikit-learn's StratifiedKFold. Targets that are no classes count as one class.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from runner.data.files.spec import FileData
from runner.data.parameters import Floats
from runner.data.targets import are_classes
from runner.errors import DataError, Problem
from runner.registry import shortest
from runner.terminal import counted

# The second word of Philox's key; 1 and 2 are those of weights and of the order of samples (runner.kernels.random).
STREAM_SPLIT = 3


@dataclass(frozen=True)
class HeldOutFraction:
    """A share of the samples of every class, drawn at random: `test: {fraction: 0.2}`."""

    fraction: float

    def __str__(self) -> str:
        return f"{{fraction: {shortest(self.fraction)}}}"


@dataclass(frozen=True)
class KFold:
    """One of k parts of equal size, the key `fold` says which: `test: {k_fold: 5}`."""

    k: int

    def __str__(self) -> str:
        return f"{{k_fold: {self.k}}}"


HeldOut = HeldOutFraction | KFold | FileData
"""What a study says about the samples that its runs do not train on."""


def file_of_test(test: FileData, data: object) -> FileData:
    """The file of the held-out samples with its columns: those of the training data where it names none.

    Raises
    ------
    DataError
        When there are none to take over.
    """
    if test.inputs:
        return test
    if not isinstance(data, FileData):
        message = f"test: name the inputs and targets of {test.path!r}: data is no file whose columns it could share"
        raise DataError([Problem(message)])
    if (test.form == "npz") != (data.form == "npz") and isinstance(data.inputs[0], int):
        message = f"test: name the inputs and targets of {test.path!r}: an npz file has no columns by position"
        raise DataError([Problem(message)])
    return replace(test, inputs=data.inputs, targets=data.targets)


def held_out(
    targets: Floats, test: HeldOutFraction | KFold, fold: int | None, seed: int, labelled: bool
) -> NDArray[np.bool_]:
    """Which samples are held out.

    Parameters
    ----------
    targets : array (samples, targets)
        As they stand in the data.
    test : HeldOutFraction or KFold
    fold : int or None
        Which of the folds, from 0.
    seed : int
        Of the division.
    labelled : bool
        Whether the targets are class labels.

    Returns
    -------
    bool array (samples,)

    Raises
    ------
    DataError
        When no sample is left, or a class without any.
    """
    n = len(targets)
    words = np.random.Philox(key=np.array([seed, STREAM_SPLIT], np.uint64)).random_raw(n)
    classes = _classes(targets, labelled)
    order = np.lexsort((words, classes))
    counts = np.bincount(classes)
    found = np.zeros(n, np.bool_)
    if isinstance(test, KFold):
        if fold is None or not 0 <= fold < test.k:
            shown = "nothing" if fold is None else fold
            _refuse(f"fold: expected one of the folds of {test}, 0 to {test.k - 1}, found {shown}")
        if test.k > n:
            _refuse(f"test: {test} is more than there are samples; the data have {counted(n, 'sample')}")
        if len(counts) > 1 and counts.min() < 2:
            _refuse(f"test: {_one_class(targets, classes)} has 1 sample, and {test} needs 2 of every class")
        found[order[fold :: test.k]] = True
        return found
    wanted = _shares(counts, test)
    found[order] = np.arange(n) - np.repeat(np.cumsum(counts) - counts, counts) < np.repeat(wanted, counts)
    _check_shares(targets, classes, counts, wanted, test)
    return found


def _classes(targets: Floats, labelled: bool) -> NDArray[np.int64]:
    """The number of each sample's class, in the order of the classes; 0 for all where targets are no classes."""
    # A missing target is a class of its own: NaN would be a new one for every sample.
    known = np.where(np.isnan(targets), np.inf, targets)
    if not (labelled or are_classes(known)):
        return np.zeros(len(targets), np.int64)
    return np.unique(known, axis=0, return_inverse=True)[1].reshape(-1).astype(np.int64)


def _shares(counts: NDArray[np.int64], test: HeldOutFraction) -> NDArray[np.int64]:
    """How many samples of every class a fraction holds out.

    All together they are the fraction of the samples, rounded up as scikit-learn's train_test_split does; each class
    has its share of them, and what rounding down leaves goes to the largest remainders, to earlier classes first.
    """
    n = int(counts.sum())
    # The decimal number that stands in the study, exactly: 0.07 of 100 samples are 7, which floats make 8.
    total = -int(-Fraction(repr(test.fraction)) * n // 1)
    exact = [Fraction(total * int(count), n) for count in counts]
    shares = [int(share) for share in exact]
    by_remainder = sorted(range(len(exact)), key=lambda k: (shares[k] - exact[k], k))
    for k in by_remainder[: total - sum(shares)]:
        shares[k] += 1
    return np.array(shares, np.int64)


def _check_shares(
    targets: Floats,
    classes: NDArray[np.int64],
    counts: NDArray[np.int64],
    wanted: NDArray[np.int64],
    test: HeldOutFraction,
) -> None:
    """Refuse a division in which a part, or a class in one of the parts, has no sample."""
    n = len(classes)
    if wanted.sum() == n:
        _refuse(f"test: {test} of {counted(n, 'sample')} leaves none to train on")
    for missing, where in ((wanted == counts, "to train on"), (wanted == 0, "to test with")):
        if missing.any():
            which = int(np.flatnonzero(missing)[0])
            what = f"{_one_class(targets, classes, which)} has {counted(int(counts[which]), 'sample')}"
            _refuse(f"test: {what}, and {test} leaves none of them {where}")


def _one_class(targets: Floats, classes: NDArray[np.int64], which: int | None = None) -> str:
    """A class as messages name it: by its targets; by default the smallest one."""
    which = int(np.bincount(classes).argmin()) if which is None else which
    values = targets[classes == which][0].tolist()
    return f"the class with target{'' if len(values) == 1 else 's'} {', '.join(map(shortest, values))}"


def _refuse(message: str) -> None:
    raise DataError([Problem(message)])
