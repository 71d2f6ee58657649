"""The commands that begin with results: claims, explain, compare, replay, export."""

from __future__ import annotations

import argparse
import json
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from runner.errors import Problem, StudyError, nearest
from runner.terminal import counted, visible

if TYPE_CHECKING:
    from runner.analysis.compare.comparison import Comparison
    from runner.figures.tables import TableFormat
    from runner.studies.claims.grammar import Selection
    from runner.studies.load import Study


_RUN_ID = re.compile("[0-9a-fA-F]{1,16}")


@dataclass(frozen=True)
class Reading:
    """A command that begins with results.

    Attributes
    ----------
    description, items : str
        What the help says.
    run : callable
        From parsed arguments to the exit code.
    add_flags : callable
        Adds the command's own flags to its parser.
    """

    description: str
    items: str
    run: Callable[[argparse.Namespace], int]
    add_flags: Callable[[argparse.ArgumentParser], None] = lambda parser: None


def tables_of(given: argparse.Namespace) -> list[Path]:
    """All tables that are named, found before the first one is shown."""
    return [table_of(item, given.out) for item in given.items]


def table_of(item: str, out: Path) -> Path:
    """The table of a study that is named by its name, its results, or its file."""
    from runner.results.files import find_table

    if _is_study(item):
        from runner.studies.load import load_study

        return find_table(load_study(item).name, out)
    return find_table(item, out)


def _is_study(item: str) -> bool:
    # Unlike Path.is_file, this is False for what is too long to be a name.
    return Path(item).suffix in (".yaml", ".yml") and os.path.isfile(item)


def _explain(given: argparse.Namespace) -> int:
    from runner.analysis.explain.answer import answer
    from runner.analysis.explain.explanation import as_json, explain
    from runner.analysis.explain.show import show
    from runner.results.provenance import read_environment

    tables, run_id = _tables_and_run(given)
    at = _setting(given.at, run_id)
    for i, path in enumerate(tables):
        found = explain(path, run_id, read_environment(path.parent).get("axes"), at)
        if given.json:
            print(json.dumps(as_json(found, answer(found)), allow_nan=False))
        elif not given.quiet:
            print("\n" if i else "", end="")
            show(found)
    return 0


def _explain_flags(parser: argparse.ArgumentParser) -> None:
    at = "look at one setting, such as learning_rate=0.1,architecture=2-2-1; may be given several times"
    parser.add_argument("--at", action="append", default=[], metavar="KEY=VALUE", help=at)


def _setting(texts: Sequence[str], run_id: str | None) -> Selection | None:
    """The setting that is to be looked at."""
    if not texts:
        return None
    if run_id is not None:
        raise StudyError([Problem("--at names a setting, and a run_id names a run: give one of them")])
    from runner.analysis.explain.one_cell import read_setting

    return read_setting(texts)


def _tables_and_run(given: argparse.Namespace) -> tuple[list[Path], str | None]:
    """The tables that are to be explained; or one, and the run that a second argument names."""
    try:
        return tables_of(given), None
    except StudyError as error:
        if len(given.items) != 2 or _is_study(given.items[1]):
            raise
        table = table_of(given.items[0], given.out)
        if _RUN_ID.fullmatch(given.items[1]):
            return [table], given.items[1]
        hint = "a run_id has 16 digits, 0-9 and a-f, of which the first few are enough"
        raise StudyError([*error.problems, Problem(hint)]) from None


def _claims(given: argparse.Namespace) -> int:
    from runner.analysis.claims.verdicts import check_recorded_claims
    from runner.terminal import page

    code = 0
    for item, path in zip(given.items, tables_of(given), strict=True):
        verdicts = check_recorded_claims(path, _study(item))
        if given.json:
            content = {"name": path.parent.name, "results": str(path), "claims": [], **verdicts.as_json()}
            print(json.dumps(content, allow_nan=False))
        elif not given.quiet:
            with page() as console:
                verdicts.write_page(console)
        code = max(code, verdicts.exit_code)
    return code


def _study(item: str) -> Study | None:
    """The study whose claims are meant, where its file is named; None where its results are."""
    if not _is_study(item):
        return None
    from runner.studies.load import load_study

    return load_study(item)


def _replay(given: argparse.Namespace) -> int:
    from runner.results.reader import full_id
    from runner.training.progress import showing
    from runner.training.replay import choice, record, replay

    path = table_of(given.items[0], given.out)
    run_id = full_id(path, given.items[1]) if len(given.items) == 2 else None
    ways = (run_id is not None) + (given.sample is not None) + given.all
    if ways != 1 or len(given.items) > 2:
        raise StudyError([Problem("which rows? give NAME and one of: a RUN_ID, --sample N, --all")])
    if given.record and run_id is None:
        raise StudyError([Problem("--record keeps the curve and the weights of one run: give its RUN_ID")])
    with showing(path.parent.name, given.quiet) as progress:
        found = replay(path, choice(run_id, given.sample), given.threads, progress)
        kept = record(path, run_id, given.threads) if given.record and run_id else None
    if given.json:
        print(json.dumps(found.as_json() | ({"recorded": str(kept)} if kept else {})))
    elif not given.quiet:
        print(visible(str(found)))
        if kept:
            print(f"curve and weights: {kept}")
    return int(found.n_differing > 0)


def _replay_flags(parser: argparse.ArgumentParser) -> None:
    from runner.cli.parser import add_threads, at_least_one

    parser.add_argument("--sample", type=at_least_one, metavar="N", help="train N rows again, drawn at random")
    parser.add_argument("--all", action="store_true", help="train the whole table again")
    record = "keep the run's loss at every epoch, and its weights, in results/NAME/replay/RUN_ID"
    parser.add_argument("--record", action="store_true", help=record)
    add_threads(parser)


