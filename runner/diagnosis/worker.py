"""The process in which an author's program runs: it reads questions from its input and writes answers to its output.

Every question is answered from the state in which the file was loaded: by a fork of this process where the system has
that, otherwise by loading the file, and what it imports from its own folder, anew. What the program prints goes
nowhere, what it reads is empty. Nothing of the runner is imported here.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import os
import pickle
import random
import signal
import struct
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any, BinaryIO

import numpy as np

FUNCTIONS = ("update", "predict", "train", "initial")


def send(stream: BinaryIO, message: Any) -> None:
    """Write one message."""
    data = pickle.dumps(message)
    stream.write(struct.pack("<q", len(data)) + data)
    stream.flush()


def receive(stream: BinaryIO) -> Any:
    """Read one message; EOFError where there is none any more."""
    head = stream.read(8)
    if len(head) < 8:
        raise EOFError
    (size,) = struct.unpack("<q", head)
    data = stream.read(size)
    if len(data) < size:
        raise EOFError
    return pickle.loads(data)


def plain(value: Any) -> Any:
    """An array of whatever a program calls a weight: a list, an array, a tensor of PyTorch or TensorFlow."""
    if value is None:
        return None
    if hasattr(value, "detach"):
        value = value.detach().cpu()
    array = np.array(value)
    # Objects of the author's own classes are numbers, or they are told.
    return array.astype(float) if array.dtype.kind == "O" else array


def _read(value: Any) -> Any:
    """A value of the file, with arrays of any kind as arrays of numbers: a tensor, a DataFrame, objects in an array."""
    if not hasattr(value, "__array__") or isinstance(value, np.generic):
        return value
    try:
        return plain(value)
    except (TypeError, ValueError):
        return value


def _is_plain(value: Any) -> bool:
    """Whether a value means the same in another process: numbers, texts and arrays, and lists of them."""
    if isinstance(value, list | tuple | set):
        return all(map(_is_plain, value))
    if isinstance(value, dict):
        return all(_is_plain(key) and _is_plain(inner) for key, inner in value.items())
    if isinstance(value, np.ndarray):
        return value.dtype.kind in "fiubU"
    return value is None or type(value) in (bool, int, float, str) or isinstance(value, np.number | np.bool_)


class Form:
    """How a program has its weights: lists, arrays or tensors, as `initial` makes them."""

    def __init__(self, example: Any) -> None:
        first = example[0] if isinstance(example, list | tuple) and len(example) else None
        self._container = tuple if isinstance(example, tuple) else list
        self._lists = isinstance(first, list | tuple | float | int)
        self._tensor = first if hasattr(first, "detach") else None
        self._dtype = getattr(first, "dtype", None) if isinstance(first, np.ndarray) else None

    def __call__(self, parts: Any) -> Any:
        if parts is None:
            return None
        return self._container([self._one(part) for part in parts])

    def _one(self, part: Any) -> Any:
        if self._lists:
            return part.tolist()
        if self._tensor is not None:
            import torch  # type: ignore[import-not-found, unused-ignore]

            made = torch.tensor(part, dtype=self._tensor.dtype)
            return made.requires_grad_() if self._tensor.requires_grad else made
        return np.array(part, self._dtype if self._dtype is not None and self._dtype.kind == "f" else None)


class Loaded:
    """The author's file, and how it has its weights."""

    def __init__(self, path: str) -> None:
        folder = os.path.dirname(path)
        os.chdir(folder or ".")
        for name in [name for name, module in sys.modules.items() if _lies_in(module, folder)]:
            del sys.modules[name]
        if folder not in sys.path:
            sys.path.insert(0, folder)
        spec = importlib.util.spec_from_file_location("author", path)
        assert spec is not None
        assert spec.loader is not None
        self.module = importlib.util.module_from_spec(spec)
        sys.modules["author"] = self.module
        spec.loader.exec_module(self.module)
        self.forms: tuple[Form, Form] | None = None

    def answer(self, question: dict[str, Any]) -> Any:
        """Do what is asked."""
        _seed(question.get("seed", 0))
        return getattr(self, f"_{question['do']}")(question)

    def _given(self, question: dict[str, Any]) -> tuple[Any, Any]:
        if self.forms is None:
            example = self.module.initial(0) if hasattr(self.module, "initial") else ([], [])
            self.forms = Form(example[0]), Form(example[1])
            _seed(question.get("seed", 0))
        weights, biases = question["weights"], question["biases"]
        return self.forms[0](weights), self.forms[1](biases)

    def _update(self, question: dict[str, Any]) -> Any:
        weights, biases = self._given(question)
        states = []
        for x, y in question["calls"]:
            weights, biases = _result(self.module.update(weights, biases, x.copy(), y.copy()), weights, biases)
            states.append(_plain_pair(weights, biases))
            if question.get("reset"):
                weights, biases = self._given(question)
        return states

    def _watch(self, question: dict[str, Any]) -> Any:
        """One update, and every value that a line of the program gives in it; None where these are too many."""
        # Under a name that no module of the author's has, and only for who asks.
        place = os.path.join(os.path.dirname(os.path.abspath(__file__)), "watched.py")
        spec = importlib.util.spec_from_file_location("_runner_watched", place)
        assert spec is not None
        assert spec.loader is not None
        watched = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(watched)
        weights, biases = self._given(question)
        x, y = question["calls"][0]
        watch = watched.Watch(os.path.dirname(self.module.__file__ or ""))
        with watch.watching():
            weights, biases = _result(self.module.update(weights, biases, x.copy(), y.copy()), weights, biases)
        return _plain_pair(weights, biases), watch.values if watch.whole else None

    def _predict(self, question: dict[str, Any]) -> Any:
        weights, biases = self._given(question)
        return plain(self.module.predict(weights, biases, question["x"].copy()))

    def _train(self, question: dict[str, Any]) -> Any:
        states = []
        for updates in question["updates"]:
            _seed(question.get("seed", 0))
            weights, biases = self._given(question)
            given = question["inputs"].copy(), question["targets"].copy()
            weights, biases = _result(self.module.train(weights, biases, *given, updates), weights, biases)
            states.append(_plain_pair(weights, biases))
        return states

    def _initial(self, question: dict[str, Any]) -> Any:
        return [_plain_pair(*self.module.initial(seed)) for seed in question["seeds"]]

    def _facts(self, question: dict[str, Any]) -> Any:
        keys: dict[str, Any] = {}
        unread = {}
        for name, value in vars(self.module).items():
            if not name.startswith("_") and not isinstance(value, ModuleType) and not callable(value):
                value = _read(value)
                if _is_plain(value):
                    keys[name] = value
                else:
                    unread[name] = type(value).__name__
        functions = [name for name, value in vars(self.module).items() if callable(value) and not name.startswith("_")]
        return {"keys": keys, "functions": functions, "unread": unread}


