"""The command line as a process: `python -m runner STUDY.yaml [key=value ...]`."""

# argcomplete looks for this word before it asks for completions: PYTHON_ARGCOMPLETE_OK

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments; default those of the process, which then is taken to have nothing else to do.

    Returns
    -------
    int
        The exit code.
    """
    if "_ARGCOMPLETE" in os.environ:
        from runner.cli.completion import answer

        answer()
    # Imports and plans make hundreds of thousands of objects that stay: to look for garbage among them after every 700
    # takes a tenth of a short start.
    gc.set_threshold(100_000, 20, 20)
    if argv is None:
        sys.unraisablehook = _end_where_interrupted
    try:
        # Here, because Ctrl-C may come while Python reads the modules.
        from runner.cli.main import run
        from runner.cli.output import keep_standard_descriptors

        keep_standard_descriptors()
        return run(sys.argv[1:] if argv is None else argv)
    except KeyboardInterrupt:
        return 130


def _end_where_interrupted(ignored: sys.UnraisableHookArgs) -> None:
    """End the process where Ctrl-C came while Python ran a finalizer: it would go on as if nothing had been asked."""
    if issubclass(ignored.exc_type, KeyboardInterrupt):
        os._exit(130)
    sys.__unraisablehook__(ignored)


if __name__ == "__main__":
    sys.exit(main())
