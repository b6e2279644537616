"""A text that nothing of ours shows, and a ``repr`` that never raises."""

from __future__ import annotations

import re
from functools import wraps
from typing import Callable, TypeVar

from .errors import UsageError

S = TypeVar("S")


class Secret:
    """A text that no ``repr``, log or traceback shows."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def as_token(self) -> Secret:
        """Return it as a token: without white space at its ends, as a file has it.

        :raises UsageError: no header can carry it; the text is not shown.
        """
        stripped = Secret(self._text.strip() if isinstance(self._text, str) else "")
        if self._text and not re.fullmatch(r"[!-~]+", stripped.reveal()):
            raise UsageError(
                "the token is none: it is a text of Latin letters, digits and signs without "
                "blanks inside; copy it again (curly quotes and an ellipsis come from editors)"
            )
        return stripped

    def reveal(self) -> str:
        """Return the text."""
        return self._text

    def __repr__(self) -> str:
        return "<secret>"

    def __bool__(self) -> bool:
        return bool(self._text)


def safe_repr(shown: Callable[[S], str]) -> Callable[[S], str]:
    """Return *shown* as a ``__repr__`` that tells the class where an attribute is not there yet."""

    @wraps(shown)
    def shown_if_made(value: S) -> str:
        try:
            return shown(value)
        except AttributeError:
            return f"<{type(value).__name__}, not completely made>"

    return shown_if_made
