# ruff: noqa: E501 - messages stand in one piece
"""Names of PyTorch, Keras, scikit-learn and MATLAB lead to ours; every name in a hint exists, and none is a bad guess."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable
from pathlib import Path

import pytest
import torch

from runner.data import DATASETS, ENCODINGS, MISSING_POLICIES, SCALINGS
from runner.data.files import spec
from runner.errors import StudyError, closest, folded, nearest
from runner.keys import synonyms
from runner.keys.architecture import SHORTCUTS
from runner.keys.definitions import CRITERIA, KEYS
from runner.measurements import MEASUREMENTS, OUTCOMES
from runner.ops import ACTIVATIONS, INITIALIZERS, LOSSES, OPTIMIZERS, RULES, SCHEDULES, SETTINGS
from runner.registry import Synonyms
from runner.statistics import STATISTICS
from runner.statistics.reading import COMPARISONS, DIMENSION, SLOPE
from runner.studies.load import load_study
from runner.studies.model import StudyFile
from runner.studies.parser import parse
from runner.sweep.model import Sample, Sweep
from runner.sweep.ranges import RANGES
from runner.sweep.sampling import DISTRIBUTIONS, METHODS

HIDDEN = [name for name, record in ACTIVATIONS.items() if record.hidden]
# The table of each family, and the names that may be written where it is asked.
FAMILIES: dict[str, tuple[Synonyms, Iterable[str]]] = {
    "KEYS": (synonyms.KEYS, StudyFile.model_fields),
    "SETTINGS_ELSEWHERE": (synonyms.SETTINGS_ELSEWHERE, ()),
    "SWEEP": (synonyms.SWEEP, Sweep.model_fields),
    "SAMPLE": (synonyms.SAMPLE, Sample.model_fields),
    "METHODS": (synonyms.METHODS, METHODS),
    "DISTRIBUTIONS": (synonyms.DISTRIBUTIONS, [*DISTRIBUTIONS, "choice"]),
    "RANGES": (synonyms.RANGES, RANGES),
    "MISSING": (synonyms.MISSING, MISSING_POLICIES),
    "TARGET_ENCODING": (synonyms.TARGET_ENCODING, ENCODINGS),
    "SCALINGS": (synonyms.SCALINGS, SCALINGS),
    "SCHEDULES": (synonyms.SCHEDULES, SCHEDULES),
    "DATASETS": (synonyms.DATASETS, DATASETS),
    "SHORTCUTS": (synonyms.SHORTCUTS, ("none", *SHORTCUTS)),
    "ACTIVATIONS": (synonyms.ACTIVATIONS, HIDDEN),
    "BIAS": (synonyms.BIAS, ("trained", "none", "shared")),
    "INITIALIZERS": (synonyms.INITIALIZERS, INITIALIZERS),
    "LOSSES": (synonyms.LOSSES, LOSSES),
    "RULES": (synonyms.RULES, RULES),
    "OPTIMIZERS": (synonyms.OPTIMIZERS, OPTIMIZERS),
    "BATCH": (synonyms.BATCH, ("full",)),
    "ORDER": (synonyms.ORDER, ("sequential", "shuffled", "with_replacement")),
    "TEST": (synonyms.TEST, ("fraction", "k_fold", "csv", "npz", "parquet")),
    "CRITERIA": (synonyms.CRITERIA, CRITERIA),
    "SCORING": (synonyms.SCORING, ("none", "40-20-40")),
    "CRITERION_FROM": (synonyms.CRITERION_FROM, ("none", "training")),
    "STOP": (synonyms.STOP, ("budget", "converged", "patience", "gl", "pq", "up")),
    "PRECISION": (synonyms.PRECISION, ("float64", "float32")),
    "COLUMNS": (synonyms.COLUMNS, [column.name for column in MEASUREMENTS]),
    "OUTCOMES": (synonyms.OUTCOMES, OUTCOMES),
    "STATISTICS": (synonyms.STATISTICS, (*STATISTICS, SLOPE, DIMENSION, *COMPARISONS)),
    "CSV": (spec.ELSEWHERE, spec.KEYS),
}
KEY_OF_FAMILY = {
    "INITIALIZERS": "init",
    "SCALINGS": "scaling",
    "DATASETS": "data",
    "SCHEDULES": "learning_rate_schedule",
}
ENTRIES = [(family, name) for family, (table, _) in FAMILIES.items() for name in table]


def test_every_table_is_looked_at_here() -> None:
    tables = {name for name, value in vars(synonyms).items() if isinstance(value, Synonyms)}
    assert tables | {"CSV"} == FAMILIES.keys()


def exists(family: str, quoted: str) -> bool:
    """Whether what a hint names can be written: a name of the family, a key, or a key with a value."""
    key, colon, value = quoted.partition(": ")
    if colon and key in KEYS:
        node, problems = parse(value, "", positions=False)
        return not problems and KEYS[key].read(node.value) is not None
    if colon:
        node, problems = parse(quoted, "", positions=False)
        assert isinstance(node.value, dict)
        base = {"data": "xor", "architecture": "2-1", "learning_rate": 1, "epochs": 1}
        return not problems and StudyFile.model_validate({**base, **node.value}) is not None
    if "(" in quoted:
        return KEYS[KEY_OF_FAMILY[family]].read(quoted) is not None
    return quoted in FAMILIES[family][1] or quoted in StudyFile.model_fields


@pytest.mark.parametrize(("family", "name"), ENTRIES, ids=lambda part: part)
def test_every_name_has_a_hint_whose_names_exist(family: str, name: str) -> None:
    table, names = FAMILIES[family]
    hint = table.hint(name, names)
    assert hint.startswith("; ")
    for quoted in re.findall(r"'([^']+)'", hint):
        assert exists(family, quoted), quoted
    if hint.startswith("; not supported: use"):
        assert re.search(r"'.*because|'.*which|such as '", hint)


@pytest.mark.parametrize("family", FAMILIES)
def test_no_synonym_is_a_name_of_ours(family: str) -> None:
    # Whoever adds a member takes its name out of the table.
    table, names = FAMILIES[family]
    assert not table.keys() & {folded(name) for name in names}


@pytest.mark.parametrize("family", FAMILIES)
def test_case_separators_module_and_arguments_do_not_matter(family: str) -> None:
    table, names = FAMILIES[family]
    for name in table:
        for same in (name.upper(), f"package.module.{name}()", "_".join(name)):
            assert table.hint(same, names) == table.hint(name, names), same


def test_a_name_has_one_meaning() -> None:
    with pytest.raises(ValueError, match="'L1' is given two meanings"):
        Synonyms({"mse": "l1"}, {"not supported": "L1"})


# Names that there really are: what the table does not know is not guessed at ------------------------------------------


def names_of(module: object, kind: type) -> list[str]:
    return [name for name, value in vars(module).items() if inspect.isclass(value) and issubclass(value, kind)]


TORCH = {
    "ACTIVATIONS": torch.nn.modules.activation.__all__,
    "LOSSES": names_of(torch.nn.modules.loss, torch.nn.Module),
    "OPTIMIZERS": names_of(torch.optim, torch.optim.Optimizer),
    "INITIALIZERS": [name for name in vars(torch.nn.init) if name.endswith("_") and not name.startswith("_")],
}
KERAS = {
    "ACTIVATIONS": "relu sigmoid softmax softplus softsign tanh selu elu exponential leaky_relu relu6 silu hard_silu gelu "
    "hard_sigmoid linear mish log_softmax celu glu hard_shrink threshold tanh_shrink soft_shrink squareplus sparse_plus",
    "LOSSES": "BinaryCrossentropy BinaryFocalCrossentropy CategoricalCrossentropy CategoricalFocalCrossentropy "
    "SparseCategoricalCrossentropy Poisson CTC KLDivergence MeanSquaredError MeanAbsoluteError "
    "MeanAbsolutePercentageError MeanSquaredLogarithmicError CosineSimilarity Huber LogCosh Tversky Dice Hinge "
    "SquaredHinge CategoricalHinge",
    "OPTIMIZERS": "SGD RMSprop Adam AdamW Adadelta Adagrad Adamax Adafactor Nadam Ftrl Lion Lamb Muon",
    "INITIALIZERS": "RandomNormal RandomUniform TruncatedNormal Zeros Ones GlorotNormal GlorotUniform HeNormal HeUniform "
    "Orthogonal Constant VarianceScaling LecunNormal LecunUniform Identity STFT",
}
MATLAB = {
    "ACTIVATIONS": "logsig tansig purelin hardlim hardlims poslin satlin satlins softmax radbas compet elliotsig tribas netinv",
    "OPTIMIZERS": "traingd traingdm traingda traingdx trainrp trainlm trainbfg trainscg traincgb traincgf traincgp trainoss trainbr",
}
SCIKIT_LEARN = {
    "ACTIVATIONS": "identity logistic tanh relu",
    "LOSSES": "squared_error log_loss poisson",
    "OPTIMIZERS": "lbfgs sgd adam",
}
PACKAGES = [
    (family, name)
    for package in (TORCH, KERAS, MATLAB, SCIKIT_LEARN)
    for family, names in package.items()
    for name in (names.split() if isinstance(names, str) else names)
]


@pytest.mark.parametrize(("family", "name"), PACKAGES, ids=lambda part: part)
def test_names_of_other_packages_are_known_and_never_guessed(family: str, name: str) -> None:
    table, names = FAMILIES[family]
    letters = {folded(name), re.sub("loss$", "", folded(name))}
    if letters & {folded(each) for each in names}:
        assert "did you mean" in table.hint(name, names)
    elif not letters & table.keys():
        assert table.hint(name, names) == ""


SCIKIT_LEARN_KEYS = (
    "hidden_layer_sizes activation solver alpha batch_size learning_rate learning_rate_init power_t max_iter shuffle "
    "random_state tol verbose momentum nesterovs_momentum early_stopping validation_fraction beta_1 beta_2 epsilon "
    "n_iter_no_change"
)


@pytest.mark.parametrize("name", SCIKIT_LEARN_KEYS.split())
def test_every_setting_of_a_scikit_learn_network_is_a_key_or_has_a_hint(name: str) -> None:
    assert name in KEYS or synonyms.KEYS.hint(name, StudyFile.model_fields)


# Whole messages -------------------------------------------------------------------------------------------------------

BASE = {"data": "xor", "architecture": "2-4-1", "learning_rate": "0.5", "epochs": "100"}
ARCHITECTURE = "the sizes of all layers stand in 'architecture', from the inputs to the outputs: 2-4-1"


def message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, **changes: str) -> str:
    monkeypatch.chdir(tmp_path)
    Path("x.yaml").write_text("".join(f"{key}: {value}\n" for key, value in {**BASE, **changes}.items()))
    with pytest.raises(StudyError) as caught:
        load_study("x.yaml")
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("lr", "did you mean 'learning_rate'?"),
        ("eta", "did you mean 'learning_rate'?"),
        ("step_size", "did you mean 'learning_rate'?"),
        ("n_epochs", "did you mean 'epochs'?"),
        ("max_iter", "did you mean 'epochs'?"),
        ("n_iter", "did you mean 'epochs' or 'updates'?"),
        ("batch_size", "did you mean 'batch'?"),
        ("n_hidden", ARCHITECTURE),
        ("hidden_layer_sizes", ARCHITECTURE),
        ("units", ARCHITECTURE),
        ("layers", ARCHITECTURE),
        ("random_state", "did you mean 'seed'?"),
        ("n_trials", "did you mean 'replicates'?"),
        ("activation_function", "did you mean 'activation'?"),
        ("loss_function", "did you mean 'loss'?"),
        ("loss_fn", "did you mean 'loss'?"),
        ("solver", "did you mean 'optimizer'?"),
        ("use_bias", "did you mean 'bias'?"),
        ("beta_1", "did you mean 'beta1'?"),
        ("beta", "did you mean 'beta1' or 'beta2'?"),
        ("l2", "did you mean 'weight_decay'?"),
        ("shuffle", "it is said by 'order: shuffled', and matters where 'batch' is not full"),
        (
            "patience",
            "'stop: patience(20)' ends a run after 20 evaluations without a smaller loss on the samples of 'test'",
        ),
        ("drop_rate", "did you mean 'dropout'?"),
        ("gaussian_noise", "did you mean 'input_noise'?"),
        ("flip_y", "did you mean 'label_noise'?"),
        ("lasso", "did you mean 'l1'?"),
        ("l1_ratio", "use 'l1' and 'weight_decay' together"),
        ("max_grad_norm", "did you mean 'clip_norm'?"),
        ("validation_split", "did you mean 'test'?"),
        ("grid", "it belongs under 'sweep'"),
        ("n_jobs", "it is a flag of the command line: -j N"),
    ],
)
def test_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, hint: str) -> None:
    assert message(tmp_path, monkeypatch, **{name: "1"}) == f"x.yaml:5:1: unknown key '{name}'; {hint}"


@pytest.mark.parametrize(
    ("key", "value", "hint"),
    [
        ("init", "kaiming_uniform", "did you mean 'he_uniform'?"),
        ("init", "kaiming_normal_", "did you mean 'he_normal'?"),
        ("init", "GlorotUniform", "did you mean 'xavier_uniform'?"),
        ("init", "HeNormal", "did you mean 'he_normal'?"),
        ("init", "RandomUniform", "did you mean 'uniform'?"),
        ("init", "xavier", "did you mean 'xavier_uniform' or 'xavier_normal'?"),
        ("init", "ones", "did you mean 'constant(1)'?"),
        ("bias_init", "kaiming_uniform", "did you mean 'he_uniform'?"),
        ("loss", "bce", "did you mean 'binary_cross_entropy'?"),
        ("loss", "BCELoss", "did you mean 'binary_cross_entropy'?"),
        ("loss", "nn.BCEWithLogitsLoss()", "did you mean 'binary_cross_entropy'?"),
        ("loss", "binary_crossentropy", "did you mean 'binary_cross_entropy'?"),
        ("loss", "categorical_crossentropy", "did you mean 'cross_entropy'?"),
        ("loss", "CrossEntropyLoss", "did you mean 'cross_entropy'?"),
        ("loss", "nll", "did you mean 'cross_entropy'?"),
        ("loss", "mean_squared_error", "did you mean 'mse'?"),
        ("loss", "MSELoss", "did you mean 'mse'?"),
        ("loss", "L1Loss", "did you mean 'mae'?"),
        ("loss", "mape", "not supported: use 'mae' instead, because errors are not divided by their targets"),
        ("activation", "logistic", "did you mean 'sigmoid'?"),
        ("activation", "tansig", "did you mean 'tanh'?"),
        ("activation", "linear", "did you mean 'identity'?"),
        ("activation", "torch.nn.LeakyReLU", "did you mean 'leaky_relu'?"),
        ("activation", "swish", "did you mean 'silu'?"),
        ("activation", "softmax", "it couples the units of its layer and is for the output layer: 'output: softmax'"),
        ("optimizer", "SGD", "did you mean 'sgd'?"),
        ("optimizer", "AdamOptimizer", "did you mean 'adam'?"),
        ("optimizer", "amsgrad", "not supported: use 'adam' instead, because it is the method that this one varies"),
        (
            "optimizer",
            "newton",
            "not supported: use 'levenberg_marquardt' or 'lbfgs' instead, because they come near it",
        ),
        ("bias", "false", "did you mean 'none'?"),
        ("bias", "yes", "did you mean 'trained'?"),
        ("precision", "float16", "not supported: use 'float32' instead, because it is the shortest"),
        ("scaling", "StandardScaler", "did you mean 'standardize'?"),
        ("order", "random", "did you mean 'shuffled'?"),
        ("batch", "online", "write 1 for an update after every sample"),
        ("criterion", "MSELoss", "what is minimised is the key 'loss'; a criterion says when a run has converged"),
        ("criterion", "{acc: 1}", "did you mean 'accuracy'?"),
        ("data", "spirals", "did you mean 'two_spirals'?"),
        ("data", "mnist", "not built in: give a file, as {csv: FILE, inputs: [...], targets: [...]}"),
    ],
)
def test_values(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str, value: str, hint: str) -> None:
    text = message(tmp_path, monkeypatch, **{key: value})
    assert "\n" not in text
    assert text.endswith(f"; {hint}")


@pytest.mark.parametrize(
    ("sweep", "text"),
    [
        ("{grid: {lr: [1, 2]}}", "x.yaml:5:16: unknown key 'lr'; did you mean 'learning_rate'?"),
        ("{grid: {random_state: [1, 2]}}", "x.yaml:5:16: random_state: expected replicates or seeds at the top instead"),
        ("{grid: {replicates: [1, 2]}}", "x.yaml:5:16: replicates: expected replicates or seeds at the top instead"),
        ("{learning_rate: [1, 2]}", "x.yaml:5:9: sweep: unknown key 'learning_rate'; the keys to vary stand in its grid, zip or sample"),
        (
            "{grid: {learning_rate: {logspace: [1, 2, 3]}}}",
            "x.yaml:5:32: learning_rate: expected one of linspace, geomspace, arange, found 'logspace'; did you mean 'geomspace'?",
        ),
        (
            "{sample: {n: 2, method: latin_hypercube, space: {learning_rate: {uniform: [1, 2]}}}}",
            "x.yaml:5:32: sweep.sample.method: expected one of random, sobol, lhs, found 'latin_hypercube'; did you mean 'lhs'?",
        ),
    ],
)  # fmt: skip
def test_sweeps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sweep: str, text: str) -> None:
    assert message(tmp_path, monkeypatch, sweep=sweep) == text


def test_a_key_that_is_called_otherwise_is_not_missing_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("x.yaml").write_text("data: xor\nhidden_layer_sizes: [4]\nlr: 0.1\nmax_iter: 100\n")
    with pytest.raises(StudyError) as caught:
        load_study("x.yaml")
    assert str(caught.value).split("\n") == [
        f"x.yaml:2:1: unknown key 'hidden_layer_sizes'; {ARCHITECTURE}",
        "x.yaml:3:1: unknown key 'lr'; did you mean 'learning_rate'?",
        "x.yaml:4:1: unknown key 'max_iter'; did you mean 'epochs'?",
    ]


def test_the_alpha_of_scikit_learn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert message(tmp_path, monkeypatch, alpha="0.1") == (
        "x.yaml:5:8: alpha is used by rmsprop, adadelta; no run of this study uses them; "
        "the alpha of scikit-learn, a penalty on weights, is 'weight_decay'"
    )


# What is close --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "names", "found"),
    [
        ("sigmiod", HIDDEN, ("sigmoid",)),
        ("XOR", DATASETS, ("xor",)),
        ("xro", DATASETS, ("xor",)),
        ("with-replacement", ("sequential", "with_replacement"), ("with_replacement",)),
        ("beta", SETTINGS, ("beta1", "beta2")),
        ("arch", KEYS, ("architecture",)),
        ("rate", KEYS, ("learning_rate", "bias_learning_rate")),
        ("loss", ("initial_loss", "final_loss", "best_loss", "mse"), ("initial_loss", "final_loss", "best_loss")),
        ("kaiming_uniform", INITIALIZERS, ()),
        ("list", ("run", "plan", "report", "claims", "explain", "replay", "schema"), ()),
        ("base", KEYS, ()),
        ("normal", DISTRIBUTIONS, ()),
        ("nowhere.csv", ["some.csv"], ()),
        ("z", ["zz"], ()),
        ("<<", KEYS, ()),
        ("", KEYS, ()),
        ("x" * 10_000, ["y" * 10_000], ()),
        ("a", ["b", "A"], ("A",)),
    ],
)
def test_closest(name: str, names: Iterable[str], found: tuple[str, ...]) -> None:
    assert closest(name, names) == found


def test_the_tail_of_a_message() -> None:
    assert nearest("sigmiod", ["tanh", "sigmoid"]) == "; did you mean 'sigmoid'?"
    assert nearest("loss", ["a_loss", "b_loss", "c_loss"]) == "; did you mean 'a_loss', 'b_loss' or 'c_loss'?"
    assert nearest("hello", ["tanh", "sigmoid"]) == ""
