"""A trace in the place of a program: weights before and after updates, written by a program in any language.

`trace.json` holds `architecture`, `learning_rate`, `inputs`, `targets` and `updates`, a list of `{"samples": [0],
"before": {"weights": [...], "biases": [...]}, "after": {...}}`; `trace.npz` the same names with arrays, one row for
each update (`samples`, `W1_before`, `b1_before`, ..., `W1_after`, ...); `trace.csv` one column for each number of them.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from runner.diagnosis.constants import settle
from runner.diagnosis.find import Found
from runner.diagnosis.identify import identify
from runner.diagnosis.layouts import Given, fitting
from runner.diagnosis.passes import forwards
from runner.diagnosis.probes import Asked, observed
from runner.diagnosis.process import Process
from runner.diagnosis.program import ProgramError
from runner.errors import Problem

SUFFIXES = (".json", ".npz", ".csv")
# With fewer updates, numbers that fit by chance are not ruled out.
FEWEST = 8


class Trace:
    """What a trace says, with the face of a `Program` that answers no questions."""

    functions: tuple[str, ...] = ()

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            read = {".json": _json, ".npz": _npz, ".csv": _csv}[path.suffix]
            self.keys, self.updates = read(path)
            missing = [name for name in ("architecture", "learning_rate", "inputs", "targets") if name not in self.keys]
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise ProgramError([Problem(f"is no trace that can be read: {error}", str(path))]) from error
        if missing:
            raise ProgramError([Problem(f"{name} is missing", str(path)) for name in missing])

    def array(self, name: str) -> Any:
        """A two-dimensional array of the trace."""
        value = np.asarray(self.keys[name], float)
        return value.reshape(len(value), -1)


def find_in_trace(trace: Trace, sizes: tuple[int, ...]) -> Found:
    """The formula of the updates of a trace.

    Raises
    ------
    ProgramError
        When it holds too few updates, or weights of other shapes.
    """
    inputs, targets = trace.array("inputs"), trace.array("targets")
    single = [update for update in trace.updates if len(update[0]) == 1]
    chosen = single if len(single) >= FEWEST else [u for u in trace.updates if len(u[0]) == len(trace.updates[0][0])]
    if len(chosen) < FEWEST:
        text = f"{len(chosen)} updates of the same number of samples; at least {FEWEST} are needed to prove a formula"
        raise ProgramError([Problem(text, str(trace.path))])
    for layout in fitting(chosen[0][1], sizes):
        before = [layout.take(update[1], sizes) for update in chosen]
        after = [layout.take(update[2], sizes) for update in chosen]
        if any(network is None for network in (*before, *after)):
            continue
        asked = Asked(trace, sizes, layout)  # type: ignore[arg-type]
        samples = [(inputs[list(u[0])], targets[list(u[0])]) for u in chosen]
        seen = observed(asked, [n for n in before if n], [n for n in after if n], samples)
        rate = float(np.ravel(np.asarray(trace.keys["learning_rate"], float))[0])
        hows = forwards(sizes, trace.keys.get("activation"), trace.keys.get("output"))
        identified = identify(seen, hows)
        process = None
        if identified.known:
            process = Process(settle(identified.formula(), rate, sizes, asked.unit, len(inputs)))
        return Found(asked, identified, seen, process)
    raise ProgramError([Problem("the weights do not fit the architecture", str(trace.path))])


_Updates = list[tuple[tuple[int, ...], Given, Given]]


def _json(path: Path) -> tuple[dict[str, Any], _Updates]:
    content = json.loads(path.read_text(encoding="utf-8"))
    updates: _Updates = []
    for each in content.pop("updates"):
        pair = [_given(each[when]["weights"], each[when].get("biases")) for when in ("before", "after")]
        updates.append((tuple(int(n) for n in each["samples"]), pair[0], pair[1]))
    return content, updates


def _given(weights: Any, biases: Any) -> Given:
    return [np.asarray(w, float) for w in weights], None if biases is None else [np.asarray(b, float) for b in biases]


def _npz(path: Path) -> tuple[dict[str, Any], _Updates]:
    with np.load(path, allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    return _from_arrays(arrays)


def _from_arrays(arrays: Mapping[str, Any]) -> tuple[dict[str, Any], _Updates]:
    layers = sorted(int(m[1]) for name in arrays if (m := re.fullmatch(r"W(\d+)_before", name)))
    if not layers:
        raise ValueError("there is no array W1_before")
    samples = np.asarray(arrays["samples"]).reshape(len(arrays["samples"]), -1).astype(int)
    biased = f"b{layers[0]}_before" in arrays
    updates: _Updates = []
    for row, chosen in enumerate(samples):
        pair = []
        for when in ("before", "after"):
            biases = [arrays[f"b{k}_{when}"][row] for k in layers] if biased else None
            pair.append(_given([arrays[f"W{k}_{when}"][row] for k in layers], biases))
        updates.append((tuple(chosen.tolist()), pair[0], pair[1]))
    keys: dict[str, Any] = {name: arrays[name] for name in ("inputs", "targets", "learning_rate") if name in arrays}
    keys["architecture"] = str(np.asarray(arrays["architecture"]).item())
    return keys, updates


def _csv(path: Path) -> tuple[dict[str, Any], _Updates]:
    """One row for each update of one sample: x1, ..., t1, ..., and W1[0][0]_before, b1[0]_before, ..., ..._after."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    if not rows:
        raise ValueError("it has no rows")
    columns = {name: np.array([float(row[name]) for row in rows]) for name in rows[0] if name != "architecture"}
    sizes = [int(n) for n in rows[0]["architecture"].split("-")]
    arrays: dict[str, Any] = {"architecture": rows[0]["architecture"], "learning_rate": columns["learning_rate"][0]}
    arrays["samples"] = np.arange(len(rows))[:, None]
    arrays["inputs"] = np.stack([columns[f"x{i + 1}"] for i in range(sizes[0])], 1)
    arrays["targets"] = np.stack([columns[f"t{k + 1}"] for k in range(sizes[-1])], 1)
    for k, (fan_in, fan_out) in enumerate(pairwise(sizes), start=1):
        for when in ("before", "after"):
            W = [[columns[f"W{k}[{j}][{i}]_{when}"] for i in range(fan_in)] for j in range(fan_out)]
            arrays[f"W{k}_{when}"] = np.moveaxis(np.array(W), 2, 0)
            if f"b{k}[0]_{when}" in columns:
                arrays[f"b{k}_{when}"] = np.stack([columns[f"b{k}[{j}]_{when}"] for j in range(fan_out)], 1)
    return _from_arrays(arrays)
