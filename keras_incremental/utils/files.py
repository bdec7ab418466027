"""Writes that leave a whole file: the old one or the new one."""

import contextlib
import errno
import os
import pathlib
import shutil
import stat
import tempfile
from collections.abc import Iterator
from typing import IO

PREFIX = ".keras_incremental-unfinished-"
LOCK = "lock"
# What helps where a file has no room.
NO_ROOM = {
    errno.ENOSPC: "Delete files there or in '{temporary}', or choose another "
    "disk.",
    errno.EDQUOT: "Delete files of the same user, or choose another disk.",
    errno.EFBIG: "Raise the limit, `ulimit -f` or that of the file system, or "
    "choose another disk.",
}


@contextlib.contextmanager
def replacing(path: str | os.PathLike) -> Iterator[pathlib.Path]:
    """Gives a path to write to, which replaces `path` when the block ends.

    What is written lies in a hidden folder beside `path`. When the block ends
    it is synced to the disk and renamed, which no crash can divide. If the
    block raises, or the process dies in it, `path` is as it was. Such hidden
    folders of dead processes are removed.

    A link is followed, and the permissions of an old file are kept. What is
    no file, such as `/dev/stdout`, is written directly.

    Args:
        path: String or path of the file, or of a new folder.

    Raises:
        OSError: if the folder cannot be written to, the name is too long, or
            there is no room; it names the file.
        FileExistsError: if `path` is a folder.
    """
    target = pathlib.Path(os.path.realpath(path))
    old = _status(target, path)
    if old is not None and stat.S_ISDIR(old.st_mode):
        raise FileExistsError(
            "A folder is never replaced, as that is not possible in one step. "
            f"Received: '{os.fspath(path)}'. Choose a new name."
        )
    if old is not None and not stat.S_ISREG(old.st_mode):
        yield target
        return
    _remove_unfinished(target.parent)
    with _folder_beside(target, path) as folder, _naming_no_room(path):
        part = folder / target.name
        yield part
        if old is not None:
            os.chmod(part, stat.S_IMODE(old.st_mode))
        _sync_all(part)
        os.replace(part, target)
        _sync(target.parent)


def write_text(path: str | os.PathLike, text: str) -> None:
    """Writes UTF-8 text; an old file stays until the new one is whole."""
    with replacing(path) as part:
        part.write_text(text, encoding="utf-8")


def _status(target, path):
    with _naming(path):
        try:
            return os.stat(target)
        except FileNotFoundError:
            return None


@contextlib.contextmanager
def _folder_beside(target, path):
    """Gives a new folder that is removed at the end, with a lock held."""
    with _naming(path):
        folder, lock = _locked_folder(target.parent)
    try:
        yield folder
    finally:
        lock.close()
        shutil.rmtree(folder, ignore_errors=True)


def _locked_folder(parent) -> tuple[pathlib.Path, IO]:
    while True:
        folder = pathlib.Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
        try:
            lock = open(folder / LOCK, "w")
        except FileNotFoundError:
            # Another process took the empty folder for a leftover.
            continue
        _lock(lock, wait=True)
        if os.path.exists(folder / LOCK):
            return folder, lock
        lock.close()


def _remove_unfinished(parent):
    for folder in parent.glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):
            _remove_if_dead(folder)


def _remove_if_dead(folder):
    try:
        lock = open(folder / LOCK, "r+")
    except FileNotFoundError:
        folder.rmdir()
        return
    with lock:
        if not _lock(lock):
            return
        # Where files are not locked, one that is open cannot be removed.
        os.remove(folder / LOCK)
        shutil.rmtree(folder)


def _lock(file, wait=False):
    """Returns whether no other process has the file locked."""
    try:
        import fcntl
    except ImportError:
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError:
        # It is, or this file system has no locks.
        return False
    return True


def _sync_all(path):
    if not path.is_dir():
        _sync(path)
        return
    for inner in path.rglob("*"):
        _sync(inner)
    _sync(path)


def _sync(path):
    flags = os.O_RDONLY
    if not path.is_dir():
        # Elsewhere only a file that is open for writing can be synced.
        flags = os.O_RDWR
    elif os.name == "nt":
        return
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _naming(path):
    """Makes an error of the file system name the file that was asked for."""
    try:
        yield
    except OSError as error:
        raise type(error)(
            error.errno, error.strerror, os.fspath(path)
        ) from error


@contextlib.contextmanager
def _naming_no_room(path):
    """Makes an error of a full disk one of the file that was asked for."""
    try:
        yield
    except Exception as error:
        for number, help in NO_ROOM.items():
            if _is_of(error, number):
                raise _no_room(number, help, path) from error
        raise


def _is_of(error, number):
    """Returns whether an error is of a kind; libraries tell it in words."""
    said = os.strerror(number).lower() in str(error).lower()
    return said or getattr(error, "errno", None) == number


def _no_room(number, help, path):
    help = help.format(temporary=tempfile.gettempdir())
    return OSError(
        number,
        f"{os.strerror(number)}, so nothing was written. {help} Received",
        os.fspath(path),
    )
