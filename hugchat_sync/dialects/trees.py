"""Conversations whose messages are trees: begun, read, and looked through for runs.

A run may be anybody's: of this client, of another thread, client or process.
"""

from __future__ import annotations

from abc import abstractmethod
from base64 import b64encode
from contextlib import suppress
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any, Callable, Iterable, Mapping, TypeVar

from ..calls import Call, Part, Reply
from ..errors import HugChatError, ModelNotFound, ProtocolError
from ..events import Event
from ..records import ChatFile, Conversation, ConversationTree, TreeMessage
from .common import Era
from .errors import error_of, is_guarded
from .fields import dicts_of, field_of, make_encodable, need, split_thinking, text_of, texts_of
from .records import Look, Prompt, Stored, Unfinished, Upload
from .updates import Updates
from .verbs import find_error, get, in_path, path_of, post, read_value
from .wire import read_json, superjson

T = TypeVar("T")

_OVER = ("finished", "error")  # the status of a run's last line


class Trees(Era):
    """The eras of the message trees, whatever a server shows them in."""

    features = Era.features | {"conversation_prompts", "trees", "files", "remove_message"}

    def create(self, body: Mapping[str, str]) -> Call[ConversationTree]:
        """Source: POST /conversation, chat-ui 2024-04 … 2026-08 (measured)."""
        model = body["model"]

        def error(reply: Reply) -> HugChatError | None:
            if reply.status != 400 or is_guarded(reply):
                return find_error(reply)
            # the values sent are texts, so what is wrong with them is the model
            sentence = f"the server does not offer the model {model!r}"
            return error_of(reply, sentence, kind=ModelNotFound, advice="see models()", model=model)

        read = partial(read_created, model=model)
        return post("/conversation", read, json=body, error=error)

    @abstractmethod
    def get_raw(self, conversation_id: str, read: Callable[[Any, Reply], T]) -> Call[T]:
        """Describe reading a conversation with all its messages, as what *read* makes of it."""

    def conversation(self, conversation_id: str) -> Call[ConversationTree]:
        """Describe reading a conversation with all its branches; a share id does as well."""
        return self.get_raw(conversation_id, lambda value, _: read_tree(value, conversation_id))

    def look(self, conversation_id: str) -> Call[Look]:
        """Describe reading a conversation together with what tells that a run is on in it."""
        return self.get_raw(
            conversation_id,
            lambda value, reply: look_at_tree(
                value, reply, conversation_id, self.manners.survives_disconnect
            ),
        )

    def log_reader(self, prompt: Prompt) -> Updates:
        """Return what reads the lines of this message's answer, sent or kept."""
        return Updates()

    def stored(self, conversation_id: str, prompt: Prompt) -> Call[Stored | None]:
        """Describe looking for what became of *prompt*."""

        def read(value: Any, reply: Reply) -> Stored | None:
            need(value, "messages", list)
            return find_stored(dicts_of(value, "messages"), prompt, self.log_reader(prompt))

        return self.get_raw(conversation_id, read)

    def download(self, conversation_id: str, sha: str) -> Call[bytes]:
        """Describe fetching a file of a conversation.

        Source: GET /conversation/{id}/output/{sha}, chat-ui 2023-11 … 2026-08 (measured).
        """
        return get(path_of(conversation_id, f"/output/{in_path(sha)}"), lambda reply: reply.body)


def file_parts(files: Iterable[Upload]) -> list[tuple[str, Part]]:
    """Return files as parts of a message: the *content* is base64 text, as its name says."""
    return [
        ("files", Part(b64encode(one.content).decode("ascii"), f"base64;{one.name}", one.mime))
        for one in files
    ]


def read_created(reply: Reply, model: str) -> ConversationTree:
    """Return the new conversation; since 2026-07 it is in the reply, as text that holds superjson.

    :raises ProtocolError: the reply does not name it.
    """
    value = read_value(reply)
    found, text = need(value, "conversationId", str), text_of(value, "conversation")
    with suppress(ProtocolError):  # only a shortcut: whoever needs the leaf reads the conversation
        return read_tree(superjson(read_json(text.encode("utf-8"))), found)
    return ConversationTree(found, "New Chat", model)


# how what is stored is read ----------------------------------------------------------------------


