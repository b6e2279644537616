"""What became of a message, looked up in its conversation."""

from __future__ import annotations

from typing import Any

from ...calls import Call, Reply
from ...errors import HugChatError, ProtocolError
from ...events import Event
from ..base import Look, Prompt, Stored
from ..fields import dicts_of, kind_of, need, text_of, texts_of
from ..messages import read_tree
from ..text import split_thinking
from ..unfinished import unfinished_answers
from ..updates import Updates
from .conversations import get, in_path, plain
from .search import updates_of


def stored(conversation_id: str, prompt: Prompt) -> Call[Stored | None]:
    """Describe looking for what became of *prompt*.

    Source: GET /api/v2/conversations/{id}, chat-ui 2025-06 … 2026-08 (measured).
    """

    def read(reply: Reply) -> Stored | None:
        value = plain(reply)
        need(value, "messages", list)
        return find(dicts_of(value, "messages"), prompt)

    return get(f"/api/v2/conversations/{in_path(conversation_id)}", read)


def look(conversation_id: str, stores_meanwhile: bool) -> Call[Look]:
    """Describe reading a conversation together with the runs that may be on in it.

    :param stores_meanwhile: the server writes an answer down while it is being made.

    Source: GET /api/v2/conversations/{id}, chat-ui 2025-06 … 2026-08 (measured).
    """

    def read(reply: Reply) -> Look:
        value = plain(reply)
        tree = read_tree(value, conversation_id)
        return Look(tree, unfinished_answers(value, reply, stores_meanwhile))

    return get(f"/api/v2/conversations/{in_path(conversation_id)}", read)


def find(messages: list[dict[str, Any]], prompt: Prompt) -> Stored | None:
    """Return what *messages* keep of *prompt*, ``None`` if nothing.

    Our own generation id is the sure way (since 2026-06). Where no answer has such an id the newest
    message with our text at our place is taken.
    """
    for message in messages:
        if message.get("generationId") == prompt.generation_id:
            return _answer(message, prompt)
    if any("generationId" in message for message in messages):
        return None  # this server keeps the ids, and ours is not among them
    place = _place(messages, prompt)
    if prompt.action == "retry":
        return _newest_sibling(messages, prompt)
    text = prompt.text.replace("\r\n", "\n")
    for message in reversed(messages):
        same = message.get("from") == "user" and message.get("content") == text
        if same and _parent(message) == place and message.get("id") != prompt.parent_id:
            return _below(messages, message, prompt)
    return None


def _place(messages: list[dict[str, Any]], prompt: Prompt) -> str | None:
    """Return the id below which the question hangs: an edit is put beside its target."""
    if prompt.action != "edit":
        return prompt.parent_id
    target = next((item for item in messages if item.get("id") == prompt.parent_id), None)
    return _parent(target)


def _newest_sibling(messages: list[dict[str, Any]], prompt: Prompt) -> Stored | None:
    """Return the answer that was made beside the one to redo, if there is one behind it."""
    ids = [message.get("id") for message in messages]
    if prompt.parent_id not in ids:
        return None
    at = ids.index(prompt.parent_id)
    question = _parent(messages[at])
    for message in reversed(messages[at + 1 :]):
        if message.get("from") == "assistant" and _parent(message) == question:
            return _answer(message, prompt)
    return None


def _below(messages: list[dict[str, Any]], question: dict[str, Any], prompt: Prompt) -> Stored:
    for message in reversed(messages):
        if message.get("from") == "assistant" and _parent(message) == question.get("id"):
            return _answer(message, prompt)
    return Stored(text_of(question, "id"), None)


def _parent(message: dict[str, Any] | None) -> str | None:
    ancestors = texts_of(message, "ancestors")
    return ancestors[-1] if ancestors else None


def _answer(message: dict[str, Any], prompt: Prompt) -> Stored:
    text, thought = split_thinking(text_of(message, "content"))
    events, error = _happened(message, updates_of(prompt))
    return Stored(
        _parent(message),
        need(message, "id", str),
        text,
        thought,
        "failed" if error is not None else _state(message),
        events,
        error,
    )


def _happened(
    message: dict[str, Any], updates: Updates
) -> tuple[tuple[Event, ...], HugChatError | None]:
    """Return what the kept update lines tell besides the text, and the error that ended them."""
    events: list[Event] = []
    for line in dicts_of(message, "updates"):
        if line.get("type") == "stream":
            continue  # its text is left out here
        try:
            events.extend(updates.line(line))
        except ProtocolError:
            continue  # a line that this server keeps in another shape than it sends
        except HugChatError as error:
            return tuple(events), error
    return tuple(events), None


def _state(message: dict[str, Any]) -> str:
    """Return what the server says about the run of an answer.

    The mark never comes for runs that had no final answer; their updates tell.
    """
    mark = kind_of(message, "interrupted", bool, None)
    if mark is not None:
        return "interrupted" if mark else "done"
    states = {text_of(item, "status") for item in dicts_of(message, "updates")}
    kinds = {text_of(item, "type") for item in dicts_of(message, "updates")}
    if "finished" in states or "finalAnswer" in kinds:
        return "done"
    return "running" if "generationId" in message else "unknown"
