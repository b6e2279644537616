"""What a stored conversation tells of runs that are on in it, whoever began them."""

from __future__ import annotations

from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Any

from ..calls import Reply
from .fields import dicts_of, kind_of, text_of
from .text import split_thinking
from .values import Unfinished

_OVER = ("finished", "error")  # the status of a run's last line


def unfinished_answers(value: Any, reply: Reply, stores_meanwhile: bool) -> tuple[Unfinished, ...]:
    """Return the answers of a tree whose runs may be on, the newest last.

    Where runs have names (since 2026-06) each one without its last line may be on: the mark that an
    answer is whole comes before a late title, at whose end the server writes everything anew, and
    for some failures it never comes. Where they have none only the newest can be told.

    :param stores_meanwhile: an answer is written down while it is being made; else it is empty
        until then, without an update.

    Source: chat-ui 2024-04 … 2025-08 and 2026-08 (measured).
    """
    answers = [item for item in dicts_of(value, "messages") if item.get("from") == "assistant"]
    found = []
    for answer in answers:
        newest = answer is answers[-1]
        is_marked = kind_of(answer, "interrupted", bool, None) is not None
        if is_marked and not newest:
            continue
        updates = dicts_of(answer, "updates")
        is_said = is_marked or any(line.get("type") == "finalAnswer" for line in updates)
        if any(line.get("status") in _OVER for line in updates):
            continue
        if text_of(answer, "generationId") or (
            newest and not is_said and (stores_meanwhile or _is_stub(answer))
        ):
            found.append(_unfinished(answer, reply, is_said))
    return tuple(found)


def _is_stub(answer: dict[str, Any]) -> bool:
    return not text_of(answer, "content") and not dicts_of(answer, "updates")


def unanswered(value: Any, reply: Reply) -> tuple[Unfinished, ...]:
    """Return what may be coming in a conversation from before trees: its last message tells.

    While an answer is made its question stands alone, as it does for ever after a failure. An
    answer whose connection is still open lacks its last line, and has the blank that the models of
    that time began with; one that was left midway has lost it.

    Source: GET /conversation/{id}/__data.json, chat-ui 2023-10 (measured).
    """
    last = (dicts_of(value, "messages") or [{}])[-1]
    if last.get("from") == "user":
        return (_unfinished(last, reply, False),)
    if kind_of(last, "interrupted", bool, None) is not None:
        return ()  # the mark of 2024-02, in place of that line
    kinds = {text_of(line, "type") for line in dicts_of(last, "updates")}
    if text_of(last, "content").startswith(" ") and kinds and "finalAnswer" not in kinds:
        return (_unfinished(last, reply, True),)
    return ()


def _unfinished(message: dict[str, Any], reply: Reply, is_said: bool) -> Unfinished:
    updated = text_of(message, "updatedAt") or text_of(message, "createdAt")
    text = text_of(message, "content") if message.get("from") == "assistant" else ""
    return Unfinished(
        text_of(message, "id"),
        text_of(message, "generationId"),
        split_thinking(text)[0].strip(),
        updated,
        is_said,
        _seconds_since(updated, reply),
    )


def _seconds_since(moment: str, reply: Reply) -> float:
    """Return the seconds from *moment* to the time at which the server answered."""
    try:
        then = datetime.strptime(moment, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=timezone.utc)
        now = parsedate_to_datetime(reply.headers.get("date", ""))
        return max(0.0, (now - then).total_seconds())
    except (TypeError, ValueError):
        return 0.0  # one of them is not told
