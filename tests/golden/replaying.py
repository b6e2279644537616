"""Plays recorded answers to a real client over a socket, and tells what came out.

Everything but the answer itself is left to a server of the era: between it and the client stands a
gate that hands requests on, and gives the recorded bytes where a message is sent.
"""

from __future__ import annotations

import json
import re
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, fields, replace
from hashlib import sha256
from pathlib import Path
from typing import Any, Callable, Iterator
from urllib.parse import urlsplit

from eras.arena import Arena
from eras.gate import MESSAGE, Gate, Reply

from hugchat_sync import Client, HugChatError, Retry
from hugchat_sync.events import Event, Token

WIRE = Path(__file__).parent.parent / "wire"
SEARCH = r"GET /chat/conversation/[0-9a-f]{24}/web-search$"
SERVERS = {
    "tgi-2023": "tgi-2023",
    "lines-2023": "lines-2023",
    "tree-2024": "tree-2024 of December",
    "v2-2025": "v2-2025",
}
_UNSURE = (0, 408, 500, 502, 503, 504)  # whether such a message arrived is asked of the server
_LONG = 300  # characters of a text, or pieces of an answer, that a golden file still spells out


@dataclass(frozen=True)
class Recording:
    """A recorded reply, and whether it is that to a question with a web search."""

    reply: Reply
    searches: bool


def recording(path: Path) -> Recording | None:
    """Return the reply recorded in a file, if it is one whose body was kept."""
    exchange = json.loads(path.read_text("utf-8"))
    if not isinstance(exchange, dict) or "text" not in exchange["response"]["body"]:
        return None
    response = exchange["response"]
    body = response["body"]["text"].encode("utf-8", "surrogatepass")
    pieces, start = [], 0
    for _, size in response.get("chunks") or [[0, len(body)]]:
        pieces.append(body[start : start + size])
        start += size
    headers = {name.lower(): value for name, value in response["headers"]}
    asked = str(exchange["request"]["body"].get("text", ""))
    is_chunked = "transfer-encoding" in headers
    reply = Reply(
        response["status"],
        headers.get("content-type"),
        tuple(piece for piece in pieces if piece),
        response["ended"] not in ("cut", "eof") or not is_chunked,
        is_chunked,
    )
    return Recording(reply, re.search(r'"web_search": ?true', asked) is not None)


def named(era: str, name: str) -> Reply:
    """Return a recorded reply of an era."""
    found = recording(WIRE / era / f"{name}.json")
    assert found is not None, name
    return found.reply


def answers_of(era: str) -> dict[str, Recording]:
    """Return every recorded reply to a message of an era, but those that leave it unsure."""
    found = {}
    for path in sorted((WIRE / era).glob("*.json")):
        exchange = json.loads(path.read_text("utf-8"))
        request = exchange.get("request") if isinstance(exchange, dict) else None
        if request is None:
            continue
        asked = f"{request['method']} {urlsplit(request['path']).path}"
        reply = recording(path) if re.match(MESSAGE, asked) else None
        if reply is not None and reply.reply.status not in _UNSURE:
            found[path.stem] = reply
    return found


# playing -----------------------------------------------------------------------------------------


def whole(reply: Reply) -> tuple[bytes, ...]:
    """Return the body in one piece."""
    return (reply.body,) if reply.body else ()


def as_recorded(reply: Reply) -> tuple[bytes, ...]:
    """Return the body in the pieces in which it came."""
    return tuple(reply.pieces)


def byte_by_byte(reply: Reply) -> tuple[bytes, ...]:
    """Return the body in pieces of one byte."""
    body = reply.body
    return tuple(body[index : index + 1] for index in range(len(body)))


