"""Files of a folder of results: whole writes, atomic replacement, errors told in words, names that stay inside."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path

from runner.errors import Problem, Refused, RunnerError, StudyError, nearest

TABLE = "runs.csv"
PAGE = "report.html"
ORPHANS = "orphans.csv"
PARTS = "runs"
"""Folder of the parts of a table in Parquet."""
MANIFEST = "runs.manifest.json"
"""Which parts count."""

_ADVICE = {
    errno.ENOSPC: "the disk is full; make room and run the same command again: every complete row is kept",
    errno.EDQUOT: "the quota is full; make room and run the same command again: every complete row is kept",
    errno.EFBIG: "the file would grow beyond what is allowed here; pass another folder with --out",
    errno.EROFS: "the file system is read-only; pass another folder with --out",
    errno.EACCES: "permission denied; pass another folder with --out, or change its permissions",
    errno.EPERM: "not permitted; pass another folder with --out, or change its permissions",
}

# What a system call fails with where the file system does not know it.
MISSING_CALLS = frozenset({errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENODEV})
# And what link fails with on file systems without hard links: exFAT, SMB, FUSE.
_NO_LINKS = MISSING_CALLS | {errno.EPERM, errno.EMLINK, errno.EXDEV}
_COPIED = 1 << 20


@contextlib.contextmanager
def io_errors(path: Path, action: str = "write") -> Iterator[None]:
    """Turn an OSError of the block, or text that is not UTF-8, into a RunnerError that names the file and what to do.

    Parameters
    ----------
    path : Path
        The file the block works on.
    action : str
        What the block does to it, as a verb.
    """
    try:
        yield
    except OSError as error:
        reason = _ADVICE.get(error.errno or 0, error.strerror or str(error))
        raise RunnerError(f"cannot {action} {path}: {reason}") from error
    except UnicodeDecodeError as error:
        raise RunnerError(f"{path} is not UTF-8 text (changed by another program?)") from error


def write_all(descriptor: int, data: bytes | memoryview) -> None:
    """Write every byte: `os.write` may take only some of them."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def copy_all(source: int, target: int) -> None:
    """Copy a whole file, wherever the first descriptor stands in it."""
    offset = 0
    while data := os.pread(source, _COPIED, offset):
        write_all(target, data)
        offset += len(data)


class OpenFile:
    """A file that stays the same whatever becomes of its name: open from now on, and closed when nobody needs it.

    Parameters
    ----------
    path : Path
        The file, which exists; opened for reading.

    Attributes
    ----------
    descriptor : int
    """

    def __init__(self, path: Path) -> None:
        with io_errors(path, "read"):
            self.descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self._close = weakref.finalize(self, os.close, self.descriptor)

    def close(self) -> None:
        """Close it now."""
        self._close()


def open_if_there(path: Path) -> OpenFile | None:
    """The open file; None when there is none."""
    return OpenFile(path) if os.path.lexists(path) else None


def sync_folder(folder: Path | int) -> None:
    """Make the names in a folder (creations, renames) survive a loss of power, where the file system can do that."""
    descriptor = folder if isinstance(folder, int) else os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # CIFS and some FUSE know no fsync of a folder: the names are theirs to keep.
        if error.errno not in MISSING_CALLS:
            raise
    finally:
        if not isinstance(folder, int):
            os.close(descriptor)


@contextlib.contextmanager
def replacing(
    path: Path, suffix: str = ".tmp", folder: int | None = None, ready: Callable[[int], None] = lambda descriptor: None
) -> Iterator[int]:
    """Descriptor of a temporary file that takes the place of `path` when the block ends without an error.

    Parameters
    ----------
    path : Path
    suffix : str
        What the name of the temporary file has behind that of `path`.
    folder : int, optional
        Descriptor of the folder of `path`, when it is held open: everything happens there, wherever it is moved.
    ready : callable
        Called with the descriptor when the new file is safely on disk, before it takes its place.

    Yields
    ------
    int
        Open for writing; the old file, if any, stays whole until the new one is safely on disk.
    """
    temporary = path.name + suffix
    with io_errors(path):
        parent = os.open(path.parent, os.O_RDONLY | os.O_CLOEXEC) if folder is None else os.dup(folder)
        try:
            # Not O_EXCL: a leftover of a killed process is overwritten (the folder's lock is held by us).
            flags = os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
            descriptor = os.open(temporary, flags, 0o666, dir_fd=parent)
            try:
                try:
                    yield descriptor
                    os.fsync(descriptor)
                    ready(descriptor)
                finally:
                    os.close(descriptor)
                os.replace(temporary, path.name, src_dir_fd=parent, dst_dir_fd=parent)
            except BaseException:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(temporary, dir_fd=parent)
                raise
            sync_folder(parent)
        finally:
            os.close(parent)


def write_file(path: Path, data: bytes) -> None:
    """Replace a small file in one step."""
    with replacing(path) as descriptor:
        write_all(descriptor, data)


