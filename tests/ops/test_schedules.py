"""Factors of schedules against PyTorch, closed formulas and high precision; runs with a schedule against naive.py."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mpmath
import numpy as np
import pytest
import torch
from support import naive, studies
from torch.optim import lr_scheduler

from runner.keys.calls import SCHEDULE
from runner.keys.issues import Invalid
from runner.ops import SCHEDULES
from runner.ops.schedules import MOST_EPOCHS, cosine_of_half_turns, factors_of
from runner.registry import Call

Train = Callable[..., studies.Runs]
EXAMPLES = {
    "constant": Call("constant"),
    "step": Call("step", (7, 0.3)),
    "exponential": Call("exponential", (0.93,)),
    "inverse": Call("inverse", (12.5,)),
    "search_converge": Call("search_converge", (2.0, 15.0)),
    "cosine": Call("cosine", (40,)),
    "linear": Call("linear", (0.25, 0.75, 30)),
    "warmup": Call("warmup", (9,)),
    "one_cycle": Call("one_cycle", (60,)),
    "cycle_momentum": Call("cycle_momentum", (0.85 / 0.95, 60)),
    "plateau": Call("plateau", (0.5, 3)),
    "test_plateau": Call("test_plateau", (0.2, 0)),
}
TORCH: dict[str, Callable[[torch.optim.Optimizer], lr_scheduler.LRScheduler]] = {
    "constant": lambda o: lr_scheduler.LambdaLR(o, lambda epoch: 1.0),
    "step": lambda o: lr_scheduler.StepLR(o, 7, 0.3),
    "exponential": lambda o: lr_scheduler.ExponentialLR(o, 0.93),
    "cosine": lambda o: lr_scheduler.CosineAnnealingLR(o, 40),
    "linear": lambda o: lr_scheduler.LinearLR(o, 0.25, 0.75, 30),
    "one_cycle": lambda o: lr_scheduler.OneCycleLR(o, max_lr=1.0, total_steps=60, cycle_momentum=False),
}


def test_the_momentum_of_one_cycle_is_that_of_pytorch() -> None:
    optimizer = torch.optim.SGD([torch.zeros(1, dtype=torch.float64)], lr=1.0, momentum=0.9)
    scheduler = lr_scheduler.OneCycleLR(optimizer, max_lr=1.0, total_steps=60, base_momentum=0.85, max_momentum=0.95)
    expected = []
    for epoch in range(60):
        expected.append(optimizer.param_groups[0]["momentum"])
        optimizer.step()
        if epoch < 59:
            scheduler.step()
    np.testing.assert_allclose(0.95 * factors_of(EXAMPLES["cycle_momentum"], 60), expected, rtol=1e-14)


BY_EPOCH = [name for name, record in SCHEDULES.items() if not record.follows]


def test_every_schedule_has_an_example() -> None:
    assert list(EXAMPLES) == list(SCHEDULES)


@pytest.mark.parametrize("name", TORCH)
def test_factors_are_those_of_pytorch(name: str) -> None:
    optimizer = torch.optim.SGD([torch.zeros(1, dtype=torch.float64)], lr=1.0)
    expected = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scheduler = TORCH[name](optimizer)
        for _ in range(60):
            expected.append(scheduler.get_last_lr()[0])
            optimizer.step()
            if len(expected) < 60:
                scheduler.step()
    found = factors_of(EXAMPLES[name], 60)
    found = np.concatenate([found, np.full(60 - len(found), found[-1])])
    # PyTorch makes each from the one before it, where it can: that adds up rounding.
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("name", BY_EPOCH)
@pytest.mark.parametrize("epochs", [1, 2, 59, 60, 500])
def test_factors_are_the_formula(name: str, epochs: int) -> None:
    found = factors_of(EXAMPLES[name], epochs)
    assert 1 <= len(found) <= epochs
    expected = [naive.schedule_factor(EXAMPLES[name], epoch) for epoch in range(epochs)]
    found = np.concatenate([found, np.full(epochs - len(found), found[-1])])
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("name", BY_EPOCH)
def test_a_longer_run_begins_alike(name: str) -> None:
    """Runs that differ only in their budget share one training."""
    short, long = factors_of(EXAMPLES[name], 20), factors_of(EXAMPLES[name], 200)
    np.testing.assert_array_equal(long[: len(short)], short)


def test_cosines_against_high_precision() -> None:
    x = np.concatenate([np.linspace(0, 1, 4001), np.random.default_rng(0).random(2000)])
    with mpmath.workdps(40):
        expected = np.array([float(mpmath.cospi(mpmath.mpf(value))) for value in x.tolist()])
    assert np.abs(cosine_of_half_turns(x) - expected).max() < 2.3e-16
    assert cosine_of_half_turns(np.array([0.0, 0.5, 1.0])).tolist() == [1.0, 0.0, -1.0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("cosine", "expected cosine(n), found cosine"),
        ("constant(1)", "expected constant without arguments, found constant(1)"),
        ("cosine(0)", "expected n to be a whole number >= 1 and <= 10,000,000, found cosine(0)"),
        ("cosine(2.5)", "expected n to be a whole number >= 1 and <= 10,000,000, found cosine(2.5)"),
        ("exponential(0)", "expected gamma to be a number > 0, found exponential(0)"),
        ("step(5, x)", "expected numbers in the parentheses, found 'x'"),
        ("CosineAnnealingLR", "did you mean 'cosine'?"),
        ("ReduceLROnPlateau", "did you mean 'plateau'?"),
        ("plateau(0.5)", "expected plateau(factor, patience), found plateau(0.5)"),
        ("plateau(2, 5)", "expected factor to be a number >= 0 and <= 1, found plateau(2, 5)"),
    ],
)
def test_wrong_schedules(text: str, message: str) -> None:
    with pytest.raises(Invalid) as raised:
        SCHEDULE.read(text, None)
    assert message in str(raised.value.issues[0])


@pytest.mark.parametrize(
    "text", ["step(50, 0.5)", "linear(1, 0, 200)", "plateau(0.1, 10)", "exponential(0.99)", "one_cycle(300)"]
)
def test_the_text_reads_back(text: str) -> None:
    assert str(SCHEDULE.read(text, None)) == text


KEYS: dict[str, Any] = {"data": "two_spirals(6)", "architecture": "2-3-1", "init": "normal(0, 1)", "replicates": 3}


@pytest.mark.parametrize("name", BY_EPOCH)
@pytest.mark.parametrize("more", [{}, {"batch": 5, "order": "shuffled"}], ids=["full", "mini-batches"])
def test_runs_against_naive(train: Train, name: str, more: dict[str, Any]) -> None:
    keys = KEYS | more | {"learning_rate": [0.3, 0.1], "bias_learning_rate": 0.2}
    runs = train(**keys, learning_rate_schedule=str(EXAMPLES[name]), epochs=70, record={"weights": True})
    for number, cell, seed in runs.each():
        initial, final = runs.weights[number]
        order = (
            (lambda epoch, c=cell, s=seed: naive.epoch_order(c, s, epoch)) if more else (lambda epoch: np.arange(12))
        )
        expected = naive.train(cell, initial, order).weights
        assert np.abs(final - expected).max() < 1e-9 * np.abs(expected).max()


SINGLE = pytest.param({"precision": "float32"}, marks=pytest.mark.slow)


@pytest.mark.parametrize("more", [{"optimizer": "adam"}, {"faults": ["round_errors(12)"]}, SINGLE])
def test_other_kernels_follow_it(train: Train, more: dict[str, Any]) -> None:
    """A rate of 0 from some epoch on leaves the weights where they are: they are those of the shorter run."""
    keys = KEYS | more | {"learning_rate": 0.1, "record": {"weights": True}}
    stops = train(**keys, learning_rate_schedule="linear(1, 0, 1)", epochs=50)
    one = train(**keys, epochs=1)
    long = train(**keys, epochs=50)
    for a, b, c in zip(stops.weights, one.weights, long.weights, strict=True):
        np.testing.assert_array_equal(a[1], b[1])
        assert not np.array_equal(a[1], c[1])


def test_stages_and_budgets_share_it(train: Train) -> None:
    """A run with a longer budget, and one that stops, have the weights of the run alone."""
    keys = KEYS | {"learning_rate": 0.5, "learning_rate_schedule": "cosine(3000)", "record": {"weights": True}}
    keys |= {"optimizer": "momentum", "momentum_schedule": "step(900, 0.7)"}
    both = train(**keys, sweep={"grid": {"epochs": [100, 2500]}})
    for epochs, rows in ((100, both.weights[:3]), (2500, both.weights[3:])):
        for ours, theirs in zip(rows, train(**keys, epochs=epochs).weights, strict=True):
            np.testing.assert_array_equal(ours, theirs)


OF_MOMENTUM: dict[str, dict[str, Any]] = {
    "momentum": {"optimizer": "momentum", "dampening": 0.2},
    "nesterov": {"optimizer": "nesterov", "weight_decay": 0.01},
    "rmsprop": {"optimizer": "rmsprop", "learning_rate": 0.01, "epsilon": 0.1},
}
MOMENTUM_SCHEDULE = Call("linear", (0.3, 1.1, 40))


def torch_optimizer(cell: Any, parameters: list[torch.Tensor]) -> torch.optim.Optimizer:
    """PyTorch's, with the learning rate and the settings of a cell."""
    given = {"lr": cell.learning_rate, "momentum": cell.setting("momentum") or 0.0, "weight_decay": cell.weight_decay}
    if cell.optimizer == "rmsprop":
        return torch.optim.RMSprop(parameters, alpha=cell.setting("alpha"), eps=cell.setting("epsilon"), **given)
    nesterov = cell.optimizer == "nesterov"
    return torch.optim.SGD(parameters, dampening=cell.setting("dampening") or 0.0, nesterov=nesterov, **given)


