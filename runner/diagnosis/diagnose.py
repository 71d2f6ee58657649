"""The whole of it: a file in, a diagnosis out."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from runner.diagnosis.advice import advice
from runner.diagnosis.cost import SEEDS, author_weights, cost, make_trial
from runner.diagnosis.find import Found, find
from runner.diagnosis.findings import findings, order_finding, with_lines
from runner.diagnosis.gaps import unknown
from runner.diagnosis.ignored import ignored_by_train, ignored_by_update, told_unused
from runner.diagnosis.layouts import Network
from runner.diagnosis.notes import alike_units, notes
from runner.diagnosis.order import Order, find_order
from runner.diagnosis.page import FILES, PAGE, page_html
from runner.diagnosis.probes import answering
from runner.diagnosis.program import NAMED, SECONDS, Program, ProgramError
from runner.diagnosis.result import Diagnosis
from runner.diagnosis.settings import nearest
from runner.diagnosis.source import find_lines
from runner.diagnosis.traces import SUFFIXES, Trace, find_in_trace
from runner.diagnosis.training import author_runs, restated, trained
from runner.diagnosis.twin import Twin, batch_size, flat, make_twin, with_order_of
from runner.errors import Problem, RunnerError
from runner.keys.definitions import KEYS
from runner.keys.issues import Invalid
from runner.results.files import io_errors, write_file

# Ways of asking that are tried, when nothing is known of a program's formula, and those of them that are so thoroughly.
LAYOUTS, THOROUGH = 8, 2


def diagnose_program(
    path: Path,
    into: Path | None = None,
    seeds: int | None = None,
    seconds: float = SECONDS,
    tell: Callable[[str], None] = lambda message: None,
) -> Diagnosis:
    """Ask a program, and say what stands in each of its terms, and what that costs.

    Parameters
    ----------
    path : Path
        The author's file, or a trace of weights (`.json`, `.npz`, `.csv`).
    into : Path or None
        Folder of twin.yaml, cost.yaml, diagnosis.json and the page; None to write nothing and to train nothing.
    seeds : int or None
        How many of the author's initial weights the cost is measured with; None for 500, or fewer where these would
        take more than some seconds.
    seconds : float
        Time for each of his calls.
    tell : callable
        Takes what a user who waits should know.

    Raises
    ------
    ProgramError
        When it can not be asked.
    """
    if into is not None:
        clear(into)
    if path.suffix in SUFFIXES:
        trace = Trace(path)
        diagnosis = told(path, find_in_trace(trace, _sizes(trace)), trace.keys)
        if into is not None:
            write_report(diagnosis, into)
        return diagnosis
    with Program(path, seconds) as program:
        diagnosis = _asked(program, into, seeds, tell)
    if into is not None:
        write_report(diagnosis, into)
    return diagnosis


def _asked(program: Program, into: Path | None, seeds: int | None, tell: Callable[[str], None]) -> Diagnosis:
    """What a program that is loaded answers."""
    keys, sizes = dict(program.keys), _sizes(program)
    unused = ignored_by_update(next(answering(program, sizes)))
    # No formula is in what uses neither samples nor weights. That one of x and y has no part may be a known mistake.
    if {"all", "weights and biases"} & {*unused} or {"x", "y"} <= {*unused}:
        says = {"term": "update", "layer": None, "says": told_unused("update", unused)}
        return Diagnosis(program.path, (), (says,), ())
    found = likeliest(program, sizes, keys)
    diagnosis = told(program.path, found, keys)
    if found.process is None and found.deterministic and unused:
        says = {"term": "update", "layer": None, "says": told_unused("update", unused)}
        diagnosis = replace(diagnosis, unknown=(says,))
    if diagnosis.findings:
        diagnosis = replace(diagnosis, findings=tuple(with_lines(diagnosis.findings, find_lines(found))))
    order = find_order(found)
    if order is not None:
        if order.name in ("unknown", "nothing") and (unused := ignored_by_train(found)):
            order = replace(order, says=told_unused("train", unused))
        diagnosis = with_order(diagnosis, order)
    if found.process is not None and not diagnosis.unknown:
        diagnosis = _compared(diagnosis, found, keys, order, into, seeds, tell)
    return diagnosis


def with_order(diagnosis: Diagnosis, order: Order) -> Diagnosis:
    """With what the author's loop does."""
    assert diagnosis.found is not None
    assert diagnosis.found.process is not None
    wrong = order_finding(order, diagnosis.found.process)
    if wrong is not None:
        return replace(diagnosis, findings=(*diagnosis.findings, wrong))
    if order.name == "unknown":
        unknown_order = {"term": "order", "layer": None, "says": order.says}
        return replace(diagnosis, unknown=(*diagnosis.unknown, unknown_order))
    return replace(diagnosis, notes=(*diagnosis.notes, order.says))


def _compared(
    diagnosis: Diagnosis,
    found: Found,
    keys: Mapping[str, Any],
    order: Order | None,
    into: Path | None,
    seeds: int | None,
    tell: Callable[[str], None],
) -> Diagnosis:
    """With the twin held against the program, and what its mistakes cost."""
    assert found.process is not None
    own = author_weights(found, (seeds or SEEDS) if into is not None else 1)
    start = own[0] if own else found.asked.network(np.random.default_rng(0))
    size = batch_size(found, order, keys)
    runs = author_runs(found, start, size)
    if runs is None:
        return diagnosis
    diagnosis = replace(diagnosis, twin=restated(found, start, *runs).as_json())
    if own:
        alike = tuple(alike_units(start, runs[0][-1]))
        diagnosis = replace(diagnosis, advice=alike).noting(*alike)
    of_update = [finding for finding in diagnosis.findings if finding.term != "order"]
    twin = make_twin(found, of_update, size)
    if twin.says:
        return diagnosis.noting(f"there is no twin.yaml: {twin.says}")
    if into is None:
        return diagnosis
    with io_errors(into, "create"):
        into.mkdir(parents=True, exist_ok=True)
    try:
        diagnosis = replace(diagnosis, twin=trained(found, twin, into, start, runs[0], tell).as_json())
    except RunnerError as error:
        return diagnosis.noting(f"the runner can not train the twin: {str(error).splitlines()[0]}")
    if not own:
        return diagnosis.noting("what it costs is not measured, as there is no initial(seed)")
    if len({tuple(flat(network, "trained")) for network in own}) < len(own):
        same = "initial(seed) gives the same weights for several seeds: they are to be drawn from its argument"
        return diagnosis.noting(f"what it costs is not measured, as {same}")
    return _costing(diagnosis, found, with_order_of(twin, order), own, into, keys, seeds)


