"""Ending a session, which is alike in all eras."""

from __future__ import annotations

from urllib.parse import urljoin, urlsplit

from ..calls import Call, Reply, Request, no_error
from .errors import REDIRECTS, intercepted, is_page, is_sign_in, read_error, read_nothing
from .fields import text_of
from .headers import WRITE
from .wire import read_json

_PATH = "/logout"


def sign_out() -> Call[bool]:
    """Describe ending the session; reads as whether there was one to end.

    Source: POST /logout: 200 with the redirect to the start page as JSON (chat-ui 2023-10 …
    2024-12), 302 there (2025-07 … 2026-08); for nobody 401, or the way to the sign-in (measured).
    The servers of 2023 and 2024 end nothing but the cookie.
    """
    request = Request("POST", _PATH, form=(), headers=WRITE, error=no_error)
    return Call(request, _read)


def _read(reply: Reply) -> bool:
    target = urljoin(reply.url, _location(reply)) if _location(reply) else ""
    if reply.status == 401 or (target and is_sign_in(target)):
        return False
    base_url = reply.url.partition("?")[0][: -len(_PATH)]
    leads_on = urlsplit(target).path.endswith(_PATH) or not target.startswith(base_url)
    problem = intercepted(reply) if leads_on or not target else None
    if problem is not None:
        raise problem
    if not target and not 200 <= reply.status < 300:
        raise read_error(reply)
    if not target:
        read_nothing(reply)
    return True


def _location(reply: Reply) -> str:
    """Return where a reply leads to, by its status or inside of JSON."""
    if reply.status in REDIRECTS:
        return reply.headers.get("location", "")
    if reply.status != 200 or is_page(reply) or not reply.body.strip():
        return ""
    return text_of(read_json(reply.body, reply.url), "location")
