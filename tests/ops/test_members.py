"""Every activation, loss and optimizer by itself: against PyTorch in float64, the paper in NumPy, and differences.

How they work together in networks is compared in tests/kernels/test_torch.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from support import studies
from torch.nn import functional

from runner import testing
from runner.kernels.train import train_block
from runner.ops import ACTIVATIONS, LOSSES, OPTIMIZERS, Members
from runner.ops.members import CORE_ACTIVATIONS, CORE_LOSSES, CORE_OPTIMIZERS

Tensor = torch.Tensor

TORCH_ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "relu": torch.relu,
    "leaky_relu": functional.leaky_relu,
    "identity": lambda z: 1.0 * z,
    "softplus": functional.softplus,
    "softsign": functional.softsign,
    "elu": functional.elu,
    "selu": functional.selu,
    "gelu": functional.gelu,
    "gelu_tanh": lambda z: functional.gelu(z, approximate="tanh"),
    "silu": functional.silu,
    "mish": functional.mish,
    "hardtanh": functional.hardtanh,
    "relu6": functional.relu6,
    "sin": torch.sin,
    "gaussian": lambda z: torch.exp(-(z**2)),
    "cube": lambda z: z**3,
    "scaled_tanh": lambda z: 1.7159 * torch.tanh(2 / 3 * z),
    "symmetric_sigmoid": lambda z: torch.sigmoid(z) - 0.5,
}
# Losses as PyTorch has them, with its reduction, of outputs y and targets t.
TORCH_LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "half_sse": lambda y, t: 0.5 * functional.mse_loss(y, t, reduction="sum"),
    "sse": lambda y, t: functional.mse_loss(y, t, reduction="sum"),
    "half_mse": lambda y, t: 0.5 * functional.mse_loss(y, t, reduction="sum") / len(t),
    "mse": functional.mse_loss,
    "mae": functional.l1_loss,
    "huber": functional.huber_loss,
    "smooth_l1": functional.smooth_l1_loss,
    "log_cosh": lambda y, t: torch.log(torch.cosh(y - t)).mean(),
    "hinge": lambda y, t: torch.clamp(1 - y * t, min=0).mean(),
    "squared_hinge": lambda y, t: (torch.clamp(1 - y * t, min=0) ** 2).mean(),
}
TORCH_OPTIMIZERS: dict[str, tuple[Callable[..., torch.optim.Optimizer], dict[str, Any]]] = {
    "sgd": (torch.optim.SGD, {}),
    "momentum": (torch.optim.SGD, {"momentum": 0.9}),
    "nesterov": (torch.optim.SGD, {"momentum": 0.9, "nesterov": True}),
    "rprop": (torch.optim.Rprop, {}),
    "irprop_minus": (torch.optim.Rprop, {}),
    "adagrad": (torch.optim.Adagrad, {}),
    "rmsprop": (torch.optim.RMSprop, {}),
    "adam": (torch.optim.Adam, {}),
    "adamw": (torch.optim.AdamW, {}),
    "adadelta": (torch.optim.Adadelta, {}),
    "adamax": (torch.optim.Adamax, {}),
    "nadam": (torch.optim.NAdam, {}),
    "radam": (torch.optim.RAdam, {}),
}
# What makes a method's defaults those of PyTorch, and other settings, with their names there.
SETTINGS: dict[str, list[tuple[dict[str, float], dict[str, Any]]]] = {
    "adadelta": [({"alpha": 0.8, "epsilon": 1e-4}, {"rho": 0.8, "eps": 1e-4})],
    "adamax": [({"beta1": 0.8, "beta2": 0.9, "epsilon": 1e-3}, {"betas": (0.8, 0.9), "eps": 1e-3})],
    "nadam": [
        ({"beta1": 0.8, "beta2": 0.9, "epsilon": 1e-3}, {"betas": (0.8, 0.9), "eps": 1e-3}),
        ({"beta1": 0.0, "beta2": 0.0}, {"betas": (0.0, 0.0)}),
    ],
    "radam": [
        ({"beta1": 0.8, "beta2": 0.9, "epsilon": 1e-3}, {"betas": (0.8, 0.9), "eps": 1e-3}),
        ({"beta1": 0.0, "beta2": 0.5}, {"betas": (0.0, 0.5)}),
    ],
}
Z = np.concatenate([np.linspace(-7, 7, 999), [0.0, -0.0, 1.0, -1.0, 6.0, 30.0, -30.0]])
UPDATES = 50


@pytest.fixture(autouse=True)
def _float64() -> Iterator[None]:
    """PyTorch keeps the momentum of NAdam in its default type, whatever that of the weights is."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def by_torch(function: Callable[..., Tensor], *arguments: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Values of a function of one number and its derivative by the first argument."""
    x, *others = (torch.tensor(each, requires_grad=k == 0) for k, each in enumerate(arguments))
    y = function(x, *others)
    y.sum().backward()
    return y.detach().numpy(), x.grad.numpy()


