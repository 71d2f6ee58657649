"""A sweep to try next on a run that failed: what usually helps after its outcome, around the run's own values.

It is a command line that trains the run again beside its variations, each with ten seeds, so that `explain` can say
what saves it and whether it was bad luck.
"""

from __future__ import annotations

import json
import os
import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from runner.analysis.explain.factors import BUDGETS
from runner.errors import RunnerError
from runner.results.provenance import STUDY, read_environment

_SEEDS = 10
_OWN = ("name", "seed", "seeds", "replicates", "sweep", "claims")
_CALL = re.compile(r"(normal|uniform)\((.*)\)")
Fields = Mapping[str, str]
Values = tuple[str, list[str]]


@dataclass(frozen=True)
class NextSweep:
    """A sweep to try.

    Attributes
    ----------
    keys : tuple of str
        What it varies.
    cells, seeds : int
        How many settings, and how many seeds of each.
    command : str
        A line for a shell.
    """

    keys: tuple[str, ...]
    cells: int
    seeds: int
    command: str

    def as_json(self) -> dict[str, Any]:
        """For another program."""
        return {"keys": list(self.keys), "cells": self.cells, "seeds": self.seeds, "command": self.command}


def next_sweep(table: Path, fields: Fields, varied: Sequence[str]) -> NextSweep | None:
    """What to try after a run that failed.

    Parameters
    ----------
    table : Path
        `runs.csv` of its study.
    fields : mapping
        Its row.
    varied : sequence of str
        Keys that differ within the study.

    Returns
    -------
    NextSweep or None
        None when the study is not at hand, or nothing can be varied.
    """
    # The grammar of studies is needed here only, and takes long to import.
    from runner.studies.load import load_study

    folder = table.parent
    study = _study_file(folder)
    if study is None:
        return None
    given = read_environment(folder).get("study", {}).get("overrides") or []
    start = [each for each in map(str, given) if each.partition("=")[0].strip() not in _OWN]
    start.append(f"name={folder.name[:90]}_next")
    if re.search(r"^claims *:", study.read_text(encoding="utf-8-sig"), re.MULTILINE):
        start.append("claims=[]")
    if varied:
        start += ["sweep={}", *(f"{key}={_one(key, fields)}" for key in varied if fields.get(key))]
    seed = int(fields["seed"])
    seeds = [seed, *[other for other in range(_SEEDS) if other != seed][: _SEEDS - 1]]
    start.append(f"seeds={json.dumps(seeds)}")
    axes: dict[str, list[str]] = {}
    arguments = start
    for move in _moves(fields):
        found = move(fields)
        if found is None or found[0] in axes:
            continue
        key, values = found
        without = [each for each in arguments if not each.startswith(f"{key}=")]
        more = [*without, f"{key}=[{', '.join(values)}]"]
        try:
            load_study(study, more)
        except RunnerError:
            continue  # such as a wider network for weights that are given one by one
        axes[key], arguments = values, more
    if not axes:
        return None
    cells = 1
    for values in axes.values():
        cells *= len(values)
    out = folder.parent
    where = [] if out == Path("results") or out == Path.cwd() / "results" else ["--out", str(out)]
    command = shlex.join(["python", "-m", "runner", _short_path(study), *arguments, *where])
    return NextSweep(tuple(axes), cells, len(seeds), command)


def _one(key: str, fields: Fields) -> str:
    """The run's own value of a key, as an argument: a list of learning rates would be many values, not one."""
    return f"[{fields[key]}]" if key.endswith("learning_rate") and fields[key].startswith("[") else fields[key]


def _study_file(folder: Path) -> Path | None:
    """The file of the study while it is as it was run, else the copy beside the table."""
    copy = folder / STUDY
    if not copy.is_file():
        return None
    known = read_environment(folder).get("study") or {}
    original = Path(known.get("folder", "")) / Path(known.get("file", "")).name
    try:
        return original if original.read_bytes() == copy.read_bytes() else copy
    except OSError:
        return copy


