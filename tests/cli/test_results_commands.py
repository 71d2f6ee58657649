"""claims and explain from the command line, on a study that is really trained, and claims within studies."""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy
import pytest

import runner
from runner.__main__ import main
from runner.errors import StudyError
from runner.results.row_text import field
from runner.studies.load import load_study
from runner.studies.model import json_schema
from runner.studies.plan import make_plan

STUDY = """\
name: small
data: xor
architecture: 2-4-1
learning_rate: 5
epochs: 10
sweep:
  grid:
    learning_rate: [0.01, 5]
    epochs: [10, 1000]
replicates: 60
claims:
  - name: a hundredth is too little
    where: {learning_rate: 0.01}
    statistic: rate(converged)
    expect: "< 0.1"
    source: a guess
  - name: ten epochs are enough
    where: {learning_rate: 5, epochs: 10}
    statistic: rate(converged)
    expect: "> 0.9"
"""
HOLDING = STUDY.replace('"> 0.9"', '"< 0.9"')


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small.yaml").write_text(STUDY)
    return tmp_path


def test_claims_are_checked_at_the_end_of_a_run(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["small.yaml"]) == 1
    out = capsys.readouterr().out
    assert "ten epochs are enough" in out
    assert out.endswith("2 claims: 1 holds, 1 fails\n")
    (folder / "small.yaml").write_text(HOLDING)
    assert main(["small.yaml", "-q"]) == 0
    assert capsys.readouterr().out == ""
    assert main(["small.yaml", "--json"]) == 0
    content = json.loads(capsys.readouterr().out)
    assert [claim["verdict"] for claim in content["claims"]] == ["holds", "holds"]


def test_claims_of_a_changed_study_may_have_no_runs(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["small.yaml", "learning_rate=0.01", "replicates=5"]) == 0
    out = capsys.readouterr().out
    assert "ten epochs are enough: no run has learning_rate 5.0; there is 0.01" in out
    assert main(["claims", "small"]) == 0


def test_the_claims_command(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["small.yaml", "-q"]) == 1
    assert main(["claims", "small"]) == 1
    out = capsys.readouterr().out
    assert out.startswith("small\n\nclaim ")
    assert main(["claims", "small", "--json"]) == 1
    content = json.loads(capsys.readouterr().out)
    assert content["name"] == "small"
    assert [claim["name"] for claim in content["claims"]] == ["a hundredth is too little", "ten epochs are enough"]
    # The study itself may have other claims by now.
    (folder / "small.yaml").write_text(HOLDING)
    assert main(["claims", "small.yaml", "-q"]) == 0
    (folder / "small.yaml").write_text(STUDY.split("claims:")[0])
    assert main(["claims", "small.yaml"]) == 0
    assert capsys.readouterr().out == "small: the study makes no claims\n"


