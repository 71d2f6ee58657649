"""Named data sets, scalings and targets, against truth from outside this package."""

from __future__ import annotations

import hashlib
import math
import re
import subprocess
import sys
from itertools import product
from pathlib import Path

import mpmath
import numpy as np
import pytest
import scipy.special
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from runner.data import DATASETS, SCALINGS, DataError, FileData, load_data
from runner.data.parameters import Integer, register
from runner.data.portable_math import log, normal_quantile, sigmoid, sine_cosine
from runner.data.scaling import scale
from runner.data.targets import map_range, one_hot
from runner.registry import Call, Registry

EXAMPLES = {
    "and": (),
    "or": (),
    "nand": (),
    "nor": (),
    "xor": (),
    "xnor": (),
    "parity": (3,),
    "boolean": ("11101011",),
    "encoder": (8,),
    "parity_of_integers": (9,),
    "gaussian": (50, 3, 7),
    "two_spirals": (97,),
    "iris": (),
}
SHAPES = {
    "and": (4, 2, 1),
    "or": (4, 2, 1),
    "nand": (4, 2, 1),
    "nor": (4, 2, 1),
    "xor": (4, 2, 1),
    "xnor": (4, 2, 1),
    "parity": (8, 3, 1),
    "boolean": (8, 3, 1),
    "encoder": (8, 8, 8),
    "parity_of_integers": (9, 1, 1),
    "gaussian": (50, 3, 1),
    "two_spirals": (194, 2, 1),
    "iris": (150, 4, 1),
}
SCALING_EXAMPLES = {
    "none": (),
    "minmax": (),
    "max": (),
    "standardize": (),
    "divide": (9,),
    "sigmoid": (),
}


BITS = "boolean(bits): bits must be a truth table of 2, 4, 8, ... or 65536 digits, each 0 or 1, found "


def message(*args, **kwargs):
    with pytest.raises(DataError) as caught:
        load_data(*args, **kwargs)
    return str(caught.value)


def bits(array):
    return array.dtype, array.shape, array.tobytes()


# Every member of the registries


def test_examples_cover_the_registries():
    assert list(EXAMPLES) == list(DATASETS) == list(SHAPES)
    assert list(SCALING_EXAMPLES) == list(SCALINGS)


@pytest.mark.parametrize("entry", [*DATASETS.values(), *SCALINGS.values()], ids=lambda entry: entry.name)
def test_documented(entry):
    assert entry.doc.endswith(".")
    assert 20 < len(entry.doc) < 110
    assert isinstance(entry.parameters, tuple)


@pytest.mark.parametrize("name", DATASETS)
def test_arrays(name):
    call = Call(name, EXAMPLES[name])
    data = load_data(call)
    samples, inputs, outputs = SHAPES[name]
    assert data.inputs.shape == (samples, inputs)
    assert data.targets.shape == (samples, outputs)
    for array in (data.inputs, data.targets):
        assert array.dtype == np.float64
        assert array.flags.c_contiguous
        assert not array.flags.writeable
        assert np.isfinite(array).all()
        assert not np.signbit(array[array == 0]).any()
    assert not data.one_hot
    assert data.middle == (data.targets.min() + data.targets.max()) / 2


@pytest.mark.parametrize("name", DATASETS)
def test_deterministic_and_cached(name):
    entry, args = DATASETS[name], EXAMPLES[name]
    first, second = entry.function(*entry.bind(args)), entry.function(*entry.bind(args))
    assert [bits(array) for array in first] == [bits(array) for array in second]
    assert load_data(Call(name, args)) is load_data(Call(name, args))


@pytest.mark.parametrize("name", DATASETS)
def test_cached_arrays_do_not_alias(name):
    data = load_data(Call(name, EXAMPLES[name]))
    other = load_data(Call(name, EXAMPLES[name]), target_range=(0.1, 0.9))
    assert not np.shares_memory(data.inputs, other.inputs)
    assert not np.shares_memory(data.inputs, data.targets)


