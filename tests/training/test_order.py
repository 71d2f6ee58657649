"""The order of the samples in mini-batches: what it is, how it is distributed and what it depends on."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import pytest
from scipy.stats import chi2
from support import naive, studies

from runner.kernels import samples
from runner.kernels.codes import SHUFFLED, WITH_REPLACEMENT
from runner.kernels.lanes.entry import entry
from runner.kernels.lanes.operations import pointer
from runner.kernels.lanes.vector import Lanes

LANES = Lanes(8)
KINDS = {"shuffled": SHUFFLED, "with_replacement": WITH_REPLACEMENT}


class Chosen(NamedTuple):
    """Stands for a Job, of which only this is looked at."""

    order: int


@entry
def draw(job: Any, n_samples: int, seeds: Any, epoch: int, n_order: int, order: Any, lanes: Any) -> None:
    samples.draw_order(job, n_samples, pointer(seeds), epoch, lanes, n_order, pointer(order))


def drawn(kind: str, n_samples: int, seeds: Any, epoch: int = 0, n_order: int | None = None) -> np.ndarray:
    """Orders of an epoch, one row per seed, from the kernel itself."""
    n = n_samples if n_order is None else n_order
    parts = []
    for group in np.array(seeds, np.uint64).reshape(-1, LANES.n):
        order = np.full((LANES.n, n), -1, np.int32)
        draw(Chosen(KINDS[kind]), n_samples, group, epoch, n, order, LANES)
        parts.append(order)
    return np.concatenate(parts)


def assert_uniform(counts: np.ndarray) -> None:
    """Chi-square test at one in a thousand; the seeds are fixed, so that it fails always or never."""
    expected = counts.sum() / counts.size
    assert ((counts - expected) ** 2 / expected).sum() < chi2(counts.size - 1).ppf(0.999)


@pytest.mark.parametrize("n", [1, 2, 3, 7, 8, 9, 150])
def test_shuffled_is_a_permutation(n: int) -> None:
    for epoch in range(3):
        assert (np.sort(drawn("shuffled", n, range(64), epoch), axis=1) == np.arange(n)).all()


def test_all_permutations_are_equally_frequent() -> None:
    orders = drawn("shuffled", 4, range(24_000))
    number = {p: k for k, p in enumerate(itertools.permutations(range(4)))}
    assert_uniform(np.bincount([number[tuple(row)] for row in orders.tolist()], minlength=24))


def test_every_sample_is_equally_frequent_in_every_place() -> None:
    orders = drawn("shuffled", 11, range(8_000), epoch=5)
    for place in range(11):
        assert_uniform(np.bincount(orders[:, place], minlength=11))


def test_with_replacement_is_uniform_and_independent() -> None:
    orders = drawn("with_replacement", 7, range(8_000), n_order=12)
    for place in range(12):
        assert_uniform(np.bincount(orders[:, place], minlength=7))
    for place in range(11):
        assert_uniform(np.bincount(7 * orders[:, place] + orders[:, place + 1], minlength=49))


@pytest.mark.parametrize("kind", list(KINDS))
def test_epochs_and_seeds_are_independent(kind: str) -> None:
    """First samples of one epoch and the next, and of one seed and the next, in every combination."""
    first = drawn(kind, 5, range(8_000), epoch=0)[:, 0]
    second = drawn(kind, 5, range(8_000), epoch=1)[:, 0]
    assert_uniform(np.bincount(5 * first + second, minlength=25))
    assert_uniform(np.bincount(5 * first[:-1] + first[1:], minlength=25))


@pytest.mark.parametrize("kind", list(KINDS))
@pytest.mark.parametrize("n", [1, 5, 8, 21])
def test_orders_are_those_of_numpys_generator(kind: str, n: int) -> None:
    """naive.py restates the algorithm with np.random.Philox; seeds up to the largest, late epochs."""
    seeds = [0, 1, 2, 3, 1000, 2**31, 2**62, 2**63 - 1]
    cell = SimpleNamespace(order=kind, batch=1, updates_per_epoch=n)
    cell.data_set = SimpleNamespace(inputs=np.zeros((n, 1)))
    for epoch in (0, 1, 99_999):
        expected = [naive.epoch_order(cell, seed, epoch) for seed in seeds]
        assert np.array_equal(drawn(kind, n, seeds, epoch), expected)


def test_equal_seeds_side_by_side_have_equal_orders() -> None:
    orders = drawn("shuffled", 9, [4, 4, 4, 5, 5, 4, 6, 6])
    assert len(np.unique(orders, axis=0)) == 3
    assert np.array_equal(orders[0], orders[5])


@pytest.mark.parametrize("kind", ["sequential", *KINDS])
@pytest.mark.parametrize("batch", [1, 3, 6, 7])
def test_training_uses_this_order(tmp_path: Any, kind: str, batch: int) -> None:
    """Against naive.py fed with the same indices: 10 epochs and a part of one, more seeds than lanes."""
    runs = studies.run(
        tmp_path,
        data=studies.write_samples(tmp_path),
        architecture="3-4-3",
        activation="tanh",
        learning_rate=0.1,
        optimizer="momentum",
        momentum=0.5,
        loss="mse",
        batch=batch,
        order=kind,
        updates=10 * -(-7 // batch) + 1,
        replicates=11,
        record={"weights": True},
    )
    for number, cell, seed in runs.each():

        def order(epoch: int, cell: Any = cell, seed: int = seed) -> np.ndarray:
            return naive.epoch_order(cell, seed, epoch)

        initial, final = runs.weights[number]
        reference = naive.train(cell, initial, order)
        assert studies.relative(final, reference.weights) < 1e-12
        for name, value in reference.row.items():
            assert runs.row(number)[name] == pytest.approx(value, rel=1e-10, abs=1e-13, nan_ok=True), name


def test_order_depends_on_the_seed_only(train: Callable[..., studies.Runs]) -> None:
    """The same run beside others that differ in learning rate, initial weights or optimizer has the same row."""
    keys: dict[str, Any] = {
        "data": "gaussian(10, 3, 0)",
        "architecture": "3-4-1",
        "output": "identity",
        "learning_rate": 0.05,
        "batch": 3,
        "epochs": 7,
    }
    for order in KINDS:
        alone = train(order=order, seeds=[5, 6], **keys)
        axes = {"optimizer": ["sgd", "momentum"], "learning_rate": [0.05, 0.01], "init": ["xavier_uniform", "zeros"]}
        beside = train(order=order, seeds=[6, 9, 5], **keys, sweep={"grid": axes})
        assert np.array_equal(alone.bits, beside.bits[[2, 0]])
