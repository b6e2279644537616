"""JSON text as a JavaScript server writes it, and lengths as it counts them.

Source: chat-ui c100c162, measured 2026-08: UTF-8 that is not ASCII-escaped, no blanks between
items, lone surrogates as escapes, lengths in UTF-16 units.
"""

from __future__ import annotations

import json
import re

_LONE_HALF = re.compile("[\ud800-\udfff]")


def _escape(match: re.Match[str]) -> str:
    return f"\\u{ord(match.group()):04x}"


def join_halves(text: str) -> str:
    r"""Return the text with surrogate pairs joined to the characters they stand for.

    >>> join_halves("\ud83d" + "\ude80") == "\U0001f680"
    True
    """
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")


def replace_halves(text: str) -> str:
    """Return the text with every half that has no partner replaced by U+FFFD."""
    return _LONE_HALF.sub("\ufffd", join_halves(text))


def utf16_length(text: str) -> int:
    """Return the number of UTF-16 units of the text."""
    return len(text) + sum(1 for char in text if char > "\uffff")


def utf16_cut(text: str, units: int) -> str:
    """Return the first ``units`` UTF-16 units of the text."""
    return text.encode("utf-16-le", "surrogatepass")[: 2 * units].decode(
        "utf-16-le", "surrogatepass"
    )


def compact(value: object) -> str:
    """Return the value as one line of JSON; lone surrogates stay as escapes."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return _LONE_HALF.sub(_escape, text)


def compact_bytes(value: object) -> bytes:
    """Return :func:`compact` as UTF-8."""
    return compact(value).encode("utf-8")
