"""Four studies that are really trained, and their pages in a browser."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import runner

CONFIGS = Path(__file__).parents[2] / "configs"
CURVES = """\
name: curves
description: Iris with its learning curves.
data: iris
scaling: standardize
target_encoding: one_hot
architecture: 4-6-3
output: softmax
loss: cross_entropy
learning_rate: 0.1
batch: 16
order: shuffled
epochs: 60
criterion: {accuracy: 0.97}
record: {curves: 20}
sweep:
  grid:
    activation: [tanh, relu]
    learning_rate: {geomspace: [0.01, 1, 3]}
replicates: 8
"""
PLANE = """\
name: plane
data: xor
architecture: 2-4-1
optimizer: momentum
learning_rate: 0.1
epochs: 300
sweep:
  grid:
    learning_rate: {geomspace: [0.01, 100, 40]}
    momentum: {linspace: [0, 0.975, 40]}
"""


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Tables by name: a sweep of XOR, a post with claims, iris with curves, a plane of two numbers with one seed."""
    folder = tmp_path_factory.mktemp("pages")
    for name, text in {"curves": CURVES, "plane": PLANE}.items():
        (folder / f"{name}.yaml").write_text(text)
    studies: dict[str, tuple[Path, tuple[str, ...]]] = {
        "xor": (CONFIGS / "xor_sweep.yaml", ("replicates=6", "epochs=[100, 1000]")),
        "post": (CONFIGS / "posts" / "object_2_4_1.yaml", ("replicates=12",)),
        "curves": (folder / "curves.yaml", ()),
        "plane": (folder / "plane.yaml", ()),
    }
    return {
        name: runner.run(file, f"name={name}", *overrides, out=folder / "results")
        for name, (file, overrides) in studies.items()
    }


Open = Callable[..., Any]


@pytest.fixture
def opened(browser: Any) -> Open:
    """Open a page and wait for its charts; whatever the browser complains of, or asks of a network, is an error."""

    @contextmanager
    def opening(url: str, width: int = 1400, scheme: str = "light") -> Iterator[Any]:
        complaints: list[str] = []
        page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
        page.on("console", lambda message: complaints.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda dialog: complaints.append(f"dialog: {dialog.message}"))
        own = url.split("/")[2]
        page.on(
            "request",
            lambda request: (
                complaints.append(f"request: {request.url}")
                if request.url.split(":")[0] not in ("data", "blob", "file") and request.url.split("/")[2] != own
                else None
            ),
        )
        page.goto(url)
        page.wait_for_selector("html[data-drawn=yes]", state="attached", timeout=60_000)
        yield page
        page.close()
        assert complaints == []

    return opening