@pytest.mark.parametrize(
    "entry", [e for e in (*DATASETS.values(), *SCALINGS.values()) if not e.parameters], ids=lambda e: e.name
)
def test_no_arguments(entry):
    with pytest.raises(ValueError, match=re.escape(f"{entry.name} takes no arguments, found 1: {entry.name}(3)")):
        entry.bind((3,))


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (Call("parity"), "parity(n) takes 1 argument, found 0: parity"),
        (Call("gaussian", (5, 2)), "gaussian(n, d, seed) takes 3 arguments, found 2: gaussian(5, 2)"),
        (Call("parity", (1,)), "parity(n): n must be a whole number from 2 to 16, found 1"),
        (Call("parity", (17,)), "parity(n): n must be a whole number from 2 to 16, found 17"),
        (Call("parity", (2.5,)), "parity(n): n must be a whole number from 2 to 16, found 2.5"),
        (Call("parity", (math.nan,)), "parity(n): n must be a whole number from 2 to 16, found nan"),
        (Call("parity", ("3",)), "parity(n): n must be a whole number from 2 to 16, found '3'"),
        (Call("parity", (True,)), "parity(n): n must be a whole number from 2 to 16, found True"),
        (Call("encoder", (1,)), "encoder(n): n must be a whole number from 2 to 1024, found 1"),
        (
            Call("parity_of_integers", (0,)),
            "parity_of_integers(n): n must be a whole number from 1 to 1000000, found 0",
        ),
        (Call("two_spirals", (1,)), "two_spirals(n): n must be a whole number from 2 to 100000, found 1"),
        (
            Call("gaussian", (10, 2, -1)),
            "gaussian(n, d, seed): seed must be a whole number from 0 to 9223372036854775807, found -1",
        ),
        (
            Call("gaussian", (1000000, 10, 0)),
            "gaussian(n, d, seed): n * (d + 1) = 11,000,000 numbers, more than 10,000,000",
        ),
        (
            Call("boolean", ("012",)),
            BITS + "'012'",
        ),
        (
            Call("boolean", ("011",)),
            BITS + "'011'",
        ),
        (
            Call("boolean", ("1",)),
            BITS + "'1'",
        ),
        (
            Call("boolean", (1101,)),
            BITS + "1101",
        ),
        (
            Call("boolean", ("01" * 1000 + "1",)),
            BITS + f"'{('01' * 18)[:35]}... (2,001 characters)",
        ),
        (Call("xorr"), "unknown data set 'xorr'; did you mean 'xor'?"),
        (Call("mnist"), "unknown data set 'mnist'"),
    ],
    ids=str,
)
def test_bad_data(call, expected):
    assert message(call) == f"data: {expected}"


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (Call("divide"), "divide(c) takes 1 argument, found 0: divide"),
        (Call("divide", (0,)), "divide(c): c must be a finite number other than 0, found 0"),
        (Call("divide", (math.inf,)), "divide(c): c must be a finite number other than 0, found inf"),
        (Call("divide", ("9",)), "divide(c): c must be a finite number other than 0, found '9'"),
        (Call("standardise"), "unknown scaling 'standardise'; did you mean 'standardize'?"),
    ],
    ids=str,
)
def test_bad_scaling(call, expected):
    assert message(Call("xor"), call) == f"scaling: {expected}"


def test_all_bad_arguments_at_once():
    assert message(Call("xorr"), Call("min"), "keeep", "onehot", (1.0, 0.0)).split("\n") == [
        "data: unknown data set 'xorr'; did you mean 'xor'?",
        "scaling: unknown scaling 'min'; did you mean 'minmax'?",
        "missing must be one of error, drop, keep, found 'keeep'; did you mean 'keep'?",
        "target_encoding must be one of none, one_hot, found 'onehot'; did you mean 'one_hot'?",
        "target_range must be [lo, hi] with lo < hi, found [1, 0]",
    ]


def test_a_name_is_registered_once():
    registry = Registry("thing")
    register(registry, "a", n=Integer(1, 2))(lambda n: n)
    with pytest.raises(ValueError, match="thing 'a' is registered twice"):
        register(registry, "a")(lambda: 0)


