"""The process's standard streams: an output that nobody takes any more ends neither the work nor its verdict."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Iterator
from typing import TextIO


class Output(io.TextIOBase):
    """A stream that takes every text: what its reader does not take goes nowhere, and is remembered.

    Parameters
    ----------
    stream : file
        Where texts go as long as it takes them.

    Attributes
    ----------
    error : OSError or ValueError or None
        Why the stream takes nothing any more.
    """

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self._stream = stream
        self.error: OSError | ValueError | None = None

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """That of the stream."""
        return getattr(self._stream, "encoding", None) or "utf-8"

    def writable(self) -> bool:
        """Always."""
        return True

    def write(self, text: str) -> int:
        """Write; a character that the stream has no code for is written as `\\u2713`."""
        if self.error is None:
            with self._giving_up():
                self._stream.write(text.encode(self.encoding, "backslashreplace").decode(self.encoding))
        return len(text)

    def flush(self) -> None:
        """Send on what is written."""
        if self.error is None:
            with self._giving_up():
                self._stream.flush()

    def isatty(self) -> bool:
        """Whether a person looks on; nobody does once the stream is closed, as libraries ask when Python ends."""
        try:
            return self.error is None and self._stream.isatty()
        except ValueError:
            return False

    def fileno(self) -> int:
        """That of the stream."""
        return self._stream.fileno()

    @property
    def failed(self) -> bool:
        """Whether something could not be written that somebody waits for: a reader who has gone (`| head`) does not."""
        return self.error is not None and not isinstance(self.error, ConnectionError)

    @contextlib.contextmanager
    def _giving_up(self) -> Iterator[None]:
        try:
            yield
        except (OSError, ValueError) as error:
            self.error = error
            # What the stream still holds would fail once more when Python flushes it at its end.
            with contextlib.suppress(OSError, ValueError):
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, self._stream.fileno())
                os.close(nowhere)


@contextlib.contextmanager
def lasting_output() -> Iterator[Output]:
    """Let the block write to both standard streams whatever becomes of them; yields stdout."""
    before = sys.stdout, sys.stderr
    with contextlib.ExitStack() as opened:
        # Python has none of these when the caller has closed them (`>&-`): nothing is shown then.
        out, err = (each or opened.enter_context(open(os.devnull, "w")) for each in before)
        stdout, stderr = Output(out), Output(err)
        sys.stdout, sys.stderr = stdout, stderr
        try:
            yield stdout
        finally:
            stdout.flush()
            stderr.flush()
            sys.stdout, sys.stderr = before


def keep_standard_descriptors() -> None:
    """Give the numbers 0, 1 and 2 to the null device where the caller has closed them, and let writing wait.

    Else the next file that is opened would have one of these numbers, and take what is meant for a terminal. And a
    terminal or a pipe that another program has set to refuse instead of to wait would lose lines.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
    if hasattr(os, "set_blocking"):
        for number in (1, 2):
            with contextlib.suppress(OSError):
                os.set_blocking(number, True)
