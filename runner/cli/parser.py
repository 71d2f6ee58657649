"""What the command line takes: parsers, flags, and how they are explained."""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Container, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NoReturn

from runner.errors import Problem, StudyError, nearest
from runner.machine import DEVICES, MAX_RUNS, MOST_THREADS

if TYPE_CHECKING:
    from runner.studies.shard import Shard

STORES = ("csv", "parquet")
WRITERS = ("client", "workers")
PROGRAM = "python -m runner"
USAGE = f"{PROGRAM} [run] STUDY.yaml [STUDY.yaml ...] [key=value ...] [flags]"
_DESCRIPTION = """\
Train every run of a study and write a row for each to results/NAME/runs.csv.
If it is interrupted, the same command resumes it.

commands:
  run STUDY.yaml ...     train what has no row yet (run is implied)
  plan STUDY or NAME     how many runs, how many are new, how long they take
  report NAME ...        show the table at the end of a run again; --html: a page with charts
  watch NAME             that page in a browser, while the study trains
  claims NAME ...        check the claims of a study on its results
  explain NAME [RUN_ID]  why runs fail, or this one, or --at your settings; what would help
  compare A B            two studies, or two parts of one, on the same seeds
  replay NAME [RUN_ID]   train rows again and compare them, bit for bit
  merge NAME [PART ...]  put the parts that --shard has made together in one table
  export NAME ...        write the table for other programs: --to parquet, xlsx, sqlite, ...
  plot, table NAME       a figure or a table for a paper
  diagnose FILE.py       your own program: which line is wrong, and what it costs
  example, examples      run a study that comes with the package; list them
  docs, schema, completion  a page of the documentation; for editors: JSON schema; for shells: Tab
"""
_EXIT_CODES = """

exit codes:
  0 done, 1 something failed, 2 wrong study or arguments, 3 refused, 130 interrupted
"""
_STUDIES = {
    "run": _DESCRIPTION,
    "plan": "Show how many runs a study has, how many of them are new, how much disk space they take and how long they "
    "train. It accepts the name of a study that has results, too.",
    "example": "Run a study that comes with the package, by its name; `examples` lists them. It can be changed like "
    "any other study, by key=value.",
}
_WIDTH = 100
SHELLS = ("bash", "zsh", "fish")
"""Shells that can complete what is typed."""

EXAMPLES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "run": ("configs/xor_sweep.yaml", "configs/xor_sweep.yaml name=try replicates=10 'learning_rate=[1, 2]'"),
        "plan": ("plan configs/xor_sweep.yaml", "plan configs/xor_sweep.yaml replicates=10 'learning_rate=[1, 2]'"),
        "report": ("report xor_sweep", "report xor_sweep --html --open"),
        "watch": ("watch xor_sweep", "watch xor_sweep --port 8000 --open"),
        "claims": ("claims xor_sweep", "claims configs/posts/line_fit.yaml --json"),
        "explain": ("explain xor_sweep", "explain xor_sweep --at learning_rate=0.1,architecture=2-2-1"),
        "compare": ("compare xor_sweep try", "compare xor_sweep --where init=he_normal --versus init=xavier_uniform"),
        "replay": ("replay xor_sweep --sample 50", "replay xor_sweep --all"),
        "merge": ("merge xor_sweep", "merge xor_sweep xor_sweep.1-of-2 xor_sweep.2-of-2"),
        "export": ("export xor_sweep --to sqlite", "export xor_sweep --to xlsx --into /tmp/xor.xlsx"),
        "plot": (
            "plot xor_sweep --x learning_rate --by architecture --into rate.pdf",
            "plot xor_sweep --kind heatmap --x learning_rate --by init --into map.svg",
        ),
        "table": (
            "table xor_sweep --rows architecture --columns epochs",
            "table xor_sweep --rows init --show 'median(epochs_to_converge)' --format latex",
        ),
        "diagnose": ("diagnose mine.py", "diagnose mine.py --seeds 100 --into results/mine"),
        "example": ("example xor_sweep", "example xor_sweep replicates=10 epochs=1000"),
        "examples": ("examples", "examples --json"),
        "docs": ("docs not_learning", "docs plot --path"),
        "schema": ("schema", "schema > study.schema.json"),
        "completion": (
            "completion bash > ~/.local/share/bash-completion/completions/runner",
            "completion fish > ~/.config/fish/completions/runner.fish",
        ),
    }
)
"""Two examples of every command, as its help shows them."""


class Parser(argparse.ArgumentParser):
    """Reports a wrong argument like any other problem: one line, exit code 2.

    Parameters
    ----------
    command : str
        Its examples stand at the end of the help.
    description : str
        Paragraphs are filled to the width of the help; where every line is short, they are left as they are.
    usage, after : str, optional
        The line of usage, and what stands after the examples.
    """

    def __init__(self, command: str, description: str, usage: str | None = None, after: str = "") -> None:
        examples = "\n".join(f"  {PROGRAM} {example}" for example in EXAMPLES[command])
        super().__init__(
            prog=f"{PROGRAM} {command}",
            usage=usage,
            description="\n\n".join(map(_filled, description.split("\n\n"))),
            epilog=f"examples:\n{examples}{after}",
            allow_abbrev=False,
            formatter_class=lambda prog: argparse.RawDescriptionHelpFormatter(prog, width=_WIDTH),
        )

    def error(self, message: str) -> NoReturn:
        if message.startswith("unrecognized arguments: "):
            first = message.split()[2]
            message += nearest(first.split("=")[0], [name for name in self._option_string_actions if name != first])
        raise StudyError([Problem(f"{message} (see {self.prog} --help)")])


