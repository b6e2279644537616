"""What both eras of 2023 have in common: page data to read, forms to write, a row of messages."""

from __future__ import annotations

import json
from typing import Callable, TypeVar

from ..calls import Call, Reply
from ..errors import ProtocolError
from ..records import ConversationTree, Model, Settings, User
from ..values import replace
from .account import read_models, read_settings, read_user
from .base import Created, Dialect, Page
from .errors import intercepted, read_error, read_nothing, read_value
from .fields import each, kind_of, need, text_of
from .page_data import LAYOUT_ONLY, PAGE_ONLY, layout, page
from .records import read_conversation, read_row
from .verbs import FORM, delete, get, in_path, patch, post
from .wire import read_json

T = TypeVar("T")


def path_of(conversation_id: str) -> str:
    """Return the path of a conversation."""
    return f"/conversation/{in_path(conversation_id)}"


def page_of(conversation_id: str, read: Callable[[Reply], T]) -> Call[T]:
    """Return the call for the data of a conversation's page."""
    return get(f"{path_of(conversation_id)}/__data.json", read, params=PAGE_ONLY)


def layout_of_home(read: Callable[[Reply], T]) -> Call[T]:
    """Return the call for the data that every page has."""
    return get("/__data.json", read, params=LAYOUT_ONLY)


