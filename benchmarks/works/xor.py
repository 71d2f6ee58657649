"""XOR 2-4-1, sigmoid, full batch: the network of the posts, trained thousands of times."""

from __future__ import annotations

from pathlib import Path

from benchmarks.work import WorkItem

ITEM = WorkItem(
    name="xor",
    title="XOR 2-4-1, sigmoid, half_sse, sgd, full batch, 1000 epochs",
    study=Path(__file__).with_suffix(".yaml"),
    runs=8192,
)
