"""What rows depend on besides their keys: recorded with them, and compared when a later start adds to them.

A row says which run it is, and a run always gives the same bits unless the runner itself changes. Three things can
change: the version of the results (rows of two versions are never mixed), a key's default (the study then means other
runs, and old rows become orphans), and the compiled kernels (which should change no number; `replay` checks it).
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from runner.errors import Refused
from runner.machine import compiles, surroundings
from runner.measurements import RESULTS_VERSION
from runner.results.files import ORPHANS, io_errors, write_file
from runner.results.manifest import read_manifest
from runner.results.sums import SUMS, made_by, made_so

ENVIRONMENT = "environment.json"
STUDY = "study.yaml"
_LONGEST_HEADER = 1 << 16


def read_environment(folder: Path) -> dict[str, Any]:
    """What an earlier start wrote, as far as it is what it should be; empty when nothing can be read."""
    path = folder / ENVIRONMENT
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(content, dict):
        return {}
    return {key: value for key, value in content.items() if _is_sound(key, value)}


def overrides_of(folder: Path) -> list[str]:
    """The `key=value` arguments with which the results were made."""
    overrides = read_environment(folder).get("study", {}).get("overrides")
    return [str(argument) for argument in overrides] if isinstance(overrides, list) else []


def study_folders(folder: Path) -> list[Path]:
    """Where the files of the study that made a folder of results may be: its data is looked for there.

    Returns
    -------
    list of Path
        The place it had beside its results, which still holds when both were moved or copied together; then the place
        where it was at the last start; at last the folder in which `results` is. Only those that there are, and first
        those in which the study's own file is.
    """
    study = read_environment(folder).get("study", {})
    beside, before = study.get("beside_results"), study.get("folder")
    places = [folder / beside if beside else None, Path(before) if before else None, folder.absolute().parents[1]]
    found = [Path(os.path.normpath(place)) for place in places if place is not None and os.path.isdir(place)]
    found.sort(key=lambda place: not os.path.exists(place / Path(study.get("file", STUDY)).name))
    return list(dict.fromkeys(found)) or [Path(before or ".")]


def _is_sound(key: str, value: Any) -> bool:
    """Whether a fact is of the kind that the runner writes: somebody may have edited the file."""
    if key == "axes":
        return isinstance(value, list) and all(isinstance(axis, str) for axis in value)
    if key == "runs":
        return isinstance(value, int) and value >= 0
    if key == "timings":
        numbers = [value.get(name) for name in ("seconds", "updates")] if isinstance(value, dict) else [None]
        return all(isinstance(n, int | float) and 0 <= n < 1e18 for n in numbers)
    if key == "study":
        names = ("name", "file", "folder", "beside_results")
        texts = [value.get(name, "") for name in names] if isinstance(value, dict) else [None]
        return all(isinstance(text, str) for text in texts)
    if key in ("variables", "pieces"):
        return isinstance(value, dict) and all(isinstance(text, str) for text in value.values())
    return isinstance(value, dict) if key in ("record", "defaults", "versions") else True


def check_version(folder: Path, table: Path, version: int, *, adding: bool = True) -> None:
    """Refuse to mix rows of two versions of the kernels in one table.

    Parameters
    ----------
    folder : Path
        The folder of results.
    table : Path
        Its table.
    version : int
        Of the results that this runner makes.
    adding : bool
        Whether rows are to be added; then the version must be known.
    """
    manifest = read_manifest(folder)
    if manifest is None and not any(_has_rows(path) for path in (table, folder / ORPHANS)):
        return
    way_out = "pass another --out or name=..., or --fresh to move the old table aside"
    known_by = made_by(folder / SUMS), _made_by(folder), made_so(manifest.label) if manifest else None
    facts = [fact for fact in known_by if fact is not None]
    if adding and not facts:
        raise Refused(
            f"{table} has rows, and neither {SUMS} nor {ENVIRONMENT} beside it tells which version of the results they "
            f"are, so that others could be mixed with them: bring one of these files back; or {way_out}"
        )
    for known, _ in facts:
        if known != version:
            raise Refused(
                f"{table} holds results of version {known}, and this runner makes version {version}: "
                f"the same run may give other numbers; {way_out}"
            )
    if any(interpreted == compiles() for _, interpreted in facts):
        now = "are compiled now" if compiles() else "are not compiled now (NUMBA_DISABLE_JIT is set)"
        before = "they were not" if compiles() else "they were"
        raise Refused(
            f"{table}: the kernels {now}, and {before} when its rows were made: last bits differ; "
            f"start it as it was started then, or {way_out}"
        )


def check_pieces(folder: Path, table: Path, pieces: Mapping[str, str]) -> None:
    """Refuse to add to rows that were made with other pieces of the user's own under the same names.

    Parameters
    ----------
    folder : Path
        The folder of results.
    table : Path
        Its table.
    pieces : mapping of str to str
        Those that are to be used, such as `activation wave`, and the hashes of their files.
    """
    before = read_environment(folder).get("pieces", {})
    changed = [piece for piece, source in pieces.items() if before.get(piece, source) != source]
    if changed and (read_manifest(folder) or any(_has_rows(path) for path in (table, folder / ORPHANS))):
        raise Refused(
            f"{table} has rows that were made when the file of {', '.join(changed)} was another one: give the piece "
            "another name in its file and in the study; or pass another --out or name=..., or --fresh to move the old "
            "table aside"
        )


def _has_rows(path: Path) -> bool:
    """Whether a table has more than its first line."""
    if not path.is_file():
        return False
    with io_errors(path, "read"), path.open("rb") as file:
        file.readline(_LONGEST_HEADER)
        return bool(file.read(1))


def _made_by(folder: Path) -> tuple[int, bool] | None:
    """Version of the results, and whether kernels ran without compiling, as `environment.json` tells them."""
    known = read_environment(folder)
    version = known.get("results_version")
    if not isinstance(version, int):
        return None
    return version, not compiles(known.get("variables", {}))


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
    old, now = before.get("defaults", {}), _defaults()
    for name in now:
        if name in old and old[name] != now[name]:
            yield (
                f"the default of {name} was {old[name] or 'none'} and is {now[name] or 'none'} now: "
                "runs that rely on it are others, and are trained anew"
            )
    if kernels is not None and before.get("kernels") is None:
        yield (
            f"{ENVIRONMENT} does not tell by which kernels these rows were made: replay --sample 50 checks that they "
            "give the same numbers now"
        )
    elif kernels not in (None, before.get("kernels")):
        yield (
            "the kernels or their compiler have changed since these rows were made; the version of the results has "
            "not, so the numbers should be the same: replay --sample 50 checks it"
        )


def _defaults() -> dict[str, str]:
    """What a key is when a study does not say, as text; settings of an optimizer as `adam.beta1`."""
    from runner.keys.definitions import KEYS
    from runner.ops import OPTIMIZERS

    found = {key: record.text(record.default) for key, record in KEYS.items() if record.default is not None}
    for name, optimizer in OPTIMIZERS.items():
        for key, value in {**optimizer.settings, "weight_decay": optimizer.weight_decay}.items():
            found[f"{name}.{key}"] = KEYS[key].text(KEYS[key].read(value))
    return found


class Provenance:
    """Writes the study and its surroundings beside the table.

    Parameters
    ----------
    folder : Path
        The folder of results.
    text : str
        Of the study file, as it was read.
    facts : mapping
        What else is recorded of the study and of this start: `study` (name, file, folder, overrides), `axes`
        (columns that it sweeps), `runs` (how many it has), `record` and `threads`.
    kernels : str or None
        Fingerprint of the kernels; None where nothing is trained.
    """

    def __init__(self, folder: Path, text: str, facts: Mapping[str, Any], kernels: str | None) -> None:
        before = read_environment(folder)
        self._folder = folder
        self._text = text
        self._timings = before.get("timings")
        self._facts: dict[str, Any] = {
            **surroundings(),
            "results_version": RESULTS_VERSION,
            **facts,
            # Rows of earlier starts may have others.
            "pieces": before.get("pieces", {}) | facts.get("pieces", {}),
            "kernels": kernels or before.get("kernels"),
            "defaults": _defaults(),
        }

    def begin(self) -> None:
        """Write all that is known before the first row is there."""
        write_file(self._folder / STUDY, self._text.encode())
        self._write(self._timings)

    def end(self, seconds: float, runs: int, updates: int, kernels: Mapping[str, Any]) -> None:
        """Add how long it took, and what became of the kernels."""
        self._facts |= kernels
        self._write(
            {
                "finished": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
                "seconds": round(seconds, 3),
                "runs": runs,
                "updates": updates,
                "runs_per_second": round(runs / max(seconds, 1e-9), 3),
            }
        )

    def _write(self, timings: Mapping[str, Any] | None) -> None:
        """Replace `environment.json` in one step."""
        text = json.dumps(self._facts | {"timings": timings}, indent=2) + "\n"
        write_file(self._folder / ENVIRONMENT, text.encode())
