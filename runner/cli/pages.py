"""What shows all results of a study: report as a table or a page, watch, and the page at the end of a run."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from runner.cli.results import NAMES, Reading, table_of, tables_of
from runner.errors import Problem, StudyError
from runner.terminal import duration, size, visible

if TYPE_CHECKING:
    from runner.analysis.claims.verdict import Checked

_MOST_SECONDS = 2.0


def write_at_end(table: Path, checked: Sequence[Checked]) -> None:
    """Write the page of a study that was run, if that is quick, and say on stderr where it is.

    The rows are on the disk, and whatever happens here the run has not failed.
    """
    try:
        from runner.report.render import seconds_to_write, write_page

        seconds = seconds_to_write(table)
        if seconds > _MOST_SECONDS:
            say = f"not written, it takes about {duration(seconds)}: report {table.parent.name} --html"
        else:
            say = str(write_page(table, checked))
    except Exception as error:
        say = f"not written: {error}"
    with contextlib.suppress(OSError):
        print(visible(f"page: {say}"), file=sys.stderr)


def watching(folder: Path, given: argparse.Namespace) -> contextlib.AbstractContextManager[Any]:
    """Serve the page of a folder of results while the block lasts, if that is asked for."""
    if not given.watch:
        return contextlib.nullcontext()
    from runner.report.live import Watcher
    from runner.results.files import TABLE

    return Watcher(folder / TABLE, lambda url: print(visible(f"{folder.name}: {url}"), file=sys.stderr))


def _report(given: argparse.Namespace) -> int:
    if given.html or given.open:
        return _pages(given)
    from runner.analysis.summary import as_json, show, summarize
    from runner.results.provenance import read_environment

    for path in tables_of(given):
        environment = read_environment(path.parent)
        summary = summarize(path, environment.get("axes"), environment.get("runs"))
        if given.json:
            print(json.dumps(as_json(summary, {"seconds": (environment.get("timings") or {}).get("seconds")})))
        elif not given.quiet:
            show(summary, "")
    return 0


def _pages(given: argparse.Namespace) -> int:
    from runner.report.render import write_page

    for table in tables_of(given):
        path = write_page(table)
        n_bytes = path.stat().st_size
        if given.json:
            print(json.dumps({"name": table.parent.name, "results": str(table), "page": str(path), "bytes": n_bytes}))
        elif not given.quiet:
            print(visible(f"{path}: {size(n_bytes)}"))
        if given.open:
            _open(path.resolve().as_uri())
    return 0


def _open(url: str) -> None:
    import webbrowser

    if not webbrowser.open(url):
        print(visible(f"no browser was found: open {url}"), file=sys.stderr)


def _report_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--html", action="store_true", help="write a page with charts: results/NAME/report.html")
    parser.add_argument("--open", action="store_true", help="write that page and open it in a browser")


def _watch(given: argparse.Namespace) -> int:
    from runner.report.live import Live, Server, lower_priority

    if len(given.items) > 1:
        raise StudyError([Problem("watch looks at one study: give one NAME")])
    table = table_of(given.items[0], given.out)
    lower_priority()
    server = Server(Live(table), given.port)
    try:
        if given.json:
            print(json.dumps({"name": table.parent.name, "results": str(table), "url": server.url}), flush=True)
        elif not given.quiet:
            print(visible(f"{table.parent.name}: {server.url} (Ctrl-C ends it)"), flush=True)
        if given.open:
            _open(server.url)
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        # How this command ends.
        return 0
    finally:
        server.shutdown()
        server.server_close()


def _port(text: str) -> int:
    if text.isascii() and text.isdigit() and int(text) < 1 << 16:
        return int(text)
    raise argparse.ArgumentTypeError(f"expected a number from 0 to 65535, not {text!r}")


def _watch_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--port", type=_port, default=0, metavar="N", help="port of the page (default: any free one)")
    parser.add_argument("--open", action="store_true", help="open it in a browser")


COMMANDS: Mapping[str, Reading] = MappingProxyType(
    {
        "report": Reading(
            "Show the table at the end of a run again, or write a page with charts.",
            NAMES,
            _report,
            _report_flags,
        ),
        "watch": Reading(
            "Serve the page of a study on this machine, and follow the study while it trains.",
            NAMES,
            _watch,
            _watch_flags,
        ),
    }
)
