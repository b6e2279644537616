"""Where the interactive program reads its lines from; the extra ``cli`` brings line editing."""

from __future__ import annotations

import os
import sys
from typing import Callable, Mapping, Sequence, Tuple

from ..values import Value
from . import output
from .reading import stdin_is_terminal

#: gives what can be completed, each with what it means where that is not plain
Words = Callable[[], Sequence[Tuple[str, str]]]


class Completions(Value):
    """What Tab completes.

    :param commands: behind a slash.
    :param words: behind some of the commands.
    :param with_paths: the commands behind which a path stands.
    """

    commands: Sequence[str]
    words: Mapping[str, Words]
    with_paths: Sequence[str]


class Keyboard:
    """Reads plain lines, typed or piped."""

    @property
    def interactive(self) -> bool:
        """Whether somebody types the lines."""
        return stdin_is_terminal()

    def read(self, prompt: str, default: str = "") -> str:
        """Return the next line.

        :param default: a text to begin with, where lines can be edited.
        :raises EOFError: there is none: Ctrl-D, or the end of a file.
        :raises KeyboardInterrupt: Ctrl-C.
        """
        if not self.interactive:
            line = sys.stdin.readline() if sys.stdin is not None else ""
            if not line:
                raise EOFError
            return line.rstrip("\n")
        sys.stderr.write(output.shown(prompt))
        sys.stderr.flush()
        return input()

    def confirm(self, question: str) -> bool:
        """Return whether somebody says yes.

        :raises EOFError: Ctrl-D was typed.
        :raises KeyboardInterrupt: Ctrl-C.
        """
        return is_yes(self.read(f"{question} [y/N] "))

    @property
    def edits(self) -> bool:
        """Whether ``default`` can be edited."""
        return False


def is_yes(answer: str) -> bool:
    """Return whether an answer is a yes; everything else is none."""
    return answer.strip().lower() in ("y", "yes")


def best_keyboard(completions: Completions) -> Keyboard:
    """Return the best keyboard that this terminal and the installed packages allow."""
    if not stdin_is_terminal() or not output.on_terminal() or os.environ.get("TERM") == "dumb":
        return Keyboard()
    try:
        from .rich_keyboard import RichKeyboard
    except ImportError:  # the extra is not installed
        return Keyboard()
    return RichKeyboard(completions)