def _costing(
    diagnosis: Diagnosis,
    found: Found,
    twin: Twin,
    own: Sequence[Network],
    into: Path,
    keys: Mapping[str, Any],
    seeds: int | None,
) -> Diagnosis:
    """With what each mistake costs, and the nearest settings that work."""
    names = [finding.fault or "" for finding in diagnosis.findings][: len(twin.keys.get("faults", ()))]
    if len(names) < len(diagnosis.findings):
        diagnosis = diagnosis.noting("what it costs is told of the update alone: no study has the order of your train")
    try:
        trial = make_trial(found, twin, names, own, into, keys, seeds)
        rates = cost(trial)
        targets = found.asked.program.array("targets")
        other = nearest(trial, rates[-1], (float(targets.min()), float(targets.max())))
    except RunnerError as error:
        return diagnosis.noting(f"what it costs can not be measured: {str(error).splitlines()[0]}")
    if other is not None:
        rates.append(other)
    do = advice(rates, trial)
    criterion = ", ".join(f"{key} at most {value:g}" for key, value in trial.criterion.items())
    return replace(diagnosis, rates=tuple(rates), advice=(*diagnosis.advice, *do), criterion=criterion).noting(*do)


def told(path: Path, found: Found, keys: Mapping[str, Any]) -> Diagnosis:
    """What was found, as findings, unknown terms and notes."""
    shared = found.asked.layout.biases == "single"
    wrong = findings(found.process, keys.get("loss"), found.asked.sizes, shared) if found.process is not None else []
    return Diagnosis(path, tuple(wrong), tuple(unknown(found)), tuple(notes(found, keys, bool(wrong))), found=found)


def likeliest(program: Program, sizes: Sequence[int], keys: Mapping[str, Any]) -> Found:
    """The likeliest formula of all ways in which the program can have its weights."""
    ways = list(islice(answering(program, sizes), LAYOUTS))
    best: Found | None = None
    # Formulas that take long to look for are so in the plainest ways alone.
    usual = [asked for asked in ways if asked.repeats == ways[0].repeats and not asked.own_targets]
    rest = [asked for asked in ways if asked not in usual]
    for thorough, chosen in ((False, usual), (True, ways[:1]), (False, rest), (True, ways[1:THOROUGH])):
        for asked in chosen:
            found = find(asked, dict(keys), thorough)
            if best is None or (found.cost < best.cost and found.deterministic) or found.process is not None:
                best = found
            if best.process is not None or not best.deterministic:
                return best
    assert best is not None
    return best


def _sizes(program: Program | Trace) -> tuple[int, ...]:
    """Units of every layer, as the file says them; they must fit its data."""
    said = program.keys["architecture"]
    text = (
        said
        if isinstance(said, str)
        else "-".join(str(n) for n in said)
        if isinstance(said, list | tuple)
        else str(said)
    )
    try:
        sizes = tuple(int(part) for part in text.split("-"))
        if len(sizes) < 2 or min(sizes) < 1:
            raise ValueError
    except ValueError:
        problem = Problem(f"architecture: expected layer sizes as in '2-4-1', found {said!r}", str(program.path))
        raise ProgramError([problem]) from None
    problems = []
    for name, size in (("inputs", sizes[0]), ("targets", sizes[-1])):
        n = program.array(name).shape[1]
        if n != size:
            problems.append(Problem(f"{name}: {n} columns, but the architecture {text} has {size}", str(program.path)))
    if len(program.array("inputs")) != len(program.array("targets")):
        problems.append(Problem("inputs and targets: not the same number of samples", str(program.path)))
    rate = np.asarray(program.keys["learning_rate"])
    if rate.dtype.kind not in "fiu" or rate.size == 0:
        problems.append(Problem("learning_rate: expected a number", str(program.path)))
    problems += [Problem(message, str(program.path)) for message in _misread(program.keys)]
    if problems:
        raise ProgramError(problems)
    return sizes


def _misread(keys: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with the optional things that the file says of the program."""
    # `samples` may be anything in a program, its data too.
    for name in (*NAMED, "epochs", "updates"):
        try:
            if keys.get(name) is not None:
                KEYS[name].read(keys[name])
        except Invalid as invalid:
            yield from (issue.message for issue in invalid.issues)


def clear(into: Path) -> None:
    """Remove the files of an earlier diagnosis, which may be about another program."""
    for name in (*FILES, PAGE):
        with io_errors(into / name, "remove"):
            (into / name).unlink(missing_ok=True)


def write_report(diagnosis: Diagnosis, into: Path) -> None:
    """diagnosis.json and the page."""
    with io_errors(into, "create"):
        into.mkdir(parents=True, exist_ok=True)
    write_file(into / "diagnosis.json", (json.dumps(diagnosis.as_json(), indent=2) + "\n").encode())
    write_file(into / PAGE, page_html(diagnosis, into).encode())
