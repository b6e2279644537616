"""Answers for human eyes: plain text as it comes; with the extra ``cli`` Markdown and a spinner."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Sequence

from .. import Message
from ..events import Event, FinalAnswer, Reasoning, Token, ToolCall, WebSearchError, WebSearchStep
from ..records import HistoryEntry, Source
from . import output
from .interrupts import events_of

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.markdown import Markdown
    from rich.segment import Segment

_RESTARTED = "(the server began the answer again; the whole of it:)"
_RESTARTED_ELSEWHERE = (
    "the server began the answer again while it was printed; "
    "'hugchat-sync show {}' prints the whole of it"
)
_REFRESH = 10  # times a second


class Screen:
    """Prints answers as plain text, piece by piece."""

    def answer(self, message: Message) -> None:
        """Print an answer as it comes.

        :raises HugChatError: the answer failed; what had come was printed.
        """
        written, final, pieces = "", "", []
        try:
            for event in events_of(message):
                if type(event) is Token:
                    pieces.append(event.text)
                    output.write(event.text)
                elif isinstance(event, FinalAnswer):
                    written = "".join(pieces)
                    final = event.text
                    pieces = [self._write_rest(message, written, final)]
                elif sys.stderr is not None and sys.stderr.isatty():
                    line = _describe_step(event)
                    if line:
                        output.note(f"· {line}")
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

    def history(self, history: list[HistoryEntry]) -> None:
        """Print the messages of a conversation with their authors."""
        for number, entry in enumerate(history):
            if number:
                output.write("\n")
            self.heading("You" if entry.is_user else "Assistant")
            for file in entry.files:
                output.write_line(f"[{file.name}]")
            self.text(entry.text)

    def _write_rest(self, message: Message, written: str, final: str) -> str:
        """Print what the final text has beyond the pieces; return what was printed last."""
        if final.startswith(written):
            output.write(final[len(written) :])
            return final
        if written.startswith(final) or _is_same(written, final):
            return written
        if not output.on_terminal():
            output.note(f"hugchat-sync: {_RESTARTED_ELSEWHERE.format(message.conversation_id)}")
            return written
        output.write("" if written.endswith("\n") else "\n")
        output.note(_RESTARTED)
        output.write(final)
        return final


class _MarkdownScreen(Screen):
    """Prints answers as Markdown while they come, with a spinner; needs the extra ``cli``.

    Read on light and on dark backgrounds: in the terminal's own colours, on no background of ours.
    """

    def __init__(self) -> None:
        from rich.console import Console
        from rich.theme import Theme

        colours = {
            "markdown.code": "bold cyan",
            "markdown.block_quote": "italic",
            "markdown.h2": "bold underline",
            "markdown.h3": "bold",
            "markdown.h4": "italic bold",
        }
        self._console = Console(theme=Theme(colours))

    def answer(self, message: Message) -> None:
        from rich.live import Live

        page = _Page(self._console)
        with Live(page, console=self._console, refresh_per_second=_REFRESH, transient=True):
            try:
                for event in events_of(message):
                    page.take(event)
            finally:  # also what came before a failure, or before Ctrl-C
                page.settle(len(page.text))
        tell_sources(message.sources, page.text)

    def text(self, text: str) -> None:
        self._console.print(_markdown(output.make_safe(text)))

    def heading(self, text: str) -> None:
        self._console.print(text, style="bold cyan", markup=False, highlight=False)


class _Page:
    """The part of an answer that still changes; what is settled above it is printed for good."""

    def __init__(self, console: Console) -> None:
        from rich.spinner import Spinner

        self._console = console
        self.text = ""
        self._printed = 0  # how much of the text stands on the screen for good
        self._begun = False  # something stands there that the next part keeps away from
        self._doing = "waiting for the answer"
        self._spinner = Spinner("dots", style="cyan")

    def __rich__(self) -> RenderableType:
        from rich.console import Group
        from rich.text import Text

        self._spinner.update(text=Text(self._doing, style="dim", no_wrap=True, overflow="ellipsis"))
        unprinted = self.text[self._printed :]
        return (
            Group(*self._render(unprinted), self._spinner) if unprinted.strip() else self._spinner
        )

    def _render(self, part: str) -> tuple[RenderableType, ...]:
        """Return a part as Markdown, with one blank line before it but for the first part.

        Only some kinds of Markdown have blank lines of their own; these are taken away.
        """
        from rich.segment import Segment, Segments

        lines = self._console.render_lines(_markdown(part), pad=False)
        while lines and _is_blank(lines[0]):
            lines.pop(0)
        while lines and _is_blank(lines[-1]):
            lines.pop()
        tight = Segments([piece for line in lines for piece in (*line, Segment.line())])
        return (Segments([Segment.line()] if self._begun else []), tight)

    def take(self, event: Event) -> None:
        """Show one event."""
        if type(event) is Token:
            self._doing = "answering"
            self.text += output.make_safe(event.text)
            lines = self.text[self._printed : self.text.rfind("\n") + 1]
            if "\n" in event.text and "\n\n" in lines:  # else no block can have ended
                self.settle(self._printed + _settled_length(lines))
        elif isinstance(event, FinalAnswer):
            self._finish(output.make_safe(event.text))
        elif isinstance(event, Reasoning):
            self._doing = "thinking"
        else:
            self._doing = output.make_safe(_describe_step(event)) or self._doing

    def settle(self, end: int) -> None:
        """Print for good what stands before the *end* of a part of the text."""
        part, self._printed = self.text[self._printed : end], end
        if part.strip():
            self._console.print(*self._render(part), sep="", end="")
            self._begun = True

    def _finish(self, final: str) -> None:
        if final.startswith(self.text[: self._printed]):
            self.text = final
        elif not _is_same(self.text, final):
            self.settle(len(self.text))
            self._console.print(_RESTARTED, style="dim")
            self.text, self._printed = final, 0


def best_screen() -> Screen:
    """Return the richest screen that this terminal and the installed packages allow."""
    if not output.on_terminal() or os.environ.get("TERM") == "dumb":
        return Screen()
    try:  # the lines of tables and quotes, and the spinner's dots
        "─│▌•⠋".encode(sys.stdout.encoding or "ascii")
        return _MarkdownScreen()
    except (ImportError, LookupError, UnicodeEncodeError):
        return Screen()


def tell_sources(sources: Sequence[Source], answer: str) -> None:
    """Name the pages that a search found, on stderr; not those that the answer lists itself."""
    _, heading, listed = answer.rpartition("Sources:")
    unlisted = [
        source
        for source in sources
        if source.link not in answer and not (heading and source.title and source.title in listed)
    ]
    if unlisted:
        output.note("Sources:")
    for number, source in enumerate(unlisted, 1):
        output.note(f"  {number}. {' '.join(source.title.split())} {source.link}".rstrip())


def _is_same(written: str, final: str) -> bool:
    """Return whether two texts differ in NULs and in white space at the end only."""
    return written.replace("\0", "").rstrip() == final.replace("\0", "").rstrip()


def _describe_step(event: Event) -> str:
    """Return what an event says about the run in one line; ``""`` for nothing."""
    if isinstance(event, (WebSearchStep, WebSearchError)):
        return " ".join(" ".join((event.message, *map(str, event.args))).split())
    return f"calling {event.name}" if isinstance(event, ToolCall) else ""


def _is_blank(line: list[Segment]) -> bool:
    """Return whether nothing of a line is seen; nothing here has a background."""
    return not any(piece.text.strip() for piece in line)


def _markdown(text: str) -> Markdown:
    """Return a text to print; a link shows where it leads."""
    from pygments import token
    from rich.markdown import Markdown
    from rich.style import Style
    from rich.syntax import ANSISyntaxTheme

    code = ANSISyntaxTheme(
        {
            token.Comment: Style(italic=True, dim=True),
            token.Keyword: Style(bold=True),
            token.Name.Function: Style(color="cyan"),
            token.Name.Class: Style(color="cyan"),
            token.String: Style(color="green"),
            token.Generic.Error: Style(color="red"),
        }
    )
    return Markdown(text, code_theme=code, hyperlinks=False)  # type: ignore[arg-type]


def _settled_length(text: str) -> int:
    """Return the length of what stands before the last block of a Markdown text.

    No further line can change that; the last block may still go on.
    """
    from rich.markdown import Markdown

    blocks = [one.map[0] for one in Markdown(text).parsed if one.map and not one.level]
    return sum(len(line) + 1 for line in text.split("\n")[: blocks[-1]]) if blocks else 0
