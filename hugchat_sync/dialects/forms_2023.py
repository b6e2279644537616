"""What both eras of 2023 have in common: page data to read, forms to write, a row of messages.

A page's data (``__data.json``) is a list of nodes, its layouts first and itself last. Whatever is
wrong with a conversation comes with status 200, as an error in the place of its node.
"""

from __future__ import annotations

import json
from typing import Any, Callable, Mapping, TypeVar

from ..calls import Call, Reply
from ..errors import ProtocolError
from ..records import ConversationTree, Model, Settings, User
from ..values import replace
from .common import SETTINGS, Era, read_models, read_settings, read_user
from .errors import find_interception, read_error, refuse_redirect
from .fields import dicts_of, field_of, need, text_of
from .records import Look, Page, Prompt, Stored, Unfinished
from .trees import read_answer, read_conversation, read_tree, read_unfinished
from .updates import Updates
from .verbs import PAGE_DATA, delete, get, patch, path_of, post, read_nothing, read_value
from .wire import read_json, sveltekit_nodes

T = TypeVar("T")


class Forms2023(Era):
    """Conversations and account of the servers of 2023."""

    # conversations

    def list_conversations(self, page: int = 0) -> Call[Page]:
        """Describe reading the list, which is always whole.

        Source: GET /__data.json, chat-ui 2023-09 and 2023-10 (measured).
        """

        def read(layout: dict[str, Any]) -> Page:
            found = tuple(map(read_conversation, need(layout, "conversations", list)))
            return Page(found if page == 0 else (), False)

        return get_layout(read)

    def create(self, body: Mapping[str, str]) -> Call[ConversationTree]:
        """Describe starting a conversation; its title ("Untitled" and a number) is not told.

        Source: POST /conversation, chat-ui 2023-05 … 2024-02 (measured).
        """

        def read(reply: Reply) -> ConversationTree:
            found = need(read_value(reply), "conversationId", str)
            return ConversationTree(found, "Untitled", body["model"])

        return post("/conversation", read, json=body)

    def remove_conversation(self, conversation_id: str) -> Call[None]:
        """Source: DELETE /conversation/{id}, chat-ui 2023-09 and 2023-10 (measured)."""
        return delete(path_of(conversation_id), read_nothing)

    def remove_all_conversations(self) -> tuple[Call[int | None], ...]:
        """Describe deleting all conversations, by a form.

        Source: POST /conversations?/delete, chat-ui 2023-09 … 2025-02; before 2023-05-19 a page
        with 404, since 2025-02-11 one with 200 (measured).
        """
        path, read = "/conversations?/delete", self.require_route("remove_all", read_form_answer)
        # repeatable: it leaves nothing, however often it is sent
        return (post(path, read, form=(), repeatable=True, error=find_interception),)

    def require_route(self, feature: str, read: Callable[[Reply], None]) -> Callable[[Reply], None]:
        """Return what reads the reply of a route that some servers lack: there a page comes.

        Its status says nothing: between 2024-11 and 2025-06 every page came with 200.

        :raises FeatureUnavailable: this server does not know the route.
        :raises HugChatError: the route refuses.
        """

        def read_if_there(reply: Reply) -> None:
            is_absent = reply.status in (200, 404, 405) and reply.content_type == "text/html"
            if is_absent or (reply.status == 405 and reply.content_type != "application/json"):
                self.lacks(feature)
            if not 200 <= reply.status < 300:
                raise read_error(reply)
            read(reply)

        return read_if_there

    def rename_conversation(self, conversation_id: str, title: str) -> Call[None]:
        """Source: PATCH /conversation/{id}, chat-ui 2023-09 and 2023-10 (measured)."""
        return patch(path_of(conversation_id), read_nothing, json={"title": title})

    def conversation(self, conversation_id: str) -> Call[ConversationTree]:
        """Source: GET /conversation/{id}/__data.json, chat-ui 2023-09 and 2023-10 (measured)."""
        return get_page(conversation_id, lambda value, _: read_row(value, conversation_id))

    def look(self, conversation_id: str) -> Call[Look]:
        """Source: GET /conversation/{id}/__data.json, chat-ui 2023-10 (measured)."""

        def read(value: dict[str, Any], reply: Reply) -> Look:
            tree = read_row(value, conversation_id)
            is_empty = not any(message.role == "user" for message in tree.messages)
            on = () if self.manners.stores_at_end else find_unanswered(value, reply)
            return Look(tree.leaf, is_empty, on, lambda: tree)

        return get_page(conversation_id, read)

    def stored(self, conversation_id: str, prompt: Prompt) -> Call[Stored | None]:
        """Describe looking for what became of *prompt*, by the ids that we gave.

        Source: GET /conversation/{id}/__data.json, chat-ui 2023-05 … 2023-10 (measured).
        """
        sent = self.sent_ids(prompt)

        def read(value: dict[str, Any], reply: Reply) -> Stored | None:
            row = dicts_of(value, "messages")
            answer = find_answer(row, sent["id"], sent["response_id"], prompt)
            if answer is None:
                last = row[-1] if row else {}
                is_ours = last.get("id") == sent["id"] and last.get("from") == "user"
                return Stored(sent["id"], None) if is_ours else None
            index = row.index(answer)
            question_id = text_of(row[index - 1], "id") or None if index else None
            found = read_answer(answer, question_id, Updates())
            state = "done" if self.manners.stores_at_end else found.state
            return replace(found, text=found.text.lstrip(), state=state)

        return get_page(conversation_id, read)

    def sent_ids(self, prompt: Prompt) -> dict[str, Any]:
        """Return what names a message and its answer: ours, unless the caller has chosen.

        A retry or an edit names the *question*.
        """
        again = prompt.action in ("retry", "edit")
        sent = {
            "id": prompt.parent_id if again and prompt.parent_id else prompt.message_id,
            "response_id": prompt.generation_id,
            "is_retry": again,
        }
        chosen = {name: prompt.custom.get(name) for name in sent}
        return {**sent, **{name: value for name, value in chosen.items() if value is not None}}

    # account

    def settings(self) -> Call[Settings]:
        """Source: GET /__data.json, chat-ui 2023-09 … 2024-12 (measured)."""
        return get_layout(lambda layout: read_settings(need(layout, "settings", dict)))

    def save_settings(self, settings: Settings) -> Call[None]:
        """Describe replacing all settings: what the form leaves out goes back to its default.

        Source: POST /settings, chat-ui 2023-09 and 2023-10 (measured).
        """
        form = [("customPrompts", json.dumps(dict(settings.custom_prompts)))]
        if settings.active_model is not None:
            form.append(("activeModel", settings.active_model))
        for name in (
            "share_conversations_with_model_authors",
            "ethics_modal_accepted",  # any text means yes, "false" too
            "hide_emoji_on_sidebar",
        ):
            if getattr(settings, name):  # a switch that is off is left out
                form.append((SETTINGS[name], "true"))
        return post("/settings", read_form_answer, form=tuple(form), repeatable=True)

    def models(self) -> Call[tuple[Model, ...]]:
        """Source: GET /__data.json, chat-ui 2023-09 and 2023-10 (measured)."""
        return get_layout(lambda layout: read_models(layout.get("models")))

    def user(self) -> Call[User | None]:
        """Source: GET /__data.json, chat-ui 2023-09 and 2023-10 (measured)."""
        return get_layout(lambda layout: read_user(layout.get("user")))

    def login_required(self) -> Call[bool]:
        """Describe asking whether this server has a sign-in at all.

        Source: GET /__data.json, chat-ui 2023-09 … 2024-12 (measured): ``requiresLogin`` until
        2023-10-23, then ``loginRequired``, and in 2024 ``loginEnabled`` besides.
        """

        def read(layout: dict[str, Any]) -> bool:
            required = field_of(layout, "loginRequired", bool, False)
            required = field_of(layout, "requiresLogin", bool, required)
            return field_of(layout, "loginEnabled", bool, required)

        return get_layout(read)


