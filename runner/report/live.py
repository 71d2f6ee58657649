"""A page that follows its study: served on this machine only, read-only, and made anew from the rows that are there.

How often it is made depends on what that costs: training loses less than a fiftieth of one core. Nobody who looks, no
work at all.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any

from runner.errors import RunnerError
from runner.results.curves import CURVES
from runner.results.files import MANIFEST, PARTS, TABLE, table_path
from runner.results.lock import is_held
from runner.results.provenance import ENVIRONMENT, STUDY

ADDRESS = "127.0.0.1"
_SECONDS, _TIMES = 2.0, 50.0  # between two pages: at least so long, and so many times what the last one has cost
_LINGER = 5.0  # how long a browser that looks is waited for at the end
_WAITING = b"""<!doctype html><html lang="en"><meta charset="utf-8"><meta http-equiv="refresh" content="2">
<meta name="color-scheme" content="light dark"><title>no rows yet</title>
<body style="font: 16px system-ui, sans-serif; margin: 3rem auto; max-width: 40rem">
<p>There are no rows yet. This page looks again every two seconds.</p></body></html>"""


@dataclass(frozen=True)
class Snapshot:
    """The page at some moment.

    Attributes
    ----------
    tag : str
        Another one for other numbers.
    numbers : bytes
        JSON of its data and of its parts that are text.
    page : callable
        Makes the HTML.
    """

    tag: str
    numbers: bytes
    page: Callable[[], bytes]


class Live:
    """The newest page of a table.

    Parameters
    ----------
    table : Path
        `runs.csv` of a study; it may grow, be replaced, or have no rows yet.
    clock, cpu : callable
        Seconds that pass, and seconds of work of this thread.
    """

    def __init__(
        self,
        table: Path,
        clock: Callable[[], float] = time.monotonic,
        cpu: Callable[[], float] = time.thread_time,
    ) -> None:
        self.table = table
        self._clock, self._cpu = clock, cpu
        self._lock = threading.Lock()
        self._state: tuple[Any, ...] = ()
        self._snapshot: Snapshot | None = None
        self._next = -float("inf")

    def snapshot(self) -> Snapshot | None:
        """The page of the rows that are there, or an earlier one if it is too soon; None where there are no rows."""
        with self._lock:
            if self._clock() >= self._next and (state := self._look()) != self._state:
                # Imported once, which says nothing of what the next page will cost.
                from runner.report import content, render  # noqa: F401

                began = self._cpu()
                # No rows yet, or the table is being replaced: the earlier page stands.
                with contextlib.suppress(RunnerError):
                    self._snapshot = self._make()
                    self._state = state
                cost = self._cpu() - began
                self._next = self._clock() + max(_SECONDS, _TIMES * cost)
            return self._snapshot

    def hurry(self) -> None:
        """Training has ended, and nothing is slowed down any more: the next page is made when it is asked for."""
        with self._lock:
            self._next = -float("inf")

    def _look(self) -> tuple[Any, ...]:
        """What changes when there is something new."""
        found: list[Any] = []
        for name in (TABLE, MANIFEST, CURVES, STUDY, ENVIRONMENT):
            try:
                facts = (self.table.parent / name).stat()
                found.append((facts.st_size, facts.st_mtime_ns, facts.st_ino))
            except OSError:
                found.append(None)
        return tuple(found)

    def _make(self) -> Snapshot:
        from runner.report.content import content_of
        from runner.report.render import html, parts

        # Rows may have moved into parts since.
        if self.table.name in (TABLE, PARTS):
            self.table = table_path(self.table.parent)
        content = content_of(self.table)
        numbers = json.dumps({"data": content.data, "parts": parts(content)}, separators=(",", ":"), allow_nan=False)
        # A field of a table may be no text of Unicode.
        data = numbers.encode(errors="backslashreplace")
        return Snapshot(f'"{hashlib.sha256(data).hexdigest()[:32]}"', data, lambda: html(content, live=True))


class _Handler(BaseHTTPRequestHandler):
    server: Server
    timeout = 30
    server_version, sys_version = "runner", ""

    def do_GET(self) -> None:
        if self._is_meant():
            {"/": self._page, "/data.json": self._numbers}.get(self.path.split("?")[0], self._nothing)()

    do_HEAD = do_GET  # noqa: N815

    def _refuse(self) -> None:
        if self._is_meant():
            self._answer(HTTPStatus.METHOD_NOT_ALLOWED, b"this page can only be read\n", Allow="GET, HEAD")

    do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _refuse  # noqa: N815

    def _is_meant(self) -> bool:
        """Whether the browser asks for this address: a name that another site has bent here is none of it."""
        port = self.server.server_port
        meant = self.headers.get_all("Host") in [[f"{name}:{port}"] for name in (ADDRESS, "localhost")]
        if not meant:
            self._answer(HTTPStatus.FORBIDDEN, f"open http://{ADDRESS}:{port}\n".encode())
        return meant

    def _page(self) -> None:
        snapshot = self.server.live.snapshot()
        self._answer(HTTPStatus.OK, _WAITING if snapshot is None else snapshot.page(), "text/html; charset=utf-8")

    def _numbers(self) -> None:
        # Before the page is made: who has asked then is waited for.
        self.server.asked()
        snapshot = self.server.live.snapshot()
        if snapshot is None:
            self._answer(HTTPStatus.NOT_FOUND, b"no rows yet\n")
            return
        training = {"X-Training": "yes" if is_held(self.server.live.table.parent) else "no"}
        if self.headers.get("If-None-Match") == snapshot.tag:
            self._answer(HTTPStatus.NOT_MODIFIED, b"", "application/json", ETag=snapshot.tag, **training)
        else:
            self._answer(HTTPStatus.OK, snapshot.numbers, "application/json", ETag=snapshot.tag, **training)
        self.server.answered()

    def _nothing(self) -> None:
        self._answer(HTTPStatus.NOT_FOUND, b"there is / and /data.json\n")

    def _answer(self, status: HTTPStatus, body: bytes, kind: str = "text/plain", **headers: str) -> None:
        self.send_response(status)
        headers = {
            "Content-Type": kind,
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
            "Cross-Origin-Resource-Policy": "same-origin",
            "X-Frame-Options": "DENY",
            **headers,
        }
        if status != HTTPStatus.NOT_MODIFIED:
            headers["Content-Length"] = str(len(body))
        for name, text in headers.items():
            self.send_header(name, text)
        self.end_headers()
        if self.command != "HEAD" and status != HTTPStatus.NOT_MODIFIED:
            self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Nothing: what a terminal shows belongs to the study."""


