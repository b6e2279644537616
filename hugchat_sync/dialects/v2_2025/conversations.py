"""Conversations of the servers with ``api/v2``: list, create, read, rename, delete, share."""

from __future__ import annotations

from typing import Any, Mapping

from ...calls import Call, Reply
from ...errors import HugChatError, ModelNotFound, ProtocolError, status_error
from ...records import ConversationTree
from ..base import Created, Dialect, Look, Page, Prompt, Stored
from ..errors import (
    intercepted,
    is_guarded,
    read_error,
    read_nothing,
    read_superjson,
    read_value,
    refusal,
)
from ..fields import dicts_of, each, kind_of, need, text_of
from ..records import read_conversation, read_tree
from ..stored import find, look_at_tree
from ..verbs import delete, get, in_path, patch, post
from ..wire import read_json, superjson

_PAGE_SIZE = 30


class Conversations(Dialect):
    """What can be done with conversations."""

    def list_conversations(self, page: int = 0) -> Call[Page]:
        """Describe one page of the list; whether more follows was told in three ways over time.

        Source: GET /api/v2/conversations, chat-ui 2025-06 … 2026-08 (measured).
        """

        def read(reply: Reply) -> Page:
            value = read_superjson(reply)
            found = each(need(value, "conversations", list), read_conversation, "conversations")
            total = kind_of(value, "nConversations", int, None)
            if total is not None:
                more = total > page * _PAGE_SIZE + len(found)
            else:
                more = kind_of(value, "hasMore", bool, len(found) >= _PAGE_SIZE)
            return Page(found, more and bool(found))

        return get("/api/v2/conversations", read, params={"p": str(page)})

    def create_conversation(self, model: str, system_prompt: str) -> Call[Created]:
        """Describe starting a conversation; since 2026-07 the reply tells its root as well.

        Source: POST /conversation, chat-ui 2025-06 … 2026-08 (measured).
        """
        return _create(model, {"preprompt": system_prompt})

    def create_from_share(self, share_id: str, model: str) -> Call[Created]:
        """Describe starting a conversation as the copy of a shared one; each time it is a new one.

        Source: POST /conversation, chat-ui 2025-08 … 2026-08 (measured).
        """
        return _create(model, {"fromShare": share_id})

    def remove_conversation(self, conversation_id: str) -> Call[None]:
        """Describe deleting a conversation.

        Source: DELETE /api/v2/conversations/{id}, chat-ui 2025-06 … 2026-08 (measured).
        """
        return delete(f"/api/v2/conversations/{in_path(conversation_id)}", read_nothing)

    def remove_message(self, conversation_id: str, message_id: str) -> Call[None]:
        """Describe deleting a message and its descendants.

        Source: DELETE /api/v2/conversations/{id}/message/{id}, chat-ui 2025-06 … 2026-08
        (measured).
        """
        where = f"/api/v2/conversations/{in_path(conversation_id)}"
        return delete(f"{where}/message/{in_path(message_id)}", read_nothing)

    def remove_all_conversations(self) -> tuple[Call[int | None], ...]:
        """Describe deleting all conversations.

        Source: DELETE /api/v2/conversations, chat-ui 2025-06 … 2026-08 (measured).
        """

        def read(reply: Reply) -> int | None:
            count = read_superjson(reply)
            return count if isinstance(count, int) and not isinstance(count, bool) else None

        return (delete("/api/v2/conversations", read),)

    def rename_conversation(self, conversation_id: str, title: str) -> Call[None]:
        """Describe renaming a conversation.

        The servers of 2025-06 … 2026-02 answer the title that a conversation has already with 500
        and the sentence of a missing one less its full stop.

        Source: PATCH /api/v2/conversations/{id}, chat-ui 2025-06 … 2026-08 (measured).
        """

        def read(reply: Reply) -> None:
            if 200 <= reply.status < 300:
                read_nothing(reply)
            elif reply.status != 500 or reply.text != "Conversation not found":
                raise read_error(reply)

        path = f"/api/v2/conversations/{in_path(conversation_id)}"
        return patch(path, read, json={"title": title}, error=intercepted)

    def conversation(self, conversation_id: str) -> Call[ConversationTree]:
        """Describe reading a conversation with all its branches; a share id does as well.

        Source: GET /api/v2/conversations/{id}, chat-ui 2025-06 … 2026-08 (measured).
        """
        return get(
            f"/api/v2/conversations/{in_path(conversation_id)}",
            lambda reply: read_tree(read_superjson(reply), conversation_id),
        )

    def look(self, conversation_id: str) -> Call[Look]:
        """Describe reading a conversation together with what tells that a run is on in it.

        Source: GET /api/v2/conversations/{id}, chat-ui 2025-06 … 2026-08 (measured).
        """
        stores_meanwhile = self.manners.survives_disconnect
        return get(
            f"/api/v2/conversations/{in_path(conversation_id)}",
            lambda reply: look_at_tree(
                read_superjson(reply), reply, conversation_id, stores_meanwhile=stores_meanwhile
            ),
        )

    def stored(self, conversation_id: str, prompt: Prompt) -> Call[Stored | None]:
        """Describe looking for what became of *prompt*.

        Source: GET /api/v2/conversations/{id}, chat-ui 2025-06 … 2026-08 (measured).
        """

        def read(reply: Reply) -> Stored | None:
            value = read_superjson(reply)
            need(value, "messages", list)
            return find(dicts_of(value, "messages"), prompt, self.log_reader(prompt))

        return get(f"/api/v2/conversations/{in_path(conversation_id)}", read)

    def share(self, conversation_id: str) -> Call[str]:
        """Describe publishing a conversation; the answer was a whole URL for a few days of 2025-06.

        Source: POST /conversation/{id}/share, chat-ui 2025-06 … 2026-08 (measured).
        """

        def read(reply: Reply) -> str:
            value = read_value(reply)
            return text_of(value, "url") or f"/r/{need(value, 'shareId', str)}"

        return post(f"/conversation/{in_path(conversation_id)}/share", read)

    def import_share(self, share_id: str) -> Call[str | None] | None:
        """Describe copying a shared conversation; the same share gives the same copy.

        Before 2026-01-19 there was no such route; those servers say of one that it is a
        conversation which they do not have, as they say it of a share.

        Source: POST /api/v2/conversations/import-share, chat-ui 2025-08 … 2026-08 (measured).
        """

        def read(reply: Reply) -> str | None:
            if reply.status == 500 and reply.text.startswith("Conversation not found"):
                return None
            if not 200 <= reply.status < 300:
                raise read_error(reply)
            value = read_value(reply)
            inner = value.get("json") if isinstance(value, dict) else None
            return need(inner if isinstance(inner, dict) else value, "conversationId", str)

        return post(
            "/api/v2/conversations/import-share",
            read,
            json={"shareId": share_id},
            error=intercepted,
        )


