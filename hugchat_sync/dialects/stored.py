"""What a stored conversation tells of runs: what became of one, and which may be on.

A run may be anybody's: of this client, of another thread, client or process.
"""

from __future__ import annotations

from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Any, Sequence

from ..calls import Reply
from ..errors import HugChatError, ProtocolError
from ..events import Event
from .fields import dicts_of, kind_of, need, text_of, texts_of
from .records import Look, Prompt, Stored, Unfinished, read_tree
from .text import split_thinking
from .updates import Updates

_OVER = ("finished", "error")  # the status of a run's last line


def look_at_tree(value: Any, reply: Reply, conversation_id: str, *, stores_meanwhile: bool) -> Look:
    """Return the newest message of a tree, and the answers whose runs may be on.

    Every message before a send passes here, so a message that cannot be on costs next to nothing.
    Where runs have names (since 2026-06) each one without its last line may be on: the mark that an
    answer is whole comes before a late title, at whose end the server writes everything anew, and
    for some failures it never comes. Where they have none only the newest can be told.

    :param stores_meanwhile: an answer is written down while it is being made; else it is empty
        until then, without an update.
    :raises ProtocolError: it lacks what every conversation has.

    Source: chat-ui 2024-04 … 2025-08 and 2026-08 (measured).
    """
    messages = value.get("messages") if isinstance(value, dict) else None
    if not isinstance(messages, list):
        raise ProtocolError("the reply has no 'messages' as we know it", field="messages")
    found: list[Unfinished] = []
    is_newest = True
    for item in reversed(messages):
        if not isinstance(item, dict) or item.get("from") != "assistant":
            continue
        newest, is_newest = is_newest, False
        is_marked = isinstance(item.get("interrupted"), bool)
        if not newest and (is_marked or not item.get("generationId")):
            continue
        updates = item.get("updates") or ()
        updates = [line for line in updates if isinstance(line, dict)]
        if any(line.get("status") in _OVER for line in updates):
            continue
        is_said = is_marked or any(line.get("type") == "finalAnswer" for line in updates)
        is_stub = not item.get("content") and not updates
        if item.get("generationId") or (newest and not is_said and (stores_meanwhile or is_stub)):
            found.append(_unfinished(item, reply, is_said))
    last = messages[-1] if messages else {"id": value.get("rootMessageId")}
    leaf = last.get("id") if isinstance(last, dict) else None
    if messages and not isinstance(leaf, str):
        raise ProtocolError("the reply has no 'id' as we know it", field="id")
    return Look(
        leaf or None,
        not any(isinstance(one, dict) and one.get("from") == "user" for one in messages),
        tuple(reversed(found)),
        lambda: read_tree(value, conversation_id),
    )


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


# what became of a message -----------------------------------------------------------------------


def answer_in(
    row: Sequence[dict[str, Any]], question_id: str, answer_id: str, prompt: Prompt
) -> dict[str, Any] | None:
    """Return the stored answer to *prompt* in a conversation from before trees, ``None`` if none.

    Before 2023-05-19 and since 2024-01-16 the server chose the answer's id by itself: there it is
    what stands behind our question. A retried question is the same as before, so there an answer
    counts that is not the replaced one; an edited question is another by its text.

    Source: GET /conversation/{id}/__data.json, chat-ui 2023-05 … 2024-02 (measured).
    """
    for message in row:
        if message.get("id") == answer_id:
            return message
    for question, answer in zip(row, row[1:]):
        if question.get("id") != question_id or answer.get("from") != "assistant":
            continue
        same = text_of(question, "content").strip() == prompt.text.strip()
        known = prompt.action != "retry" or prompt.replaced_id is not None
        if same and known and answer.get("id") != prompt.replaced_id:
            return answer
    return None


def find(messages: list[dict[str, Any]], prompt: Prompt, updates: Updates) -> Stored | None:
    """Return what *messages* keep of *prompt*, ``None`` if nothing.

    Our own generation id is the sure way (since 2026-06). Where no answer has such an id the newest
    message with our text at our place is taken.

    :param updates: reads the lines that are kept of an answer.
    """
    for message in messages:
        if message.get("generationId") == prompt.generation_id:
            return _answer(message, updates)
    if any("generationId" in message for message in messages):
        return None  # this server keeps the ids, and ours is not among them
    place = _place(messages, prompt)
    if prompt.action == "retry":
        return _newest_sibling(messages, prompt, updates)
    text = prompt.text.replace("\r\n", "\n")
    for message in reversed(messages):
        same = message.get("from") == "user" and message.get("content") == text
        if same and _parent(message) == place and message.get("id") != prompt.parent_id:
            return _below(messages, message, updates)
    return None


def _place(messages: list[dict[str, Any]], prompt: Prompt) -> str | None:
    """Return the id below which the question hangs: an edit is put beside its target."""
    if prompt.action != "edit":
        return prompt.parent_id
    target = next((item for item in messages if item.get("id") == prompt.parent_id), None)
    return _parent(target)


def _newest_sibling(
    messages: list[dict[str, Any]], prompt: Prompt, updates: Updates
) -> Stored | None:
    """Return the answer that was made beside the one to redo, if there is one behind it."""
    ids = [message.get("id") for message in messages]
    if prompt.parent_id not in ids:
        return None
    at = ids.index(prompt.parent_id)
    question = _parent(messages[at])
    for message in reversed(messages[at + 1 :]):
        if message.get("from") == "assistant" and _parent(message) == question:
            return _answer(message, updates)
    return None


def _below(messages: list[dict[str, Any]], question: dict[str, Any], updates: Updates) -> Stored:
    for message in reversed(messages):
        if message.get("from") == "assistant" and _parent(message) == question.get("id"):
            return _answer(message, updates)
    return Stored(text_of(question, "id"), None)


def _parent(message: dict[str, Any] | None) -> str | None:
    ancestors = texts_of(message, "ancestors")
    return ancestors[-1] if ancestors else None


def _answer(message: dict[str, Any], updates: Updates) -> Stored:
    text, thought = split_thinking(text_of(message, "content"))
    events, error = _happened(message, updates)
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
