"""Noise on inputs, dropout and wrong labels: PyTorch's gradients with the same random numbers, drawn here by NumPy."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import binomtest, norm
from support import naive, studies
from torch.nn import functional

from runner.data.label_noise import with_wrong_labels
from runner.training.blocks import arguments, packing

TOLERANCE = 1e-9
torch.set_num_threads(1)

COMMON: dict[str, Any] = {
    "architecture": "3-5-4-3",
    "activation": "tanh",
    "init": "uniform(-1, 1)",
    "bias_init": "uniform(-0.5, 0.5)",
    "learning_rate": 0.05,
    "updates": 40,
    "seeds": [3, 12],
    "record": {"weights": True, "curves": 8},
}
# Everything that a kernel may have beside the usual.
EVERYTHING: dict[str, Any] = {
    "data": "iris",
    "scaling": "standardize",
    "target_encoding": "one_hot",
    "architecture": "4-5-3-3",
    "activation": "tanh",
    "output": "softmax",
    "loss": "cross_entropy",
    "test": {"fraction": 0.3},
    "learning_rate": 0.05,
    "updates": 30,
}
IN_ALL_RUNS: dict[str, Any] = {
    "shortcuts": "all",
    "evaluate_every": 3,
    "replicates": 5,
    "stop": "converged",
    "criterion": {"accuracy": 0.8},
    "label_noise": 0.05,
    "label_smoothing": 0.1,
    "sweep": {
        "grid": {
            "batch": ["full", 7],
            "order": ["shuffled"],
            "optimizer": ["sgd", "adam"],
            "clip_norm": [0.5, 10],
            "dropout": [0.1, [0.0, 0.3]],
            "input_noise": [0, 0.5],
        },
    },
}


def uniforms(seed: int, stream: int, update: int, samples: int, numbers: int) -> np.ndarray:
    """Random numbers in (0, 1), for samples by their places in a batch: `numbers` of each."""
    fours = -(-numbers // 4)
    generator = np.random.Philox(key=[seed, stream], counter=[0, update, 0, 0])
    generator.advance(-1 % 2**256)  # NumPy adds 1 to the counter before it draws
    words = generator.random_raw(4 * fours * samples).reshape(samples, 4 * fours)[:, :numbers]
    return ((words >> np.uint64(12)).astype(float) + 0.5) / 2.0**52


def train_torch(cell: Any, seed: int, initial: np.ndarray) -> np.ndarray:
    """Final weights of a run, with the order of samples, the noise and the units left out of docs/study.md."""
    data = cell.data_set.of_seed(seed)
    layers = [(torch.tensor(W), torch.tensor(b)) for W, b in naive.unflatten(cell, initial)]
    parameters = [p.requires_grad_() for layer in layers for p in layer]
    kinds = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}
    optimizer = kinds[cell.optimizer](parameters, cell.learning_rate)
    hidden = cell.architecture[1:-1]
    probabilities = np.broadcast_to(0.0 if cell.dropout is None else cell.dropout, len(hidden))
    size = len(data.inputs) if cell.batch == "full" else cell.batch
    for update in range(cell.budget):
        epoch, place = divmod(update, cell.updates_per_epoch)
        chosen = naive.epoch_order(cell, seed, epoch)[place * size : (place + 1) * size]
        x, t = data.inputs[chosen], torch.tensor(data.targets[chosen])
        if cell.input_noise is not None:
            x = x + cell.input_noise * norm.ppf(uniforms(seed, 4, update, *x.shape))
        drawn = np.split(uniforms(seed, 5, update, len(x), sum(hidden)), np.cumsum(hidden)[:-1], axis=1)
        before = [torch.tensor(x)]
        for k, (W, b) in enumerate(layers):
            z = torch.cat([before[j] for j in naive.seen(cell, k)], dim=1) @ W.T + b
            if k < len(layers) - 1:
                p = probabilities[k]
                before.append(torch.tanh(z) * torch.tensor((drawn[k] >= p) / (1 - p)))
        optimizer.zero_grad()
        if cell.loss == "cross_entropy":
            loss = functional.cross_entropy(z, t)
        else:
            loss = 0.5 * ((torch.sigmoid(z) - t) ** 2).sum()
        loss.backward()
        optimizer.step()
    return np.concatenate([p.detach().numpy().ravel() for p in parameters])


@pytest.fixture(scope="module")
def noisy(tmp_path_factory: pytest.TempPathFactory) -> studies.Runs:
    folder = tmp_path_factory.mktemp("noisy")
    grid = {
        "batch": ["full", 3],
        "order": ["shuffled"],
        "optimizer": ["sgd", "adam"],
        "shortcuts": ["none", "all", "input_output"],
        "input_noise": ["none", 0.7],
        "dropout": ["none", 0.0, 0.4, [0.2, 0.5]],
    }
    return studies.run(folder, data=studies.write_samples(folder), sweep={"grid": grid}, **COMMON)


def test_noise_and_dropout_are_those_of_pytorch_with_the_same_numbers(noisy: studies.Runs) -> None:
    for run, cell, seed in noisy.each():
        initial, final = noisy.weights[run]
        assert studies.relative(final, train_torch(cell, seed, initial)) <= TOLERANCE, cell.texts


def test_what_is_measured_is_without_noise_and_with_all_units(noisy: studies.Runs) -> None:
    for run, cell, _ in noisy.each():
        measured, row = naive.measure(cell, naive.unflatten(cell, noisy.weights[run][1])), noisy.row(run)
        for name in ("mse", "accuracy", "grad_norm", "saturation", "output_spread"):
            assert np.isclose(row[name], measured[name], rtol=1e-8), name
        start = naive.measure(cell, naive.unflatten(cell, noisy.weights[run][0]))
        assert np.isclose(row["initial_loss"], start["loss"], rtol=1e-9)
        # The curve ends with the loss of the row, and is of the network as it is as well.
        assert noisy.curves[run][-1, 1] == row["final_loss"]


def test_dropout_of_nothing_is_none(noisy: studies.Runs) -> None:
    by_dropout: dict[Any, list[np.ndarray]] = {None: [], 0.0: []}
    for run, cell, _ in noisy.each():
        if cell.dropout in by_dropout and cell.input_noise is None:
            by_dropout[cell.dropout].append(noisy.weights[run][1])
    assert len(by_dropout[None]) == len(by_dropout[0.0]) == 24
    for without, with_nothing in zip(by_dropout[None], by_dropout[0.0], strict=True):
        assert np.array_equal(without, with_nothing)


def test_units_are_left_out_as_often_as_the_study_says() -> None:
    drawn = uniforms(7, 5, 0, 2000, 10) < 0.3
    assert binomtest(int(drawn.sum()), drawn.size, 0.3).pvalue > 1e-3


@pytest.mark.parametrize("width", arguments.WIDTHS)
def test_no_bit_depends_on_lanes_tiles_blocks_or_stages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, width: tuple[int, int, int]
) -> None:
    keys = EVERYTHING | IN_ALL_RUNS
    usual = studies.run(tmp_path, **keys)
    assert 0.1 < usual.column("converged").mean() < 0.9
    monkeypatch.setattr(packing, "_BLOCK_WORK", 1.0)
    monkeypatch.setattr(packing, "_FIRST_STAGE", 0.01)
    for name in ("NARROW", "SINGLE", "WIDE"):
        monkeypatch.setattr(arguments, name, width)
    assert np.array_equal(usual.bits, studies.run(tmp_path, threads=2, **keys).bits)


def flipped(targets: np.ndarray, probability: float, seed: int) -> np.ndarray:
    """Labels by the rule of docs/data.md, sample by sample."""
    words = np.random.Philox(key=np.array([seed, 6], np.uint64)).random_raw(2 * len(targets)).tolist()
    classes = sorted(set(map(tuple, targets.tolist())))
    found = []
    for i, row in enumerate(map(tuple, targets.tolist())):
        others = [each for each in classes if each != row]
        wrong = (words[2 * i] >> 11) / 2**53 < probability
        found.append(others[(words[2 * i + 1] >> 32) * len(others) >> 32] if wrong else row)
    return np.array(found)


@pytest.mark.parametrize("probability", [0.0, 0.3, 1.0])
def test_wrong_labels_are_those_of_the_rule(probability: float) -> None:
    binary = np.repeat([[0.1], [0.9]], [20, 30], axis=0)
    one_hot = np.eye(4)[np.arange(60) % 4]
    for targets, seed in itertools.product((binary, one_hot), (0, 2**63 - 1)):
        assert np.array_equal(with_wrong_labels(targets, probability, seed), flipped(targets, probability, seed))


def test_labels_are_wrong_as_often_as_the_study_says_and_any_other_class() -> None:
    targets = np.eye(5)[np.append(np.zeros(20_000, int), np.arange(1, 5))]
    wrong, more = (with_wrong_labels(targets, probability, 1)[:20_000] for probability in (0.2, 0.5))
    counts = wrong.sum(axis=0)
    assert binomtest(int(counts[1:].sum()), len(wrong), 0.2).pvalue > 1e-3
    for n in counts[1:]:
        assert binomtest(int(n), len(wrong), 0.05).pvalue > 1e-3
    # Whoever is wrong at a probability is so at each higher one.
    assert np.array_equal(more[wrong[:, 0] == 0], wrong[wrong[:, 0] == 0])


@pytest.mark.parametrize("division", [{"test": "none"}, {"split_seed": 5}, {}], ids=str)
def test_runs_learn_wrong_labels_and_are_tested_with_right_ones(tmp_path: Path, division: dict[str, Any]) -> None:
    keys = EVERYTHING | {"record": {"weights": True}, "seeds": [4, 9], "batch": 7, "order": "shuffled"} | division
    runs = studies.run(tmp_path, label_noise=0.3, **keys)
    right_ones = studies.make(tmp_path, **keys).cell(0).data_set

    def accuracy(weights: np.ndarray, data: Any) -> float:
        y = naive.forward(cell, naive.unflatten(cell, weights), data.inputs)[1][-1]
        return float((y.argmax(axis=1) == data.targets.argmax(axis=1)).mean())

    for run, cell, seed in runs.each():
        initial, final = runs.weights[run]
        data, clean = cell.data_set.of_seed(seed), right_ones.of_seed(seed)
        assert np.array_equal(data.targets, flipped(clean.targets, 0.3, seed))
        assert studies.relative(final, train_torch(cell, seed, initial)) <= TOLERANCE
        assert runs.row(run)["accuracy"] == pytest.approx(accuracy(final, data))
        if clean.test is not None:
            assert runs.row(run)["test_accuracy"] == pytest.approx(accuracy(final, clean.test))
