"""Who is asking, and whether they may.

Source: chat-ui c100c162, measured 2026-08 (b08 to b12, g01 to g05, p03 to p15, q00 to q22).
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from flask import Response, g, request

from hugchat_sync.local.identifiers import new_uuid, owner_of
from hugchat_sync.local.replies import (
    ApiError,
    HookError,
    empty_reply,
    is_form,
    json_reply,
    wants_page,
)
from hugchat_sync.local.site import Site

_COOKIE = "hf-chat"
_TWO_WEEKS = 14 * 24 * 3600
_OPEN = ("/login", "/healthcheck", "/r/", "/conversation/", "/models/", "/api", "/documents/")


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

    :raises HookError: refused.
    :raises ApiError: a wrong token, or an Origin that is no address.
    """
    g.identity = _identify(site)
    if request.method == "POST" and is_form():
        _check_origin()
    if site.token is not None and not g.identity.signed_in:
        away = _turn_away(site)
        if away is not None:
            return away
    g.cookie_due = request.method == "POST" or _inner_path(site).startswith("/login")
    return None


def hand_out_cookie(reply: Response) -> None:
    """Put the session cookie on the answer, as every POST that passed the hook does."""
    if g.get("cookie_due"):
        reply.set_cookie(
            _COOKIE, g.identity.cookie, max_age=_TWO_WEEKS, httponly=True, samesite="Lax"
        )


def _inner_path(site: Site) -> str:
    return request.path[len(site.base_path) :] or "/"


def _identify(site: Site) -> Identity:
    cookie = request.cookies.get(_COOKIE)
    shown = request.headers.get("Authorization", "")
    # The cookie wins, even that of nobody, and outside /api/ a token is not looked at.
    if cookie is None and site.token is not None and _inner_path(site).startswith("/api/"):
        bearer = shown[len("Bearer ") :] if shown.startswith("Bearer ") else ""
        if bearer:
            if not _same(bearer, site.token):
                raise ApiError(500)
            return Identity(owner_of(bearer), owner_of(bearer), True)
    value = cookie or new_uuid()
    signed_in = site.token is not None and cookie is not None and _same(cookie, site.token)
    return Identity(owner_of(value), value, signed_in)


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode("utf-8"), other.encode("utf-8"))


def _check_origin() -> None:
    origin = request.headers.get("Origin")
    if origin is None:
        raise HookError(403, "Non-JSON form requests need to have an origin")
    host = urlsplit(origin).netloc
    if not host:
        raise ApiError(500)
    if host != request.host:
        raise HookError(403, "Invalid referer for POST request")


def _turn_away(site: Site) -> Response | None:
    inner = _inner_path(site)
    if inner != "/" and not inner.startswith(_OPEN):
        return _to_sign_in(site, inner)
    if request.method not in ("GET", "HEAD", "OPTIONS") and not inner.startswith("/login"):
        raise HookError(401, "You have to be logged in.")
    return None


def _to_sign_in(site: Site, inner: str) -> Response:
    g.cookie_due = request.method == "POST"
    origin = request.host_url.rstrip("/")
    back = quote(f"{origin}{site.base_path}/login/callback", safe="")
    location = f"{origin}/oauth/authorize?client_id=local&response_type=code&redirect_uri={back}"
    if inner == "/settings" and request.method == "POST" and not wants_page(False):
        redirect = {"type": "redirect", "status": 302, "location": location}
        return json_reply(redirect, chunked=False)
    return empty_reply(302, {"Location": location})