@pytest.mark.parametrize("name", TORCH_ACTIVATIONS)
def test_activations_are_those_of_pytorch(name: str) -> None:
    a, slopes = testing.activation_values(name, Z)
    expected, expected_slopes = by_torch(TORCH_ACTIVATIONS[name], Z)
    assert a == pytest.approx(expected, rel=1e-14, abs=1e-15)
    # PyTorch itself loses digits of some slopes, such as that of gelu('tanh') below -5.
    assert slopes == pytest.approx(expected_slopes, rel=1e-13, abs=1e-14)


def test_the_offset_of_fahlman_is_in_the_slope_alone() -> None:
    a, slopes = testing.activation_values("offset_sigmoid", Z)
    sigmoid, derivative = by_torch(torch.sigmoid, Z)
    assert a == pytest.approx(sigmoid, rel=1e-14)
    assert slopes == pytest.approx(derivative + 0.1, rel=1e-14)


@pytest.mark.parametrize("name", [name for name in ACTIVATIONS if name != "softmax"])
def test_every_activation_passes_the_check_for_own_pieces(name: str) -> None:
    testing.check_activation(name)


@pytest.mark.parametrize("name", TORCH_LOSSES)
def test_losses_are_those_of_pytorch(name: str) -> None:
    y = np.linspace(-2.5, 2.5, 60)
    t = np.tile(LOSSES[name].classes or (-1.0, 0.0, 0.5), 60)[:60]
    values, slopes = testing.loss_values(name, y, t)
    factor = LOSSES[name].factor / {"sum": 1, "samples": 20, "elements": 60}[LOSSES[name].per]
    y_torch = torch.tensor(y.reshape(20, 3), requires_grad=True)
    loss = TORCH_LOSSES[name](y_torch, torch.tensor(t.reshape(20, 3)))
    loss.backward()
    assert factor * values.sum() == pytest.approx(loss.item(), rel=1e-13)
    assert factor * slopes == pytest.approx(y_torch.grad.numpy().ravel(), rel=1e-13, abs=1e-16)


def test_the_hyperbolic_error_is_that_of_fahlmans_program() -> None:
    """... whose slope is log((1 + d) / (1 - d)) for d = t - y, and 17 where the log would be larger."""
    y = np.concatenate([np.linspace(-0.999, 0.999, 41), [1.0, -1.0, 1.5, -3.0]])
    values, slopes = testing.loss_values("hyperbolic", y, np.zeros_like(y))
    with np.errstate(all="ignore"):
        inside = np.log((1 + y) / (1 - y))
    expected = np.where(np.abs(y) > 0.9999999, 17.0 * np.sign(y), inside)
    assert slopes == pytest.approx(expected, rel=1e-12, abs=1e-15)
    # The integral of the slope, by a fine sum from 0 on.
    for at, value in zip(y[:41:8], values[:41:8], strict=True):
        x = np.linspace(0, at, 200_001)
        assert value == pytest.approx(np.trapezoid(np.log((1 + x) / (1 - x)), x), rel=1e-6, abs=1e-12)


