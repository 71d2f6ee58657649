"""What nobody has foreseen: one line for the user, and a file with all that whoever mends it needs."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
import time
import traceback
from pathlib import Path

from runner.errors import NO_FOLDER
from runner.machine import VERSION, processor


def explain_unexpected(error: Exception, out: Path) -> str:
    """Write down an error that is no RunnerError, and say in one line what happened and what to do.

    Parameters
    ----------
    error : Exception
    out : Path
        Folder of all results: the file stands there if it can, and else in the system's folder of temporary files.

    Returns
    -------
    str
        Without a line break.
    """
    if isinstance(error, OSError) and not folder_is_there():
        return NO_FOLDER
    if not os.path.isfile(__file__):
        return f"the runner can not work from within an archive ({Path(__file__).parents[1]}): install it"
    what = " ".join(f"{type(error).__name__}: {error}".split()).rstrip(": ")
    file = _write(error, out)
    details = f"the details are in {file}" if file else "the details could not be written anywhere"
    return (
        f"the runner did not expect this: {what}; every finished row is kept, and {details}: please open an issue with "
        "them where you got the runner"
    )


def folder_is_there() -> bool:
    """Whether the working folder still exists; no path can be followed from one that was removed."""
    try:
        os.getcwd()
    except OSError:
        return False
    return True


def _write(error: Exception, out: Path) -> Path | None:
    """The file with the traceback; None when there is no place for it."""
    lines = [
        f"runner {VERSION}, Python {sys.version}",
        f"{sys.platform}, {processor()}",
        f"command: {sys.argv}",
        f"folder: {os.getcwd()}",
        "",
        *traceback.format_exception(error),
    ]
    content = "\n".join(lines).encode("utf-8", "backslashreplace")
    for folder in (out, Path(tempfile.gettempdir())):
        with contextlib.suppress(OSError, ValueError):
            prefix = time.strftime("error-%Y%m%d-%H%M%S-")
            descriptor, name = tempfile.mkstemp(".txt", prefix, folder)
            with open(descriptor, "wb") as file:
                file.write(content)
            return Path(name)
    return None
