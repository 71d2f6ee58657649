"""Right programs under any optimizer of the registry, with weight decay, and with rates that fall."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support.right_programs import PLAIN_STEP, with_step

from runner.diagnosis.diagnose import diagnose_program
from runner.ops.optimizers import OPTIMIZERS

MADE = "made, kept = [0], [[0, 0] for _ in range(4)]\n"


def stepping(line: str) -> str:
    """A step of every parameter p with its gradient q; `k` is what is kept for it, and `n` counts updates from 1."""
    return f"""\
    made[0] += 1
    n = made[0]
    for i, (p, q) in enumerate(zip((v, w, c, b), g)):
        k = kept[i]
{"".join(f"        {part}" + chr(10) for part in line.splitlines())}"""


# Each from its paper, or from the documentation of PyTorch.
STEPS = {
    "nesterov": "k[0] = 0.9 * k[0] + q\np -= 0.2 * (q + 0.9 * k[0])",
    "rprop": """\
if n == 1: k[0], k[1] = 0 * q, 0 * q + 0.2
k[1] = np.clip(np.where(q * k[0] > 0, 1.2, np.where(q * k[0] < 0, 0.5, 1)) * k[1], 1e-6, 50)
q = np.where(q * k[0] < 0, 0, q)
p -= np.sign(q) * k[1]
k[0] = q""",
    "quickprop": """\
if n == 1: k[0], k[1] = 0 * q, 0 * q
change = 0 * q
for j in np.ndindex(q.shape):
    r, o, d = q[j], k[0][j], k[1][j]
    if d > 0:
        change[j] = (1.75 * d if r <= 1.75 / 2.75 * o else d * r / (o - r)) - (0.2 * r if r < 0 else 0)
    elif d < 0:
        change[j] = (1.75 * d if r >= 1.75 / 2.75 * o else d * r / (o - r)) - (0.2 * r if r > 0 else 0)
    else:
        change[j] = -0.2 * r
p += change
k[0], k[1] = q, change""",
    "adagrad": "k[0] = k[0] + q * q\np -= 0.2 * q / (np.sqrt(k[0]) + 1e-10)",
    "rmsprop": "k[0] = 0.9 * k[0] + 0.1 * q * q\np -= 0.2 * q / (np.sqrt(k[0]) + 1e-8)",
    "rmsprop with momentum": """\
k[0] = 0.99 * k[0] + 0.01 * q * q
k[1] = 0.9 * k[1] + q / (np.sqrt(k[0]) + 1e-8)
p -= 0.2 * k[1]""",
    "adam": """\
k[0], k[1] = 0.9 * k[0] + 0.1 * q, 0.999 * k[1] + 0.001 * q * q
p -= 0.2 * (k[0] / (1 - 0.9**n)) / (np.sqrt(k[1] / (1 - 0.999**n)) + 1e-7)""",
    "adamw": """\
p *= 1 - 0.2 * 0.01
k[0], k[1] = 0.9 * k[0] + 0.1 * q, 0.999 * k[1] + 0.001 * q * q
p -= 0.2 * (k[0] / (1 - 0.9**n)) / (np.sqrt(k[1] / (1 - 0.999**n)) + 1e-8)""",
    "momentum with weight decay": "k[0] = 0.8 * k[0] + q + 0.05 * p\np -= 0.2 * k[0]",
    "weight decay": "p -= 0.2 * (q + 0.05 * p)",
    "momentum with dampening": "k[0] = q if n == 1 else 0.9 * k[0] + 0.4 * q\np -= 0.2 * k[0]",
}
SAYS = {
    "nesterov": "the optimizer is Nesterov momentum 0.9",
    "rprop": "the optimizer is rprop (eta_minus 0.5, eta_plus 1.2, step_min 1e-06, step_max 50)",
    "quickprop": "the optimizer is quickprop (max_growth 1.75)",
    "adagrad": "the optimizer is adagrad (lr_decay 0, epsilon 1e-10)",
    "rmsprop": "the optimizer is rmsprop (alpha 0.9, epsilon 1e-08, momentum 0)",
    "rmsprop with momentum": "the optimizer is rmsprop (alpha 0.99, epsilon 1e-08, momentum 0.9)",
    "adam": "the optimizer is adam (beta1 0.9, beta2 0.999, epsilon 1e-07)",
    "adamw": "the optimizer is adamw (beta1 0.9, beta2 0.999, epsilon 1e-08)",
    "momentum with weight decay": "weights of layer 1 shrink by 0.01 of themselves in every update (weight_decay)",
    "weight decay": "weights of layer 1 shrink by 0.01 of themselves in every update (weight_decay)",
    "momentum with dampening": "the optimizer is momentum 0.9",
}
FALLING = {
    "p -= 0.2 * 0.95 ** (n - 1) * q": "a learning rate that is multiplied by 0.95 in every update",
    "p -= 0.2 / (1 + 0.1 * (n - 1)) * q": "a learning rate that is divided by 1 + 0.1 n, n updates being made",
    "p -= 0.2 / n ** 0.5 * q": "a learning rate that is divided by the root of 1 + 1 n, n updates being made",
}


@pytest.mark.parametrize("name", STEPS)
def test_an_optimizer_is_recognised_and_its_program_right(name: str, tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(with_step(stepping(STEPS[name]), MADE))
    found = diagnose_program(file)
    assert found.findings == ()
    assert found.right is True
    assert SAYS[name] in found.notes
    assert found.twin is not None
    # Quickprop divides by differences of successive slopes, which makes rounding grow.
    assert found.twin["parts_at"] is None or name == "quickprop"


IN_FLOAT32 = """\
    return [np.float32(v), np.float32(w)], [np.float32(c), np.float32(b)]

