"""Titles with an emoji in front.

Source: chat-ui a3b58941c, measured (le05 to le16).
"""

from __future__ import annotations

_RANGES = ((0x203C, 0x2049), (0x2122, 0x2139), (0x2194, 0x2BFF), (0x3030, 0x3299))
_FIRST_PICTURE = 0x1F000


def _is_emoji(char: str) -> bool:
    code = ord(char)
    # Digits are emoji to the character class that server used.
    if char.isdigit() or char in "#*©®" or code >= _FIRST_PICTURE:
        return True
    return any(first <= code <= last for first, last in _RANGES)


def with_emoji(title: str) -> str:
    """Return the title; a speech balloon is put in front if it begins without an emoji.

    >>> with_emoji("Plain words")
    '\U0001f4ac Plain words'
    >>> with_emoji("1 plus 1")
    '1 plus 1'
    """
    if any(_is_emoji(char) for char in title[:3]):
        return title
    return f"\U0001f4ac {title}"
