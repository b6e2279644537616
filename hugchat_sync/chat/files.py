"""Files on their way: to the server read, named, measured; from it written where the user wants."""

from __future__ import annotations

import mimetypes
import os
import re
import stat
from contextlib import suppress
from pathlib import Path
from typing import Iterable, Tuple, Union

from ..dialects import Upload
from ..errors import TooLarge, UsageError
from ..events import FileCreated
from ..options import check_name
from ..records import ChatFile

LARGEST = 10 * 1024 * 1024  # bytes, as the server counts them

FileArgument = Union[str, "os.PathLike[str]", Tuple[str, bytes, str]]
PathArgument = Union[str, "os.PathLike[str]"]


# to the server ---------------------------------------------------------------------------


def read_uploads(files: Iterable[FileArgument]) -> tuple[Upload, ...]:
    """Return *files* ready to be sent.

    :param files: paths, or ``(name, bytes, mime)``.
    :raises UsageError: a file is empty, cannot be read, or is given in another form.
    :raises TooLarge: a file is over 10 MiB; nothing was sent.
    """
    if isinstance(files, (str, os.PathLike)) or not isinstance(files, Iterable):
        raise UsageError("files is a list of files; write files=[path]")
    return tuple(_read_upload(file) for file in files)


def _read_upload(file: FileArgument) -> Upload:
    if isinstance(file, (str, os.PathLike)):
        return _read_path(Path(file))
    try:
        name, content, mime = file
    except (TypeError, ValueError) as error:
        raise UsageError("a file is a path or (name, bytes, mime)") from error
    if not isinstance(name, str) or not isinstance(content, bytes) or not isinstance(mime, str):
        raise UsageError("a file is a path or (name, bytes, mime)")
    name = _decode_name(name)
    _check_size(name, len(content))
    return Upload(name, content, mime)


def _read_path(path: Path) -> Upload:
    name = _decode_name(path.name)
    try:
        if path.stat().st_size > LARGEST:
            _check_size(name, path.stat().st_size)
        content = path.read_bytes()
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:  # a NUL in it, or letters that the file system does not know
        raise UsageError(f"cannot read {str(path)!r}: {error}") from error
    _check_size(name, len(content))  # a pipe tells no size beforehand
    mime = mimetypes.guess_type(name)[0] or "application/octet-stream"
    return Upload(name, content, mime)


def _decode_name(name: str) -> str:
    """Return the name of a file as text; what the locale does not know is read as UTF-8.

    :raises UsageError: it is no text.
    """
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        try:
            return os.fsencode(name).decode("utf-8")
        except UnicodeError as error:
            raise UsageError(
                f"the file name {name!r} is no UTF-8 text; give (name, bytes, mime) instead"
            ) from error
    return name


def _check_size(name: str, size: int) -> None:
    if not size:
        raise UsageError(f"{name} is empty")
    if size > LARGEST:
        raise TooLarge(f"{name} has {size} bytes; the server takes files of up to {LARGEST}")


# from the server -------------------------------------------------------------------------


def as_chat_file(file: ChatFile | FileCreated | str) -> ChatFile:
    """Return the file that is meant; of a ``sha`` alone neither name nor kind is known.

    :raises UsageError: it is none of these.
    """
    if isinstance(file, ChatFile):
        return file
    if isinstance(file, FileCreated):
        return ChatFile(file.name, file.sha, file.mime)
    if isinstance(file, str) and file:
        return ChatFile("", check_name(file, "the sha of a file"), "")
    raise UsageError("a file is a ChatFile, a FileCreated, or the sha of one")


def check_path(path: object) -> Path:
    """Return *path* as one.

    :raises UsageError: it can be none.
    """
    if isinstance(path, (str, os.PathLike)):
        with suppress(TypeError):  # one of bytes
            return Path(path)
    raise UsageError("the path is a file, or an existing folder, as a text or a Path")


def write_file(content: bytes, file: ChatFile, path: Path) -> Path:
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
    :raises OSError: it cannot be written; its ``filename`` is *path*.
    """
    if "\0" in str(path):
        raise UsageError("a path cannot hold a NUL")
    try:
        _write(path, content)
    except OSError as error:  # of a full disk it names nothing, else what stands beside
        raise OSError(error.errno, error.strerror, str(path)) from error


def _write(path: Path, content: bytes) -> None:
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        mode = stat.S_IFREG
    if stat.S_ISLNK(mode) and path.exists() and not path.is_file():
        raise UsageError(f"{path} is a link, but not to a file; nothing was written")
    if not stat.S_ISLNK(mode) and not stat.S_ISREG(mode):
        path.write_bytes(content)
        return
    beside = path.with_name(f".{os.urandom(16).hex()}.part")
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
