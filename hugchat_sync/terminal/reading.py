"""Where a question comes from: the words, stdin, or both."""

from __future__ import annotations

import codecs
import os
import queue
import re
import sys
import threading
import time
from pathlib import Path
from typing import Iterable

from ..chat.files import LARGEST
from ..errors import TimedOut, TooLarge, UsageError
from . import output

_SLICE = 0.5  # seconds; Windows delivers Ctrl-C only between waits
_PATIENCE = 3.0  # seconds of a silent stdin after which somebody may wonder what goes on
_PIECE = 65536

#: what a file begins with, the end of a name for it, its kind
_KINDS = (
    (rb"\x89PNG\r\n", "png", "image/png"),
    (rb"\xff\xd8\xff", "jpg", "image/jpeg"),
    (rb"GIF8[79]a", "gif", "image/gif"),
    (rb"(?s)RIFF....WEBP", "webp", "image/webp"),
    (rb"%PDF-", "pdf", "application/pdf"),
)

#: what a line begins with inside a quote or a list, and the fence behind it
_CONTAINERS = re.compile(r"(?: *(?:> ?|[-*+] |[0-9]{1,9}[.)] ))*")
_CONTAINER = re.compile(r" *(?:> ?|(?:[-*+]|[0-9]{1,9}[.)]) +)")


def read_utf8() -> None:
    """Have stdin read as UTF-8, unless a terminal says that it speaks something else.

    In the C locale it would be read as ASCII, whatever the terminal sends.
    """
    reconfigure = getattr(sys.stdin, "reconfigure", None)
    if reconfigure is None or sys.stdin.closed:
        return
    if not sys.stdin.isatty():
        reconfigure(encoding="utf-8-sig", errors="surrogateescape")
    elif codecs.lookup(sys.stdin.encoding).name == "ascii":
        reconfigure(encoding="utf-8", errors="surrogateescape")


def typed_path(word: str) -> Path:
    """Return the path that somebody typed, in the letters that the file system goes by."""
    return Path(os.path.expanduser(os.fsdecode(word.encode("utf-8", "surrogateescape"))))


def stdin_is_terminal() -> bool:
    """Return whether a human would have to type what is read from stdin."""
    return sys.stdin is not None and sys.stdin.isatty()


def read_stdin() -> str:
    """Return everything on stdin.

    :raises UsageError: it is no text, or cannot be read.
    """
    if sys.stdin is None:
        return ""
    buffer = getattr(sys.stdin, "buffer", None)
    if buffer is None:
        return sys.stdin.read()
    try:
        return _decoded(buffer.read())
    except OSError as error:  # as nohup leaves it
        raise UsageError(f"stdin cannot be read: {error.strerror}") from error


def _decoded(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"stdin is no UTF-8 text (byte {error.start})") from error


class _Stdin(threading.Thread):
    """Reads stdin: in a thread, since Windows has no other way to look whether something is there.

    A daemon that reads below Python's own buffer, whose lock would be missed at the exit.
    """

    def __init__(self) -> None:
        super().__init__(name="hugchat-sync stdin", daemon=True)
        self.pieces: queue.Queue[bytes] = queue.Queue()  # an empty one is the end
        self._descriptor = sys.stdin.fileno()

    def run(self) -> None:
        try:
            while True:
                piece = os.read(self._descriptor, _PIECE)
                self.pieces.put(piece)
                if not piece:
                    return
        except OSError:  # nothing can be read there, as nohup leaves it: nothing is
            self.pieces.put(b"")

    def read(self, total: float, most: float = float("inf")) -> bytes:
        """Return what is there until the end, or a little more than *most* bytes.

        :raises TimedOut: it did not end in time.
        """
        self.start()
        began, content, told = time.monotonic(), bytearray(), False
        while len(content) <= most:
            waited = time.monotonic() - began
            if waited >= total:
                raise TimedOut(
                    "stdin was not closed in time, and nothing was sent; --no-input leaves it "
                    "unread",
                    phase="total",
                )
            if not told and not content and waited >= _PATIENCE:
                output.note(
                    "waiting for stdin to end, to send it along; --no-input leaves it unread"
                )
                told = True
            try:
                piece = self.pieces.get(timeout=min(_SLICE, total - waited))
            except queue.Empty:
                continue
            if not piece:
                break
            content += piece
        return bytes(content)


def _read_context(total: float) -> str:
    """Return what is piped in beside a question; a stdin that is silent is told of.

    :param total: seconds.
    :raises TimedOut: stdin was not closed within them.
    """
    try:
        reader = _Stdin()
    except (AttributeError, OSError, ValueError):  # none, or no file: reading it waits for nobody
        return read_stdin()
    return _decoded(reader.read(total))


