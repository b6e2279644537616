"""Conversations as calls, where they differ from those of 2023: list, create, messages."""

from __future__ import annotations

from typing import Callable
from urllib.parse import quote

from ...calls import Call, Reply, Request
from ...errors import HugChatError, ModelNotFound, status_error
from ...records import ConversationTree
from ..base import Created, Look, Page, Prompt, Stored
from ..errors import intercepted, is_guarded, read_value, refusal
from ..fields import dicts_of, each, need, text_of
from ..forms_2023 import in_path, page_of
from ..headers import READ, WRITE
from ..messages import read_conversation, read_tree
from ..page_data import page
from ..unfinished import unfinished_answers
from ..v2_2025.stored import find

_PAGE_SIZES = (30, 300)  # since 2025-01-09, and before


def list_conversations(number: int) -> Call[Page]:
    """Describe one page of the list; only its length tells whether more follows.

    Source: GET /api/conversations, chat-ui 2024-04 … 2024-12 (measured).
    """

    def read(reply: Reply) -> Page:
        found = each(read_value(reply), read_conversation, "conversations")
        return Page(found, len(found) in _PAGE_SIZES)

    request = Request(
        "GET",
        "/api/conversations",
        params={"p": str(number)},
        headers=READ,
        repeatable=True,
        error=refusal,
    )
    return Call(request, read)


def create_conversation(body: dict[str, str]) -> Call[Created]:
    """Describe starting a conversation, with its system prompt or out of a share.

    Source: POST /conversation, chat-ui 2024-04 … 2024-12 (measured).
    """

    def error(reply: Reply) -> HugChatError | None:
        if reply.status != 400 or is_guarded(reply):
            return refusal(reply)
        # the values sent are texts, so what is wrong with them is the model
        return status_error(
            400,
            f"the server does not offer the model {body['model']!r}",
            url=reply.url,
            body=reply.text,
            kind=ModelNotFound,
            advice="see models()",
            model=body["model"],
        )

    def read(reply: Reply) -> Created:
        return Created(need(read_value(reply), "conversationId", str), "New Chat")

    return Call(Request("POST", "/conversation", json=body, headers=WRITE, error=error), read)


def conversation(conversation_id: str) -> Call[ConversationTree]:
    """Describe reading a conversation with all its branches; a share id does as well.

    Source: GET /conversation/{id}/__data.json, chat-ui 2024-04 … 2024-12 (measured).
    """
    call = look(conversation_id)
    return Call(call.request, lambda reply: call.read(reply).tree)


def look(conversation_id: str) -> Call[Look]:
    """Describe reading a conversation together with the run that may be on in it.

    Source: GET /conversation/{id}/__data.json, chat-ui 2024-04 … 2024-12 (measured).
    """

    def read(reply: Reply) -> Look:
        value = page(reply)
        need(value, "rootMessageId", str)  # else it is from before trees, and ids mean other things
        tree = read_tree(value, conversation_id)
        return Look(tree, unfinished_answers(value, reply, stores_meanwhile=False))

    return Call(page_of(conversation_id), read)


def stored(conversation_id: str, prompt: Prompt) -> Call[Stored | None]:
    """Describe looking for what became of *prompt*: nothing here names a run.

    Source: GET /conversation/{id}/__data.json, chat-ui 2024-04 … 2024-12 (measured).
    """
    return Call(
        page_of(conversation_id), lambda reply: find(dicts_of(page(reply), "messages"), prompt)
    )


def share(conversation_id: str) -> Call[str]:
    """Describe publishing a conversation; the answer is a whole URL, since 2025-06-10 an id.

    Source: POST /conversation/{id}/share, chat-ui 2024-04 … 2024-12 (measured).
    """

    def read(reply: Reply) -> str:
        value = read_value(reply)
        return text_of(value, "url") or f"/r/{need(value, 'shareId', str)}"

    path = f"{in_path(conversation_id)}/share"
    return Call(Request("POST", path, headers=WRITE, error=refusal), read)


def remove_message(
    conversation_id: str, message_id: str, read: Callable[[Reply], None]
) -> Call[None]:
    """Describe deleting a message and its descendants; only servers since 2025-02-11 can.

    :param read: raises for the page with which the older ones answer.

    Source: DELETE /api/conversation/{id}/message/{id}, chat-ui 2024-04 … 2025-08 (measured).
    """
    path = f"/api{in_path(conversation_id)}/message/{quote(message_id, safe='')}"
    request = Request("DELETE", path, headers=WRITE, repeatable=True, error=intercepted)
    return Call(request, read)
