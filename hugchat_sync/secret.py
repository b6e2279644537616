"""A text that nothing of ours shows."""

from __future__ import annotations

import re

from .errors import UsageError


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
