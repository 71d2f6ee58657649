"""The command line: `python -m benchmarks [WORK ...]`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

WORKS = ("xor",)
_ONE_CORE = ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def main(argv: Sequence[str] | None = None) -> int:
    """Print one table.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments; default those of the process.
    """
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="The project against what a user would otherwise write: the same work, one core, in turns.",
    )
    parser.add_argument("works", nargs="*", metavar="WORK", help=f"work items (default: {', '.join(WORKS)})")
    parser.add_argument("--repeats", type=int, default=7, metavar="N", help="turns (default: 7)")
    parser.add_argument("--runs", type=int, default=4096, metavar="N", help="networks (default: 4096)")
    given = parser.parse_args(argv)
    if unknown := [work for work in given.works if work not in WORKS]:
        parser.error(f"unknown work item '{unknown[0]}'; there are {', '.join(WORKS)}")
    # Read when NumPy and Numba are imported, so before the imports below.
    os.environ.update(dict.fromkeys(_ONE_CORE, "1"))
    from benchmarks.table import write_table

    write_table(given.works or WORKS, given.runs, given.repeats, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
