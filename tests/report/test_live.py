"""The live page: it follows a table that grows, for this machine only, without a way to change anything."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from report.conftest import Open
from support.made_table import made

from runner.errors import RunnerError
from runner.report.live import Live, Server, Watcher
from runner.results.lock import LOCK, Lock, is_held

HEADERS = {"Content-Type", "Cache-Control", "X-Content-Type-Options", "Cross-Origin-Resource-Policy"}


class Clock:
    """A clock, and the work of a thread, as a test says."""

    def __init__(self) -> None:
        self.now = self.worked = 0.0

    def tell(self) -> float:
        return self.now


@pytest.fixture
def table(tmp_path: Path) -> Path:
    made(tmp_path)
    return tmp_path / "made" / "runs.csv"


@pytest.fixture
def server(table: Path) -> Iterator[Server]:
    serving = Server(Live(table))
    yield serving
    serving.shutdown()
    serving.server_close()


def ask(
    server: Server, path: str = "/data.json", method: str = "GET", host: str | None = None, **headers: str
) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=60)
    connection.putrequest(method, path, skip_host=host is not None)
    if host:
        connection.putheader("Host", host)
    for name, text in headers.items():
        connection.putheader(name.replace("_", "-"), text)
    connection.endheaders()
    answer = connection.getresponse()
    found = answer.status, dict(answer.getheaders()), answer.read()
    connection.close()
    return found


def rows_of(answer: bytes) -> int:
    return json.loads(answer)["data"]["runs"]


def test_the_page_and_its_numbers(server: Server, table: Path) -> None:
    status, headers, body = ask(server, "/")
    assert status == 200
    assert b'data-live="yes"' in body
    assert b"connect-src &#39;self&#39;" in body
    assert headers.keys() >= HEADERS
    assert headers["Cache-Control"] == "no-store"
    status, headers, body = ask(server)
    assert status == 200
    assert rows_of(body) == len(table.read_text().splitlines()) - 1
    assert set(json.loads(body)["parts"]) == {"about", "answer", "outcomes", "claims", "cells", "study"}
    tag = headers["ETag"]
    assert ask(server, If_None_Match=tag)[::2] == (304, b"")
    status, headers, body = ask(server, method="HEAD")
    assert (status, body) == (200, b"")
    assert int(headers["Content-Length"]) > 1000
    assert ask(server, "/runs.csv")[0] == 404
    assert ask(server, "/../made/runs.csv")[0] == 404


def test_only_this_machine_is_served(server: Server) -> None:
    assert server.server_address[0] == "127.0.0.1"
    port = server.server_port
    for host in (f"127.0.0.1:{port}", f"localhost:{port}"):
        assert ask(server, host=host)[0] == 200
    for host in (f"evil.example:{port}", "127.0.0.1", f"127.0.0.1:{port + 1}", f"127.0.0.1.evil.example:{port}"):
        status, _, body = ask(server, host=host)
        assert status == 403
        assert b"runs" not in body
    # A request without the name of a host, as HTTP/1.0 allows.
    with socket.create_connection(("127.0.0.1", port), timeout=30) as raw:
        raw.sendall(b"GET / HTTP/1.0\r\n\r\n")
        assert raw.recv(100).startswith(b"HTTP/1.0 403")


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_nothing_can_be_changed(server: Server, table: Path, method: str) -> None:
    before = {path.name: path.read_bytes() for path in table.parent.iterdir()}
    status, headers, _ = ask(server, "/", method)
    assert (status, headers["Allow"]) == (405, "GET, HEAD")
    assert ask(server, "/", method, host="evil.example")[0] == 403
    assert {path.name: path.read_bytes() for path in table.parent.iterdir()} == before


def test_the_page_grows_with_the_table_and_a_torn_row_is_not_in_it(table: Path) -> None:
    lines = table.read_text().splitlines(keepends=True)
    clock = Clock()
    live = Live(table, clock.tell, lambda: clock.worked)
    table.write_text("".join(lines[:101]) + lines[101][:40])
    first = live.snapshot()
    assert first is not None
    assert rows_of(first.numbers) == 100
    table.write_text("".join(lines[:201]))
    # It is too soon for another one.
    assert live.snapshot() is first
    clock.now += 2
    second = live.snapshot()
    assert second is not None
    assert rows_of(second.numbers) == 200
    assert second.tag != first.tag
    # A table that is gone for a moment, or has no rows, leaves the page as it is.
    table.write_text(lines[0])
    clock.now += 2
    assert live.snapshot() is second


def test_a_page_costs_less_than_a_fiftieth(table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However long a page takes, the time until the next one is fifty times as long."""
    clock = Clock()
    live = Live(table, clock.tell, lambda: clock.worked)
    made_at: list[float] = []
    make = Live._make

    def slowly(self: Live) -> object:
        made_at.append(clock.now)
        clock.worked += 0.5
        clock.now += 1.5  # others have the processor meanwhile
        return make(self)

    monkeypatch.setattr(Live, "_make", slowly)
    for _ in range(400):
        table.touch()
        live.snapshot()
        clock.now += 0.5
    assert len(made_at) > 5
    assert clock.worked / clock.now <= 0.02 + 0.5 / clock.now
    # Nobody looks, or nothing is new: no work.
    clock.now += 1000
    live.snapshot()
    n = len(made_at)
    clock.now += 1000
    live.snapshot()
    assert len(made_at) == n


