"""The versions that are allowed: each dependency has an oldest one, which CI installs and runs."""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_every_dependency_has_an_oldest_version_and_ci_runs_it() -> None:
    """`.ci/oldest` makes `==` of the `>=` of each dependency; what has no such bound would be the newest there."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert all(re.fullmatch(r"[a-z0-9]+>=[0-9.]+", each) for each in project["dependencies"])
    assert os.access(ROOT / ".ci" / "oldest", os.X_OK)
    assert re.search(r"^\.ci/oldest ", (ROOT / ".ci" / "run").read_text(encoding="utf-8"), re.MULTILINE)
