"""Replies of a server that shows pages to browsers and JSON to programs."""

from __future__ import annotations

import json
import math
import re
from html import escape
from typing import Any, Mapping

from flask import Response, request

from hugchat_sync.local.wire import compact

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title></head>
<body><h1>{title}</h1><p>{text}</p></body></html>
"""


class ApiError(Exception):
    """Raised to answer with a status and a sentence; the general sentence when it is empty."""

    def __init__(self, status: int, message: str = "") -> None:
        super().__init__(message or f"status {status}")
        self.status = status
        self.message = message


class HookError(Exception):
    """Raised before any route is asked: not signed in, or sent from elsewhere."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


def json_reply(value: object, status: int = 200, chunked: bool = True) -> Response:
    """Return a JSON answer; that server never compresses (lc34)."""
    body = compact(value).encode()
    return Response(iter((body,)) if chunked else body, status, content_type="application/json")


def empty_reply(status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return an answer without body and without a type."""
    reply = Response(iter(()), status, dict(headers or {}))
    del reply.headers["Content-Type"]
    return reply


def text_reply(text: str, status: int, content_type: str | None = None) -> Response:
    """Return a bare sentence; without a type when none is given."""
    body = text.encode("utf-8")
    reply = Response(iter((body,)) if content_type else body, status, content_type=content_type)
    if content_type is None:
        del reply.headers["Content-Type"]
    return reply


def page_reply(title: str, text: str = "", status: int = 200) -> Response:
    """Return a small HTML page where the real server shows its web page."""
    body = _PAGE.format(title=escape(title), text=escape(text))
    return Response(body, status, content_type="text/html")


def hook_reply(error: HookError) -> Response:
    """Return a refusal of the request hook: JSON if Accept or Content-Type speaks of JSON.

    Source: chat-ui a3b58941c, measured (lk03 to lk05).
    """
    asked = request.headers.get("Accept", "") + request.headers.get("Content-Type", "")
    if "application/json" in asked:
        return json_reply({"error": error.message}, error.status)
    return text_reply(error.message, error.status, "text/plain")


def wants_page(without_accept: bool) -> bool:
    """Return whether this request would rather have HTML than JSON.

    :param without_accept: the answer for a request without an Accept header.
    """
    if "Accept" not in request.headers:
        return without_accept
    ranks = [_rank(kind) for kind in ("application/json", "text/html")]
    return ranks[1] < ranks[0] or ranks[0] == math.inf


def _rank(kind: str) -> float:
    """Return the place of a type among those accepted: by quality, then as they are listed.

    Source: chat-ui a3b58941c, measured (li36, li37).
    """
    accepted = []
    for entry in request.headers["Accept"].split(","):
        name, _, options = entry.strip().partition(";")
        quality = re.search(r"q=([0-9.]+)", options)
        accepted.append((-float(quality.group(1)) if quality else -1.0, name.strip().lower()))
    names = [name for _, name in sorted(accepted, key=lambda entry: entry[0])]
    fitting = (kind, kind.split("/", 1)[0] + "/*", "*/*")
    return next((place for place, name in enumerate(names) if name in fitting), math.inf)


def is_form() -> bool:
    """Return whether the body is of a type that an HTML form could send."""
    forms = ("multipart/form-data", "application/x-www-form-urlencoded", "text/plain")
    return request.mimetype in forms


def json_body() -> dict[str, Any]:
    """Return the body, a JSON object.

    :raises ApiError: 500; without a content type the body is lost (lb17, lc33).
    """
    if not request.headers.get("Content-Type"):
        raise ApiError(500)
    try:
        value = json.loads(request.get_data())
    except ValueError as error:
        raise ApiError(500) from error
    if not isinstance(value, dict):
        raise ApiError(500)
    return value
