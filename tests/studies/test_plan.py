"""The plan: ids, defaults, trajectories, and what ten million cells cost."""

from __future__ import annotations

import hashlib
import itertools
import json
import tracemalloc

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runner.analysis.claims.selection import read
from runner.errors import Refused
from runner.keys.definitions import KEYS
from runner.keys.identity import Identity
from runner.ops import OPTIMIZERS, SETTINGS
from runner.results import row_text
from runner.results.columns import standard_header
from runner.studies.cells import PLACE, Cell, _Key
from runner.studies.load import load_study
from runner.studies.plan import make_plan

BASE = {"data": "xor", "architecture": "2-2-1", "learning_rate": 0.5, "epochs": 10}
CELL_KEYS = [key for key in KEYS if key != "seed"]


def plan_of(tmp_path, content=None, **keys):
    path = tmp_path / "study.yaml"
    path.write_text(json.dumps({**BASE, **(content or {}), **keys}))
    return make_plan(load_study(path))


def only(plan):
    assert plan.n_cells == 1
    return plan.cell(0)


# Defaults -----------------------------------------------------------------------------------------------------------


def test_every_key_stands_in_a_cell_with_its_default(tmp_path):
    cell = only(plan_of(tmp_path))
    expected = {
        "data": "xor", "scaling": "none", "missing": "error", "target_encoding": "none", "target_range": "",
        "test": "", "fold": "", "split_seed": "",
        "architecture": "2-2-1", "shortcuts": "", "activation": "sigmoid", "output": "sigmoid", "bias": "trained",
        "gain": "", "parameterization": "standard", "init": "xavier_uniform", "bias_init": "zeros", "loss": "half_sse",
        **dict.fromkeys(("label_noise", "dropout", "input_noise", "label_smoothing", "class_weights"), ""),
        **dict.fromkeys(("l1", "clip_value", "clip_norm"), ""),
        "rule": "backprop", "undecided_band": "", "faults": "none", "optimizer": "sgd", **dict.fromkeys(SETTINGS, ""),
        "learning_rate": "0.5",
        "bias_learning_rate": "0.5", "learning_rate_schedule": "constant", "momentum_schedule": "",
        "weight_decay": "0.0", "batch": "full",
        "order": "sequential", "epochs": "10", "updates": "", "samples": "", "scoring": "",
        "criterion": "{max_error: 0.5}", "criterion_from": "", "criterion_window": "", "evaluate_every": "1",
        "stop": "budget", "restarts": "",
        "precision": "float64",
    }  # fmt: skip
    assert dict(zip(CELL_KEYS, cell.texts, strict=True)) == expected


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_optimizer_brings_its_own_settings_and_no_others(tmp_path, name):
    plan = plan_of(
        tmp_path, {"sweep": {"zip": [{"optimizer": name}, {"optimizer": "adam" if name == "sgd" else "sgd"}]}}
    )
    cell = plan.cell(0)
    assert [cell.learning_rate, cell.bias_learning_rate] == [None if OPTIMIZERS[name].iteration else 0.5] * 2
    settings_of = {key: cell.setting(key) for key in SETTINGS}
    assert settings_of == {key: OPTIMIZERS[name].settings.get(key) for key in SETTINGS}
    assert cell.weight_decay == OPTIMIZERS[name].weight_decay


def test_what_follows_from_other_keys(tmp_path):
    cell = only(plan_of(tmp_path, learning_rate=[1, 2], batch=3, order="shuffled", epochs=7))
    assert cell.bias_learning_rate == (1.0, 2.0)
    assert cell.order == "shuffled"
    assert (cell.updates_per_epoch, cell.evaluate_every, cell.budget) == (2, 2, 14)
    cell = only(plan_of(tmp_path, learning_rate=[1, 2], bias_learning_rate=5, order="shuffled", evaluate_every=3))
    assert (cell.bias_learning_rate, cell.order, cell.evaluate_every, cell.budget) == (5.0, "sequential", 3, 10)
    cell = only(plan_of(tmp_path, {"sweep": {"grid": {"updates": [5]}}}, batch=1))
    assert (cell.epochs, cell.updates, cell.budget, cell.updates_per_epoch) == (None, 5, 5, 4)


def test_a_cell_knows_its_data(tmp_path):
    plan = plan_of(tmp_path, {"sweep": {"grid": {"target_range": ["none", [-1, 1]]}}})
    assert [plan.cell(i).data_set.targets.min() for i in (0, 1)] == [0.0, -1.0]
    assert plan.cell(0).data_set is plan.cell(0).data_set


