"""Train every combination of a small network's settings in parallel jitted kernels: one row per run.

Examples
--------
>>> import runner
>>> study = runner.load("configs/xor_sweep.yaml", "replicates=10")  # doctest: +SKIP
>>> runner.plan(study).n_runs  # doctest: +SKIP
3360
>>> table = runner.run(study)  # doctest: +SKIP
>>> runs = runner.read_results(table)  # doctest: +SKIP
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runner.api import diagnose, explain, export, load, plan, plot, read_results, replay, run, schema, table

if TYPE_CHECKING:
    from runner.analysis.explain.explanation import Explanation
    from runner.diagnosis.result import Diagnosis
    from runner.errors import Problem, Refused, RunnerError, StudyError
    from runner.study.load import Study
    from runner.study.plan import Plan
    from runner.training.replay import Replayed

__all__ = [
    "Diagnosis",
    "Explanation",
    "Plan",
    "Problem",
    "Refused",
    "Replayed",
    "RunnerError",
    "Study",
    "StudyError",
    "__version__",
    "diagnose",
    "explain",
    "export",
    "load",
    "plan",
    "plot",
    "read_results",
    "replay",
    "run",
    "schema",
    "table",
]

# Classes whose modules are imported only when somebody asks for them.
_LAZY = {
    "Diagnosis": "runner.diagnosis.result",
    "Explanation": "runner.analysis.explain.explanation",
    "Plan": "runner.study.plan",
    "Problem": "runner.errors",
    "Refused": "runner.errors",
    "Replayed": "runner.training.replay",
    "RunnerError": "runner.errors",
    "Study": "runner.study.load",
    "StudyError": "runner.errors",
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from runner.machine import version

        return version()
    if name in _LAZY:
        from importlib import import_module

        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'runner' has no attribute {name!r}")