class Forms2023(Dialect):
    """Conversations and account of the servers of 2023."""

    # conversations

    def list_conversations(self, page: int = 0) -> Call[Page]:
        """Describe reading the list, which is always whole.

        Source: GET /__data.json, chat-ui 2023-09 and 2023-10 (measured).
        """

        def read(reply: Reply) -> Page:
            found = layout(reply)["conversations"]
            return Page(each(found, read_conversation, "conversations") if page == 0 else (), False)

        return layout_of_home(read)

    def create_conversation(self, model: str, system_prompt: str) -> Call[Created]:
        """Describe starting a conversation; its title ("Untitled" and a number) is not told.

        Source: POST /conversation, chat-ui 2023-10 (measured).
        """
        return self._create({"model": model, "preprompt": system_prompt})

    def _create(self, body: dict[str, str]) -> Call[Created]:
        return post(
            "/conversation",
            lambda reply: Created(need(read_value(reply), "conversationId", str), "Untitled"),
            json=body,
        )

    def remove_conversation(self, conversation_id: str) -> Call[None]:
        """Describe deleting a conversation.

        Source: DELETE /conversation/{id}, chat-ui 2023-09 and 2023-10 (measured).
        """
        return delete(path_of(conversation_id), read_nothing)

    def remove_all_conversations(self) -> tuple[Call[int | None], ...]:
        """Describe deleting all conversations, by a form.

        Source: POST /conversations?/delete, chat-ui 2023-09 … 2025-02; before 2023-05-19 a page
        with 404, since 2025-02-11 one with 200 (measured).
        """

        def read(reply: Reply) -> int | None:
            self.require_route(reply, "remove_all")
            read_form_answer(reply)
            return None  # it does not tell

        call = post(
            "/conversations?/delete",
            read,
            form=(),
            headers=FORM,
            repeatable=True,  # it leaves nothing, however often it is sent
            error=intercepted,
        )
        return (call,)

    def require_route(self, reply: Reply, feature: str) -> None:
        """Raise unless *reply* is that of a route: a page says that there is none.

        Its status says nothing: between 2024-11 and 2025-06 every page came with 200.

        :raises FeatureUnavailable: this server does not know the route.
        :raises HugChatError: the route refuses.
        """
        is_absent = reply.status in (200, 404, 405) and reply.content_type == "text/html"
        if is_absent or (reply.status == 405 and reply.content_type != "application/json"):
            self.lacks(feature)
        if not 200 <= reply.status < 300:
            raise read_error(reply)

    def rename_conversation(self, conversation_id: str, title: str) -> Call[None]:
        """Describe renaming a conversation.

        Source: PATCH /conversation/{id}, chat-ui 2023-09 and 2023-10 (measured).
        """
        return patch(path_of(conversation_id), read_nothing, json={"title": title})

    def conversation(self, conversation_id: str) -> Call[ConversationTree]:
        """Describe reading a conversation.

        Source: GET /conversation/{id}/__data.json, chat-ui 2023-09 and 2023-10 (measured).
        """
        return page_of(conversation_id, lambda reply: read_row(page(reply), conversation_id))

    def share(self, conversation_id: str) -> Call[str]:
        """Describe publishing a conversation.

        Source: POST /conversation/{id}/share, chat-ui 2023-09 and 2023-10 (measured).
        """
        path = f"{path_of(conversation_id)}/share"
        return post(path, lambda reply: need(read_value(reply), "url", str))

    def create_from_share(self, share_id: str, model: str) -> Call[Created]:
        """Describe starting a conversation as the copy of a shared one.

        Source: POST /conversation, chat-ui 2023-05 … 2024-02 (measured).
        """
        return self._create({"model": model, "fromShare": share_id})

    # account

    def settings(self) -> Call[Settings]:
        """Describe reading the settings.

        Source: GET /__data.json, chat-ui 2023-09 and 2023-10 (measured).
        """
        return layout_of_home(lambda reply: read_settings(need(layout(reply), "settings", dict)))

    def save_settings(self, settings: Settings) -> Call[None]:
        """Describe replacing all settings: what the form leaves out goes back to its default.

        Source: POST /settings, chat-ui 2023-09 and 2023-10 (measured).
        """
        return post(
            "/settings",
            read_form_answer,
            form=settings_form(settings),
            headers=FORM,
            repeatable=True,
        )

    def models(self) -> Call[tuple[Model, ...]]:
        """Describe reading the models.

        Source: GET /__data.json, chat-ui 2023-09 and 2023-10 (measured).
        """
        return layout_of_home(lambda reply: read_models(layout(reply).get("models")))

    def user(self) -> Call[User | None]:
        """Describe asking who is signed in.

        Source: GET /__data.json, chat-ui 2023-09 and 2023-10 (measured).
        """
        return layout_of_home(lambda reply: read_user(layout(reply).get("user")))

    def login_required(self) -> Call[bool]:
        """Describe asking whether this server has a sign-in at all.

        Source: GET /__data.json, chat-ui 2023-09 and 2023-10 (measured); the newer name of the
        field is of 2023-10-23.
        """

        def read(reply: Reply) -> bool:
            found = layout(reply)
            name = "requiresLogin" if "requiresLogin" in found else "loginRequired"
            return kind_of(found, name, bool, False)

        return layout_of_home(read)


def settings_form(settings: Settings) -> tuple[tuple[str, str], ...]:
    """Return the settings as fields of the form; a switch that is off is left out."""
    fields = [("customPrompts", json.dumps(dict(settings.custom_prompts)))]
    if settings.active_model is not None:
        fields.append(("activeModel", settings.active_model))
    for name, value in (
        ("shareConversationsWithModelAuthors", settings.share_conversations_with_model_authors),
        ("ethicsModalAccepted", settings.ethics_modal_accepted),  # any text means yes, "false" too
        ("hideEmojiOnSidebar", settings.hide_emoji_on_sidebar),
    ):
        if value:
            fields.append((name, "true"))
    return tuple(fields)


def read_form_answer(reply: Reply) -> None:
    """Read the answer of a form: a redirect inside JSON is what going well looks like.

    :raises ProtocolError: it is something else.
    :raises ServerError: the form failed.
    """
    value = read_json(reply.body, reply.url)
    kind = text_of(value, "type")
    if kind in ("error", "failure"):
        status = kind_of(value, "status", int, reply.status)
        raise read_error(replace(reply, status=status if status >= 400 else 500))
    if kind not in ("redirect", "success"):
        raise ProtocolError("the answer of a form is not as we know it", field="type")
