"""From a path to the records of a CSV file: fields as text, with the line on which each record starts."""

from __future__ import annotations

import codecs
import csv
import hashlib
import io
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from runner.data.files.problems import FileProblems
from runner.errors import DataError, Problem, nearest

_LONGEST_FIELD = 131_072  # characters
MOST_BYTES = 2**30
"""Size of a file, at most."""

# Byte order marks of encodings that are told apart from UTF-8 by them.
_WIDE = {
    codecs.BOM_UTF32_LE: "UTF-32",  # before UTF-16, whose mark is its beginning
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}


def check_file(path: Path, shown: str) -> os.stat_result:
    """Status of a file that may be read as data.

    Parameters
    ----------
    path : Path
        Where it is.
    shown : str
        How the study names it.

    Raises
    ------
    DataError
        When there is no such file, or it is a folder, a pipe or a device, or too large.
    """
    try:
        status = path.stat()
    except FileNotFoundError:
        if path.is_symlink():
            raise _refusal(f"{shown!r} is a link to a file that is not there") from None
        raise _refusal(f"there is no file {shown!r}{_similar(path, shown)}") from None
    except (OSError, ValueError) as error:
        raise _refusal(f"cannot read {shown!r}: {_reason(error)}") from None
    if not stat.S_ISREG(status.st_mode):
        kind = "a folder" if stat.S_ISDIR(status.st_mode) else "not a regular file"
        raise _refusal(f"cannot read {shown!r}: it is {kind}")
    if status.st_size > MOST_BYTES:
        raise _refusal(f"{shown!r} has {status.st_size:,} bytes, more than {MOST_BYTES:,}")
    return status


def read_bytes(path: Path, shown: str) -> bytes:
    """Contents of the file, at most `MOST_BYTES`; DataError when they cannot be read."""
    check_file(path, shown)
    try:
        with path.open("rb") as file:
            # A file without a size is empty, or one of the system's that may never end.
            content = file.read(MOST_BYTES + 1) if os.fstat(file.fileno()).st_size else b""
    except OSError as error:
        raise _refusal(f"cannot read {shown!r}: {_reason(error)}") from None
    if len(content) > MOST_BYTES:
        raise _refusal(f"{shown!r} has more than {MOST_BYTES:,} bytes")
    return content


def digest(content: bytes) -> str:
    """First 16 hexadecimal digits of the SHA-256."""
    return hashlib.sha256(content).hexdigest()[:16]


def _refusal(message: str) -> DataError:
    return DataError([Problem(f"data: {message}")])


def _reason(error: Exception) -> str:
    return (error.strerror or str(error)) if isinstance(error, OSError) else str(error)


def _similar(path: Path, shown: str) -> str:
    """Names a file of the same folder that was perhaps meant, or the folder that is not there either."""
    try:
        hint = nearest(path.name, os.listdir(path.parent))
    except OSError:
        return f": there is no folder {str(Path(shown).parent)!r}"
    return hint


def records(content: bytes, problems: FileProblems) -> Iterator[tuple[int, list[str]]]:
    """Records of a CSV file, each with the physical line, from 1, on which it starts.

    Empty lines are passed over. Fields are separated by commas; a field in double quotes may hold commas,
    line breaks and doubled quotes.
    """
    start = _check_text(content, problems)
    lines = io.TextIOWrapper(io.BytesIO(content[start:]), encoding="utf-8", newline="")
    # The limit belongs to the process, and whoever reads a table of results raises it.
    csv.field_size_limit(_LONGEST_FIELD)
    # strict: a quote that is never closed is an error, not one huge last field
    reader = csv.reader(lines, strict=True)
    while True:
        line = reader.line_num + 1
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            problems.fail(_in_our_words(str(error)), line)
        if fields:
            yield line, fields


def _check_text(content: bytes, problems: FileProblems) -> int:
    """Where the text starts, after a byte order mark; fails when the contents are not UTF-8 text."""
    for mark, name in _WIDE.items():
        if content.startswith(mark):
            problems.fail(f"the file is {name}; expected UTF-8")
    start = len(codecs.BOM_UTF8) if content.startswith(codecs.BOM_UTF8) else 0
    if (zero := content.find(b"\0")) >= 0:
        problems.fail("a zero byte: this is not a text file", _line_of(content, zero))
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as error:
        message = f"byte 0x{content[error.start]:02x} is not UTF-8; save the file as UTF-8"
        problems.fail(message, _line_of(content, error.start))
    return start


def _line_of(content: bytes, offset: int) -> int:
    """The line of a byte, where a line ends with LF, CR LF or CR."""
    before = content[:offset]
    return 1 + before.count(b"\n") + before.count(b"\r") - before.count(b"\r\n")


def _in_our_words(message: str) -> str:
    """What the csv module says, for someone who looks at the file rather than at a program."""
    if message.startswith("field larger"):
        return f"a field has more than {_LONGEST_FIELD:,} characters; is a quote never closed?"
    if "end of data" in message:
        return "the record that starts here has a quote that is never closed"
    if "expected after" in message:
        return "text follows a closing quote; a quote inside a quoted field is written twice"
    return message
