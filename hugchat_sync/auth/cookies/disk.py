"""How a file is written whole or not at all, by one job at a time, and where ours are kept."""

from __future__ import annotations

import errno
import os
import re
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator

from ...errors import UsageError
from ...secret import Secret

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

LOCK_WAIT = 5.0  # seconds that a renewal waits for another job; its answer waits with it
_POLL = 0.01


def _take(handle: int) -> bool:
    try:
        if sys.platform == "win32":
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        else:
            # not lockf: its locks belong to the process, so threads would share them
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EAGAIN, errno.EACCES, errno.EDEADLK):
            return False
        raise
    return True


def _release(handle: int) -> None:
    # by name, and not by closing alone: a child that was forked meanwhile has the handle, too
    if sys.platform == "win32":
        msvcrt.locking(handle, msvcrt.LK_UNLCK, 1)
    else:
        fcntl.flock(handle, fcntl.LOCK_UN)


@contextmanager
def hold_lock_of(path: Path, wait: float = LOCK_WAIT) -> Iterator[None]:
    """Hold the lock of a file, which is another file beside it: the file itself is replaced.

    :param wait: seconds; :class:`TimeoutError` after them.
    """
    handle = os.open(str(path) + ".lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        with hold_lock(handle, wait):
            yield
    finally:
        os.close(handle)


@contextmanager
def hold_lock(handle: int, wait: float) -> Iterator[None]:
    """Hold the lock of an open file.

    :param wait: seconds; :class:`TimeoutError` after them.
    """
    deadline = time.monotonic() + wait
    while not _take(handle):
        if time.monotonic() >= deadline:
            raise TimeoutError(errno.ETIMEDOUT, "the lock is held")
        time.sleep(_POLL)
    try:
        yield
    finally:
        _release(handle)


def replace_file(path: Path, text: Secret) -> None:
    """Write a file in one step, readable by its owner only; call it under the lock.

    The temporary file has one fixed name, so that killed writers leave one behind and no more.
    """
    beside = str(path) + ".tmp"
    if os.path.lexists(beside):
        os.unlink(beside)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    try:
        with os.fdopen(os.open(beside, flags, 0o600), "wb") as stream:
            stream.write(text.value.encode("utf-8", "backslashreplace"))
            stream.flush()
            os.fsync(stream.fileno())
        _move(beside, path)
    finally:
        if os.path.lexists(beside):
            os.unlink(beside)


def _move(source: str, target: Path) -> None:
    if sys.platform == "win32":  # it refuses while anybody reads the file
        for pause in (0.01, 0.05, 0.2, 0.5):
            try:
                return os.replace(source, target)
            except PermissionError:  # the last try, below, raises it
                time.sleep(pause)
    return os.replace(source, target)


#: system → the variable that names the directory, and where it is below the home directory
_CONFIGURATION = {
    "win32": ("APPDATA", "AppData/Roaming"),
    "darwin": ("", "Library/Application Support"),
    "any other": ("XDG_CONFIG_HOME", ".config"),
}
_DATA = {
    **_CONFIGURATION,
    "win32": ("LOCALAPPDATA", "AppData/Local"),
    "any other": ("XDG_DATA_HOME", ".local/share"),
}


def default_directory() -> Path | None:
    """Return the directory of the user's own configuration of this package.

    ``None`` where there is none: a user without an entry, and nothing in the environment.
    """
    return _directory(_CONFIGURATION)


def data_directory() -> Path | None:
    """Return the directory of the user's own data of this package; ``None`` where there is none."""
    return _directory(_DATA)


def _directory(places: dict[str, tuple[str, str]]) -> Path | None:
    variable, below = places.get(sys.platform, places["any other"])
    stated, home = Path(os.environ.get(variable) or ""), _home()
    if stated.is_absolute():  # by the standard, a relative one is to be ignored
        return stated / "hugchat_sync"
    return home / below / "hugchat_sync" if home else None


def _home() -> Path | None:
    try:
        home = Path.home()
    except (RuntimeError, KeyError):  # a user without an entry, and no HOME; before 3.10 KeyError
        return None
    return home if home.is_absolute() else None


def file_of(email: str, directory: str | os.PathLike[str] | None = None) -> Path:
    """Return where the cookies of an account are kept: ``<directory>/<email>.json``.

    :param directory: the user's own configuration directory when ``None``.
    :raises UsageError: there is no e-mail, or no such directory can be named.
    """
    name = email.strip() if isinstance(email, str) else ""
    if not name:
        raise UsageError("an e-mail is needed to name the cookie file")
    safe = re.sub(r"[\x00-\x1f\x7f/\\:*?\"<>|%]", lambda hit: f"%{ord(hit.group()):02X}", name)
    if directory is None:
        folder = default_directory()
        if folder is None:
            raise UsageError(
                "there is no home directory to keep anything in: set HOME or XDG_CONFIG_HOME"
            )
        return folder / f"{safe}.json"
    text = os.fspath(directory) if isinstance(directory, (str, os.PathLike)) else None
    if not isinstance(text, str):
        raise UsageError("a directory is named by a text or a Path")
    if "\0" in text:
        raise UsageError("the name of a directory cannot hold a NUL")
    try:
        return Path(directory).expanduser() / f"{safe}.json"
    except (RuntimeError, KeyError):  # "~somebody" whom nobody knows
        raise UsageError(f"there is no home directory for {text!r}: name it in full") from None
