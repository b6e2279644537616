"""OUT of a batch: what is in it already, and one batch at a time that adds to it."""

from __future__ import annotations

import os
import stat
import time
from contextlib import ExitStack, contextmanager
from typing import Iterator

from ..auth.cookies.disk import held
from ..errors import UsageError
from ..records import Result
from . import output
from .batch_lines import Line, Prompts
from .batch_outcomes import JsonLines, Outcomes, Table, failure

_FAR = 1 << 40  # Windows locks bytes, and keeps everybody from reading those
_KEPT = 1.0  # seconds at most until what was written is on the disk


class Target:
    """OUT.

    :param descriptor: where the lines go; ``None`` for stdout.
    :param is_regular: it is a file on a disk.
    :param outcomes: the name of the last error of each prompt in OUT, ``""`` for an answer.
    """

    def __init__(
        self,
        name: str,
        descriptor: int | None,
        form: Outcomes,
        outcomes: dict[bytes, str],
        *,
        is_regular: bool = False,
    ) -> None:
        self.is_regular = is_regular
        self._outcomes = outcomes
        self._name = name
        self._descriptor = descriptor
        self._form = form
        self._keys: list[bytes] = []
        self._unsaved: float | None = None  # when the first of what is not on the disk was written

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
        self._outcomes[self._keys[line.index]] = (failure(result) or "").partition(":")[0]
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
        _write(self._descriptor, content, self._name)
        self._unsaved = self._unsaved or time.monotonic()


def _write(descriptor: int, content: bytes, name: str) -> None:
    try:
        while content:
            content = content[os.write(descriptor, content) :]
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OSError(error.errno, error.strerror, name) from error


@contextmanager
def opened_target(name: str, prompts: Prompts) -> Iterator[Target]:
    """Give OUT, which is locked meanwhile.

    What is no regular file, such as a pipe or a terminal, is written and never read. A regular one
    is never replaced: others may hold it open, and links lead to it.

    :param name: a path, or ``"-"`` for stdout.
    :raises UsageError: another batch writes it, it holds something else than answers, or it cannot
        be used at all.
    """
    form: Outcomes = Table(prompts) if name.lower().endswith(".csv") else JsonLines()
    if name == "-":
        yield Target(name, None, form, {})
        return
    with ExitStack() as stack:
        try:
            regular = not os.path.exists(name) or stat.S_ISREG(os.stat(name).st_mode)
            more = os.O_RDWR | os.O_CREAT | os.O_APPEND if regular else os.O_WRONLY
            descriptor = os.open(name, more | getattr(os, "O_BINARY", 0), 0o666)
            stack.callback(os.close, descriptor)
            if regular:
                _lock(name, stack)
            outcomes = _read(name, descriptor, form) if regular else {}
        except (OSError, ValueError) as error:  # a ValueError: a NUL in the name
            raise _refusal(name, error) from error
        target = Target(name, descriptor, form, outcomes, is_regular=regular)
        try:
            yield target
        finally:
            target.save()


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


def _read(name: str, descriptor: int, form: Outcomes) -> dict[bytes, str]:
    """Return what is in OUT, and mend its end if a run was killed while it wrote."""
    outcomes: dict[bytes, str] = {}
    whole = 0  # bytes
    with open(name, "rb") as stream:
        for number, found in enumerate(form.read(stream), 1):
            if found.is_torn:
                os.ftruncate(descriptor, whole)
            elif found.key is None:
                raise UsageError(f"{name}, line {number}: this is no answer of a batch")
            elif found.key:
                outcomes[found.key] = found.error
            if found.lacks_end and not found.is_torn:
                _write(descriptor, b"\n", name)
            whole += found.size
    return outcomes
