"""The verbs of HTTP as calls, each with the headers that it needs and the reader of its bad news.

``{origin}`` and ``{base}`` in a header are filled in by the transport.
"""

from __future__ import annotations

from typing import Any, Callable, Mapping, TypeVar
from urllib.parse import quote

from ..calls import Call, Reply, Request
from .errors import read_error, refusal

T = TypeVar("T")

#: Reading: anything else than this Accept makes errors, and whole endpoints, HTML pages.
READ: Mapping[str, str] = {"Accept": "application/json"}

#: Writing: until 2024-05 the server compares the Referer with its own address, since then the
#: Origin, so both are always sent.
WRITE: Mapping[str, str] = {**READ, "Origin": "{origin}", "Referer": "{base}/"}

#: A form must say so, even an empty one: without this header the server drops the body.
FORM: Mapping[str, str] = {**WRITE, "Content-Type": "application/x-www-form-urlencoded"}

#: A proxy that compresses an answer would hold its tokens back.
_AT_ONCE = {"Accept-Encoding": "identity"}

#: The log of a run: the server answers this path with a page unless JSON is accepted as well.
_LOG = {"Accept": "text/event-stream, application/json", **_AT_ONCE}


def in_path(name: str) -> str:
    """Return *name* as one step of a path: an id never leaves its place."""
    return quote(name, safe="")


def get(path: str, read: Callable[[Reply], T], **more: Any) -> Call[T]:
    """Return a call that changes nothing."""
    more.setdefault("error", refusal)
    return Call(Request("GET", path, headers=READ, repeatable=True, **more), read)


def post(path: str, read: Callable[[Reply], T], **more: Any) -> Call[T]:
    """Return a call that changes something; unless it is ``repeatable``, it is never sent twice."""
    more = {"headers": WRITE, "error": refusal, **more}
    return Call(Request("POST", path, **more), read)


def patch(path: str, read: Callable[[Reply], T], **more: Any) -> Call[T]:
    """Return a call that replaces a part of something, which twice is once."""
    more.setdefault("error", refusal)
    return Call(Request("PATCH", path, headers=WRITE, repeatable=True, **more), read)


def delete(path: str, read: Callable[[Reply], T], **more: Any) -> Call[T]:
    """Return a call that removes something, which twice is once."""
    more.setdefault("error", refusal)
    return Call(Request("DELETE", path, headers=WRITE, repeatable=True, **more), read)


def message_to(conversation_id: str, **more: Any) -> Request:
    """Return the request that sends a message; its reply is a stream."""
    more = {"headers": {**WRITE, **_AT_ONCE}, "error": read_error, **more}
    return Request("POST", f"/conversation/{in_path(conversation_id)}", **more)


def log_of(conversation_id: str, **more: Any) -> Request:
    """Return the request for the log of a run; its reply is a stream."""
    path = f"/conversation/{in_path(conversation_id)}/stream"
    return Request("GET", path, headers=_LOG, repeatable=True, error=read_error, **more)


def search_in(conversation_id: str, **more: Any) -> Request:
    """Return the request for a web search before a message; its reply is a stream."""
    path = f"/conversation/{in_path(conversation_id)}/web-search"
    return Request("GET", path, headers={**READ, **_AT_ONCE}, error=read_error, **more)