def _result(returned: Any, weights: Any, biases: Any) -> tuple[Any, Any]:
    """New weights and biases: what was returned, or what was changed in place."""
    if returned is None:
        return weights, biases
    pair = isinstance(returned, tuple | list) and len(returned) == 2
    if pair and (isinstance(returned, tuple) or isinstance(returned[0], list | tuple)):
        return returned[0], returned[1]
    return returned, biases


def _plain_pair(weights: Any, biases: Any) -> tuple[Any, Any]:
    new = [plain(part) for part in weights], None if biases is None else [plain(part) for part in biases]
    return new


def _seed(seed: int) -> None:
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - the author's program may draw from it
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(seed)


def _lies_in(module: Any, folder: str) -> bool:
    file = getattr(module, "__file__", None)
    return file is not None and os.path.dirname(os.path.abspath(file)) == folder


def told(error: BaseException, folder: str) -> dict[str, Any]:
    """An exception in the author's code: his file and line, and what it says."""
    where = [f for f in traceback.extract_tb(error.__traceback__) if f.filename != __file__]
    files = [f for f in where if not f.filename.startswith("<")]
    own = [f for f in files if os.path.dirname(os.path.abspath(f.filename)) == folder] or files
    file, line = (own[-1].filename, own[-1].lineno) if own else ("", None)
    if isinstance(error, SyntaxError):
        file, line = error.filename or file, error.lineno
    text = "it ends itself (exit)" if isinstance(error, SystemExit) else f"{type(error).__name__}: {error}"
    if isinstance(error, EOFError):
        text += " (it is given no input to read)"
    if isinstance(error, NameError) and error.name == "get_ipython":
        text += " (a command of a notebook, to be taken out of the program)"
    return {"error": text, "file": file, "line": line}


