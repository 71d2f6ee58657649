"""Networks of runs: their outputs are those that were measured in training, and the same in other libraries."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from onnxruntime import InferenceSession
from sklearn.datasets import load_iris
from sklearn.metrics import accuracy_score
from support import naive

import runner
from runner.data import SCALINGS
from runner.data.coding import coding_of
from runner.data.files.samples import Samples
from runner.data.load import load_raw
from runner.networks.activations import CONVERSIONS, conversion
from runner.networks.network import Network
from runner.ops import ACTIVATIONS, FAULTS
from runner.registry import Call

RNG = np.random.default_rng(3)
X = RNG.normal(3, 2, (12, 3))
Y = np.column_stack([np.sin(X[:, 0]), X[:, 1] * X[:, 2] / 20 + 0.3])
KEYS: dict[str, Any] = {
    "data": (X, Y),
    "architecture": "3-5-4-2",
    "init": "normal(0, 0.7)",
    "learning_rate": 0.01,
    "epochs": 30,
    "record": {"weights": True},
}
# What the kernels and NumPy may differ by: the order of a sum and the last digit of an exponential, layer after layer.
CLOSE: dict[str, dict[str, float]] = {
    "float64": {"rtol": 1e-12, "atol": 1e-13},
    "float32": {"rtol": 1e-4, "atol": 1e-5},
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which everything happens."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def trained(**keys: Any) -> tuple[Network, Any, runner.Study]:
    """The network of a study of one run, its row, and the study."""
    study = runner.study(**{**KEYS, **keys})
    results = runner.run(study)
    return results.network(results.runs.run_id[0]), results.runs.iloc[0], study


def in_onnx(network: Network, x: Any) -> Any:
    """What ONNX Runtime computes."""
    session = InferenceSession(network.to_onnx().SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(["outputs"], {"inputs": np.asarray(x, network.dtype)})[0]


def in_torch(network: Network, x: Any) -> Any:
    """What PyTorch computes."""
    kind = torch.float64 if network.dtype == np.float64 else torch.float32
    return network.to_torch()(torch.tensor(np.asarray(x), dtype=kind)).detach().numpy()


def assert_measured(network: Network, row: Any, study: runner.Study) -> None:
    """The network's outputs on its own samples have the errors that stand in its row."""
    data = runner.plan(study).cell(0).data_set
    errors = network.outputs_in_range(data.inputs).astype(float) - data.targets
    close = CLOSE[row.precision]
    np.testing.assert_allclose((errors**2).mean(), row.mse, **close)
    np.testing.assert_allclose(np.abs(errors).max(), row.max_error, **close)


CORE = {"sigmoid", "tanh", "relu", "leaky_relu", "identity", "softplus", "softsign", "step", "softmax"}
ACTIVATION_PAIRS = [(name, "identity") for name, record in ACTIVATIONS.items() if record.hidden] + [
    ("tanh", name) for name, record in ACTIVATIONS.items() if record.output
]


