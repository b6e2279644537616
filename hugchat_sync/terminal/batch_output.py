"""OUT of a batch: what is in it already, and one batch at a time that adds to it.

Reading back costs memory for the keys of the prompts, and not for any text.
"""

from __future__ import annotations

import csv
import io
import json
import os
import stat
import sys
import time
from collections import Counter
from contextlib import ExitStack
from hashlib import blake2b
from typing import Any, BinaryIO, Iterator, Union

from ..auth.cookies.disk import held
from ..errors import UsageError
from ..records import Result
from ..values import Value, with_fields
from . import output
from .batch_input import Line, Prompts

_FAR = 1 << 40  # Windows locks bytes, and keeps everybody from reading those
_KEPT = 1.0  # seconds at most until what was written is on the disk


class Target:
    """OUT, opened, locked and read.

    What is no regular file, such as a pipe or a terminal, is written and never read. A regular one
    is never replaced: others may hold it open, and links lead to it.

    :param name: a path, or ``"-"`` for stdout.
    :param stack: closes it.
    :raises UsageError: another batch writes it, it holds something else than answers, or it cannot
        be used at all.
    """

    def __init__(self, name: str, prompts: Prompts, stack: ExitStack) -> None:
        self.is_regular = False  # it is a file on a disk
        self._name = name
        self._form: _Form = _Table(prompts) if name.lower().endswith(".csv") else _JsonLines()
        self._descriptor: int | None = None  # of stdout
        self._keys: list[bytes] = []
        # the name of the last error of each prompt in OUT, "" for an answer
        self._outcomes: dict[bytes, str] = {}
        self._unsaved: float | None = None  # when the first of what is not on the disk was written
        if name != "-":
            try:
                self._open(stack)
            except UsageError:
                raise
            except (OSError, ValueError) as error:  # a ValueError: a NUL in the name
                why = getattr(error, "strerror", None) or error
                raise UsageError(f"{name} cannot be written: {why}") from error
            stack.callback(self.save)

    def _open(self, stack: ExitStack) -> None:
        name = self._name
        self.is_regular = not os.path.exists(name) or stat.S_ISREG(os.stat(name).st_mode)
        more = os.O_RDWR | os.O_CREAT | os.O_APPEND if self.is_regular else os.O_WRONLY
        self._descriptor = os.open(name, more | getattr(os, "O_BINARY", 0), 0o666)
        stack.callback(os.close, self._descriptor)
        if self.is_regular:
            _lock(name, stack)
            self._read(self._descriptor)

    def _read(self, descriptor: int) -> None:
        """Take note of what is in OUT, and mend its end if a run was killed while it wrote."""
        whole = 0  # bytes
        with open(self._name, "rb") as stream:
            for number, found in enumerate(self._form.read(stream), 1):
                if found.is_torn:
                    os.ftruncate(descriptor, whole)
                elif found.key is None:
                    raise UsageError(f"{self._name}, line {number}: this is no answer of a batch")
                elif found.key:
                    self._outcomes[found.key] = found.error
                if found.lacks_end and not found.is_torn:
                    self._append(descriptor, b"\n")
                whole += found.size

    def left(self, lines: list[Line], *, retry_failed: bool) -> list[Line]:
        """Return the prompts that are to be asked."""
        self._keys = self._form.keys(lines)
        return [
            line
            for line, key in zip(lines, self._keys)
            if key not in self._outcomes or (retry_failed and self._outcomes[key])
        ]

    def begin(self) -> None:
        """Write what stands above the first answer, where nothing is there yet."""
        if self._form.head and not (self.is_regular and os.path.getsize(self._name)):
            self._put(self._form.head)

    def write(self, line: Line, result: Result) -> None:
        """Add the answer to a prompt."""
        self._put(self._form.written(line, result))
        self._outcomes[self._keys[line.index]] = (_failure(result) or "").partition(":")[0]
        self.save(_KEPT)

    def save(self, after: float = 0.0) -> None:
        """Have the disk keep what was written, if that was *after* seconds ago."""
        now = time.monotonic()
        if self._unsaved is None or self._descriptor is None or now - self._unsaved < after:
            return
        if self.is_regular:
            os.fsync(self._descriptor)
        self._unsaved = None

    @property
    def failures(self) -> list[str]:
        """The names of the errors that stand in OUT."""
        return [name for name in self._form.of_all(self._outcomes, self._keys).values() if name]

    def _put(self, content: bytes) -> None:
        if self._descriptor is None:
            output.write(content.decode("utf-8"))
            return
        self._append(self._descriptor, content)
        self._unsaved = self._unsaved or time.monotonic()

    def _append(self, descriptor: int, content: bytes) -> None:
        try:
            while content:
                content = content[os.write(descriptor, content) :]
        except BrokenPipeError:
            raise
        except OSError as error:
            raise OSError(error.errno, error.strerror, self._name) from error


def _lock(name: str, stack: ExitStack) -> None:
    handle = os.open(name, os.O_RDWR)
    stack.callback(os.close, handle)
    os.lseek(handle, _FAR, os.SEEK_SET)
    try:
        stack.enter_context(held(handle, 0.0))
    except TimeoutError:
        raise UsageError(
            f"another batch is writing {name}: wait until it has ended, or name another file"
        ) from None
    except OSError as error:
        output.complain(
            f"warning: {name} cannot be locked here ({error.strerror}): run one batch at a time"
        )


# the forms of OUT ------------------------------------------------------------------------------


@with_fields
class _Found(Value):
    """A piece of OUT: the key of its prompt, ``None`` if it is no answer, and the error's name."""

    size: int  # bytes
    key: bytes | None
    error: str = ""
    is_torn: bool = False  # a run was killed while it wrote
    lacks_end: bool = False


