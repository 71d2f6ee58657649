"""An author's program, asked from outside: it runs in a process of its own, with a time limit."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from runner.diagnosis import worker
from runner.diagnosis.functions import Floats
from runner.errors import Problem, StudyError, nearest

# Of one question, and of loading the file; beyond the second number the process is killed, whatever it does.
SECONDS = 20.0
GRACE = 10.0
REQUIRED = ("architecture", "learning_rate", "inputs", "targets")
NAMED = ("loss", "activation", "output")
"""What the file may say by a name; an array or a list of that name is something else."""
Answer = dict[str, Any]


def _said(values: Mapping[str, Any]) -> dict[str, Any]:
    """Global values of the file, without those that have the name of a key and stand for something else."""
    return {name: value for name, value in values.items() if name not in NAMED or isinstance(value, str)}


class ProgramError(StudyError):
    """The author's program can not be asked: his line and his message."""


class Program:
    """The author's file, loaded in a process of its own.

    Parameters
    ----------
    path : Path
        The file that says `architecture`, `learning_rate`, `inputs`, `targets` and `update`.
    seconds : float
        Time for loading it, and for every question.

    Attributes
    ----------
    keys : mapping
        What the file says: all its global values.
    functions : tuple of str
        Those of `update`, `predict`, `train` and `initial` that it has.

    Raises
    ------
    ProgramError
        When it can not be loaded or says too little.
    """

    def __init__(self, path: Path, seconds: float = SECONDS) -> None:
        self.path = path
        self._seconds = seconds
        if not path.is_file():
            raise ProgramError([Problem("there is no such file", str(path))])
        self._process = subprocess.Popen(
            [sys.executable, worker.__file__, str(path.resolve())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"},
        )
        try:
            self._send(seconds)
            facts = self._receive(3 * seconds)
            self.keys: Mapping[str, Any] = {} if "error" in facts else _said(facts["value"]["keys"])
            self.functions: tuple[str, ...] = () if "error" in facts else tuple(facts["value"]["functions"])
            self._check(facts)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Program:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """End its process, and the copies of it that are answering."""
        self._kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None and not stream.closed:
                with contextlib.suppress(OSError):
                    stream.close()

    def ask(self, questions: Sequence[Answer]) -> list[Answer]:
        """Answers to several questions, each from the state in which the file was loaded.

        Returns
        -------
        list of dict
            With `value`; or with `error`, `file` and `line`, where the author's code failed.
        """
        self._send((list(questions), self._seconds))
        return [self._receive(self._seconds + GRACE) for _ in questions]

    def demand(self, questions: Sequence[Answer]) -> list[Any]:
        """Answers that must be given.

        Raises
        ------
        ProgramError
            With the author's line and message.
        """
        answers = self.ask(questions)
        for answer in answers:
            if "error" in answer:
                raise ProgramError([self.problem(answer)])
        return [answer["value"] for answer in answers]

    def problem(self, answer: Answer) -> Problem:
        """What went wrong in the author's code."""
        file = answer["file"] or str(self.path)
        return Problem(str(answer["error"]), os.path.relpath(file) if answer["file"] else file, answer["line"])

    def array(self, name: str) -> Floats:
        """A two-dimensional array that the file must say.

        Raises
        ------
        ProgramError
            When it is no array of numbers.
        """
        try:
            value = np.asarray(self.keys[name], float)
            return value.reshape(len(value), -1)
        except (TypeError, ValueError) as error:
            raise ProgramError(
                [Problem(f"{name}: expected an array of numbers, one row a sample", str(self.path))]
            ) from error

    def _check(self, facts: Answer) -> None:
        if "error" in facts:
            raise ProgramError([self.problem(facts)])
        known = [*REQUIRED, *worker.FUNCTIONS]
        missing = [name for name in REQUIRED if name not in self.keys]
        if "update" not in self.functions:
            missing.append("update(weights, biases, x, y)")
        said = [*self.keys, *self.functions]
        if missing:
            others = [name for name in said if name not in known]
            problems = []
            for name in missing:
                if name in facts["value"]["unread"]:
                    problems.append(f"{name}: expected numbers, found {facts['value']['unread'][name]}")
                else:
                    problems.append(f"{name} is missing{nearest(name.split('(')[0], others)}")
            if "update" not in self.functions:
                problems.append("what a file for diagnose says: python -m runner docs diagnose")
            raise ProgramError([Problem(problem, str(self.path)) for problem in problems])

    def _kill(self) -> None:
        """Copies are in the session of their process: an endless loop in one of them ends with it."""
        if self._process.poll() is None and hasattr(os, "killpg"):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.kill()

    def _send(self, message: Any) -> None:
        assert self._process.stdin is not None
        try:
            worker.send(self._process.stdin, message)  # type: ignore[arg-type]
        except OSError as error:
            raise ProgramError([Problem("its process ended", str(self.path))]) from error

    def _receive(self, seconds: float) -> Answer:
        """The next answer; a process that gives none in time is killed."""
        assert self._process.stdout is not None
        timer = threading.Timer(seconds, self._kill)
        timer.start()
        try:
            return dict(worker.receive(self._process.stdout))  # type: ignore[arg-type]
        except EOFError as error:
            late = f"it was still running after {self._seconds:g} s, or its process ended"
            raise ProgramError([Problem(late, str(self.path))]) from error
        finally:
            timer.cancel()