def spare_name(path: Path) -> Path:
    """First of `path.1`, `path.2`, ... that does not exist: where an old file is kept aside."""
    number = 1
    while os.path.lexists(spare := path.with_name(f"{path.name}.{number}")):
        number += 1
    return spare


def remove_leftovers(folder: Path, names: tuple[str, ...]) -> None:
    """Remove what a killed process has left of `replacing`; the folder's lock must be held."""
    for name in names:
        path = folder / f"{name}.tmp"
        with io_errors(path, "remove"):
            path.unlink(missing_ok=True)


def move_aside(path: Path) -> Path | None:
    """Rename a file to its spare name.

    Returns
    -------
    Path or None
        The new name; None when there is no such file.
    """
    if not os.path.lexists(path):
        return None
    spare = spare_name(path)
    with io_errors(path, "move aside"):
        path.rename(spare)
    return spare


def set_aside(folder: Path, names: tuple[str, ...]) -> list[Path]:
    """Rename all of some files, so that they carry the same number.

    Returns
    -------
    list of Path
        The new names of those that there were.
    """
    present = [folder / name for name in names if os.path.lexists(folder / name)]
    number = 1
    while any(os.path.lexists(f"{path}.{number}") for path in present):
        number += 1
    kept = [path.with_name(f"{path.name}.{number}") for path in present]
    for path, spare in zip(present, kept, strict=True):
        with io_errors(path, "move aside"):
            path.rename(spare)
    return kept


def link_aside(path: Path) -> Path:
    """Give a file that is about to be replaced a second, lasting name; where there are no hard links, a copy."""
    spare = spare_name(path)
    with io_errors(path, "keep aside"):
        try:
            os.link(path, spare)
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            old = OpenFile(path)
            with replacing(spare) as copy:
                copy_all(old.descriptor, copy)
            old.close()
    return spare


def results_folder(root: Path, name: str) -> Path:
    """Folder of a study's results.

    Parameters
    ----------
    root : Path
        Where all results are (`--out`).
    name : str
        The study's name.

    Returns
    -------
    Path
        `root / name`; it need not exist yet.

    Raises
    ------
    Refused
        When the name, or a symbolic link, leads out of `root` or nowhere.
    """
    folder = root / name
    if name in ("", ".", "..") or Path(name).name != name:
        raise Refused(f"{name!r} is not a name for a folder of results: it must stay inside {root}")
    # Functions of os.path, because methods of Path raise at names that are too long.
    linked = os.path.islink(folder)
    if linked and not os.path.exists(folder):
        raise Refused(f"{folder} is a symbolic link that leads nowhere; remove it, or pass another --out")
    if linked and folder.resolve().parent != root.resolve():
        raise Refused(f"{folder} is a symbolic link out of {root}; remove it, or pass another --out")
    return folder


def find_table(target: str | Path, out: Path) -> Path:
    """The table that a user names by the file itself, its folder, or the name of the study.

    Of a table in Parquet this is the folder of its parts.

    Parameters
    ----------
    target : str or Path
        A path or a name.
    out : Path
        Folder of all results, in which a name is looked up.

    Raises
    ------
    StudyError
        When there is none: what was named is wrong.
    """
    for path in (Path(target), out / target):
        if has_table(path):
            return table_path(path)
        if path.name in (TABLE, PARTS, MANIFEST) and os.path.isfile(path.parent / MANIFEST):
            return table_path(path.parent)
        if os.path.isfile(path):
            return path
    names = [name for name in (os.listdir(out) if os.path.isdir(out) else ()) if has_table(out / name)]
    # From another folder than usual the same name means something else: where that is has to be seen.
    where = f"no results at {target} nor at {out / target}{nearest(target, names)}"
    raise StudyError([Problem(f"{where} (looked in {out.absolute()})")])


def has_table(folder: Path) -> bool:
    """Whether a folder holds a table of results, of either store."""
    return any(os.path.isfile(folder / name) for name in (TABLE, MANIFEST))


def table_path(folder: Path) -> Path:
    """What readers of a folder of results are given: `runs.csv`, or the folder of the parts."""
    return folder / (PARTS if os.path.isfile(folder / MANIFEST) else TABLE)


def refuse_links(folder: Path, names: tuple[str, ...]) -> None:
    """Refuse to write through a symbolic link, which could be any file of the user's."""
    for name in names:
        if (folder / name).is_symlink():
            raise Refused(f"{folder / name} is a symbolic link; only real files are written: remove the link")


def refuse_shared(folder: Path, names: tuple[str, ...]) -> None:
    """Refuse to write into what is no file, or into a file that has a second name (a hard link, as in some backups)."""
    for name in names:
        path = folder / name
        found = None
        with io_errors(path, "read"), contextlib.suppress(FileNotFoundError):
            found = path.lstat()
        if found is None:
            continue
        if not stat.S_ISREG(found.st_mode):
            raise Refused(f"{path} is not a file: move it away")
        if found.st_nlink > 1:
            raise Refused(
                f"{path} has another name as well (a hard link), and what stands there would change with it: "
                "put a copy in its place"
            )
