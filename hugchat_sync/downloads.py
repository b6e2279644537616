"""Files on their way from the server: written where the user wants them, and nowhere else."""

from __future__ import annotations

import mimetypes
import os
import re
from pathlib import Path
from typing import Union

from .errors import UsageError
from .events import FileCreated
from .records import ChatFile

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

    :param path: a file, or an existing folder, in which the file gets a safe name.
    :raises UsageError: it cannot be written there.
    """
    target = path / safe_name(file) if path.is_dir() else path
    try:
        target.write_bytes(content)
    except OSError as error:
        raise UsageError(f"cannot write {target}: {error.strerror}") from error
    return target


def safe_name(file: ChatFile) -> str:
    """Return a file name that stays inside its folder on every system.

    The server's own name is a stranger's text: it may hold slashes, or the name of a device.
    """
    stem = re.sub(r"[^0-9A-Za-z]", "", file.sha)[:16] or "file"
    name = re.sub(r"[^\w.-]+", "_", file.name.replace("\\", "/").rpartition("/")[2]).strip("._")
    if not name:
        return stem + (mimetypes.guess_extension(file.mime) or ".bin")
    return f"{stem}-{name[-80:]}"
