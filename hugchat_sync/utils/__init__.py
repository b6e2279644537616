"""The small display functions of the old package; nothing of ours uses them."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Mapping, Sequence
from uuid import uuid4

_CODES = ("white", "red", "green", "yellow", "blue", "purple", "cyan", "black")


def color(string: str, color: str) -> str:
    """Return *string* in a colour, as a terminal takes it.

    :param color: white, red, green, yellow, blue, purple, cyan or black.
    """
    return f"\033[{30 + _CODES.index(color)}m{string}\033[0m"


def dictToString(cookies: Mapping[str, Any]) -> str:
    """Return a dict as the text of a ``Cookie`` header."""
    return "".join(f"{name}={value}; " for name, value in cookies.items())


def formatHistory(histories: Sequence[Mapping[str, Any]]) -> str:
    """Return the result of ``Bot.getHistoriesByID`` as text, a line a message."""
    conversation_id = histories[0]["conversation_id"] if histories else ""
    lines = [f"\n====== Histories of <{conversation_id}> ======"]
    for entry in histories:
        name = color("user", "green") if entry["is_user"] else color("bot", "blue")
        lines.append(f"({name}): {entry['text']}")
    return "\n".join(lines) + "\n"


def formatConversations(conversations: Mapping[str, str]) -> str:
    """Return ``Bot.conversations`` as text, a line ``0. [id] - title`` each."""
    numbered = enumerate(conversations.items())
    lines = [f"    {number}. [{key}] - {title}" for number, (key, title) in numbered]
    return "\n".join(["* Conversations established:", "", *lines]) + "\n"


def getIdByIndex(conversations: Mapping[str, str], index: int) -> str:
    """Return the id of a line of :func:`formatConversations`.

    :raises IndexError: there is no such line; counting from the end is not meant.
    """
    ids = list(conversations)
    if not 0 <= index < len(ids):
        raise IndexError(f"there is no conversation {index} among these {len(ids)}")
    return ids[index]


def getTextFromInput(conversation_id: str | None, addition: str = "") -> str:
    """Return the first line typed that is not empty."""
    text = ""
    while not text:
        text = input(f"{addition}({conversation_id}) > ")
    return text


def getTime() -> str:
    """Return the local time as text."""
    return str(datetime.now())


def getUUID() -> str:
    """Return a new random UUID."""
    return str(uuid4())
