"""Digits 64-32-10: a network at the upper end of what is called small here.

The 1797 images of 8 x 8 pixels come with scikit-learn and are written to a CSV file for the study.
"""

from __future__ import annotations

import atexit
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.work import WorkItem


@cache
def _written() -> Path:
    from sklearn.datasets import load_digits

    folder = TemporaryDirectory()
    atexit.register(folder.cleanup)
    images, labels = load_digits(return_X_y=True)
    head = ",".join([*_pixels(), "digit"])
    rows = [",".join(str(int(value)) for value in (*image, label)) for image, label in zip(images, labels, strict=True)]
    path = Path(folder.name) / "digits.csv"
    path.write_text("\n".join([head, *rows]) + "\n", encoding="utf-8")
    return path


def _pixels() -> list[str]:
    return [f"p{k}" for k in range(64)]


def _replicates(runs: int) -> list[str]:
    data = f"{{csv: {_written()}, inputs: [{', '.join(_pixels())}], targets: [digit]}}"
    return [f"data={data}", f"replicates={runs}"]


ITEM = WorkItem(
    name="digits",
    title="Digits 64-32-10, relu, softmax, cross_entropy, adam, batches of 32, 10 epochs",
    study=Path(__file__).with_suffix(".yaml"),
    runs=64,
    overrides=_replicates,
)
