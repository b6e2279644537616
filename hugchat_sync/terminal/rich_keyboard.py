"""Line editing, history and completion; needs the extra ``cli``."""

from __future__ import annotations

import os
from typing import Iterable

from prompt_toolkit import PromptSession
from prompt_toolkit.completion import CompleteEvent, Completer, Completion, PathCompleter
from prompt_toolkit.document import Document
from prompt_toolkit.history import FileHistory, History, InMemoryHistory
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent

from . import keeping, output
from .keyboard import Completions, Keyboard, is_yes

_HISTORY = "history"


class RichKeyboard(Keyboard):
    """Reads lines that can be edited; Alt-Enter begins another line of the same text."""

    def __init__(self, completions: Completions) -> None:
        self._session: PromptSession[str] = PromptSession(
            history=_history(),
            completer=_Words(completions),
            complete_while_typing=False,
            complete_in_thread=True,  # the models are asked of the server
            key_bindings=_keys(),
        )

    def read(self, prompt: str, default: str = "") -> str:
        """Return the next text."""
        return self._session.prompt(output.shown(prompt), default=default)

    def confirm(self, question: str) -> bool:
        """Return whether somebody says yes; the answer is nothing to remember."""
        session: PromptSession[str] = PromptSession(history=InMemoryHistory())
        return is_yes(session.prompt(output.shown(f"{question} [y/N] ")))

    @property
    def edits(self) -> bool:
        """Whether ``default`` can be edited."""
        return True


def _history() -> History:
    """Return the history of earlier runs, for the owner's eyes only."""
    try:
        path = keeping.directory() / _HISTORY
        os.close(os.open(path, os.O_CREAT | os.O_APPEND, 0o600))
    except OSError:  # a home that cannot be written costs the history, not the talk
        return InMemoryHistory()
    return FileHistory(str(path))


def _keys() -> KeyBindings:
    keys = KeyBindings()

    @keys.add("escape", "enter")
    def begin_line(event: KeyPressEvent) -> None:
        event.current_buffer.insert_text("\n")

    return keys


class _Words(Completer):
    """Completes commands, and what may stand behind some of them."""

    def __init__(self, completions: Completions) -> None:
        self._known = completions
        self._paths = PathCompleter(expanduser=True)

    def get_completions(
        self, document: Document, complete_event: CompleteEvent
    ) -> Iterable[Completion]:
        command, blank, rest = document.text_before_cursor.partition(" ")
        if not command.startswith("/"):
            return
        name = command[1:].lower()
        if not blank:
            for known in self._known.commands:
                if known.startswith(name):
                    yield Completion(f"/{known}", start_position=-len(command))
        elif name in self._known.with_paths:
            yield from self._paths.get_completions(Document(rest), complete_event)
        elif name in self._known.words:
            for word, meaning in self._known.words[name]():
                if _fits(rest, word, meaning):
                    yield Completion(
                        word, start_position=-len(rest), display_meta=output.shown(meaning)
                    )


def _fits(typed: str, word: str, meaning: str) -> bool:
    """Return whether a word may be meant: by its own beginning, or by that of what it means."""
    lowered = typed.lower()
    behind = word.lower().rpartition("/")[2]  # a model behind its organisation
    return any(one.startswith(lowered) for one in (word.lower(), behind, meaning.lower()))