def _short_path(path: Path) -> str:
    """A path as one would type it here."""
    relative = os.path.relpath(path)
    return str(path) if relative.startswith("..") else relative


Move = Callable[[Fields], Values | None]


def _moves(fields: Fields) -> Sequence[Move]:
    mend = () if fields.get("faults", "none") in ("", "none") else (_mended,)
    overfitted = fields["outcome"] == "mostly_right" and "test_" in fields["criterion"]
    return (*mend, *(_OVERFITTED if overfitted else _AFTER.get(fields["outcome"], (_longer, _faster))))


def _mended(fields: Fields) -> Values:
    text = fields["faults"]
    return "faults", [text if text.startswith("[") else f"[{text}]", "none"]


def _longer(fields: Fields) -> Values:
    key = next(key for key in BUDGETS if fields.get(key))
    n = int(fields[key])
    return key, [str(n), str(3 * n), str(10 * n)]


def _rates(*factors: float) -> Move:
    """The learning rate, or that of every layer, times some factors."""

    def move(fields: Fields) -> Values | None:
        # An optimizer of second order has none.
        own = json.loads(fields["learning_rate"] or "0")
        if not own:
            return None
        many = [
            [float(f"{rate * factor:.3g}") for rate in own] if isinstance(own, list) else float(f"{own * factor:.3g}")
            for factor in factors
        ]
        texts = [fields["learning_rate"] if f == 1 else json.dumps(x) for f, x in zip(factors, many, strict=True)]
        return "learning_rate", texts

    return move


_faster, _slower, _much_slower = _rates(1, 3, 10), _rates(0.1, 0.3, 1), _rates(0.001, 0.01, 0.1, 1)


def _wider(fields: Fields) -> Values:
    sizes = [int(size) for size in fields["architecture"].split("-")]
    first, *hidden, last = sizes
    shapes = [[first, *(size * factor for size in hidden), last] for factor in (1, 2, 4)]
    if not hidden:
        shapes = [sizes, [first, 2 * first, last], [first, 4 * first, last]]
    return "architecture", ["-".join(map(str, shape)) for shape in shapes]


def _smaller_weights(fields: Fields) -> Values | None:
    own = fields["init"]
    if own.startswith("["):
        return None
    others = ["uniform(-0.1, 0.1)"]
    if call := _CALL.fullmatch(own):
        numbers = [float(text) for text in call[2].split(",")]
        others = [f"{call[1]}({', '.join(f'{x * factor:.3g}' for x in numbers)})" for factor in (0.1, 0.3)]
    return "init", [json.dumps(text) for text in (*others, own)]


def _scaled(fields: Fields) -> Values | None:
    return ("scaling", ["none", "standardize"]) if fields.get("scaling") == "none" else None


def _full_batch(fields: Fields) -> Values | None:
    return None if fields["batch"] == "full" else ("batch", [fields["batch"], "full"])


def _right_samples(fields: Fields) -> Values | None:
    """A criterion that asks for most of the samples instead of all."""
    own, other = fields["criterion"], "{accuracy: 0.95}"
    return None if own == other else ("criterion", [own, other])


def _stopped_early(fields: Fields) -> Values | None:
    return ("stop", ["budget", "patience(20)"]) if fields.get("stop") == "budget" else None


def _decayed(fields: Fields) -> Values | None:
    """Penalties beside the one that there is, from hardly any to a strong one."""
    own = fields.get("weight_decay") or "0"
    return "weight_decay", list(dict.fromkeys([own, "0.0001", "0.001", "0.01"]))


# Where samples are right that are trained on, and those that are held out are not.
_OVERFITTED = (_stopped_early, _decayed)
_AFTER: Mapping[str, Sequence[Move]] = MappingProxyType(
    {
        "learning": (_longer, _faster),
        "mostly_right": (_right_samples, _wider),
        "constant_output": (_longer, _faster),
        "saturated": (_smaller_weights, _scaled, _slower),
        "stuck": (_wider, _faster),
        "oscillating": (_slower, _full_batch),
        "diverged": (_much_slower, _scaled),
    }
)
