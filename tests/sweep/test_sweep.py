"""The cells of a study against a plain reference: itertools, dicts and loops over every cell."""

from __future__ import annotations

import itertools
import json
import random

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from runner.errors import Refused, StudyError
from runner.keys.definitions import KEYS
from runner.ops import OPTIMIZERS, SETTINGS
from runner.studies.cells import PLACE
from runner.studies.load import load_study
from runner.studies.plan import make_plan
from runner.sweep.ranges import range_values
from runner.sweep.sampling import METHODS

BASE = {"data": "xor", "architecture": "2-2-1", "learning_rate": 0.5, "epochs": 10}
BUDGETS = ("epochs", "updates")
DEFAULTS = {"optimizer": "sgd", "batch": "full", "order": "sequential", "init": "xavier_uniform", "weight_decay": 0.0}


def study_of(tmp_path, content, *overrides):
    path = tmp_path / "study.yaml"
    path.write_text(content if isinstance(content, str) else json.dumps({**BASE, **content}))
    return load_study(path, overrides)


def plan_of(tmp_path, content, *overrides):
    return make_plan(study_of(tmp_path, content, *overrides))


def column(plan, *keys):
    rows = [tuple(plan.cell(i).values[PLACE[key]] for key in keys) for i in range(plan.n_cells)]
    return [row[0] for row in rows] if len(keys) == 1 else rows


# The reference -----------------------------------------------------------------------------------------------------


def naive_applies(cell, key):
    if key in SETTINGS:
        return key in OPTIMIZERS[cell.get("optimizer", "sgd")].settings
    return key != "order" or cell.get("batch", "full") != "full"


def naive_value(cell, key):
    """The value of a key as conditions see it."""
    if key == "order" and not naive_applies(cell, key):
        return "sequential"
    default = KEYS[key].default
    return cell.get(key, KEYS[key].text(default) if key == "init" else default) if naive_applies(cell, key) else None


def naive_matches(cell, condition):
    return all(naive_value(cell, k) in (v if isinstance(v, list) else [v]) for k, v in condition.items())


def naive_changed(cell, changes):
    new = {**cell, **changes}
    for mine, other in (BUDGETS, BUDGETS[::-1]):
        if mine in changes:
            new.pop(other, None)
    return new


def naive_cells(study):
    """Every cell as a dict, in order; keys that do not apply are left out."""
    base, sweep = {**BASE, **{k: v for k, v in study.items() if k != "sweep"}}, study["sweep"]
    grid = [[{key: value} for value in values] for key, values in sweep.get("grid", {}).items()]
    grid += [sweep["zip"]] if "zip" in sweep else []
    cells = []
    for parts in itertools.product(*grid):
        cells.append(naive_changed(base, {k: v for part in parts for k, v in part.items()}))
    for when in sweep.get("when", []):
        axes = [[{key: value} for value in values] for key, values in when["grid"].items()]
        extra = [{k: v for part in parts for k, v in part.items()} for parts in itertools.product(*axes)]
        cells = [
            naive_changed(cell, more) for cell in cells for more in (extra if naive_matches(cell, when["if"]) else [{}])
        ]
    cells = [cell for cell in cells if not any(naive_matches(cell, c) for c in sweep.get("exclude", []))]
    cells += [naive_changed(base, row) for row in sweep.get("include", [])]
    different = {}
    for cell in cells:
        defaults = {**DEFAULTS, **OPTIMIZERS[cell.get("optimizer", "sgd")].settings}
        applying = {key: value for key, value in {**defaults, **cell}.items() if naive_applies(cell, key)}
        different.setdefault(tuple(sorted(applying.items(), key=str)), applying)
    return list(different.values())


# Optimizers without a learning rate ----------------------------------------------------------------------------------


def pairs_of(**columns):
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


RATES = {"learning_rate": [0.1, 1.0]}
BIAS_RATES = {"bias_learning_rate": [1.0, 2.0]}
WHEN = {"if": {"learning_rate": 0.5}, "grid": {"epochs": [1, 2]}}


