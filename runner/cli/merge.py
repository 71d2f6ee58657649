"""The command `merge`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from runner.cli.pages import write_at_end
from runner.cli.results import Reading, table_of
from runner.errors import Problem, StudyError
from runner.machine import MAX_RUNS
from runner.terminal import visible


def _merge(given: argparse.Namespace) -> int:
    from runner.analysis.claims.verdicts import check_recorded_claims
    from runner.analysis.summary import as_json, show, summarize
    from runner.cluster.merge import describe, merge_parts, parts_of

    name, *items = given.items
    if Path(name).name != name:
        problem = "expected the name of the study, which is that of the folder to make in --out"
        raise StudyError([Problem(f"{problem}; found a path, '{name}'")])
    folders = [table_of(item, given.out).parent for item in items] or parts_of(name, given.out)
    if not folders:
        raise StudyError([Problem(f"there are no parts of '{name}' in {given.out}: run it with --shard 1/N, 2/N, ...")])
    merged = merge_parts(name, folders, given.out, given.max_runs, quiet=given.quiet)
    session = merged.session
    for line in describe(merged):
        print(visible(f"{name}: {line}"), file=sys.stderr)
    verdicts = check_recorded_claims(session.table)
    summary = summarize(session.table, session.axes, session.planned)
    if given.json:
        more = {"merged": session.trained, "left": session.left, "doubled": merged.doubled}
        print(json.dumps(as_json(summary, more | {"absent": list(merged.absent)} | verdicts.as_json())))
    elif not given.quiet:
        show(summary, "")
        verdicts.show()
        write_at_end(session.table, verdicts.checked)
    return max(merged.exit_code, verdicts.exit_code)


def _flags(parser: argparse.ArgumentParser) -> None:
    from runner.cli.parser import at_least_one

    large = f"refuse a study with more runs (default: {MAX_RUNS:,})"
    parser.add_argument("--max-runs", type=at_least_one, default=MAX_RUNS, metavar="N", help=large)


COMMANDS: Mapping[str, Reading] = MappingProxyType(
    {
        "merge": Reading(
            "Put the parts of a study, as --shard makes them, together into results/NAME; exit code 1 when runs are "
            "missing. The parts stay as they are.",
            "the name of the study, then the parts: names or folders of results (default: all NAME.I-of-N in --out)",
            _merge,
            _flags,
        )
    }
)
