"""The twin, what mistakes cost, the command, and traces."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from support.census import PROGRAMS
from support.right_programs import RIGHT_PROGRAMS

import runner
from runner.cli import main
from runner.diagnosis.diagnose import diagnose_program


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_twin_trains_what_the_program_does(name: str, tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(PROGRAMS[name].file() + "\nupdates = 50\n")
    found = diagnose_program(file, tmp_path / "out", seeds=20)
    assert found.twin is not None
    assert found.twin["updates"] == 100
    assert found.twin["parts_at"] is None
    assert found.twin["largest_difference"] < 1e-12
    twin = yaml.safe_load((tmp_path / "out" / "twin.yaml").read_text())
    assert twin["updates"] == 100
    assert {fault.split("(")[0] for fault in twin.get("faults", ())} == {
        f.split("(")[0] for f in PROGRAMS[name].expected()
    }
    assert found.rates[0].mended == ()
    assert found.rates[0].runs == 20
    assert (tmp_path / "out" / "cost.yaml").is_file()
    assert json.loads((tmp_path / "out" / "diagnosis.json").read_text()) == json.loads(json.dumps(found.as_json()))


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "mine.py"
    file.write_text(PROGRAMS["contrary"].file())
    assert main.run(["diagnose", str(file), "--into", str(tmp_path / "out"), "--seeds", "20", "--json"]) == 1
    said = json.loads(capsys.readouterr().out)
    assert list(said) == ["right", "findings", "unknown", "notes", "twin", "rates"]
    assert said["right"] is False
    assert list(said["findings"][0]) == ["term", "layer", "says", "is", "should_be", "fault", "line", "source"]
    assert said["unknown"] == []
    assert all(isinstance(note, str) for note in said["notes"])
    assert list(said["twin"]) == ["updates", "largest_difference", "parts_at"]
    assert said["twin"]["updates"] == 100
    assert [list(rate) for rate in said["rates"]] == [["mended", "settings", "converged", "interval", "runs"]] * 2
    assert [rate["mended"] for rate in said["rates"]] == [[], ["own_activation"]]
    assert said["rates"][1]["converged"] == 1.0
    files = ["cost.yaml", "diagnosis.json", "page.html", "twin.csv", "twin.yaml"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == files
    file.write_text(PROGRAMS["contrary"].file(["factor"]))
    assert main.run(["diagnose", str(file), "--into", str(tmp_path / "out"), "--seeds", "20"]) == 0
    assert "your program is right" in capsys.readouterr().out
    file.write_text(PROGRAMS["contrary"].file().replace("error.T @ factor", "np.full((1, 1), np.nan)"))
    assert main.run(["diagnose", str(file), "--into", str(tmp_path / "out"), "--json"]) == 1
    said = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
    assert said["right"] is None
    assert list(said["unknown"][0]) == ["term", "layer", "says", "numbers"]
    assert said["unknown"][0]["numbers"]["step"] == [[None]]
    file.write_text("1 / 0\n")
    assert main.run(["diagnose", str(file)]) == 2
    assert "mine.py:1: ZeroDivisionError: division by zero" in capsys.readouterr().err


def test_a_folder_that_can_not_be_written_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "mine.py"
    file.write_text(PROGRAMS["contrary"].file())
    (tmp_path / "taken").touch()
    assert main.run(["diagnose", str(file), "--into", str(tmp_path / "taken")]) == 1
    assert capsys.readouterr().err.startswith(f"error: cannot remove {tmp_path}/taken/")
    assert main.run(["diagnose", str(file), "--into", str(tmp_path / "taken" / "folder")]) == 1


def traced(text: str) -> dict[str, Any]:
    """What a program in another language would write: random weights and samples, one update each."""
    rng, author = np.random.default_rng(0), {}
    exec(text, author)
    sizes = [2, 3, 1]
    trace: dict[str, Any] = {"architecture": "2-3-1", "learning_rate": 0.2, "inputs": [], "targets": [], "updates": []}
    for n in range(12):
        weights = [rng.uniform(-1, 1, (o, i)) for i, o in pairwise(sizes)]
        biases = [rng.uniform(-1, 1, o) for o in sizes[1:]]
        before = {"weights": [w.tolist() for w in weights], "biases": [b.tolist() for b in biases]}
        x, y = rng.uniform(-1, 1, (1, 2)), rng.random((1, 1))
        author["update"](weights, biases, x, y)
        after = {"weights": [w.tolist() for w in weights], "biases": [b.tolist() for b in biases]}
        trace["inputs"].append(x[0].tolist())
        trace["targets"].append(y[0].tolist())
        trace["updates"].append({"samples": [n], "before": before, "after": after})
    return trace


WRONG = RIGHT_PROGRAMS["in place"].replace("below = error @ w * (a * (1 - a))", "below = error @ w")


@pytest.mark.parametrize(("text", "faults"), [(RIGHT_PROGRAMS["in place"], set()), (WRONG, {"no_hidden_slope"})])
@pytest.mark.parametrize("kind", ["json", "npz", "csv"])
def test_a_trace_stands_for_a_program(text: str, faults: set[str], kind: str, tmp_path: Path) -> None:
    trace, path = traced(text), tmp_path / f"trace.{kind}"
    arrays: dict[str, Any] = {"samples": [update["samples"] for update in trace["updates"]]}
    for when in ("before", "after"):
        for k in (0, 1):
            arrays[f"W{k + 1}_{when}"] = [update[when]["weights"][k] for update in trace["updates"]]
            arrays[f"b{k + 1}_{when}"] = [update[when]["biases"][k] for update in trace["updates"]]
    if kind == "json":
        path.write_text(json.dumps(trace))
    elif kind == "npz":
        np.savez(
            path, **arrays, **{name: trace[name] for name in ("architecture", "learning_rate", "inputs", "targets")}
        )
    else:
        path.write_text(as_csv(trace, arrays))
    found = runner.diagnose(path, into=None)
    assert {finding.fault for finding in found.findings} == faults
    assert found.right is not faults


def as_csv(trace: dict[str, Any], arrays: dict[str, Any]) -> str:
    columns: dict[str, list[Any]] = {
        "architecture": [trace["architecture"]] * 12,
        "learning_rate": [trace["learning_rate"]] * 12,
    }
    for i in (0, 1):
        columns[f"x{i + 1}"] = [x[i] for x in trace["inputs"]]
    columns["t1"] = [t[0] for t in trace["targets"]]
    for name, values in arrays.items():
        if name != "samples":
            for index in np.ndindex(np.shape(values)[1:]):
                place = "".join(f"[{i}]" for i in index)
                columns[name.replace("_", f"{place}_")] = [repr(float(np.asarray(v)[index])) for v in values]
    rows = zip(*columns.values(), strict=True)
    return "\n".join([",".join(columns), *(",".join(map(str, row)) for row in rows)]) + "\n"


def test_a_trace_that_is_too_short_proves_nothing(tmp_path: Path) -> None:
    trace = traced(RIGHT_PROGRAMS["in place"])
    trace["updates"] = trace["updates"][:3]
    (tmp_path / "trace.json").write_text(json.dumps(trace))
    with pytest.raises(runner.StudyError, match="at least 8 are needed"):
        runner.diagnose(tmp_path / "trace.json", into=None)
