"""The verbs of HTTP as calls, each with the headers that it needs and the reader of its errors.

``{origin}`` and ``{base}`` in a header are filled in by the transport. A good reply is read here,
and passes nothing that asks what a bad one is.
"""

from __future__ import annotations

from typing import Any, Callable, Mapping, TypeVar
from urllib.parse import quote

from ..calls import Call, Reply, Request
from ..errors import HugChatError, ProtocolError
from .errors import GUARDS, find_interception, is_page, read_error, refuse_redirect, unexpected_page
from .wire import read_json, superjson

T = TypeVar("T")

#: Reading: anything else than this Accept makes errors, and whole endpoints, HTML pages.
READ: Mapping[str, str] = {"Accept": "application/json"}

#: Writing: until 2024-05 the server compares the Referer with its own address, since then the
#: Origin, so both are always sent.
WRITE: Mapping[str, str] = {**READ, "Origin": "{origin}", "Referer": "{base}/"}

#: A proxy that compresses an answer would hold its tokens back.
AT_ONCE: Mapping[str, str] = {"Accept-Encoding": "identity"}

#: behind the path of a page: what the page is made of, as data
PAGE_DATA = "/__data.json"


def in_path(name: str) -> str:
    """Return *name* as one step of a path: an id never leaves its place."""
    return quote(name, safe="", errors="replace")  # half a character is in no id


def path_of(conversation_id: str, more: str = "") -> str:
    """Return the path of a conversation, or of something below it."""
    return f"/conversation/{in_path(conversation_id)}{more}"


def find_error(reply: Reply) -> HugChatError | None:
    """Return the error of a complete reply whose head says that it failed; ``None`` for a good one.

    A page with a good status is none: some routes send pages, and who reads the reply knows.
    """
    if reply.status == 200 and GUARDS.isdisjoint(reply.headers):
        return None
    return find_interception(reply) if 200 <= reply.status < 300 else read_error(reply)


def error_unless(is_answer: Callable[[Reply], bool]) -> Callable[[Reply], HugChatError | None]:
    """Return what makes the errors of a request to which some bad statuses are answers."""

    def error(reply: Reply) -> HugChatError | None:
        problem = find_error(reply)
        is_servers = problem is not None and find_interception(reply) is None
        return None if is_servers and is_answer(reply) else problem

    return error


def get(path: str, read: Callable[[Reply], T], **more: Any) -> Call[T]:
    """Return a call that changes nothing."""
    more = {"headers": READ, "error": find_error, **more}
    return Call(Request("GET", path, repeatable=True, **more), read)


def post(path: str, read: Callable[[Reply], T], **more: Any) -> Call[T]:
    """Return a call that changes something; unless it is ``repeatable``, it is never sent twice."""
    more = {"headers": WRITE, "error": find_error, **more}
    return Call(Request("POST", path, **more), read)


def patch(path: str, read: Callable[[Reply], T], **more: Any) -> Call[T]:
    """Return a call that replaces a part of something, which twice is once."""
    more = {"headers": WRITE, "error": find_error, **more}
    return Call(Request("PATCH", path, repeatable=True, **more), read)


def delete(path: str, read: Callable[[Reply], T], **more: Any) -> Call[T]:
    """Return a call that removes something, which twice is once."""
    more = {"headers": WRITE, "error": find_error, **more}
    return Call(Request("DELETE", path, repeatable=True, **more), read)


def message_to(conversation_id: str, **more: Any) -> Request:
    """Return the request that sends a message; its reply is a stream."""
    more = {"headers": {**WRITE, **AT_ONCE}, "error": read_error, **more}
    return Request("POST", path_of(conversation_id), **more)


def read_value(reply: Reply) -> Any:
    """Return the value of a good reply's JSON body.

    :raises AuthError: it is the redirect that stands for "sign in".
    :raises ProtocolError: it is something else than JSON.
    """
    try:
        value = read_json(reply.body, reply.url)
    except ProtocolError:
        if not is_page(reply):
            raise
    else:
        if isinstance(value, dict) and value.get("type") == "redirect":
            refuse_redirect(value, reply.url)
        return value
    raise unexpected_page(reply, "JSON")


def read_superjson(reply: Reply) -> Any:
    """Return the plain value of a good reply's superjson body.

    :raises AuthError: it is the redirect that stands for "sign in".
    :raises ProtocolError: it is something else.
    """
    return superjson(read_value(reply))


def read_nothing(reply: Reply) -> None:
    """Read a reply which only says that all is well; its body may be empty.

    :raises AuthError: it is the redirect that stands for "sign in".
    :raises ProtocolError: it is a page: the request never reached its endpoint.
    """
    if is_page(reply):
        raise unexpected_page(reply, "an empty reply")
    if reply.body.lstrip().startswith(b"{"):
        read_value(reply)
