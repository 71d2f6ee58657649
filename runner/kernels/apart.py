"""A kernel that is compiled in a process of its own, while this one compiles another.

Numba compiles in Python: one function at a time in a process. `train.stretch_for` takes most of the time of a first
start, and can be compiled apart from `train.train_block`, which calls it by its address. The two processes meet in the
disk cache, as two starts do. Whatever goes wrong in the second one, the kernel is not there then, and the first one
compiles it.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import subprocess
import sys
import threading
from importlib import import_module
from typing import Any, BinaryIO

from runner.kernels import cache
from runner.kernels.lanes.kinds import kind_of
from runner.kernels.train import stretch_for


class Apart:
    """A process that compiles `stretch_for`, in a context that ends it.

    Parameters
    ----------
    *arguments
        Of `stretch_for`; only their types matter.
    tables : str
        Python's statements that make the tables which these types name.
    """

    def __init__(self, *arguments: Any, tables: str) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        program = f"{tables}\nfrom {__name__} import main\nmain()"
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
        try:
            # Out of reach of the terminal's Ctrl-C, after which a first start compiles to its end.
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-c", program],
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
            assert self._process.stdin is not None
            from runner.kernels.lanes.lowering.types import types_of

            pickle.dump((kind_of(arguments), types_of(arguments)), self._process.stdin)
            self._process.stdin.flush()
        except (OSError, ValueError):  # training does without
            self.close()

    def __enter__(self) -> Apart:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def wait(self) -> None:
        """Wait until the kernel is in the disk cache, or will not come."""
        if self._process is not None:
            self._process.wait()

    def close(self) -> None:
        """End the process, if it still works."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            assert self._process.stdin is not None
            with contextlib.suppress(OSError):  # it has not read all of its request
                self._process.stdin.close()


def main() -> None:
    """Compile what is asked for on standard input."""
    # Numba is imported while the other process does so too, to tell the types.
    import_module("runner.kernels.lanes.lowering")
    kind, signature = pickle.load(sys.stdin.buffer)
    threading.Thread(target=_end_with, args=(sys.stdin.buffer,), daemon=True).start()
    cache.enable(stretch_for, not_kept=lambda reason: None, not_used=lambda file, reason: None)
    stretch_for.prepare_for(kind, lambda: signature)
    # Nothing is left to be done, and the thread would be waited for.
    os._exit(0)


def _end_with(pipe: BinaryIO) -> None:
    """End this process as soon as the one at the other end of a pipe is gone, in whatever way."""
    pipe.read(1)
    os._exit(1)
