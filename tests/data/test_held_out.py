"""Which samples are held out: against what a division must be, and against scikit-learn."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import StratifiedKFold

from runner.data import DataError, HeldOutFraction, KFold, load_data
from runner.data.held_out import held_out
from runner.data.load import DataSet
from runner.registry import Call

LABELS = st.lists(st.integers(0, 3), min_size=1, max_size=60).map(
    lambda labels: np.array([*labels, *labels], float)[:, None]
)
SEEDS = st.integers(0, 2**63 - 1)


def counts(labels: np.ndarray) -> np.ndarray:
    return np.bincount(labels[:, 0].astype(int), minlength=4)


@given(LABELS, st.integers(2, 6), SEEDS)
@settings(deadline=None)
def test_folds_are_disjoint_complete_and_as_large_as_those_of_scikit_learn(
    labels: np.ndarray, k: int, seed: int
) -> None:
    if k > len(labels):
        return
    folds = np.array([held_out(labels, KFold(k), fold, seed, True) for fold in range(k)])
    assert (folds.sum(axis=0) == 1).all()
    ours = np.array([counts(labels[fold]) for fold in folds])
    if k > counts(labels).max():  # where scikit-learn gives up
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("warnings.warn", lambda *args, **kwargs: None)
        theirs = [counts(labels[test]) for _, test in StratifiedKFold(k).split(labels, labels[:, 0])]
    assert np.sort(ours, axis=0).tolist() == np.sort(np.array(theirs), axis=0).tolist()


@given(LABELS, st.integers(1, 99), SEEDS)
@settings(deadline=None)
def test_a_fraction_is_shared_out_to_the_classes_in_proportion(labels: np.ndarray, percent: int, seed: int) -> None:
    share = Fraction(percent, 100)
    try:
        out = held_out(labels, HeldOutFraction(percent / 100), None, seed, True)
    except DataError:
        # A class is then so small that one of its parts would be less than one sample.
        present = counts(labels)[counts(labels) > 0]
        total = math.ceil(share * len(labels))
        assert (present * total < 2 * len(labels)).any() or (present * (len(labels) - total) < 2 * len(labels)).any()
        return
    total = math.ceil(share * len(labels))
    assert out.sum() == total
    exact = counts(labels) * total / len(labels)
    assert (np.abs(counts(labels[out]) - exact) < 1).all()


def test_who_is_held_out_follows_the_documented_rule() -> None:
    labels = np.array([[2.0], [0.0], [1.0], [0.0], [2.0], [1.0], [0.0], [2.0], [1.0], [0.0]])
    words = np.random.Philox(key=np.array([17, 3], np.uint64)).random_raw(10).tolist()
    order = sorted(range(10), key=lambda i: (labels[i, 0], words[i]))
    for fold in range(3):
        assert np.flatnonzero(held_out(labels, KFold(3), fold, 17, True)).tolist() == sorted(order[fold::3])
    # A third of ten samples is four: of 4, 3 and 3 samples 1.6, 1.2 and 1.2.
    first = {order[0], order[1], order[4], order[7]}
    assert set(np.flatnonzero(held_out(labels, HeldOutFraction(1 / 3), None, 17, True)).tolist()) == first


def test_targets_that_are_no_classes_are_one() -> None:
    numbers = np.arange(10.0)[:, None]
    assert held_out(numbers, HeldOutFraction(0.07), None, 3, False).sum() == 1
    assert held_out(np.arange(100.0)[:, None], HeldOutFraction(0.07), None, 3, False).sum() == 7


@pytest.mark.parametrize(
    ("labels", "test", "message"),
    [
        ([0, 1], HeldOutFraction(0.9), "leaves none to train on"),
        ([0, 0, 0, 0, 1], HeldOutFraction(0.2), "leaves none of them to test with"),
        ([0, 0, 0, 0, 1], KFold(2), "the class with target 1 has 1 sample"),
        ([0, 0, 1, 1], KFold(5), "the data have 4 samples"),
    ],
)
def test_a_part_or_a_class_without_samples_is_refused(
    labels: list[float], test: HeldOutFraction | KFold, message: str
) -> None:
    with pytest.raises(DataError, match=message):
        held_out(np.array(labels, float)[:, None], test, 0, 0, True)


def iris(**keys: object) -> DataSet:
    return load_data(Call("iris"), target_encoding="one_hot", **keys)  # type: ignore[arg-type]


def test_scaling_is_found_from_the_samples_that_are_trained_on() -> None:
    raw = iris(test=KFold(5), fold=2, split_seed=4)
    scaled = iris(scaling=Call("standardize"), test=KFold(5), fold=2, split_seed=4)
    assert raw.test is not None
    assert scaled.test is not None
    assert len(raw.inputs) == 120
    assert len(raw.test.inputs) == 30
    mean, deviation = raw.inputs.mean(axis=0), raw.inputs.std(axis=0)
    assert np.allclose(scaled.inputs, (raw.inputs - mean) / deviation, rtol=1e-12, atol=1e-12)
    assert np.allclose(scaled.test.inputs, (raw.test.inputs - mean) / deviation, rtol=1e-12, atol=1e-12)


def test_without_a_seed_of_its_own_each_run_has_its_division() -> None:
    by_run, fixed = iris(test=HeldOutFraction(0.2)), iris(test=HeldOutFraction(0.2), split_seed=7)
    assert fixed.of_seed(3) is fixed
    assert np.array_equal(by_run.of_seed(7).inputs, fixed.inputs)
    assert not np.array_equal(by_run.of_seed(8).inputs, fixed.inputs)