def test_every_key_but_seed_and_settings_is_an_attribute_of_a_cell_in_the_order_of_the_columns(tmp_path):
    attributes = [name for name, attribute in vars(Cell).items() if isinstance(attribute, _Key)]
    assert attributes == [key for key in CELL_KEYS if key not in SETTINGS]
    cell = only(plan_of(tmp_path, optimizer="adam", batch=3))
    assert [getattr(cell, name) for name in attributes] == [cell.values[CELL_KEYS.index(name)] for name in attributes]


def test_there_are_no_other_attributes_and_no_other_cells(tmp_path):
    plan = plan_of(tmp_path)
    with pytest.raises(AttributeError, match="seed"):
        _ = plan.cell(0).seed
    for i in (-1, 1):
        with pytest.raises(IndexError):
            plan.cell(i)


# Ids ----------------------------------------------------------------------------------------------------------------


def test_ids_are_hashes_of_the_canonical_texts(tmp_path):
    def digest(lines):
        hashed = hashlib.blake2b(lines.encode(), digest_size=8).hexdigest()
        return "abcdef"[int(hashed[0], 16) % 6] + hashed[1:]  # a letter in front: never read as a number

    cell = only(plan_of(tmp_path, seeds=[17]))
    lines = "".join(f"{key}={text}\n" for key, text in zip(CELL_KEYS, cell.texts, strict=True) if text)
    assert cell.cell_id == digest(lines)
    assert cell.run_id(17) == digest(f"{lines}seed=17\n")
    assert cell.run_id(17) != cell.run_id(18)


@pytest.mark.parametrize("place", range(3))
def test_a_new_key_that_a_study_does_not_use_changes_no_id(place):
    def cell_id(of_new):
        keys, texts = ["data", "loss"], ["xor", "mse"]
        keys.insert(place, "new")
        texts.insert(place, of_new)
        return Identity(tuple(keys), texts).cell_id

    without = Identity(("data", "loss"), ("xor", "mse")).cell_id
    assert cell_id("") == without != cell_id("x")


@pytest.mark.parametrize(
    "written",
    [
        {"learning_rate": 5e-1},
        {"architecture": [2, 2, 1]},
        {"loss": "half_sse"},
        {"epochs": 1e1},
        {"beta1": 0.5, "sweep": {"grid": {"optimizer": ["sgd", "adam"]}}},
        {"criterion": {"max_error": 0.5}, "evaluate_every": 1, "order": "shuffled"},
        {"init": "xavier_uniform", "bias_learning_rate": 0.5, "weight_decay": 0},
        {"name": "other", "description": "text", "replicates": 5, "record": {"weights": True}},
        {"learning_rate": 3, "sweep": {"grid": {"learning_rate": [0.5]}}},
    ],
)
def test_the_same_run_has_the_same_id_however_it_is_written(tmp_path, written):
    assert plan_of(tmp_path, **written).cell(0).cell_id == only(plan_of(tmp_path)).cell_id


AXES = {
    "architecture": ["2-1", "2-2-1", "2-3-1"],
    "learning_rate": [0.1, 1, 10],
    "init": ["zeros", "normal(0, 1)"],
    "optimizer": ["sgd", "adam"],
    "batch": ["full", 2],
    "epochs": [1, 2, 3],
}


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.permutations(list(AXES)), st.integers(1, 6))
def test_ids_depend_neither_on_the_order_of_axes_nor_on_other_axes(tmp_path_factory, keys, n):
    folder = tmp_path_factory.mktemp("p")
    whole = plan_of(folder, sweep={"grid": AXES})
    ids = {}
    for i in range(whole.n_cells):
        cell = whole.cell(i)
        ids[cell.texts] = cell.cell_id
    moved = plan_of(folder, sweep={"grid": {key: AXES[key] for key in keys}})
    assert {moved.cell(i).texts: moved.cell(i).cell_id for i in range(moved.n_cells)} == ids
    fixed = {key: AXES[key][0] for key in keys[n:]}
    part = plan_of(folder, fixed, sweep={"grid": {key: AXES[key] for key in keys[:n]}})
    cells = [part.cell(i) for i in range(part.n_cells)]
    assert all(ids[cell.texts] == cell.cell_id for cell in cells)


def test_a_row_alone_is_enough_to_repeat_the_run(tmp_path):
    plan = plan_of(
        tmp_path,
        optimizer="adam",
        batch=3,
        sweep={"sample": {"n": 5, "space": {"learning_rate": {"loguniform": [0.1, 1]}}}},
    )
    for i in range(plan.n_cells):
        cell = plan.cell(i)
        row = dict(zip(CELL_KEYS, cell.texts, strict=True))
        path = tmp_path / "again.yaml"
        path.write_text("".join(f"{key}: {text}\n" for key, text in row.items() if text))
        again = only(make_plan(load_study(path)))
        assert again.cell_id == cell.cell_id
        assert all(read(key, row[key]) == value for key, value in zip(CELL_KEYS, cell.values, strict=True))


