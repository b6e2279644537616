"""Answers as Markdown, with a spinner that tells what the run does; needs the extra ``cli``."""

from __future__ import annotations

from pygments.token import Token as PygmentsToken
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.markdown import Markdown
from rich.segment import Segment, Segments
from rich.spinner import Spinner
from rich.style import Style
from rich.syntax import ANSISyntaxTheme
from rich.text import Text
from rich.theme import Theme

from .. import Message
from ..events import Event, FinalAnswer, Reasoning, Token
from . import output
from .screen import RESTARTED, Screen, same, step_line, tell_sources
from .turn import events_of

_REFRESH = 10  # times a second

# read on light and on dark backgrounds: the terminal's own colours, and no background of ours
_COLOURS = Theme(
    {
        "markdown.code": "bold cyan",
        "markdown.block_quote": "italic",
        "markdown.h2": "bold underline",
        "markdown.h3": "bold",
        "markdown.h4": "italic bold",
    }
)
_CODE = ANSISyntaxTheme(
    {
        PygmentsToken.Comment: Style(italic=True, dim=True),
        PygmentsToken.Keyword: Style(bold=True),
        PygmentsToken.Name.Function: Style(color="cyan"),
        PygmentsToken.Name.Class: Style(color="cyan"),
        PygmentsToken.Literal.String: Style(color="green"),
        PygmentsToken.Generic.Error: Style(color="red"),
    }
)


class RichScreen(Screen):
    """Prints answers as Markdown while they come."""

    def __init__(self) -> None:
        self._console = Console(theme=_COLOURS)

    def answer(self, message: Message) -> None:
        """Print an answer as it comes.

        :raises HugChatError: the answer failed; what had come was printed.
        """
        page = _Page(self._console)
        with Live(page, console=self._console, refresh_per_second=_REFRESH, transient=True):
            try:
                for event in events_of(message):
                    page.take(event)
            finally:  # also what came before a failure, or before Ctrl-C
                page.settle_all()
        tell_sources(message.sources, page.text)

    def text(self, text: str) -> None:
        """Print a text that was stored."""
        self._console.print(markdown(output.shown(text)))

    def heading(self, text: str) -> None:
        """Print who speaks."""
        self._console.print(Text(text, style="bold cyan"))


class _Page:
    """The part of an answer that still changes; what is settled above it is printed for good."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self.text = ""
        self._printed = 0  # how much of the text stands on the screen for good
        self._begun = False  # something stands there that the next part keeps away from
        self._doing = "waiting for the answer"
        self._spinner = Spinner("dots", style="cyan")

    def settle_all(self) -> None:
        """Print for good what is still on the part that changes."""
        self._print(len(self.text))

    def __rich__(self) -> RenderableType:
        rest = self.text[self._printed :]
        self._spinner.update(text=Text(self._doing, style="dim", no_wrap=True, overflow="ellipsis"))
        if not rest.strip():
            return self._spinner
        return Group(*self._spaced(rest), self._spinner)

    def _spaced(self, part: str) -> tuple[RenderableType, ...]:
        """Return a part with one blank line before it, but for the first part."""
        return (Segments([Segment.line()] if self._begun else []), self._tight(part))

    def _tight(self, part: str) -> Segments:
        """Return a part as Markdown without the blank lines that only some kinds of it have."""
        lines = self._console.render_lines(markdown(part), pad=False)
        while lines and _is_blank(lines[0]):
            lines.pop(0)
        while lines and _is_blank(lines[-1]):
            lines.pop()
        return Segments([piece for line in lines for piece in (*line, Segment.line())])

    def take(self, event: Event) -> None:
        """Show one event."""
        if type(event) is Token:
            self._doing = "answering"
            self.text += output.shown(event.text)
            if "\n" in event.text:
                self._settle()
        elif isinstance(event, FinalAnswer):
            self._finish(output.shown(event.text))
        elif isinstance(event, Reasoning):
            self._doing = "thinking"
        else:
            self._doing = output.shown(step_line(event)) or self._doing

    def _settle(self) -> None:
        """Print for good what no further token can change: all before the last blank line."""
        end = settled_length(self.text[self._printed :])
        if end:
            self._print(self._printed + end)

    def _print(self, end: int) -> None:
        part, self._printed = self.text[self._printed : end], end
        if part.strip():
            self._console.print(*self._spaced(part), sep="", end="")
            self._begun = True

    def _finish(self, final: str) -> None:
        if final.startswith(self.text[: self._printed]):
            self.text = final
        elif not same(self.text, final):
            self.settle_all()
            self._console.print(RESTARTED, style="dim")
            self.text, self._printed = final, 0


def _is_blank(line: list[Segment]) -> bool:
    """Return whether nothing of a line is seen, its background included."""
    return all(
        not piece.text.strip() and (piece.style is None or piece.style.bgcolor is None)
        for piece in line
    )


def markdown(text: str) -> Markdown:
    """Return a text to print; a link shows where it leads."""
    return Markdown(text, code_theme=_CODE, hyperlinks=False)  # type: ignore[arg-type]


def settled_length(text: str) -> int:
    """Return the length of the whole paragraphs at the beginning of a Markdown text.

    A blank line inside a code block ends none, and neither does one inside a list or a quote,
    where the next line is indented.
    """
    fence, position, end = "", 0, 0
    lines = text.splitlines(keepends=True)
    for line, following in zip(lines, lines[1:]):
        position += len(line)
        mark = line.strip()[:3]
        if mark in ("```", "~~~"):
            fence = "" if mark == fence else fence or mark
        if not line.strip() and not fence and following.strip() and not following[0].isspace():
            end = position
    return end
