"""Training the twin, and what each mistake costs: studies written, run, and read again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from runner.diagnosis.find import Found
from runner.diagnosis.formula import stacked
from runner.diagnosis.layouts import Network
from runner.diagnosis.process import agreement, simulate
from runner.diagnosis.program import ProgramError
from runner.diagnosis.twin import UPDATES, Twin, flat, study_name, write_data, write_study
from runner.errors import RunnerError
from runner.keys.architecture import expand_weights
from runner.results.reader import read_columns
from runner.studies.load import load_study
from runner.studies.plan import make_plan
from runner.terminal import listed
from runner.training.engine import prepare
from runner.training.session import Options, run_session

AGREES = {"float64": 1e-12, "float32": 1e-3}
"""Beyond this difference of a weight, a share of the largest one above 1, the twin and the program have parted."""


@dataclass(frozen=True)
class Agreement:
    """How long a restatement and a program have the same weights.

    Attributes
    ----------
    updates : int
    largest_difference : float
    parts_at : int or None
        The first update after which a weight differs by more than AGREES has it; None where none does.
    """

    updates: int
    largest_difference: float
    parts_at: int | None

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        finite = np.isfinite(self.largest_difference)
        return {
            "updates": self.updates,
            "largest_difference": self.largest_difference if finite else None,
            "parts_at": self.parts_at,
        }


def author_runs(found: Found, start: Network, size: int) -> tuple[list[Network], list[tuple[Any, Any]]] | None:
    """The author's weights after each of UPDATES updates on his own samples, `size` at a time, and what each saw."""
    inputs, targets = found.asked.program.array("inputs"), found.asked.program.array("targets")
    rows = len(inputs)
    firsts = range(0, rows, size)
    picks = [slice(firsts[u % len(firsts)], firsts[u % len(firsts)] + size) for u in range(UPDATES)]
    samples = [(inputs[pick], targets[pick]) for pick in picks]
    try:
        return list(found.asked.updates([(start, samples)])[0].states), samples
    except ProgramError:
        return None


def restated(found: Found, start: Network, states: Sequence[Network], samples: Sequence[tuple[Any, Any]]) -> Agreement:
    """How far the formula in NumPy agrees with the program."""
    assert found.process is not None
    calls = [(x[None], t[None]) for x, t in samples]
    made = list(simulate(found.process, stacked([start[0]]), stacked([start[1]]), calls))
    return _compare(found, agreement(made, [(stacked([W]), stacked([b])) for W, b in states]), states)


def trained(
    found: Found, twin: Twin, folder: Path, start: Network, states: Sequence[Network], tell: Callable[[str], None]
) -> Agreement:
    """How far the twin, trained by the runner, agrees with the program; `twin.yaml` is written on the way.

    Parameters
    ----------
    tell : callable
        Takes a message where kernels have to be compiled first.

    Raises
    ------
    RunnerError
        When the runner can not train it.
    """
    program = found.asked.program
    write_data(folder, found.asked.sizes, program.array("inputs"), program.array("targets"))
    bias = twin.keys["bias"] if twin.trained_biases else frozen_bias(start, twin)
    keys = {**twin.keys, "bias": bias, "init": flat(start, bias)}
    if bias not in ("trained", "shared"):
        keys.pop("bias_learning_rate", None)
    heading = {"name": study_name(program.path, "twin"), "description": f"The program {program.path.name}, restated."}
    content = {**heading, **keys, "updates": UPDATES}
    write_study(folder / "twin.yaml", {**content, "record": {"weights": True}})
    plan = make_plan(load_study(folder / "twin.yaml", [f"updates={list(range(1, UPDATES + 1))}"]))
    prepare(plan, tell)
    with TemporaryDirectory() as out:
        session = run_session(plan, Options(out=Path(out), quiet=True, threads=1))
        with np.load(session.table.parent / "weights.npz") as archive:
            final = archive[f"{twin.keys['architecture']}/final"]
    made = []
    for row in final:
        W, b = _network(expand_weights(found.asked.sizes, bias, row), found.asked.sizes)
        made.append((stacked([W]), stacked([b if twin.trained_biases else start[1]])))
    return _compare(found, agreement(made, [(stacked([W]), stacked([b])) for W, b in states]), states)


def train_study(path: Path, texts: Sequence[str], numbers: Sequence[str]) -> Any:
    """Train a study, and give some columns of its table as a DataFrame; the table itself is not kept.

    Raises
    ------
    RunnerError
        When it can not be trained.
    """
    with TemporaryDirectory() as out:
        session = run_session(make_plan(load_study(path)), Options(out=Path(out), quiet=True))
        if session.failed:
            raise RunnerError(f"{path}: {listed(session.reasons)}")
        return read_columns(session.table, texts, numbers)


def frozen_bias(start: Network, twin: Twin) -> Any:
    """The one number at which biases stay."""
    values = {float(v) for b in start[1] for v in b}
    if values == {0.0} or twin.keys["bias"] == "none":
        return "none"
    return values.pop() if len(values) == 1 else "trained"


def _network(numbers: Any, sizes: Sequence[int]) -> Network:
    weights, biases, at = [], [], 0
    for fan_in, fan_out in pairwise(sizes):
        weights.append(numbers[at : at + fan_in * fan_out].reshape(fan_out, fan_in))
        at += fan_in * fan_out
        biases.append(numbers[at : at + fan_out])
        at += fan_out
    return weights, biases


def _compare(found: Found, differences: Sequence[float], states: Sequence[Network]) -> Agreement:
    agrees = AGREES["float32" if found.asked.layout.dtype == "float32" else "float64"]
    sizes = [max(1.0, *(float(np.abs(part).max(initial=0.0)) for part in (*W, *b))) for W, b in states]
    apart = [u for u, (d, s) in enumerate(zip(differences, sizes, strict=True), start=1) if not d <= agrees * s]
    return Agreement(len(differences), max(differences), apart[0] if apart else None)
