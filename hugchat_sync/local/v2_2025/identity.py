"""Who is asking, and whether they may.

Source: chat-ui c100c162, measured 2026-08 (b08 to b12, g01 to g05, p03 to p15, q00 to q22).
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from urllib.parse import quote, urlsplit
from uuid import uuid4

from flask import Response, g, request

from ..app import ApiError, Site, owner_of

_FORMS = ("multipart/form-data", "application/x-www-form-urlencoded", "text/plain")
_OPEN = ("/healthcheck", "/conversation/", "/api", "/documents/")


@dataclass(frozen=True)
class Identity:
    """The session of one request: the name of its data, and the cookie that a POST hands out."""

    owner: str
    cookie: str
    signed_in: bool


def identity() -> Identity:
    """Return the session of the present request."""
    found: Identity = g.identity
    return found


def admit(site: Site) -> Response | None:
    """Find out who asks; return an answer instead of the route's when they may not.

    :raises ApiError: refused, a wrong token, or an Origin that is no address.
    """
    inner = request.path[len(site.base_path) :] or "/"
    g.identity = _identify(site.token, inner)
    if request.method == "POST" and request.mimetype in _FORMS:
        origin = request.headers.get("Origin")
        host = None if origin is None else urlsplit(origin).netloc
        if host == "":
            raise ApiError(500)
        if host is None:
            sentence = "Non-JSON form requests need to have an origin"
            raise ApiError(403, sentence, from_hook=True)
        if host != request.host:
            raise ApiError(403, "Invalid referer for POST request", from_hook=True)
    if site.token is not None and not g.identity.signed_in:
        if not inner.startswith(_OPEN):
            g.cookie_due = request.method == "POST"
            back = quote(f"{site.url}/login/callback", safe="")
            where = f"/oauth/authorize?client_id=local&response_type=code&redirect_uri={back}"
            headers = {"Location": request.host_url.rstrip("/") + where}
            return Response(iter(()), 302, headers)
        if request.method not in ("GET", "HEAD", "OPTIONS"):
            raise ApiError(401, "You have to be logged in.", from_hook=True)
    g.cookie_due = request.method == "POST"
    return None


def hand_out_cookie(reply: Response) -> Response:
    """Put the session cookie on the answer, as every POST that passed the hook does."""
    if g.get("cookie_due"):
        weeks = 14 * 24 * 3600
        reply.set_cookie("hf-chat", identity().cookie, weeks, httponly=True, samesite="Lax")
    return reply


def _identify(token: str | None, inner: str) -> Identity:
    cookie = request.cookies.get("hf-chat")
    # The cookie wins, even that of nobody, and outside /api/ a token is not looked at.
    if cookie is None and token is not None and inner.startswith("/api/"):
        kind, _, bearer = request.headers.get("Authorization", "").partition(" ")
        if kind == "Bearer" and bearer:
            if not _same(bearer, token):
                raise ApiError(500)
            return Identity(owner_of(bearer), owner_of(bearer), True)
    value = cookie or str(uuid4())
    return Identity(owner_of(value), value, bool(token and cookie and _same(cookie, token)))


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode("utf-8"), other.encode("utf-8"))
