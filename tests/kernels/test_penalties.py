"""L1 penalty, clipped gradients, label smoothing and class weights: PyTorch's numbers, and what they leave alone."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.utils.class_weight import compute_class_weight
from support import naive, studies
from torch.nn import functional
from torch.nn.utils import clip_grad_norm_, clip_grad_value_

TOLERANCE = 1e-10
torch.set_num_threads(1)

COMMON: dict[str, Any] = {
    "architecture": "3-5-4-3",
    "activation": "tanh",
    "init": "uniform(-1, 1)",
    "bias_init": "uniform(-0.5, 0.5)",
    "learning_rate": 0.05,
    "updates": 60,
    "seed": 3,
    "record": {"weights": True, "curves": 10},
}
IRIS: dict[str, Any] = {
    **{"data": "iris", "scaling": "standardize", "target_encoding": "one_hot", "architecture": "4-6-3"},
    **{"output": "softmax", "loss": "cross_entropy", "test": {"fraction": 0.2}, "split_seed": 1},
}
# Two classes, some samples of which are held out as those of IRIS are: the kernel of the tests with IRIS serves.
TWO: dict[str, Any] = {"loss": "binary_cross_entropy", "test": {"fraction": 0.25}, "split_seed": 1}
OPTIMIZERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "sgd": lambda p, cell: torch.optim.SGD(p, cell.learning_rate, weight_decay=cell.weight_decay),
    "momentum": lambda p, cell: torch.optim.SGD(p, cell.learning_rate, 0.9, weight_decay=cell.weight_decay),
    "adam": lambda p, cell: torch.optim.Adam(p, cell.learning_rate, weight_decay=cell.weight_decay),
}


def torch_loss(cell: Any, z: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
    """The loss of outputs with weighted sums z; a binary cross-entropy is that of the two classes of each output."""
    if cell.loss == "half_sse":
        return 0.5 * functional.mse_loss(torch.sigmoid(z), t, reduction="sum")
    weight = None if cell.class_weights is None else torch.tensor(cell.class_weights, dtype=torch.float64)
    if cell.loss == "binary_cross_entropy":
        z, t = torch.stack([torch.zeros_like(z), z], dim=-1).reshape(-1, 2), torch.stack([1 - t, t], -1).reshape(-1, 2)
    return functional.cross_entropy(z, t.argmax(dim=1), weight, label_smoothing=cell.label_smoothing or 0.0)


def train_torch(cell: Any, initial: np.ndarray) -> np.ndarray:
    """Final weights of a run."""
    x, t = torch.tensor(cell.data_set.inputs), torch.tensor(cell.data_set.targets)
    kept = 1 if cell.bias == "shared" else None
    layers = [(torch.tensor(W), torch.tensor(b[:kept])) for W, b in naive.unflatten(cell, initial)]
    parameters = [p.requires_grad_() for layer in layers for p in layer]
    optimizer = OPTIMIZERS[cell.optimizer](parameters, cell)
    batch = len(x) if cell.batch == "full" else cell.batch
    parts = itertools.cycle([slice(at, at + batch) for at in range(0, len(x), batch)])
    for part in itertools.islice(parts, cell.budget):
        a = x[part]
        for k, (W, b) in enumerate(layers):
            z = a @ W.T + b
            a = torch.tanh(z) if k < len(layers) - 1 else z
        optimizer.zero_grad()
        loss = torch_loss(cell, a, t[part])
        if cell.l1 is not None:
            loss = loss + cell.l1 * sum(p.abs().sum() for p in parameters)
        loss.backward()
        if cell.clip_value is not None:
            clip_grad_value_(parameters, cell.clip_value)
        if cell.clip_norm is not None:
            clip_grad_norm_(parameters, cell.clip_norm)
        optimizer.step()
    return np.concatenate([p.detach().numpy().ravel() for p in parameters])


@pytest.fixture(scope="module")
def adjusted(tmp_path_factory: pytest.TempPathFactory) -> studies.Runs:
    folder = tmp_path_factory.mktemp("adjusted")
    sweep = {
        "grid": {
            "l1": ["none", 0.02],
            "clip_value": ["none", 0.05],
            "clip_norm": ["none", 0.1, 100.0],
            "optimizer": ["sgd", "momentum", "adam"],
            "batch": ["full", 3],
        },
        "when": [{"if": {"optimizer": "momentum"}, "grid": {"bias": ["shared"], "weight_decay": [0.1]}}],
    }
    data = studies.write_samples(folder)
    return studies.run(folder, data=data, sweep=sweep, **COMMON)


@pytest.mark.parametrize("optimizer", list(OPTIMIZERS))
def test_penalty_and_clipping_are_those_of_pytorch(adjusted: studies.Runs, optimizer: str) -> None:
    finals = set()
    for run, cell, _ in adjusted.each():
        if cell.optimizer == optimizer:
            initial, final = adjusted.weights[run]
            assert studies.relative(final, train_torch(cell, initial)) <= TOLERANCE, cell.texts
            finals.add(final.tobytes())
    # A norm of 100 shortens nothing.
    assert len(finals) == 2 * 2 * 2 * 2


def test_what_is_measured_knows_nothing_of_them(adjusted: studies.Runs) -> None:
    """Neither a penalty is in the loss, nor is the norm of the gradient that of a clipped one."""
    for run, cell, _ in adjusted.each():
        measured = naive.measure(cell, naive.unflatten(cell, adjusted.weights[run][1]))
        row = adjusted.row(run)
        assert np.isclose(row["final_loss"], measured["loss"], rtol=1e-9)
        assert np.isclose(row["grad_norm"], measured["grad_norm"], rtol=1e-9)


def test_runs_without_them_are_those_of_a_study_without_them(adjusted: studies.Runs, tmp_path: Path) -> None:
    data = studies.write_samples(tmp_path)
    plain = studies.run(tmp_path, data=data, sweep={"grid": {"batch": ["full", 3]}}, optimizer="sgd", **COMMON)
    ids = {cell.run_id(seed): run for run, cell, seed in adjusted.each()}
    for run, cell, seed in plain.each():
        assert np.array_equal(plain.bits[run], adjusted.bits[ids[cell.run_id(seed)]])


def test_a_gradient_beyond_all_numbers_is_clipped_as_in_pytorch(tmp_path: Path) -> None:
    """clip_grad_norm_ makes NaN of an infinite one, clip_grad_value_ the largest number."""
    keys = {"data": "xor", "scaling": "standardize", "architecture": "2-1", "output": "identity", "bias": "none"}
    sweep = {
        "grid": {"init": [[1e200, 1e200], [1e308, 1e308]]},
        "zip": [{"clip_norm": 1, "clip_value": "none"}, {"clip_norm": "none", "clip_value": 1}],
    }
    record = {"weights": True}
    runs = studies.run(tmp_path, **keys, loss="sse", learning_rate=0.1, updates=1, sweep=sweep, record=record)
    for (run, cell, _), is_number in zip(runs.each(), (True, True, False, True), strict=True):
        initial, final = (torch.tensor(numbers) for numbers in runs.weights[run])
        w = initial.clone().requires_grad_()
        x, t = torch.tensor(cell.data_set.inputs), torch.tensor(cell.data_set.targets)
        ((x @ w[:, None] - t) ** 2).sum().backward()
        if cell.clip_norm is not None:
            clip_grad_norm_([w], cell.clip_norm)
        else:
            clip_grad_value_([w], cell.clip_value)
        assert torch.equal(torch.nan_to_num(w.detach() - 0.1 * w.grad), torch.nan_to_num(final))
        assert bool(torch.isfinite(final).all()) == is_number


# Batches of one sample have kernels of another width.
BATCHES = ["full", 50, pytest.param(1, marks=pytest.mark.slow)]


@pytest.fixture(scope="module", params=BATCHES)
def labelled(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> studies.Runs:
    sweep = {
        "grid": {
            "label_smoothing": ["none", 0.0, 0.1, 1.0],
            "class_weights": ["none", [1, 1, 1], [0.5, 2, 7]],
            "optimizer": ["sgd", "adam"],
        },
    }
    keys = {**COMMON, **IRIS, "learning_rate": 0.02, "batch": request.param, "sweep": sweep}
    return studies.run(tmp_path_factory.mktemp("labelled"), **keys)


def test_cross_entropy_of_smoothed_labels_and_weighted_classes(labelled: studies.Runs) -> None:
    """PyTorch's CrossEntropyLoss(weight, label_smoothing): updates, and the loss of all samples."""
    for run, cell, _ in labelled.each():
        initial, final = labelled.weights[run]
        assert studies.relative(final, train_torch(cell, initial)) <= TOLERANCE, cell.texts
        layers, row = naive.unflatten(cell, final), labelled.row(run)
        for data, name in ((cell.data_set, "final_loss"), (cell.data_set.test, "test_loss")):
            z = torch.tensor(naive.forward(cell, layers, data.inputs)[0][-1])
            assert np.isclose(row[name], float(torch_loss(cell, z, torch.tensor(data.targets))), rtol=1e-10), cell.texts
        plain = naive.measure(cell, layers)
        for name in ("accuracy", "mse", "max_error", "output_spread"):
            assert np.isclose(row[name], plain[name], rtol=1e-9), name


