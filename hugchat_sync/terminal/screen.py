"""Answers for human eyes: plain text as it comes; the extra ``cli`` brings a richer screen."""

from __future__ import annotations

import os
import sys
from typing import Sequence

from .. import Message
from ..events import Event, FinalAnswer, Token, ToolCall, WebSearchError, WebSearchStep
from ..records import Source
from . import output
from .turn import events_of

RESTARTED = "(the server began the answer again; the whole of it:)"
RESTARTED_ELSEWHERE = (
    "the server began the answer again while it was printed; "
    "'hugchat-sync show {}' prints the whole of it"
)


class Screen:
    """Prints answers as plain text, piece by piece."""

    def answer(self, message: Message) -> None:
        """Print an answer as it comes.

        :raises HugChatError: the answer failed; what had come was printed.
        """
        said, final, pieces = "", "", []
        try:
            for event in events_of(message):
                if type(event) is Token:
                    pieces.append(event.text)
                    output.write(event.text)
                elif isinstance(event, FinalAnswer):
                    said = "".join(pieces)
                    final = event.text
                    pieces = [self._finished(message, said, final)]
                elif sys.stderr is not None and sys.stderr.isatty():
                    self._tell(event)
        finally:
            if pieces and not pieces[-1].endswith("\n"):
                output.write("\n")
        tell_sources(message.sources, final)

    def text(self, text: str) -> None:
        """Print a text that was stored."""
        output.write_line(text)

    def heading(self, text: str) -> None:
        """Print who speaks."""
        output.write_line(f"{text}:")

    def _finished(self, message: Message, said: str, final: str) -> str:
        """Print what the final text has beyond the pieces; return what was printed last."""
        if final.startswith(said):
            output.write(final[len(said) :])
            return final
        if said.startswith(final) or same(said, final):
            return said
        if not output.on_terminal():
            output.note(f"hugchat-sync: {RESTARTED_ELSEWHERE.format(message.conversation_id)}")
            return said
        output.write("" if said.endswith("\n") else "\n")
        output.note(RESTARTED)
        output.write(final)
        return final

    def _tell(self, event: Event) -> None:
        line = step_line(event)
        if line:
            output.note(f"· {line}")


def same(said: str, final: str) -> bool:
    """Return whether two texts differ in NULs and in white space at the end only."""
    return said.replace("\0", "").rstrip() == final.replace("\0", "").rstrip()


def step_line(event: Event) -> str:
    """Return what an event says about the run in one line; ``""`` for nothing."""
    if isinstance(event, (WebSearchStep, WebSearchError)):
        return " ".join(" ".join((event.message, *map(str, event.args))).split())
    if isinstance(event, ToolCall):
        return f"calling {event.name}"
    return ""


def tell_sources(sources: Sequence[Source], answer: str) -> None:
    """Name the pages that a search found, on stderr; not those that the answer lists itself."""
    _, heading, listed = answer.rpartition("Sources:")
    told = [
        source
        for source in sources
        if source.link not in answer and not (heading and source.title and source.title in listed)
    ]
    if told:
        output.note("Sources:")
    for number, source in enumerate(told, 1):
        output.note(f"  {number}. {' '.join(source.title.split())} {source.link}".rstrip())


def best_screen() -> Screen:
    """Return the richest screen that this terminal and the installed packages allow."""
    if not output.on_terminal() or os.environ.get("TERM") == "dumb" or not _can_draw():
        return Screen()
    try:
        from .rich_screen import RichScreen
    except ImportError:  # the extra is not installed
        return Screen()
    return RichScreen()


def _can_draw() -> bool:
    """Return whether the terminal takes the lines of tables and quotes, and the spinner's dots."""
    try:
        "─│▌•⠋".encode(sys.stdout.encoding or "ascii")
    except (LookupError, UnicodeEncodeError):
        return False
    return True
