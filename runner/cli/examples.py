"""The commands on studies that come with the package: examples, example."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from textwrap import shorten
from typing import TYPE_CHECKING, Any

from runner.cli.parser import Parser, add_output_flags, study_parser
from runner.errors import Problem, StudyError
from runner.terminal import page, table, visible

if TYPE_CHECKING:
    from runner.studies.plan import Plan

_RUN = "\nRun one: python -m runner example NAME. A copy to edit: python -m runner example NAME --copy."


def example_parser() -> Parser:
    """Arguments of `example`: those of `run`, and one more."""
    parser = study_parser("example")
    parser.add_argument("--copy", action="store_true", help="copy the study and its data to this folder, to be edited")
    return parser


def examples_parser() -> Parser:
    """Arguments of `examples`."""
    parser = Parser("examples", "List the studies that come with the package.")
    add_output_flags(parser)
    return parser


def files_of(items: Sequence[str]) -> list[str]:
    """Arguments with the file of a study in place of its name; `key=value` as it is."""
    from runner.studies.shipped import find

    if not any("=" not in item for item in items):
        raise StudyError([Problem("which study? `python -m runner examples` lists them")])
    return [item if "=" in item else str(find(item)) for item in items]


def copy(given: argparse.Namespace) -> int:
    """Copy studies to the current folder."""
    from runner.studies import shipped

    if changes := [item for item in given.items if "=" in item]:
        raise StudyError([Problem(f"--copy copies a study as it is: leave out {changes[0]}, and edit the copy")])
    files_of(given.items)
    copies = {name: shipped.copy(name, Path()) for name in given.items}
    for name, files in copies.items():
        if given.json:
            print(json.dumps({"name": name, "files": list(map(str, files))}))
        elif not given.quiet:
            for file in files:
                print(visible(str(file)))
    return 0


def show(given: argparse.Namespace) -> int:
    """List all studies: what each asks, its runs, and about how long it takes."""
    from runner.studies.shipped import shipped

    found = {name: _numbers(path) for name, path in shipped().items()}
    if given.json:
        for name, numbers in found.items():
            print(json.dumps({"name": name, **numbers}))
    elif not given.quiet:
        with page() as console:
            rows = table("study", "runs", "time", "what it is about", align="lrrl")
            texts = {name: (name, f"{each['runs']:,}", _about(each["seconds"])) for name, each in found.items()}
            taken = sum(max(map(len, column)) + 2 for column in zip(*texts.values(), strict=True))
            for name, each in found.items():
                rows.add_row(*texts[name], shorten(each["description"], console.width - taken, placeholder=" ..."))
            console.print(rows)
            console.print(_RUN)
    return 0


def _numbers(path: Path) -> dict[str, Any]:
    """What there is to tell of a study."""
    from runner.machine import MAX_RUNS
    from runner.studies.load import load_study
    from runner.studies.plan import make_plan

    plan = make_plan(load_study(path), MAX_RUNS)
    return {
        "description": plan.study.description or "",
        "runs": plan.n_runs,
        "seconds": _seconds(plan),
        "file": str(path),
    }


def _seconds(plan: Plan) -> float:
    """How long a study trains on all cores of this machine, if it has no results yet."""
    import numpy as np

    from runner.machine import cores
    from runner.training.speed import USUAL, estimated_cost

    cost = estimated_cost(plan, np.ones(plan.n_runs, bool), USUAL)
    assert cost is not None
    return cost.seconds(cores())


def _about(seconds: float) -> str:
    """A rough time: `1 s`, `20 s`, `5 min`."""
    for unit, length in (("h", 3600), ("min", 60)):
        if seconds >= 1.5 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s" if seconds >= 1 else "< 1 s"