def _failure(result: Result) -> str | None:
    """Return what OUT says of a failure."""
    error = result.error
    return None if error is None else f"{type(error).__name__}: {error}"


def _digest(*parts: Any) -> bytes:
    return blake2b(json.dumps(parts, sort_keys=True).encode("ascii"), digest_size=16).digest()


def _name(error: object) -> str:
    return sys.intern(str(error or "").partition(":")[0])


class _JsonLines:
    """An object a line."""

    head = b""
    _beginning = b'{"index": '

    def keys(self, lines: list[Line]) -> list[bytes]:
        """Return what tells each prompt apart, the same in both files."""
        return [self._key(line.index, line.id, line.prompt) for line in lines]

    def _key(self, index: Any, given: Any, prompt: str) -> bytes:
        # with an id of its own, a prompt may move inside the file
        return _digest(index if given is None else None, given, prompt)

    def written(self, line: Line, result: Result) -> bytes:
        """Return an answer as OUT has it; in ASCII, so that no letter can be amiss."""
        value = {
            "index": line.index,
            "id": line.id,
            "prompt": line.prompt,
            "text": result.text,
            "error": _failure(result),
            "seconds": result.seconds,
        }
        return f"{json.dumps(value)}\n".encode("ascii")

    def read(self, stream: BinaryIO) -> Iterator[_Found]:
        """Yield what is in OUT, in its order."""
        for raw in stream:
            lacks_end = not raw.endswith(b"\n")
            if not raw.strip():
                yield _Found(len(raw), b"")
                continue
            value = _object(raw)
            if value is None:
                yield _Found(len(raw), None, is_torn=lacks_end and self._is_begun(raw))
            else:
                key = self._key(value["index"], value.get("id"), value["prompt"])
                yield _Found(len(raw), key, _name(value.get("error")), lacks_end=lacks_end)

    def of_all(self, found: dict[bytes, str], keys: list[bytes]) -> dict[bytes, str]:
        """Return the outcomes of *found* that count."""
        return found

    def _is_begun(self, raw: bytes) -> bool:
        """Return whether a line is the beginning of one of ours.

        A power cut leaves NULs where the rest of it was to be.
        """
        begun = raw.rstrip(b"\0")
        return begun.startswith(self._beginning) or self._beginning.startswith(begun)


def _object(raw: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(raw.decode("utf-8"))
    except (ValueError, RecursionError):
        return None
    fits = isinstance(value, dict) and "index" in value and isinstance(value.get("prompt"), str)
    return value if fits else None


class _Table:
    """The columns of IN, and behind them the text and the error.

    The same row may stand in IN more than once: the answers to it are counted.
    """

    def __init__(self, prompts: Prompts) -> None:
        answer_columns = [
            f"answer_{name}" if name in prompts.columns else name for name in ("text", "error")
        ]
        self._columns = [*prompts.columns, *answer_columns]
        self.head = _row(self._columns)

    def keys(self, lines: list[Line]) -> list[bytes]:
        seen: Counter[bytes] = Counter()
        found = []
        for line in lines:
            which = _digest(line.row)
            found.append(_digest(which.hex(), seen[which]))
            seen[which] += 1
        return found

    def written(self, line: Line, result: Result) -> bytes:
        return _row([*line.row, result.text or "", _failure(result) or ""])

    def read(self, stream: BinaryIO) -> Iterator[_Found]:
        """Yield what each row is; first those that were answered, so that these are counted."""
        answered: Counter[bytes] = Counter()
        failed: list[tuple[bytes, str]] = []
        is_head = True
        for raw in _records(stream):
            lacks_end = bool(raw.strip()) and not raw.endswith(b"\n")
            row, is_torn = _fields(raw), False
            key: bytes | None = b""
            if is_head:
                is_torn = lacks_end and raw != self.head and self.head.startswith(raw.rstrip(b"\0"))
                known = row == self._columns or raw.rstrip(b"\r\n") == self.head.rstrip(b"\r\n")
                key, is_head = b"" if known else None, False
            elif raw.strip() and len(row) != len(self._columns):
                key, is_torn = None, lacks_end
            elif raw.strip():
                which, error = _digest(row[:-2]), _name(row[-1])
                if error:
                    failed.append((which, error))
                else:
                    key = _digest(which.hex(), answered[which])
                    answered[which] += 1
            yield _Found(len(raw), key, is_torn=is_torn, lacks_end=lacks_end)
        for which, error in failed:
            yield _Found(0, _digest(which.hex(), answered[which]), error)
            answered[which] += 1

    def of_all(self, found: dict[bytes, str], keys: list[bytes]) -> dict[bytes, str]:
        """Leave out the failures of rows that were answered later."""
        return {key: found[key] for key in keys if key in found}


def _row(values: list[str]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n").writerow(values)
    return text.getvalue().encode("utf-8", "backslashreplace")


def _fields(raw: bytes) -> list[str]:
    text = raw.decode("utf-8-sig", "replace").replace("\0", "")
    return next(csv.reader(io.StringIO(text, newline="")), [])


def _records(stream: BinaryIO) -> Iterator[bytes]:
    """Yield the rows of a table, which may have line breaks inside quotes."""
    pieces: list[bytes] = []
    is_open = False
    for raw in stream:
        pieces.append(raw)
        if raw.count(b'"') % 2:
            is_open = not is_open
        if not is_open:
            yield b"".join(pieces)
            pieces = []
    if pieces:
        yield b"".join(pieces)


_Form = Union[_JsonLines, _Table]