def test_the_explain_command(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["small.yaml", "-q"])
    assert main(["explain", "small"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("small\n\n")
    assert "What would have saved the failed runs" in out
    run_id = (folder / "results" / "small" / "runs.csv").read_text().splitlines()[1].split(",")[0]
    assert main(["explain", "small", run_id]) == 0
    assert f"Run {run_id}, seed 0 (" in capsys.readouterr().out
    assert main(["explain", "small", run_id[:10], "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["run"]["run_id"] == run_id


def test_a_setting_is_named_by_flags(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["small.yaml", "-q"])
    with (folder / "results" / "small" / "runs.csv").open() as file:
        row = next(csv.DictReader(file))
    at = f"architecture={row['architecture']},learning_rate={row['learning_rate']}"
    assert main(["explain", "small", "--at", at, "--at", f"epochs={row['epochs']}"]) == 0
    shown = capsys.readouterr().out
    assert "\n\nAt your settings (" in shown
    found = runner.explain("small", at=[f"{at},epochs={row['epochs']}"])
    assert str(found) == shown.rstrip("\n")
    assert repr(found) == "<Explanation of small: 240 runs>"
    assert "<h4>small</h4>" in found._repr_html_()  # type: ignore[attr-defined]
    assert main(["--at", f"{at},epochs={row['epochs']}", "explain", "small", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["at_settings"]["runs"] > 1
    assert main(["explain", "small", row["run_id"], "--at", at]) == 2
    assert capsys.readouterr().err == ("error: --at names a setting, and a run_id names a run: give one of them\n")
    assert main(["explain", "small", "--at", "learning_rate"]) == 2
    assert capsys.readouterr().err == "error: at: expected key=value, found 'learning_rate'\n"


def _saved_by_a_spreadsheet(table: bytes, order: str) -> bytes:
    header, *rows = csv.reader(io.StringIO(table.decode(), newline=""))
    columns = sorted(range(len(header)), key=lambda i: header[i], reverse=order == "falling")
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows([row[i] for i in columns] for row in (header, *rows))
    return text.getvalue().encode()


WAYS: dict[str, Callable[[bytes], bytes]] = {
    "a byte order mark": lambda table: b"\xef\xbb\xbf" + table,
    "capital truth": lambda table: table.replace(b",True,", b",TRUE,").replace(b",False,", b",FALSE,", 7),
    "other line ends": lambda table: table.replace(b"\n", b"\r\n"),
    "columns in alphabetical order": lambda table: _saved_by_a_spreadsheet(table, "rising"),
    "columns backwards": lambda table: _saved_by_a_spreadsheet(table, "falling"),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("command", ["report", "claims", "explain"])
def test_a_table_that_a_spreadsheet_has_saved(
    command: str, way: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["small.yaml", "-q"]) == 1
    path = folder / "results" / "small" / "runs.csv"
    code, expected = main([command, "small"]), capsys.readouterr().out
    path.write_bytes(WAYS[way](path.read_bytes()))
    assert main([command, "small"]) == code
    assert capsys.readouterr().out.splitlines() == expected.splitlines()


def test_fields_that_no_run_has(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["small.yaml", "-q"]) == 1
    path = folder / "results" / "small" / "runs.csv"
    whole = path.read_bytes()
    header, row, *_ = csv.reader(io.StringIO(whole.decode(), newline=""))
    row[header.index("seed")] = "1" * 40
    path.write_text(",".join(header) + "\n" + ",".join(map(field, row)) + "\n")
    for command in ("claims", "explain"):
        assert main([command, "small"]) == 1
        assert capsys.readouterr().err == (
            "error: results/small/runs.csv cannot be read as a table of results: a seed is no whole number of 64 bits\n"
        )
    path.write_bytes(WAYS["columns backwards"](whole))
    assert main(["explain", "small", row[0]]) == 1
    assert capsys.readouterr().err == (
        "error: results/small/runs.csv is not as the runner wrote it: run_id is not its first column; put it there\n"
    )
    path.write_bytes(whole.replace(b",True,", b",yes,", 1))
    for command in ("report", "claims"):
        assert main([command, "small"]) == 1
        assert "the column converged holds 'yes': expected True or False" in capsys.readouterr().err
    path.write_bytes(whole.replace(b",xor,", ",k\xe4se,".encode("latin-1"), 1))
    for arguments in (["report", "small"], ["explain", "small", row[0]], ["replay", "small", row[0]]):
        assert main(arguments) == 1
        assert capsys.readouterr().err == (
            "error: results/small/runs.csv is not UTF-8 text (changed by another program?)\n"
        )


def looked() -> str:
    """Where results are looked for, in the words of a message: from another folder it is not the one that is meant."""
    return f"(looked in {Path.cwd() / 'results'})"


@pytest.mark.parametrize("command", ["claims", "explain"])
def test_misuse(command: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command]) == 2
    see = f"(see python -m runner {command} --help)"
    assert capsys.readouterr().err == f"error: which results? give a study's name or its folder of results {see}\n"
    assert main([command, "smal"]) == 2
    assert capsys.readouterr().err == f"error: no results at smal nor at results/smal {looked()}\n"


def test_explain_takes_several_studies(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["small.yaml", "-q"]) == 1
    assert main(["small.yaml", "-q", "name=ab12", "replicates=20"]) == 1
    pages = {}
    for name in ("small", "ab12"):
        assert main(["explain", name]) == 0
        pages[name] = capsys.readouterr().out
    # What looks like a run_id is a study first.
    assert main(["explain", "small", "ab12"]) == 0
    assert capsys.readouterr().out == f"{pages['small']}\n{pages['ab12']}"
    assert main(["explain", "results/small", "ab12", "small.yaml", "--json"]) == 0
    names = [json.loads(line)["name"] for line in capsys.readouterr().out.splitlines()]
    assert names == ["small", "ab12", "small"]
    assert main(["-q", "explain", "small", "ab12"]) == 0
    assert capsys.readouterr() == ("", "")
    # All of them are looked for before the first one is shown.
    assert main(["explain", "small", "ab12", "aba"]) == 2
    assert capsys.readouterr() == ("", f"error: no results at aba nor at results/aba {looked()}\n")
    assert main(["report", "small", "smll"]) == 2
    missing = "error: no results at smll nor at results/smll; did you mean 'small'?"
    assert capsys.readouterr() == ("", f"{missing} {looked()}\n")


def test_a_run_that_is_not_there(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["small.yaml", "-q"])
    first = f"error: no results at nothing nor at results/nothing {looked()}\n"
    hint = "error: a run_id has 16 digits, 0-9 and a-f, of which the first few are enough\n"
    assert main(["explain", "small", "nothing"]) == 2
    assert capsys.readouterr().err == first + hint
    assert main(["explain", "nothing", "0123"]) == 2
    assert capsys.readouterr().err == first
    for command in ("explain", "replay"):
        assert main([command, "small", "0" * 16]) == 2
        assert capsys.readouterr().err == f"error: results/small/runs.csv has no run '{'0' * 16}'\n"
    assert main(["replay", "small", "x"]) == 2
    assert capsys.readouterr().err.startswith("error: results/small/runs.csv has no run 'x'; the first column of the")
    (folder / "wrong.yaml").write_text("name: 3\n")
    assert main(["explain", "small", "wrong.yaml"]) == 2
    assert "run_id" not in capsys.readouterr().err
    lines = (folder / "results/small/runs.csv").read_text().splitlines()[1:]
    twice = next(digit for digit in "0123456789abcdef" if sum(line.startswith(digit) for line in lines) > 1)
    assert main(["explain", "small", twice]) == 2
    assert capsys.readouterr().err == (
        f"error: more than one run of results/small/runs.csv begins with '{twice}': give more of its 16 digits\n"
    )


def test_report_and_explain_need_no_kernels(folder: Path) -> None:
    main(["small.yaml", "-q"])
    for arguments in (["report", "small"], ["explain", "small"]):
        code = (
            f"import sys; from runner.__main__ import main; main({arguments!r}); "
            "assert not {'numba', 'runner.ops', 'runner.kernels'} & set(sys.modules)"
        )
        subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def problems(text: str, folder: Path, *overrides: str) -> list[str]:
    path = folder / "s.yaml"
    path.write_text(text)
    with pytest.raises(StudyError) as caught:
        load_study("s.yaml", overrides)
    return str(caught.value).splitlines()


ROUNDED = """\
name: rounded
data: xor
architecture: 2-2-1
epochs: 20
sweep:
  grid:
    learning_rate: {geomspace: [0.1, 10, 7]}
replicates: 3
claims:
  - {name: as report shows it, where: {learning_rate: 4.642}, statistic: rate(converged), expect: ">= 0"}
  - {name: fewer digits, where: {learning_rate: [0.464, 10]}, statistic: rate(converged), expect: ">= 0"}
"""


def test_a_value_is_selected_as_it_is_shown(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "rounded.yaml").write_text(ROUNDED)
    assert main(["rounded.yaml"]) == 0
    report = capsys.readouterr().out
    values = re.findall(r"^(?:learning_rate| {13}) +([\d.]+) +3 ", report, re.MULTILINE)
    assert values == ["0.1", "0.2154", "0.4642", "1", "2.154", "4.642", "10"]
    assert main(["claims", "rounded", "--json"]) == 0
    assert [each["runs"] for each in json.loads(capsys.readouterr().out)["claims"]] == [3, 6]
    full = float(numpy.geomspace(0.1, 10, 7)[5])
    for shown in values:
        plan = make_plan(load_study("rounded.yaml", [f"learning_rate={shown}", "name=x"]))
        assert plan.n_cells == 1
        assert min(abs(plan.cell(0).learning_rate / rate - 1) for rate in numpy.geomspace(0.1, 10, 7)) < 1e-15
    changed = load_study("rounded.yaml", ["learning_rate=[4.642, 3.3]"])
    assert [*changed.space.values("learning_rate")] == pytest.approx([full, 3.3], rel=1e-15)
    assert load_study("rounded.yaml", ["learning_rate=4.7"]).base["learning_rate"] == 4.7


def test_a_value_that_may_be_several_is_an_error(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = ROUNDED.replace("{geomspace: [0.1, 10, 7]}", "[0.46416, 4.6416, 4.6421]").replace("10]", "4.6421]")
    assert problems(text, folder) == ["s.yaml:10:55: where: learning_rate 4.642 may be 4.6416 or 4.6421"]
    assert "<learning_rate=4.642>: learning_rate 4.642 may be 4.6416 or 4.6421" in (
        problems(text, folder, "learning_rate=4.642")
    )
    (folder / "rounded.yaml").write_text(text.replace("4.642}", "4.6421}"))
    assert main(["rounded.yaml", "-q"]) == 0
    copy = folder / "results" / "rounded" / "study.yaml"
    copy.write_text(text)
    assert main(["claims", "rounded"]) == 1
    assert "learning_rate 4.642 may be 4.6416 or 4.6421" in capsys.readouterr().out


def test_values_that_no_cell_has_are_found_before_anything_runs(folder: Path) -> None:
    wrong = STUDY.replace("where: {learning_rate: 0.01}", "where: {learning_rate: [0.01, 0.3], data: and}")
    assert problems(wrong, folder) == [
        "s.yaml:13:35: where: learning_rate is never 0.3; its values are 0.01, 5.0",
        "s.yaml:13:47: where: data is never and; its values are xor",
    ]
    # A study that is changed on the command line may leave a claim without runs.
    (folder / "s.yaml").write_text(STUDY)
    assert len(load_study("s.yaml", ["learning_rate=0.3"]).claims) == 2


def test_cells_that_are_included_one_by_one_can_be_claimed_about(folder: Path) -> None:
    text = STUDY.replace("replicates: 60", "  include:\n    - {learning_rate: 7}\nreplicates: 2")
    (folder / "s.yaml").write_text(text.replace("where: {learning_rate: 0.01}", "where: {learning_rate: 7}"))
    assert load_study("s.yaml").claims[0].where == {"learning_rate": (7.0,)}


def test_a_wrong_claim_hides_no_other_problem(folder: Path) -> None:
    wrong = STUDY.replace("architecture: 2-4-1\n", "").replace("where: {learning_rate: 0.01}", "where: {epochs: x}")
    assert problems(wrong, folder) == [
        "s.yaml:1:1: architecture is missing",
        "s.yaml:12:21: where: epochs: expected a whole number from 1 to 1,000,000,000,000, found 'x'",
    ]


def test_claims_are_in_the_schema() -> None:
    assert json_schema()["properties"]["claims"]["items"]["required"] == ["name", "statistic", "expect"]