def read_conversation(value: Any) -> Conversation:
    """Return a line of a list of conversations, of any year.

    :raises ProtocolError: it has no id or no title.
    """
    found = text_of(value, "id") or need(value, "_id", str)
    return Conversation(
        found,
        make_encodable(need(value, "title", str)),
        field_of(value, "updatedAt", str, None),
        text_of(value, "model") or text_of(value, "modelId") or None,
    )


def read_message(value: Any, conversation_id: str) -> TreeMessage:
    """Return a stored message of a tree; the thinking of an answer is parted from its text.

    :raises ProtocolError: it lacks what every message has.
    """
    role = need(value, "from", str)
    text, thought = text_of(value, "content"), text_of(value, "reasoning")
    if role == "assistant":
        text, more = split_thinking(text)
        thought = thought or more
    return TreeMessage(
        need(value, "id", str),
        role,
        text,
        thought,
        files=_files(value, conversation_id),
        parent_id=_parent(value),
        children=texts_of(value, "children"),
        created_at=field_of(value, "createdAt", str, None),
        interrupted=field_of(value, "interrupted", bool, None),
    )


def _files(value: Any, conversation_id: str) -> tuple[ChatFile, ...]:
    """Return the files of a message; until 2024-05 the server kept nothing of them but a hash.

    Source: chat-ui 2024-04 and 2024-06 … 2026-08 (measured).
    """
    bare = [("", sha, "") for sha in texts_of(value, "files")]
    described = [
        (text_of(item, "name"), text_of(item, "value"), text_of(item, "mime"))
        for item in dicts_of(value, "files")
    ]
    return tuple(ChatFile(*file, conversation_id) for file in (*bare, *described))


def read_tree(value: Any, conversation_id: str) -> ConversationTree:
    """Return a conversation whose messages know their ancestors (since 2024-02).

    :raises ProtocolError: it lacks what every conversation has.
    """
    listed = need(value, "messages", list)
    messages = tuple(read_message(item, conversation_id) for item in listed)
    root = text_of(value, "rootMessageId") or (messages[0].id if messages else None)
    return ConversationTree(
        conversation_id,
        make_encodable(need(value, "title", str)),
        text_of(value, "model") or text_of(value, "modelId"),
        text_of(value, "preprompt"),
        root,
        messages,
    )


# which runs may be on -------------------------------------------------------------------------


def look_at_tree(value: Any, reply: Reply, conversation_id: str, stores_meanwhile: bool) -> Look:
    """Return the newest message of a tree, and the answers whose runs may be on.

    Every message before a send passes here, so a message that cannot be on costs next to nothing.
    Where runs have names (since 2026-06) each one without its last line may be on: the mark that an
    answer is whole comes before a late title, at whose end the server writes everything anew, and
    for some failures it never comes. Where they have none only the newest can be told.

    :param stores_meanwhile: an answer is written down while it is being made; else it is empty
        until then, without an update.
    :raises ProtocolError: it lacks what every conversation has.

    Source: chat-ui 2024-04 … 2025-08 and 2026-08 (measured).
    """
    messages = value.get("messages") if isinstance(value, dict) else None
    if not isinstance(messages, list):
        raise ProtocolError("the reply has no 'messages' as we know it", field="messages")
    found: list[Unfinished] = []
    is_newest = True
    for item in reversed(messages):
        if not isinstance(item, dict) or item.get("from") != "assistant":
            continue
        newest, is_newest = is_newest, False
        is_marked = isinstance(item.get("interrupted"), bool)
        if not newest and (is_marked or not item.get("generationId")):
            continue
        updates = item.get("updates") or ()
        updates = [line for line in updates if isinstance(line, dict)]
        if any(line.get("status") in _OVER for line in updates):
            continue
        has_whole_text = is_marked or any(line.get("type") == "finalAnswer" for line in updates)
        is_stub = not item.get("content") and not updates
        if item.get("generationId") or (
            newest and not has_whole_text and (stores_meanwhile or is_stub)
        ):
            found.append(read_unfinished(item, reply, has_whole_text))
    last = messages[-1] if messages else {"id": value.get("rootMessageId")}
    leaf = last.get("id") if isinstance(last, dict) else None
    if messages and not isinstance(leaf, str):
        raise ProtocolError("the reply has no 'id' as we know it", field="id")
    return Look(
        leaf or None,
        not any(isinstance(one, dict) and one.get("from") == "user" for one in messages),
        tuple(reversed(found)),
        lambda: read_tree(value, conversation_id),
    )