class _TooLong(BaseException):
    """The time of a question is over; no program catches this by accident."""


@contextlib.contextmanager
def _limited(seconds: float) -> Iterator[None]:
    """Interrupt what takes longer, where the system can."""

    def stop(*_: Any) -> None:
        raise _TooLong

    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return
    signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def guarded(action: Callable[[], Any], folder: str, seconds: float) -> dict[str, Any]:
    """What an action gives, or what went wrong in it."""
    try:
        with _limited(seconds), np.errstate(all="ignore"):
            return {"value": action()}
    except _TooLong as error:
        place = told(error, folder)
        return {**place, "error": f"it was still running after {seconds:g} s", "late": True}
    except BaseException as error:
        return told(error, folder)


def _forked(action: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """The answer of a copy of this process, which then ends."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        with os.fdopen(writing, "wb") as stream:
            try:
                send(stream, action())
            except BaseException as error:
                send(stream, {"error": f"its result can not be read: {error}", "file": "", "line": None})
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as stream:
        try:
            answer = receive(stream)
        except EOFError:
            answer = {"error": "its process ended", "file": "", "line": None}
    os.waitpid(child, 0)
    return dict(answer)


def _with_imports(action: Callable[[], Any], folder: str, seconds: float) -> dict[str, Any]:
    """What an action gives, and which modules from elsewhere it had to import."""
    before = set(sys.modules)
    answer = guarded(action, folder, seconds)
    new = [name for name in list(sys.modules) if name not in before and not _lies_in(sys.modules[name], folder)]
    return {**answer, "imported": new}


def _import_ahead(names: list[str]) -> None:
    """Import what a copy of this process has imported, lest every other copy does it again (PyTorch takes seconds)."""
    for name in names:
        with contextlib.suppress(BaseException):
            importlib.import_module(name)


def serve(path: str, questions: BinaryIO, answers: BinaryIO) -> None:
    """Answer until there are no more questions."""
    folder = os.path.dirname(path)
    limit = receive(questions)
    box: list[Loaded] = []

    def ask(question: dict[str, Any], seconds: float) -> dict[str, Any]:
        if not hasattr(os, "fork"):
            return guarded(lambda: Loaded(path).answer(question), folder, seconds)
        found = _forked(lambda: _with_imports(lambda: box[0].answer(question), folder, seconds))
        _import_ahead(found.pop("imported", []))
        return found

    loaded = guarded(lambda: box.append(Loaded(path)), folder, limit)
    send(answers, loaded if "error" in loaded else guarded(lambda: box[0].answer({"do": "facts"}), folder, limit))
    while True:
        try:
            batch, seconds = receive(questions)
        except EOFError:
            return
        for question in batch:
            send(answers, ask(question, seconds))


def main() -> None:
    """Keep the streams for questions and answers, and give the program others."""
    # Modules beside this file would stand in the way of those that the author imports.
    sys.path.pop(0)
    questions, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    serve(sys.argv[1], questions, answers)


if __name__ == "__main__":
    main()