class Stage:
    """One server, one gate and one client of an era."""

    def __init__(self, era: str, gate: Gate, client: Client) -> None:
        self.gate = gate
        self.client = client
        self._model = client.models()[0].id
        self._prompt = None if era == "tgi-2023" else ""  # there it belongs to the account

    def play(
        self,
        *replies: tuple[str, Reply],
        split: Callable[[Reply], tuple[bytes, ...]] = as_recorded,
        **options: Any,
    ) -> dict[str, Any]:
        """Return what a question comes to whose answer is recorded, in a new conversation."""
        conversation_id = self.client.create_conversation(self._model, self._prompt)
        for expression, reply in replies:
            self.gate.on(expression, replace(reply, pieces=split(reply)))
        try:
            return came_out(self.client, conversation_id, **options)
        finally:
            self.gate.open()


@contextmanager
def stage(era: str) -> Iterator[Stage]:
    """Give a stage of an era."""
    with ExitStack() as stack:
        arena = stack.enter_context(Arena(SERVERS[era]))
        gate = stack.enter_context(Gate(arena.url))
        client = Client(gate.url, dialect=era, retries=Retry(tries=1, first_delay=0.01))
        yield Stage(era, gate, stack.enter_context(client))


def came_out(client: Client, conversation_id: str, **options: Any) -> dict[str, Any]:
    """Send a message and return all that its answer shows, as values of JSON."""
    shown: dict[str, Any] = {}
    try:
        message = client.chat("Hello", conversation_id, **{"resume": False, **options})
    except HugChatError as error:
        return _without_id({"refused": _error(error)}, conversation_id)
    events: list[Event] = []
    try:
        for event in message:
            events.append(event)
    except HugChatError as error:
        shown["raised"] = _error(error)
    try:
        shown["text"] = _short(message.text())
    except HugChatError as error:
        shown["error"] = _error(error)
    shown["interrupted"] = message.interrupted
    for name in ("reasoning", "title", "route"):
        value = getattr(message, name)
        if value:
            shown[name] = _short(value)
    if message.sources:
        shown["sources"] = [_value(source) for source in message.sources]
    if message.files:
        shown["files"] = [_value(file) for file in message.files]
    if message.tool_calls:
        shown["tool_calls"] = [call.name for call in message.tool_calls]
    shown["events"] = _events(events)
    return _without_id(shown, conversation_id)


def _events(events: list[Event]) -> list[Any]:
    """Return events as lists; tokens that follow each other are one entry."""
    found: list[Any] = []
    tokens: list[str] = []
    for event in [*events, None]:
        if isinstance(event, Token):
            tokens.append(event.text)
            continue
        if tokens:
            long = len(tokens) > _LONG or sum(map(len, tokens)) > 4 * _LONG
            found.append(["Token", _digest(tokens) if long else tokens])
            tokens = []
        if event is not None:
            found.append([type(event).__name__, *_value(event)])
    return found


def _value(value: Any) -> list[Any]:
    return [_json(getattr(value, field.name)) for field in fields(value)]


def _json(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [_json(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _json(item) for key, item in value.items()}
    if hasattr(value, "__dataclass_fields__"):
        return _value(value)
    return _short(value)


def _short(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_short(item) for item in value]
    return _digest(value) if isinstance(value, str) and len(value) > 2 * _LONG else value


def _digest(value: Any) -> dict[str, Any]:
    text = json.dumps(value).encode()
    return {"length": len(value), "sha256": sha256(text).hexdigest()}


def _error(error: HugChatError) -> dict[str, Any]:
    """Return an error without its sentence: that may become a better one."""
    facts = ("status", "status_code", "partial", "phase", "retry_after")
    told = {name: _short(getattr(error, name, None)) for name in facts}
    known = {name: value for name, value in told.items() if value not in (None, "")}
    return {"class": type(error).__name__, **known}


def _without_id(shown: dict[str, Any], conversation_id: str) -> dict[str, Any]:
    text = json.dumps(shown, ensure_ascii=True).replace(conversation_id, "<conversation>")
    plain: dict[str, Any] = json.loads(text)
    return plain
