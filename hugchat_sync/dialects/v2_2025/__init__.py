"""The era since 2025-06: ``api/v2``, message trees, JSON lines, and a log to re-attach to."""

from __future__ import annotations

import json
from itertools import chain
from typing import Any, Callable, Iterable, Iterator, Mapping, TypeVar

from ...calls import Call, Part, Reply, Request, StreamCall
from ...errors import HugChatError, ProtocolError
from ...events import Event
from ...records import Model, Settings, User
from .. import Manners
from ..common import read_models, read_settings, read_user, save_as_json
from ..errors import read_error
from ..fields import field_of, need
from ..records import Logged, Page, Prompt
from ..trees import Trees, file_parts, read_conversation
from ..updates import Updates
from ..verbs import (
    AT_ONCE,
    WRITE,
    delete,
    error_unless,
    get,
    in_path,
    message_to,
    patch,
    path_of,
    post,
    read_nothing,
    read_superjson,
    read_value,
)
from ..wire import read_json, sse_frames
from .search import SearchUpdates

T = TypeVar("T")

_CONVERSATIONS = "/api/v2/conversations"
_PAGE_SIZE = 30
_SETTINGS = "/api/v2/user/settings"

#: the log of a run: the server answers this path with a page unless JSON is accepted as well
_LOG = {"Accept": "text/event-stream, application/json", **AT_ONCE}