@pytest.mark.parametrize(
    ("sweep", "cells"),
    [
        ({"grid": {"optimizer": ["sgd", "scg"], **RATES}}, [("sgd", 0.1), ("sgd", 1.0), ("scg", None)]),
        ({"grid": {**RATES, "optimizer": ["scg", "sgd"]}}, [("scg", None), ("sgd", 0.1), ("sgd", 1.0)]),
        (
            {"grid": {**BIAS_RATES, "optimizer": ["lbfgs"]}, "include": [{"optimizer": "sgd"}]},
            [("lbfgs", None), ("sgd", 0.5)],
        ),
        (
            {"zip": pairs_of(optimizer=["scg", "scg", "sgd"], learning_rate=[1.0, 2.0, 2.0])},
            [("scg", None), ("sgd", 2.0)],
        ),
        ({"grid": {"optimizer": ["sgd", "scg"]}, "when": [WHEN]}, [("sgd", 0.5), ("sgd", 0.5), ("scg", None)]),
    ],
)
def test_a_learning_rate_makes_cells_only_where_the_optimizer_has_one(tmp_path, sweep, cells):
    plan = plan_of(tmp_path, {"sweep": sweep})
    assert column(plan, "optimizer", "learning_rate") == cells
    for i in range(len(plan._expansion)):
        assert plan._find(list(plan.cell(i).values), list(plan.cell(i).texts)) == i


def test_numbers_of_a_list_of_learning_rates_make_cells_only_where_they_are_used(tmp_path):
    sweep = {"grid": {"optimizer": ["sgd", "scg"], "learning_rate[0]": [0.1, 1.0]}}
    plan = plan_of(tmp_path, {"learning_rate": [2.0, 3.0], "sweep": sweep})
    assert column(plan, "learning_rate") == [(0.1, 3.0), (1.0, 3.0), None]


# Studies at random -------------------------------------------------------------------------------------------------

VALUES = {
    "learning_rate": [0.1, 0.5, 1.0],
    "optimizer": ["sgd", "momentum", "adam"],
    "momentum": [0.5, 0.8, 0.9],
    "beta1": [0.5, 0.8, 0.9],
    "batch": ["full", 1, 3],
    "order": ["shuffled", "sequential", "with_replacement"],
    "epochs": [5, 10, 20],
    "updates": [7, 14],
    "init": ["zeros", "xavier_uniform", "normal(0, 1)"],
    "weight_decay": [0.0, 0.25],
}
CONDITIONAL = [key for key in VALUES if key not in BUDGETS]


@st.composite
def subset(draw, key, least=1):
    values = draw(st.lists(st.sampled_from(VALUES[key]), min_size=least, unique=True))
    return values


@st.composite
def studies(draw):
    keys = draw(st.permutations(list(VALUES)))
    n_grid, n_zip = draw(st.integers(0, 4)), draw(st.integers(0, 3))
    grid_keys, zip_keys, rest = keys[:n_grid], keys[n_grid : n_grid + n_zip], keys[n_grid + n_zip :]
    sweep = {}
    if grid_keys:
        sweep["grid"] = {key: draw(subset(key)) for key in grid_keys}
    if zip_keys:
        row = st.tuples(*(st.sampled_from(VALUES[key]) for key in zip_keys))
        rows = draw(st.lists(row, min_size=1, max_size=4, unique=True))
        sweep["zip"] = [dict(zip(zip_keys, row, strict=True)) for row in rows]
    swept = list(grid_keys) + list(zip_keys)
    whens = []
    for _ in range(draw(st.integers(0, 2))):
        known = [key for key in swept if key not in BUDGETS]
        if known and rest:
            condition = {
                key: draw(subset(key)) for key in draw(st.lists(st.sampled_from(known), min_size=1, max_size=2))
            }
            extra = draw(st.lists(st.sampled_from(rest), min_size=1, max_size=2, unique=True))
            whens.append({"if": condition, "grid": {key: draw(subset(key)) for key in extra}})
            if draw(st.booleans()):
                swept += extra
    if whens:
        sweep["when"] = whens
    known = sorted({*swept, *(key for when in whens for key in when["grid"])})
    if known:
        condition = st.lists(st.sampled_from(known), min_size=1, max_size=3, unique=True)
        excluded = [
            {key: draw(st.sampled_from(VALUES[key]) | subset(key)) for key in draw(condition)}
            for _ in range(draw(st.integers(0, 3)))
        ]
        if excluded:
            sweep["exclude"] = excluded
    included = st.dictionaries(
        st.sampled_from([k for k in VALUES if k != "updates"]), st.none(), min_size=1, max_size=4
    )
    rows = [{key: draw(st.sampled_from(VALUES[key])) for key in draw(included)} for _ in range(draw(st.integers(0, 2)))]
    if rows:
        sweep["include"] = rows
    return {"sweep": sweep}