@pytest.mark.parametrize("name", [name for name, record in LOSSES.items() if not record.fused])
def test_every_loss_passes_the_check_for_own_pieces(name: str) -> None:
    testing.check_loss(name)


def bowl(w: np.ndarray) -> np.ndarray:
    """The gradient of a function with valleys, so that signs change: sum(w^4 - w^2 + w / 4)."""
    return 4 * w**3 - 2 * w + 0.25


def height(w: np.ndarray) -> float:
    return float((w**4 - w**2 + w / 4).sum())


START = np.linspace(-1.4, 1.3, 12)


def runs(name: str) -> list[tuple[dict[str, float], dict[str, Any], float]]:
    """Settings here, in PyTorch, and weight decay."""
    plain: list[tuple[dict[str, float], dict[str, Any]]] = [({}, {}), *SETTINGS.get(name, [])]
    decays = (0.0,) if "rprop" in name else (0.0, 0.1)
    return [(ours, theirs, decay) for ours, theirs in plain for decay in decays]


@pytest.mark.parametrize("name", TORCH_OPTIMIZERS)
def test_optimizers_are_those_of_pytorch(name: str) -> None:
    make, fixed = TORCH_OPTIMIZERS[name]
    for ours, theirs, decay in runs(name):
        w = torch.tensor(START, requires_grad=True)
        optimizer = make([w], lr=0.01, **fixed, **theirs, **({"weight_decay": decay} if "rprop" not in name else {}))
        found = testing.updated_weights(name, START, [bowl] * UPDATES, 0.01, settings=ours, weight_decay=decay)
        for k in range(UPDATES):
            w.grad = torch.tensor(bowl(w.detach().numpy()))
            optimizer.step()
            assert found[k] == pytest.approx(w.detach().numpy(), rel=1e-10, abs=1e-12), (k, ours, decay)
        assert np.abs(found[-1] - START).max() > 0.001


def own_rprop(back: str) -> Callable[..., np.ndarray]:
    """Algorithms 1 to 4 of Igel and Huesken (2003), weight by weight.

    Parameters
    ----------
    back : {"never", "always", "worse"}
        When the last change of a weight whose gradient has changed its sign is taken back.
    """

    def train(w: np.ndarray, rate: float, n: int) -> np.ndarray:
        w = w.copy()
        step, before, change, last = np.full_like(w, rate), np.zeros_like(w), np.zeros_like(w), math.inf
        for _ in range(n):
            g, error = bowl(w), height(w)
            for i in range(len(w)):
                if before[i] * g[i] > 0:
                    step[i] = min(step[i] * 1.2, 50.0)
                    change[i] = -np.sign(g[i]) * step[i]
                    before[i] = g[i]
                elif before[i] * g[i] < 0:
                    step[i] = max(step[i] * 0.5, 1e-6)
                    if back == "never":
                        change[i], before[i] = -np.sign(g[i]) * step[i], g[i]
                    else:
                        change[i] = -change[i] if back == "always" or error > last else 0.0
                        before[i] = 0.0
                else:
                    change[i] = -np.sign(g[i]) * step[i]
                    before[i] = g[i]
                w[i] += change[i]
            last = error
        return w

    return train


def own_supersab(w: np.ndarray, rate: float, n: int) -> np.ndarray:
    """Tollenaere's (1990) rule without momentum, weight by weight."""
    w = w.copy()
    rates, before, change = np.full_like(w, rate), np.zeros_like(w), np.zeros_like(w)
    for _ in range(n):
        g = bowl(w)
        for i in range(len(w)):
            if before[i] * g[i] < 0:
                rates[i] *= 0.5
                change[i], before[i] = -change[i], 0.0
            else:
                rates[i] *= 1.05 if before[i] * g[i] > 0 else 1.0
                change[i], before[i] = -rates[i] * g[i], g[i]
            w[i] += change[i]
    return w


