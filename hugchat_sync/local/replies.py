"""Answers in the shapes that both eras have in common."""

from __future__ import annotations

import gzip
import math
import re
from typing import Mapping

from flask import Response, current_app, request

from hugchat_sync.local.jsontext import compact_bytes

COMPRESSES = "HUGCHAT_SYNC_COMPRESSES"
_SMALLEST_COMPRESSED = 1024
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title></head>
<body><h1>{title}</h1><p>{text}</p></body></html>
"""


class ApiError(Exception):
    """Raised by a route to answer with a status and a sentence.

    :param status: the HTTP status.
    :param message: the sentence; the era's general one when empty.
    """

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
    """Return a JSON answer: chunked as the real server does it, compressed when asked for.

    Source: chat-ui c100c162, measured 2026-08: gzip when offered, bodies over 1 KiB only;
    a3b58941c never compresses (lc34).
    """
    body = compact_bytes(value)
    headers = {}
    offered = "gzip" in request.headers.get("Accept-Encoding", "")
    if offered and current_app.config.get(COMPRESSES) and len(body) > _SMALLEST_COMPRESSED:
        body = gzip.compress(body, 6)
        headers["Content-Encoding"] = "gzip"
    return Response(
        iter((body,)) if chunked else body, status, headers, content_type="application/json"
    )


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
    body = _PAGE.format(title=_escaped(title), text=_escaped(text))
    return Response(body, status, content_type="text/html")


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def hook_reply(error: HookError) -> Response:
    """Return a refusal of the request hook: JSON if Accept or Content-Type speaks of JSON.

    Source: chat-ui c100c162 and a3b58941c, measured (g01, g02, lk03 to lk05).
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
    return request.mimetype in (
        "multipart/form-data",
        "application/x-www-form-urlencoded",
        "text/plain",
    )
