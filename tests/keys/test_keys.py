"""Keys of a run: canonical values and texts, against plain Python and YAML."""

from __future__ import annotations

import math

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.analysis.claims.selection import read
from runner.data import DATASETS, ENCODINGS, MISSING_POLICIES, SCALINGS, FileData, HeldOutFraction, KFold
from runner.keys.architecture import SHORTCUTS
from runner.keys.definitions import CRITERIA, KEYS, sweep_key, text
from runner.keys.issues import Invalid
from runner.keys.restarts import Restarts
from runner.keys.scalars import resolve
from runner.ops import ACTIVATIONS, FAULTS, INITIALIZERS, LOSSES, OPTIMIZERS, RULES, SETTINGS
from runner.registry import Call, element

FINITE = st.floats(allow_nan=False, allow_infinity=False).map(lambda x: x + 0.0)
RATES = FINITE | st.lists(FINITE, min_size=1, max_size=4).map(tuple)
NAMES = (
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=8).map(str.strip).filter(bool)
)
COLUMNS = st.lists(NAMES, min_size=1, max_size=3, unique=True) | st.lists(
    st.integers(0, 99), min_size=1, max_size=3, unique=True
)


@st.composite
def csv_data(draw):
    inputs = draw(COLUMNS)
    targets = draw(COLUMNS.filter(lambda columns: type(columns[0]) is type(inputs[0])))
    return FileData(
        draw(NAMES), tuple(inputs), tuple(targets), draw(st.just("") | st.from_regex("[0-9a-f]{16}", fullmatch=True))
    )


def named(names):
    return st.sampled_from(list(names))


def setting(record):
    if record.whole:
        return st.integers(int(record.low), int(record.high))
    return st.floats(record.low, record.high, exclude_max=not record.high_included).map(lambda x: x + 0.0)


@st.composite
def initializer(draw, biases=False):
    name = draw(named(n for n, r in INITIALIZERS.items() if r.biases or not biases))
    args = [draw(FINITE.filter(lambda x: abs(x) < 1e300)) for _ in INITIALIZERS[name].parameters]
    if name == "uniform":
        args = sorted(args)
        args[1] = args[1] if args[0] < args[1] else math.nextafter(args[1], math.inf)
    if "sparsity" in INITIALIZERS[name].parameters:
        args[0] = draw(st.floats(0, 1))
    if "std" in INITIALIZERS[name].parameters:
        args[-1] = abs(args[-1])
    return Call(name, tuple(args))


FAULT_ARGUMENTS = {
    "n": st.integers(0, 15),
    "tolerance": st.floats(0, 1e300, exclude_min=True),
    "shortcuts": st.none() | named(SHORTCUTS),
    "activation": named(name for name, record in ACTIVATIONS.items() if record.hidden),
}


@st.composite
def fault_lists(draw):
    faults, taken = [], set()
    for name in draw(st.lists(named(FAULTS), max_size=6)):
        record = FAULTS[name]
        layer = draw(st.none() | st.integers(1, 3)) if record.by_layer else None
        # Of those that replace the same quantity, one, and of each fault one.
        if {name, record.replaces} & taken:
            continue
        args = tuple(draw(FAULT_ARGUMENTS[parameter]) for parameter in record.parameters)
        faults.append(Call(name, args if layer is None else (*args, f"layer={layer}")))
        taken |= {name, record.replaces} - {""}
    return tuple(sorted(faults, key=lambda fault: list(FAULTS).index(fault.name)))


