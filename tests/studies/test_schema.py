"""The JSON schema of study files takes what the runner takes, and refuses what it refuses, as far as a schema can."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

import runner
from runner.data import DATASETS, SCALINGS
from runner.data.parameters import Integer
from runner.keys.definitions import KEYS
from runner.keys.issues import Invalid
from runner.ops import FAULTS, INITIALIZERS
from runner.registry import whole_number
from runner.studies.model import json_schema
from runner.studies.parser import parse

jsonschema = pytest.importorskip("jsonschema")

ROOT = Path(__file__).parents[2]
STUDY = {"data": "xor", "architecture": "2-2-1", "learning_rate": 0.5, "epochs": 10}


@pytest.fixture(scope="module")
def schema() -> Any:
    """The schema, compiled."""
    return jsonschema.Draft202012Validator(json_schema())


def taken_by_runner(key: str, value: object) -> bool:
    """Whether the runner takes a value of a key by itself."""
    try:
        KEYS[key].read(value)
    except Invalid:
        return False
    return True


def calls() -> list[tuple[str, object]]:
    """Keys with calls at, within and beyond every bound, and with a number of arguments too few or too many."""
    found: list[tuple[str, object]] = []
    for key, registry in (("data", DATASETS), ("scaling", SCALINGS)):
        for entry in registry.values():
            declared = list(entry.declared.values())
            right = [str(p.low) if isinstance(p, Integer) else "0110" if key == "data" else "2" for p in declared]
            found += [(key, f"{entry.name}({', '.join(args)})") for args in (right, [*right, "1"], right[:-1]) if args]
            for i, parameter in enumerate(declared):
                bounds = [-1]
                if isinstance(parameter, Integer):
                    bounds = [parameter.low - 1, parameter.low, parameter.low + 1, parameter.high, parameter.high + 1]
                for bound in (*bounds, "x", "0", "0.5", "01", "1e0"):
                    args = [*right[:i], str(bound), *right[i + 1 :]]
                    found.append((key, f"{entry.name}({', '.join(args)})"))
    for init in INITIALIZERS.values():
        found += [
            ("init", f"{init.name}({args})") for args in ("0, 1", "-1.5, 1e-3", "0", "0,", "a, b", "0, -1", "0, 1, 2")
        ]
    for fault in FAULTS.values():
        forms = (
            "(3)",
            "(16)",
            "(1.5)",
            "(0.01)",
            "(-1)",
            "(tanh)",
            "(tanhh)",
            "(layer=1)",
            "(layer = 0)",
            "(3, layer=2)",
            "",
        )
        found += [("faults", fault.name + form) for form in forms]
    return found


# What is not said by regular expressions: two numbers compared with each other, a number with an exponent.
_BEYOND = ("1e0", "uniform(0, -1)")


@pytest.mark.parametrize("key", ["data", "scaling", "init", "faults"])
def test_a_call_is_taken_where_the_runner_takes_it(key: str, schema: Any) -> None:
    compared = 0
    for name, value in calls():
        if name != key:
            continue
        fits = schema.is_valid(STUDY | {key: value})
        if taken_by_runner(key, value):
            assert fits, value
        elif not any(part in str(value) for part in _BEYOND):
            assert not fits, value
        compared += 1
    assert compared > 10


def test_whole_numbers() -> None:
    import re

    for low, high in ((2, 16), (0, 7), (1, 1000), (95, 1203), (17, 17)):
        pattern = re.compile(whole_number(low, high))
        assert [n for n in range(1300) if pattern.fullmatch(str(n))] == list(range(low, high + 1))


@pytest.mark.parametrize(
    "change",
    [
        {"data": "parity(99)"},
        {"data": "parity(1)"},
        {"data": "boolean(011)"},
        {"data": "gaussian(10, 2)"},
        {"scaling": "divide(0)"},
        {"init": "normal(0)"},
        {"faults": ["round_sums(16)"]},
        {"learning_rat": 0.1},
        {"epochs": 0},
        {"updates": 5},
        {"sweep": {"grid": {"data": ["xor", "parity(99)"]}}},
        *({key: None} for key in STUDY),
    ],
    ids=str,
)
def test_what_the_runner_refuses_is_refused(change: dict[str, Any], schema: Any, tmp_path: Path) -> None:
    study = {key: value for key, value in (STUDY | change).items() if value is not None}
    file = tmp_path / "study.yaml"
    file.write_text(yaml.safe_dump(study))
    with pytest.raises(runner.StudyError):
        runner.load(file)
    assert not schema.is_valid(study)


@pytest.mark.parametrize(
    "sweep",
    [
        {"grid": {"data": ["xor"], "epochs": [10, 20]}},
        {"zip": [{"data": "xor", "epochs": 10}]},
        {"grid": {"data": ["xor"]}, "sample": {"n": 3, "space": {"epochs": {"integers": [1, 9]}}}},
    ],
    ids=str,
)
def test_a_key_may_be_given_by_the_sweep(sweep: dict[str, Any], schema: Any, tmp_path: Path) -> None:
    study = {key: value for key, value in STUDY.items() if key not in ("data", "epochs")} | {"sweep": sweep}
    file = tmp_path / "study.yaml"
    file.write_text(yaml.safe_dump(study))
    runner.load(file)
    schema.validate(study)


@pytest.mark.parametrize("file", sorted((ROOT / "configs").rglob("*.yaml")), ids=lambda file: file.stem)
def test_every_study_of_the_package_fits(file: Path, schema: Any) -> None:
    schema.validate(parse(file.read_text(encoding="utf-8"), str(file))[0].value)