def own_delta_bar_delta(w: np.ndarray, rate: float, n: int) -> np.ndarray:
    """Jacobs' (1988) rule, weight by weight."""
    w = w.copy()
    rates, averages = np.full_like(w, rate), np.zeros_like(w)
    for _ in range(n):
        g = bowl(w)
        for i in range(len(w)):
            if averages[i] * g[i] > 0:
                rates[i] += 0.1
            elif averages[i] * g[i] < 0:
                rates[i] *= 1 - 0.5
            averages[i] = (1 - 0.7) * g[i] + 0.7 * averages[i]
            w[i] -= rates[i] * g[i]
    return w


def own_lion(w: np.ndarray, rate: float, n: int) -> np.ndarray:
    """Algorithm 2 of Chen et al. (2023), with weight decay 0.1."""
    m = np.zeros_like(w)
    for _ in range(n):
        g = bowl(w)
        w = w - rate * (np.sign(0.9 * m + 0.1 * g) + 0.1 * w)
        m = 0.99 * m + 0.01 * g
    return w


BY_HAND: dict[str, tuple[Callable[..., np.ndarray], float, float]] = {
    "rprop_minus": (own_rprop("never"), 0.01, 0.0),
    "rprop_plus": (own_rprop("always"), 0.01, 0.0),
    "irprop_plus": (own_rprop("worse"), 0.01, 0.0),
    "supersab": (own_supersab, 0.05, 0.0),
    "delta_bar_delta": (own_delta_bar_delta, 0.05, 0.0),
    "lion": (own_lion, 0.003, 0.1),
}


class Heights:
    """The losses of the weights that the gradient was asked for."""

    def __init__(self) -> None:
        self.seen: list[float] = []

    def gradient(self, w: np.ndarray) -> np.ndarray:
        self.seen.append(height(w))
        return bowl(w)

    def __getitem__(self, k: int) -> float:
        return self.seen[k]


@pytest.mark.parametrize("name", BY_HAND)
@pytest.mark.parametrize("updates", [1, 2, 12, 60])
def test_optimizers_that_pytorch_lacks_are_those_of_their_papers(name: str, updates: int) -> None:
    train, rate, decay = BY_HAND[name]
    heights = Heights()
    (*_, found) = testing.updated_weights(name, START, [heights.gradient] * updates, rate, heights, weight_decay=decay)
    assert found == pytest.approx(train(START, rate, updates), rel=1e-9, abs=1e-11)


def test_taking_back_makes_the_members_of_the_family_differ() -> None:
    ends = [train(START, 0.3, 40) for train in map(own_rprop, ("never", "always", "worse"))]
    assert len({end.tobytes() for end in ends}) == 3


FIRST_ORDER = [name for name, record in OPTIMIZERS.items() if record.iteration is None]


@pytest.mark.parametrize("name", FIRST_ORDER)
def test_every_optimizer_passes_the_check_for_own_pieces(name: str) -> None:
    testing.check_optimizer(name)


def test_every_member_has_an_outside_truth() -> None:
    by_others = {
        "step",
        "sign",
        "softmax",
        "offset_sigmoid",
        "quickprop",
        "binary_cross_entropy",
        "cross_entropy",
        "hyperbolic",
        "multi_class_hinge",  # tests/kernels/test_pairwise.py
    }
    compared = {*TORCH_ACTIVATIONS, *TORCH_LOSSES, *TORCH_OPTIMIZERS, *BY_HAND, *by_others}
    # Methods of second order: tests/kernels/test_second_order.py.
    assert compared == {*ACTIVATIONS, *LOSSES, *FIRST_ORDER}


# Sets of members and their kernels.


