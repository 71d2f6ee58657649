"""The threads that train: as many as were asked for, or as the system lets this process have."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Any


class _NoThreads(Executor):
    """Does every work at once, in the thread that asks for it."""

    def submit(self, work: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
        """The work, done."""
        done: Future[Any] = Future()
        try:
            done.set_result(work(*arguments, **named))
        except Exception as error:
            done.set_exception(error)
        return done


def start_threads(n: int, notify: Callable[[str], None]) -> tuple[Executor, int]:
    """Start threads before they have anything to do, so that one that can not be started takes no work with it.

    Parameters
    ----------
    n : int
        How many are asked for.
    notify : callable
        Is told when there are fewer.

    Returns
    -------
    executor, n
        What does the work, and how many works at a time.
    """
    wanted = n
    while n:
        pool, started, everybody = ThreadPoolExecutor(n, thread_name_prefix="runner"), 0, threading.Event()
        with contextlib.suppress(RuntimeError):  # "can't start new thread"
            while started < n:
                # Each waits for the last one, so that none is idle and takes the work that is to start the next.
                pool.submit(everybody.wait)
                started += 1
        everybody.set()
        if started == n:
            break
        pool.shutdown()
        n = started
    if n < wanted:
        have = f"{n} of {wanted} threads" if n else "no thread besides its own"
        notify(f"this process may have {have} (a limit of processes, ulimit -u?): training goes on with that")
    return (pool, n) if n else (_NoThreads(), 1)