def _compare(given: argparse.Namespace) -> int:
    from runner.analysis.claims.selection import read_both
    from runner.analysis.compare.comparison import as_json, compare
    from runner.analysis.compare.show import show

    if len(given.items) > 2 or (len(given.items) == 1 and not given.versus):
        raise StudyError(
            [Problem("compare looks at two studies A B, or at two parts of one, with --where and --versus")]
        )
    if given.into and given.into.suffix == ".html" and not given.html:
        raise StudyError([Problem("--into FILE.html is for the page: give --html")])
    if given.format is not None and given.html:
        raise StudyError([Problem("--format is that of a table, and --html writes a page: give one of them")])
    form = None
    if given.format is not None or (given.into is not None and not given.html):
        # It takes long to import.
        from runner.figures.tables import format_of

        form = format_of(given.format, given.into)
    first, second = table_of(given.items[0], given.out), table_of(given.items[-1], given.out)
    found = compare((first, second), read_both(given.where, given.versus), given.confidence)
    if given.json:
        print(json.dumps(as_json(found), allow_nan=False))
    elif not given.quiet and (form is None or not found.pairs):
        show(found)
    if not found.pairs:
        raise StudyError([Problem("nothing is compared: no run of A has a partner in B")])
    if form is not None:
        _write_differences(found, form, given)
    if given.html:
        from runner.report.compare import write_comparison

        other = "" if first == second else f"_{found.b.name}"
        path = given.into or first.parent / f"compare{other}.html"
        write_comparison(found, path)
        if not given.json and not given.quiet:
            print(visible(f"\npage: {path}"))
    return 0


def _write_differences(found: Comparison, form: TableFormat, given: argparse.Namespace) -> None:
    """The table of differences, in a file or on stdout."""
    from runner.figures.differences import write_differences
    from runner.results.files import write_file

    text, quiet = write_differences(found, form), given.json or given.quiet
    if given.into is not None:
        write_file(given.into, text.encode(errors="backslashreplace"))
        text = f"{visible(str(given.into))}: {counted(found.pairs, 'pair')}\n"
    if not quiet:
        print(text, end="")


def _compare_flags(parser: argparse.ArgumentParser) -> None:
    where = (
        "only these runs of A, and of B unless --versus is given, such as optimizer=adam; may be given several times"
    )
    parser.add_argument("--where", action="append", default=[], metavar="KEY=VALUE", help=where)
    versus = "only these runs of B, or of A where there is no B"
    parser.add_argument("--versus", action="append", default=[], metavar="KEY=VALUE", help=versus)
    parser.add_argument("--html", action="store_true", help="also write a page, compare_B.html beside the table of A")
    into = "with --html the file of the page; else a table of the differences, in the format of FILE's extension"
    parser.add_argument("--into", type=Path, metavar="FILE", help=into)
    formats = "show a table of the differences instead: text, markdown, latex or csv"
    parser.add_argument("--format", metavar="FORMAT", help=formats)
    confidence = "confidence level of the intervals (default: 0.95)"
    parser.add_argument("--confidence", type=float, default=0.95, metavar="C", help=confidence)


def _export(given: argparse.Namespace) -> int:
    from runner.results.export import KNOWN, export_table
    from runner.studies.derived import recorded

    if given.to not in KNOWN:
        found = f"found '{given.to}'{nearest(given.to, KNOWN)}" if given.to else "it is missing"
        raise StudyError([Problem(f"--to: expected {', '.join(KNOWN)}; {found}")])
    if given.into and len(given.items) > 1:
        raise StudyError([Problem("--into is one file: give one study")])
    for item in given.items:
        table = table_of(item, given.out)
        path, runs = export_table(table, given.to, given.into, recorded)
        if given.json:
            print(json.dumps({"name": table.parent.name, "results": str(table), "runs": runs, "file": str(path)}))
        elif not given.quiet:
            print(visible(f"{path}: {counted(runs, 'run')}"))
    return 0


def _export_flags(parser: argparse.ArgumentParser) -> None:
    formats = (
        "parquet, xlsx (Excel) or sqlite; csv or parts: the table itself, converted to the other --store; optuna, "
        "tensorboard or mlflow: every run as a run of that program; wandb: one run with a table of all runs"
    )
    parser.add_argument("--to", metavar="FORMAT", help=formats)
    into = "the file, replaced if it is there (default: beside runs.csv)"
    parser.add_argument("--into", type=Path, metavar="FILE", help=into)


NAMES = "a study's name, its file, its folder of results, or runs.csv"
COMMANDS: Mapping[str, Reading] = MappingProxyType(
    {
        "claims": Reading("Check the claims of a study on its results; exit code 1 when one fails.", NAMES, _claims),
        "explain": Reading(
            "Say in plain words why runs fail, which settings matter, and what would have saved them.",
            f"{NAMES}; several of them, or after one the run_id of a run or its beginning",
            _explain,
            _explain_flags,
        ),
        "replay": Reading(
            "Train rows again from their own keys and compare them with the table, bit for bit; "
            "exit code 1 when one differs.",
            f"{NAMES}; then the run_id of one run or its beginning, or one of the flags",
            _replay,
            _replay_flags,
        ),
        "compare": Reading(
            "Compare two studies, or two parts of one, on the same seeds.",
            f"A and B: {NAMES}; or one alone, with --where and --versus",
            _compare,
            _compare_flags,
        ),
        "export": Reading(
            "Write the table for other programs, every column with a type.", NAMES, _export, _export_flags
        ),
    }
)