def test_members_of_the_core_have_the_same_codes_in_every_set() -> None:
    core, more = Members(), Members(("mish", "elu"), ("mae",), ("lion",))
    assert [more.activation(name) for name in CORE_ACTIVATIONS] == list(range(len(CORE_ACTIVATIONS)))
    assert [core.loss(name) for name in CORE_LOSSES] == [more.loss(name) for name in CORE_LOSSES]
    assert [core.optimizer(name) for name in CORE_OPTIMIZERS] == [more.optimizer(name) for name in CORE_OPTIMIZERS]
    # In the order of the registry, whatever the order they are given in.
    assert more.activation("elu") == len(CORE_ACTIVATIONS) == more.activation("mish") - 1
    assert core.name == ""
    assert more.name == Members(("elu", "sigmoid", "mish"), ("mae", "mse"), ("lion",)).name != ""


OTHERS = [
    *({"activation": name} for name in TORCH_ACTIVATIONS if name not in CORE_ACTIVATIONS),
    *({"output": name} for name in ("elu", "gelu", "scaled_tanh")),
    *({"loss": name} for name in TORCH_LOSSES if name not in CORE_LOSSES and not LOSSES[name].classes),
    *({"optimizer": name} for name in TORCH_OPTIMIZERS if name not in CORE_OPTIMIZERS),
    {"activation": "elu", "loss": "huber", "optimizer": "nadam"},
]
IRPROP_PLUS = {"optimizer": "irprop_plus", "learning_rate": 0.3, "updates": 60, "evaluate_every": 7}
PLAIN = {"activation": "tanh", "output": "sigmoid", "loss": "mse", "optimizer": "sgd"}


@pytest.fixture(scope="module")
def others(tmp_path_factory: pytest.TempPathFactory) -> studies.Runs:
    """A study of members beyond the core, and one run of the core."""
    folder = tmp_path_factory.mktemp("others")
    return studies.run(
        folder,
        data=studies.write_samples(folder),
        architecture="3-4-3",
        learning_rate=0.02,
        updates=40,
        seed=1,
        bias_init="uniform(-0.5, 0.5)",
        record={"weights": True},
        sweep={
            "zip": [PLAIN, *(PLAIN | row for row in OTHERS)],
            "include": [PLAIN | IRPROP_PLUS | {"batch": batch} for batch in ("full", 3)],
        },
    )


def fits(cell: Any, keys: dict[str, Any]) -> bool:
    return all(getattr(cell, key) == value for key, value in ({"batch": "full"} | keys).items())


def test_networks_of_other_members_are_those_of_pytorch(others: studies.Runs) -> None:
    for number, cell, _ in others.each():
        if cell.optimizer == "irprop_plus":
            continue
        initial, final = others.weights[number]
        parts = [torch.tensor(part, requires_grad=True) for part in np.split(initial, [12, 16, 28])]
        make, fixed = TORCH_OPTIMIZERS[cell.optimizer]
        optimizer = make(parts, lr=0.02, **fixed)
        x, t = torch.tensor(cell.data_set.inputs), torch.tensor(cell.data_set.targets)
        for _ in range(40):
            optimizer.zero_grad()
            W1, b1, W2, b2 = parts
            a = TORCH_ACTIVATIONS[cell.activation](x @ W1.reshape(4, 3).T + b1)
            y = TORCH_ACTIVATIONS[cell.output](a @ W2.reshape(3, 4).T + b2)
            TORCH_LOSSES[cell.loss](y, t).backward()
            optimizer.step()
        expected = torch.cat([part.detach() for part in parts]).numpy()
        assert studies.relative(final, expected) < 1e-10, cell.texts
        assert studies.relative(final, initial) > 1e-4, cell.texts


