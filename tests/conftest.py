"""Fixtures and options of all tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support import studies


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options beside pytest's own."""
    parser.addoption(
        "--kills",
        type=int,
        default=200,
        metavar="N",
        help="how many runners tests/training/test_kills.py kills (default: 200)",
    )


@pytest.fixture
def train(tmp_path: Path) -> Callable[..., studies.Runs]:
    """Train a study with the given keys in this process."""

    def trained(**keys: Any) -> studies.Runs:
        return studies.run(tmp_path, **keys)

    return trained