def test_whole_floats_are_integers():
    assert bits(load_data(Call("parity", (3.0,))).inputs) == bits(load_data(Call("parity", (3,))).inputs)
    entry = DATASETS["parity"]
    assert [type(value) for value in entry.bind((3.0,))] == [int]


def test_import_is_light():
    code = "import sys, runner.data; print(*{'pandas', 'pydantic', 'yaml', 'scipy', 'numba'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


# Boolean functions

GATES = {
    "and": lambda a, b: a and b,
    "or": lambda a, b: a or b,
    "nand": lambda a, b: not (a and b),
    "nor": lambda a, b: not (a or b),
    "xor": lambda a, b: a != b,
    "xnor": lambda a, b: a == b,
}


@pytest.mark.parametrize("name", GATES)
def test_gates(name):
    data = load_data(Call(name))
    assert data.inputs.tolist() == [[0, 0], [0, 1], [1, 0], [1, 1]]
    assert data.targets.tolist() == [[GATES[name](*row)] for row in [(0, 0), (0, 1), (1, 0), (1, 1)]]


@pytest.mark.parametrize("n", range(2, 17))
def test_parity(n):
    data = load_data(Call("parity", (n,)))
    assert data.inputs.shape == (2**n, n)
    step = max(1, 2**n // 500)
    for k in range(0, 2**n, step):
        assert data.inputs[k].tolist() == [float(digit) for digit in format(k, f"0{n}b")]
        assert data.targets[k, 0] == k.bit_count() % 2


@pytest.mark.parametrize("k", range(1, 7))
def test_boolean(k):
    digits = "".join(str(d) for d in np.random.default_rng(k).integers(0, 2, 2**k))
    data = load_data(Call("boolean", (digits,)))
    assert data.inputs.tolist() == [list(map(float, row)) for row in product((0, 1), repeat=k)]
    assert data.targets[:, 0].tolist() == [float(digit) for digit in digits]


def test_boolean_of_the_post():
    assert load_data(Call("boolean", ("11101011",))).targets[:, 0].tolist() == [1, 1, 1, 0, 1, 0, 1, 1]


def test_parity_and_boolean_agree_with_xor():
    xor = load_data(Call("xor"))
    for call in (Call("parity", (2,)), Call("boolean", ("0110",))):
        assert bits(load_data(call).inputs) == bits(xor.inputs)
        assert bits(load_data(call).targets) == bits(xor.targets)


def test_encoder():
    data = load_data(Call("encoder", (8,)))
    assert data.inputs.sum(axis=0).tolist() == data.inputs.sum(axis=1).tolist() == [1.0] * 8
    assert (data.inputs.argmax(axis=1) == range(8)).all()
    assert bits(data.inputs) == bits(data.targets)


def test_parity_of_integers_is_that_of_the_post():
    set_q = [1, 2, 3, 4, 5, 6, 7, 8, 9]
    set_a = [0, 1, 0, 1, 0, 1, 0, 1, 0]
    data = load_data(Call("parity_of_integers", (9,)))
    assert data.inputs[:, 0].tolist() == set_q
    assert data.targets[:, 0].tolist() == set_a
    # as posted: the list changes while it is normalised, but its maximum comes last
    for i in range(len(set_q)):
        set_q[i] /= max(set_q)
    for scaling in (Call("divide", (9,)), Call("max")):
        assert load_data(Call("parity_of_integers", (9,)), scaling).inputs[:, 0].tolist() == set_q


# Gaussian noise


def test_gaussian_is_normal():
    data = load_data(Call("gaussian", (20000, 4, 1)))
    columns = [*data.inputs.T, data.targets[:, 0]]
    for column in columns:
        assert scipy.stats.kstest(column, "norm").pvalue > 0.001
        assert abs(column.mean()) < 4 / math.sqrt(20000)
        assert abs(column.var() - 1) < 4 * math.sqrt(2 / 20000)
        assert abs(scipy.stats.kurtosis(column)) < 4 * math.sqrt(24 / 20000)
    assert np.abs(np.corrcoef(columns) - np.eye(5)).max() < 4 / math.sqrt(20000)


def test_gaussian_prefix_and_seed():
    small, large = load_data(Call("gaussian", (10, 3, 5))), load_data(Call("gaussian", (1000, 3, 5)))
    assert bits(large.inputs[:10].copy()) == bits(small.inputs.copy())
    assert bits(large.targets[:10].copy()) == bits(small.targets.copy())
    other = load_data(Call("gaussian", (10, 3, 6)))
    assert not np.isin(other.inputs, small.inputs).any()


def test_gaussian_is_philox_through_the_quantile_function():
    words = np.random.Philox(key=2**62 + 3).random_raw(4).tolist()
    data = load_data(Call("gaussian", (2, 1, 2**62 + 3)))
    numbers = [data.inputs[0, 0], data.targets[0, 0], data.inputs[1, 0], data.targets[1, 0]]
    with mpmath.workprec(120):
        for word, number in zip(words, numbers, strict=True):
            p = (mpmath.mpf(word >> 12) + 0.5) / 2**52
            truth = mpmath.sqrt(2) * mpmath.erfinv(2 * p - 1)
            assert abs(number - truth) <= 1e-15 * abs(truth)


def test_gaussian_bits_never_change():
    data = load_data(Call("gaussian", (1000, 5, 42)))
    digest = hashlib.sha256(data.inputs.tobytes() + data.targets.tobytes()).hexdigest()
    assert digest[:16] == "1678cb9e526aafff"


# Two spirals


@pytest.mark.parametrize("n", [2, 50, 97, 193])
def test_two_spirals(n):
    data = load_data(Call("two_spirals", (n,)))
    # the program of the CMU benchmark collection, whose density is (n - 1) / 96
    density = (n - 1) / 96
    i = np.arange(n)
    angle = i * np.pi / (16 * density)
    radius = 6.5 * (104 * density - i) / (104 * density)
    first = np.stack([radius * np.sin(angle), radius * np.cos(angle)], axis=1)
    np.testing.assert_allclose(data.inputs[0::2], first, rtol=0, atol=1e-14)
    assert (data.inputs[1::2] == -data.inputs[0::2]).all()
    assert data.targets[:, 0].tolist() == [1.0, 0.0] * n
    assert data.inputs[0].tolist() == [0, 6.5]
    assert data.inputs[-2].tolist() == [0, 0.5]


def test_two_spirals_are_rounded_once():
    inputs = load_data(Call("two_spirals", (97,))).inputs
    with mpmath.workprec(200):
        for i in range(97):
            radius = (mpmath.mpf(104) - i) / 16
            assert inputs[2 * i].tolist() == [
                float(radius * mpmath.sinpi(mpmath.mpf(i) / 16)),
                float(radius * mpmath.cospi(mpmath.mpf(i) / 16)),
            ]


# Iris


def test_iris_is_fishers():
    data = load_data(Call("iris"))
    species = [data.inputs[data.targets[:, 0] == k] for k in range(3)]
    # means and sums of squared deviations of each species, as published
    means = [[5.006, 3.428, 1.462, 0.246], [5.936, 2.770, 4.260, 1.326], [6.588, 2.974, 5.552, 2.026]]
    squares = [
        [6.0882, 7.0408, 1.4778, 0.5442],
        [13.0552, 4.8250, 10.8200, 1.9162],
        [19.8128, 5.0962, 14.9248, 3.6962],
    ]
    for rows, mean, square in zip(species, means, squares, strict=True):
        assert rows.shape == (50, 4)
        np.testing.assert_allclose(rows.mean(axis=0), mean, rtol=0, atol=1e-12)
        np.testing.assert_allclose(((rows - rows.mean(axis=0)) ** 2).sum(axis=0), square, rtol=0, atol=1e-10)
    # wrong in the UCI copy: 4.9, 3.1, 1.5, 0.1 and 4.9, 3.1, 1.5, 0.1
    assert data.inputs[34].tolist() == [4.9, 3.1, 1.5, 0.2]
    assert data.inputs[37].tolist() == [4.9, 3.6, 1.4, 0.1]


def test_iris_is_the_file_that_is_shipped():
    import runner.data

    names = ("sepal_length", "sepal_width", "petal_length", "petal_width")
    csv = FileData("iris.csv", names, ("species",))
    read = load_data(csv, target_encoding="one_hot", base=Path(runner.data.__file__).parent)
    named = load_data(Call("iris"), target_encoding="one_hot")
    assert bits(read.inputs) == bits(named.inputs)
    assert bits(read.targets) == bits(named.targets)
    assert named.targets.shape == (150, 3)
    assert named.one_hot


# Exact elementary functions


def test_log_is_within_one_unit():
    rng = np.random.default_rng(0)
    x = np.concatenate([2 * rng.random(500), 10 ** rng.uniform(-300, 300, 500), [5e-324, 1.7e308, 0.5, 2.0]])
    with mpmath.workprec(200):
        for value, found in zip(x.tolist(), log(x).tolist(), strict=True):
            assert abs(found - mpmath.log(value)) <= math.ulp(found)
    assert log(np.array([1.0])).tolist() == [0.0]


def test_normal_quantile():
    rng = np.random.default_rng(1)
    k = np.concatenate([rng.integers(1, 2**53, 2000), 2 ** np.arange(53), 2**53 - 2 ** np.arange(53)])
    p = k * 2.0**-53
    found = normal_quantile(p)
    np.testing.assert_allclose(found, scipy.special.ndtri(p), rtol=1e-15)
    np.testing.assert_array_equal(normal_quantile(1 - p), -found)
    with mpmath.workprec(200):
        truth = [mpmath.sqrt(2) * mpmath.erfinv(2 * mpmath.mpf(value) - 1) for value in p.tolist()]
        assert all(abs(a - b) <= 8e-16 * abs(b) for a, b in zip(found.tolist(), truth, strict=True))


def test_sigmoid_is_correctly_rounded():
    rng = np.random.default_rng(2)
    near_ties = [k * 2.0**-53 for k in range(-9, 10)]
    edges = [-745.2, -745.1, -740.0, -709.0, 36.7, 36.9, 37.4, 39.9, 41.0, 1e-300, 5e-324, 0.0]
    with mpmath.workprec(1200):
        for x in [*(10 * rng.standard_normal(300)).tolist(), *near_ties, *edges]:
            assert sigmoid(x) == float(1 / (1 + mpmath.exp(-mpmath.mpf(x))))
    assert [sigmoid(x) for x in (1e308, math.inf, -1e308, -math.inf)] == [1.0, 1.0, 0.0, 0.0]
    assert math.isnan(sigmoid(math.nan))


@given(st.fractions(min_value=-3, max_value=3, max_denominator=10**6))
def test_sine_and_cosine(turns):
    sine, cosine = sine_cosine(turns)
    with mpmath.workprec(300):
        angle = 2 * mpmath.mpf(turns.numerator) / turns.denominator
        assert abs(mpmath.mpf(str(sine)) - mpmath.sinpi(angle)) < 1e-60
        assert abs(mpmath.mpf(str(cosine)) - mpmath.cospi(angle)) < 1e-60


def test_exact_functions_do_not_depend_on_the_processor():
    code = (
        "from runner.data import load_data; from runner.registry import Call; import hashlib; "
        "d = load_data(Call('gaussian', (3000, 3, 9)), Call('sigmoid')); "
        "s = load_data(Call('gaussian', (3000, 3, 9)), Call('standardize')); "
        "print(hashlib.sha256(d.inputs.tobytes() + d.targets.tobytes() + s.inputs.tobytes()).hexdigest())"
    )
    features = "AVX512_SKX AVX512_ICL AVX512_SPR AVX2 FMA3 X86_V4 X86_V3"
    outputs = {
        subprocess.run(
            [sys.executable, "-W", "ignore", "-c", code], env=env, capture_output=True, text=True, check=True
        ).stdout
        for env in ({}, {"NPY_DISABLE_CPU_FEATURES": features})
    }
    assert len(outputs) == 1


# Scalings

COLUMNS = np.array([[1.0, -4.0, 5.0], [2.0, 2.0, 5.0], [6.0, 0.0, 5.0], [7.0, 1.0, 5.0]])


@pytest.mark.parametrize(
    ("name", "args", "expected"),
    [
        ("none", (), COLUMNS),
        ("minmax", (), (COLUMNS - COLUMNS.min(0)) / [6.0, 6.0, 1.0]),
        ("max", (), COLUMNS / [7.0, 4.0, 5.0]),
        ("standardize", (), (COLUMNS - COLUMNS.mean(0)) / [*COLUMNS[:, :2].std(0), 1.0]),
        ("divide", (9,), COLUMNS / 9),
        ("divide", (-0.5,), COLUMNS * -2),
        ("sigmoid", (), scipy.special.expit(COLUMNS)),
    ],
)
def test_scaling(name, args, expected):
    np.testing.assert_allclose(scale(COLUMNS, Call(name, args)), expected, rtol=1e-15, atol=1e-15)


@pytest.mark.parametrize("name", SCALINGS)
@pytest.mark.parametrize("value", [0.0, 3.0, 1e308, -5e-324])
def test_constant_columns(name, value):
    scaled = scale(np.full((3, 1), value), Call(name, SCALING_EXAMPLES[name]))
    assert np.isfinite(scaled).all()
    assert len(set(scaled[:, 0].tolist())) == 1
    if name in ("minmax", "standardize"):
        assert scaled.tolist() == [[0.0]] * 3


@pytest.mark.parametrize("name", SCALINGS)
def test_scaling_is_by_column_and_leaves_its_argument(name):
    call, inputs = Call(name, SCALING_EXAMPLES[name]), COLUMNS.copy()
    together = scale(inputs, call)
    apart = np.concatenate([scale(inputs[:, k : k + 1], call) for k in range(3)], axis=1)
    assert bits(together) == bits(apart)
    assert bits(inputs) == bits(COLUMNS)


@pytest.mark.parametrize("name", SCALINGS)
def test_nan_stays_in_its_column(name):
    inputs = COLUMNS.copy()
    inputs[1, 0] = np.nan
    scaled = scale(inputs, Call(name, SCALING_EXAMPLES[name]))
    # a scaling that goes by the whole column loses the column, as NumPy's min, max and mean do
    lost = [True] * 4 if name in ("minmax", "max", "standardize") else [False, True, False, False]
    assert np.isnan(scaled[:, 0]).tolist() == lost
    assert np.isfinite(scaled[:, 1:]).all()


@pytest.mark.parametrize("name", ["minmax", "max", "standardize"])
def test_infinite_inputs_go_as_in_numpy(name):
    column = np.array([1.0, np.inf, -2.0])
    plain = {
        "minmax": lambda x: (x - x.min()) / (x.max() - x.min()),
        "max": lambda x: x / np.abs(x).max(),
        "standardize": lambda x: (x - x.mean()) / x.std(),
    }
    with np.errstate(invalid="ignore"):
        np.testing.assert_array_equal(scale(column[:, None], Call(name))[:, 0], plain[name](column))


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=30).filter(lambda x: max(x) - min(x) > 1e-3))
def test_standardize_properties(values):
    scaled = scale(np.array(values)[:, None], Call("standardize"))[:, 0]
    # the mean is rounded at the size of the values, so its error grows with size over spread
    slack = 1e-15 * (1 + max(map(abs, values)) / np.std(values))
    assert abs(math.fsum(scaled.tolist()) / len(values)) <= slack
    assert math.fsum((scaled**2).tolist()) / len(values) == pytest.approx(1.0, abs=1e-14)


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=2, max_size=30))
def test_minmax_and_standardize_never_overflow(values):
    column = np.array(values)[:, None]
    low_high = scale(column, Call("minmax"))
    assert np.isfinite(scale(column, Call("standardize"))).all()
    assert (low_high >= 0).all()
    assert (low_high <= 1).all()
    if len(set(values)) > 1:
        assert low_high.min() == 0
        assert low_high.max() == 1


