"""The address of a server: which one is meant, and whether it can be used."""

from __future__ import annotations

import os
from ipaddress import ip_address
from urllib.parse import urlsplit

from .errors import UsageError

DEFAULT_BASE_URL = "https://huggingface.co/chat"


def checked_base_url(base_url: str | None, *, allow_insecure: bool = False) -> str:
    """Return the base URL to use, without a slash at its end.

    :raises UsageError: it is no address, or would send credentials in clear over a network.
    """
    url = (base_url or os.environ.get("HUGCHAT_SYNC_BASE_URL") or DEFAULT_BASE_URL).rstrip("/")
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError("the base URL must look like https://host/chat")
    if parts.username is not None or parts.password is not None:
        raise UsageError("the base URL must not hold a user name or a password")
    if parts.scheme == "http" and not allow_insecure and not is_loopback(url):
        raise UsageError(
            f"{url} is plain http: cookies would travel readable by anyone on the way; "
            "use https, or pass allow_insecure=True"
        )
    return url


def is_loopback(url: str) -> bool:
    """Return whether *url* leads to this very machine."""
    host = (urlsplit(url).hostname or "").lower()
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:  # a name: who knows where it leads
        return False
