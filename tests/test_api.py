"""The public functions: their names, what they give, and what they say to wrong arguments."""

from __future__ import annotations

import inspect
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest

import runner
from runner.__main__ import main
from runner.errors import Refused
from runner.results.columns import standard_header

STUDY = """\
name: small
data: xor
architecture: 2-2-1
learning_rate: 0.5
epochs: 10
sweep:
  grid:
    learning_rate: [0.5, 8]
    epochs: [10, 1000]
replicates: 20
"""
FUNCTIONS = [
    *("claims", "compare", "diagnose", "explain", "export", "load", "page", "plan", "plot", "read_results", "replay"),
    *("run", "schema", "study", "summarize", "table", "zoom"),
]
CLASSES = [
    *("Comparison", "Diagnosis", "Explanation", "Plan", "Problem", "Refused", "Replayed", "Results", "RunnerError"),
    *("Study", "StudyError", "Summary", "Verdicts"),
]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a study, in which everything happens."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small.yaml").write_text(STUDY)
    return tmp_path


def test_public_names_are_these() -> None:
    assert runner.__all__ == [*CLASSES, "__version__", *FUNCTIONS]
    for name in CLASSES:
        assert inspect.isclass(getattr(runner, name))
    for name in FUNCTIONS:
        assert inspect.isfunction(getattr(runner, name))
    assert isinstance(runner.__version__, str)
    with pytest.raises(AttributeError, match="module 'runner' has no attribute 'nothing'"):
        _ = runner.nothing


def test_functions_stay_functions_whatever_is_imported() -> None:
    """Python sets a package's attribute when a module of the same name is imported from it."""
    code = """if True:
        import importlib, inspect, json, pkgutil
        import runner
        for module in pkgutil.walk_packages(runner.__path__, "runner."):
            if not module.name.endswith("__main__"):
                importlib.import_module(module.name)
        print(json.dumps([name for name in runner.__all__ if inspect.isfunction(getattr(runner, name))]))
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == FUNCTIONS


def test_functions_do_what_the_command_line_does() -> None:
    study = runner.load("small.yaml", "replicates=3")
    assert runner.plan(study).n_runs == 12
    table = runner.run(study)
    assert table == Path("results/small/runs.csv")
    assert runner.read_results("small").equals(runner.read_results(table))
    assert runner.summarize("small").runs == 12
    assert not runner.claims("small").checked
    assert runner.run("small.yaml", "replicates=3") == table
    assert len(runner.read_results("small")) == 12
    assert runner.schema()["type"] == "object"
    with pytest.raises(runner.StudyError):
        runner.load("none.yaml")


def test_results_stand_for_the_path_of_their_table() -> None:
    results = runner.run("small.yaml")
    table = Path("results/small/runs.csv")
    assert (results.table, os.fspath(results), Path(results)) == (table, str(table), table)
    assert results == table
    assert results == runner.run("small.yaml")
    assert len({results, table}) == 1
    assert (results.parent, results.name, results.exists()) == (table.parent, "small", True)
    assert results.read_text() == table.read_text()
    assert (results.parent / "study.yaml").exists()
    pd.testing.assert_frame_equal(pd.read_csv(results), results.runs)
    with pytest.raises(AttributeError, match="nothing"):
        _ = results.nothing


def test_results_are_asked_as_the_functions_are(capsys: pytest.CaptureFixture[str]) -> None:
    from matplotlib import pyplot

    results = runner.run("small.yaml")
    assert results.summary == runner.summarize("small")
    assert results.explain().all_runs == runner.explain("small").all_runs
    assert results.explain(results.runs.run_id[0]).run is not None
    assert results.claims().name == "small"
    axes = results.plot(x="learning_rate", y="converged")
    assert axes.get_xlabel().startswith("learning rate")
    pyplot.close("all")


CLAIM = """\
claims:
  - {name: "a <b> & c", where: {learning_rate: 8}, statistic: rate(converged), expect: "> 0.9"}
