"""Parity of eight bits: 256 samples, a hidden layer of 16."""

from __future__ import annotations

from pathlib import Path

from benchmarks.work import WorkItem

ITEM = WorkItem(
    name="parity8",
    title="Parity of 8 bits, 8-16-1, tanh, binary_cross_entropy, sgd, full batch, 100 epochs",
    study=Path(__file__).with_suffix(".yaml"),
    runs=256,
)