def test_before_the_first_row_the_page_waits(tmp_path: Path) -> None:
    server = Server(Live(tmp_path / "nothing" / "runs.csv"))
    status, _, body = ask(server, "/")
    assert status == 200
    assert b"There are no rows yet" in body
    assert b'http-equiv="refresh"' in body
    assert ask(server)[0] == 404
    server.finish()


def test_a_port_that_is_taken_is_told(server: Server, table: Path) -> None:
    with pytest.raises(RunnerError, match=f"cannot serve at port {server.server_port}: .*in use"):
        Server(Live(table), server.server_port)


def test_whether_training_goes_on_is_told(server: Server, table: Path) -> None:
    assert ask(server)[1]["X-Training"] == "no"
    with Lock(table.parent):
        assert is_held(table.parent)
        assert ask(server)[1]["X-Training"] == "yes"
    # What a killed runner has left.
    done = subprocess.Popen([sys.executable, "-c", ""])
    done.wait()
    (table.parent / LOCK).write_text(json.dumps({"pid": done.pid, "host": socket.gethostname(), "since": ""}))
    assert not is_held(table.parent)
    (table.parent / LOCK).write_text("{")
    assert not is_held(table.parent)


def test_a_browser_follows(table: Path, opened: Open) -> None:
    text = table.read_text()
    lines = text.splitlines(keepends=True)
    table.write_text("".join(lines[:301]))
    environment = table.parent / "environment.json"
    environment.write_text(json.dumps(json.loads(environment.read_text()) | {"runs": len(lines) - 1}))
    server = Server(Live(table))
    with opened(server.url) as page:
        assert page.locator(".meta strong").inner_text() == f"300 of {len(lines) - 1:,} runs"
        assert page.locator("progress").get_attribute("value") == "300"
        page.select_option("#rates-by", label="epochs")
        page.fill("#filter", "2-4-1")
        table.write_text(text)
        server.live.hurry()
        page.locator(".meta strong", has_text=f"{len(lines) - 1:,} runs").and_(
            page.locator("strong:not(:has-text('of'))")
        ).wait_for(timeout=30_000)
        # What the reader has chosen stays.
        assert page.locator("#rates-by").evaluate("each => each.selectedOptions[0].textContent") == "epochs"
        shown = page.locator(".cells tbody tr:visible")
        assert {text.split()[0] for text in shown.all_inner_texts()} == {"2-4-1"}
        assert page.locator("progress").count() == 0
    server.finish()


def test_the_process_beside_a_training_ends_with_it(table: Path) -> None:
    told: list[str] = []
    with Watcher(table, told.append) as watcher:
        port = int(told[0].removeprefix("http://127.0.0.1:"))
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        connection.request("HEAD", "/")
        assert connection.getresponse().status == 200
        connection.close()
        assert os.getpriority(os.PRIO_PROCESS, watcher._process.pid) == 19
    assert watcher._process.wait(timeout=20) == 0


def test_watch_ends_with_ctrl_c(table: Path) -> None:
    # It would leave the processor to all others, of which other tests make many.
    program = "import os, sys; os.nice = lambda by: 0; from runner.__main__ import main; sys.exit(main())"
    command = [sys.executable, "-c", program, "watch", str(table), "--json"]

    def heed() -> None:
        # A shell that starts the tests in the background has them ignore the signal, and what they start as well.
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=heed)
    assert process.stdout is not None
    content = json.loads(process.stdout.readline())
    assert content["name"] == "made"
    assert content["url"].startswith("http://127.0.0.1:")
    time.sleep(0.2)
    process.send_signal(2)
    assert process.wait(timeout=60) == 0
    assert process.communicate() == ("", "")