"""


def test_what_has_a_page_has_it_on_a_line_in_print_and_in_a_notebook(capsys: pytest.CaptureFixture[str]) -> None:
    Path("small.yaml").write_text(STUDY + CLAIM)
    results = runner.run("small.yaml")
    plan = runner.plan(runner.load("small.yaml"))
    pages = {"report": results, "claims": runner.claims("small"), "plan": plan}
    for command, page in pages.items():
        assert re.fullmatch("<[A-Z][a-z]+ of small: .+>", repr(page))
        argument = "small.yaml" if command == "plan" else "small"
        main([command, argument])
        printed = capsys.readouterr().out.rstrip("\n")
        # The command tells as well what is there already; and a study of claims has its name above them.
        assert printed == str(page) or (command == "plan" and printed.startswith(f"{page}\n"))
        html = page._repr_html_()
        assert html.startswith("<div>")
        document = ElementTree.fromstring(html)
        words = " ".join(" ".join(document.itertext()).split())
        for word in str(page).split():
            assert word in words
    assert "a <b> & c" in " ".join(ElementTree.fromstring(pages["claims"]._repr_html_()).itertext())
    assert repr(runner.summarize("small")).startswith("<Summary of small: 80 runs, ")
    assert repr(plan) == "<Plan of small: 80 runs = 4 cells x 20 seeds>"


def test_ten_million_runs_unless_more_are_asked_for() -> None:
    study = runner.load("small.yaml", "replicates=2500001")
    said = r"the study has 10,000,004 runs \(4 cells x 2,500,001 seeds\), more than --max-runs 10,000,000"
    for refused in (lambda: runner.plan(study), lambda: runner.run(study), lambda: runner.plan(study, None)):
        with pytest.raises(Refused, match=said):
            refused()
    assert runner.plan(study, max_runs=10_000_004).n_runs == 10_000_004
    with pytest.raises(Refused, match="more than --max-runs 79"):
        runner.run("small.yaml", max_runs=79)
    assert not Path("results").exists()


def test_results_are_read_exactly_and_without_a_torn_row() -> None:
    table = runner.run("small.yaml")
    whole = runner.read_results("small")
    fields = [line.split(",") for line in table.read_text().splitlines()]
    at = fields[0].index("final_loss")
    assert whole.final_loss.tolist() == [float(row[at - len(fields[0])]) for row in fields[1:]]
    assert (whole.dtypes["converged"], whole.dtypes["final_loss"]) == (np.bool_, np.float64)
    table.write_bytes(table.read_bytes()[:-30])
    pd.testing.assert_frame_equal(runner.read_results("small"), whole[:-1])
    table.write_bytes(b"\xff" + table.read_bytes())
    with pytest.raises(runner.RunnerError, match=r"^results/small/runs.csv cannot be read as a table of results: "):
        runner.read_results("small")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: runner.load(3), "path: expected a str, a Path or a mapping, found int"),
        (lambda: runner.load(b"small.yaml"), "path: expected a str, a Path or a mapping, found bytes"),
        (lambda: runner.load("small.yaml", ["a=1"]), "overrides: expected a str, 'key=value', each, found list"),
        (lambda: runner.plan("small.yaml"), "study: expected a Study, as study() and load() return it, found str"),
        (lambda: runner.plan(runner.load("small.yaml"), "3"), "max_runs: expected a whole number or None, found str"),
        (lambda: runner.run(None), "study: expected a Study, as study() and load() return it, found NoneType"),
        (lambda: runner.run("small.yaml", threads=1.5), "threads: expected a whole number or None, found float"),
        (lambda: runner.run("small.yaml", out=None), "out: expected a str or a Path, found NoneType"),
        (lambda: runner.read_results(runner.load("small.yaml")), "target: expected a str or a Path, found Study"),
        (lambda: runner.explain("small", 5), "run_id: expected a str or None, found int"),
        (lambda: runner.plot("small", 5), "x: expected a str or None, found int"),
        (
            lambda: runner.plot("small", "init", where=["a=1"]),
            "where: expected a mapping of keys to values, or None, found list",
        ),
        (lambda: runner.plot("small", "init", confidence="1"), "confidence: expected a number, found str"),
        (lambda: runner.table("small", 5), "rows: expected a str or a list of them, found int"),
        (lambda: runner.replay("small", 5), "run_id: expected a str or None, found int"),
        (lambda: runner.replay("small", sample="3"), "sample: expected a whole number or None, found str"),
        (lambda: runner.replay("small", "0", sample=3), "run_id and sample are two choices of rows: give one of them"),
    ],
)
def test_public_functions_say_what_they_expect(folder: Path, call: Callable[[], object], message: str) -> None:
    _table_at(folder)
    with pytest.raises(TypeError) as caught:
        call()
    assert str(caught.value) == message


def test_public_functions_say_which_numbers_they_take(folder: Path) -> None:
    _table_at(folder)
    for call in (
        lambda number: runner.run("small.yaml", threads=number),
        lambda number: runner.plan(runner.load("small.yaml"), number),
        lambda number: runner.replay("small", sample=number),
    ):
        for number in (0, -1):
            with pytest.raises(ValueError, match=rf": expected a whole number of at least 1, found {number}$"):
                call(number)
    with pytest.raises(ValueError, match=r"^threads: expected at most 1,024, found 100,000$"):
        runner.run("small.yaml", threads=100_000)
    with pytest.raises(runner.RunnerError, match="has no run ''"):
        runner.replay("small", "")


@pytest.mark.parametrize(
    ("call", "argument"),
    [
        (lambda: runner.run("small.yaml", out="\0"), "out"),
        (lambda: runner.read_results("small", out=Path("a\0")), "out"),
        (lambda: runner.explain("\0"), "target"),
        (lambda: runner.plot("small", "init", into="\0.pdf"), "into"),
    ],
)
def test_a_path_with_a_zero_byte_is_told(folder: Path, call: Callable[[], object], argument: str) -> None:
    _table_at(folder)
    with pytest.raises(runner.StudyError, match=rf"^{argument}: expected a path, which holds no zero byte, found '"):
        call()


def _table_at(folder: Path) -> None:
    path = folder / "results" / "small" / "runs.csv"
    path.parent.mkdir(parents=True)
    path.write_bytes(standard_header().line)