def _filled(paragraph: str) -> str:
    """A paragraph in lines that fit; one that has been broken by hand stays as it is."""
    return paragraph if max(map(len, paragraph.splitlines()), default=0) < _WIDTH else textwrap.fill(paragraph, _WIDTH)


def study_parser(command: str) -> Parser:
    """Arguments of the commands that read studies: run, plan and example."""
    item = "NAME" if command == "example" else "STUDY.yaml"
    usage = USAGE if command == "run" else f"{PROGRAM} {command} {item} [{item} ...] [key=value ...] [flags]"
    parser = Parser(command, _STUDIES[command], usage, _EXIT_CODES if command == "run" else "")
    parser.add_argument("items", nargs="*", metavar="STUDY.yaml", help=argparse.SUPPRESS)
    add_threads(parser)
    large = f"refuse a study with more runs (default: {MAX_RUNS:,})"
    parser.add_argument("--max-runs", type=at_least_one, default=MAX_RUNS, metavar="N", help=large)
    part = "train the I-th of N equal parts in a folder of its own; then `merge`"
    parser.add_argument("--shard", type=_shard, metavar="I/N", help=part)
    if command != "plan":
        device = "where runs are trained: cpu, or cuda, a graphics card (default: cpu)"
        parser.add_argument("--device", type=_device, metavar="DEVICE", default="cpu", help=device)
    dask = "train on a Dask cluster: tcp://HOST:PORT, a scheduler file, or local:N"
    parser.add_argument("--dask", metavar="ADDRESS", help=dask)
    store = "keep the table as csv or as parquet, in parts (default: as before, or csv)"
    parser.add_argument("--store", type=_store, metavar="STORE", help=store)
    write = "who writes the table: client, or, for --store parquet, the workers of --dask"
    parser.add_argument("--write", type=_writer, metavar="WHO", default="client", help=write)
    parser.add_argument("--limit", type=at_least_one, metavar="N", help="train at most N new runs, then stop")
    parser.add_argument(
        "--retry-failed", action="store_true", help="try again the runs that could not be trained (failed.csv)"
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
    help_text = "number of threads (default: all cores)"
    parser.add_argument("-j", type=_threads, metavar="N", dest="threads", help=help_text)


def add_output_flags(parser: argparse.ArgumentParser) -> None:
    """The flags of every command."""
    out = "folder of all results (default: results)"
    parser.add_argument("--out", type=Path, default=Path("results"), metavar="DIR", help=out)
    parser.add_argument("--json", action="store_true", help="one JSON object for each study, on stdout")
    parser.add_argument("-q", "--quiet", action="store_true", help="show nothing but errors")
    pieces = "a file of your own activations, data sets, ...; may be given several times"
    parser.add_argument("--pieces", metavar="FILE.py", help=pieces)
    parser.add_argument("--version", action=_Version, nargs=0, help="show the version and exit")


class _Version(argparse.Action):
    """Looks the version up only when it is asked for."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> NoReturn:
        from runner.machine import VERSION

        print(f"runner {VERSION}")
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


def _writer(text: str) -> str:
    if text not in WRITERS:
        raise argparse.ArgumentTypeError(f"expected {' or '.join(WRITERS)}, not {text!r}{nearest(text, WRITERS)}")
    return text


def _device(text: str) -> str:
    if text not in DEVICES:
        # Nearer by its letters, it is not the processor.
        hint = "; did you mean 'cuda'?" if text.casefold() in ("gpu", "nvidia") else nearest(text, DEVICES)
        raise argparse.ArgumentTypeError(f"expected {' or '.join(DEVICES)}, not {text!r}{hint}")
    return text


def _threads(text: str) -> int:
    """So many that any machine has all to do; each holds memory and a place in the system's list of threads."""
    n = at_least_one(text)
    if n > MOST_THREADS:
        raise argparse.ArgumentTypeError(f"expected at most {MOST_THREADS:,} threads, not {n:,}")
    return n


# Flags whose value is the argument after them, of whatever command.
_WITH_VALUE = {
    *("-j", "--device", "--out", "--max-runs", "--shard", "--dask", "--store", "--write", "--limit", "--sample"),
    *("--to", "--into"),
    *("--x", "--y", "--by", "--facet", "--where", "--versus", "--kind", "--width", "--confidence", "--zoom"),
    *("--at", "--rows", "--columns", "--show", "--format", "--seeds", "--port"),
}


def split_pieces(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """The files after `--pieces`, which are loaded before anything is read that may name a piece; and what is left."""
    files, others = [], []
    left = iter(arguments)
    for argument in left:
        if argument == "--pieces":
            file = next(left, None)
            if file is None:
                raise StudyError([Problem("--pieces: expected a Python file after it")])
            files.append(file)
        elif argument.startswith("--pieces="):
            files.append(argument.partition("=")[2])
        else:
            others.append(argument)
    return files, others


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
