"""Keys are judged as they will be used: in float32 some are other numbers, and some of these are none of the key's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import studies

from runner.errors import StudyError
from runner.ops import OPTIMIZERS, SETTINGS
from runner.studies.load import load_study

BASE: dict[str, Any] = {"data": "xor", "architecture": "2-2-1", "learning_rate": 0.01, "epochs": 3, "replicates": 4}
LARGEST_BELOW_ONE = float(np.nextafter(np.float32(1), np.float32(0)))
OF_OPTIMIZERS = [(name, setting) for name, record in OPTIMIZERS.items() for setting in record.settings]


def with_rate(keys: dict[str, Any]) -> dict[str, Any]:
    """All keys of a study; methods of second order have no learning rate."""
    rate = OPTIMIZERS[keys.get("optimizer", "sgd")].takes("learning_rate")
    return {key: value for key, value in (BASE | keys).items() if rate or key != "learning_rate"}


def problems(folder: Path, **keys: Any) -> list[str]:
    """What is wrong with a study, without places."""
    try:
        studies.make(folder, **with_rate(keys))
    except StudyError as error:
        return [problem.message for problem in error.problems]
    return []


@pytest.mark.parametrize(("optimizer", "setting"), OF_OPTIMIZERS)
def test_every_setting_of_every_optimizer(tmp_path: Path, optimizer: str, setting: str) -> None:
    """What rounds to a number that the key may not have is refused in float32, and there only."""
    record = SETTINGS[setting]
    wrong = {1e-300} if record.low == 0 else set()
    wrong |= {record.high} if record.high > 1e38 else set()
    wrong |= set() if record.high_included else {np.nextafter(1, 0), 0.99999998}
    for value in map(float, wrong):
        keys = {"optimizer": optimizer, setting: value}
        (message,) = problems(tmp_path, **keys, precision="float32")
        assert message.startswith(f"{setting}: {value!r} is ")
        assert " in float32" in message
        assert problems(tmp_path, **keys) == []
    right = [record.low, 1.0] if record.high_included else [record.low, 0.5, LARGEST_BELOW_ONE]
    for value in right:
        assert problems(tmp_path, optimizer=optimizer, precision="float32", **{setting: value}) == []


def test_the_largest_setting_that_is_left_trains(tmp_path: Path) -> None:
    """In one study: one kernel knows all these optimizers."""
    below_one = [(name, key) for name, key in OF_OPTIMIZERS if not SETTINGS[key].high_included]
    rows = [{"optimizer": name, key: LARGEST_BELOW_ONE} for name, key in below_one]
    runs = studies.run(tmp_path, **BASE, precision="float32", sweep={"include": rows})
    assert {cell.optimizer for _, cell, _ in runs.each()} == {"sgd", *(name for name, _ in below_one)}
    for run, cell, _ in runs.each():
        assert np.isfinite(runs.row(run)["final_loss"]), cell.texts


def test_the_words_and_the_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = "data: xor\narchitecture: 2-2-1\nlearning_rate: 0.5\nepochs: 3\noptimizer: adam\nprecision: float32\n"
    lines = {
        "beta2: 0.99999999": "7:8: beta2: 0.99999999 is 1 in float32, whose largest number below 1 is "
        "0.9999999403953552; give another value, or precision: float64",
        "epsilon: 1e-60": "7:10: epsilon: 1e-60 is 0 in float32; give another value, or precision: float64",
        "criterion: {max_error: 1e-60}": "7:12: criterion: max_error 1e-60 is 0 in float32, and no run could meet it; "
        "give another limit, or precision: float64",
        "target_range: [0, 1e300]": "6:12: precision: float32 goes up to 3.4e+38; a target of xor is 1e+300",
        "scaling: divide(1e-300)": "6:12: precision: float32 goes up to 3.4e+38; an input of xor is 1e+300",
    }
    for line, message in lines.items():
        Path("x.yaml").write_text(f"{text}{line}\n")
        with pytest.raises(StudyError) as caught:
            load_study("x.yaml")
        assert str(caught.value) == f"x.yaml:{message}"


def test_only_cells_that_use_the_setting_in_float32_are_judged(tmp_path: Path) -> None:
    both = {"optimizer": ["sgd", "adam"], "precision": ["float64", "float32"]}
    assert len(problems(tmp_path, beta2=0.99999999, sweep={"grid": both})) == 1
    apart = [{"optimizer": "sgd", "precision": "float32"}, {"optimizer": "adam", "precision": "float64"}]
    assert problems(tmp_path, beta2=0.99999999, sweep={"zip": apart}) == []
    # A limit of 0 is what the study says, and meant for runs that never stop.
    assert problems(tmp_path, criterion={"max_error": 0}, precision="float32") == []
