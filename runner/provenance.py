"""What rows depend on besides their keys: recorded with them, and compared when a later start adds to them.

A row says which run it is, and a run gives the same bits for ever, unless the runner itself changes. Three things of it
can: the version of the results (rows of two versions are never mixed), a key's default (then the study means other
runs, and old rows become orphans), and the compiled kernels (which should change nothing; `replay` can tell).
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner.environment import read_environment, surroundings, write_environment
from runner.errors import Refused
from runner.store.files import told, write_file

if TYPE_CHECKING:
    from runner.study import Study

STUDY = "study.yaml"


def check_version(folder: Path, table: Path, version: int) -> None:
    """Refuse to mix rows of two versions of the kernels in one table.

    Parameters
    ----------
    folder : Path
        The folder of results.
    table : Path
        Its table.
    version : int
        Of the results that this runner makes.
    """
    with told(table, "read"):
        has_rows = table.exists() and table.stat().st_size > 0
    known = read_environment(folder).get("results_version", version)
    if has_rows and known != version:
        raise Refused(
            f"{table} holds results of version {known}, and this runner makes version {version}: "
            "the same run may give other numbers; "
            "pass another --out or name=..., or --fresh to move the old table aside"
        )


def defaults() -> dict[str, str]:
    """What a key is when a study does not say, as text; settings of an optimizer as `adam.beta1`."""
    from runner.keys import KEYS
    from runner.ops import OPTIMIZERS

    found = {key: record.text(record.default) for key, record in KEYS.items() if record.default is not None}
    for name, optimizer in OPTIMIZERS.items():
        for key, value in {**optimizer.settings, "weight_decay": optimizer.weight_decay}.items():
            found[f"{name}.{key}"] = KEYS[key].text(float(value))
    return found


def changed_defaults(before: Mapping[str, Any]) -> Iterator[str]:
    """What to tell of defaults that were others when the rows that are there were made.

    Parameters
    ----------
    before : mapping
        What `environment.json` says.
    """
    old = before.get("defaults")
    now = defaults()
    if not isinstance(old, Mapping):
        return
    for name in now:
        if name in old and old[name] != now[name]:
            yield (
                f"the default of {name} was {old[name] or 'none'} and is {now[name] or 'none'} now: "
                "runs that rely on it are others, and are trained anew"
            )


def changed_kernels(before: Mapping[str, Any], fingerprint: str) -> Iterator[str]:
    """What to tell when the kernels are not those that made the rows that are there."""
    if before.get("kernels") not in (None, fingerprint):
        yield (
            "the kernels or their compiler have changed since these rows were made; the version of the results has "
            "not, so the numbers should be the same: replay --sample 50 checks it"
        )


def changes(folder: Path, kernels: str | None) -> Iterator[str]:
    """What to tell of a folder with rows that another runner, or an earlier state of this one, has made.

    Parameters
    ----------
    folder : Path
        The folder of results.
    kernels : str or None
        Fingerprint of the kernels that are going to train; None where nothing is trained.
    """
    before = read_environment(folder)
    yield from changed_defaults(before)
    if kernels is not None:
        yield from changed_kernels(before, kernels)


class Provenance:
    """The study and its surroundings, left beside the table.

    Parameters
    ----------
    folder : Path
        The folder of results.
    study : Study
    axes : sequence of str
        Columns that it sweeps.
    threads : int
    kernels : str or None
        Fingerprint of the kernels; None where nothing is trained.
    """

    def __init__(self, folder: Path, study: Study, axes: Sequence[str], threads: int, kernels: str | None) -> None:
        from runner.columns import RESULTS_VERSION

        before = read_environment(folder)
        self._folder = folder
        self._study = study
        self._timings = before.get("timings")
        self._facts: dict[str, Any] = {
            **surroundings(),
            "results_version": RESULTS_VERSION,
            "study": {
                "name": study.name,
                "file": str(study.path),
                "folder": str(study.folder.resolve()),
                "overrides": list(study.overrides),
            },
            "axes": list(axes),
            "record": {"curves": study.record.curves, "weights": study.record.weights},
            "threads": threads,
            "kernels": kernels or before.get("kernels"),
            "defaults": defaults(),
        }

    def begin(self) -> None:
        """Write all that is known before the first row is there."""
        write_file(self._folder / STUDY, self._study.text.encode())
        write_environment(self._folder, self._facts | {"timings": self._timings})

    def end(self, seconds: float, runs: int, updates: int) -> None:
        """Add how long it took."""
        timings = {
            "finished": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
            "seconds": round(seconds, 3),
            "runs": runs,
            "updates": updates,
            "runs_per_second": round(runs / max(seconds, 1e-9), 3),
        }
        write_environment(self._folder, self._facts | {"timings": timings})
