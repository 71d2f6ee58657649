"""Reading a study: YAML as people write it, arguments of the command line, the schema for editors."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from runner.errors import StudyError
from runner.keys.definitions import KEYS, LISTS
from runner.ops import ACTIVATIONS, INITIALIZERS, LOSSES, OPTIMIZERS
from runner.registry import Call
from runner.studies.load import load_study
from runner.studies.model import json_schema
from runner.studies.plan import make_plan

CONFIGS = sorted(Path(__file__).parents[2].glob("configs/*.yaml"))
EXAMPLE = """\
name: example
data: xor
architecture: 2-4-1          # or [2, 4, 1]
init: normal(0, 1)
learning_rate: 0.5
epochs: 1e4
criterion: {max_error: 0.5}
sweep:
  grid:
    architecture: [2-2-1, [2, 3, 1], 2-4-1]
    init: ["uniform(-1, 1)", xavier_uniform]
    learning_rate: {geomspace: [0.1, 10, 3]}
    epochs: [100, 1000]
  exclude:
    - {learning_rate: 10, epochs: 100}
  include:
    - {learning_rate: 3}
replicates: 5
"""


def load(tmp_path, *overrides, text=EXAMPLE):
    path = tmp_path / "study.yaml"
    path.write_text(text, encoding="utf-8")
    return load_study(path, overrides)


def values(study, *keys):
    plan = make_plan(study)
    rows = [tuple(getattr(plan.cell(i), key) for key in keys) for i in range(plan.n_cells)]
    return list(dict.fromkeys(row[0] if len(keys) == 1 else row for row in rows))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_the_studies_of_the_repository_can_be_planned(path):
    study = load_study(path)
    plan = make_plan(study)
    assert study.name == path.stem
    assert study.description
    assert 1000 <= plan.n_runs <= 33_600


def test_the_example_of_the_design_has_its_runs():
    plan = make_plan(load_study(next(path for path in CONFIGS if path.stem == "xor_sweep")))
    assert [(key, len(texts)) for key, texts in plan.axes] == [
        ("architecture", 4), ("init", 4), ("learning_rate", 7), ("epochs", 3),
    ]  # fmt: skip
    assert plan.n_cells == 4 * 4 * 7 * 3
    assert plan.n_runs == 33_600
    assert plan.n_trajectories == 11_200
    assert plan.n_updates == 11_200 * 10_000


def test_a_study_is_read_whole(tmp_path):
    study = load(tmp_path)
    assert study.name == "example"
    assert study.description == ""
    assert study.path == tmp_path / "study.yaml"
    assert study.text == EXAMPLE
    assert study.overrides == ()
    assert study.seeds == range(5)
    assert (study.record.curves, study.record.weights) == (None, False)
    assert dict(study.base) == {
        "data": Call("xor"),
        "architecture": (2, 4, 1),
        "init": Call("normal", (0.0, 1.0)),
        "learning_rate": 0.5,
        "epochs": 10_000,
        "criterion": (("max_error", 0.5),),
    }
    assert make_plan(study).n_cells == 3 * 2 * (3 * 2 - 1) + 1


def test_a_study_cannot_be_changed(tmp_path):
    study = load(tmp_path)
    with pytest.raises(dataclasses.FrozenInstanceError):
        study.name = "other"
    with pytest.raises(TypeError):
        study.base["epochs"] = 1
    with pytest.raises(ValueError, match="frozen"):
        study.record.weights = True


def test_the_name_of_the_file_is_the_default_name(tmp_path):
    assert load(tmp_path, text=EXAMPLE.replace("name: example\n", "")).name == "study"


@pytest.mark.parametrize("prefix", ["\ufeff", "# a comment\n", "---\n", "%YAML 1.2\n---\n", "\n\n"])
def test_what_may_stand_before_the_first_key(tmp_path, prefix):
    assert load(tmp_path, text=prefix + EXAMPLE).base["epochs"] == 10_000


def test_numbers_and_words_follow_yaml_1_2(tmp_path):
    text = "data: xor\narchitecture: 2-010-1\nlearning_rate: 1E-2\nweight_decay: .5e-2\nepochs: 010\nbatch: 0_3\n"
    study = load(tmp_path, text=text)
    assert study.base["architecture"] == (2, 10, 1)
    assert (study.base["learning_rate"], study.base["weight_decay"]) == (0.01, 0.005)
    assert (study.base["epochs"], study.base["batch"]) == (10, 3)
    named = load(tmp_path, text=EXAMPLE.replace("name: example", "name: off\ndescription: no"))
    assert (named.name, named.description) == ("off", "no")


def test_columns_named_like_booleans_stay_texts(tmp_path):
    (tmp_path / "d.csv").write_text("no,yes,y\n0,1,1\n1,0,0\n")
    text = "data: {csv: d.csv, inputs: [no, yes], targets: [y]}\narchitecture: 2-1\nlearning_rate: 1\nepochs: 1\n"
    study = load(tmp_path, text=text)
    assert study.base["data"].inputs == ("no", "yes")
    assert make_plan(study).cell(0).data_set.inputs.tolist() == [[0, 1], [1, 0]]


def test_csv_paths_start_at_the_folder_of_the_study(tmp_path, monkeypatch):
    (tmp_path / "d.csv").write_text("a,b,c\n0,1,1\n1,0,0\n")
    text = "data: {csv: d.csv, inputs: [a, b], targets: [c]}\narchitecture: 2-1\nlearning_rate: 1\nepochs: 1\n"
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    plan = make_plan(load(tmp_path, text=text))
    assert len(plan.cell(0).data_set.inputs) == 2
    first = plan.cell(0).cell_id
    (tmp_path / "d.csv").write_text("a,b,c\n0,1,1\n1,0,1\n")
    assert make_plan(load(tmp_path, text=text)).cell(0).cell_id != first


# Arguments ----------------------------------------------------------------------------------------------------------


def test_an_argument_sets_a_key_and_takes_it_off_every_axis(tmp_path):
    study = load(tmp_path, "learning_rate=2", "name=try", "description=once", "replicates=2", "record.curves=50")
    assert values(study, "learning_rate") == [2.0]
    assert make_plan(study).n_cells == 3 * 2 * 2  # the included cell differed in nothing else
    assert (study.name, study.description, study.seeds, study.record.curves) == ("try", "once", range(2), 50)
    assert study.overrides[0] == "learning_rate=2"
    assert study.text == EXAMPLE


@pytest.mark.parametrize(
    ("argument", "rates"),
    [
        ("learning_rate=[0.1, 1]", [0.1, 1.0]),
        ("learning_rate={geomspace: [0.1, 10, 3]}", [0.1, 1.0, 10.0]),
        ("learning_rate={arange: [1, 3]}", [1.0, 2.0]),
        ("learning_rate=[[1, 2], [3, 4]]", [(1.0, 2.0), (3.0, 4.0)]),
        ("learning_rate=[1]", [1.0]),
    ],
)
def test_a_list_or_a_range_makes_an_axis(tmp_path, argument, rates):
    study = load(tmp_path, argument)
    # the included cell keeps its own
    assert [rate for rate in values(study, "learning_rate") if rate != 3.0] == rates
    assert study.space.swept == ("architecture", "init", "learning_rate", "epochs")


def test_a_list_that_is_one_value_stays_one_value(tmp_path):
    assert values(load(tmp_path, "architecture=[2, 5, 1]"), "architecture") == [(2, 5, 1)]
    assert values(load(tmp_path, "architecture=[2-5-1, 2-6-1]"), "architecture")[:2] == [(2, 5, 1), (2, 6, 1)]
    assert values(load(tmp_path, "target_range=[0.1, 0.9]"), "target_range") == [(0.1, 0.9)]
    assert set(values(load(tmp_path, "target_range=[none, [-1, 1]]"), "target_range")) == {None, (-1.0, 1.0)}
    assert values(load(tmp_path, "criterion={mse: 0.01}"), "criterion") == [(("mse", 0.01),)]
    numbers = "[1, 2, 3, 4, 5, 6, 7, 8, 9]"
    assert values(load(tmp_path, f"init={numbers}", "architecture=2-2-1"), "init") == [tuple(map(float, range(1, 10)))]


def test_names_with_commas_need_quotes_in_a_list_only(tmp_path):
    assert values(load(tmp_path, "init=uniform(-1, 1)"), "init") == [Call("uniform", (-1.0, 1.0))]
    assert values(load(tmp_path, 'init=["uniform(-1, 1)"]'), "init")[0] == Call("uniform", (-1.0, 1.0))


def test_a_budget_takes_the_place_of_the_other(tmp_path):
    assert values(load(tmp_path, "updates=7"), "epochs", "updates") == [(None, 7)]
    assert values(load(tmp_path, "updates=[7, 8]"), "epochs", "updates") == [(None, 7), (None, 8), (10_000, None)]
    assert values(load(tmp_path, "updates=7", "epochs=3"), "epochs", "updates") == [(3, None)]


def test_seeds_take_the_place_of_replicates(tmp_path):
    assert load(tmp_path, "seeds=[4, 9]").seeds == (4, 9)
    assert load(tmp_path, "seed=4").seeds == (4,)
    assert load(tmp_path, "seed=[4, 9]").seeds == (4, 9)
    assert load(tmp_path, "seeds=[4]", "replicates=2").seeds == range(2)


def test_the_last_argument_wins(tmp_path):
    assert values(load(tmp_path, "learning_rate=1", "learning_rate=2"), "learning_rate") == [2.0]
    assert set(values(load(tmp_path, "learning_rate=1", "learning_rate=[5, 6]"), "learning_rate")) == {5.0, 6.0}


def test_an_argument_may_leave_conditions_and_settings_without_use(tmp_path):
    assert make_plan(load(tmp_path, "epochs=50")).n_cells == 3 * 2 * 3 + 1
    assert load(tmp_path, "beta1=0.5").base["beta1"] == 0.5


SWEPT = """\
data: xor
architecture: 2-2-1
learning_rate: 0.5
epochs: 5
sweep:
  zip:
    - {learning_rate: 1, loss: mse}
    - {learning_rate: 2, loss: mse}
    - {learning_rate: 2, loss: sse}
  sample: {n: 3, space: {weight_decay: {uniform: [0, 1]}, batch: {integers: [1, 4]}}}
  when:
    - if: {loss: mse}
      grid: {optimizer: [adam, sgd], output: [tanh, sigmoid]}
