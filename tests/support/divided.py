"""Studies that are trained in pieces, on several machines or by several processes, and must come to the same bytes."""

from __future__ import annotations

from pathlib import Path

# Cells that share trajectories, another precision, and more parts than seeds.
PLAIN = """\
name: divided
data: xor
learning_rate: 2
sweep:
  grid:
    architecture: [2-2-1, 2-3-1, 2-2-2-1]
    learning_rate: [0.5, 2, 8]
    epochs: [20, 60]
    precision: [float64, float32]
replicates: 5
"""
# Runs that stop, in several stages, with everything that can be recorded.
RECORDED = """\
name: divided
data: xor
architecture: 2-4-1
optimizer: momentum
learning_rate: 4
epochs: 4000
stop: converged
record: {curves: 7, weights: true}
sweep:
  grid:
    architecture: [2-4-1, 2-2-1]
    bias: [trained, none]
    learning_rate: [1, 4]
replicates: 6
"""
# The author's own data, beside the study.
OWN_DATA = """\
name: divided
data: {csv: samples.csv, inputs: [a, b], targets: [t]}
architecture: 2-3-1
learning_rate: 0.3
batch: 5
order: shuffled
epochs: 30
sweep: {grid: {learning_rate: [0.1, 0.3], scaling: [none, standardize]}}
seeds: [3, 1, 4]
"""
# One seed of many cells, and some cells that no axis makes.
ONE_SEED = """\
name: divided
data: xor
architecture: 2-2-1
learning_rate: 1
epochs: 50
sweep:
  grid: {learning_rate: {geomspace: [0.1, 10, 12]}, init: ["normal(0, 1)", "uniform(-1, 1)", he_normal]}
  include: [{learning_rate: 20, init: orthogonal, epochs: 10}, {learning_rate: 20, init: orthogonal}]
"""
STUDIES = {"plain": PLAIN, "recorded": RECORDED, "own data": OWN_DATA, "one seed": ONE_SEED}
FILES = ("runs.csv", "curves.csv", "weights.npz")


def write(folder: Path, text: str) -> Path:
    """The study as a file, with its data beside it."""
    rows = [f"{i % 7 / 7},{i % 5 / 5},{float(i % 7 > i % 5)}" for i in range(23)]
    (folder / "samples.csv").write_text("\n".join(["a,b,t", *rows]) + "\n")
    file = folder / "divided.yaml"
    file.write_text(text)
    return file


def contents(folder: Path) -> dict[str, bytes]:
    """What must be the same: the table, the curves and the weights, as far as there are any."""
    return {name: (folder / name).read_bytes() for name in FILES if (folder / name).exists()}
