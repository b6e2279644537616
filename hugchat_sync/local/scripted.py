"""Answers that a test writes beforehand."""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass
from typing import Iterator, Sequence

from hugchat_sync.local.responder import Title, Turn
from hugchat_sync.local.steps import Failure, Final, Pause, Route, Step, Text


@dataclass(frozen=True)
class Script:
    r"""One answer.

    :param tokens: the pieces of the answer; ``"\ud83d"`` and ``"\ude80"`` make a split emoji.
    :param delay: seconds before each token.
    :param head: seconds of silence before the first step.
    :param before: steps before the tokens, for example a tool call or a web search.
    :param reasoning: pieces that are sent inside ``<think>`` marks before the tokens.
    :param final: the final text when it differs from the joined tokens.
    :param no_final: end without a final answer.
    :param cut_short: the model stopped at its limit, so its last token is an ordinary word.
    :param error: fail after the tokens, with this message.
    :param error_status: the status that goes with ``error``.
    :param first_try: pieces of a try that the server throws away without a word.
    :param after: steps after the final answer, for example a :class:`Route`.
    :param route: the router's choice, told before the tokens.
    :param hang: after the tokens nothing comes any more, only keep-alives.
    """

    tokens: Sequence[str] = ()
    delay: float = 0.0
    head: float = 0.0
    before: Sequence[Step] = ()
    reasoning: Sequence[str] = ()
    final: str | None = None
    no_final: bool = False
    cut_short: bool = False
    error: str | None = None
    error_status: int | None = None
    first_try: Sequence[str] = ()
    after: Sequence[Step] = ()
    route: Route | None = None
    hang: bool = False

    def steps(self, era: str) -> Iterator[Step]:
        """Yield the answer as the models behind that era give it."""
        if self.head:
            yield Pause(self.head)
        if self.route is not None:
            yield self.route
        yield from self.before
        yield from self._texts(era)
        if self.hang:
            yield Pause(math.inf)
        if self.error is not None:
            yield Failure(self.error, self.error_status)
        elif not self.no_final:
            yield Final(self._final_text())
        yield from self.after

    def _texts(self, era: str) -> Iterator[Step]:
        tokens = list(self.tokens)
        if self.cut_short and era == "lines-2023":
            # That server never shows the model's last event as a token (ld04).
            tokens = tokens[:-1]
        for token in (*self.first_try, *self._thought(), *tokens):
            if self.delay:
                yield Pause(self.delay)
            yield Text(token)

    def _thought(self) -> Sequence[str]:
        if not self.reasoning:
            return ()
        first, *others = self.reasoning
        return (f"<think>{first}", *others, "</think>")

    def _final_text(self) -> str | None:
        if self.final is None and (self.first_try or self.cut_short):
            return "".join((*self._thought(), *self.tokens))
        return self.final


class Scripted:
    """A responder that gives prepared answers, one after the other.

    :param scripts: a list of tokens for the simple case, or one :class:`Script` per answer; the
        last one is used again and again.
    :param title: the title of new conversations; ``None`` leaves the default.
    :param title_seconds: how long the title takes; longer than the answer makes it a late title.

    ``turns`` holds what was asked, the latest last.

    >>> answers = Scripted(["Hel", "lo"], title="Greeting")
    >>> len(answers.turns)
    0
    """

    def __init__(
        self,
        *scripts: Script | Sequence[str],
        title: str | None = None,
        title_seconds: float = 0.0,
    ) -> None:
        prepared = [s if isinstance(s, Script) else Script(tokens=s) for s in scripts]
        self._scripts = prepared or [Script(tokens=("Hello", ",", " world", "."))]
        self._title = title
        self._title_seconds = title_seconds
        self._lock = threading.Lock()
        self.turns: list[Turn] = []

    def answer(self, turn: Turn) -> Iterator[Step]:
        """Return the steps of the next script."""
        with self._lock:
            position = min(len(self.turns), len(self._scripts) - 1)
            self.turns.append(turn)
        return self._scripts[position].steps(turn.era)

    def title(self, turn: Turn) -> Title | None:
        """Return the prepared title."""
        return None if self._title is None else Title(self._title, self._title_seconds)