@given(st.permutations(range(40)))
def test_scaling_does_not_depend_on_the_order_of_samples(order):
    inputs = load_data(Call("gaussian", (40, 1, 3))).inputs
    for name in ("minmax", "max", "standardize", "sigmoid"):
        assert bits(scale(inputs[order], Call(name))) == bits(scale(inputs, Call(name))[order])


def test_overflowing_division_is_an_error():
    assert message(Call("parity_of_integers", (9,)), Call("divide", (1e-309,))) == (
        "scaling: divide(1e-309) makes an input too large for a number"
    )


# Targets


def test_one_hot_orders_classes_by_number():
    encoded = one_hot(np.array([[10.0], [-1.0], [2.0], [10.0]]))
    assert encoded.tolist() == [[0, 0, 1], [1, 0, 0], [0, 1, 0], [0, 0, 1]]


def test_one_hot_of_binary_targets_has_two_outputs():
    data = load_data(Call("xor"), target_encoding="one_hot")
    assert data.targets.tolist() == [[1, 0], [0, 1], [0, 1], [1, 0]]
    assert data.one_hot
    assert data.middle == 0.5


def test_one_hot_of_a_missing_label():
    encoded = one_hot(np.array([[0.0], [np.nan], [1.0]]))
    np.testing.assert_array_equal(encoded, [[1, 0], [np.nan, np.nan], [0, 1]])


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (Call("encoder", (4,)), "target_encoding: one_hot takes one target column, found 4"),
        (
            Call("boolean", ("11",)),
            "target_encoding: one_hot needs at least two classes, found 1 only",
        ),
        (
            Call("gaussian", (1001, 1, 0)),
            "target_encoding: one_hot found 1,001 classes in 1,001 samples, more than 1,000",
        ),
    ],
    ids=str,
)
def test_one_hot_refusals(call, expected):
    assert message(call, target_encoding="one_hot") == expected


