"""Files on their way to the server: read, named, measured."""

from __future__ import annotations

import mimetypes
import os
from pathlib import Path
from typing import Callable, Iterable, Sequence, Tuple, Union

from ..dialects.base import Dialect, Upload
from ..errors import TooLarge, UsageError
from ..records import Model

LARGEST = 10 * 1024 * 1024  # bytes, as the server counts them

FileArgument = Union[str, "os.PathLike[str]", Tuple[str, bytes, str]]


def read_uploads(files: Iterable[FileArgument]) -> tuple[Upload, ...]:
    """Return *files* ready to be sent.

    :param files: paths, or ``(name, bytes, mime)``.
    :raises UsageError: a file is empty, cannot be read, or is given in another form.
    :raises TooLarge: a file is over 10 MiB; nothing was sent.
    """
    if isinstance(files, (str, os.PathLike)):
        raise UsageError("files is a list of files; write files=[path]")
    return tuple(_upload(file) for file in files)


def check_files(
    dialect: Dialect, uploads: Sequence[Upload], model: Callable[[], Model | None]
) -> None:
    """Refuse files where a server takes none, and images where the model cannot see.

    :param model: asks which model is to answer; called only where it matters.
    :raises FeatureUnavailable: the server takes none; nothing was sent.
    :raises UsageError: the model cannot see; nothing was sent.
    """
    if uploads and "files" not in dialect.features:
        dialect.lacks("files")
    images = [upload.name for upload in uploads if upload.mime.lower().startswith("image/")]
    found = model() if images else None
    if found is not None and not found.multimodal and not found.is_router:
        raise UsageError(
            f"the model {found.id!r} cannot see {images[0]}: choose one that is multimodal, see "
            "models()"
        )


def _upload(file: FileArgument) -> Upload:
    if isinstance(file, (str, os.PathLike)):
        return _from_path(Path(file))
    try:
        name, content, mime = file
    except (TypeError, ValueError) as error:
        raise UsageError("a file is a path or (name, bytes, mime)") from error
    if not isinstance(name, str) or not isinstance(content, bytes) or not isinstance(mime, str):
        raise UsageError("a file is a path or (name, bytes, mime)")
    name = _text(name)
    _check(name, len(content))
    return Upload(name, content, mime)


def _from_path(path: Path) -> Upload:
    name = _text(path.name)
    try:
        if path.stat().st_size > LARGEST:
            _check(name, path.stat().st_size)
        content = path.read_bytes()
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:  # a NUL in it, or letters that the file system does not know
        raise UsageError(f"cannot read {str(path)!r}: {error}") from error
    _check(name, len(content))  # a pipe tells no size beforehand
    mime = mimetypes.guess_type(name)[0] or "application/octet-stream"
    return Upload(name, content, mime)


def _text(name: str) -> str:
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


def _check(name: str, size: int) -> None:
    if not size:
        raise UsageError(f"{name} is empty")
    if size > LARGEST:
        raise TooLarge(f"{name} has {size} bytes; the server takes files of up to {LARGEST}")
