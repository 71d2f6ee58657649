"""The command `diagnose`: the author's own program, line by line."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from runner.cli.parser import Parser, at_least_one

_DESCRIPTION = """\
Say which formula each line of your own training program computes, which of them are wrong, and what that costs.

FILE.py defines `architecture`, `learning_rate`, `inputs`, `targets` and `update(weights, biases, x, y)`; for a program
in another language, give a trace of its weights (.json, .npz, .csv). The program is run, in a process of its own with
a time limit. `python -m runner docs diagnose` shows an example.
"""


def run(given: argparse.Namespace) -> int:
    """Diagnose and show; exit code 0 when all is right, 1 when not or not known, 2 when it can not be asked."""
    from runner.diagnosis.diagnose import diagnose_program
    from runner.diagnosis.show import page_text
    from runner.terminal import page_width

    def tell(message: str) -> None:
        if not given.quiet:
            print(message, file=sys.stderr)

    found = diagnose_program(given.file, given.into, given.seeds, tell=tell)
    if given.json:
        print(json.dumps(found.as_json()))
    elif not given.quiet:
        print(page_text(found, page_width()), end="")
    return found.exit_code


def diagnose_parser() -> Parser:
    """Arguments of the command."""
    parser = Parser("diagnose", _DESCRIPTION)
    parser.add_argument("file", type=Path, metavar="FILE")
    into = "folder of twin.yaml, cost.yaml, diagnosis.json and the page (default: results/diagnosis)"
    parser.add_argument("--into", type=Path, default=Path("results/diagnosis"), metavar="FOLDER", help=into)
    seeds = "how many of your initial weights to train (default: 500, or fewer if that would take long)"
    parser.add_argument("--seeds", type=at_least_one, metavar="N", help=seeds)
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    parser.add_argument("-q", "--quiet", action="store_true", help="show nothing but errors")
    return parser
