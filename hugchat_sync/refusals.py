"""Refusals that hide: behind a redirect, a page, or a good status."""

from __future__ import annotations

from urllib.parse import urljoin, urlsplit

from .calls import Reply
from .errors import AuthError, HugChatError, ProtocolError, UsageError

REDIRECTS = (301, 302, 303, 307, 308)
_SHOWN = 200  # characters of a page that an error carries


def redirected(base_url: str, reply: Reply) -> HugChatError:
    """Return the error of a redirect, which is never followed."""
    target = urljoin(reply.url or base_url, reply.headers.get("location", ""))
    host = urlsplit(target).netloc or "?"
    if reply.status in (301, 308):
        return UsageError(f"the server has moved to {host}: use that address as base_url")
    return AuthError(
        f"the server sent us to sign in at {host}: sign in, or pass cookies",
        status=reply.status,
        url=reply.url,
    )


def page_instead(reply: Reply) -> HugChatError:
    """Return the error of a page where an answer was asked for."""
    return ProtocolError(
        "expected an answer, got an HTML page; is the base URL right, or does a gateway want "
        "something first?",
        line=reply.text[:_SHOWN],
        url=reply.url,
    )


def kind_of(content_type: str | None) -> str:
    """Return a media type without its parameters, lower case."""
    return (content_type or "").partition(";")[0].strip().lower()