# Trajectories -------------------------------------------------------------------------------------------------------


def schedule_of(plan):
    groups = list(plan.schedule())
    assert sorted(itertools.chain(*groups)) == list(range(plan.n_cells))
    return [[plan.cell(i).budget for i in group] for group in groups]


RATES = {"learning_rate": [1, 2]}


@pytest.mark.parametrize(
    ("study", "groups"),
    [
        ({"grid": {"epochs": [3, 1, 2], **RATES}}, [[1, 2, 3], [1, 2, 3]]),
        ({"grid": {**RATES, "epochs": [3, 1, 2]}}, [[1, 2, 3], [1, 2, 3]]),
        ({"grid": RATES, "zip": [{"epochs": 5}, {"epochs": 4}]}, [[4, 5], [4, 5]]),
        ({"grid": {"updates": [7, 6], **RATES}}, [[6, 7], [6, 7]]),
        (
            {
                "zip": [
                    {"learning_rate": 1, "epochs": 5},
                    {"learning_rate": 2, "epochs": 6},
                    {"learning_rate": 1, "epochs": 4},
                ]
            },
            [[4, 5], [6]],
        ),
        ({"grid": RATES, "when": [{"if": {"learning_rate": 2}, "grid": {"epochs": [9, 8]}}]}, [[10], [8, 9]]),
        ({"grid": RATES, "when": [{"if": {"learning_rate": 2}, "grid": {"updates": [9, 8]}}]}, [[10], [8, 9]]),
        (
            {"grid": {"epochs": [1, 2], **RATES}, "when": [{"if": {"epochs": 2}, "grid": {"loss": ["mse", "sse"]}}]},
            [[1], [2], [2], [1], [2], [2]],
        ),
        ({"grid": {"epochs": [1, 2, 3], **RATES}, "exclude": [{"epochs": 3, "learning_rate": 2}]}, [[1, 2, 3], [1, 2]]),
        ({"include": [{"epochs": 30}, {"epochs": 20}, {"updates": 4}]}, [[10], [20, 30], [4]]),
        ({"sample": {"n": 40, "space": {"epochs": {"choice": [1, 2]}}}}, [[1, 2]]),
    ],
)
def test_cells_that_differ_only_in_the_budget_share_a_trajectory(tmp_path, study, groups):
    plan = plan_of(tmp_path, sweep=study, replicates=3)
    assert sorted(schedule_of(plan)) == sorted(groups)
    assert plan.n_trajectories == 3 * len(groups)
    assert plan.n_updates == 3 * sum(group[-1] for group in groups)


def test_updates_follow_the_batch_and_the_data(tmp_path):
    sweep = {"zip": [{"data": "xor", "architecture": "2-1"}, {"data": "parity(3)", "architecture": "3-1"}]}
    sweep["grid"] = {"batch": ["full", 3, 1], "epochs": [10, 20]}
    plan = plan_of(tmp_path, sweep=sweep, replicates=2)
    assert plan.n_trajectories == 2 * 6
    assert plan.n_updates == 2 * 20 * ((1 + 2 + 4) + (1 + 3 + 8))


# Many cells at once ---------------------------------------------------------------------------------------------------

MIXED = {
    "init": [0.1] * 9,
    "architecture": "2-2-1",
    "sweep": {
        "grid": {"optimizer": ["sgd", "adam", "rprop"], "learning_rate": [0.1, 1.0], "batch": ["full", 3]},
        "zip": [{"loss": "mse", "criterion": {"loss": 0.1}}, {"loss": "sse", "criterion": {"mse": 0.1}}],
        "sample": {"n": 4, "space": {"init[2]": {"uniform": [-1, 1]}, "weight_decay": {"uniform": [0, 1]}}},
        "when": [
            {"if": {"optimizer": "adam"}, "grid": {"beta1": [0.5, 0.9], "updates": [7, 8]}},
            {"if": {"batch": 3}, "grid": {"order": ["shuffled", "sequential"], "init[0]": [1, 2]}},
        ],
        "include": [{"optimizer": "adam", "epochs": 3}, {"test": {"k_fold": 2}, "fold": 1}, {"init": "normal(0, 1)"}],
    },
}


@pytest.mark.parametrize("study", [MIXED, {"sweep": {"include": [{"epochs": 3}]}}, {}])
def test_columns_hold_what_the_cells_hold(tmp_path, study):
    plan = plan_of(tmp_path, study)
    numbers = np.random.default_rng(0).permutation(plan.n_cells)
    columns = plan.columns(numbers)
    assert len(columns) == len(PLACE)
    for k, number in enumerate(numbers.tolist()):
        cell = plan.cell(number)
        assert [repr(column.at(k)) for column in columns] == list(map(repr, cell.values))
        assert [column.texts[0 if column.which is None else column.which[k]] for column in columns] == list(cell.texts)
    assert plan.budgets(columns, len(numbers)).tolist() == [plan.cell(number).budget for number in numbers.tolist()]