def planned(tmp_path, study):
    try:
        return plan_of(tmp_path, study)
    except StudyError as error:
        # what a random study does that is refused on purpose; everything else is a failure
        allowed = ("is never", "no cell", "it is on an axis of", "not both", "is used by")
        if not all(any(part in str(problem) for part in allowed) for problem in error.problems):
            raise
        return None


RELAXED = settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))


@RELAXED
@given(study=studies())
def test_expansion_equals_a_plain_reference(tmp_path_factory, study):
    plan = planned(tmp_path_factory.mktemp("s"), study)
    assume(plan is not None)
    expected = naive_cells(study)
    assert plan.n_cells == len(expected)
    for i, cell in enumerate(expected):
        found = plan.cell(i)
        for key, value in cell.items():
            canonical = KEYS[key].read(value)
            assert found.values[PLACE[key]] == canonical, (i, key)


@RELAXED
@given(study=studies())
def test_ids_are_unique_and_random_access_equals_iteration(tmp_path_factory, study):
    plan = planned(tmp_path_factory.mktemp("s"), study)
    assume(plan is not None)
    cells = [plan.cell(i) for i in range(plan.n_cells)]
    assert len({cell.cell_id for cell in cells}) == plan.n_cells
    assert len({cell.run_id(seed) for cell in cells for seed in (0, 1)}) == 2 * plan.n_cells
    order = list(range(plan.n_cells))
    random.Random(0).shuffle(order)
    assert [plan.cell(i).texts for i in order] == [cells[i].texts for i in order]
    numbers = np.arange(len(plan._expansion))
    rows = plan._expansion.rows_of(numbers)
    assert rows.tolist() == [plan._expansion.rows(i) for i in numbers.tolist()]
    assert plan._expansion.numbers_of(rows).tolist() == numbers.tolist()


@RELAXED
@given(study=studies())
def test_schedule_holds_every_cell_once_and_counts_updates(tmp_path_factory, study):
    plan = planned(tmp_path_factory.mktemp("s"), study)
    assume(plan is not None)
    groups = list(plan.schedule())
    assert sorted(i for group in groups for i in group) == list(range(plan.n_cells))
    budgets = [[plan.cell(i).budget for i in group] for group in groups]
    assert all(group == sorted(set(group)) for group in budgets)
    assert plan.n_trajectories == len(groups)
    assert plan.n_updates == sum(group[-1] for group in budgets)
    for group in groups:
        for places in (("epochs",), ("updates",)):
            texts = {tuple(t for k, t in zip(KEYS, plan.cell(i).texts, strict=False) if k not in places) for i in group}
            if len(texts) == 1:
                break
        else:
            raise AssertionError("a group differs in more than its budget")


@RELAXED
@given(study=studies())
def test_schedule_groups_all_that_differ_only_in_the_budget(tmp_path_factory, study):
    # A zip whose rows differ in a setting that does not apply may be split: those are left out here.
    zipped = {key for row in study["sweep"].get("zip", []) for key in row}
    assume(not zipped.intersection(SETTINGS) and "order" not in zipped and "include" not in study["sweep"])
    plan = planned(tmp_path_factory.mktemp("s"), study)
    assume(plan is not None)
    trajectories = set()
    for i in range(plan.n_cells):
        cell = plan.cell(i)
        sort = "epochs" if cell.updates is None else "updates"
        trajectories.add((sort, *(t for k, t in zip(KEYS, cell.texts, strict=False) if k not in BUDGETS)))
    assert plan.n_trajectories == len(trajectories)


# Order and meaning of each part ------------------------------------------------------------------------------------


def test_the_first_axis_is_the_slowest_and_zip_advances_together(tmp_path):
    plan = plan_of(
        tmp_path,
        {
            "sweep": {
                "zip": [{"loss": "mse", "activation": "tanh"}, {"loss": "sse", "activation": "relu"}],
                "grid": {"learning_rate": [1, 2], "epochs": [3, 4]},
            }
        },
    )
    assert column(plan, "learning_rate", "epochs", "loss", "activation") == [
        (rate, epochs, *row) for rate in (1.0, 2.0) for epochs in (3, 4) for row in (("mse", "tanh"), ("sse", "relu"))
    ]


