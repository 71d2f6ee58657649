"""The checklist of a release: what it asks for, and that it notices what is missing."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from typing import Any

import pytest
import yaml

import runner

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def release() -> Any:
    """The script as a module."""
    spec = spec_from_loader("release", SourceFileLoader("release", str(ROOT / ".ci/release")))
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout, as far as the checks look at it, that is ready to be released as 1.2.0."""
    (tmp_path / "runner").mkdir()
    (tmp_path / "docs").mkdir()
    (tmp_path / "runner/machine.py").write_text('VERSION = "1.2.0"\n')
    (tmp_path / "CHANGELOG.md").write_text("# Changelog\n\n## [Unreleased]\n\n## [1.2.0] - 2026-01-31\n\n- Much.\n")
    (tmp_path / "CITATION.cff").write_text((ROOT / "CITATION.cff").read_text())
    (tmp_path / "pyproject.toml").write_text('dynamic = ["version"]\n')
    identity = ("-c", "user.name=a", "-c", "user.email=a@b.c")
    for command in (("init", "-q"), ("add", "."), (*identity, "commit", "-qm", "all")):
        subprocess.run(["git", *command], cwd=tmp_path, check=True)
    return tmp_path


def _write(path: str, text: str) -> Callable[[Path], object]:
    return lambda root: (root / path).write_text(text)


@pytest.mark.parametrize(
    ("check", "spoil", "problem"),
    [
        ("version_is_final", _write("runner/machine.py", 'VERSION = "1.2.0.dev0"\n'), "says 1.2.0.dev0"),
        ("version_stands_once", _write("pyproject.toml", 'version = "1.2.0"\n'), "it stands in pyproject.toml too"),
        (
            "changelog_has_the_version",
            _write("CHANGELOG.md", "## [Unreleased]\n"),
            "there is no section '## [1.2.0] - ",
        ),
        (
            "changelog_has_the_version",
            _write("CHANGELOG.md", "## [Unreleased]\n\n- New.\n\n## [1.2.0] - 2026-01-31\n"),
            "there is something under Unreleased",
        ),
        (
            "tag_is_free",
            lambda root: subprocess.run(["git", "tag", "v1.2.0"], cwd=root, check=True),
            "v1.2.0 is there already",
        ),
        ("all_is_committed", _write("new.txt", ""), "1 files have changed"),
        ("citation_is_whole", _write("CITATION.cff", "title: a\n"), "it lacks cff-version, message, authors, license"),
    ],
)
def test_what_is_missing_is_noticed(check: str, spoil: Any, problem: str, checkout: Path, release: Any) -> None:
    assert getattr(release, check)(checkout) == ""
    spoil(checkout)
    assert problem in getattr(release, check)(checkout)


def test_every_check_says_what_it_checks(release: Any) -> None:
    assert len(release.CHECKS) == 8
    assert all(check.__doc__.endswith(".") for check in release.CHECKS)


def test_the_version_is_that_of_the_package(release: Any) -> None:
    assert release.version(ROOT) == runner.__version__
    assert release.version_stands_once(ROOT) == ""
    assert release.reference_is_current(ROOT) == ""


def test_the_citation_and_the_workflow_are_yaml(release: Any) -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation.keys() >= set(release.CITATION_KEYS)
    jobs = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())["jobs"]
    commands = [step["run"].split()[0] for job in jobs.values() for step in job["steps"] if "run" in step]
    assert commands == [".ci/run", ".ci/matrix"]
    assert all((ROOT / command).exists() for command in commands)