def test_weighted_classes_are_counted_by_each_run_where_each_has_its_own_samples(tmp_path: Path) -> None:
    """Divisions by seed: the sum of the weights is another one in every lane."""
    keys = {**COMMON, **IRIS, "class_weights": [1, 2, 9], "split_seed": "none"}
    del keys["split_seed"], keys["seed"]
    runs = studies.run(tmp_path, **keys | {"batch": 32, "test": {"k_fold": 7}, "fold": 3, "replicates": 3})
    alone = studies.run(
        tmp_path, **keys | {"batch": 32, "test": {"k_fold": 7}, "fold": 3, "split_seed": 2, "seeds": [2]}
    )
    assert studies.relative(runs.weights[2][1], train_torch(alone.plan.cell(0), alone.weights[0][0])) <= TOLERANCE
    assert np.array_equal(runs.weights[2][1], alone.weights[0][1])
    assert np.isclose(runs.row(2)["test_loss"], alone.row(0)["test_loss"], rtol=1e-12)


def test_balanced_classes_are_those_of_scikit_learn(tmp_path: Path) -> None:
    """n / (k n_c), of the samples to train on, which every division has as many of."""
    table = "x,label\n" + "".join(f"{k / 10},{'cab'[min(k % 7, 2)]}\n" for k in range(40))
    (tmp_path / "table.csv").write_text(table)
    keys = {
        **COMMON,
        "architecture": "1-3-3",
        "output": "softmax",
        "loss": "cross_entropy",
        "target_encoding": "one_hot",
    }
    keys |= {"data": {"csv": str(tmp_path / "table.csv"), "inputs": ["x"], "targets": ["label"]}}
    keys |= {"test": {"k_fold": 7}, "fold": 3, "replicates": 3, "batch": 32}
    keys = {key: value for key, value in keys.items() if key not in ("seed", "split_seed")}
    runs = studies.run(tmp_path, **keys, class_weights="balanced")
    data = runs.plan.cell(0).data_set
    for seed in range(3):
        labels = data.of_seed(seed).targets.argmax(axis=1)
        theirs = compute_class_weight("balanced", classes=np.arange(3), y=labels)
        given = studies.run(tmp_path, **keys, class_weights=theirs.tolist())
        assert np.array_equal(given.weights[seed][1], runs.weights[seed][1])
        assert given.row(seed)["test_loss"] == runs.row(seed)["test_loss"]
    assert theirs.min() < 0.6 < theirs.max()


