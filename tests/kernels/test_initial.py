"""Initial weights: their distributions, their generator, and what they depend on."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from scipy.special import ndtri
from scipy.stats import kstest, norm, truncnorm
from support import naive, studies

from runner.kernels import random
from runner.kernels.lanes.entry import entry
from runner.kernels.lanes.operations import load, pointer, store
from runner.kernels.lanes.vector import Lanes
from runner.ops import INITIALIZERS

SEEDS = 4000

# Arguments of the initialisers that take some; mean, variance and kind of every layer's weights by fan-in and fan-out.
ARGUMENTS = {"uniform": (-0.3, 1.5), "normal": (0.4, 1.7), "constant": (0.7,)}
ARGUMENTS |= {"uniform_fan_in": (2.5,), "truncated_normal": (0.4, 1.7)}
MOMENTS: dict[str, Callable[[int, int], tuple[str, float, float]]] = {
    "uniform": lambda i, o: ("uniform", 0.6, 1.8**2 / 12),
    "normal": lambda i, o: ("normal", 0.4, 1.7**2),
    "xavier_uniform": lambda i, o: ("uniform", 0.0, 2 / (i + o)),
    "xavier_normal": lambda i, o: ("normal", 0.0, 2 / (i + o)),
    "he_uniform": lambda i, o: ("uniform", 0.0, 2 / i),
    "he_normal": lambda i, o: ("normal", 0.0, 2 / i),
    "lecun_uniform": lambda i, o: ("uniform", 0.0, 1 / i),
    "lecun_normal": lambda i, o: ("normal", 0.0, 1 / i),
    "orthogonal": lambda i, o: ("orthogonal", 0.0, 1 / max(i, o)),
    "zeros": lambda i, o: ("constant", 0.0, 0.0),
    "constant": lambda i, o: ("constant", 0.7, 0.0),
    "torch_linear": lambda i, o: ("uniform", 0.0, 1 / (3 * i)),
    "wessels_barnard": lambda i, o: ("uniform", 0.0, 3 / i),
    "uniform_fan_in": lambda i, o: ("uniform", 0.0, (2.5 / i) ** 2 / 3),
    "truncated_normal": lambda i, o: ("truncated", 0.4, 1.7**2 * truncnorm(-2, 2).var()),
}
# Those whose weights do not follow one distribution have a test each; that of lsuv is in test_lsuv.py.
SHAPED = {"identity", "sparse", "nguyen_widrow", "lsuv"}


def written(name: str) -> str:
    """An initialiser as a study has it."""
    return f"{name}({', '.join(map(repr, ARGUMENTS[name]))})" if name in ARGUMENTS else name


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[naive.Layers]]:
    """Initial weights of thousands of seeds by every initialiser."""
    names = list(MOMENTS)
    runs = studies.run(
        tmp_path_factory.mktemp("initial"),
        data="gaussian(4, 3, 0)",
        architecture="3-5-1",
        learning_rate=0.0,
        updates=1,
        replicates=SEEDS,
        record={"weights": True},
        sweep={
            "zip": [
                {"init": written(name), "bias_init": written(name) if INITIALIZERS[name].biases else "zeros"}
                for name in names
            ]
        },
    )
    found: dict[str, list[naive.Layers]] = {name: [] for name in names}
    for number, cell, _ in runs.each():
        found[names[number // SEEDS]].append(naive.unflatten(cell, runs.weights[number][0]))
    return found


def check_distribution(numbers: np.ndarray, kind: str, mean: float, variance: float) -> None:
    """Mean, variance and, for independent numbers, the whole distribution; four standard errors are allowed."""
    n = numbers.size
    if kind == "constant":
        assert (numbers == mean).all()
        return
    deviation = math.sqrt(variance)
    excess = {"uniform": 1.8, "normal": 3.0, "orthogonal": 3.0, "truncated": truncnorm(-2, 2).stats("k") + 3}[kind]
    assert abs(numbers.mean() - mean) < 4 * deviation / math.sqrt(n)
    assert abs(((numbers - mean) ** 2).mean() - variance) < 4 * variance * math.sqrt((excess - 1) / n)
    if kind == "uniform":
        half = math.sqrt(3 * variance)
        assert mean - half < numbers.min() < mean - 0.99 * half
        assert mean + 0.99 * half < numbers.max() < mean + half
        assert kstest(numbers, "uniform", (mean - half, 2 * half)).pvalue > 1e-3
    if kind == "normal":
        assert kstest(numbers, norm(mean, deviation).cdf).pvalue > 1e-3
    if kind == "truncated":
        width = deviation / truncnorm(-2, 2).std()
        assert kstest(numbers, truncnorm(-2, 2, mean, width).cdf).pvalue > 1e-3
        assert np.abs(numbers - mean).max() < 2 * width


@pytest.mark.parametrize("name", list(MOMENTS))
@pytest.mark.parametrize("layer", [0, 1])
def test_weights_have_mean_and_variance_of_the_theory(
    drawn: dict[str, list[naive.Layers]], name: str, layer: int
) -> None:
    W = np.stack([layers[layer][0] for layers in drawn[name]])
    kind, mean, variance = MOMENTS[name](W.shape[2], W.shape[1])
    check_distribution(W.ravel(), kind, mean, variance)
    # and no weight is special
    if kind != "constant":
        scores = (W.mean(axis=0) - mean) / math.sqrt(variance / SEEDS)
        assert np.abs(scores).max() < 4.5


@pytest.mark.parametrize("name", [name for name in MOMENTS if INITIALIZERS[name].biases])
@pytest.mark.parametrize("layer", [0, 1])
def test_biases_take_the_fans_of_their_layer(drawn: dict[str, list[naive.Layers]], name: str, layer: int) -> None:
    pairs = [layers[layer] for layers in drawn[name]]
    fan_out, fan_in = pairs[0][0].shape
    check_distribution(np.concatenate([b for _, b in pairs]), *MOMENTS[name](fan_in, fan_out))


def test_weights_are_independent_of_each_other(drawn: dict[str, list[naive.Layers]]) -> None:
    """All correlations between the numbers of a run, and with those of the next seed, are noise."""
    table = np.stack([np.concatenate([p.ravel() for pair in layers for p in pair]) for layers in drawn["normal"]])
    both = np.hstack([table[:-1], table[1:]])
    correlations = np.corrcoef(both.T)[np.triu_indices(both.shape[1], 1)]
    assert np.abs(correlations).max() < 5 / math.sqrt(SEEDS)
    assert abs((correlations**2).mean() * SEEDS - 1) < 0.15


def test_every_initialiser_has_a_test() -> None:
    assert MOMENTS.keys() | SHAPED == set(INITIALIZERS)


def shaped(train: Callable[..., studies.Runs], init: str, **keys: Any) -> list[naive.Layers]:
    """Initial weights of 300 seeds of layers 6-6-9-2-1."""
    runs = train(
        data="gaussian(4, 6, 0)",
        architecture="6-6-9-2-1",
        init=init,
        learning_rate=0.0,
        updates=1,
        replicates=300,
        record={"weights": True},
        **keys,
    )
    return [naive.unflatten(cell, runs.weights[number][0]) for number, cell, _ in runs.each()]


def test_identity_is_one_on_the_diagonal(train: Callable[..., studies.Runs]) -> None:
    for layers in shaped(train, "identity")[:3]:
        for W, _ in layers:
            assert np.array_equal(W, torch.nn.init.eye_(torch.empty(W.shape)).numpy())


def test_nguyen_and_widrow_scale_the_weights_of_every_unit(train: Callable[..., studies.Runs]) -> None:
    """... to 0.7 H^(1/n), and draw biases from plus and minus that (Nguyen and Widrow 1990)."""
    drawn = shaped(train, "nguyen_widrow", bias_init="nguyen_widrow")
    for layer in range(4):
        fan_out, fan_in = drawn[0][layer][0].shape
        norm_of_all = 0.7 * fan_out ** (1 / fan_in)
        for layers in drawn:
            assert np.linalg.norm(layers[layer][0], axis=1) == pytest.approx(norm_of_all, rel=1e-14)
        biases = np.concatenate([each[layer][1] for each in drawn])
        assert np.abs(biases).max() < norm_of_all
        assert kstest(biases, "uniform", (-norm_of_all, 2 * norm_of_all)).pvalue > 1e-3
    first = np.stack([layers[0][0] for layers in drawn])
    # Directions are random: every weight is positive in half of the runs.
    assert np.abs((first > 0).mean(axis=0) - 0.5).max() < 4.5 * 0.5 / math.sqrt(300)


def test_sparse_has_the_zeros_of_pytorch_in_every_column(train: Callable[..., studies.Runs]) -> None:
    drawn = shaped(train, "sparse(0.4, 1.7)")
    for layer in range(4):
        W = np.stack([layers[layer][0] for layers in drawn])
        theirs = torch.nn.init.sparse_(torch.empty(W.shape[1:]), 0.4)
        assert ((W == 0).sum(axis=1) == (theirs == 0).sum(dim=0).numpy()).all()
        if (W != 0).any():
            check_distribution(W[W != 0], "normal", 0.0, 1.7**2)
    # Every weight is a zero about as often as any other of its column.
    zeros = (np.stack([layers[1][0] for layers in drawn]) == 0).mean(axis=0)
    assert np.abs(zeros - 4 / 9).max() < 4.5 * 0.5 / math.sqrt(300)


def test_orthogonal_is_orthonormal(train: Callable[..., studies.Runs]) -> None:
    """Rows, or columns where there are more rows; every sign and direction occurs (det is +1 as often as -1)."""
    runs = train(
        data="gaussian(4, 6, 0)",
        architecture="6-6-9-2-1",
        init="orthogonal",
        learning_rate=0.0,
        updates=1,
        replicates=500,
        record={"weights": True},
    )
    signs = []
    for number, cell, _ in runs.each():
        layers = naive.unflatten(cell, runs.weights[number][0])
        for W, _ in layers:
            small = W @ W.T if W.shape[0] <= W.shape[1] else W.T @ W
            assert np.abs(small - np.eye(len(small))).max() < 1e-14
        signs.append(np.sign(np.linalg.det(layers[0][0])))
    assert abs(np.mean(signs)) < 4 / math.sqrt(500)


@entry
def philox(words: Any, drawn: Any) -> None:
    drawn[0], drawn[1], drawn[2], drawn[3] = random.philox(words[0], words[1], words[2], words[3])


@entry
def as_unit(words: Any, out: Any) -> None:
    for n in range(words.size):
        out[n] = random.unit(words[n])


@entry
def quantile(p: Any, out: Any, lanes: Any) -> None:
    for at in range(0, p.size, lanes.n):
        store(pointer(out), at, random.normal_quantile(load(pointer(p), at, lanes)))


KEYS = [(0, 0), (1, 2), (2**63 - 1, 1), (2**64 - 1, 2**64 - 1), (123456789, 987654321)]


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("counter", [(1, 0), (1, 1), (2**64 - 1, 2**64 - 1), (77, 2**40)])
def test_philox_is_numpys(key: tuple[int, int], counter: tuple[int, int]) -> None:
    """NumPy moves its counter before it draws, so it is started one before ours."""
    before = np.array([counter[0] - 1, counter[1], 0, 0], np.uint64)
    expected = np.random.Philox(key=np.array(key, np.uint64), counter=before).random_raw(4)
    drawn = np.empty(4, np.uint64)
    philox(np.array([*key, *counter], np.uint64), drawn)
    assert drawn.tolist() == expected.tolist()


def test_unit_lies_strictly_between_0_and_1() -> None:
    out = np.empty(3)
    as_unit(np.array([0, 2**64 - 1, 2**63], np.uint64), out)
    assert out.tolist() == [2.0**-53, 1 - 2.0**-53, 0.5 + 2.0**-53]


def test_normal_quantile_is_scipys() -> None:
    """To a few units in the last place, down to the smallest number that can be drawn."""
    tails = np.geomspace(2.0**-53, 0.5, 4000)
    p = np.concatenate([tails, 1 - tails, np.linspace(0.001, 0.999, 8000)])
    found = np.empty_like(p)
    quantile(p, found, Lanes(8))
    expected = ndtri(p)
    assert np.abs(found - expected).max() < 5e-15
    away = np.abs(expected) > 0.1
    assert np.abs(found[away] / expected[away] - 1).max() < 1e-15


def numbers_of(seed: int, count: int) -> np.ndarray:
    """Uniform numbers of a seed: the top 52 bits, and a half, of Philox with key (seed, 1)."""
    generator = np.random.Philox(key=[seed, 1])
    generator.advance(-1 % 2**256)
    return ((generator.random_raw(count) >> np.uint64(12)).astype(float) + 0.5) / 2**52


@pytest.mark.parametrize("bias", ["trained", "shared", "none", 0.5])
def test_every_number_is_a_function_of_seed_and_place(train: Callable[..., studies.Runs], bias: str | float) -> None:
    """Restated with NumPy's generator and scipy's quantile; the biases keep their places when they are not trained."""
    runs = train(
        data="gaussian(4, 3, 0)",
        architecture="3-5-1",
        init="normal(1, 2)",
        bias_init="uniform(-1, 1)",
        bias=bias,
        learning_rate=0.0,
        updates=1,
        seeds=[0, 1, 17, 2**63 - 1],
        record={"weights": True},
    )
    for number, _, seed in runs.each():
        u = numbers_of(seed, 26)
        normal, uniform = 1 + 2 * ndtri(u), -1 + 2 * u
        expected = [(normal[:15].reshape(5, 3), uniform[15:20]), (normal[20:25].reshape(1, 5), uniform[25:])]
        if bias == "shared":
            expected = [(W, b[:1]) for W, b in expected]
        elif bias != "trained":
            expected = [(W, b[:0]) for W, b in expected]
        flat = np.concatenate([part for W, b in expected for part in (W.ravel(), b)])
        assert runs.weights[number][0] == pytest.approx(flat, rel=1e-14, abs=1e-14)


def test_initial_weights_depend_on_seed_architecture_and_init_only(train: Callable[..., studies.Runs]) -> None:
    """Whatever else is swept, and wherever in a block a run lies: common random numbers."""
    common = {"architecture": "3-5-1", "init": "he_normal", "updates": 1, "record": {"weights": True}}
    alone = train(data="gaussian(4, 3, 0)", learning_rate=0.5, seeds=list(range(37)), **common)
    swept = train(
        seeds=list(range(36, -1, -1)),
        **common,
        sweep={
            "grid": {
                "data": ["gaussian(4, 3, 0)", "gaussian(9, 3, 1)"],
                "learning_rate": [0.01, 3.0],
                "optimizer": ["sgd", "adam"],
                "activation": ["sigmoid", "relu"],
                "batch": ["full", 1],
                "weight_decay": [0.0, 0.1],
            }
        },
    )
    by_seed = {seed: alone.weights[number][0] for number, _, seed in alone.each()}
    assert swept.plan.n_runs == 64 * 37
    for number, _, seed in swept.each():
        assert np.array_equal(swept.weights[number][0], by_seed[seed])


def test_distributions_of_other_widths_share_their_draws(train: Callable[..., studies.Runs]) -> None:
    """normal(0, 2) is twice normal(0, 1) on every seed."""
    runs = train(
        data="xor",
        architecture="2-2-1",
        learning_rate=0.0,
        updates=1,
        replicates=5,
        record={"weights": True},
        sweep={"grid": {"init": ["normal(0, 1)", "normal(0, 2)"]}},
    )
    for seed in range(5):
        assert np.array_equal(2 * runs.weights[seed][0], runs.weights[5 + seed][0])


def test_numbers_given_one_by_one(train: Callable[..., studies.Runs]) -> None:
    """In the order of weights.npz, whatever the seed; `init[k]` varies one of them."""
    given = [0.5, -0.25, 1.0, 2.0, 0.1, 0.2, -1.0, -2.0, 0.75]
    runs = train(
        data="xor",
        architecture="2-2-1",
        init=given,
        learning_rate=0.0,
        updates=1,
        replicates=3,
        record={"weights": True},
        sweep={"grid": {"init[3]": [2.0, 7.0]}},
    )
    for number, _, _ in runs.each():
        expected = np.array(given)
        expected[3] = (2.0, 7.0)[number // 3]
        assert np.array_equal(runs.weights[number][0], expected)
        assert np.array_equal(runs.weights[number][1], expected)


def test_single_precision_rounds_the_same_draws(train: Callable[..., studies.Runs]) -> None:
    runs = train(
        data="xor",
        architecture="2-2-1",
        learning_rate=0.0,
        updates=1,
        replicates=20,
        record={"weights": True},
        sweep={"grid": {"precision": ["float64", "float32"]}},
    )
    for seed in range(20):
        assert np.array_equal(runs.weights[seed][0].astype(np.float32), runs.weights[20 + seed][0])
