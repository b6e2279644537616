"""OUT of a batch: what is in it already, and one batch at a time that adds to it."""

from __future__ import annotations

import os
import stat
from contextlib import ExitStack, contextmanager
from typing import Iterator

from ..auth.cookies.disk import held
from ..errors import UsageError
from ..records import Result
from . import output
from .batch_lines import Line, answer_line, failure, read_answer

_BEGINNING = b'{"index": '  # of each line that is written
_FAR = 1 << 40  # Windows locks bytes, and keeps everybody from reading those


class Target:
    """OUT.

    :param descriptor: where the lines go; ``None`` for stdout.
    :param outcomes: the last error of each prompt that is in OUT, ``""`` for an answer.
    """

    def __init__(self, name: str, descriptor: int | None, outcomes: dict[str, str]) -> None:
        self.outcomes = outcomes
        self._name = name
        self._descriptor = descriptor

    def write(self, line: Line, result: Result) -> None:
        """Add the answer to a prompt."""
        text = answer_line(line, result)
        if self._descriptor is None:
            output.write_line(text)
        else:
            _write(self._descriptor, f"{text}\n".encode("ascii"), self._name)
        self.outcomes[line.identity] = failure(result) or ""


def _write(descriptor: int, content: bytes, name: str) -> None:
    try:
        while content:
            content = content[os.write(descriptor, content) :]
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OSError(error.errno, error.strerror, name) from error


@contextmanager
def opened_target(name: str) -> Iterator[Target]:
    """Give OUT, which is locked meanwhile.

    What is no regular file, such as a pipe or a terminal, is written and never read. A regular one
    is never replaced: others may hold it open, and links lead to it.

    :param name: a path, or ``"-"`` for stdout.
    :raises UsageError: another batch writes it, it holds something else than answers, or it cannot
        be used at all.
    """
    if name == "-":
        yield Target(name, None, {})
        return
    with ExitStack() as stack:
        try:
            regular = not os.path.exists(name) or stat.S_ISREG(os.stat(name).st_mode)
            more = os.O_RDWR | os.O_CREAT | os.O_APPEND if regular else os.O_WRONLY
            descriptor = os.open(name, more | getattr(os, "O_BINARY", 0), 0o666)
            stack.callback(os.close, descriptor)
            if regular:
                _lock(name, stack)
            outcomes = _read(name, descriptor) if regular else {}
        except (OSError, ValueError) as error:  # a ValueError: a NUL in the name
            raise _refusal(name, error) from error
        yield Target(name, descriptor, outcomes)


def _refusal(name: str, error: Exception) -> UsageError:
    if isinstance(error, UsageError):
        return error
    why = error.strerror if isinstance(error, OSError) else str(error)
    return UsageError(f"{name} cannot be written: {why}")


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


def _read(name: str, descriptor: int) -> dict[str, str]:
    """Return what is in OUT, and mend its end if a run was killed while it wrote."""
    outcomes: dict[str, str] = {}
    whole = 0  # bytes
    with open(name, "rb") as stream:
        for number, raw in enumerate(stream, 1):
            found = read_answer(raw) if raw.strip() else None
            if found is not None:
                outcomes[found[0]] = found[1]
                if not raw.endswith(b"\n"):
                    _write(descriptor, b"\n", name)
            elif not raw.endswith(b"\n") and _is_torn(raw):
                os.ftruncate(descriptor, whole)
            elif raw.strip():
                raise UsageError(f"{name}, line {number}: this is no answer of a batch")
            whole += len(raw)
    return outcomes


def _is_torn(raw: bytes) -> bool:
    """Return whether a line without an end is the beginning of one of ours.

    A power cut leaves NULs where the rest of it was to be.
    """
    begun = raw.rstrip(b"\0")
    return begun.startswith(_BEGINNING) or _BEGINNING.startswith(begun)
