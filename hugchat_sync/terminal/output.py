"""What goes where: answers to stdout, everything else to stderr."""

from __future__ import annotations

import errno
import json
import logging
import os
import re
import shutil
import sys
import unicodedata
from bisect import bisect_right
from itertools import accumulate
from typing import Any, Callable, Iterable, Mapping, Sequence, TextIO

from ..values import Value, names_of

#: Control characters could move the cursor, recolour the screen or worse; no text needs them.
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")

#: Unicode's Bidi_Control: these put letters in another order than that in which they are read.
_DIRECTIONS = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def on_terminal() -> bool:
    """Return whether the answers are read by a human at a terminal."""
    return sys.stdout is not None and sys.stdout.isatty()


def make_safe(text: str) -> str:
    """Return *text* as a terminal may have it: without characters that would control it.

    Text that runs from right to left needs none of those that are escaped.
    """
    return _DIRECTIONS.sub(_escape, _CONTROLS.sub("", text.replace("\r\n", "\n")))


def _escape(found: re.Match[str]) -> str:
    return f"\\u{ord(found.group()):04x}"


def write(text: str) -> None:
    """Write a piece of an answer, at once."""
    if sys.stdout is None:
        raise OSError(errno.EBADF, "stdout is closed")
    sys.stdout.write(make_safe(text) if on_terminal() else text)
    sys.stdout.flush()


def write_line(text: str) -> None:
    """Write a line of an answer."""
    write(text if text.endswith("\n") else f"{text}\n")


def write_rows(rows: Iterable[str]) -> None:
    """Write lines; a line break inside a row would make two of it."""
    for row in rows:
        write_line(" ".join(row.splitlines()))


def fit(text: str, taken: int) -> str:
    """Return *text* in one line, cut where the terminal ends; whole where there is no terminal.

    :param taken: columns that are taken by what stands before it.
    """
    line = " ".join(text.split())
    if not on_terminal():
        return line
    line, room = make_safe(line), max(8, columns() - taken)
    ends = list(accumulate(map(_width, line)))
    if not ends or ends[-1] <= room:
        return line
    return line[: bisect_right(ends, room - 1)] + ("…" if _takes("…") else "~")


def columns() -> int:
    """Return how wide the terminal is."""
    return shutil.get_terminal_size().columns


def _width(letter: str) -> int:
    if unicodedata.combining(letter):
        return 0
    return 2 if unicodedata.east_asian_width(letter) in "WF" else 1


def as_json(value: Any, **how: Any) -> str:
    """Return a value as JSON; records and events, and those inside it, as objects."""
    return json.dumps(value, default=_fields_of, **how)


def _fields_of(value: Any) -> Any:
    if isinstance(value, Value):
        return {name: getattr(value, name) for name in names_of(value)}
    return dict(value) if isinstance(value, Mapping) else str(value)


def write_event(kind: str, fields: Any) -> None:
    """Write an object on a line of its own; in ASCII, since other line breaks are not ASCII."""
    write_line(as_json({"type": kind, **_fields_of(fields)}))


def write_array(records: Sequence[Any]) -> None:
    """Write records as one JSON array, in ASCII where the stream cannot take its letters."""
    text = as_json(records, indent=2, ensure_ascii=False)
    if on_terminal():  # what is escaped here is not taken away there
        for unwanted in (_CONTROLS, _DIRECTIONS):
            text = unwanted.sub(_escape, text)
    if not _takes(text):
        text = as_json(records, indent=2)
    write_line(text)


def _takes(text: str) -> bool:
    """Return whether stdout can take every letter of a text."""
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except UnicodeError:
        return False
    return True


def note(text: str) -> None:
    """Write a line about an answer, to stderr."""
    if sys.stderr is None:
        return
    try:
        line = make_safe(text) if sys.stderr.isatty() else text
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()
    except OSError:  # the terminal is gone, or the disk full: there is nobody left to tell
        _mute(sys.stderr)


def complain(text: str) -> None:
    """Write what went wrong, to stderr, in one line."""
    note(f"hugchat-sync: {' '.join(text.split())}")


class Log(logging.Handler):
    """Shows what is logged as everything else is shown: it may quote what a server sent."""

    def __init__(self, show: Callable[[str], None]) -> None:
        super().__init__(logging.WARNING)
        self._show = show

    def emit(self, record: logging.LogRecord) -> None:
        """Show a record, without its traceback where there is no formatter that adds it."""
        self._show(self.format(record) if self.formatter else record.getMessage())


def never_fail_on_letters() -> None:
    """Let streams of a poor encoding show a substitute instead of failing in mid-answer."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def finish() -> None:
    """Write what is still buffered; what cannot be written is not tried again at the exit."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None and not stream.closed:
            try:
                stream.flush()
            except OSError:  # its reader has gone, or it was told before
                _mute(stream)


def _mute(stream: TextIO) -> None:
    """Send what is still buffered, and what comes, nowhere."""
    try:
        descriptor = stream.fileno()
    except (OSError, ValueError):  # no file behind it, as in a test: nothing will be flushed
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)
