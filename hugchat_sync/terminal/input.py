"""What is read: stdin, the question and the files in it, and the lines that somebody types."""

from __future__ import annotations

import codecs
import getpass
import os
import re
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Callable, Iterator, Mapping, Optional, Sequence, Tuple

from ..auth.cookies.disk import default_directory
from ..chat.files import LARGEST
from ..errors import TimedOut, TooLarge, UsageError
from . import output
from .embedded import make_directory
from .interrupts import wait_for

if TYPE_CHECKING:
    from prompt_toolkit import PromptSession
    from prompt_toolkit.completion import CompleteEvent, Completer, Completion
    from prompt_toolkit.document import Document
    from prompt_toolkit.history import History
    from prompt_toolkit.key_binding import KeyPressEvent

_PATIENCE = 3.0  # seconds of an open stdin after which somebody may wonder what goes on
_PIECE = 65536

#: what a file begins with, the end of a name for it, its kind
_KINDS = (
    (rb"\x89PNG\r\n", "png", "image/png"),
    (rb"\xff\xd8\xff", "jpg", "image/jpeg"),
    (rb"GIF8[79]a", "gif", "image/gif"),
    (rb"(?s)RIFF....WEBP", "webp", "image/webp"),
    (rb"%PDF-", "pdf", "application/pdf"),
)


# stdin ----------------------------------------------------------------------------------------


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


def stdin_is_terminal() -> bool:
    """Return whether a human would have to type what is read from stdin."""
    return sys.stdin is not None and sys.stdin.isatty()


def read_stdin() -> str:
    """Return everything on stdin.

    :raises UsageError: it is no text, or cannot be read.
    """
    return decode(_read_all())


def decode(content: bytes, source: str = "stdin") -> str:
    """Return what was read from somewhere as text.

    :raises UsageError: it is none.
    """
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"{source} is not UTF-8 text (byte {error.start})") from error


def _read_all(most: int = -1) -> bytes:
    if sys.stdin is None:
        return b""
    buffer = getattr(sys.stdin, "buffer", None)
    if buffer is None:
        return sys.stdin.read().encode("utf-8")
    try:
        found: bytes = buffer.read(most)
    except OSError as error:  # as nohup leaves it
        raise UsageError(f"stdin cannot be read: {error.strerror}") from error
    return found


def _read_pipe(total: float, most: int | None = None) -> bytes:
    """Return what is on stdin until its end, or a little more than *most* bytes.

    It is read in a thread, since Windows has no other way to look whether something is there: a
    daemon that reads below Python's own buffer, whose lock would be missed at the exit.

    :param total: seconds that it has to end; one that does not end soon is told of.
    :raises TimedOut: it did not.
    """
    try:
        descriptor = sys.stdin.fileno()
    except (AttributeError, OSError, ValueError):  # none, or no file: reading it waits for nobody
        return _read_all(-1 if most is None else most + 1)
    content, ended = bytearray(), threading.Event()

    def read() -> None:
        with suppress(OSError):  # nothing can be read there, as nohup leaves it: nothing is
            while most is None or len(content) <= most:
                piece = os.read(descriptor, _PIECE)
                if not piece:
                    break
                content.extend(piece)
        ended.set()

    threading.Thread(target=read, name="hugchat-sync stdin", daemon=True).start()
    if not wait_for(ended, min(_PATIENCE, total)):
        if total > _PATIENCE:
            output.note("waiting for stdin to end, to send it along; --no-input leaves it unread")
        if not wait_for(ended, total - _PATIENCE):
            raise TimedOut(
                "stdin was not closed in time, and nothing was sent; --no-input leaves it unread",
                phase="total",
            )
    return bytes(content)


# the question ---------------------------------------------------------------------------------


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
    text = stated
    if is_taken:
        if no_input:
            raise UsageError("-f - reads stdin, and --no-input does not: leave one of them out")
        if stated is None or stated == "-":
            raise UsageError("-f - takes stdin for a file: give the question as PROMPT")
    elif no_input:
        text = None if stated == "-" else stated
    elif stated == "-" or (stated is None and not stdin_is_terminal()):
        text = read_stdin()
    elif stated is None:
        text = ask_human("Question: ")
    elif not stdin_is_terminal():
        piped = decode(_read_pipe(total))
        text = f"{stated}\n\n{piped}" if piped.strip() else stated
    if text is None or not text.strip():
        raise UsageError("there is no question: give PROMPT, or pipe one into stdin")
    return require_text(text)


def require_text(question: str) -> str:
    """Return a question that can be sent.

    :raises UsageError: there are bytes in it that are no text.
    """
    try:
        question.encode("utf-8")
    except UnicodeEncodeError as error:
        raise UsageError("the question holds bytes that are not UTF-8 text") from error
    return question


def read_file(total: float) -> tuple[str, bytes, str]:
    """Return the file that is on stdin, with a name and a kind by what it begins with.

    :param total: seconds that it has to end.
    :raises UsageError: it cannot be read.
    :raises TooLarge: it is larger than the server takes.
    """
    content = _read_all() if stdin_is_terminal() else _read_pipe(total, LARGEST)
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


