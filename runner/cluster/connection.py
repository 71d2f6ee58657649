"""Reaching a Dask cluster: one that runs, by its address or its scheduler file, or one on this machine."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner.errors import Problem, RunnerError, StudyError

if TYPE_CHECKING:
    from distributed import Client

# How many seconds a scheduler has to answer.
_PATIENCE = 30.0


@contextlib.contextmanager
def connected(address: str) -> Iterator[Client]:
    """A client of a cluster.

    Parameters
    ----------
    address : str
        `tcp://host:port` of a scheduler, its scheduler file, or `local` for workers on this machine, one for each core;
        `local:4` for four.

    Raises
    ------
    StudyError
        When it is none of these, or Dask is not installed.
    RunnerError
        When nobody answers there.
    """
    try:
        from distributed import Client, LocalCluster
    except ImportError:
        raise StudyError([Problem("--dask needs the package distributed: pip install 'runner[dask]'")]) from None
    # Its own messages, such as that a worker has gone, are told here in one line.
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    name, _, count = address.partition(":")
    with contextlib.ExitStack() as stack:
        if name == "local":
            if count and not (count.isdigit() and int(count) > 0):
                raise StudyError([Problem(f"--dask: expected local or local:N, found '{address}'")])
            n = int(count) if count else None
            options = {"n_workers": n, "threads_per_worker": 1, "processes": True, "dashboard_address": ":0"}
            yield stack.enter_context(Client(stack.enter_context(LocalCluster(**options))))
            return
        if "://" in address:
            given: dict[str, Any] = {"address": address}
        elif Path(address).is_file():
            given = {"scheduler_file": address}
        else:
            expected = "tcp://HOST:PORT, the path of a scheduler file, local or local:N"
            raise StudyError([Problem(f"--dask: expected {expected}; found '{address}'")])
        try:
            client = stack.enter_context(Client(**given, timeout=_PATIENCE))
        except (OSError, TimeoutError, ValueError) as error:
            raise RunnerError(f"no scheduler answers at {address}: {error}") from None
        yield client