class Server(ThreadingHTTPServer):
    """Serves one page at 127.0.0.1.

    Parameters
    ----------
    live : Live
    port : int
        0 for any that is free.

    Raises
    ------
    RunnerError
        When the port cannot be had.
    """

    daemon_threads = True

    def __init__(self, live: Live, port: int = 0) -> None:
        self.live = live
        self._asked = self._answered = -float("inf")
        try:
            super().__init__((ADDRESS, port), _Handler)
        except OSError as error:
            reason = error.strerror or error
            raise RunnerError(f"cannot serve at port {port}: {reason}; without --port any free one is taken") from None
        self._thread = threading.Thread(target=self.serve_forever, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://{ADDRESS}:{self.server_port}"

    def asked(self) -> None:
        """A browser looks."""
        self._asked = time.monotonic()

    def answered(self) -> None:
        """It has got what it asked for."""
        self._answered = self._asked

    def finish(self) -> None:
        """Give a browser that looks the last state, and end."""
        began = time.monotonic()
        self.live.hurry()
        if self._asked > began - _LINGER:
            while self._answered < began and time.monotonic() < began + _LINGER:
                time.sleep(0.05)
        self.shutdown()
        self.server_close()

    def handle_error(self, *_: Any) -> None:
        """A browser that has gone away is no news."""


class Watcher:
    """A process of low priority that serves the page of a study until the block ends, and a little longer.

    Parameters
    ----------
    table : Path
        `runs.csv` of a study; it need not exist yet.
    tell : callable
        Takes the address of the page.
    """

    def __init__(self, table: Path, tell: Callable[[str], None]) -> None:
        # In a session of its own: Ctrl-C is for the training, whose end ends this process as well.
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__, str(table)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        assert self._process.stdout is not None
        url = self._process.stdout.readline().decode().strip()
        self._process.stdout.close()
        tell(url or "the page cannot be served; training goes on without it")

    def __enter__(self) -> Watcher:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()


def lower_priority() -> None:
    """Leave the processor to the training."""
    os.nice(19)


def _serve_until_told(table: Path) -> None:
    """What the process of a Watcher does: the end of its input, however its parent dies, is its own."""
    lower_priority()
    server = Server(Live(table))
    print(server.url, flush=True)
    sys.stdin.buffer.read()
    server.finish()


if __name__ == "__main__":
    _serve_until_told(Path(sys.argv[1]))