Loss = Callable[[bool], float]
Each = Callable[[int, torch.optim.Optimizer, Loss], None]


def torch_epochs(cell: Any, initial: np.ndarray, seed: int, each: Each) -> np.ndarray:
    """Final weights of a run in PyTorch; `each` is called before every epoch."""
    dtype = getattr(torch, cell.precision)
    layers = [
        [torch.tensor(part, dtype=dtype, requires_grad=True) for part in pair]
        for pair in naive.unflatten(cell, initial)
    ]
    optimizer = torch_optimizer(cell, [part for pair in layers for part in pair])

    def loss(x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        a = x
        for weights, biases in layers:
            a = torch.sigmoid(a @ weights.T + biases)
        return ((a - t) ** 2).sum() / 2

    def tensors(data: Any) -> tuple[torch.Tensor, torch.Tensor]:
        return torch.tensor(data.inputs, dtype=dtype), torch.tensor(data.targets, dtype=dtype)

    data = cell.data_set.of_seed(seed)
    x, t = tensors(data)
    n = len(x) if cell.batch == "full" else cell.batch
    for epoch in range(cell.epochs):
        with torch.no_grad():
            each(epoch, optimizer, lambda tested: loss(*tensors(data.test if tested else data)).item())
        order = np.arange(len(x)) if cell.order == "sequential" else naive.epoch_order(cell, seed, epoch)
        for first in range(0, len(x), n):
            batch = order[first : first + n]
            optimizer.zero_grad()
            loss(x[batch], t[batch]).backward()
            optimizer.step()
    return np.concatenate([part.detach().numpy().ravel() for pair in layers for part in pair])


@pytest.mark.parametrize("name", OF_MOMENTUM)
@pytest.mark.parametrize("more", [{}, {"batch": 5, "order": "shuffled"}], ids=["full", "mini-batches"])
def test_a_momentum_that_changes_is_that_of_pytorch(train: Train, name: str, more: dict[str, Any]) -> None:
    """The momentum of a run is set by hand before every epoch of PyTorch."""
    keys = KEYS | {"learning_rate": 0.1, "momentum": 0.8, "momentum_schedule": str(MOMENTUM_SCHEDULE)}
    runs = train(**keys | OF_MOMENTUM[name] | more, epochs=60, record={"weights": True})
    for number, cell, seed in runs.each():

        def set_momentum(epoch: int, optimizer: torch.optim.Optimizer, loss: Any) -> None:
            optimizer.param_groups[0]["momentum"] = 0.8 * naive.schedule_factor(MOMENTUM_SCHEDULE, epoch)

        initial, final = runs.weights[number]
        expected = torch_epochs(cell, initial, seed, set_momentum)
        assert np.abs(final - expected).max() < 1e-10 * np.abs(expected).max()


@pytest.mark.parametrize(
    "more",
    [
        {},
        pytest.param({"faults": ["round_errors(12)"]}, marks=pytest.mark.slow),
        pytest.param({"precision": "float32", "batch": 1}, marks=pytest.mark.slow),
    ],
)
def test_other_kernels_follow_a_momentum(train: Train, more: dict[str, Any]) -> None:
    """Factors of 0 and of 1 are runs without momentum and with it, whether the rates have a schedule or not."""
    keys = KEYS | more | {"optimizer": "momentum", "learning_rate": 0.1, "epochs": 30, "record": {"weights": True}}
    given = [
        {"momentum_schedule": "linear(0, 0, 1)"},
        {"momentum": 0},
        {"momentum_schedule": "linear(1, 1, 5)", "learning_rate_schedule": "exponential(0.9)"},
        {"learning_rate_schedule": "exponential(0.9)"},
    ]
    without, zero, both, rates = (train(**keys, **each).weights for each in given)
    for ours, theirs in zip([*without, *both], [*zero, *rates], strict=True):
        np.testing.assert_array_equal(ours[1], theirs[1])
    assert not np.array_equal(zero[0][1], rates[0][1])


PLATEAUS: dict[str, dict[str, Any]] = {
    "full": {},
    "mini-batches": {"batch": 5, "order": "shuffled"},
    "now and then": {"evaluate_every": 2},
    "momentum": {"optimizer": "momentum", "momentum": 0.8, "architecture": "2-4-2-1", "learning_rate": 1.0},
    "single precision": {"precision": "float32", "batch": 4},
    "held out": {"learning_rate_schedule": "test_plateau(0.6, 2)", "test": {"fraction": 0.25}},
    "fault": {"faults": ["round_errors(14)"]},
}


class Follower:
    """PyTorch's scheduler for the runs of a cell, stepped after each of its evaluations, and the rates that it sets."""

    def __init__(self, cell: Any) -> None:
        self.schedule, self.every = cell.learning_rate_schedule, cell.evaluate_every // cell.updates_per_epoch
        self.rates: list[float] = []

    def __call__(self, epoch: int, optimizer: torch.optim.Optimizer, loss: Loss) -> None:
        """Before an epoch: take account of the loss after the one before."""
        if epoch == 0:
            factor, patience = self.schedule.args
            self.scheduler = lr_scheduler.ReduceLROnPlateau(optimizer, factor=factor, patience=patience, eps=0)
        elif epoch % self.every == 0:
            self.scheduler.step(loss(self.schedule.name == "test_plateau"))
        self.rates.append(optimizer.param_groups[0]["lr"])


# Kernels of their own, which take long to compile.
LONG = ("single precision", "fault")


@pytest.mark.parametrize("name", [pytest.param(n, marks=[pytest.mark.slow] * (n in LONG)) for n in PLATEAUS])
def test_plateaus_are_those_of_pytorch(train: Train, name: str) -> None:
    keys = KEYS | {"learning_rate": 4.0, "epochs": 60, "learning_rate_schedule": "plateau(0.5, 1)"} | PLATEAUS[name]
    runs = train(**keys, record={"weights": True})
    last = []
    for number, cell, seed in runs.each():
        initial, final = runs.weights[number]
        follower = Follower(cell)
        expected = torch_epochs(cell, initial, seed, follower)
        tolerance = 1e-10 if cell.precision == "float64" else 1e-4
        assert np.abs(final - expected).max() < tolerance * np.abs(expected).max()
        last.append(follower.rates[-1])
    assert min(last) < runs.plan.cell(0).learning_rate
    assert len(set(last)) > 1


def test_plateaus_in_stages_threads_and_other_lanes(tmp_path: Path) -> None:
    """What is kept of a plateau goes with its run, wherever that is trained."""
    keys = {key: value for key, value in KEYS.items() if key != "replicates"} | {"record": {"weights": True}}
    keys |= {"learning_rate": 4.0, "learning_rate_schedule": "plateau(0.7, 20)"}
    keys |= {"batch": 5, "order": "shuffled", "criterion": {"loss": 0.7}, "epochs": 1500}
    whole = studies.run(tmp_path, **keys, seeds=[*range(40)])
    stopping = studies.run(tmp_path, **keys, seeds=[*range(40)], stop="converged")
    few = studies.run(tmp_path, **keys, seeds=[7, 21, 30])
    threads = studies.run(tmp_path, **keys, seeds=[*range(40)], threads=2)
    met = whole.column("epochs_to_converge")
    assert 3 < np.isfinite(met).sum() < 37
    np.testing.assert_array_equal(stopping.column("epochs_to_converge"), met)
    np.testing.assert_array_equal(threads.bits, whole.bits)
    for seed in np.flatnonzero(np.isnan(met)).tolist():
        np.testing.assert_array_equal(stopping.weights[seed][1], whole.weights[seed][1])
    for number, seed in enumerate((7, 21, 30)):
        np.testing.assert_array_equal(few.weights[number][1], whole.weights[seed][1])


def test_epochs_without_end(train: Train) -> None:
    epochs = MOST_EPOCHS + 1
    with pytest.raises(Exception, match=r"learning_rate_schedule: exponential\(0\.9\) has factors for at most"):
        train(**KEYS, learning_rate=0.1, learning_rate_schedule="exponential(0.9)", epochs=epochs)
    assert math.isclose(factors_of(Call("warmup", (5,)), 10**12)[-1], 1.0)
