"""The notebooks of the documentation run, and print what stands in them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOKS = sorted((Path(__file__).parent.parent / "docs" / "notebooks").glob("*.ipynb"))


def outputs(notebook: Any) -> list[list[Any]]:
    """What each cell shows; of a picture, only that it is one, because its bytes depend on the fonts of a machine.

    What is told beside it, such as that fonts are looked for, is left out.
    """
    shown = []
    for cell in notebook.cells:
        parts: list[Any] = []
        for output in cell.get("outputs", []):
            if output.get("name") == "stderr":
                continue
            data = output.get("data", {})
            parts.append("picture" if "image/png" in data else data or output.get("text"))
        shown.append(parts)
    return shown


def execute(notebook: Any, folder: Path) -> None:
    """Run a notebook in a folder; what a cell prints is one output, in however many pieces it comes."""
    resources = {"metadata": {"path": str(folder)}}
    NotebookClient(notebook, timeout=300, coalesce_streams=True, resources=resources).execute()


def test_there_are_notebooks() -> None:
    assert len(NOTEBOOKS) >= 2


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_shows_what_stands_in_it(path: Path, tmp_path: Path) -> None:
    """After a change of what is printed: `jupyter execute --inplace` in an empty folder, and the files copied back."""
    stored = nbformat.read(path, as_version=4)
    fresh = nbformat.read(path, as_version=4)
    for cell in fresh.cells:
        cell.pop("outputs", None)
    execute(fresh, tmp_path)
    assert outputs(fresh) == outputs(stored)
    assert any("picture" in parts for parts in outputs(fresh))


def test_progress_in_a_notebook_is_one_line_that_changes(tmp_path: Path) -> None:
    code = """
import runner
from pathlib import Path
Path("s.yaml").write_text('''
name: s
data: xor
architecture: 2-2-1
learning_rate: 0.5
epochs: 100
replicates: 20
''')
results = runner.run("s.yaml", quiet=False)
"""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    execute(notebook, tmp_path)
    (shown,) = notebook.cells[0].outputs
    assert shown.output_type == "display_data"
    assert shown.data["text/html"].startswith("<div>s: 20 of 20 runs, ")
    assert '<progress value="2000" max="2000">' in shown.data["text/html"]
