"""Functions that make a study, from a file or from what Python gives, and say what it asks for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner.api.arguments import count_of, path_of, register_pieces, study_of, unfit
from runner.machine import MAX_RUNS

if TYPE_CHECKING:
    from runner.studies.load import Study
    from runner.studies.plan import Plan


def study(**keys: Any) -> Study:
    """Make a study from the keys of its runs, and from what is swept.

    Parameters
    ----------
    **keys
        The keys of a study file, as `docs/reference.md` lists them: ``data``, ``architecture``, ``learning_rate`` and a
        budget (``epochs``, ``updates`` or ``samples``) are required. ``name`` (by default "study") is that of the
        folder of results; ``replicates``, ``seeds``, ``record``, ``claims`` and ``sweep`` are as in a file. None is as
        if not given.

        One value is that of all runs; many values are an axis. Many are a list, a `range`, an array, and a mapping such
        as ``{"geomspace": [0.1, 10, 7]}``, whose numbers are those of a file to the last bit. A tuple is always one
        value, and so is a list that can only be one:

        =====================  ===============================  =========================================
        key                    one value                        an axis
        =====================  ===============================  =========================================
        ``learning_rate``      ``0.1``; by layer ``(0.1, 1)``   ``[0.1, 1]``; by layer ``[(0.1, 1), 2]``
        ``architecture``       ``"2-4-1"``, ``[2, 4, 1]``       ``["2-4-1", "2-8-1"]``
        ``init``               ``"he_normal"``, ``[0.3, ...]``  ``["he_normal", "zeros"]``
        ``target_range``       ``[0.1, 0.9]``                   ``[[0.1, 0.9], [-1, 1]]``
        ``faults``             ``("ascent", "no_factor")``      ``[["ascent"], ["no_factor"]]``
        =====================  ===============================  =========================================

        A list of several faults may be either, and is an error that names both.

    Returns
    -------
    Study
        Frozen; `with_` gives another one with some keys changed, and `to_yaml` the file that says the same.

    Raises
    ------
    StudyError
        With every problem, each with the argument that it is about.

    Examples
    --------
    >>> import runner
    >>> xor = runner.study(data="xor", architecture="2-4-1", learning_rate=[0.5, 2], epochs=100, replicates=10)
    >>> runner.plan(xor).n_runs
    20
    """
    from runner.studies.given import content_of_arguments
    from runner.studies.load import study_of_content

    return study_of_content(content_of_arguments(keys), Path.cwd())


def load(
    path: str | Path | Mapping[str, Any],
    *overrides: str,
    pieces: str | Path | Sequence[str | Path] | None = None,
) -> Study:
    """Read and check a study.

    Parameters
    ----------
    path : str, Path or mapping
        The YAML file, or what it would hold: ``{"data": "xor", "sweep": {"grid": {...}}, ...}``.
    *overrides : str
        Keys to change, as on the command line: ``"learning_rate=[0.1, 1]"``.
    pieces : str or Path, or a list of them, optional
        Python files with activations, losses, optimizers or initialisers of your own (see `runner.pieces`).

    Returns
    -------
    Study

    Raises
    ------
    StudyError
        With every problem of the file and of the overrides, or what is wrong with a file of pieces.
    """
    from runner.studies.load import load_study, study_of_content

    register_pieces(pieces)
    for override in overrides:
        if not isinstance(override, str):
            raise unfit("overrides", "a str, 'key=value', each", override)
    if isinstance(path, Mapping):
        from runner.studies.given import content_of_mapping

        return study_of_content(content_of_mapping(path), Path.cwd(), overrides)
    return load_study(path_of("path", path, "a str, a Path or a mapping"), overrides)


def plan(study: Study, max_runs: int | None = MAX_RUNS) -> Plan:
    """Runs of a study, in the order of its table.

    Parameters
    ----------
    study : Study
        As `load` returns it.
    max_runs : int, optional
        A study with more runs is refused; default ten million, as on the command line.

    Returns
    -------
    Plan

    Raises
    ------
    Refused
        When the study has more runs.
    """
    from runner.studies.plan import make_plan

    return make_plan(study_of("study", study), count_of("max_runs", max_runs) or MAX_RUNS)


def schema() -> dict[str, Any]:
    """JSON schema of a study file, for editors."""
    from runner.studies.model import json_schema

    return json_schema()
