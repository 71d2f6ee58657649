"""XOR 2-4-1 with an update after every sample, as in most posts: the sums are short and the updates many."""

from __future__ import annotations

from pathlib import Path

from benchmarks.work import WorkItem

ITEM = WorkItem(
    name="online",
    title="XOR 2-4-1, sigmoid, half_sse, sgd, one sample per update, 250 epochs",
    study=Path(__file__).with_suffix(".yaml"),
    runs=8192,
)
