"""A folder of results as a runner holds it: open, and noticed when it or a file in it is no longer the same.

While a study trains, for hours perhaps, people and programs move folders, remove files, and save a table by putting a
new file in its place. The runner has the old ones open, and what it writes then goes where no name leads. So it asks
every few seconds, and before it replaces a file, whether each name still stands for the file that it has open. If one
does not, the runner ends, and says what happened and where the rows are; what has lost its last name is written anew.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

from runner.errors import RunnerError
from runner.results.files import TABLE, copy_all, io_errors, replacing, spare_name
from runner.terminal import listed

LOCK = "runner.lock"
# A program may save a file, and `rm -r` empty a folder, in several steps: the end is looked at.
_SETTLE_SECONDS = 0.3
# What NFS and FUSE call a file that was removed while it was open; it goes when it is closed.
_REMOVED = (".nfs", ".fuse_hidden")


class Held:
    """A folder and some files in it, open from now on.

    Parameters
    ----------
    folder : Path
        The folder of results, which exists.

    Attributes
    ----------
    folder : Path
    descriptor : int
        Of the folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with io_errors(folder, "read"):
            self.descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._files: dict[str, int] = {}
        self._error: RunnerError | None = None

    def keep(self, name: str, descriptor: int) -> None:
        """Take note of an open file that has this name in the folder."""
        with io_errors(self.folder / name, "open"):
            duplicate = os.dup(descriptor)
        self.drop(name)
        self._files[name] = duplicate

    def hold(self, name: str) -> None:
        """Open a file that is there for reading, and hold it."""
        with io_errors(self.folder / name, "open"):
            descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=self.descriptor)
        try:
            self.keep(name, descriptor)
        finally:
            os.close(descriptor)

    def drop(self, name: str) -> None:
        """Whatever happens to a file from now on is no concern any more."""
        if name in self._files:
            os.close(self._files.pop(name))

    def __contains__(self, name: str) -> bool:
        """Whether a file of this name is held."""
        return name in self._files

    def close(self) -> None:
        """Close everything."""
        for name in list(self._files):
            self.drop(name)
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1

    def check(self) -> None:
        """See whether the folder and its files are still those that are open.

        Raises
        ------
        RunnerError
            When one is not; it says where the rows are.
        """
        if self._error is None and self._differ():
            time.sleep(_SETTLE_SECONDS)
            if self._differ():
                self._error = RunnerError(self._rescue())
        if self._error is not None:
            raise self._error

    def open(self, name: str, flags: int) -> int:
        """Open a file of the folder for writing, and hold it; one that is held already must be the same."""
        self.check()
        with io_errors(self.folder / name):
            descriptor = os.open(name, flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666, dir_fd=self.descriptor)
        self.keep(name, descriptor)
        return descriptor

    @contextlib.contextmanager
    def replacing(self, name: str) -> Iterator[int]:
        """Like `files.replacing`, for a file of this folder; the new file is held in place of the old one."""
        self.check()

        def ready(descriptor: int) -> None:
            self.check()
            if name in self._files:
                self.keep(name, descriptor)

        with replacing(self.folder / name, folder=self.descriptor, ready=ready) as descriptor:
            yield descriptor

    def _differ(self) -> bool:
        return self._moved() or any(map(self._differs, self._files))

    def _moved(self) -> bool:
        """Whether the folder's name stands for another folder, or none."""
        try:
            return not os.path.samestat(os.fstat(self.descriptor), os.stat(self.folder))
        except (FileNotFoundError, NotADirectoryError):
            return True

    def _differs(self, name: str) -> bool:
        """Whether a file's name stands for another file, or none."""
        return not names_same_file(self._files[name], name, self.descriptor)

    def _rescue(self) -> str:
        """Give files that no name leads to a name again, and say what happened."""
        if self._moved():
            return self._rescue_folder()
        said = []
        for name in filter(self._differs, list(self._files)):
            path, there = self.folder / name, os.path.lexists(self.folder / name)
            what = "was replaced by another program" if there else "was removed"
            if name == LOCK:
                said.append(f"{path} {what} while this runner held it: another one could have begun here")
                continue
            if where := self._place(name):
                kept = f"now {where}: give it its name again"
            elif there:
                self._copy(name, spare := spare_name(path))
                kept = f"kept as {spare}: give it its name again"
            else:
                self._copy(name, path)
                kept = "written there again"
            said.append(f"{path} {what} while runs were added; the file as this runner wrote it is {kept}")
        return f"{'; '.join(said)}; no finished row is lost, and the same command then goes on"

    def _rescue_folder(self) -> str:
        """The same for the whole folder."""
        lost = [name for name in self._files if name != LOCK and self._place(name) is None]
        where = _name_of(self.descriptor)
        another = ", and another one has its name" if os.path.lexists(self.folder) else ""
        if TABLE not in lost:
            now = f"it is {where} now" if where else "it has another name now"
            return (
                f"{self.folder} was moved while runs were added to it ({now}{another}); every finished row is in "
                f"{where or 'its'}{'/' if where else ' '}{TABLE}: move it back, and the same command goes on"
            )
        spare = spare_name(self.folder)
        with io_errors(spare, "create"):
            spare.mkdir(parents=True)
        for name in lost:
            self._copy(name, spare / name)
        return (
            f"{self.folder} was removed while runs were added to it{another}; {listed(lost)} "
            f"{'is' if len(lost) == 1 else 'are'} kept in {spare}, every finished row included: give that folder its "
            "name again, and the same command goes on"
        )

    def _place(self, name: str) -> str | None:
        """Where a file is now, in words; None when no name leads to it."""
        descriptor = self._files[name]
        where = _name_of(descriptor)
        removed = where is not None and Path(where).name.startswith(_REMOVED)
        if removed or not os.fstat(descriptor).st_nlink:
            return None
        return where or "under another name"

    def _copy(self, name: str, path: Path) -> None:
        """Write a held file under a name that is free."""
        with replacing(path) as descriptor:
            copy_all(self._files[name], descriptor)


def names_same_file(descriptor: int, name: str, folder: int) -> bool:
    """Whether a name in an open folder stands for an open file."""
    try:
        found = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return os.path.samestat(os.fstat(descriptor), found)


def _name_of(descriptor: int) -> str | None:
    """The present path of an open file, where the system tells it."""
    try:
        path = os.readlink(f"/proc/self/fd/{descriptor}")
    except OSError:
        return None
    return path if os.path.lexists(path) else None
