"""A value that nothing of ours shows, and a ``repr`` that never raises."""

from __future__ import annotations

import re
from functools import wraps
from typing import Any, Callable, TypeVar

from .errors import UsageError

S = TypeVar("S")


class Secret:
    """A holder for what no ``repr``, log or traceback shows: a text, or cookies in any form."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    @classmethod
    def of(cls, value: Any) -> Secret:
        """Return *value* in a holder; one that is in a holder already stays in it."""
        return value if isinstance(value, Secret) else cls(value)

    def as_token(self) -> Secret:
        """Return it as a token: without white space at its ends, as a file has it.

        :raises UsageError: no header can carry it; the text is not shown.
        """
        stripped = Secret(self.value.strip() if isinstance(self.value, str) else "")
        if self.value and not re.fullmatch(r"[!-~]+", stripped.value):
            raise UsageError(
                "this is not a token: a token is a text of Latin letters, digits and signs without "
                "blanks inside; copy it again (curly quotes and an ellipsis come from editors)"
            )
        return stripped

    def __repr__(self) -> str:
        return "<secret>"

    def __bool__(self) -> bool:
        return bool(self.value)


def safe_repr(shown: Callable[[S], str]) -> Callable[[S], str]:
    """Return *shown* as a ``__repr__`` that tells the class where an attribute is not there yet."""

    @wraps(shown)
    def shown_if_made(value: S) -> str:
        try:
            return shown(value)
        except AttributeError:
            return f"<{type(value).__name__}, not completely made>"

    return shown_if_made
