"""A process that has loaded the kernels and forks runners, so that hundreds of real ones can be started and killed.

Its standard input has one JSON list of command line arguments a line. For each it answers `PID` when the runner is born
and `PID CODE` when it has died; what runners print goes to a file. A number of bytes in place of the first argument is
a limit of the runner's memory beyond what it has when it is born.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import threading
from pathlib import Path

# Threads of libraries do not live on in a fork.
os.environ["OPENBLAS_NUM_THREADS"] = "1"
SIGNALS = {signal.SIGINT, signal.SIGTERM}


def main() -> None:
    """Fork a runner for every line."""
    log, block_work, *warm = sys.argv[1:]
    # All that a runner imports while it works, so that it is imported once.
    import pandas  # noqa: F401
    import rich.progress
    import rich.table  # noqa: F401

    import runner.cli.main
    import runner.training.session  # noqa: F401
    from runner import __main__
    from runner.analysis import summary  # noqa: F401
    from runner.studies.load import load_study
    from runner.studies.plan import make_plan
    from runner.training import engine
    from runner.training.blocks import packing

    packing._BLOCK_WORK = float(block_work)
    packing._FIRST_STAGE = float(block_work) / 1000
    for study in warm:
        engine.prepare(make_plan(load_study(study)))
    answer(" ".join(["ready", *map(str, warm)]))
    for line in sys.stdin:
        arguments = json.loads(line)
        # Before it has a main program of its own, a runner would die of a signal in the nursery's name.
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        born = os.fork()
        if born:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
            answer(str(born))
            threading.Thread(target=wait, args=(born,)).start()
            continue
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(output, 1)
        os.dup2(output, 2)
        if isinstance(arguments[0], int):
            used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
            resource.setrlimit(resource.RLIMIT_AS, (used + arguments.pop(0),) * 2)
        try:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
            sys.argv[1:] = arguments
            code = __main__.main()
        except KeyboardInterrupt:  # in the one instruction between
            code = 130
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def wait(pid: int) -> None:
    """Tell when a runner has died."""
    _, status = os.waitpid(pid, 0)
    answer(f"{pid} {os.waitstatus_to_exitcode(status)}")


def answer(text: str) -> None:
    """One line, whole, whichever thread writes it."""
    os.write(1, f"{text}\n".encode())


if __name__ == "__main__":
    main()
