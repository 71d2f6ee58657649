"""Iris 4-16-3: softmax and cross-entropy, adam, mini-batches."""

from __future__ import annotations

from pathlib import Path

from benchmarks.work import WorkItem

ITEM = WorkItem(
    name="iris",
    title="Iris 4-16-3, tanh, softmax, cross_entropy, adam, batches of 16, 20 epochs",
    study=Path(__file__).with_suffix(".yaml"),
    runs=512,
)