class V22025(Trees):
    """Today's chat-ui, and its servers since June 2025.

    What came later than that is tried all the same: a server without it answers 404, a field that
    it does not know it passes over, and what it cannot tell is ``None``.
    """

    name = "v2-2025"
    features = Trees.features | {"tool_servers", "reattach", "elicitation", "transcribe"}
    manners = Manners(
        counts_removed=True, imports_shares=True, differs_in=frozenset({"web_search"})
    )

    # conversations

    def list_conversations(self, page: int = 0) -> Call[Page]:
        """Describe one page of the list; whether more follows was told in three ways over time.

        Source: GET /api/v2/conversations, chat-ui 2025-06 … 2026-08 (measured).
        """

        def read(reply: Reply) -> Page:
            value = read_superjson(reply)
            found = tuple(map(read_conversation, need(value, "conversations", list)))
            total = field_of(value, "nConversations", int, None)
            if total is not None:
                more = total > page * _PAGE_SIZE + len(found)
            else:
                more = field_of(value, "hasMore", bool, len(found) >= _PAGE_SIZE)
            return Page(found, more and bool(found))

        return get(_CONVERSATIONS, read, params={"p": str(page)})

    def get_raw(self, conversation_id: str, read: Callable[[Any, Reply], T]) -> Call[T]:
        """Source: GET /api/v2/conversations/{id}, chat-ui 2025-06 … 2026-08 (measured)."""
        return get(_route_of(conversation_id), lambda reply: read(read_superjson(reply), reply))

    def import_share(self, share_id: str) -> Call[str | None] | None:
        """Describe copying a shared conversation; the same share gives the same copy.

        Before 2026-01-19 there was no such route; those servers say of one that it is a
        conversation which they do not have, as they say it of a share.

        Source: POST /api/v2/conversations/import-share, chat-ui 2025-08 … 2026-08 (measured).
        """
        if not self.manners.imports_shares:
            return None

        def is_too_old(reply: Reply) -> bool:
            return reply.status == 500 and reply.text.startswith("Conversation not found")

        def read(reply: Reply) -> str | None:
            if is_too_old(reply):
                return None
            value = read_value(reply)
            return need(field_of(value, "json", dict, value), "conversationId", str)

        body = {"shareId": share_id}
        path = f"{_CONVERSATIONS}/import-share"
        return post(path, read, json=body, error=error_unless(is_too_old))

    def remove_conversation(self, conversation_id: str) -> Call[None]:
        """Source: DELETE /api/v2/conversations/{id}, chat-ui 2025-06 … 2026-08 (measured)."""
        return delete(_route_of(conversation_id), read_nothing)

    def remove_message(self, conversation_id: str, message_id: str) -> Call[None]:
        """Describe deleting a message and its descendants.

        Source: DELETE /api/v2/conversations/{id}/message/{id}, chat-ui 2025-06 … 2026-08
        (measured).
        """
        return delete(f"{_route_of(conversation_id)}/message/{in_path(message_id)}", read_nothing)

    def remove_all_conversations(self) -> tuple[Call[int | None], ...]:
        """Source: DELETE /api/v2/conversations, chat-ui 2025-06 … 2026-08 (measured)."""

        def read(reply: Reply) -> int | None:
            count = read_superjson(reply)
            return count if isinstance(count, int) and not isinstance(count, bool) else None

        return (delete(_CONVERSATIONS, read),)

    def rename_conversation(self, conversation_id: str, title: str) -> Call[None]:
        """Describe renaming a conversation.

        The servers of 2025-06 … 2026-02 answer the title that a conversation has already with 500
        and the sentence of a missing one less its full stop.

        Source: PATCH /api/v2/conversations/{id}, chat-ui 2025-06 … 2026-08 (measured).
        """

        def has_it(reply: Reply) -> bool:
            return reply.status == 500 and reply.text == "Conversation not found"

        error = error_unless(has_it)
        return patch(_route_of(conversation_id), read_nothing, json={"title": title}, error=error)

    # account

    def settings(self) -> Call[Settings]:
        """Source: GET /api/v2/user/settings, chat-ui 2025-06 … 2026-08 (measured)."""
        return get(_SETTINGS, lambda reply: read_settings(read_superjson(reply)))

    def save_settings(self, settings: Settings) -> Call[None]:
        """Source: POST /api/v2/user/settings, chat-ui 2025-06 … 2026-08 (measured)."""
        return save_as_json(settings, _SETTINGS)

    def models(self) -> Call[tuple[Model, ...]]:
        """Source: GET /api/v2/models, chat-ui 2025-06 … 2026-08 (measured)."""
        return get("/api/v2/models", lambda reply: read_models(read_superjson(reply)))

    def user(self) -> Call[User | None]:
        """Describe asking who is signed in; the one question whose answer always tells.

        Source: GET /api/v2/user, chat-ui 2025-06 … 2026-08 (measured).
        """
        return get("/api/v2/user", lambda reply: read_user(read_superjson(reply)))

    def login_required(self) -> Call[bool]:
        """Source: GET /api/v2/feature-flags, chat-ui 2025-06 … 2026-08 (measured)."""

        def read(reply: Reply) -> bool:
            flags = read_superjson(reply)
            if field_of(flags, "loginRequired", bool, False):
                return True
            return need(flags, "loginEnabled", bool)

        return get("/api/v2/feature-flags", read)

    # answers

    def chat(self, prompt: Prompt) -> StreamCall[Event]:
        """Describe sending a message.

        The prompt is a plain field of a multipart body, and each file a part of it.

        Source: POST /conversation/{id}, chat-ui 2025-06 … 2026-08 (measured).
        """
        again = prompt.action in ("retry", "edit")
        data: dict[str, Any] = {"is_retry": again, "generationId": prompt.generation_id}
        if prompt.action != "retry":  # which names the answer to redo, and takes no text
            data["inputs"] = prompt.text
        if prompt.parent_id is not None:
            data["id"] = prompt.parent_id
        if prompt.web_search and prompt.search_server is None:
            data["web_search"] = True  # the switch of 2025-06 … 2025-09; later servers ignore it
        own_servers = [_spell_server(server) for server in prompt.own_servers]
        names = [*prompt.tool_servers, *(server["name"] for server in own_servers)]
        if prompt.search_server is not None:
            names.append(prompt.search_server)
        # always sent: without it the server offers all tools it has
        data["selectedMcpServerNames"] = list(dict.fromkeys(names))
        if own_servers:
            data["selectedMcpServers"] = own_servers
        parts = [("data", Part(json.dumps(data)))]
        if prompt.files:
            parts.extend(file_parts(prompt.files))
        request = message_to(prompt.conversation_id, parts=tuple(parts))
        return StreamCall(request, lambda chunks: self.log_reader(prompt).read(chunks))

    def log_reader(self, prompt: Prompt) -> Updates:
        """Return what reads the lines of this message's answer, sent, logged or kept."""
        if prompt.search_server is None:
            return Updates()
        return SearchUpdates(prompt)

    def reattach(
        self, conversation_id: str, generation_id: str, after: int = 0, reader: Any = None
    ) -> StreamCall[Logged]:
        """Describe reading the log of a run from behind position *after*.

        :param reader: has read the log up to there.

        Source: GET /conversation/{id}/stream, chat-ui 2026-07 … 2026-08 (measured).
        """
        self.require("reattach")
        request = Request(
            "GET",
            path_of(conversation_id, "/stream"),
            params={"generationId": generation_id, "fromSeq": str(after)},
            headers=_LOG,
            repeatable=True,
            error=read_error,
        )
        return StreamCall(request, lambda chunks: _read_log(chunks, after, reader or Updates()))

    # tool servers and speech

    def tool_servers(self) -> Call[tuple[dict[str, Any], ...]]:
        """Describe listing the server's own tool servers; before 2025-11 no server had any.

        Source: GET /api/mcp/servers, chat-ui 2025-11 … 2026-08 (measured).
        """
        self.require("tool_servers")

        def has_none(reply: Reply) -> bool:
            return reply.status == 404

        def read(reply: Reply) -> tuple[dict[str, Any], ...]:
            value = {"servers": [] if has_none(reply) else read_value(reply)}
            return tuple(map(_read_tool_server, need(value, "servers", list)))

        return get("/api/mcp/servers", read, error=error_unless(has_none))

    def tool_server_health(
        self, url: str, headers: Mapping[str, str] | None = None
    ) -> Call[dict[str, Any]]:
        """Describe asking whether a tool server answers; that it does not is an answer, too.

        Source: POST /api/mcp/health, chat-ui 2025-11 … 2026-08 (measured).
        """
        self.require("tool_servers")

        def tells(reply: Reply) -> bool:
            return reply.body.startswith(b"{") and "ready" in read_json(reply.body, reply.url)

        def read(reply: Reply) -> dict[str, Any]:
            return need({"health": read_value(reply)}, "health", dict)

        body = _spell_server({"url": url, "headers": headers})
        # repeatable, as it only asks
        return post("/api/mcp/health", read, json=body, repeatable=True, error=error_unless(tells))

    def answer_elicitation(
        self,
        conversation_id: str,
        elicitation_id: str,
        action: str,
        content: Mapping[str, Any] | None = None,
    ) -> Call[None]:
        """Source: POST /conversation/{id}/elicitation, chat-ui 2026-08 (measured)."""
        self.require("elicitation")

        def read(reply: Reply) -> None:
            need(read_value(reply), "ok", bool)

        body: dict[str, Any] = {"elicitationId": elicitation_id, "action": action}
        if content is not None:
            body["content"] = dict(content)
        return post(path_of(conversation_id, "/elicitation"), read, json=body)

    def transcribe(self, audio: bytes, mime: str) -> Call[str]:
        """Source: POST /api/transcribe, chat-ui 2025-12 … 2026-08 (its source)."""
        self.require("transcribe")
        return post(
            "/api/transcribe",
            lambda reply: need(read_value(reply), "text", str),
            body=audio,
            headers={**WRITE, "Content-Type": mime},
            repeatable=True,  # it stores nothing
        )


