"""The era of 2024-02 … 2025-06: message trees, files, tools, and still the data of pages."""

from __future__ import annotations

from json import dumps
from typing import Any, Callable, Iterable, Iterator, NamedTuple, TypeVar

from ..calls import Call, Part, Reply, StreamCall
from ..errors import HugChatError, TransportError, UsageError
from ..events import Event, ToolError
from ..records import Model, Settings, User
from . import Dialect, Manners
from .common import read_models, read_user, save_as_json
from .errors import find_interception
from .fields import CLOSE, OPEN, need, text_of
from .forms_2023 import Forms2023, get_page
from .records import Page, Prompt
from .trees import Trees, file_parts, read_conversation
from .updates import Updates
from .verbs import delete, error_unless, get, in_path, message_to, path_of, read_nothing, read_value

T = TypeVar("T")

WEB_SEARCH_NAME = "websearch"
WEB_SEARCH_ID = "00000000000000000000000a"

#: The tools of June and August 2024, where the server's own list is not known.
TOOL_NAMES = (
    WEB_SEARCH_NAME,
    "fetch_url",
    "query_calculator",
    "image_generation",
    "image_editing",
    "document_parser",
)

_PAGE_SIZES = (30, 300)  # since 2025-01-09, and before
_NO_TITLE = "New Chat"  # what stands there, too, when no title could be made


class Facts(NamedTuple):
    """What one server of this era does its own way; the defaults are those of its last year.

    :param body: "json" (until 2024-06-06) or "multipart".
    :param tools: how a message names tools: "none" (until 2024-05-23), "object" (until
        2024-08-12) or "array".
    :param tool_names: the names of the tools, for "object".
    :param flag_searches: the switch for a web search acts on every model (until 2024-05-23 and
        since 2024-09-23; between, models with tools only search by a tool).
    :param hidden: the ``/api`` paths answer nobody (possible until 2025-02-13).
    :param keep_alives: a busy server shows signs of life (since 2024-08-13).
    """

    body: str = "multipart"
    tools: str = "array"
    tool_names: tuple[str, ...] = TOOL_NAMES
    flag_searches: bool = True
    hidden: bool = False
    keep_alives: bool = False


class Tree2024(Trees, Forms2023):
    """The servers of the message trees, before ``api/v2``.

    :param facts: what this server does its own way: see :class:`Facts`.
    """

    name = "tree-2024"
    features = Trees.features | {"web_search"}
    # between 2024-05-03 and 2025-05-15 the request to stop has no effect
    manners = Manners(takes_token=False, survives_disconnect=False, stops_by_closing=True)

    def __init__(self, facts: Facts | None = None) -> None:
        super().__init__()
        self.facts = facts or Facts()

    # conversations

    def list_conversations(self, page: int = 0) -> Call[Page]:
        """Describe one page of the list; only its length tells whether more follows.

        Source: GET /api/conversations, chat-ui 2024-04 … 2024-12 (measured).
        """
        if self.facts.hidden:  # the list beside every page is the only one, and has one page
            return super().list_conversations(page)

        def read(reply: Reply) -> Page:
            listed = need({"conversations": read_value(reply)}, "conversations", list)
            found = tuple(map(read_conversation, listed))
            return Page(found, len(found) in _PAGE_SIZES)

        return get("/api/conversations", read, params={"p": str(page)})

    def get_raw(self, conversation_id: str, read: Callable[[Any, Reply], T]) -> Call[T]:
        """Source: GET /conversation/{id}/__data.json, chat-ui 2024-04 … 2024-12 (measured)."""

        def with_root(value: dict[str, Any], reply: Reply) -> T:
            # else it is from before trees, and ids mean other things
            need(value, "rootMessageId", str)
            return read(value, reply)

        return get_page(conversation_id, with_root)

    def remove_message(self, conversation_id: str, message_id: str) -> Call[None]:
        """Describe deleting a message and its descendants; only servers since 2025-02-11 can.

        Source: DELETE /api/conversation/{id}/message/{id}, chat-ui 2024-04 … 2025-08 (measured).
        """
        if self.facts.hidden:
            self.lacks("remove_message", "this server hides its API")
        path = f"/api{path_of(conversation_id)}/message/{in_path(message_id)}"
        return delete(
            path, self.require_route("remove_message", read_nothing), error=find_interception
        )

    def remove_all_conversations(self) -> tuple[Call[int | None], ...]:
        """Describe deleting all conversations, by a form or (since 2025-02-11) by the API.

        Source: DELETE /api/conversations, chat-ui 0.9.5, 2025-06 (measured).
        """
        read = self.require_route("remove_all", read_nothing)
        by_api: Call[int | None] = delete("/api/conversations", read, error=find_interception)
        return (*super().remove_all_conversations(), by_api)

    # account

    def save_settings(self, settings: Settings) -> Call[None]:
        """Source: POST /settings, chat-ui 2024-04 … 2024-12 (measured)."""
        return save_as_json(settings)

    def models(self) -> Call[tuple[Model, ...]]:
        """Source: GET /api/models, chat-ui 2024-04 … 2024-12 (measured)."""
        if self.facts.hidden:
            return super().models()
        return get("/api/models", lambda reply: read_models(read_value(reply)))

    def user(self) -> Call[User | None]:
        """Describe asking who is signed in; nobody is a 401 here.

        Source: GET /api/user, chat-ui 2024-04 … 2024-12 (measured).
        """
        if self.facts.hidden:
            return super().user()

        def is_nobody(reply: Reply) -> bool:
            return reply.status == 401

        def read(reply: Reply) -> User | None:
            return None if is_nobody(reply) else read_user(read_value(reply))

        return get("/api/user", read, error=error_unless(is_nobody))

    # answers

    def chat(self, prompt: Prompt) -> StreamCall[Event]:
        """Describe sending a message: four bodies, three ways to name tools.

        Source: POST /conversation/{id}, chat-ui 2024-04, 2024-06, 2024-08 and 2024-12 (measured).
        """
        data, parts = self._data(prompt), file_parts(prompt.files)
        if parts and self.facts.body == "json":
            data["files"] = [
                part.content
                if self.facts.tools == "none"
                else {"type": "base64", "name": file.name, "value": part.content, "mime": file.mime}
                for file, (_, part) in zip(prompt.files, parts)
            ]
        body: dict[str, Any] = {"json": data}
        if self.facts.body == "multipart":
            body = {"parts": (*parts, ("data", Part(dumps(data))))}
        return StreamCall(
            message_to(prompt.conversation_id, **body),
            lambda chunks: TreeUpdates().read(chunks),
            keep_alives=self.facts.keep_alives,
        )

    def _data(self, prompt: Prompt) -> dict[str, Any]:
        if prompt.parent_id is None:
            # every server of this era answers 500, even when the conversation is empty
            raise UsageError("a message to this server must name the message that it belongs to")
        data: dict[str, Any] = {} if prompt.action == "retry" else {"inputs": prompt.text}
        data["id"] = prompt.parent_id
        data["is_retry"] = prompt.action in ("retry", "edit")
        data["is_continue"] = False
        data["web_search"] = prompt.web_search
        if self.facts.tools == "object":
            # a name that is left out is a tool that is on
            data["tools"] = {
                name: prompt.web_search and name == WEB_SEARCH_NAME
                for name in self.facts.tool_names
            }
        elif self.facts.tools == "array":
            by_tool = prompt.web_search and not self.facts.flag_searches
            data["tools"] = [WEB_SEARCH_ID] if by_tool else []
        return data

    def other_body_form(self) -> Dialect:
        """Return this era with the other form of message body, for a server that answered 500.

        Between 2024-06-06 and 2024-06-24 no key tells which form a server takes; the wrong one is
        refused with 500 before anything of it is stored (measured), so one more try is safe.
        """
        if self.facts.body == "json":
            return type(self)(self.facts._replace(body="multipart"))
        tools = "none" if self.facts.tools == "array" else self.facts.tools
        return type(self)(self.facts._replace(body="json", tools=tools))


