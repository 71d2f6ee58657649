"""Imports go one way: kernels <- ops <- data, study <- plan <- engine <- command line; reports read only the table."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import runner

ROOT = Path(runner.__file__).parent
# What a part may import of the project, where that is a promise of its own.
ONLY = {
    "kernels": set(),
    "ops": {"kernels"},
    "data": {"calls", "errors"},
    "report": {"store", "errors", "progress"},
    "engine": {"blocks", "cellnumbers", "kernels", "programs", "rooms", "segments"},
    "order": set(),
    "memory": set(),
}
# Packages that only some parts may need.
STRANGERS = {
    "yaml": {"source"},
    "pydantic": {"grammar", "sweep"},
    "pandas": {"runner", "report", "claims"},
    "rich": {"progress", "report", "claims"},
    "llvmlite": {"kernels", "environment"},
    "scipy": {"report", "claims", "sampling"},
}


def part(module: str) -> str:
    """`report` for `runner.analysis.explain.explanation`; `runner` for the package itself."""
    return [*module.split("."), "runner"][1] if "." in module else "runner"


def files() -> dict[str, Path]:
    """Every module of the project."""
    found = {}
    for path in ROOT.rglob("*.py"):
        name = ".".join(("runner", *path.relative_to(ROOT).with_suffix("").parts))
        found[name.removesuffix(".__init__")] = path
    return found


def imported(node: ast.AST) -> Iterator[str]:
    """Names of modules, also those that a function imports; not those that are only there for their types."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        if isinstance(child, ast.Import):
            yield from (name.name for name in child.names)
        elif isinstance(child, ast.ImportFrom) and child.module:
            for name in child.names:
                inner = f"{child.module}.{name.name}"
                yield inner if inner in MODULES else child.module
        yield from imported(child)


MODULES = files()
IMPORTS = {name: set(imported(ast.parse(path.read_text()))) for name, path in MODULES.items()}
PARTS: dict[str, set[str]] = {}
for _name, _names in IMPORTS.items():
    PARTS.setdefault(part(_name), set()).update(part(each) for each in _names if each in MODULES and each != "runner")
for _part, _others in PARTS.items():
    _others.discard(_part)


@pytest.mark.parametrize("name", ONLY)
def test_a_part_imports_only_what_it_may(name: str) -> None:
    assert PARTS[name] <= ONLY[name]


def test_there_are_no_circles() -> None:
    done: set[str] = set()

    def visit(name: str, path: tuple[str, ...]) -> None:
        assert name not in path, " <- ".join(reversed((*path, name)))
        if name not in done:
            for other in sorted(IMPORTS[name] & MODULES.keys() - {"runner", name}):
                visit(other, (*path, name))
            done.add(name)

    for name in MODULES:
        visit(name, ())
    assert done == set(MODULES)


@pytest.mark.parametrize("package", STRANGERS)
def test_other_packages_are_needed_in_few_places(package: str) -> None:
    users = {part(name) for name, names in IMPORTS.items() if package in {each.split(".")[0] for each in names}}
    assert users
    assert users <= STRANGERS[package]