def test_when_adds_axes_to_matching_cells_only(tmp_path):
    sweep = {
        "grid": {"optimizer": ["sgd", "adam", "momentum"], "learning_rate": [1, 2]},
        "when": [
            {"if": {"optimizer": "adam", "learning_rate": 2}, "grid": {"beta1": [0.5, 0.6], "beta2": [0.7, 0.8]}},
            {"if": {"beta1": 0.6}, "grid": {"weight_decay": [0, 1]}},
            {"if": {"optimizer": ["momentum", "sgd"]}, "grid": {"weight_decay": [3]}},
        ],
    }
    plan = plan_of(tmp_path, {"sweep": sweep})
    assert column(plan, "optimizer", "learning_rate", "beta1", "beta2", "weight_decay") == [
        ("sgd", 1.0, None, None, 3.0),
        ("sgd", 2.0, None, None, 3.0),
        ("adam", 1.0, 0.9, 0.999, 0.0),
        ("adam", 2.0, 0.5, 0.7, 0.0),
        ("adam", 2.0, 0.5, 0.8, 0.0),
        ("adam", 2.0, 0.6, 0.7, 0.0),
        ("adam", 2.0, 0.6, 0.7, 1.0),
        ("adam", 2.0, 0.6, 0.8, 0.0),
        ("adam", 2.0, 0.6, 0.8, 1.0),
        ("momentum", 1.0, None, None, 3.0),
        ("momentum", 2.0, None, None, 3.0),
    ]


def test_exclude_matches_partly_and_include_comes_last_even_if_excluded(tmp_path):
    sweep = {
        "grid": {"architecture": ["2-1", "2-2-1", "2-3-1"], "epochs": [5, 6]},
        "exclude": [{"architecture": "2-1", "epochs": 5}, {"architecture": [[2, 3, 1]]}],
        "include": [{"architecture": "2-3-1", "epochs": 5}, {"epochs": 6, "architecture": "2-1"}, {"updates": 9}],
    }
    plan = plan_of(tmp_path, {"sweep": sweep})
    assert column(plan, "architecture", "epochs", "updates") == [
        ((2, 1), 6, None),
        ((2, 2, 1), 5, None),
        ((2, 2, 1), 6, None),
        ((2, 3, 1), 5, None),  # excluded, but included again; 2-1 with 6 epochs is there already
        ((2, 2, 1), None, 9),
    ]


def test_an_included_cell_is_looked_for_among_those_of_several_conditions(tmp_path):
    """Where the axis of one condition has no row for it, the search is over before the axis of the next one."""
    when = [{"if": {"learning_rate": 0.1}, "grid": axis} for axis in ({"batch": [2]}, {"weight_decay": [0.5]})]
    sweep = {"grid": {"learning_rate": [0.1]}, "when": when}
    for included, n_cells in (({"batch": 2, "weight_decay": 0.5}, 1), ({"batch": 2}, 2), ({}, 2)):
        plan = plan_of(tmp_path, {"sweep": {**sweep, "include": [{"learning_rate": 0.1, **included}]}})
        assert column(plan, "batch", "weight_decay")[0] == (2, 0.5)
        assert plan.n_cells == n_cells


def test_an_axis_that_does_not_apply_makes_one_cell(tmp_path):
    sweep = {
        "grid": {
            "beta1": [0.5, 0.6],
            "batch": ["full", 2],
            "order": ["shuffled", "sequential"],
            "optimizer": ["sgd", "adam"],
        }
    }
    plan = plan_of(tmp_path, {"sweep": sweep})
    assert column(plan, "optimizer", "beta1", "batch", "order") == [
        ("sgd", None, "full", "sequential"),
        ("adam", 0.5, "full", "sequential"),
        ("sgd", None, 2, "shuffled"),
        ("adam", 0.5, 2, "shuffled"),
        ("sgd", None, 2, "sequential"),
        ("adam", 0.5, 2, "sequential"),
        ("adam", 0.6, "full", "sequential"),
        ("adam", 0.6, 2, "shuffled"),
        ("adam", 0.6, 2, "sequential"),
    ]


def test_one_number_of_init_is_an_axis(tmp_path):
    study = {
        "init": [0, 1, 2, 3, 4, 5, 6, 7, 8],
        "sweep": {"grid": {"init[8]": [0.5, 1], "init[0]": {"linspace": [0, 1, 3]}}},
    }
    plan = plan_of(tmp_path, study)
    assert column(plan, "init") == [
        (first, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, last) for last in (0.5, 1.0) for first in (0.0, 0.5, 1.0)
    ]
    assert plan.cell(0).texts[list(KEYS).index("init")] == "[0, 1, 2, 3, 4, 5, 6, 7, 0.5]"


