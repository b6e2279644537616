"""The era of 2024-02 … 2025-06: message trees, files, tools, and still the data of pages."""

from __future__ import annotations

from typing import Any, Callable, Mapping

from ...calls import Call, Reply, Request, StreamCall
from ...errors import HugChatError
from ...events import Event
from ...records import ConversationTree, Model, Settings, User
from ..account import read_models, read_user, save_as_json
from ..base import Created, Dialect, Look, Page, Prompt, Stored
from ..errors import intercepted, read_error, read_nothing, read_value, refusal
from ..fields import kind_of
from ..forms_2023 import Forms2023, in_path, layout_of_home
from ..headers import READ, WRITE
from ..page_data import layout
from ..v2_2025.tools import download
from . import conversations
from .answer import TreeUpdates
from .body import Facts, message_request

__all__ = ["Facts", "Tree2024"]

#: what of a ``RequestData`` has a meaning here; an ``id`` names the parent now, not the message
_TAKEN = ("inputs", "web_search")


class Tree2024(Forms2023):
    """The servers of the message trees, before ``api/v2``.

    :param facts: what this server does its own way: see :class:`Facts`.
    """

    name = "tree-2024"
    features = frozenset(
        {
            "web_search",
            "system_prompts",
            "conversation_prompts",
            "trees",
            "retry",
            "edit",
            "stop",
            "files",
            "titles",
            "share",
            "import_share",
            "remove_message",
        }
    )
    needs_parent = True
    survives_disconnect = False
    # between 2024-05-03 and 2025-05-15 the request to stop has no effect
    stops_by_closing = True

    def __init__(self, facts: Facts | None = None) -> None:
        self.facts = facts or Facts()

    def other_body_form(self) -> Dialect:
        """Return this era with the other form of message body, for a server that answered 500.

        Between 2024-06-06 and 2024-06-24 no key tells which form a server takes; the wrong one is
        refused before anything of it is stored, so one more try is safe.
        """
        return type(self)(self.facts.other_body())

    # conversations

    def list_conversations(self, page: int = 0) -> Call[Page]:
        """Describe reading one page of the list."""
        if self.facts.hidden:  # the list beside every page is the only one, and has one page
            return super().list_conversations(page)
        return conversations.list_conversations(page)

    def create_conversation(self, model: str, system_prompt: str) -> Call[Created]:
        """Describe starting a conversation."""
        return conversations.create_conversation({"model": model, "preprompt": system_prompt})

    def conversation(self, conversation_id: str) -> Call[ConversationTree]:
        """Describe reading a conversation with all its messages."""
        return conversations.conversation(conversation_id)

    def look(self, conversation_id: str) -> Call[Look]:
        """Describe reading a conversation together with what tells that a run is on in it."""
        return conversations.look(conversation_id)

    def remove_all_conversations(self) -> tuple[Call[int | None], ...]:
        """Describe deleting all conversations, by a form or (since 2025-02-11) by the API.

        Source: DELETE /api/conversations, chat-ui 0.9.5, 2025-06 (measured).
        """

        def read(reply: Reply) -> None:
            self.require_route(reply, "remove_all")
            read_nothing(reply)

        request = Request(
            "DELETE", "/api/conversations", headers=WRITE, repeatable=True, error=intercepted
        )
        return (*super().remove_all_conversations(), Call(request, read))

    # account

    def save_settings(self, settings: Settings) -> Call[None]:
        """Describe replacing all settings; what is left out goes back to its default.

        Source: POST /settings, chat-ui 2024-04 … 2024-12 (measured).
        """
        return save_as_json(settings)

    def models(self) -> Call[tuple[Model, ...]]:
        """Describe reading the models.

        Source: GET /api/models, chat-ui 2024-04 … 2024-12 (measured).
        """
        if self.facts.hidden:
            return super().models()
        return Call(_api("/api/models"), lambda reply: read_models(read_value(reply)))

    def user(self) -> Call[User | None]:
        """Describe asking who is signed in; nobody is a 401 here.

        Source: GET /api/user, chat-ui 2024-04 … 2024-12 (measured).
        """
        if self.facts.hidden:
            return super().user()

        def read(reply: Reply) -> User | None:
            if reply.status == 401:
                return None
            if not 200 <= reply.status < 300:
                raise read_error(reply)
            return read_user(read_value(reply))

        return Call(_api("/api/user", intercepted), read)

    def login_required(self) -> Call[bool]:
        """Describe asking whether this server has a sign-in at all.

        Source: GET /__data.json, chat-ui 2024-04 … 2024-12 (measured).
        """

        def read(reply: Reply) -> bool:
            found = layout(reply)
            required = kind_of(found, "loginRequired", bool, False)
            return kind_of(found, "loginEnabled", bool, required)

        return Call(layout_of_home(), read)

    # answers

    def chat(self, prompt: Prompt) -> StreamCall[Event]:
        """Describe sending a message."""
        return StreamCall(
            message_request(self.facts, prompt),
            lambda chunks: TreeUpdates().read(chunks),
            keep_alives=self.facts.keep_alives,
        )

    def ignored(self, custom: Mapping[str, Any]) -> tuple[str, ...]:
        """Return the names in *custom* that this era cannot take."""
        return tuple(name for name in custom if name not in _TAKEN)

    def stop(self, conversation_id: str, generation_id: str) -> Call[None]:
        """Describe stopping the run; between 2024-05-03 and 2025-05-15 only closing does it.

        Source: POST /conversation/{id}/stop-generating, chat-ui 2024-04 … 2024-12 (measured).
        """
        path = f"{in_path(conversation_id)}/stop-generating"
        return Call(Request("POST", path, headers=WRITE, error=refusal), read_nothing)

    def stored(self, conversation_id: str, prompt: Prompt) -> Call[Stored | None]:
        """Describe looking for what became of *prompt*."""
        return conversations.stored(conversation_id, prompt)

    # extras

    def remove_message(self, conversation_id: str, message_id: str) -> Call[None]:
        """Describe deleting a message and all that follows it; possible since 2025-02-11."""
        if self.facts.hidden:
            self.lacks("remove_message", "this server hides its API")
        return conversations.remove_message(
            conversation_id, message_id, lambda reply: self.require_route(reply, "remove_message")
        )

    def share(self, conversation_id: str) -> Call[str]:
        """Describe publishing a conversation."""
        return conversations.share(conversation_id)

    def create_from_share(self, share_id: str, model: str) -> Call[Created]:
        """Describe starting a conversation as the copy of a shared one.

        Source: POST /conversation, chat-ui 2024-04 … 2025-06 (measured).
        """
        return conversations.create_conversation({"model": model, "fromShare": share_id})

    def download(self, conversation_id: str, sha: str) -> Call[bytes]:
        """Describe fetching a file of a conversation."""
        return download(conversation_id, sha)


def _api(path: str, error: Callable[[Reply], HugChatError | None] = refusal) -> Request:
    return Request("GET", path, headers=READ, repeatable=True, error=error)