@pytest.mark.parametrize(
    ("target_range", "middle"), [((0.1, 0.9), 0.5), ((-1.0, 1.0), 0.0), ((0.0, 3.0), 1.5), (None, 0.5)]
)
@pytest.mark.parametrize("encoding", ["none", "one_hot"])
def test_target_range(target_range, middle, encoding):
    plain = load_data(Call("xor"), target_encoding=encoding).targets
    data = load_data(Call("xor"), target_encoding=encoding, target_range=target_range)
    low, high = target_range or (0.0, 1.0)
    assert data.targets.tolist() == np.where(plain == 1, high, low).tolist()
    assert data.middle == middle


@pytest.mark.parametrize("digits", ["00", "11", "0000", "1111"])
def test_constant_boolean_functions_keep_the_range_of_the_others(digits):
    data = load_data(Call("boolean", (digits,)), target_range=(0.1, 0.9))
    assert set(data.targets[:, 0].tolist()) == {0.9 if "1" in digits else 0.1}
    assert data.middle == 0.5
    assert load_data(Call("boolean", (digits,))).middle == 0.5


def test_target_range_of_other_constants_is_an_error():
    with pytest.raises(ValueError, match=r"^target_range needs two different targets, and all of them are 5$"):
        map_range(np.full((3, 1), 5.0), (0.0, 1.0))
    assert map_range(np.full((3, 1), 5.0), None)[1] == 5.0


def test_target_range_is_linear_and_passes_over_nan():
    mapped, middle = map_range(np.array([[2.0], [np.nan], [4.0], [6.0]]), (-1.0, 1.0))
    np.testing.assert_array_equal(mapped, [[-1], [np.nan], [0], [1]])
    assert middle == 0.0
    assert map_range(np.array([[2.0], [np.nan], [5.0]]), None)[1] == 3.5
    assert math.isnan(map_range(np.array([[np.nan]]), None)[1])


@given(
    st.lists(st.floats(allow_nan=False, allow_infinity=False, width=32), min_size=2, unique=True),
    st.floats(-10, 0),
    st.floats(0.5, 10),
)
def test_target_range_is_exact_at_both_ends(values, low, high):
    mapped, _ = map_range(np.array(values)[:, None], (low, high))
    if set(values) <= {0.0, 1.0}:
        return
    assert mapped[np.argmin(values), 0] == low
    assert mapped[np.argmax(values), 0] == high