def test_the_learning_rate_of_one_layer_is_an_axis(tmp_path):
    study = {
        "learning_rate": [1, 2],
        "sweep": {
            "grid": {"learning_rate[0]": [0.1, 1]},
            "zip": [{"learning_rate[1]": 3, "epochs": 5}, {"learning_rate[1]": 4, "epochs": 6}],
            "include": [{"learning_rate": [7, 8]}, {"learning_rate[1]": 4, "learning_rate[0]": 1, "epochs": 6}],
        },
    }
    plan = plan_of(tmp_path, study)
    assert column(plan, "learning_rate") == [(0.1, 3.0), (0.1, 4.0), (1.0, 3.0), (1.0, 4.0), (7.0, 8.0)]
    assert column(plan, "bias_learning_rate") == column(plan, "learning_rate")
    assert plan.cell(0).texts[list(KEYS).index("learning_rate")] == "[0.1, 3]"
    rates = {"bias_learning_rate": [5, 6], "sweep": {"grid": {"bias_learning_rate[1]": [7, 8]}}}
    assert column(plan_of(tmp_path, rates), "bias_learning_rate") == [(5.0, 7.0), (5.0, 8.0)]


def test_seeds_are_named_or_counted(tmp_path):
    assert plan_of(tmp_path, {}).seeds == range(1)
    assert plan_of(tmp_path, {"replicates": 3}).seeds == range(3)
    assert plan_of(tmp_path, {"seeds": [5, 2]}).seeds == (5, 2)
    assert plan_of(tmp_path, {"seeds": {"arange": [10, 13]}}).seeds == (10, 11, 12)
    assert plan_of(tmp_path, {"seed": 7}).seeds == (7,)


# Ranges ------------------------------------------------------------------------------------------------------------


def test_ranges_hold_the_numbers_that_people_expect():
    assert range_values("arange", [0, 1, 0.1]) == [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]
    assert range_values("linspace", [0, 1, 11])[3] == 0.3
    assert range_values("geomspace", [1e-4, 1e2, 7]) == [1e-4, 1e-3, 1e-2, 1e-1, 1e0, 1e1, 1e2]
    assert range_values("arange", [3]) == [0.0, 1.0, 2.0]
    assert range_values("arange", [5, 0, -2]) == [5.0, 3.0, 1.0]
    assert range_values("linspace", [4, 9, 1]) == [4.0]
    # NumPy's rounding makes this 1, 1.1, 1.2, 1.3
    assert range_values("arange", [1, 1.3, 0.1]) == [1.0, 1.1, 1.2]


NUMBERS = st.floats(-1e6, 1e6, allow_subnormal=False).map(lambda x: round(x, 6))


@given(NUMBERS, NUMBERS, st.integers(1, 200))
def test_linspace_is_numpys(first, last, n):
    ours, theirs = range_values("linspace", [first, last, n]), np.linspace(first, last, n)
    np.testing.assert_allclose(ours, theirs, rtol=4e-16, atol=4e-16 * max(abs(first), abs(last)))


@given(st.floats(1e-9, 1e9), st.floats(1e-9, 1e9), st.integers(1, 200), st.sampled_from([1, -1]))
def test_geomspace_is_numpys(first, last, n, sign):
    ours = range_values("geomspace", [sign * first, sign * last, n])
    # NumPy computes powers of ten, whose exponents it finds by adding up one rounded step up to n times.
    np.testing.assert_allclose(ours, np.geomspace(sign * first, sign * last, n), rtol=1e-13)
    assert ours[0] == sign * first
    assert n == 1 or ours[-1] == sign * last


@given(st.integers(-50, 50), st.integers(-50, 50), st.integers(-9, 9).filter(bool))
def test_arange_is_numpys(first, stop, step):
    # in quarters, where NumPy rounds nothing
    expected = np.arange(first / 4, stop / 4, step / 4).tolist()
    if expected:
        assert range_values("arange", [first / 4, stop / 4, step / 4]) == expected


def test_a_range_is_an_axis_of_the_keys_own_type(tmp_path):
    plan = plan_of(
        tmp_path, {"sweep": {"grid": {"epochs": {"geomspace": [1, 1000, 4]}, "bias": {"linspace": [0, 1, 2]}}}}
    )
    assert column(plan, "epochs", "bias") == [(e, b) for e in (1, 10, 100, 1000) for b in (0.0, 1.0)]
    assert all(type(plan.cell(i).epochs) is int for i in range(8))


# Samples -----------------------------------------------------------------------------------------------------------

