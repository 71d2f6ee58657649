"""Imports go one way, from the floors above to those below; within functions and under TYPE_CHECKING too."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import runner

ROOT = Path(runner.__file__).parent

# Ground first. What stands on one floor does not know of each other.
FLOORS = (
    {"errors"},
    {"registry"},
    {"measurements", "machine", "terminal"},
    {"printed"},
    {"kernels"},
    {"ops", "data"},
    {"keys"},
    {"sweep", "results", "statistics"},
    {"studies"},
    {"training", "analysis"},
    {"figures", "diagnosis", "cluster", "networks"},
    {"report"},
    {"api", "cli"},
    {"__init__", "__main__", "pieces", "testing"},
)
FLOOR_OF = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}
# Packages from outside that only some rooms may need.
STRANGERS = {
    "yaml": {"studies"},
    "pydantic": {"studies", "sweep"},
    "distributed": {"cluster", "cli", "api"},
    "IPython": {"training"},
    "pandas": {"api", "analysis", "results", "figures", "report"},
    "rich": {"terminal", "training", "analysis"},
    "numba": {"kernels"},
    "llvmlite": {"kernels"},
    "cuda": {"kernels"},
    "scipy": {"statistics", "analysis", "sweep"},
    "pyarrow": {"data", "results"},
    "optuna": {"results"},
    "tensorboardX": {"results"},
    "mlflow": {"results"},
    "wandb": {"results"},
    "matplotlib": {"figures"},
    "plotly": {"report"},
    "torch": {"diagnosis", "networks"},
    "sklearn": {"networks"},
    "onnx": {"networks"},
    "jinja2": {"diagnosis", "report"},
}


def files() -> dict[str, Path]:
    """Every module of the project."""
    found = {}
    for path in ROOT.rglob("*.py"):
        name = ".".join(("runner", *path.relative_to(ROOT).with_suffix("").parts))
        found[name.removesuffix(".__init__")] = path
    return found


MODULES = files()


def room(module: str) -> str:
    """`analysis` for `runner.analysis.tally`; `__init__` for the package itself."""
    return module.split(".")[1] if "." in module else "__init__"


def imported(tree: ast.AST) -> Iterator[str]:
    """The modules that are imported anywhere in a file, for whatever purpose."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "relative imports hide where a name comes from"
            for name in node.names:
                inner = f"{node.module}.{name.name}"
                yield inner if inner in MODULES else str(node.module)


IMPORTS = {name: set(imported(ast.parse(path.read_text()))) for name, path in MODULES.items()}


def test_every_room_has_a_floor_and_every_floor_its_rooms() -> None:
    assert {room(name) for name in MODULES} == FLOOR_OF.keys()


def test_few_things_stand_directly_in_the_package() -> None:
    beside = [path.name for path in ROOT.iterdir() if path.is_file() and path.suffix in (".py", ".typed")]
    assert len(beside) <= 12


@pytest.mark.parametrize("name", MODULES)
def test_imports_come_from_the_same_room_or_from_below(name: str) -> None:
    own = room(name)
    above = {
        other
        for other in IMPORTS[name] & MODULES.keys()
        if room(other) != own and FLOOR_OF[room(other)] >= FLOOR_OF[own]
    }
    assert not above


def test_there_are_no_circles() -> None:
    done: set[str] = set()

    def visit(name: str, path: tuple[str, ...]) -> None:
        assert name not in path, " <- ".join(reversed((*path, name)))
        if name not in done:
            for other in sorted(IMPORTS[name] & MODULES.keys()):
                visit(other, (*path, name))
            done.add(name)

    for name in MODULES:
        visit(name, ())
    assert done == set(MODULES)


@pytest.mark.parametrize("package", STRANGERS)
def test_other_packages_are_needed_in_few_rooms(package: str) -> None:
    users = {room(name) for name, names in IMPORTS.items() if package in {each.split(".")[0] for each in names}}
    assert users
    assert users <= STRANGERS[package]


@pytest.mark.parametrize("package", [name for name, path in MODULES.items() if path.name == "__init__.py"])
def test_every_package_says_what_it_is_for(package: str) -> None:
    text = ast.get_docstring(ast.parse(MODULES[package].read_text()))
    assert text is not None
    assert len(text) > 100


@pytest.mark.parametrize("package", [name for name, path in MODULES.items() if path.name == "__init__.py"])
def test_what_a_package_names_is_there(package: str) -> None:
    """A name in its docstring is one of its modules or files, of what these define, or another package."""

    def defined(name: str) -> set[str]:
        body = [node for node in ast.walk(ast.parse(MODULES[name].read_text())) if isinstance(node, ast.stmt)]
        found = {node.name for node in body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
        return found | {
            node.id
            for each in body
            if isinstance(each, ast.Assign)
            for node in each.targets
            if isinstance(node, ast.Name)
        }

    within = [name for name in MODULES if name == package or name.startswith(f"{package}.")]
    known = {path.name for path in MODULES[package].parent.iterdir()}
    known |= {name.split(".")[-1] for name in within} | {name.split(".")[1] for name in MODULES if "." in name}
    known = known.union(*map(defined, within)) | {"__main__"}
    text = ast.get_docstring(ast.parse(MODULES[package].read_text())) or ""
    for name in re.findall(r"`([\w.]+)`", text):
        module, _, last = name.rpartition(".")
        elsewhere = name in MODULES or (module in MODULES and last in defined(module))
        assert elsewhere or name in known or set(name.split(".")) <= known, name


# What reads the values of a claim needs the registries of keys, whose members are compiled.
NEED_REGISTRIES = {f"runner.analysis.claims.{name}" for name in ("check", "comparison", "recorded", "selection")}


def test_who_only_reads_results_needs_no_numba() -> None:
    light = [name for name in sorted(MODULES) if room(name) in ("results", "analysis") and name not in NEED_REGISTRIES]
    assert len(light) > 20
    code = f"import importlib, sys; list(map(importlib.import_module, {light!r})); assert 'numba' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_numba_is_imported_where_something_is_compiled_and_nowhere_else() -> None:
    """A start whose kernels are on disk does without it."""
    at_the_top = {
        name
        for name, path in MODULES.items()
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.Import | ast.ImportFrom)
        and any(each.split(".")[0] == "numba" or each == "llvmlite.ir" for each in imported(ast.Module([node], [])))
    }
    assert at_the_top
    assert {name.rpartition(".")[0] for name in at_the_top} == {"runner.kernels.lanes.lowering"}