def read_form_answer(reply: Reply) -> None:
    """Read the answer of a form: a redirect inside JSON is what going well looks like.

    :raises ProtocolError: it is something else.
    :raises ServerError: the form failed.
    """
    value = read_json(reply.body, reply.url)
    kind = text_of(value, "type")
    if kind in ("error", "failure"):
        status = field_of(value, "status", int, reply.status)
        raise read_error(replace(reply, status=status if status >= 400 else 500))
    if kind not in ("redirect", "success"):
        raise ProtocolError("the answer of a form is not as we know it", field="type")


# the data of pages -------------------------------------------------------------------------------


def get_page(conversation_id: str, read: Callable[[dict[str, Any], Reply], T]) -> Call[T]:
    """Return the call for the data of a conversation's page.

    Source: GET /conversation/{id}/__data.json, chat-ui 2023-04 … 2025-06 (measured); the query
    leaves the other nodes out.
    """

    def page(reply: Reply) -> T:
        nodes = _nodes(reply)
        node = nodes[-1] if nodes else None
        if not isinstance(node, dict) or "messages" not in node:
            raise ProtocolError("the page data has no messages", field="messages", url=reply.url)
        return read(node, reply)

    query = {"x-sveltekit-invalidated": "_1"}
    return get(path_of(conversation_id, PAGE_DATA), page, params=query)


