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
from codecs import BOM_UTF8
from collections import Counter
from contextlib import ExitStack
from hashlib import blake2b
from io import BufferedReader
from typing import Any, Iterable, Iterator, Optional, Tuple, Union

from ..auth.cookies.disk import hold_lock
from ..errors import UsageError
from ..records import Result
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
        self._lines = prompts.lines
        self._keys = self._form.keys(prompts.lines)
        self._descriptor: int | None = None  # of stdout
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
        end = 0
        with open(self._name, "rb") as stream:
            for number, (end, key, error) in enumerate(self._form.read(stream), 1):
                if key is None:
                    raise UsageError(f"{self._name}, line {number} is not an answer of a batch")
                if key is _TORN:
                    os.ftruncate(descriptor, end)
                elif key:
                    self._outcomes[key] = error
            stream.seek(max(end - 1, 0))
            if end and stream.read(1) != b"\n":
                self._append(descriptor, b"\n")

    def left(self, *, retry_failed: bool) -> list[Line]:
        """Return the prompts that are to be asked."""
        return [
            line
            for line, key in zip(self._lines, self._keys)
            if key not in self._outcomes or (retry_failed and self._outcomes[key])
        ]

    def begin(self) -> None:
        """Write what stands above the first answer, where nothing is there yet."""
        if self._form.head and not (self.is_regular and os.path.getsize(self._name)):
            self._put(self._form.head)

    def write(self, line: Line, result: Result) -> None:
        """Add the answer to a prompt."""
        error = result.error
        name = "" if error is None else type(error).__name__
        self._put(self._form.row(line, result, f"{name}: {error}" if name else None))
        self._outcomes[self._keys[line.index]] = name
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
    def failures(self) -> set[str]:
        """The names of the errors that stand in OUT."""
        return set(self._outcomes.values()) - {""}

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
        stack.enter_context(hold_lock(handle, 0.0))
    except TimeoutError:
        raise UsageError(
            f"another batch is writing {name}: wait until it has ended, or name another file"
        ) from None
    except OSError as error:
        output.complain(
            f"warning: {name} cannot be locked here ({error.strerror}): run one batch at a time"
        )


# the forms of OUT ------------------------------------------------------------------------------

#: A piece of OUT: the byte where it ends, the key of its prompt, and the name of its error. The
#: key is ``b""`` where there is no answer, ``None`` where there is something else, and ``_TORN``
#: where a run was killed while it wrote; that piece is to be cut off.
_Piece = Tuple[int, Optional[bytes], str]
_TORN = b"torn"


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

    def row(self, line: Line, result: Result, error: str | None) -> bytes:
        """Return an answer as OUT has it; in ASCII, so that no letter can be amiss."""
        value = {
            "index": line.index,
            "id": line.id,
            "prompt": line.prompt,
            "text": result.text,
            "error": error,
            "seconds": result.seconds,
        }
        return f"{json.dumps(value)}\n".encode("ascii")

    def read(self, stream: BufferedReader) -> Iterator[_Piece]:
        """Yield what is in OUT, in its order."""
        end = 0
        for raw in stream:
            value = _object(raw) if raw.strip() else {}
            if value is None:
                # a power cut leaves NULs where the rest of a line was to be
                begun, whole = raw.rstrip(b"\0"), self._beginning
                is_ours = begun.startswith(whole) or whole.startswith(begun)
                yield end, _TORN if is_ours and not raw.endswith(b"\n") else None, ""
                continue
            end += len(raw)
            key = self._key(value["index"], value.get("id"), value["prompt"]) if value else b""
            yield end, key, _name(value.get("error"))


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
        self._wanted: set[bytes] = set()
        self.head = _row(self._columns)

    def keys(self, lines: list[Line]) -> list[bytes]:
        """Return what tells each prompt apart: its row, and how many of that are before it."""
        seen: Counter[bytes] = Counter()
        keys = [_next_key(seen, line.row) for line in lines]
        self._wanted.update(keys)
        return keys

    def row(self, line: Line, result: Result, error: str | None) -> bytes:
        """Return an answer as OUT has it."""
        return _row([*line.row, result.text or "", error or ""])

    def read(self, stream: BufferedReader) -> Iterator[_Piece]:
        """Yield what each row is; behind them the failures, unless they were answered later."""
        begun, end = stream.read(len(self.head)), 0
        if begun != self.head and self.head.startswith(begun.rstrip(b"\0")):
            yield 0, _TORN, ""
            return
        stream.seek(len(BOM_UTF8) if begun.startswith(BOM_UTF8) else 0)
        raw = b""

        def texts() -> Iterator[str]:
            nonlocal raw
            for raw in stream:
                yield raw.decode("utf-8", "replace").replace("\0", "")

        answered: Counter[bytes] = Counter()
        failed: list[tuple[list[str], str]] = []
        try:
            for row in csv.reader(texts(), strict=True):
                key: bytes | None = b""
                if not end:
                    key = b"" if row == self._columns or begun == self.head else None
                elif raw.rstrip(b"\0").endswith(b'",'):  # the next column was not begun
                    key = _TORN
                elif raw.strip() and len(row) != len(self._columns):
                    key = None if raw.endswith(b"\n") else _TORN
                elif row and row[-1]:
                    failed.append((row[:-2], _name(row[-1])))
                elif row:
                    key = _next_key(answered, row[:-2])
                end = end if key is _TORN else stream.tell()
                yield end, key, ""
        except csv.Error:  # a quote is open at the end
            yield end, None if stream.peek(1) or not end else _TORN, ""
        for given, error in failed:
            key = _next_key(answered, given)
            yield end, key if key in self._wanted else b"", error


def _next_key(seen: Counter[bytes], row: Iterable[str]) -> bytes:
    """Return the key of a row that comes once more, by what a table keeps of it."""
    which = _digest(_row(row).replace(b"\0", b"").decode("utf-8"))
    seen[which] += 1
    return _digest(which.hex(), seen[which])


def _row(values: Iterable[str]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n").writerow(values)
    return text.getvalue().encode("utf-8", "backslashreplace")


_Form = Union[_JsonLines, _Table]
