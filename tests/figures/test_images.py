"""Two figures as pictures, against pictures that were looked at. To make them anew: delete them, run this, look."""

from __future__ import annotations

from pathlib import Path

import pytest
from matplotlib.testing.compare import compare_images
from support.made_table import made

from runner.figures.draw import Asked, plot

REFERENCES = Path(__file__).parent / "references"
FIGURES = {
    "line": Asked(x="learning_rate", y="epochs_to_converge", by="architecture", where=("epochs=100",)),
    "heatmap": Asked(kind="heatmap", x="learning_rate", by="architecture", facet="init"),
}
# Root of the mean square of the differences of all pixels, between 0 and 255; another version of matplotlib or FreeType
# may draw letters a little otherwise, and a line that is missing makes ten.
TOLERANCE = 4


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_looks_as_it_did(tmp_path: Path, name: str) -> None:
    made(tmp_path)
    reference, found = REFERENCES / f"{name}.png", tmp_path / f"{name}.png"
    if not reference.exists():
        plot(tmp_path / "made" / "runs.csv", FIGURES[name], reference)
        pytest.fail(f"{reference} was not there: look at it")
    plot(tmp_path / "made" / "runs.csv", FIGURES[name], found)
    assert compare_images(str(reference), str(found), TOLERANCE) is None


def test_a_line_that_is_missing_is_noticed(tmp_path: Path) -> None:
    made(tmp_path)
    found = tmp_path / "line.png"
    less = Asked(x="learning_rate", y="epochs_to_converge", where=("epochs=100",))
    plot(tmp_path / "made" / "runs.csv", less, found)
    assert compare_images(str(REFERENCES / "line.png"), str(found), TOLERANCE) is not None
