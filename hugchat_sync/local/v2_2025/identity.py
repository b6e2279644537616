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

_COOKIE = "hf-chat"
_TWO_WEEKS = 14 * 24 * 3600
_FORMS = ("multipart/form-data", "application/x-www-form-urlencoded", "text/plain")
_OPEN = ("/healthcheck", "/conversation/", "/api", "/documents/")


@dataclass(frozen=True)
class Identity:
    """The session of one request.

    :param owner: under which name its data are stored.
    :param cookie: the value that a POST hands out.
    :param signed_in: the access token was shown.
    """

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
    posted = request.method == "POST"
    if posted and request.mimetype in _FORMS:
        _check_origin()
    g.cookie_due = posted
    if site.token is None or g.identity.signed_in:
        return None
    if inner != "/" and not inner.startswith(_OPEN):
        origin = request.host_url.rstrip("/")
        back = quote(f"{site.url}/login/callback", safe="")
        where = f"/oauth/authorize?client_id=local&response_type=code&redirect_uri={back}"
        return Response(iter(()), 302, {"Location": origin + where})
    if request.method not in ("GET", "HEAD", "OPTIONS"):
        g.cookie_due = False
        raise ApiError(401, "You have to be logged in.", from_hook=True)
    return None


def hand_out_cookie(reply: Response) -> None:
    """Put the session cookie on the answer, as every POST that passed the hook does."""
    if g.get("cookie_due"):
        reply.set_cookie(
            _COOKIE, g.identity.cookie, max_age=_TWO_WEEKS, httponly=True, samesite="Lax"
        )


def _identify(token: str | None, inner: str) -> Identity:
    cookie = request.cookies.get(_COOKIE)
    shown = request.headers.get("Authorization", "")
    # The cookie wins, even that of nobody, and outside /api/ a token is not looked at.
    if cookie is None and token is not None and inner.startswith("/api/"):
        bearer = shown[len("Bearer ") :] if shown.startswith("Bearer ") else ""
        if bearer:
            if not _same(bearer, token):
                raise ApiError(500)
            return Identity(owner_of(bearer), owner_of(bearer), True)
    value = cookie or str(uuid4())
    signed_in = token is not None and cookie is not None and _same(cookie, token)
    return Identity(owner_of(value), value, signed_in)


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode("utf-8"), other.encode("utf-8"))


def _check_origin() -> None:
    origin = request.headers.get("Origin")
    if origin is None:
        raise ApiError(403, "Non-JSON form requests need to have an origin", from_hook=True)
    host = urlsplit(origin).netloc
    if not host:
        raise ApiError(500)
    if host != request.host:
        raise ApiError(403, "Invalid referer for POST request", from_hook=True)