SPACE = {
    "learning_rate": {"loguniform": [0.001, 10]},
    "weight_decay": {"uniform": [-1, 3]},
    "epochs": {"integers": [2, 4]},
    "optimizer": {"choice": ["sgd", "adam"]},
}


def sample_of(tmp_path, n, method="random", seed=0, space=None):
    return study_of(tmp_path, {"sweep": {"sample": {"n": n, "method": method, "seed": seed, "space": space or SPACE}}})


@pytest.mark.parametrize("method", METHODS)
def test_samples_stay_in_their_space_and_fill_it(tmp_path, method):
    space = sample_of(tmp_path, 512, method).sweep.sample.space
    rates, decays = np.array(space["learning_rate"]), np.array(space["weight_decay"])
    assert 0.001 <= rates.min() < 0.0015 < 7 < rates.max() <= 10
    assert np.mean(rates < 0.1) == pytest.approx(0.5, abs=0.08)
    assert -1 <= decays.min() < -0.97 < 2.97 < decays.max() <= 3
    assert [space["epochs"].count(k) / 512 for k in (2, 3, 4)] == pytest.approx([1 / 3] * 3, abs=0.08)
    assert space["optimizer"].count("sgd") / 512 == pytest.approx(0.5, abs=0.08)
    assert abs(np.corrcoef(rates, decays)[0, 1]) < 0.15


@pytest.mark.parametrize("method", ["sobol", "lhs"])
def test_every_slice_of_a_stratified_sample_holds_one_point(tmp_path, method):
    decays = np.array(sample_of(tmp_path, 64, method).sweep.sample.space["weight_decay"])
    assert sorted(np.floor((decays + 1) / 4 * 64).astype(int)) == list(range(64))


# Written down once: no libm, no SIMD loop and no version of NumPy may change them.
FIRST = {
    "random": (3.6998766158580048, -0.6723674748157848, 2, "adam"),
    "sobol": (3.6998766243329912, -0.6723674740642309, 2, "adam"),
    "lhs": (0.4100062634549637, -0.21694170197244933, 2, "sgd"),
}


@pytest.mark.parametrize("method", METHODS)
def test_samples_are_the_same_bits_wherever_they_are_drawn(tmp_path, method):
    space = sample_of(tmp_path, 5, method, seed=3).sweep.sample.space
    first = tuple(space[key][0] for key in SPACE)
    again = sample_of(tmp_path, 5, method, seed=3).sweep.sample.space
    assert again == space
    assert first == FIRST[method]
    assert sample_of(tmp_path, 5, method, seed=4).sweep.sample.space != space


@pytest.mark.parametrize("method", ["random", "sobol"])
def test_a_larger_sample_begins_with_the_smaller_one(tmp_path, method):
    small, large = (sample_of(tmp_path, n, method).sweep.sample.space for n in (6, 50))
    assert {key: values[:6] for key, values in large.items()} == small


@pytest.mark.parametrize("method", METHODS)
def test_a_key_more_leaves_the_values_of_the_others(tmp_path, method):
    if method == "sobol":
        pytest.skip("a Sobol point has as many coordinates as keys, in their order")
    fewer = {key: SPACE[key] for key in ("epochs", "learning_rate")}
    small, large = sample_of(tmp_path, 9, method, space=fewer), sample_of(tmp_path, 9, method)
    assert all(large.sweep.sample.space[key] == small.sweep.sample.space[key] for key in fewer)


def test_a_sample_that_repeats_itself_makes_each_cell_once(tmp_path):
    plan = make_plan(
        sample_of(tmp_path, 300, space={"optimizer": {"choice": ["sgd", "adam"]}, "epochs": {"integers": [1, 2]}})
    )
    assert sorted(column(plan, "optimizer", "epochs")) == [("adam", 1), ("adam", 2), ("sgd", 1), ("sgd", 2)]


def test_too_many_runs_are_refused_at_once(tmp_path):
    sweep = {"grid": {key: {"linspace": [0, 0.9, 1000]} for key in ("learning_rate", "momentum", "weight_decay")}}
    sweep["exclude"] = [{"learning_rate": 0, "momentum": 0}]
    study = study_of(tmp_path, {"optimizer": "momentum", "sweep": sweep, "replicates": 1000})
    with pytest.raises(Refused) as refused:
        make_plan(study)
    assert str(refused.value) == (
        "the study has 999,999,000,000 runs (999,999,000 cells x 1,000 seeds), more than --max-runs 10,000,000"
    )
    assert refused.value.exit_code == 3
