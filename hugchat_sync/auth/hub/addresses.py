"""Where replies lead to, and whose address that is."""

from __future__ import annotations

import json
from urllib.parse import parse_qs, urljoin, urlsplit

from requests.cookies import RequestsCookieJar

from ...calls import Reply

REDIRECTS = (301, 302, 303, 307, 308)

_USUAL_PORTS = {"http": 80, "https": 443}


def origin_of(url: str) -> str:
    """Return scheme, host and port of a URL in one spelling; ``""`` when it is no http URL."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:  # brackets or a port that are none
        return ""
    if parts.scheme not in _USUAL_PORTS or not host:
        return ""
    shown = f":{port}" if port and port != _USUAL_PORTS[parts.scheme] else ""
    return f"{parts.scheme}://[{host}]{shown}" if ":" in host else f"{parts.scheme}://{host}{shown}"


def path_of(url: str) -> str:
    """Return path and query of a URL."""
    parts = urlsplit(url)
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def is_redirect(reply: Reply) -> bool:
    """Return whether a reply leads elsewhere by its status."""
    return reply.status in REDIRECTS and bool(reply.headers.get("location"))


def target_of(reply: Reply) -> str:
    """Return where a reply leads to, by its status or inside of JSON; ``""`` for nowhere."""
    location = ""
    if is_redirect(reply):
        location = reply.headers["location"]
    elif reply.status == 200 and reply.content_type == "application/json":
        try:
            value = json.loads(reply.text)
        except (ValueError, RecursionError):  # then it is no redirect
            return ""
        if isinstance(value, dict) and isinstance(value.get("location"), str):
            location = value["location"]
    try:
        target = urljoin(reply.url, location) if location else ""
    except ValueError:  # brackets that are none
        return ""
    return target if origin_of(target) else ""


def is_authorize(url: str) -> bool:
    """Return whether this is the address of an identity provider (RFC 6749, 4.1.1)."""
    return "client_id" in parse_qs(urlsplit(url).query)


def is_callback(url: str, base_url: str) -> bool:
    """Return whether this is where the chat server awaits the hub's word (RFC 6749, 4.1.2)."""
    query = parse_qs(urlsplit(url).query)
    arrives = "state" in query and ("code" in query or "error" in query)
    return arrives and origin_of(url) == origin_of(base_url)


def without(jar: RequestsCookieJar, *names: str) -> RequestsCookieJar:
    """Return the jar, rid of the cookies of these names."""
    unwanted = [cookie for cookie in iter(jar) if cookie.name in names]
    for cookie in unwanted:
        jar.clear(cookie.domain, cookie.path, cookie.name)
    return jar