DATA = st.sampled_from(
    [Call(n) for n, r in DATASETS.items() if not r.parameters]
    + [Call("parity", (3,)), Call("gaussian", (20, 2, 0)), Call("boolean", ("01101001",)), Call("encoder", (8,))]
)
SCALING = st.sampled_from([Call(n) for n, r in SCALINGS.items() if not r.parameters]) | FINITE.filter(bool).map(
    lambda c: Call("divide", (c,))
)
COUNTS = st.integers(1, 10**12)
HIDDEN = named(n for n, r in ACTIVATIONS.items() if r.hidden)
PROBABILITIES = st.floats(0, 1, exclude_max=True).map(lambda x: x + 0.0)
VALUES = {
    "data": DATA | csv_data(),
    "scaling": SCALING,
    "missing": named(MISSING_POLICIES),
    "target_encoding": named(ENCODINGS),
    "target_range": st.none() | st.tuples(FINITE, FINITE).filter(lambda pair: pair[0] < pair[1]),
    "test": st.none()
    | st.floats(0, 1, exclude_min=True, exclude_max=True).map(HeldOutFraction)
    | st.integers(2, 10**6).map(KFold)
    | st.builds(FileData, st.just("a b/c: d.csv"), st.just(()), st.just(())),
    "fold": st.integers(0, 10**6),
    "split_seed": st.integers(0, 2**63 - 1),
    "label_noise": st.none() | st.floats(0, 1).map(lambda x: x + 0.0),
    "architecture": st.lists(st.integers(1, 65536), min_size=2, max_size=5).map(tuple),
    "shortcuts": st.none() | named(SHORTCUTS),
    "activation": HIDDEN | st.lists(HIDDEN, min_size=1).map(tuple),
    "output": named(n for n, r in ACTIVATIONS.items() if r.output),
    "bias": named(["trained", "none", "shared"]) | FINITE,
    "gain": st.none() | st.floats(0, 1e300).map(float),
    "dropout": st.none() | PROBABILITIES | st.lists(PROBABILITIES, min_size=1).map(tuple),
    "parameterization": named(["standard", "mean_field"]),
    "init": initializer() | st.lists(FINITE, min_size=1).map(tuple),
    "bias_init": initializer(biases=True),
    "loss": named(LOSSES),
    "label_smoothing": st.none() | st.floats(0, 1).map(lambda x: x + 0.0),
    "class_weights": st.none() | st.just("balanced") | st.lists(FINITE.filter(lambda x: x > 0), min_size=1).map(tuple),
    "rule": named(RULES),
    "undecided_band": st.floats(0, 1e300).map(float),
    "faults": fault_lists(),
    "optimizer": named(OPTIMIZERS),
    **{name: setting(record) for name, record in SETTINGS.items()},
    "learning_rate": RATES,
    "bias_learning_rate": RATES,
    "learning_rate_schedule": st.sampled_from(
        [Call("constant"), Call("cosine", (100,)), Call("linear", (1.0, 0.5, 3)), Call("exponential", (0.99,))]
    ),
    "momentum_schedule": st.none() | st.sampled_from([Call("linear", (0.5, 1.0, 30)), Call("step", (5, 0.5))]),
    "weight_decay": FINITE,
    **{name: st.none() | FINITE.map(abs) for name in ("l1", "clip_value", "clip_norm")},
    "batch": st.just("full") | st.integers(1, 10**9),
    "order": named(["sequential", "shuffled", "with_replacement"]),
    "input_noise": st.none() | FINITE.map(abs),
    "epochs": COUNTS,
    "updates": COUNTS,
    "samples": COUNTS,
    "scoring": st.none() | st.just("40-20-40"),
    "criterion": st.dictionaries(named(CRITERIA), st.floats(0, 1), min_size=1).map(
        lambda limits: tuple((name, limits[name] + 0.0) for name in CRITERIA if name in limits)
    ),
    "criterion_from": st.none() | st.just("training"),
    "criterion_window": st.integers(1, 10**4),
    "evaluate_every": COUNTS,
    "stop": named(["budget", "converged"])
    | st.sampled_from([Call("patience", (20,)), Call("gl", (5.0,)), Call("pq", (0.5, 5)), Call("up", (3, 5))]),
    "restarts": st.none() | st.builds(Restarts, st.integers(1, 10**12), st.none() | st.integers(1, 10**12)),
    "precision": named(["float64", "float32"]),
    "seed": st.integers(0, 2**63 - 1),
}


def test_every_key_has_a_strategy_here():
    assert set(VALUES) == set(KEYS)


def test_keys_come_in_the_order_of_the_columns():
    settings_at = list(KEYS).index(next(iter(SETTINGS)))
    assert list(KEYS)[settings_at : settings_at + len(SETTINGS)] == list(SETTINGS)
    assert [key for key in KEYS if key not in SETTINGS] == [
        "data",
        "scaling",
        "missing",
        "target_encoding",
        "target_range",
        "test",
        "fold",
        "split_seed",
        "label_noise",
        "architecture",
        "shortcuts",
        "activation",
        "output",
        "bias",
        "gain",
        "dropout",
        "parameterization",
        "init",
        "bias_init",
        "loss",
        "label_smoothing",
        "class_weights",
        "rule",
        "undecided_band",
        "faults",
        "optimizer",
        "learning_rate",
        "bias_learning_rate",
        "learning_rate_schedule",
        "momentum_schedule",
        "weight_decay",
        "l1",
        "clip_value",
        "clip_norm",
        "batch",
        "order",
        "input_noise",
        "epochs",
        "updates",
        "samples",
        "scoring",
        "criterion",
        "criterion_from",
        "criterion_window",
        "evaluate_every",
        "stop",
        "restarts",
        "precision",
        "seed",
    ]


@pytest.mark.parametrize("key", list(KEYS))
def test_the_canonical_text_reads_back_to_the_same_value(key):
    @settings(max_examples=150, deadline=None)
    @given(VALUES[key])
    def check(value):
        written = text(key, value)
        assert "\n" not in written
        again = read(key, written)
        assert again == value
        assert text(key, again) == written

    check()


@pytest.mark.parametrize("key", [key for key in KEYS if KEYS[key].default is not None])
def test_defaults_are_canonical(key):
    default = KEYS[key].default
    assert read(key, text(key, default)) == default


