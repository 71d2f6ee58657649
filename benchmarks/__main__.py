"""The command line: `python -m benchmarks [WORK ...]`."""

from __future__ import annotations

import argparse
import importlib.util
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.aspects import ASPECTS, NAMED, TWO_CORES
from benchmarks.order import Found, Order, carry_out
from benchmarks.works import ON_ALL_CORES, WORKS

_ALL_ASPECTS = (*ASPECTS, *TWO_CORES, *NAMED)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="The project against other programs: the same work in the same run, in turns.",
    )
    everything = ", ".join(WORKS)
    parser.add_argument("works", nargs="*", metavar="WORK", help=f"work items (default: {everything})")
    parser.add_argument(
        "--aspects",
        nargs="*",
        metavar="NAME",
        help=f"beside training ({', '.join(_ALL_ASPECTS)})",
    )
    parser.add_argument("--peers", nargs="*", default=(), metavar="NAME", help="only these programs (default: all)")
    parser.add_argument(
        "--cores",
        type=int,
        nargs="*",
        default=[1, 2],
        metavar="N",
        help="default: 1 2; 2 for some works only, unless named",
    )
    parser.add_argument("--repeats", type=int, default=5, metavar="N", help="turns (default: 5)")
    parser.add_argument("--runs", type=int, metavar="N", help="networks (default: as many as the work says)")
    parser.add_argument(
        "--seconds", type=float, default=0.15, metavar="S", help="of a program in a turn (default: 0.15)"
    )
    parser.add_argument("--figure", type=Path, metavar="FILE", help="draw a figure too, .svg or .png")
    parser.add_argument("--into", type=Path, metavar="PAGE", help="put the table into a page too, between its markers")
    parser.add_argument("--quick", action="store_true", help="little work, to see that everything runs")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Print one table.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments; default those of the process.
    """
    parser = _parser()
    given = parser.parse_args(argv)
    for known, names, kind in (
        (WORKS, given.works, "work item"),
        (_ALL_ASPECTS, given.aspects, "aspect"),
    ):
        if unknown := [name for name in names or () if name not in known]:
            parser.error(f"unknown {kind} '{unknown[0]}'; there are {', '.join(known)}")
    if given.repeats < 1 or (given.runs is not None and given.runs < 1):
        parser.error("expected at least one repeat and one network")
    # Known only after minutes otherwise.
    if given.figure and not importlib.util.find_spec("matplotlib"):
        parser.error("--figure needs matplotlib, which is not installed")
    found, failed = Found(), False
    for order in _orders(given):
        try:
            carry_out(order, found, lambda text: print(text, file=sys.stderr, flush=True))
        except RuntimeError as error:
            # What was measured before is worth its table.
            failed = True
            found.notes.append(str(error))
    from benchmarks.table import lines, machine

    text = "\n".join(lines(found, given.repeats))
    print(text)
    if given.into:
        from benchmarks.document import replace_table

        replace_table(given.into, text)
    if given.figure:
        from benchmarks.figure import draw

        draw(found.rows, given.figure, machine())
    return int(failed)


def _orders(given: argparse.Namespace) -> list[Order]:
    """One process for each number of cores that there are; aspects where they belong."""
    there = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    works = given.works or ([] if given.aspects else list(WORKS))
    shared_works = works if given.works else [name for name in works if name in ON_ALL_CORES]
    aspects = given.aspects if given.aspects is not None else [] if given.works else [*ASPECTS, *TWO_CORES]
    alone = [name for name in aspects if name in ASPECTS and name != "stream"]
    shared = [name for name in aspects if name not in alone]
    all_cores = [cores for cores in given.cores if cores <= there]
    return [
        Order(
            cores,
            works if cores == min(all_cores) else shared_works,
            [*(alone if cores == min(all_cores) else []), *(shared if cores == max(all_cores) else [])],
            given.repeats,
            given.seconds,
            32 if given.quick and given.runs is None else given.runs,
            ["epochs=5"] if given.quick else [],
            given.peers,
            given.quick,
        )
        for cores in all_cores
    ]


if __name__ == "__main__":
    sys.exit(main())
