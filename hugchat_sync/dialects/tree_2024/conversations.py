"""Conversations, where they differ from those of 2023: list, create, messages."""

from __future__ import annotations

from ...calls import Call, Reply
from ...errors import HugChatError, ModelNotFound, status_error
from ...records import ConversationTree
from ..base import Created, Look, Page, Prompt, Stored
from ..errors import intercepted, is_guarded, read_nothing, read_value, refusal
from ..fields import dicts_of, each, need, text_of
from ..forms_2023 import Forms2023, page_of, path_of
from ..page_data import page
from ..records import read_conversation
from ..stored import find, look_at_tree
from ..updates import Updates
from ..verbs import delete, get, in_path, post
from .body import Facts

_PAGE_SIZES = (30, 300)  # since 2025-01-09, and before


class Conversations2024(Forms2023):
    """What can be done with conversations.

    :param facts: what this server does its own way: see :class:`Facts`.
    """

    def __init__(self, facts: Facts | None = None) -> None:
        self.facts = facts or Facts()

    def list_conversations(self, page: int = 0) -> Call[Page]:
        """Describe one page of the list; only its length tells whether more follows.

        Source: GET /api/conversations, chat-ui 2024-04 … 2024-12 (measured).
        """
        if self.facts.hidden:  # the list beside every page is the only one, and has one page
            return super().list_conversations(page)

        def read(reply: Reply) -> Page:
            found = each(read_value(reply), read_conversation, "conversations")
            return Page(found, len(found) in _PAGE_SIZES)

        return get("/api/conversations", read, params={"p": str(page)})

    def create_conversation(self, model: str, system_prompt: str) -> Call[Created]:
        """Describe starting a conversation.

        Source: POST /conversation, chat-ui 2024-04 … 2024-12 (measured).
        """
        return self._create({"model": model, "preprompt": system_prompt})

    def create_from_share(self, share_id: str, model: str) -> Call[Created]:
        """Describe starting a conversation as the copy of a shared one.

        Source: POST /conversation, chat-ui 2024-04 … 2025-06 (measured).
        """
        return self._create({"model": model, "fromShare": share_id})

    def _create(self, body: dict[str, str]) -> Call[Created]:

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

        return post("/conversation", read, json=body, error=error)

    def conversation(self, conversation_id: str) -> Call[ConversationTree]:
        """Describe reading a conversation with all its branches; a share id does as well.

        Source: GET /conversation/{id}/__data.json, chat-ui 2024-04 … 2024-12 (measured).
        """
        call = self.look(conversation_id)
        return Call(call.request, lambda reply: call.read(reply).read())

    def look(self, conversation_id: str) -> Call[Look]:
        """Describe reading a conversation together with the run that may be on in it.

        Source: GET /conversation/{id}/__data.json, chat-ui 2024-04 … 2024-12 (measured).
        """

        def read(reply: Reply) -> Look:
            value = page(reply)
            need(
                value, "rootMessageId", str
            )  # else it is from before trees, and ids mean other things
            return look_at_tree(value, reply, conversation_id, stores_meanwhile=False)

        return page_of(conversation_id, read)

    def stored(self, conversation_id: str, prompt: Prompt) -> Call[Stored | None]:
        """Describe looking for what became of *prompt*: nothing here names a run.

        Source: GET /conversation/{id}/__data.json, chat-ui 2024-04 … 2024-12 (measured).
        """
        return page_of(
            conversation_id,
            lambda reply: find(dicts_of(page(reply), "messages"), prompt, Updates()),
        )

    def share(self, conversation_id: str) -> Call[str]:
        """Describe publishing a conversation; the answer is a whole URL, since 2025-06-10 an id.

        Source: POST /conversation/{id}/share, chat-ui 2024-04 … 2024-12 (measured).
        """

        def read(reply: Reply) -> str:
            value = read_value(reply)
            return text_of(value, "url") or f"/r/{need(value, 'shareId', str)}"

        return post(f"{path_of(conversation_id)}/share", read)

    def remove_message(self, conversation_id: str, message_id: str) -> Call[None]:
        """Describe deleting a message and its descendants; only servers since 2025-02-11 can.

        Source: DELETE /api/conversation/{id}/message/{id}, chat-ui 2024-04 … 2025-08 (measured).
        """
        if self.facts.hidden:
            self.lacks("remove_message", "this server hides its API")
        path = f"/api{path_of(conversation_id)}/message/{in_path(message_id)}"
        # the older ones answer with a page
        return delete(
            path, lambda reply: self.require_route(reply, "remove_message"), error=intercepted
        )

    def remove_all_conversations(self) -> tuple[Call[int | None], ...]:
        """Describe deleting all conversations, by a form or (since 2025-02-11) by the API.

        Source: DELETE /api/conversations, chat-ui 0.9.5, 2025-06 (measured).
        """

        def read(reply: Reply) -> int | None:
            self.require_route(reply, "remove_all")
            read_nothing(reply)
            return None  # it does not tell

        call = delete("/api/conversations", read, error=intercepted)
        return (*super().remove_all_conversations(), call)
