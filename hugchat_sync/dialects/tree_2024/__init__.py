"""The era of 2024-02 … 2025-06: message trees, files, tools, and still the data of pages."""

from __future__ import annotations

from typing import Any, Mapping

from ...calls import Call, Reply, StreamCall
from ...events import Event
from ...records import Model, Settings, User
from ..account import read_models, read_user, save_as_json
from ..base import Dialect, Manners, Prompt
from ..errors import intercepted, read_error, read_nothing, read_value
from ..fields import kind_of
from ..forms_2023 import layout_of_home, path_of
from ..page_data import layout
from ..verbs import get, in_path, post
from .answer import TreeUpdates
from .body import Facts, message_request
from .conversations import Conversations2024

__all__ = ["Facts", "Tree2024"]

#: what of a ``RequestData`` has a meaning here; an ``id`` names the parent now, not the message
_TAKEN = ("inputs", "web_search")


class Tree2024(Conversations2024):
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
    # between 2024-05-03 and 2025-05-15 the request to stop has no effect
    manners = Manners(takes_token=False, survives_disconnect=False, stops_by_closing=True)

    def other_body_form(self) -> Dialect:
        """Return this era with the other form of message body, for a server that answered 500.

        Between 2024-06-06 and 2024-06-24 no key tells which form a server takes; the wrong one is
        refused before anything of it is stored, so one more try is safe.
        """
        return type(self)(self.facts.other_body())

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
        return get("/api/models", lambda reply: read_models(read_value(reply)))

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

        return get("/api/user", read, error=intercepted)

    def login_required(self) -> Call[bool]:
        """Describe asking whether this server has a sign-in at all.

        Source: GET /__data.json, chat-ui 2024-04 … 2024-12 (measured).
        """

        def read(reply: Reply) -> bool:
            found = layout(reply)
            required = kind_of(found, "loginRequired", bool, False)
            return kind_of(found, "loginEnabled", bool, required)

        return layout_of_home(read)

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
        return post(f"{path_of(conversation_id)}/stop-generating", read_nothing)

    def download(self, conversation_id: str, sha: str) -> Call[bytes]:
        """Describe fetching a file of a conversation.

        Source: GET /conversation/{id}/output/{sha}, chat-ui 2023-11 … 2026-08 (measured).
        """
        path = f"{path_of(conversation_id)}/output/{in_path(sha)}"
        return get(path, lambda reply: reply.body)
