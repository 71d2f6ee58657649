"""The commands that plan and train studies, and what all commands share: errors in words, and exit codes."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from runner.cli.output import lasting_output
from runner.cli.parser import SHELLS, Parser, add_output_flags, read, split_command, split_pieces, study_parser
from runner.cli.studies import plans_of
from runner.errors import NO_FOLDER, Problem, RunnerError, StudyError
from runner.terminal import counted, one_line, visible

if TYPE_CHECKING:
    from distributed import Client

    from runner.cli.results import Reading
    from runner.kernels.cuda import Card
    from runner.studies.plan import Plan


def run(arguments: Sequence[str]) -> int:
    """Run a command and tell what went wrong in words.

    Parameters
    ----------
    arguments : sequence of str
        Without the name of the program.

    Returns
    -------
    int
        The exit code.
    """
    with lasting_output() as stdout:
        code = _exit_code(partial(_command, arguments), _out(arguments))
        stdout.flush()
        if stdout.failed:
            reason = getattr(stdout.error, "strerror", None) or stdout.error
            code = code or _failed(f"cannot write the output: {reason}")
    return code


def _command(arguments: Sequence[str]) -> int:
    """Find the command, and run it."""
    try:
        Path.cwd()
    except FileNotFoundError:
        raise RunnerError(NO_FOLDER) from None
    files, arguments = split_pieces(arguments)
    if files:
        from runner.ops.own import load_file

        for file in files:
            load_file(file)
    name, others = split_command(arguments, COMMANDS)
    command = COMMANDS[name]
    return command.run(read(command.parser(), others))


def _exit_code(work: Callable[[], int], out: Path) -> int:
    """The exit code of some work; what goes wrong in it is told in a line for each problem."""
    try:
        return work()
    except SystemExit as end:  # argparse has shown its help
        return int(end.code or 0)
    except RunnerError as error:
        return _failed(*error.lines, code=error.exit_code)
    except MemoryError:
        return _failed("out of memory; finished rows are kept: use fewer threads (-j)")
    except Exception as error:
        from runner.cli.unexpected import explain_unexpected

        return _failed(explain_unexpected(error, out))


def _out(arguments: Sequence[str]) -> Path:
    """Folder of all results, as far as it can be known before a command has read its arguments."""
    return Path(dict(pairwise(arguments)).get("--out", "results"))


def _failed(*lines: str, code: int = 1) -> int:
    """Show what went wrong, and return the exit code."""
    for line in lines:
        print(f"error: {one_line(line)}", file=sys.stderr)
    return code


def _train(given: argparse.Namespace) -> int:
    if given.write == "workers" and not given.dask:
        raise StudyError([Problem("--write workers needs workers, --dask ADDRESS, and --store parquet")])
    on_card = given.device == "cuda"
    if on_card and given.dask:
        raise StudyError([Problem("--device cuda can not be combined with --dask: workers train on their processors")])
    plans = plans_of(given, COMMANDS)
    if given.dry_run:
        if on_card and not given.quiet:
            print("times are those of the processor: those of a graphics card can not be predicted", file=sys.stderr)
        return _show_plans(plans, given)
    if on_card:
        from runner.kernels.cuda import Card

        with Card() as card:
            return _train_each(plans, given, card=card)
    if not given.dask:
        return _train_each(plans, given)
    from runner.cluster.connection import connected

    with connected(given.dask) as client:
        return _train_each(plans, given, client)


def _train_each(
    plans: list[tuple[Plan, Path]], given: argparse.Namespace, client: Client | None = None, card: Card | None = None
) -> int:
    """Train studies one after the other: what goes wrong in one does not keep those after it from being trained."""
    return max(_exit_code(partial(_train_one, plan, given, client, card), given.out) for plan, _ in plans)


def _train_one(plan: Plan, given: argparse.Namespace, client: Client | None, card: Card | None) -> int:
    from runner.analysis.claims.verdicts import check_claims
    from runner.cli.pages import watching, write_at_end
    from runner.training.session import Options, run_session

    if plan.left_out and not given.quiet:
        print(visible(f"{plan.study.name}: {plan.left_out}"), file=sys.stderr)
    how = given.limit, given.retry_failed, given.fresh, given.quiet, given.shard, given.store
    options = Options(given.out, given.threads, *how, card, own_process=True)
    with watching(options.folder(plan.study.name), given):
        if client is None:
            outcome = run_session(plan, options)
        else:
            from runner.cluster.part_engine import run_on

            outcome = run_on(client, plan, options, given.write)
    timings = {
        "trained": outcome.trained,
        "failed": outcome.failed,
        "left": outcome.left,
        "seconds": outcome.seconds,
    }
    verdicts = check_claims(plan.study, outcome.table, whole=not (outcome.left or outcome.failed or given.shard))
    if given.json or not given.quiet:
        from runner.analysis.summary import as_json, closing_line, show, summarize

        summary = summarize(outcome.table, outcome.axes, outcome.planned)
        if given.json:
            print(json.dumps(as_json(summary, timings | verdicts.as_json())))
        else:
            show(summary, closing_line(outcome.seconds, outcome.trained) if outcome.trained else "")
            verdicts.show()
            # A part is no study yet: its page is made when the parts are put together.
            if given.page and summary.runs and not outcome.interrupted and not given.shard:
                write_at_end(outcome.table, verdicts.checked)
    if outcome.failed:
        _failed(f"{counted(outcome.failed, 'run')} failed: {'; '.join(outcome.reasons)}")
    if outcome.interrupted:
        raise _Interrupted
    return max(outcome.exit_code, verdicts.exit_code)


def _plan(given: argparse.Namespace) -> int:
    return _show_plans(plans_of(given, COMMANDS, by_name=True), given)


def _show_plans(plans: list[tuple[Plan, Path]], given: argparse.Namespace) -> int:
    from runner.training.preview import describe, preview

    cluster = None
    if given.dask:
        from runner.cluster.dask_engine import threads_at

        cluster = given.dask, threads_at(given.dask)
    for plan, out in plans:
        how = {"fresh": given.fresh, "retry_failed": given.retry_failed, "shard": given.shard, "cluster": cluster}
        view = preview(plan, out, threads=given.threads, **how)
        if given.json:
            print(json.dumps(view.as_json()))
        elif not given.quiet:
            print(visible(describe(view)))
    return 0


@dataclass(frozen=True)
class Command:
    """A command.

    Attributes
    ----------
    parser : callable
        Makes the parser of its arguments; imports what it needs only then.
    run : callable
        From parsed arguments to the exit code.
    """

    parser: Callable[[], Parser]
    run: Callable[[argparse.Namespace], int]


def _reading(name: str) -> Command:
    """A command that reads results and trains nothing."""

    def command() -> Reading:
        from runner.cli import figures, merge, pages, results

        return {**results.COMMANDS, **figures.COMMANDS, **merge.COMMANDS, **pages.COMMANDS}[name]

    def parser() -> Parser:
        reading = command()
        made = Parser(name, reading.description)
        made.add_argument("items", nargs="*", metavar="NAME", help=reading.items)
        reading.add_flags(made)
        add_output_flags(made)
        return made

    def run(given: argparse.Namespace) -> int:
        if not given.items:
            parser().error("which results? give a study's name or its folder of results")
        return command().run(given)

    return Command(parser, run)


def _schema(given: argparse.Namespace) -> int:
    from runner.studies.model import json_schema

    print(json.dumps(json_schema(), indent=2))
    return 0


def _diagnose_parser() -> Parser:
    from runner.cli.diagnose import diagnose_parser

    return diagnose_parser()


def _diagnose(given: argparse.Namespace) -> int:
    from runner.cli.diagnose import run

    return run(given)


def _example(given: argparse.Namespace) -> int:
    from runner.cli.examples import copy, files_of

    if given.copy:
        return copy(given)
    given.items = files_of(given.items)
    return _train(given)


def _example_parser() -> Parser:
    from runner.cli.examples import example_parser

    return example_parser()


def _examples(given: argparse.Namespace) -> int:
    from runner.cli.examples import show

    return show(given)


def _examples_parser() -> Parser:
    from runner.cli.examples import examples_parser

    return examples_parser()


def _docs_parser() -> Parser:
    from runner.cli.docs import docs_parser

    return docs_parser()


def _docs(given: argparse.Namespace) -> int:
    from runner.cli.docs import run

    return run(given)


def _completion_parser() -> Parser:
    parser = Parser(
        "completion",
        "Print what a shell needs to complete the command `runner` when the Tab key is pressed: commands, flags, "
        "studies, names of results, run ids, keys and their values. For zsh, call compinit before.",
    )
    parser.add_argument("shell", choices=SHELLS, metavar="SHELL", help="bash, zsh or fish")
    return parser


def _completion(given: argparse.Namespace) -> int:
    try:
        from argcomplete import shellcode
    except ImportError:
        raise RunnerError("completion needs argcomplete, which is not installed: pip install argcomplete") from None
    print(shellcode(["runner"], shell=given.shell))
    return 0


COMMANDS: Mapping[str, Command] = MappingProxyType(
    {
        "run": Command(partial(study_parser, "run"), _train),
        "plan": Command(partial(study_parser, "plan"), _plan),
        **{name: _reading(name) for name in ("report", "watch", "claims", "explain", "compare", "replay", "export")},
        **{name: _reading(name) for name in ("merge", "plot", "table")},
        "diagnose": Command(_diagnose_parser, _diagnose),
        "example": Command(_example_parser, _example),
        "examples": Command(_examples_parser, _examples),
        "docs": Command(_docs_parser, _docs),
        "completion": Command(_completion_parser, _completion),
        "schema": Command(partial(Parser, "schema", "Print the JSON schema of a study file."), _schema),
    }
)
"""All commands by name."""


class _Interrupted(KeyboardInterrupt):
    """Ctrl-C has stopped a study in order; the studies after it are not begun."""
