"""Parity of three bits, the next problem after XOR."""

from __future__ import annotations

from pathlib import Path

from benchmarks.work import WorkItem

ITEM = WorkItem(
    name="parity3",
    title="Parity of 3 bits, 3-4-1, sigmoid, half_sse, sgd, full batch, 250 epochs",
    study=Path(__file__).with_suffix(".yaml"),
    runs=8192,
)