@pytest.mark.parametrize(("activation", "output"), ACTIVATION_PAIRS)
def test_every_activation_leaves_or_says_that_it_cannot(activation: str, output: str) -> None:
    if not {activation, output} <= set(CONVERSIONS):
        said = r"^activation \w+ is known to the kernels only; networks with sigmoid, tanh, "
        with pytest.raises(runner.RunnerError, match=said):
            _ = [conversion(name) for name in (activation, output)]
        return
    if {activation, output} <= CORE:  # the others have kernels of their own, which take long to compile
        network, row, study = trained(activation=activation, output=output)
        assert_measured(network, row, study)
    else:
        sizes = [(5, 3), (4, 5), (2, 4)]
        layers = [(RNG.normal(0, 0.7, size), RNG.normal(0, 0.7, size[0])) for size in sizes]
        coding = coding_of(Samples(X, Y), Call("none"), "none", None)
        network = Network("0", (3, 5, 4, 2), activation, output, layers, coding)
    x = np.vstack([X, 8 * RNG.normal(size=(8, 3)), np.zeros((1, 3))])
    outputs = network.outputs(x)
    assert outputs.shape == (21, 2)
    np.testing.assert_allclose(in_torch(network, x), outputs, **CLOSE["float64"])
    np.testing.assert_allclose(in_onnx(network, x), outputs, **CLOSE["float64"])
    single = Network("0", network.architecture, activation, output, [], network.coding)
    single.weights[:] = [(W.astype(np.float32), b.astype(np.float32)) for W, b in network.weights]
    if "step" not in (activation, output):  # which may fall on either side
        for other in (in_torch(single, X), in_onnx(single, X)):
            assert other.dtype == np.float32
            np.testing.assert_allclose(other, network.outputs(X), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_functions_are_those_of_the_definition(name: str) -> None:
    if name not in naive.ACTIVATIONS and name != "softmax":
        pytest.skip("has no plain definition in the tests")
    z = np.array([[-800.0, -1.5, -1e-9, 0.0], [1e-9, 0.5, 30.0, 800.0]])
    expected = naive.softmax(z) if name == "softmax" else naive.ACTIVATIONS[name][0](z)
    np.testing.assert_allclose(conversion(name).in_numpy(z), expected, rtol=1e-13)


@pytest.mark.parametrize("precision", ["float64", "float32"])
@pytest.mark.parametrize(
    "keys",
    [
        {"bias": "trained", "bias_init": "normal(0, 1)"},
        {"bias": "shared", "bias_init": "normal(0, 1)"},
        {"bias": "none"},
        {"bias": 0.75},
        {"parameterization": "mean_field"},
        {"activation": ("tanh", "relu")},
        {"gain": 1.7, "bias": 0.5},
        {"shortcuts": "all", "target_range": [0.1, 0.9], "scaling": "standardize"},
        {"shortcuts": "input_output", "parameterization": "mean_field"},
        {"architecture": "3-2", "output": "tanh"},
        {"target_range": [0.1, 0.9]},
        {"optimizer": "adam", "batch": 5, "order": "shuffled"},
    ],
    ids=str,
)
def test_outputs_are_those_of_the_training(keys: dict[str, Any], precision: str) -> None:
    network, row, study = trained(precision=precision, **keys)
    assert network.dtype == precision
    assert_measured(network, row, study)
    outputs = network.outputs(X)
    for other in (in_torch(network, X), in_onnx(network, X)):
        np.testing.assert_allclose(other, outputs, **CLOSE[precision])
    if "target_range" in keys:  # back in the units of the data
        low, high = Y.min(), Y.max()
        expected = low + (network.outputs_in_range(network.coding.scale(X)) - 0.1) / 0.8 * (high - low)
        np.testing.assert_allclose(outputs, expected, **CLOSE[precision])


def test_runs_that_differ_in_bias_and_shortcuts_share_a_file() -> None:
    study = runner.study(**KEYS, bias=["trained", "shared", "none", 0.5], shortcuts=["none", "all", "input_output"])
    results = runner.run(study)
    for k, row in results.runs.iterrows():
        data = runner.plan(study).cell(int(k)).data_set
        errors = results.network(row).outputs_in_range(data.inputs) - data.targets
        np.testing.assert_allclose((errors**2).mean(), row.mse, **CLOSE["float64"])


@pytest.mark.parametrize("scaling", [name if name != "divide" else "divide(4)" for name in SCALINGS])
def test_raw_inputs_are_scaled_as_in_training(scaling: str) -> None:
    wide = np.column_stack([X[:, 0] * 1e3, X[:, 1], np.full(len(X), 2.5)])
    network, row, study = trained(data=(wide, Y), scaling=scaling)
    data = runner.plan(study).cell(0).data_set
    assert (network.coding.scale(wide) == data.inputs).all()
    assert_measured(network, row, study)
    others = np.vstack([wide, wide[:3] * 1.7 + 0.3])
    outputs = network.outputs(others)
    np.testing.assert_allclose(in_torch(network, others), outputs, rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(in_onnx(network, others), outputs, rtol=1e-11, atol=1e-12)
    # By the formulas of docs/data.md, from the samples that it was trained on.
    low, high, mean, deviation = wide.min(0), wide.max(0), wide.mean(0), wide.std(0)
    with np.errstate(divide="ignore", invalid="ignore"):
        expected = {
            "none": others,
            "minmax": np.where(high > low, (others - low) / (high - low), 0),
            "max": others / np.abs(wide).max(0),
            "standardize": np.where(deviation > 1e-9, (others - mean) / deviation, 0),
            "divide(4)": others / 4,
            "sigmoid": 1 / (1 + np.exp(-others)),
        }[scaling]
    np.testing.assert_allclose(network.coding.scale(others), expected, rtol=1e-12, atol=1e-13)


# Beside those that round sums and outputs, which have a parameter.
FORWARD = (
    *("bias_outside", "sum_from_last_output", "softmax_over_batch", "softmax_over_all", "hard_threshold"),
    "exponent_sign",
)


@pytest.mark.parametrize("name", [name for name, fault in FAULTS.items() if not fault.parameters])
def test_a_network_with_a_fault_gives_what_was_measured_or_is_refused(name: str) -> None:
    keys: dict[str, Any] = {"architecture": "3-3-2", "faults": (name,), "learning_rate": 1e-3, "epochs": 5}
    for more in ({}, {"output": "softmax", "loss": "cross_entropy"}, {"batch": 1}, {"architecture": "3-2"}):
        try:
            study = runner.study(**{**KEYS, **keys, **more})
            break
        except runner.StudyError:
            continue
    else:
        pytest.skip("needs other settings")
    results = runner.run(study)
    if name in FORWARD:
        with pytest.raises(runner.RunnerError, match=rf"has the fault {name}, with which its network gives other"):
            results.network(results.runs.iloc[0])
    elif np.isfinite(results.runs.mse[0]):
        assert_measured(results.network(results.runs.iloc[0]), results.runs.iloc[0], study)


def iris(**keys: Any) -> runner.Results:
    """Results of a small classifier."""
    study = runner.study(
        name="iris",
        architecture="4-5-3",
        target_encoding="one_hot",
        scaling="standardize",
        activation="tanh",
        output="softmax",
        loss="cross_entropy",
        optimizer="adam",
        learning_rate=0.02,
        epochs=100,
        replicates=3,
        **keys,
    )
    return runner.run(study)


def test_classes_are_the_labels_of_the_data() -> None:
    bunch = load_iris()
    for target in (bunch.target, bunch.target_names[bunch.target], bunch.target * 10 - 5):
        results = iris(data=(bunch.data, target), record={"weights": True})
        best = results.best("accuracy")
        network = results.network(best)
        predicted = network.predict(bunch.data)
        assert predicted.dtype.kind == np.asarray(target).dtype.kind or predicted.dtype == float
        assert (predicted == target).mean() == pytest.approx(best.accuracy)
        estimator = network.to_sklearn()
        assert estimator.score(bunch.data, target) == pytest.approx(best.accuracy)
        assert (estimator.predict(bunch.data) == predicted).all()
        np.testing.assert_allclose(estimator.predict_proba(bunch.data), network.outputs(bunch.data))
        assert sorted(set(target)) == estimator.classes_.tolist()


def test_weights_that_were_not_recorded_are_trained_again() -> None:
    bunch = load_iris()
    kept = iris(data=bunch, record={"weights": True})
    run_id = kept.runs.run_id[1]
    first = kept.network(run_id)
    kept.parent.joinpath("weights.npz").unlink()
    second = kept.network(run_id[:9])
    for (W, b), (V, c) in zip(first.weights, second.weights, strict=True):
        assert (W == V).all()
        assert (b == c).all()
    assert (kept.parent / "replay" / run_id / "weights.npz").exists()
    text = kept.read_text()
    at = max(text.rfind(digit) for digit in "0123456789")
    kept.table.write_text(f"{text[:at]}{'1' if text[at] != '1' else '2'}{text[at + 1 :]}")
    with pytest.raises(runner.RunnerError, match=r"does not train to the row that is in .*: replay iris \w{16} tells"):
        kept.network(kept.runs.run_id[2])


def test_the_estimator_is_one_of_scikit_learn() -> None:
    from sklearn.base import is_classifier, is_regressor
    from sklearn.inspection import permutation_importance

    x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    network, row, _ = trained(data="xor", architecture="2-4-1", learning_rate=2, epochs=1000)
    classifier = network.to_sklearn()
    assert is_classifier(classifier)
    assert accuracy_score([0, 1, 1, 0], classifier.predict(x)) == row.accuracy
    np.testing.assert_allclose(classifier.predict_proba(x).sum(1), 1)
    assert (pickle.loads(pickle.dumps(classifier)).predict(x) == classifier.predict(x)).all()
    network, row, _ = trained(output="identity")
    regressor = network.to_sklearn()
    assert is_regressor(regressor)
    np.testing.assert_allclose(((regressor.predict(pd.DataFrame(X)) - Y) ** 2).mean(), row.mse)
    assert permutation_importance(regressor, X, Y, n_repeats=1).importances.shape == (3, 1)
    assert regressor.n_features_in_ == 3
    with pytest.raises(runner.RunnerError, match="the network is trained already"):
        regressor.fit(X, Y)


def test_the_torch_network_is_saved_and_trains_on() -> None:
    network, row, _ = trained(activation="step", output="identity", architecture="3-4-2", scaling="standardize")
    module = network.to_torch()
    torch.save(module, "network.pt")
    again = torch.load("network.pt", weights_only=False)
    x = torch.tensor(X)
    assert (again(x) == module(x)).all()
    assert {name for name, _ in module.named_parameters()} == {"1.weight", "1.bias", "3.weight", "3.bias"}
    loss = ((module(x) - torch.tensor(Y)) ** 2).mean()
    assert float(loss) == pytest.approx(row.mse)
    loss.backward()
    assert module[3].weight.grad is not None


@pytest.mark.parametrize(
    ("give", "message"),
    [
        (X[:, :2], r"X: expected shape \(samples, 3\), found \(12, 2\)"),
        (X[0], r"X: expected shape \(samples, 3\), found \(3,\)"),
        (["a"], r"X: expected an array of numbers, found list"),
    ],
)
def test_wrong_inputs_are_told(give: Any, message: str) -> None:
    network, _, _ = trained(epochs=1)
    assert repr(network) == f"<Network 3-5-4-2 of run {network.run_id}: sigmoid, sigmoid>"
    with pytest.raises((TypeError, ValueError), match=f"^{message}$"):
        network.predict(give)


def test_the_best_row_is_the_first_of_equal_ones_and_never_nan() -> None:
    from runner.api.results import best_row

    runs = pd.DataFrame(
        {
            "run_id": list("abcde"),
            "mse": [np.nan, 0.5, 0.25, 0.25, -np.inf],
            "accuracy": [0.5, 1, 1, 0.5, np.nan],
            "converged": [False, True, False, True, True],
            "epochs_to_converge": pd.array([None, 3, 2, None, 4], "Float64").to_numpy(float, na_value=np.nan),
            "nothing": np.nan,
        }
    )
    assert best_row(runs, "mse", None).run_id == "c"
    assert best_row(runs, "mse", True).run_id == "b"
    assert best_row(runs, "accuracy", None).run_id == "b"
    assert best_row(runs, "converged", None).run_id == "b"
    assert best_row(runs, "epochs_to_converge", None).run_id == "c"
    for column, kind, message in (
        ("nothing", runner.RunnerError, "no run has a finite nothing"),
        ("acurracy", ValueError, "column: there is no column 'acurracy'; did you mean 'accuracy'?"),
        ("run_id", ValueError, "column: expected a column of numbers, and run_id has none"),
    ):
        with pytest.raises(kind) as caught:
            best_row(runs, column, None)
        assert str(caught.value) == message


def test_which_run_is_asked_for() -> None:
    results = runner.run(runner.study(**KEYS, seeds=[1, 2]))
    assert results.best("mse").run_id == results.runs.loc[results.runs.mse.idxmin()].run_id
    assert results.network(results.best("mse")).run_id == results.best().run_id
    with pytest.raises(TypeError, match=r"^run: expected a run_id or a row, found int$"):
        results.network(3)
    with pytest.raises(runner.RunnerError, match="has no run 'f00'"):
        results.network("f00")


def test_codings_of_targets() -> None:
    raw = load_raw(Call("xor"))
    plain = coding_of(raw, Call("none"), "none", None)
    assert (plain.two_values, plain.input_steps, plain.output_step) == ((0.0, 1.0), [], None)
    classes = coding_of(raw, Call("none"), "one_hot", (-1.0, 1.0))
    assert classes.classes.tolist() == [0, 1]
    assert classes.from_range(np.array([[-1.0, 1.0, 0.0]])).tolist() == [[0, 1, 0.5]]