# what somebody types --------------------------------------------------------------------------


def ask_human(question: str, *, hidden: bool = False) -> str:
    """Return the line that a human types; the question is on stderr, for stdout has the answers.

    :param hidden: what is typed is shown nowhere.
    :raises UsageError: Ctrl-D was typed instead.
    """
    try:
        return _line(question, hidden=hidden)
    except EOFError as error:
        raise UsageError("nothing was typed") from error


def _line(question: str, *, hidden: bool = False) -> str:
    try:
        if hidden:
            return getpass.getpass(question, stream=sys.stderr)
        sys.stderr.write(output.make_safe(question))
        sys.stderr.flush()
        return input()
    except (EOFError, KeyboardInterrupt):
        output.note("")  # to the next line
        raise


def confirm(question: str) -> bool:
    """Return whether a human says yes; everything else is none, such as Ctrl-D."""
    with suppress(EOFError):
        return _line(f"{question} [y/N] ").strip().lower() in ("y", "yes")
    return False


def parse_path(word: str) -> Path:
    """Return the path that somebody typed, in the letters that the file system goes by."""
    return Path(os.path.expanduser(os.fsdecode(word.encode("utf-8", "surrogateescape"))))


#: what may stand behind a command, each with what it means where that is not plain
Words = Callable[[], Sequence[Tuple[str, str]]]
#: for each command what Tab completes behind it; ``None``: a path
Completions = Mapping[str, Optional[Words]]


class Keyboard:
    """Reads plain lines, typed or piped."""

    edits = False  # whether ``default`` can be edited

    def read(self, prompt: str, default: str = "") -> str:
        """Return the next line.

        :param default: a text to begin with, where lines can be edited.
        :raises EOFError: there is none: Ctrl-D, or the end of a file.
        :raises KeyboardInterrupt: Ctrl-C.
        """
        if stdin_is_terminal():
            return _line(prompt)
        line = sys.stdin.readline() if sys.stdin is not None else ""
        if not line:
            raise EOFError
        return line.rstrip("\n")


class _LineEditor(Keyboard):
    """Reads lines that can be edited, with history and completion; needs the extra ``cli``.

    Alt-Enter begins another line of the same text.
    """

    edits = True

    def __init__(self, completions: Completions) -> None:
        from prompt_toolkit import PromptSession
        from prompt_toolkit.key_binding import KeyBindings

        keys = KeyBindings()

        @keys.add("escape", "enter")
        def begin_line(event: KeyPressEvent) -> None:
            event.current_buffer.insert_text("\n")

        self._session: PromptSession[str] = PromptSession(
            history=_history(),
            completer=_completer(completions),
            complete_while_typing=False,
            complete_in_thread=True,  # the models are asked of the server
            key_bindings=keys,
        )

    def read(self, prompt: str, default: str = "") -> str:
        return self._session.prompt(output.make_safe(prompt), default=default)


def best_keyboard(completions: Completions) -> Keyboard:
    """Return the best keyboard that this terminal and the installed packages allow."""
    if not stdin_is_terminal() or not output.on_terminal() or os.environ.get("TERM") == "dumb":
        return Keyboard()
    try:
        return _LineEditor(completions)
    except ImportError:
        return Keyboard()


def _history() -> History:
    """Return the history of earlier runs, for the owner's eyes only."""
    from prompt_toolkit.history import FileHistory, InMemoryHistory

    try:
        path = make_directory(default_directory()) / "history"
        os.close(os.open(path, os.O_CREAT | os.O_APPEND, 0o600))
    except OSError:  # a home that cannot be written costs the history, not the talk
        return InMemoryHistory()
    return FileHistory(str(path))


def _completer(completions: Completions) -> Completer:
    from prompt_toolkit.completion import Completer, Completion, PathCompleter
    from prompt_toolkit.document import Document

    paths = PathCompleter(expanduser=True)

    class Commands(Completer):
        """Completes commands, and what may stand behind some of them."""

        def get_completions(self, document: Document, event: CompleteEvent) -> Iterator[Completion]:
            typed, blank, typed_after = document.text_before_cursor.partition(" ")
            if not typed.startswith("/"):
                return
            name = typed[1:].lower()
            if not blank:
                for one in sorted(completions):
                    if one.startswith(name):
                        yield Completion(f"/{one}", start_position=-len(typed))
                return
            words = completions.get(name, tuple)
            if words is None:
                yield from paths.get_completions(Document(typed_after), event)
                return
            for word, meaning in words():
                if _fits(typed_after.lower(), word.lower(), meaning.lower()):
                    told = output.make_safe(meaning)
                    yield Completion(word, start_position=-len(typed_after), display_meta=told)

    return Commands()


def _fits(typed: str, word: str, meaning: str) -> bool:
    """Return whether a word may be meant: by its own beginning, or by that of what it means."""
    behind = word.rpartition("/")[2]  # a model behind its organisation
    return any(one.startswith(typed) for one in (word, behind, meaning))