def test_ids_of_a_plan_are_those_of_its_cells(tmp_path, monkeypatch):
    plan = plan_of(tmp_path, MIXED | {"replicates": 3})
    expected = [int(plan.cell(i).run_id(seed), 16) for i in range(plan.n_cells) for seed in plan.seeds]
    monkeypatch.setattr(row_text, "_TOGETHER", 40)
    for slowly in (10**9, 0):
        monkeypatch.setattr(row_text, "HASHES_BY_PYTHON", slowly)
        assert row_text.plan_ids(plan, standard_header()).tolist() == expected


# Size ---------------------------------------------------------------------------------------------------------------


def ten_million(seeds):
    axes = {"learning_rate": 100, "epochs": 10, "weight_decay": 100}
    grid = {key: {"linspace": [1, 1000, n]} for key, n in axes.items()}
    grid["epochs"] = {"arange": [10, 110, 10]}
    if seeds == 1:
        grid |= {"bias": {"linspace": [0, 1, 50]}, "optimizer": ["sgd", "adam"]}
    return {"sweep": {"grid": grid}, "replicates": seeds}


@pytest.mark.parametrize("seeds", [1, 100])
def test_ten_million_runs_are_planned_in_little_memory(tmp_path, seeds):
    plan_of(tmp_path)  # imports
    tracemalloc.start()
    plan = plan_of(tmp_path, ten_million(seeds))
    assert plan.n_runs == 10_000_000
    assert plan.n_updates == 10_000_000 // 10 * 100
    cells = [plan.cell(i) for i in range(0, plan.n_cells, plan.n_cells // 1000)]
    ids = {cell.run_id(seed) for cell in cells for seed in range(10)}
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(ids) == 10_000
    assert peak < 20e6


def test_ten_million_cells_with_conditions_are_counted_not_listed(tmp_path):
    study = ten_million(1)
    study["sweep"]["exclude"] = [{"learning_rate": 1, "weight_decay": 1}, {"bias": [0, 1], "optimizer": "adam"}]
    study["sweep"]["when"] = [{"if": {"optimizer": "adam", "learning_rate": 1000}, "grid": {"beta1": [0.5, 0.9]}}]
    plan = plan_of(tmp_path, study)
    rates, decays, epochs, biases = 100, 100, 10, 50
    sgd = (rates * decays - 1) * epochs * biases
    adam = ((rates * decays - 1) + decays) * epochs * (biases - 2)
    assert plan.n_cells == sgd + adam
    last = plan.cell(plan.n_cells - 1)
    assert (last.learning_rate, last.optimizer, last.bias) == (1000.0, "sgd", 1.0)


def test_a_trillion_runs_are_refused_at_once_unless_allowed(tmp_path):
    study = ten_million(1) | {"replicates": 100_000}
    path = tmp_path / "study.yaml"
    path.write_text(json.dumps({**BASE, **study}))
    loaded = load_study(path)
    with pytest.raises(Refused, match="the study has 1,000,000,000,000 runs"):
        make_plan(loaded)
    plan = make_plan(loaded, max_runs=10**12)
    assert plan.n_runs == 10**12
    assert plan.cell(9_999_999).index == 9_999_999
    with pytest.raises(Refused):
        make_plan(load_study(path, ["replicates=1e300"]), max_runs=10**400)


@pytest.mark.parametrize("order", ["sequential", "shuffled", "with_replacement"])
@pytest.mark.parametrize("batch", ["full", 1, 3, 5, 16])
def test_a_budget_of_samples_is_as_many_updates_as_show_no_more(tmp_path, batch, order):
    """Sixteen samples: the updates of an epoch counted one by one, the last of them smaller where they are in order."""
    size = 16 if batch == "full" else batch
    sizes = [size] * -(-16 // size)
    if order != "with_replacement":
        sizes[-1] = 16 - sum(sizes[:-1])
    shown = list(itertools.accumulate(sizes * 70))
    budgets = [16, 17, 100, 160, 1000, 1007]
    (tmp_path / "x.yaml").write_text(
        f"data: parity(4)\narchitecture: 4-1\nlearning_rate: 1\nbatch: {batch}\norder: {order}\n"
        f"sweep: {{grid: {{samples: {budgets}}}}}\n"
    )
    plan = make_plan(load_study(tmp_path / "x.yaml"))
    expected = [sum(count <= budget for count in shown) for budget in budgets]
    assert [plan.cell(i).budget for i in range(plan.n_cells)] == expected
    assert plan.n_updates == expected[-1]
    assert plan.n_trajectories == 1