#: The servers of 2025-09-24 … 2025-12-04 copy a share by creating.
#:
#: Source: POST /conversation, chat-ui 2025-10 (measured).
AUTUMN_2025 = V22025.manners._replace(imports_shares=False)

#: The first servers with ``api/v2``, 2025-06-05 … 2025-09-24, have no more features than the trees
#: before them: a run ends with its connection, and nothing of it is logged. The request to stop
#: does not always end it.
#:
#: Source: chat-ui 2025-08 (measured).
SUMMER_2025 = AUTUMN_2025._replace(survives_disconnect=False, stops_by_closing=True)


def _route_of(conversation_id: str) -> str:
    return f"{_CONVERSATIONS}/{in_path(conversation_id)}"


def _spell_server(server: Mapping[str, Any]) -> dict[str, Any]:
    """Return a tool server of the caller as the wire spells it."""
    found = {name: server[name] for name in ("name", "url") if name in server}
    if server.get("headers"):
        found["headers"] = [{"key": key, "value": text} for key, text in server["headers"].items()]
    return found


def _read_tool_server(value: Any) -> dict[str, Any]:
    need(value, "name", str)
    return dict(value)


# the log of a run --------------------------------------------------------------------------------


def _read_log(chunks: Iterable[bytes], position: int, updates: Updates) -> Iterator[list[Logged]]:
    for event, data, number in chain.from_iterable(sse_frames(chunks)):
        position = int(number) if number.isascii() and number.isdigit() else position
        if event == "end":
            end = need(_read_object(data), "status", str)
            yield [Logged(position, tuple(updates.flush()), end)]
            return
        if event != "update":
            continue
        events: list[Event] = []
        try:
            for found in updates.line(_read_object(data)):
                events.append(found)  # one by one: an error takes none of them along
        except ProtocolError:
            raise  # another try may still bring the line as it should be
        except HugChatError:
            events.extend(updates.flush())
            if events:
                yield [Logged(position, tuple(events))]
            raise
        yield [Logged(position, tuple(events))]


def _read_object(data: str) -> dict[str, Any]:
    value = read_json(data.encode("utf-8", "surrogatepass"))
    return need({"data": value}, "data", dict)