def test_a_member_of_the_core_has_the_same_bits_in_every_kernel(others: studies.Runs, tmp_path: Any) -> None:
    keys = {"architecture": "3-4-3", "learning_rate": 0.02, "updates": 40, "seed": 1} | PLAIN
    keys |= {"bias_init": "uniform(-0.5, 0.5)", "record": {"weights": True}}
    core = studies.run(tmp_path, data=studies.write_samples(tmp_path), **keys)
    assert np.array_equal(core.bits[0], others.bits[0])
    assert np.array_equal(core.weights[0][1], others.weights[0][1])
    # The first argument is the network, whose kind names the tables.
    assert len({kind[1] for kind in train_block.addresses}) >= 2, "there are two kernels"


@pytest.mark.parametrize("case", [{"evaluate_every": 7}, {"batch": 3, "evaluate_every": 7}])
def test_irprop_plus_in_a_network_knows_the_loss_of_every_batch(others: studies.Runs, case: dict[str, Any]) -> None:
    """Full batches that are evaluated rarely, and mini-batches: 60 updates by hand."""
    (number,) = (n for n, cell, _ in others.each() if cell.optimizer == "irprop_plus" and fits(cell, case))
    cell, (initial, final) = others.plan.cell(number), others.weights[number]
    assert studies.relative(final, irprop_plus_by_hand(cell, initial, case.get("batch", 7), False)) < 1e-8


@pytest.mark.slow
def test_irprop_plus_with_a_fault_of_one_layer(tmp_path: Any) -> None:
    """By the kernel that looks its formulas up. With other seeds a last bit may decide the sign of a gradient."""
    keys = PLAIN | {"architecture": "3-4-3", "optimizer": "irprop_plus", "learning_rate": 0.3, "updates": 60}
    keys |= {"seed": 2, "record": {"weights": True}, "faults": "no_factor(layer=1)"}
    found = studies.run(tmp_path, data=studies.write_samples(tmp_path), **keys)
    expected = irprop_plus_by_hand(found.plan.cell(0), found.weights[0][0], 7, True)
    assert studies.relative(found.weights[0][1], expected) < 1e-8


def irprop_plus_by_hand(cell: Any, initial: np.ndarray, batch: int, no_factor: bool) -> np.ndarray:
    W1, b1, W2, b2 = np.split(initial.copy(), [12, 16, 28])
    W1, W2 = W1.reshape(4, 3), W2.reshape(3, 4)
    w = [W1, b1, W2, b2]
    step, before = [np.full_like(p, 0.3) for p in w], [np.zeros_like(p) for p in w]
    change, last = [np.zeros_like(p) for p in w], math.inf
    x, t = cell.data_set.inputs, cell.data_set.targets
    parts = [slice(k, min(k + batch, 7)) for k in range(0, 7, batch)]
    for made in range(60):
        some = parts[made % len(parts)]
        a = np.tanh(x[some] @ w[0].T + w[1])
        y = 1 / (1 + np.exp(-(a @ w[2].T + w[3])))
        error = y - t[some]
        # The sum of the squared errors: batches of other sizes are compared by it too.
        loss = (error**2).sum()
        d2 = 2 * error / error.size * y * (1 - y)
        d1 = d2 @ w[2] * (1 - a * a)
        of_inputs = np.ones_like(x[some]) if no_factor else x[some]
        gradient = [d1.T @ of_inputs, d1.sum(0), d2.T @ a, d2.sum(0)]
        for k, g in enumerate(gradient):
            agreement = np.sign(before[k] * g)
            factor = np.where(agreement > 0, 1.2, np.where(agreement < 0, 0.5, 1.0))
            step[k] = np.clip(step[k] * factor, 1e-6, 50.0)
            back = -change[k] if loss > last else np.zeros_like(g)
            change[k] = np.where(agreement < 0, back, -np.sign(g) * step[k])
            before[k] = np.where(agreement < 0, 0.0, g)
            w[k] = w[k] + change[k]
        last = loss
    return np.concatenate([p.ravel() for p in w])
