"""What OUT of a batch is written in, JSON lines or a table, and what can be read back of it.

Reading back costs memory for the keys of the prompts, and not for any text.
"""

from __future__ import annotations

import csv
import io
import json
import sys
from abc import ABC, abstractmethod
from collections import Counter
from hashlib import blake2b
from typing import Any, BinaryIO, Iterator

from ..records import Result
from ..values import Value
from .batch_lines import Line, Prompts


class Found(Value):
    """A piece of OUT: the key of its prompt, ``None`` if it is no answer, and the error's name."""

    size: int  # bytes
    key: bytes | None
    error: str = ""
    is_torn: bool = False  # a run was killed while it wrote
    lacks_end: bool = False


class Outcomes(ABC):
    """One way of writing OUT."""

    head: bytes = b""

    @abstractmethod
    def keys(self, lines: list[Line]) -> list[bytes]:
        """Return what tells each prompt apart, here and in OUT."""

    @abstractmethod
    def written(self, line: Line, result: Result) -> bytes:
        """Return the answer to a prompt as OUT has it."""

    @abstractmethod
    def read(self, stream: BinaryIO) -> Iterator[Found]:
        """Yield what is in OUT, in its order."""

    def of_all(self, found: dict[bytes, str], keys: list[bytes]) -> dict[bytes, str]:
        """Return the outcomes of *found* that count."""
        return found


def failure(result: Result) -> str | None:
    """Return what OUT says of a failure."""
    error = result.error
    return None if error is None else f"{type(error).__name__}: {error}"


def _digest(*parts: Any) -> bytes:
    return blake2b(json.dumps(parts, sort_keys=True).encode("ascii"), digest_size=16).digest()


def _name(error: object) -> str:
    return sys.intern(str(error or "").partition(":")[0])


class JsonLines(Outcomes):
    """An object a line."""

    _beginning = b'{"index": '

    def keys(self, lines: list[Line]) -> list[bytes]:
        """Return what is the same for the same prompt in both files."""
        return [self._key(line.index, line.id, line.prompt) for line in lines]

    def _key(self, index: Any, given: Any, prompt: str) -> bytes:
        # with an id of its own, a prompt may move inside the file
        return _digest(index if given is None else None, given, prompt)

    def written(self, line: Line, result: Result) -> bytes:
        """Return the line of OUT for a result; in ASCII, so that no letter can be amiss."""
        value = {
            "index": line.index,
            "id": line.id,
            "prompt": line.prompt,
            "text": result.text,
            "error": failure(result),
            "seconds": result.seconds,
        }
        return f"{json.dumps(value)}\n".encode("ascii")

    def read(self, stream: BinaryIO) -> Iterator[Found]:
        """Yield what each line is."""
        for raw in stream:
            lacks_end = not raw.endswith(b"\n")
            if not raw.strip():
                yield Found(len(raw), b"")
                continue
            value = _object(raw)
            if value is None:
                yield Found(len(raw), None, is_torn=lacks_end and self._is_begun(raw))
            else:
                key = self._key(value["index"], value.get("id"), value["prompt"])
                yield Found(len(raw), key, _name(value.get("error")), lacks_end=lacks_end)

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


class Table(Outcomes):
    """The columns of IN, and behind them the text and the error.

    The same row may stand in IN more than once: the answers to it are counted.
    """

    def __init__(self, prompts: Prompts) -> None:
        own = [f"answer_{name}" if name in prompts.columns else name for name in ("text", "error")]
        self._columns = [*prompts.columns, *own]
        self.head = _row(self._columns)

    def keys(self, lines: list[Line]) -> list[bytes]:
        """Return what is the same for the same row in both files."""
        seen: Counter[bytes] = Counter()
        found = []
        for line in lines:
            which = _digest(line.row)
            found.append(_digest(which.hex(), seen[which]))
            seen[which] += 1
        return found

    def written(self, line: Line, result: Result) -> bytes:
        """Return the row of OUT for a result."""
        return _row([*line.row, result.text or "", failure(result) or ""])

    def read(self, stream: BinaryIO) -> Iterator[Found]:
        """Yield what each row is; first those that were answered, so that these are counted."""
        answered: Counter[bytes] = Counter()
        failed: list[tuple[bytes, str]] = []
        is_head = True
        for raw in _records(stream):
            lacks_end = not raw.endswith(b"\n")
            if is_head:
                torn = lacks_end and self.head.startswith(raw.rstrip(b"\0")) and raw != self.head
                known = raw.rstrip(b"\r\n") == self.head.rstrip(b"\r\n")
                known = known or _fields(raw) == self._columns
                is_head = False
                yield Found(len(raw), b"" if known else None, is_torn=torn, lacks_end=lacks_end)
                continue
            if not raw.strip():
                yield Found(len(raw), b"")
                continue
            row = _fields(raw)
            if len(row) != len(self._columns):
                yield Found(len(raw), None, is_torn=lacks_end)
                continue
            which, error = _digest(row[:-2]), _name(row[-1])
            if error:
                failed.append((which, error))
                yield Found(len(raw), b"", lacks_end=lacks_end)
            else:
                yield Found(len(raw), _digest(which.hex(), answered[which]), lacks_end=lacks_end)
                answered[which] += 1
        for which, error in failed:
            yield Found(0, _digest(which.hex(), answered[which]), error)
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
