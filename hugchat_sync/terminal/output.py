"""What goes where: answers to stdout, everything else to stderr."""

from __future__ import annotations

import errno
import json
import os
import re
import sys
from dataclasses import fields, is_dataclass
from typing import Any, Iterable, Mapping

#: Control characters could move the cursor, recolour the screen or worse; no text needs them.
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def on_terminal() -> bool:
    """Return whether the answers are read by a human at a terminal."""
    return sys.stdout is not None and sys.stdout.isatty()


def shown(text: str) -> str:
    """Return *text* as a terminal may have it: without characters that would control it."""
    return _CONTROLS.sub("", text.replace("\r\n", "\n"))


def write(text: str) -> None:
    """Write a piece of an answer, at once."""
    if sys.stdout is None:
        raise OSError(errno.EBADF, "stdout is closed")
    sys.stdout.write(shown(text) if on_terminal() else text)
    sys.stdout.flush()


def write_line(text: str) -> None:
    """Write a line of an answer."""
    write(text if text.endswith("\n") else f"{text}\n")


def write_rows(rows: Iterable[str]) -> None:
    """Write lines; a line break inside a row would make two of it."""
    for row in rows:
        write_line(" ".join(row.splitlines()))


def write_json_line(value: Mapping[str, Any]) -> None:
    """Write one object on a line of its own; in ASCII, since other line breaks are not ASCII."""
    write_line(json.dumps(value))


def write_array(records: Iterable[Any]) -> None:
    """Write records as one JSON array."""
    write_line(json.dumps([plain(record) for record in records], indent=2, ensure_ascii=False))


def note(text: str) -> None:
    """Write a line about an answer, to stderr."""
    if sys.stderr is not None:
        line = shown(text) if sys.stderr.isatty() else text
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()


def complain(text: str) -> None:
    """Write what went wrong, to stderr, in one line."""
    note(f"hugchat-sync: {' '.join(text.split())}")


def plain(value: Any) -> Any:
    """Return records, events and what is in them as dicts, lists and bare values."""
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(name): plain(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(inner) for inner in value]
    if value is None or isinstance(value, (str, int, float)):
        return value
    return str(value)


def never_fail_on_letters() -> None:
    """Let streams of a poor encoding show a substitute instead of failing in mid-answer."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def mute_stdout() -> None:
    """Send what is still buffered nowhere: the reader of our pipe has gone."""
    try:
        descriptor = sys.stdout.fileno()
    except (OSError, ValueError):  # no file behind it, as in a test: nothing will be flushed
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)
