"""The documentation: its tables are current, its studies load, its commands are commands."""

from __future__ import annotations

import importlib.util
import os
import pkgutil
import re
import shlex
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from test_layers import FLOORS

import runner
from runner.cli import main as command_line
from runner.figures.kinds import FIGURES
from runner.figures.model import FigureKind
from runner.keys.definitions import KEYS
from runner.measurements import OUTCOMES
from runner.ops import ACTIVATIONS, FAULTS, INITIALIZERS, LOSSES, OPTIMIZERS
from runner.sweep.model import Sweep
from runner.sweep.ranges import RANGES
from runner.sweep.sampling import DISTRIBUTIONS, METHODS

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "results" / "README.md"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", RESULTS, *sorted((ROOT / "docs").glob("*.md"))]
_FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
# Pages that are sessions from their first line to their last: all of it is run.
SESSIONS = [ROOT / "docs" / f"{name}.md" for name in ("start", "not_learning", "convergence", "teaching")]
# A path within the project as it is written in a page: `runner/studies/load.py`, `tests/support/`, `.ci/run`.
_PATH = re.compile(r"`((?:runner|tests|docs|benchmarks|configs|\.ci)/[\w./-]*|\.[\w-]+\.yaml)`")
# A name of the code in docs/architecture.md: `study.load.load_study`.
_NAME = re.compile(rf"[`\"]((?:{'|'.join(name for floor in FLOORS for name in floor)})(?:\.(?!yaml|csv)\w+)+)")
_LINK = re.compile(r"\]\(([^)#:]*)(#[^)]*)?\)")


def fenced(page: Path, language: str) -> list[str]:
    """The blocks of a page in a language."""
    text = page.read_text(encoding="utf-8")
    return [match[2] for match in _FENCED.finditer(text) if match[1] == language]


# The page whose study needs the pieces of the same page: tests/ops/test_own.py runs it.
ELSEWHERE = "pieces.md"


def studies() -> list[tuple[str, str]]:
    """Every YAML block that is a whole study rather than a part of one."""
    return [
        (f"{page.name}-{i}", block)
        for page in PAGES
        if page.name != ELSEWHERE
        for i, block in enumerate(fenced(page, "yaml"))
        if {"name", "data", "architecture"} <= set(yaml.safe_load(block) or ())
    ]


def commands() -> list[str]:
    """Every command of this package, written to be typed."""
    pages = [page for page in PAGES if page not in SESSIONS and page.name != ELSEWHERE]
    blocks = [block for page in pages for block in fenced(page, "bash")]
    lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    parts = [part.strip() for line in lines for part in re.split(r"&&|;", line)]
    return [part for part in dict.fromkeys(parts) if " -m runner" in part]


