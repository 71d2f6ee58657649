"""What goes to a worker and comes back: a study, once for each process, and then ranges of its runs."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from runner.errors import Refused

if TYPE_CHECKING:
    from runner.ops.own import SourceFile
    from runner.studies.cells import DataSets
    from runner.studies.load import Study
    from runner.studies.plan import Plan
    from runner.training.blocks.packing import Turn
    from runner.training.engine import Result


@dataclass(frozen=True)
class Errand:
    """A study as a worker needs it.

    Attributes
    ----------
    token : str
        By which a process knows the plan again that it has made.
    study : Study
        Checked; a worker reads no file of it.
    data_sets : DataSets
        Loaded.
    versions : dict of str to str
        Of what a byte of the results may depend on; a worker with others refuses.
    pieces : dict of str to str
        The user's own pieces in the study, such as `activation wave`, and the hashes of their files.
    files : tuple of SourceFile
        Those files, where the worker may not have them.
    """

    token: str
    study: Study
    data_sets: DataSets
    versions: dict[str, str]
    pieces: dict[str, str]
    files: tuple[SourceFile, ...]


@dataclass(frozen=True)
class Answer:
    """What a task has given.

    Attributes
    ----------
    results : list of Result
    seconds : float
        That it took on the worker, compiling left out.
    """

    results: list[Result]
    seconds: float


def versions() -> dict[str, str]:
    """Of everything that a byte of the results may depend on, in this process."""
    import os
    import platform
    from importlib import metadata

    # The kernels of a process are those that its registries have asked for: the engine imports them all.
    import runner.training.engine  # noqa: F401
    from runner.kernels.cache import fingerprint
    from runner.machine import VERSION
    from runner.measurements import RESULTS_VERSION

    return {
        "runner": VERSION,
        "results": str(RESULTS_VERSION),
        "Python": platform.python_version(),
        "Numba": metadata.version("numba"),
        "llvmlite": metadata.version("llvmlite"),
        "kernels": fingerprint(),
        "NUMBA_DISABLE_JIT": os.environ.get("NUMBA_DISABLE_JIT", "0") or "0",
    }


def refuse_other_versions(here: dict[str, str], there: dict[str, str], where: str) -> None:
    """Refuse a worker that may give other bytes.

    Raises
    ------
    Refused
        With every difference by name.
    """
    differences = [
        f"{name} is {here[name]} here and {there.get(name, 'unknown')} there"
        for name in here
        if here[name] != there.get(name)
    ]
    if differences:
        raise Refused(
            f"{where} may give other numbers than this process: {'; '.join(differences)}; "
            "give all workers the same environment, as by one container or one lock file"
        )


def hand_out(errand: Errand) -> Errand:
    """An errand as the result of a task: unlike data that is sent to one worker, the cluster makes it again when the
    workers that had it have died."""
    return errand


_plans: dict[str, Plan] = {}


def train_task(errand: Errand, turns: list[Turn]) -> Answer:
    """Train some runs of a study, on a worker.

    Parameters
    ----------
    errand : Errand
    turns : list of Turn

    Raises
    ------
    Refused
        When this process may give other bytes than the one that asks.
    """
    from runner.training.engine import train_turns

    plan = plan_of(errand)
    began = time.perf_counter()
    results: list[Any] = list(train_turns(plan, turns, threads=1))
    return Answer(results, time.perf_counter() - began)


def plan_of(errand: Errand) -> Plan:
    """The plan of an errand, on a worker, which makes it once; its kernels are loaded or compiled.

    Raises
    ------
    Refused
        When this process may give other bytes than the one that asks.
    """
    from runner.ops.own import load_installed, load_text
    from runner.studies.plan import Plan
    from runner.training.engine import prepare

    if errand.token not in _plans:
        refuse_other_versions(errand.versions, versions(), own_name())
        load_installed()
        for file in errand.files:
            load_text(file)
        plan = Plan(errand.study, errand.data_sets)
        refuse_other_versions(errand.pieces, plan.own_pieces, own_name())
        prepare(plan)
        _plans.clear()  # one study at a time: an earlier one is done
        _plans[errand.token] = plan
    return _plans[errand.token]


def own_name() -> str:
    """How this worker is called."""
    from distributed import get_worker

    return f"the worker {get_worker().address}"
