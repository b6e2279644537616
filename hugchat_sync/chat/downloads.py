"""Files on their way from the server: written where the user wants them, and nowhere else."""

from __future__ import annotations

import mimetypes
import os
import re
import stat
from contextlib import suppress
from pathlib import Path
from typing import Union
from uuid import uuid4

from ..errors import UsageError
from ..events import FileCreated
from ..records import ChatFile

PathArgument = Union[str, "os.PathLike[str]"]


def as_chat_file(file: ChatFile | FileCreated | str) -> ChatFile:
    """Return the file that is meant; of a ``sha`` alone neither name nor kind is known.

    :raises UsageError: it is none of these.
    """
    if isinstance(file, ChatFile):
        return file
    if isinstance(file, FileCreated):
        return ChatFile(file.name, file.sha, file.mime)
    if isinstance(file, str) and file:
        return ChatFile("", file, "")
    raise UsageError("a file is a ChatFile, a FileCreated, or the sha of one")


def written(content: bytes, file: ChatFile, path: Path) -> Path:
    """Write *content* and return where it is.

    :param path: a file, or an existing folder, in which the file gets a safe name. A link at that
        name is replaced, not followed.
    :raises UsageError: it cannot be written there.
    """
    target = path
    try:
        if path.is_dir():
            target = path / safe_name(file)
        write_whole(target, content)
    except OSError as error:
        raise UsageError(f"cannot write {target}: {error.strerror}") from error
    return target


def write_whole(path: Path, content: bytes) -> None:
    """Write a file whole or not at all.

    A link at its name is replaced: whoever could plant one there chose where it leads. A pipe or a
    device is written as it is.

    :raises UsageError: no file can have this name.
    """
    if "\0" in str(path):
        raise UsageError("a path cannot hold a NUL")
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        mode = stat.S_IFREG
    if stat.S_ISLNK(mode) and path.exists() and not path.is_file():
        raise UsageError(f"{path} is a link to what is no file; nothing was written")
    if not stat.S_ISLNK(mode) and not stat.S_ISREG(mode):
        path.write_bytes(content)
        return
    beside = path.with_name(f".{uuid4().hex}.part")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    try:
        with os.fdopen(os.open(beside, flags, 0o666), "wb") as stream:
            stream.write(content)
        if stat.S_IMODE(mode) and stat.S_ISREG(mode):  # who may read it does not change
            os.chmod(beside, stat.S_IMODE(mode))
        os.replace(beside, path)
    finally:
        with suppress(FileNotFoundError):  # it has its name by now, unless something failed
            os.unlink(beside)


def safe_name(file: ChatFile) -> str:
    """Return a file name that stays inside its folder on every system.

    The server's own name is a stranger's text: it may hold slashes, or the name of a device.
    """
    stem = re.sub(r"[^0-9A-Za-z]", "", file.sha)[:16] or "file"
    name = re.sub(r"[^\w.-]+", "_", file.name.replace("\\", "/").rpartition("/")[2]).strip("._")
    if not name:
        return stem + (mimetypes.guess_extension(file.mime) or ".bin")
    return f"{stem}-{name[-80:]}"