def reference() -> ModuleType:
    """The script that makes the reference."""
    spec = importlib.util.spec_from_file_location("make_reference", ROOT / "docs" / "make_reference.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_reference_is_current(capsys: pytest.CaptureFixture[str]) -> None:
    assert reference().main(["--check"]) == 0, capsys.readouterr().err


def test_a_page_that_is_not_current_is_noticed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    module = reference()
    page = tmp_path / "reference.md"
    text = module.REFERENCE.read_text(encoding="utf-8")
    page.write_text(text.replace("| `half_mse`", "| `half_msr`"), encoding="utf-8")
    module.PAGES = {page: module.PAGES[module.REFERENCE]}
    assert module.main(["--check"]) == 1
    assert capsys.readouterr().err == "reference.md is not current: python docs/make_reference.py\n"
    assert module.main([]) == 0
    assert page.read_text(encoding="utf-8") == text


@pytest.mark.parametrize(
    "name",
    [*KEYS, *ACTIVATIONS, *LOSSES, *OPTIMIZERS, *INITIALIZERS, *FAULTS, *OUTCOMES],
)
def test_every_name_stands_in_the_reference(name: str) -> None:
    assert re.search(rf"^\| `{name}[`(]", (ROOT / "docs" / "reference.md").read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.parametrize("name", [*Sweep.model_fields, *RANGES, *METHODS, *DISTRIBUTIONS])
def test_every_name_of_the_sweep_grammar_is_told(name: str) -> None:
    assert re.search(rf"\b{name}\b", (ROOT / "docs" / "study.md").read_text(encoding="utf-8"))


@pytest.mark.parametrize("kind", FIGURES.values(), ids=lambda kind: kind.name)
def test_every_kind_of_figure_has_its_section_and_its_example(kind: FigureKind) -> None:
    text = (ROOT / "docs" / "figures.md").read_text(encoding="utf-8")
    section = text.split(f"\n### {kind.name}\n")[1].split("\n### ")[0]
    assert kind.example in section


@pytest.mark.parametrize(("name", "block"), studies(), ids=[name for name, _ in studies()])
def test_every_study_loads(name: str, block: str, tmp_path: Path) -> None:
    path = tmp_path / "study.yaml"
    path.write_text(block, encoding="utf-8")
    assert runner.plan(runner.load(path)).n_runs > 0


def test_there_are_studies_and_commands() -> None:
    assert {name.split("-")[0] for name, _ in studies()} >= {"README.md", "study.md"}
    assert len(commands()) >= 5


@pytest.mark.parametrize("command", commands())
def test_every_command_is_understood(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)
    words = shlex.split(command)
    arguments = words[words.index("runner") + 1 :]
    if arguments[0] in command_line.COMMANDS and arguments[0] != "run":
        assert command_line.run([arguments[0], "--help"]) == 0
        told = capsys.readouterr().out
        for flag in (word for word in arguments if word.startswith("-")):
            assert flag in told
        arguments = arguments[1:] if arguments[0] == "plan" else []
    if "--dask" in arguments:
        # Nobody answers at these addresses, and workers on this machine are started elsewhere.
        at = arguments.index("--dask")
        arguments = arguments[:at] + arguments[at + 2 :]
        if "--write" in arguments:
            at = arguments.index("--write")
            arguments = arguments[:at] + arguments[at + 2 :]
    if arguments:
        # What is trained is planned only.
        assert command_line.run([*arguments, "-n", "--out", str(tmp_path)]) == 0, capsys.readouterr().err


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_within_the_project_lead_somewhere(page: Path) -> None:
    for target, anchor in _LINK.findall(page.read_text(encoding="utf-8")):
        path = (page.parent / target).resolve() if target else page
        assert path.exists(), target
        if anchor:
            titles = re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor[1:] in {re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_path_that_is_named_exists(page: Path) -> None:
    missing = [path for path in _PATH.findall(page.read_text(encoding="utf-8")) if not (ROOT / path).exists()]
    assert not missing


def test_paths_and_names_are_found_in_the_pages() -> None:
    assert len(_PATH.findall((ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"))) > 20
    assert len(names_of_the_code()) > 50


def names_of_the_code() -> list[str]:
    """Every name of the code in docs/architecture.md, files left out."""
    found = _NAME.findall((ROOT / "docs" / "architecture.md").read_text(encoding="utf-8"))
    return list(dict.fromkeys(found))


@pytest.mark.parametrize("name", names_of_the_code())
def test_every_name_of_the_code_is_its_name(name: str) -> None:
    assert pkgutil.resolve_name(f"runner.{name}") is not None


def promised_tests() -> list[str]:
    """Every test that docs/promises.md names: `tests/results/test_table.py::test_any_history`."""
    text = (ROOT / "docs" / "promises.md").read_text(encoding="utf-8")
    return list(dict.fromkeys(re.findall(r"`(tests/[\w/]+\.py::\w+)`", text)))


@pytest.mark.parametrize("name", promised_tests())
def test_every_test_that_holds_a_promise_exists(name: str) -> None:
    file, function = name.split("::")
    assert re.search(rf"^def {function}\(", (ROOT / file).read_text(encoding="utf-8"), re.MULTILINE)


def test_every_promise_has_a_test() -> None:
    text = (ROOT / "docs" / "promises.md").read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| ") and not line.startswith("| promise ")]
    assert len(rows) > 10
    assert all("::test_" in row for row in rows)


def readings() -> list[str]:
    """Programs of the pages that read what `export` writes, and how DuckDB is told to read the CSV."""
    blocks = [block for page in (ROOT / "README.md", RESULTS) for block in fenced(page, "python")]
    return list(
        dict.fromkeys(block for block in blocks if re.search(r"runs\.(parquet|xlsx|sqlite)|read_csv\('", block))
    )


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the results that the pages are about, fewer of them, in all formats that can be written here."""
    folder = tmp_path_factory.mktemp("exported")
    study = ROOT / "configs" / "xor_sweep.yaml"
    table = runner.run(study, "replicates=3", "epochs=[10, 100]", out=folder / "results", threads=1)
    runner.export(table, "xlsx")
    runner.export(table, "sqlite")
    if importlib.util.find_spec("pyarrow"):
        runner.export(table, "parquet")
    return folder


@pytest.mark.parametrize("block", readings(), ids=lambda block: re.search(r"import (\w+)", block)[1])
def test_other_programs_read_as_the_pages_say(block: str, exported: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for package in re.findall(r"import (\w+)", block) + ["pyarrow"] * ("parquet" in block):
        pytest.importorskip(package)
    if "read_excel" in block:
        pytest.importorskip("openpyxl")
    monkeypatch.chdir(exported)
    names: dict[str, Any] = {}
    exec(block, names)
    expected = pd.read_csv("results/xor_sweep/runs.csv")
    if "rates" in names:
        assert dict(names["rates"].fetchall()) == pytest.approx(dict(expected.groupby("init")["converged"].mean()))
    else:
        runs = names["runs"].df() if hasattr(names["runs"], "df") else pd.DataFrame(names["runs"].to_dict())
        assert runs["architecture"].astype(str).tolist() == expected["architecture"].tolist()
        for name in ("learning_rate", "final_loss", "epochs_to_converge", "epochs", "seed", "converged"):
            np.testing.assert_array_equal(runs[name].astype(float), expected[name].astype(float), name)


def test_the_program_of_the_readme_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    from matplotlib import pyplot

    (block,) = (block for block in fenced(ROOT / "README.md", "python") if block.startswith("import runner\n"))
    (tmp_path / "configs").mkdir()
    study = (ROOT / "configs" / "xor_sweep.yaml").read_text(encoding="utf-8")
    # Fewer epochs: this is about the program, not about its results.
    (tmp_path / "configs" / "xor_sweep.yaml").write_text(study.replace("[100, 1000, 10000]", "[10, 30, 100]"))
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(block, names)
    pyplot.close("all")
    printed = capsys.readouterr().out
    assert "small: 3,360 runs = 336 cells x 10 seeds" in printed
    assert len(names["results"].runs) == 3360


def test_the_page_about_python_shows_what_its_programs_print(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every program of the page, in its order; a block without a language after one is what it prints."""
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    text = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
    for match in _FENCED.finditer(text):
        if match[1] == "python":
            exec(match[2], names)
        elif not match[1]:
            assert capsys.readouterr().out.rstrip() == match[2].rstrip()


@pytest.mark.parametrize("page", SESSIONS, ids=lambda page: page.stem)
def test_a_session_runs_and_prints_what_the_page_shows(page: Path, tmp_path: Path) -> None:
    """In its order, in an empty folder; of what is printed a page may leave out lines, and has ... for them."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    printed = ""
    for match in _FENCED.finditer(page.read_text(encoding="utf-8")):
        language, block = match[1], match[2]
        if language == "yaml":
            (tmp_path / f"{yaml.safe_load(block)['name']}.yaml").write_text(block, encoding="utf-8")
        elif language == "python" and "def update(" in block:
            (tmp_path / "mine.py").write_text(block, encoding="utf-8")
        elif language in ("python", "bash"):
            lines = (
                [shlex.split(line) for line in block.splitlines()] if language == "bash" else [["python", "-c", block]]
            )
            done = [
                subprocess.run(
                    [sys.executable, *words[1:]],
                    cwd=tmp_path,
                    env=environment,
                    capture_output=True,
                    text=True,
                    check=False,
                )
                for words in lines
            ]
            # 1 says that a program has a mistake, which is what the page is about.
            assert all(each.returncode <= ("diagnose" in block) for each in done), [each.stderr for each in done]
            printed = done[-1].stdout
        elif not language:
            shown = [line for line in printed.splitlines() if line.strip()]
            for line in filter(str.strip, block.splitlines()):
                if line != "...":
                    assert line in shown, line
                    del shown[: shown.index(line) + 1]


def test_there_is_one_reading_for_each_program() -> None:
    for program in ("pandas", "polars", "duckdb", "sqlite3"):
        assert sum(f"import {program}" in block for block in readings()) >= 1


def test_the_picture_of_the_house_has_the_floors_of_the_tests() -> None:
    picture = next(block for block in fenced(ROOT / "CONTRIBUTING.md", "") if block.startswith("floor"))
    floors: dict[int, set[str]] = {}
    for line in picture.splitlines()[1:]:
        number, name = line[:6].strip(), line[7:].split()[0]
        if number:
            floor = floors.setdefault(int(number), set())
        floor.add(name)
    assert floors == {number: rooms for number, rooms in enumerate(FLOORS) if "__init__" not in rooms}


def test_the_pipeline_runs_the_tests_as_the_readme_says() -> None:
    pipeline = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    found = re.search(r"grep '(.*)' README.md", pipeline)
    assert found is not None
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert re.findall(found[1], readme, re.MULTILINE) == [
        "python3 -m venv .venv && .venv/bin/pip install -e '.[dev]' && .venv/bin/python -m pytest"
    ]


def test_the_readme_shows_the_study_that_it_runs() -> None:
    assert (ROOT / "configs" / "xor_sweep.yaml").read_text(encoding="utf-8") in fenced(ROOT / "README.md", "yaml")


def test_the_site_builds_without_a_dead_link_or_a_missing_name(tmp_path: Path) -> None:
    for package in ("mkdocs", "material", "mkdocstrings", "mkdocs_jupyter"):
        pytest.importorskip(package)
    command = (sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path / "site"))
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    api = (tmp_path / "site" / "api.html").read_text(encoding="utf-8")
    commands_page = (tmp_path / "site" / "commands.html").read_text(encoding="utf-8")
    assert all(f'id="runner.{name}"' in api for name in runner.__all__ if not name.startswith("_"))
    assert all(f'id="{name}"' in commands_page for name in command_line.COMMANDS)
    assert not re.search(r"<!-- made", api + commands_page)
