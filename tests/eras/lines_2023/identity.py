"""Who is asking, and whether they may.

Source: chat-ui a3b58941c, measured (la01, lb11 to lb19, lc31, li10 to li14, lk03 to lk12).
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from urllib.parse import urlsplit
from uuid import uuid4

from flask import Response, g, request

from hugchat_sync.local.app import Site, owner_of

from .replies import ApiError, HookError, is_form

_COOKIE = "hf-chat"
_ONE_YEAR = 365 * 24 * 3600


@dataclass(frozen=True)
class Identity:
    """The session of one request; any value a client makes up is one."""

    owner: str
    cookie: str
    signed_in: bool


def identity() -> Identity:
    """Return the session of the present request."""
    found: Identity = g.identity
    return found


def admit(site: Site) -> None:
    """Find out who asks.

    :raises HookError: refused.
    :raises ApiError: a Referer that is no address.
    """
    value = request.cookies.get(_COOKIE) or str(uuid4())
    signed_in = site.token is not None and hmac.compare_digest(
        value.encode("utf-8"), site.token.encode("utf-8")
    )
    g.identity = Identity(owner_of(value), value, signed_in)
    if request.method == "POST" and is_form():
        _check_referer()
    inner = request.path[len(site.base_path) :]
    public = site.token is None or signed_in or inner.startswith("/login")
    if not public and request.method not in ("GET", "HEAD", "OPTIONS"):
        raise HookError(401, "You have to be logged in.")
    g.cookie_due = True


def _check_referer() -> None:
    referer = request.headers.get("Referer")
    if not referer:
        raise HookError(403, "Non-JSON form requests need to have a referer")
    parts = urlsplit(referer)
    if not parts.scheme or not parts.netloc:
        raise ApiError(500)
    if f"{parts.scheme}://{parts.netloc}" != request.host_url.rstrip("/"):
        raise HookError(403, "Invalid referer for POST request")


def hand_out_cookie(reply: Response) -> None:
    """Put the session cookie on every answer that a route gave.

    The real one is marked ``Secure``; on plain loopback no client would send it back, so that
    mark is left out here.
    """
    if g.get("cookie_due") and reply.status_code != 308:
        reply.set_cookie(
            _COOKIE, g.identity.cookie, max_age=_ONE_YEAR, httponly=True, samesite="Lax"
        )