@pytest.mark.parametrize(
    ("key", "written", "value", "canonical"),
    [
        ("learning_rate", "1e-3", 0.001, "0.001"),
        ("learning_rate", "1E5", 100000.0, "100000.0"),
        ("learning_rate", ".5e-2", 0.005, "0.005"),
        ("learning_rate", "1", 1.0, "1.0"),
        ("learning_rate", "-0.0", 0.0, "0.0"),
        ("learning_rate", "[1, 0.5]", (1.0, 0.5), "[1, 0.5]"),
        ("learning_rate", "1_000", 1000.0, "1000.0"),
        ("weight_decay", "1e-07", 1e-07, "1e-07"),
        ("epochs", "1e4", 10000, "10000"),
        ("epochs", "010", 10, "10"),
        ("architecture", "2-4-1", (2, 4, 1), "2-4-1"),
        ("architecture", "[2, 4, 1]", (2, 4, 1), "2-4-1"),
        ("data", "boolean(11101011)", Call("boolean", ("11101011",)), "boolean(11101011)"),
        ("data", "boolean(0110)", Call("boolean", ("0110",)), "boolean(0110)"),
        ("data", "parity(3.0)", Call("parity", (3,)), "parity(3)"),
        ("init", "normal( 0 ,1e-3)", Call("normal", (0.0, 0.001)), "normal(0, 0.001)"),
        ("init", "[0.3, -1, 2]", (0.3, -1.0, 2.0), "[0.3, -1, 2]"),
        ("scaling", "divide(9)", Call("divide", (9.0,)), "divide(9)"),
        ("bias", "1", 1.0, "1.0"),
        ("bias", "none", "none", "none"),
        ("target_range", "none", None, ""),
        ("target_range", "[0.1, 0.9]", (0.1, 0.9), "[0.1, 0.9]"),
        (
            "criterion",
            "{mse: 0.01, max_error: 0.5}",
            (("max_error", 0.5), ("mse", 0.01)),
            "{max_error: 0.5, mse: 0.01}",
        ),
        ("batch", "full", "full", "full"),
        ("restarts", "{max: 2, after: 1e2}", Restarts(100, 2), "{after: 100, max: 2}"),
        ("restarts", "{after: 7}", Restarts(7), "{after: 7}"),
        ("restarts", "none", None, ""),
        ("seed", "9223372036854775807", 2**63 - 1, "9223372036854775807"),
    ],
)
def test_values_as_people_write_them(key, written, value, canonical):
    assert read(key, written) == value
    assert text(key, value) == canonical


@pytest.mark.parametrize("word", ["yes", "no", "on", "off", "y", "n", "0x1F", "0o17", "1:30", "2020-01-01", "1__0"])
def test_words_that_other_yaml_rules_would_convert_stay_texts(word):
    assert resolve(word) == word


@settings(max_examples=300)
@given(FINITE | st.integers(-(10**30), 10**30))
def test_plain_numbers_mean_what_python_says(number):
    assert resolve(repr(number)) == number
    assert type(resolve(repr(number))) is type(number)


@pytest.mark.parametrize("key", ["learning_rate", "weight_decay", "momentum", "bias", "init", "criterion"])
@pytest.mark.parametrize("number", [".inf", "-.inf", ".nan", "inf", "nan", "1e999"])
def test_numbers_must_be_finite(key, number):
    written = {"init": f"constant({number})", "criterion": f"{{loss: {number}}}"}.get(key, number)
    with pytest.raises(Invalid):
        read(key, written)


def test_numbers_of_lists_are_keys_of_a_sweep():
    assert [element(name) for name in ("init[0]", "init[17]", "init[01]", "init[-1]", "init", "init[]")] == [
        ("init", 0), ("init", 17), None, None, None, None,
    ]  # fmt: skip
    for name in ("init[3]", "learning_rate[1]", "bias_learning_rate[0]"):
        assert sweep_key(name).read(2) == 2.0
    assert sweep_key("epochs[0]") is None
    assert sweep_key("seed") is None
    assert sweep_key("sweep") is None
    assert all(sweep_key(key) is KEYS[key] for key in KEYS if key != "seed")


def test_a_csv_text_is_plain_yaml():
    data = FileData("my file.csv", ("x 1", "true"), ("y",), "0123456789012345")
    assert yaml.safe_load(text("data", data)) == {
        "csv": "my file.csv",
        "inputs": ["x 1", "true"],
        "targets": ["y"],
        "sha256": "0123456789012345",
    }


def test_csv_data_carries_the_hash_of_the_file(tmp_path):
    (tmp_path / "a.csv").write_text("x,y\n1,2\n")
    spec = {"csv": "a.csv", "inputs": ["x"], "targets": ["y"]}
    assert KEYS["data"].read(spec).sha256 == ""
    first = KEYS["data"].read(spec, tmp_path).sha256
    (tmp_path / "a.csv").write_text("x,y\n1,2\n3,4\n")
    assert len(first) == 16
    assert KEYS["data"].read(spec, tmp_path).sha256 != first