class TreeUpdates(Updates):
    """The lines of one answer; an error is held until it is clear what it ended."""

    def __init__(self) -> None:
        super().__init__()
        self._error: HugChatError | None = None
        self._thought = False

    def read(self, chunks: Iterable[bytes]) -> Iterator[list[Event]]:
        """Return the events of a body; errors come after everything that arrived.

        :raises GenerationError: the server says that the run failed (or a subclass of it).
        :raises ProtocolError: a line is no update.

        Source: POST /conversation/{id}, chat-ui 2024-04 … 2024-12 (measured).
        """
        return super().read(self._read_until_lost(chunks))

    def _read_until_lost(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        try:
            yield from chunks
        except TransportError:
            if self._error is None:
                raise  # else the server's reason is the better one

    def failed(self, error: HugChatError) -> Iterator[Event]:
        """Hold the error of an error line; the answer may go on."""
        yield from self.flush()
        self._error = self._error or error

    def on_final(self, value: dict[str, Any]) -> Iterator[Event]:
        """Yield the final answer, unless it is only what a failed run left behind.

        Source: chat-ui 2024-04 sends one after every error, and no key ``interrupted``; 2024-06 …
        2024-12 send one only when the error was about the call of a tool (measured).
        """
        if self._error is not None:
            if "interrupted" not in value:
                yield from self.flush()
                return
            yield ToolError("", str(self._error))
            self._error = None
        yield from super().on_final(value)

    def require_good(self) -> None:
        """Raise the error that was held."""
        if self._error is not None:
            raise self._error

    def on_title(self, value: dict[str, Any]) -> Iterator[Event]:
        """Yield the new title, unless the server could make none."""
        if text_of(value, "title").strip() != _NO_TITLE:
            yield from super().on_title(value)

    def on_reasoning(self, value: dict[str, Any]) -> Iterator[Event]:
        """Yield a piece of thinking without the tags around it.

        Source: chat-ui 2024-12 (measured): the first tag is thinking, the last one is text.
        """
        self._thought = True
        if text_of(value, "token").strip() not in (OPEN, CLOSE):
            yield from super().on_reasoning(value)

    def on_stream(self, value: dict[str, Any]) -> Iterable[Event]:
        """Return the events of a piece of text; the tag that ends the thinking is none."""
        thought, self._thought = self._thought, False
        if thought and text_of(value, "token").replace("\0", "").strip() == CLOSE:
            return ()
        return super().on_stream(value)
