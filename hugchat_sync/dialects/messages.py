"""Stored conversations and their messages between the wire's spelling and our records."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Sequence

from ..records import ChatFile, Conversation, ConversationTree, TreeMessage
from .fields import dicts_of, each, kind_of, need, text_of, texts_of
from .text import split_thinking, whole
from .values import Prompt


def read_conversation(value: Any) -> Conversation:
    """Return a line of a list of conversations, of any year.

    :raises ProtocolError: it has no id or no title.
    """
    found = text_of(value, "id") or need(value, "_id", str)
    return Conversation(
        found,
        whole(need(value, "title", str)),
        kind_of(value, "updatedAt", str, None),
        text_of(value, "model") or text_of(value, "modelId") or None,
    )


def read_message(value: Any, conversation_id: str) -> TreeMessage:
    """Return a stored message of a tree; the thinking of an answer is parted from its text.

    :raises ProtocolError: it lacks what every message has.
    """
    role = need(value, "from", str)
    text, thought = text_of(value, "content"), text_of(value, "reasoning")
    if role == "assistant":
        text, more = split_thinking(text)
        thought = thought or more
    ancestors = texts_of(value, "ancestors")
    return TreeMessage(
        need(value, "id", str),
        role,
        text,
        thought,
        files=_files(value, conversation_id),
        parent_id=ancestors[-1] if ancestors else None,
        children=texts_of(value, "children"),
        created_at=kind_of(value, "createdAt", str, None),
        interrupted=kind_of(value, "interrupted", bool, None),
    )


def _files(value: Any, conversation_id: str) -> tuple[ChatFile, ...]:
    """Return the files of a message; until 2024-05 the server kept nothing of them but a hash.

    Source: chat-ui 2024-04 and 2024-06 … 2026-08 (measured).
    """
    bare = [ChatFile("", sha, "", conversation_id) for sha in texts_of(value, "files")]
    described = [
        ChatFile(
            text_of(item, "name"), text_of(item, "value"), text_of(item, "mime"), conversation_id
        )
        for item in dicts_of(value, "files")
    ]
    return (*bare, *described)


def read_tree(value: Any, conversation_id: str) -> ConversationTree:
    """Return a conversation whose messages know their ancestors (since 2024-02).

    :raises ProtocolError: it lacks what every conversation has.
    """
    messages = each(
        need(value, "messages", list), lambda item: read_message(item, conversation_id), "messages"
    )
    root = text_of(value, "rootMessageId") or (messages[0].id if messages else None)
    return ConversationTree(
        conversation_id,
        whole(need(value, "title", str)),
        text_of(value, "model") or text_of(value, "modelId"),
        text_of(value, "preprompt"),
        root,
        messages,
    )


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


def read_row(value: Any, conversation_id: str) -> ConversationTree:
    """Return a conversation from before trees: each message follows the one in front of it.

    :raises ProtocolError: it lacks what every conversation has.
    """
    found = each(
        need(value, "messages", list), lambda item: read_message(item, conversation_id), "messages"
    )
    return ConversationTree(
        conversation_id,
        whole(need(value, "title", str)),
        text_of(value, "model"),
        text_of(value, "preprompt"),
        found[0].id if found else None,
        tuple(_linked(found, index) for index in range(len(found))),
    )


def _linked(row: Sequence[TreeMessage], index: int) -> TreeMessage:
    message = row[index]
    # the models of that time began with a blank, which the server stored
    text = message.text.lstrip() if message.role == "assistant" else message.text
    return replace(
        message,
        text=text,
        parent_id=row[index - 1].id if index else None,
        children=(row[index + 1].id,) if index + 1 < len(row) else (),
    )
