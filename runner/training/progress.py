"""What is shown while a study trains: a bar on a terminal or in a notebook, now and then a line elsewhere."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator
from typing import Any, TextIO

from runner.terminal import counted, duration, visible

TRAINING = ("training", "trained")
_LINE_SECONDS = 10.0
_NOTEBOOK_SECONDS = 0.3


class Progress:
    """Shows nothing; the base of those that do.

    Parameters
    ----------
    name : str
        Of the study.
    words : two str
        What is done, and what was done, to runs.
    """

    def __init__(self, name: str, words: tuple[str, str] = TRAINING) -> None:
        self.name = name
        self.words = words

    def message(self, text: str) -> None:
        """Tell something that has happened."""

    def start(self, runs: int, updates: int) -> None:
        """Begin: so many runs are to be trained, which take so many changes of weights."""

    def advance(self, runs: int, updates: int) -> None:
        """Some more are done."""

    def stop(self) -> None:
        """End, finished or not."""


class Lines(Progress):
    """Plain lines, at most one in ten seconds while it trains.

    Parameters
    ----------
    name : str
        Of the study.
    stream : file
        Where they go.
    """

    def __init__(self, name: str, stream: TextIO, words: tuple[str, str] = TRAINING) -> None:
        super().__init__(name, words)
        self._stream = stream
        self._began = self._told = 0.0
        self._runs = self._updates = self._all_runs = self._all_updates = 0

    def message(self, text: str) -> None:
        # A closed stderr is no reason to lose a night's training.
        with contextlib.suppress(OSError, ValueError):
            print(visible(f"{self.name}: {text}"), file=self._stream, flush=True)

    def start(self, runs: int, updates: int) -> None:
        self._all_runs, self._all_updates = runs, updates
        self._began = self._told = time.monotonic()
        self.message(f"{self.words[0]} {counted(runs, 'run')}")

    def advance(self, runs: int, updates: int) -> None:
        self._runs += runs
        self._updates += updates
        now = time.monotonic()
        if now - self._told >= _LINE_SECONDS:
            self._told = now
            elapsed = now - self._began
            left = elapsed * max(self._all_updates - self._updates, 0) / max(self._updates, 1)
            rate = self._runs / elapsed
            self.message(
                f"{self._runs:,} of {self._all_runs:,} runs, {rate:,.{0 if rate >= 10 else 2}f} runs/s, "
                f"{duration(left)} left"
            )

    def stop(self) -> None:
        if self._began and self._runs:
            self.message(f"{self.words[1]} {counted(self._runs, 'run')} in {duration(time.monotonic() - self._began)}")
            self._began = 0.0


class Bar(Progress):
    """A bar on a terminal; its length is the share of weight changes made, for runs differ in what they cost.

    Parameters
    ----------
    name : str
        Of the study.
    stream : file
        The terminal.
    """

    def __init__(self, name: str, stream: TextIO) -> None:
        from rich.console import Console

        super().__init__(name)
        self._console = Console(file=stream)
        self._bar: Any = None
        self._task: Any = None
        self._runs = 0
        self._began = 0.0

    def message(self, text: str) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._console.print(visible(f"{self.name}: {text}"), markup=False, highlight=False)

    def start(self, runs: int, updates: int) -> None:
        from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as RichProgress

        self._bar = RichProgress(
            TextColumn(self.name, markup=False),
            BarColumn(bar_width=None),
            TaskProgressColumn(),
            TextColumn("{task.fields[runs]:,}/{task.fields[all_runs]:,} runs, {task.fields[rate]}"),
            TimeRemainingColumn(compact=True),
            TextColumn("left"),
            console=self._console,
            transient=True,
            expand=True,
        )
        self._task = self._bar.add_task(self.name, total=max(updates, 1), runs=0, all_runs=runs, rate="starting")
        self._began = time.monotonic()
        try:
            self._bar.start()
        except RuntimeError:  # a thread draws the bar, and this process can not have another one
            self._bar = None

    def advance(self, runs: int, updates: int) -> None:
        self._runs += runs
        if self._bar is None:
            return
        rate = self._runs / max(time.monotonic() - self._began, 1e-9)
        text = f"{rate:,.{0 if rate >= 10 else 2}f} runs/s"
        with contextlib.suppress(OSError, ValueError):
            self._bar.update(self._task, advance=updates, runs=self._runs, rate=text)

    def stop(self) -> None:
        if self._bar is not None:
            with contextlib.suppress(OSError, ValueError):
                self._bar.stop()


class Notebook(Progress):
    """A bar in a notebook, of which a cell keeps only the last state.

    Parameters
    ----------
    name : str
        Of the study.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._shown: Any = None
        self._messages: list[str] = []
        self._runs = self._updates = self._all_runs = self._all_updates = 0
        self._began = self._told = 0.0

    def message(self, text: str) -> None:
        self._messages.append(text)
        self._show()

    def start(self, runs: int, updates: int) -> None:
        self._all_runs, self._all_updates = runs, max(updates, 1)
        self._began = time.monotonic()
        self._show()

    def advance(self, runs: int, updates: int) -> None:
        self._runs += runs
        self._updates += updates
        if time.monotonic() - self._told >= _NOTEBOOK_SECONDS:
            self._show()

    def stop(self) -> None:
        if self._began:
            self._show()
            self._began = 0.0

    def _show(self) -> None:
        from html import escape

        from IPython.display import HTML, display

        self._told = now = time.monotonic()
        lines = [f"{self.name}: {text}" for text in self._messages]
        html = "<br>".join(escape(visible(line)) for line in lines)
        if self._began:
            runs = f"{self.name}: {self._runs:,} of {counted(self._all_runs, 'run')}"
            told = escape(visible(f"{runs}, {duration(now - self._began)}"))
            html += f'<div>{told} <progress value="{self._updates}" max="{self._all_updates}"></progress></div>'
        if self._shown is None:
            self._shown = display(HTML(html), display_id=True)
        else:
            self._shown.update(HTML(html))


def _in_notebook() -> bool:
    """Whether a kernel of Jupyter runs this; IPython is imported then already."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return type(shell).__name__ == "ZMQInteractiveShell"


@contextlib.contextmanager
def showing(name: str, quiet: bool, words: tuple[str, str] = TRAINING) -> Iterator[Progress]:
    """The way of showing progress that suits stderr."""
    stream = sys.stderr
    if quiet:
        progress = Progress(name)
    elif _in_notebook():
        progress = Notebook(name)
    else:
        progress = Bar(name, stream) if stream.isatty() else Lines(name, stream, words)
    try:
        yield progress
    finally:
        progress.stop()