def test_balanced_targets_of_two_classes(tmp_path: Path) -> None:
    """`and` has one 1 among four."""
    (tmp_path / "and.csv").write_text("a,b,t\n0,0,0\n0,1,0\n1,0,0\n1,1,1\n")
    file = {"csv": "and.csv", "inputs": ["a", "b"], "targets": ["t"]}
    keys = {**COMMON, **TWO, "data": file, "test": {"csv": "and.csv"}, "architecture": "2-3-1"}
    del keys["split_seed"]
    sweep = {"grid": {"class_weights": ["balanced", [4 / 6, 2.0]]}}
    runs = studies.run(tmp_path, **keys, sweep=sweep)
    assert np.array_equal(runs.weights[0][1], runs.weights[1][1])


@pytest.mark.parametrize(
    ("precision", "tolerance"), [("float64", TOLERANCE), pytest.param("float32", 1e-4, marks=pytest.mark.slow)]
)
@pytest.mark.parametrize("batch", ["full", 2])
def test_binary_cross_entropy_is_a_cross_entropy_of_two_classes(
    tmp_path: Path, batch: Any, precision: str, tolerance: float
) -> None:
    keys = {**COMMON, **TWO, "architecture": "3-4-1", "data": "parity(3)", "batch": batch, "precision": precision}
    grid = {"label_smoothing": ["none", 0.2], "class_weights": ["none", [1.0, 1.0], [0.3, 4.0]]}
    runs = studies.run(tmp_path, **keys, sweep={"grid": grid})
    for run, cell, _ in runs.each():
        initial, final = runs.weights[run]
        assert studies.relative(final, train_torch(cell, initial)) <= tolerance
        z = naive.forward(cell, naive.unflatten(cell, final), cell.data_set.inputs)[0][-1]
        expected = float(torch_loss(cell, torch.tensor(z), torch.tensor(cell.data_set.targets)))
        assert np.isclose(runs.row(run)["final_loss"], expected, rtol=10 * tolerance)


def test_equal_weights_change_nothing_but_rounding(labelled: studies.Runs) -> None:
    by_weights: dict[Any, list[np.ndarray]] = {}
    for run, cell, _ in labelled.each():
        by_weights.setdefault(cell.class_weights, []).append(labelled.weights[run][1])
    for none, ones in zip(by_weights[None], by_weights[(1.0, 1.0, 1.0)], strict=True):
        assert studies.relative(none, ones) < 1e-12
