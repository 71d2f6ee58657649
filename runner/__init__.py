"""Train every combination of a small network's settings in parallel jitted kernels: one row per run.

Examples
--------
>>> import runner
>>> study = runner.load("configs/xor_sweep.yaml", "replicates=10")  # doctest: +SKIP
>>> runner.plan(study).n_runs  # doctest: +SKIP
3360
>>> results = runner.run(study)  # doctest: +SKIP
>>> results.runs.groupby("learning_rate").converged.mean()  # doctest: +SKIP
>>> print(results.explain())  # doctest: +SKIP
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runner.api.functions import (
    claims,
    compare,
    diagnose,
    explain,
    export,
    page,
    plot,
    read_results,
    replay,
    summarize,
    table,
    zoom,
)
from runner.api.studies import load, plan, schema, study
from runner.api.training import run

if TYPE_CHECKING:
    from runner.analysis.claims.verdicts import Verdicts
    from runner.analysis.compare.comparison import Comparison
    from runner.analysis.explain.explanation import Explanation
    from runner.analysis.summary import Summary
    from runner.api.results import Results
    from runner.diagnosis.result import Diagnosis
    from runner.errors import Problem, Refused, RunnerError, StudyError
    from runner.studies.load import Study
    from runner.studies.plan import Plan
    from runner.training.replay import Replayed

__all__ = [
    "Comparison",
    "Diagnosis",
    "Explanation",
    "Plan",
    "Problem",
    "Refused",
    "Replayed",
    "Results",
    "RunnerError",
    "Study",
    "StudyError",
    "Summary",
    "Verdicts",
    "__version__",
    "claims",
    "compare",
    "diagnose",
    "explain",
    "export",
    "load",
    "page",
    "plan",
    "plot",
    "read_results",
    "replay",
    "run",
    "schema",
    "study",
    "summarize",
    "table",
    "zoom",
]

# Classes whose modules are imported only when somebody asks for them.
_LAZY = {
    "Comparison": "runner.analysis.compare.comparison",
    "Diagnosis": "runner.diagnosis.result",
    "Explanation": "runner.analysis.explain.explanation",
    "Plan": "runner.studies.plan",
    "Problem": "runner.errors",
    "Refused": "runner.errors",
    "Replayed": "runner.training.replay",
    "Results": "runner.api.results",
    "RunnerError": "runner.errors",
    "Study": "runner.studies.load",
    "StudyError": "runner.errors",
    "Summary": "runner.analysis.summary",
    "Verdicts": "runner.analysis.claims.verdicts",
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from runner.machine import VERSION

        return VERSION
    if name in _LAZY:
        from importlib import import_module

        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'runner' has no attribute {name!r}")