def _create(model: str, more: Mapping[str, str]) -> Call[Created]:
    def error(reply: Reply) -> HugChatError | None:
        if reply.status != 400 or is_guarded(reply):
            return refusal(reply)
        # the two values sent are texts, so what is wrong with them is the model
        return status_error(
            400,
            f"the server does not offer the model {model!r}",
            url=reply.url,
            body=reply.text,
            kind=ModelNotFound,
            advice="see models()",
            model=model,
        )

    body = {"model": model, **more}
    return post("/conversation", read_created, json=body, error=error)


def read_created(reply: Reply) -> Created:
    """Return the new conversation.

    :raises ProtocolError: the reply does not name it.
    """
    value = read_value(reply)
    tree = _embedded(value)
    title = text_of(tree, "title") or "New Chat"
    messages = kind_of(tree, "messages", list, [])
    leaf = text_of(messages[-1], "id") if messages else text_of(tree, "rootMessageId")
    return Created(need(value, "conversationId", str), title, leaf or None)


def _embedded(value: Any) -> Any:
    """Return the conversation inside the reply: text that holds superjson."""
    text = text_of(value, "conversation")
    if not text:
        return None
    try:
        return superjson(read_json(text.encode("utf-8")))
    except ProtocolError:
        return None  # only a shortcut: whoever needs the leaf reads the conversation