def initial(seed):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=n).astype("f") for n in ((3, 2), (1, 3))], [np.zeros(n, "f") for n in (3, 1)]
"""


@pytest.mark.parametrize("name", ["nesterov", "rmsprop", "adam", "adamw", "momentum with weight decay", "weight decay"])
def test_constants_are_those_that_were_written_in_float32_as_well(name: str, tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(with_step(stepping(STEPS[name]) + IN_FLOAT32, MADE))
    found = diagnose_program(file, tmp_path / "out", seeds=1)
    assert found.right is True
    assert SAYS[name] in found.notes
    assert found.twin is not None
    assert found.twin["parts_at"] is None
    assert (tmp_path / "out" / "twin.yaml").exists()


# What stands for dE/dz of the outputs and for a sum over the samples, as PyTorch has both, and the loss that it is.
LOSSES = {
    "BCELoss": ("(out - y) / len(x)", "the cross-entropy, averaged", "binary_cross_entropy"),
    "MSELoss": ("2 * (out - y) * out * (1 - out) / len(x)", "the squared error, averaged", "mse"),
    "MSELoss, summed": ("2 * (out - y) * out * (1 - out)", "the squared error, summed", "sse"),
}


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("in_float32", [False, True])
def test_the_loss_under_an_optimizer_that_divides_it_by_its_size(loss: str, in_float32: bool, tmp_path: Path) -> None:
    """Whether a loss is summed or averaged shows beside epsilon alone, and not in float32: then it is not said."""
    error, name, key = LOSSES[loss]
    text = with_step(stepping(STEPS["adam"]) + IN_FLOAT32 * in_float32, MADE)
    file = tmp_path / "mine.py"
    file.write_text(text.replace("error = (out - y) * out * (1 - out)", f"error = {error}"))
    found = diagnose_program(file, tmp_path / "out", seeds=1)
    told = f"{name} over the samples of a call (loss: {key})"
    if in_float32:
        told = f"{name.split(',')[0]}, but for a constant factor, which does not show under adam"
    assert f"your gradient is that of {told}" in found.notes
    assert found.twin is not None
    assert found.twin["parts_at"] is None
    assert "\nlearning_rate: 0.2\n" in (tmp_path / "out" / "twin.yaml").read_text()


def test_a_mean_over_outputs_is_told(tmp_path: Path) -> None:
    text = with_step(PLAIN_STEP).replace('"2-3-1"', '"2-3-3"').replace("[0], [1], [1], [0]", "[0] * 3, [1] * 3")
    text = text.replace("inputs, targets = [[0, 0], [0, 1], [1, 0], [1, 1]]", "inputs, targets = [[0, 0], [0, 1]]")
    file = tmp_path / "mine.py"
    file.write_text(text.replace("error = (out - y)", "error = 2 / 3 * (out - y) / len(y)"))
    told = "the squared error, averaged over the samples of a call and over the outputs (loss: mse)"
    assert f"your gradient is that of {told}" in diagnose_program(file).notes


def test_a_cross_entropy_that_is_summed_has_no_twin_under_adam(tmp_path: Path) -> None:
    """No learning rate makes up for another constant of the loss."""
    file = tmp_path / "mine.py"
    text = with_step(stepping(STEPS["adam"]), MADE).replace("error = (out - y) * out * (1 - out)", "error = out - y")
    file.write_text(text)
    found = diagnose_program(file, tmp_path / "out", seeds=1)
    assert found.right is True
    assert "there is no twin.yaml: the constant of the loss, which counts beside the optimizer's epsilon" in found.notes


@pytest.mark.parametrize("line", FALLING)
def test_a_rate_that_falls_is_told(line: str, tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(with_step(stepping(line), MADE))
    found = diagnose_program(file)
    assert found.right is True
    assert f"the optimizer is gradient descent with {FALLING[line]}" in found.notes


def test_weights_alone_may_shrink(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(with_step(PLAIN_STEP.replace("-= ", "*= 0.99 if parameter is w else 1; parameter -= ")))
    found = diagnose_program(file)
    assert found.right is True
    assert "weights of layer 2 shrink by 0.01 of themselves in every update (weight_decay)" in found.notes


@pytest.mark.parametrize("name", ["adam", "rmsprop", "momentum with weight decay"])
def test_a_fault_is_named_under_an_optimizer(name: str, tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(
        with_step(stepping(STEPS[name]), MADE).replace("below = error @ w * (a * (1 - a))", "below = error @ w * a")
    )
    assert [finding.fault for finding in diagnose_program(file).findings] == ["slope_is_activation(layer=1)"]


@pytest.mark.parametrize("name", [name for name, record in OPTIMIZERS.items() if record.iteration is None])
def test_the_registry_runs_in_numpy(name: str) -> None:
    """Every optimizer that changes each weight by itself, also one that is added: what `diagnose` recognises it by."""
    record = OPTIMIZERS[name]
    w, g, h = (
        np.array([1.0, -2.0]),
        np.array([0.5, 0.25]),
        list(map(np.float64, [*record.settings.values(), *[0.0] * 6][:6])),
    )
    h[5] = 0.0
    if not record.keeps_state:
        assert np.allclose(record.update(w, g, h, 0.1), w - 0.1 * g)
        return
    clock = record.tick(h, tuple(map(np.float64, record.clock)), np.float64(0.5))
    new, state = record.update(w, g, (0 * g, 0 * g), h, clock, 0.1)
    assert np.isfinite(new).all()
    assert len(state) == 2
    assert (np.sign(w - new) == np.sign(g)).all()