def read_unfinished(message: dict[str, Any], reply: Reply, has_whole_text: bool) -> Unfinished:
    """Return a stored message as one that may still be coming, or may be answered."""
    updated = text_of(message, "updatedAt") or text_of(message, "createdAt")
    text = text_of(message, "content") if message.get("from") == "assistant" else ""
    return Unfinished(
        text_of(message, "id"),
        text_of(message, "generationId"),
        split_thinking(text)[0].strip(),
        updated,
        has_whole_text,
        _seconds_since(updated, reply),
    )


def _seconds_since(moment: str, reply: Reply) -> float:
    """Return the seconds from *moment* to the time at which the server answered."""
    try:
        then = datetime.strptime(moment, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=timezone.utc)
        now = parsedate_to_datetime(reply.headers.get("date", ""))
        return max(0.0, (now - then).total_seconds())
    except (TypeError, ValueError):
        return 0.0  # one of them is not told


# what became of a message -----------------------------------------------------------------------


def find_stored(messages: list[dict[str, Any]], prompt: Prompt, updates: Updates) -> Stored | None:
    """Return what *messages* keep of *prompt*, ``None`` if nothing.

    Our own generation id is the sure way (since 2026-06). Where no answer has such an id the newest
    message with our text at our place is taken, or the newest answer beside the one to redo.

    :param updates: reads the lines that are kept of an answer.
    """
    for message in messages:
        if message.get("generationId") == prompt.generation_id:
            return read_answer(message, _parent(message), updates)
    if any("generationId" in message for message in messages):
        return None  # this server keeps the ids, and ours is not among them
    ids = [message.get("id") for message in messages]
    named = ids.index(prompt.parent_id) if prompt.parent_id in ids else None
    beside = None if named is None else _parent(messages[named])
    if prompt.action == "retry":
        return None if named is None else _answer_to(beside, messages[named + 1 :], updates)
    place = beside if prompt.action == "edit" else prompt.parent_id
    text = prompt.text.replace("\r\n", "\n")
    for message in reversed(messages):
        same = message.get("from") == "user" and message.get("content") == text
        if same and _parent(message) == place and message.get("id") != prompt.parent_id:
            found = _answer_to(message.get("id"), messages, updates)
            return found or Stored(text_of(message, "id"), None)
    return None


def _parent(message: Any) -> str | None:
    ancestors = texts_of(message, "ancestors")
    return ancestors[-1] if ancestors else None


def _answer_to(
    question_id: str | None, messages: list[dict[str, Any]], updates: Updates
) -> Stored | None:
    for message in reversed(messages):
        if message.get("from") == "assistant" and _parent(message) == question_id:
            return read_answer(message, question_id, updates)
    return None


def read_answer(message: dict[str, Any], question_id: str | None, updates: Updates) -> Stored:
    """Return what is kept of a run: its text, what its update lines tell besides, how it ended."""
    text, thought = split_thinking(text_of(message, "content"))
    events: list[Event] = []
    failure = None
    for line in dicts_of(message, "updates"):
        if line.get("type") == "stream":
            continue  # its text is left out here
        try:
            events.extend(updates.line(line))
        except ProtocolError:
            continue  # a line that this server keeps in another shape than it sends
        except HugChatError as error:
            failure = error
            break
    state = state_of(message) if failure is None else "failed"
    found = need(message, "id", str)
    return Stored(question_id, found, text, thought, state, tuple(events), failure)


def state_of(message: dict[str, Any]) -> str:
    """Return what the server says about the run of an answer.

    The mark never comes for runs that had no final answer; their updates tell.
    """
    mark = field_of(message, "interrupted", bool, None)
    if mark is not None:
        return "interrupted" if mark else "done"
    for line in dicts_of(message, "updates"):
        if line.get("status") == "finished" or line.get("type") == "finalAnswer":
            return "done"
    return "running" if "generationId" in message else "unknown"