"""


@pytest.mark.parametrize(
    ("overrides", "cells"),
    [
        ((), 3 * (4 + 4 + 1)),
        (("learning_rate=3",), 3 * (4 + 1)),  # two rows of the zip become one
        (("loss=mse",), 3 * (4 + 4)),
        (("loss=mse", "learning_rate=3"), 3 * 4),  # no zip is left
        (("optimizer=sgd",), 3 * (2 + 2 + 1)),
        (("optimizer=sgd", "output=tanh"), 3 * 3),  # no when is left
        (("weight_decay=0", "batch=2"), 9),  # no sample is left
        (("optimizer=[adam, sgd]", "output=tanh"), 3 * 3 * 2),
        (("sweep={}",), 1),
    ],
)
def test_arguments_reach_every_part_of_a_sweep(tmp_path, overrides, cells):
    assert make_plan(load(tmp_path, *overrides, text=SWEPT)).n_cells == cells


def test_all_problems_of_file_and_arguments_come_together(tmp_path):
    with pytest.raises(StudyError) as caught:
        load(tmp_path, "epochs=0", "loss=hinge", text=EXAMPLE.replace("replicates: 5", "replicate: 5"))
    lines = str(caught.value).splitlines()
    assert [line.partition(": ")[0] for line in lines] == [f"{tmp_path}/study.yaml:18:1", "<epochs=0>", "<loss=hinge>"]


# Schema -------------------------------------------------------------------------------------------------------------


def test_the_schema_has_every_key_and_every_name():
    schema = json_schema()
    properties = schema["properties"]
    assert set(KEYS) | {"name", "description", "sweep", "replicates", "seeds", "record", "claims"} == set(properties)
    assert schema["additionalProperties"] is False
    assert properties["loss"]["enum"] == list(LOSSES)
    assert properties["optimizer"]["enum"] == list(OPTIMIZERS)
    assert properties["output"]["enum"] == [name for name, record in ACTIVATIONS.items() if record.output]
    bare = [name for name, record in INITIALIZERS.items() if not record.parameters]
    assert properties["init"]["anyOf"][0] == {"enum": bare}
    assert all(part["description"] for part in properties.values())


def test_the_schema_of_an_axis_is_a_list_or_a_range_of_the_keys_own_type():
    grid = json_schema()["$defs"]["Sweep"]["properties"]["grid"]
    assert set(grid["properties"]) == set(KEYS) - {"seed"}
    assert grid["properties"]["loss"]["items"]["enum"] == list(LOSSES)
    values, numbers = grid["properties"]["epochs"]["anyOf"]
    assert values["items"] == {"type": "integer", "minimum": 1, "maximum": 10**12}
    assert set(numbers["properties"]) == {"linspace", "geomspace", "arange"}
    assert set(grid["patternProperties"]) == {rf"^{key}\[[0-9]+\]$" for key in LISTS}


def test_the_schema_has_no_words_of_pydantic():
    def titles(part):
        if isinstance(part, dict):
            return any(k == "title" and isinstance(v, str) for k, v in part.items()) or any(map(titles, part.values()))
        return isinstance(part, list) and any(map(titles, part))

    assert not titles(json_schema())
