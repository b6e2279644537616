"""What passes between the dialects and those who ask them."""

from __future__ import annotations

from typing import Any, Callable, Mapping, NamedTuple

from ..errors import HugChatError
from ..events import Event, FinalAnswer
from ..records import Conversation, ConversationTree
from ..values import Value, field, with_fields


@with_fields
class Upload(Value):
    """A file on its way to the server."""

    name: str
    content: bytes = field(repr=False)
    mime: str


class Prompt(NamedTuple):
    """All that one message needs, whatever the era; a dialect takes what it knows.

    :param message_id: our own id for the user's message (a UUID; eras before trees).
    :param generation_id: our own id of the run (a UUID).
    :param parent_id: the message to append to, or the target of a retry or an edit.
    :param action: "new", "retry" (``parent_id`` is the answer to redo) or "edit" (``parent_id``
        is the question to replace).
    :param replaced_id: the answer that a retry makes anew, where ``parent_id`` is its question.
    :param is_first: nothing was said in this conversation before.
    :param web_search: search first, in eras with a switch for it.
    :param search_server: the tool server whose calls are the web search, or ``None``.
    :param tool_servers: names of the server's own tool servers to offer.
    :param own_servers: tool servers of the caller: ``{"name", "url", "headers"?}``.
    :param custom: the fields of a ``RequestData`` that were set.
    """

    conversation_id: str
    text: str
    message_id: str
    generation_id: str
    parent_id: str | None = None
    replaced_id: str | None = None
    action: str = "new"
    is_first: bool = False
    web_search: bool = False
    search_server: str | None = None
    search_id: str | None = None
    tool_servers: tuple[str, ...] = ()
    own_servers: tuple[Mapping[str, Any], ...] = ()
    files: tuple[Upload, ...] = ()
    custom: Mapping[str, Any] = {}


@with_fields
class Page(Value):
    """A part of a list, and whether more of it may follow."""

    conversations: tuple[Conversation, ...]
    more: bool


@with_fields
class Stored(Value):
    """What the server keeps of one run.

    ``state`` is "running", "done", "interrupted", "failed" or "unknown" (this era does not say).

    :param events: what happened besides the text, as far as it is kept; a final answer in it only
        marks the place.
    :param error: why the run failed.
    """

    question_id: str | None
    answer_id: str | None
    text: str = ""
    reasoning: str = ""
    state: str = "unknown"
    events: tuple[Event, ...] = field(default=(), compare=False)
    error: HugChatError | None = field(default=None, compare=False)


@with_fields
class Unfinished(Value):
    """A stored answer whose run may be on, whoever began it.

    Two looks that read equal say that nothing has changed.

    :param id: of the answer, or of its question where no answer is stored yet.
    :param generation_id: the name of its log; ``""`` where there is none.
    :param text: what is stored of it so far.
    :param updated_at: when the server changed it, as the server spells it.
    :param has_whole_text: the stored text is complete; only a title may still come.
    :param unchanged_seconds: since its last change, by the server's own clock; 0 if not told.
    """

    id: str
    generation_id: str = ""
    text: str = ""
    updated_at: str = ""
    has_whole_text: bool = False
    unchanged_seconds: float = field(default=0.0, compare=False)


@with_fields
class Look(Value):
    """A conversation as it is stored, looked at quickly: its newest message, and what may be on.

    :param leaf_id: of the newest message.
    :param is_empty: nothing was said in it.
    :param unfinished: the answers that may still be coming, the newest last.
    :param read: makes the whole of it.
    """

    leaf_id: str | None
    is_empty: bool
    unfinished: tuple[Unfinished, ...]
    read: Callable[[], ConversationTree] = field(repr=False, compare=False)


@with_fields
class Logged(Value):
    """A step of a run's log: its position, its events, and the run's end status if it is over."""

    position: int
    events: tuple[Event, ...] = ()
    end: str = ""


class LastRound(FinalAnswer):
    """A final answer behind tool calls that are told as something else: it may be a part only."""