def ask_human(question: str) -> str:
    """Return the line that a human types; the question is on stderr, for stdout has the answers.

    :raises UsageError: Ctrl-D was typed instead.
    """
    sys.stderr.write(question)
    sys.stderr.flush()
    try:
        return input()
    except EOFError as error:
        raise UsageError("nothing was typed") from error


def read_file(total: float) -> tuple[str, bytes, str]:
    """Return the file that is on stdin, with a name and a kind by what it begins with.

    :param total: seconds that it has to end.
    :raises UsageError: it cannot be read.
    :raises TooLarge: it is larger than the server takes.
    """
    content = _read_bytes(total)
    if len(content) > LARGEST:
        raise TooLarge(f"stdin has more than the {LARGEST} bytes that the server takes as a file")
    if not content:
        raise UsageError("stdin is empty: -f - attaches what is piped in")
    for begin, name, kind in _KINDS:
        if re.match(begin, content):
            return f"stdin.{name}", content, kind
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return "stdin.bin", content, "application/octet-stream"
    return "stdin.txt", content, "text/plain"


def _read_bytes(total: float) -> bytes:
    buffer = getattr(sys.stdin, "buffer", None)
    if stdin_is_terminal() or buffer is None:
        return read_stdin().encode("utf-8")
    try:
        reader = _Stdin()
    except (AttributeError, OSError, ValueError):  # no file: reading it waits for nobody
        found: bytes = buffer.read(LARGEST + 1)
        return found
    return reader.read(total, LARGEST)


def read_prompt(
    stated: str | None, total: float, *, no_input: bool = False, is_taken: bool = False
) -> str:
    """Return the question.

    :param stated: the word of the command line; ``"-"`` is stdin.
    :param total: seconds that what is piped in beside a question has to end.
    :param no_input: stdin is not read and nobody is asked.
    :param is_taken: stdin holds something else.
    :raises UsageError: there is no question, or it is no text.
    :raises TimedOut: stdin did not end in time.
    """
    if is_taken:
        if no_input:
            raise UsageError("-f - reads stdin, and --no-input does not: leave one of them out")
        if stated is None or stated == "-":
            raise UsageError("-f - takes stdin for a file: give the question as PROMPT")
        return _checked(stated)
    if stated == "-" and not no_input:
        return _checked(read_stdin())
    if no_input or stdin_is_terminal():
        if stated is None and not no_input:
            stated = ask_human("Question: ")
        return _checked(stated if stated != "-" else None)
    if stated is None:
        return _checked(read_stdin())
    piped = _read_context(total)
    return _checked(f"{stated}\n\n{piped}" if piped.strip() else stated)


def _checked(text: str | None) -> str:
    if text is None or not text.strip():
        raise UsageError("there is no question: give PROMPT, or pipe one into stdin")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise UsageError("the question holds bytes that are no UTF-8 text") from error
    return text


def first_code_block(text: str) -> str | None:
    """Return what is inside the first fenced code block; ``None`` where there is none.

    A fence is three or more backticks or tildes, also inside quotes and lists; one without an end
    runs to the end of the text, or of its quote.
    """
    lines = iter(text.split("\n"))
    for line in lines:
        before = _CONTAINERS.match(line)
        prefix = before.group() if before else ""
        bare = line[len(prefix) :].lstrip(" ")
        fence = _fence(bare)
        if fence:
            return _block(lines, prefix, len(line) - len(prefix) - len(bare), fence)
    return None


def _block(lines: Iterable[str], prefix: str, indent: int, fence: str) -> str:
    """Return the lines of a block up to its end.

    :param prefix: the marks of quotes and lists before the fence.
    :param indent: blanks between them and the fence.
    """
    inside: list[str] = []
    for line in lines:
        within = _without(line, prefix)
        if within is None:
            break
        bare = within.lstrip(" ")
        if bare.startswith(fence) and not bare.rstrip().strip(fence[0]):
            break
        inside.append(within[min(indent, len(within) - len(bare)) :])
    else:
        if inside and not inside[-1]:  # the line break at the end of the text
            inside.pop()
    return "".join(f"{kept}\n" for kept in inside)


def _without(line: str, prefix: str) -> str | None:
    """Return a line without what the marks before a fence take; ``None`` once a quote is over."""
    for mark in _CONTAINER.findall(prefix):
        blanks = len(line) - len(line.lstrip(" "))
        if ">" not in mark:
            line = line[min(blanks, len(mark)) :]
        elif line[blanks : blanks + 1] == ">":
            line = line[blanks + 1 :]
            line = line[1:] if line.startswith(" ") else line
        else:
            return None
    return line


def _fence(line: str) -> str:
    """Return the fence that a line opens; ``""`` for a line that opens none."""
    for letter in ("`", "~"):
        length = len(line) - len(line.lstrip(letter))
        if length >= 3 and not (letter == "`" and "`" in line[length:]):
            return letter * length
    return ""
