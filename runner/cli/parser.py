"""What the command line takes: parsers, flags, and how they are explained."""

from __future__ import annotations

import argparse
from collections.abc import Container, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from runner.errors import Problem, StudyError, nearest
from runner.machine import MAX_RUNS, MOST_THREADS

if TYPE_CHECKING:
    from runner.studies.shard import Shard

STORES = ("csv", "parquet")
PROGRAM = "python -m runner"
USAGE = f"{PROGRAM} [run] STUDY.yaml [STUDY.yaml ...] [key=value ...] [flags]"
_DESCRIPTION = """\
Train every run of a study and leave one row each in results/NAME/runs.csv.
Stopped in the middle, the same command goes on where it was.

commands:
  run STUDY.yaml ...     train what has no row yet (run is implied)
  plan STUDY or NAME     how many runs, which are new, how long they take
  report NAME ...        the table at the end of a run, once more; --html: a page with charts
  watch NAME             that page in a browser, while the study trains
  claims NAME ...        check the claims of a study on its results
  explain NAME [RUN_ID]  why runs fail, or this one, or --at your settings; what would help
  compare A B            two studies, or two parts of one, on the same seeds
  replay NAME [RUN_ID]   train rows again and compare them, bit for bit
  merge NAME [PART ...]  the parts that --shard has made, as one table
  export NAME ...        the table as --to parquet, xlsx or sqlite
  plot, table NAME ...   a figure for a paper, a table to paste into one
  diagnose FILE.py       your own program: which line is wrong, and what it costs
  schema                 JSON schema of a study file, for editors
"""
_EPILOG = """\
examples:
  python -m runner configs/xor_sweep.yaml
  python -m runner plan configs/xor_sweep.yaml replicates=10 'learning_rate=[1, 2]'

exit codes:
  0 done, 1 runs, claims or files failed, 2 wrong study or arguments,
  3 refused, 130 interrupted (resumable)
"""


class Parser(argparse.ArgumentParser):
    """Reports a wrong argument like any other problem: one line, exit code 2."""

    def error(self, message: str) -> NoReturn:
        if message.startswith("unrecognized arguments: "):
            first = message.split()[2]
            message += nearest(first.split("=")[0], [name for name in self._option_string_actions if name != first])
        raise StudyError([Problem(f"{message} (see {self.prog} --help)")])


def study_parser(command: str) -> Parser:
    """Arguments of the commands that read studies."""
    parser = Parser(
        prog=f"{PROGRAM} {command}",
        usage=USAGE.replace("[run]", command) if command != "run" else USAGE,
        description=_DESCRIPTION,
        epilog=_EPILOG,
        allow_abbrev=False,
        formatter_class=lambda prog: argparse.RawDescriptionHelpFormatter(prog, width=100),
    )
    parser.add_argument("items", nargs="*", metavar="STUDY.yaml", help=argparse.SUPPRESS)
    add_threads(parser)
    large = f"refuse a study with more runs (default: {MAX_RUNS:,})"
    parser.add_argument("--max-runs", type=at_least_one, default=MAX_RUNS, metavar="N", help=large)
    part = "train the I-th of N equal parts, in a folder of its own; `merge` puts them together"
    parser.add_argument("--shard", type=_shard, metavar="I/N", help=part)
    dask = "train on a Dask cluster: tcp://HOST:PORT, a scheduler file, or local:N"
    parser.add_argument("--dask", metavar="ADDRESS", help=dask)
    store = "as what the table is kept: csv (runs.csv) or parquet (runs/part-*.parquet); default: as it is, else csv"
    parser.add_argument("--store", type=_store, metavar="STORE", help=store)
    parser.add_argument("--limit", type=at_least_one, metavar="N", help="train at most N new runs, then stop")
    parser.add_argument(
        "--retry-failed", action="store_true", help="try runs again that could not be trained (failed.csv)"
    )
    parser.add_argument("--fresh", action="store_true", help="start anew; old results are renamed, not deleted")
    parser.add_argument("-n", "--dry-run", action="store_true", help="only show the plan")
    parser.add_argument("--watch", action="store_true", help="serve the page while it trains")
    no_page = "do not write results/NAME/report.html"
    parser.add_argument("--no-page", action="store_false", dest="page", help=no_page)
    add_output_flags(parser)
    return parser


def add_threads(parser: argparse.ArgumentParser) -> None:
    """The flag of the commands that train."""
    help_text = "threads (default: all cores)"
    parser.add_argument("-j", type=_threads, metavar="N", dest="threads", help=help_text)


def add_output_flags(parser: argparse.ArgumentParser) -> None:
    """The flags of every command."""
    out = "folder of all results (default: results)"
    parser.add_argument("--out", type=Path, default=Path("results"), metavar="DIR", help=out)
    parser.add_argument("--json", action="store_true", help="one JSON object for each study, on stdout")
    parser.add_argument("-q", "--quiet", action="store_true", help="show nothing but errors")
    parser.add_argument("--version", action=_Version, nargs=0, help="show the version and exit")


class _Version(argparse.Action):
    """Looks the version up only when it is asked for."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> NoReturn:
        from runner.machine import version

        print(f"runner {version()}")
        parser.exit()


def at_least_one(text: str) -> int:
    """A whole number, as it may be written on a command line: `1000`, `1e3`, `1_000`."""
    try:
        value = float(text.replace(",", "").replace("_", ""))
        if value >= 1 and value == int(value):
            return int(value)
    except (ValueError, OverflowError):
        pass
    raise argparse.ArgumentTypeError(f"expected a whole number of at least 1, not {text!r}")


def _shard(text: str) -> Shard:
    from runner.studies.shard import Shard

    try:
        return Shard.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _store(text: str) -> str:
    if text not in STORES:
        raise argparse.ArgumentTypeError(f"expected {' or '.join(STORES)}, not {text!r}{nearest(text, STORES)}")
    return text


def _threads(text: str) -> int:
    """So many that any machine has all to do; each holds memory and a place in the system's list of threads."""
    n = at_least_one(text)
    if n > MOST_THREADS:
        raise argparse.ArgumentTypeError(f"expected at most {MOST_THREADS:,} threads, not {n:,}")
    return n


# Flags whose value is the argument after them, of whatever command.
_WITH_VALUE = {
    *("-j", "--out", "--max-runs", "--shard", "--dask", "--store", "--limit", "--sample", "--to", "--into", "--port"),
    *("--x", "--y", "--by", "--facet", "--where", "--versus", "--kind", "--width", "--confidence", "--zoom"),
    *("--at", "--rows", "--columns", "--show", "--format", "--seeds"),
}


def split_command(arguments: Sequence[str], commands: Container[str]) -> tuple[str, list[str]]:
    """The command, and all other arguments: flags may stand before it as well.

    Parameters
    ----------
    arguments : sequence of str
    commands : container of str

    Returns
    -------
    command : str
        The first argument that is no flag, if it is a command; else `run`, which is implied.
    others : list of str
    """
    others = list(arguments)
    at = 0
    while at < len(others) and others[at].startswith("-"):
        at += 2 if others[at] in _WITH_VALUE else 1
    if at < len(others) and others[at] in commands:
        return others.pop(at), others
    return "run", others


def read(parser: Parser, arguments: list[str]) -> argparse.Namespace:
    """Parse; flags may stand anywhere among the other arguments."""
    return parser.parse_intermixed_args(arguments)
