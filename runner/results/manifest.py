"""The manifest of a table in parts: which Parquet files in the folder `runs` count, and what they hold.

A part counts from the moment at which the manifest names it. It is never changed: it is called by what it holds, and
other rows make another part.
"""

from __future__ import annotations

import hashlib
import json
import os
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from runner.errors import RunnerError
from runner.measurements import OUTCOMES
from runner.results.columns import Header
from runner.results.files import MANIFEST, PARTS, TABLE, io_errors

_TAIL = 1 << 16


@dataclass(frozen=True)
class Part:
    """A part as the manifest names it.

    Attributes
    ----------
    file : str
        Its name in the folder of the parts.
    rows, bytes : int
    sha256 : str
        Of its contents.
    """

    file: str
    rows: int
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """Which parts make up a table.

    Attributes
    ----------
    label : str
        What all rows depend on: the version of the results, and the columns.
    columns : tuple of str
    kinds : mapping of str to str
        As what each key and each measurement is kept.
    parts : tuple of Part
        In the order of the table.
    taken : tuple of two int or None
        Size and checksum of the `runs.csv` whose rows are all in these parts: one that is still there is left over.
    """

    label: str
    columns: tuple[str, ...]
    kinds: Mapping[str, str]
    parts: tuple[Part, ...]
    taken: tuple[int, int] | None = None

    @property
    def rows(self) -> int:
        """Of all parts."""
        return sum(part.rows for part in self.parts)

    @property
    def header(self) -> Header:
        """The columns, of whatever version."""
        end = self.columns.index("outcome")
        measured = tuple((name, self.kinds[name]) for name in self.columns[end + 1 :])
        return Header(self.columns[2:end], measured, tuple(OUTCOMES))

    def text(self) -> bytes:
        """As it stands in its file."""
        content = {"rows": self.rows, **asdict(self), "kinds": dict(self.kinds)}
        return (json.dumps(content, indent=1) + "\n").encode()


def read_manifest(folder: Path) -> Manifest | None:
    """The manifest of a folder of results; None where its table is not in parts.

    Raises
    ------
    RunnerError
        When it is not as the runner writes it.
    """
    path = folder / MANIFEST
    try:
        with io_errors(path, "read"):
            found = json.loads(path.read_bytes())
        return Manifest(
            found["label"],
            tuple(map(str, found["columns"])),
            dict(found["kinds"]),
            tuple(Part(str(p["file"]), int(p["rows"]), int(p["bytes"]), str(p["sha256"])) for p in found["parts"]),
            None if found["taken"] is None else (int(found["taken"][0]), int(found["taken"][1])),
        )
    except RunnerError:
        if not os.path.lexists(path):
            return None
        raise
    except (ValueError, KeyError, TypeError, IndexError):
        raise RunnerError(
            f"{path} is not as the runner wrote it, and the parts in {PARTS} can not be told without it; bring it "
            "back, or pass --fresh to move everything aside"
        ) from None


def in_parts(table: Path) -> bool:
    """Whether a table is one in parts."""
    return table.name == PARTS and os.path.isfile(table.parent / MANIFEST)


def tail_of(folder: Path, manifest: Manifest | None) -> Path | None:
    """The `runs.csv` with rows that have not moved into parts yet; None where there is none."""
    path = folder / TABLE
    if not os.path.isfile(path) or (manifest and manifest.taken and manifest.taken == fingerprint(path)):
        return None
    return path


def fingerprint(path: Path) -> tuple[int, int]:
    """Size of a file, and a checksum of its end."""
    with io_errors(path, "read"), path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(size - _TAIL, 0))
        return size, zlib.crc32(file.read())


def part_prefix(number: int) -> str:
    """How the name of a part begins: sorted by their names, parts are in the plan's order."""
    return f"part-{number:06d}-"


def sha256(path: Path) -> str:
    """Of the contents of a file."""
    with io_errors(path, "read"), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