def get_layout(read: Callable[[dict[str, Any]], T]) -> Call[T]:
    """Return the call for the data that every page has: conversations, settings, models, the user.

    Source: GET /__data.json, chat-ui 2023-04 … 2025-06 (measured); the query leaves the other
    nodes out.
    """

    def layout(reply: Reply) -> T:
        for node in _nodes(reply):
            if isinstance(node, dict) and "conversations" in node:
                return read(node)
        raise ProtocolError("the page data has no list of conversations", field="conversations")

    return get(PAGE_DATA, layout, params={"x-sveltekit-invalidated": "1_"})


def _nodes(reply: Reply) -> list[Any]:
    """Return the nodes of a page's data; an error in the place of one is raised.

    :raises ConversationNotExistError: it is not there, or not ours.
    :raises AuthError: the server wants to know who asks.
    :raises ProtocolError: the reply holds no such data.
    """
    if b"redirect" in reply.body[:64]:  # an ordinary page is not parsed twice
        refuse_redirect(read_json(reply.body, reply.url), reply.url)
    nodes = sveltekit_nodes(reply.body, reply.url)
    for node in nodes:
        if isinstance(node, dict) and node.get("type") == "error":
            # as if it had come with its own status; unexpected errors come without
            status = field_of(node, "status", int, 500)
            body = json.dumps(node.get("error")).encode("ascii")
            raise read_error(Reply(status, {"content-type": "application/json"}, body, reply.url))
    return nodes


# a row of messages -------------------------------------------------------------------------------


def read_row(value: Any, conversation_id: str) -> ConversationTree:
    """Return a conversation from before trees: each message follows the one in front of it.

    :raises ProtocolError: it lacks what every conversation has.
    """
    tree = read_tree(value, conversation_id)
    ids = [None, *(message.id for message in tree.messages), None]
    linked = [
        replace(
            message,
            # the models of that time began with a blank, which the server stored
            text=message.text.lstrip() if message.role == "assistant" else message.text,
            parent_id=before,
            children=() if after is None else (after,),
        )
        for message, before, after in zip(tree.messages, ids, ids[2:])
    ]
    return replace(tree, messages=tuple(linked))


def find_unanswered(value: Any, reply: Reply) -> tuple[Unfinished, ...]:
    """Return what may be coming in a conversation from before trees: its last message tells.

    While an answer is made its question stands alone, as it does for ever after a failure. An
    answer whose connection is still open lacks its last line, and has the blank that the models of
    that time began with; one that was left midway has lost it.

    Source: GET /conversation/{id}/__data.json, chat-ui 2023-10 (measured).
    """
    last = (dicts_of(value, "messages") or [{}])[-1]
    if last.get("from") == "user":
        return (read_unfinished(last, reply, False),)
    if field_of(last, "interrupted", bool, None) is not None:
        return ()  # the mark of 2024-02, in place of that line
    kinds = {text_of(line, "type") for line in dicts_of(last, "updates")}
    if text_of(last, "content").startswith(" ") and kinds and "finalAnswer" not in kinds:
        return (read_unfinished(last, reply, True),)
    return ()


def find_answer(
    row: list[dict[str, Any]], question_id: str, answer_id: str, prompt: Prompt
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
        is_named = prompt.action != "retry" or prompt.replaced_id is not None
        if same and is_named and answer.get("id") != prompt.replaced_id:
            return answer
    return None
